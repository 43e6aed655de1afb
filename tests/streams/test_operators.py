"""Marble tests: each combinator as an ordinary reactivex operator, second by second."""

from functools import partial

import pytest
import reactivex as rx
from reactivex import operators as ops
from reactivex.scheduler import HistoricalScheduler
from reactivex.testing import TestScheduler

import reactive_dag as rd
import reactive_dag.operators as rops
from reactive_dag.model.errors import InvalidValue
from reactive_dag.model.times import SECOND, to_datetime
from reactive_dag.streams.scheduler import VirtualScheduler
from tests.support.marbles import START, Film, cold, flow, hot

# ------------------------------------------------------------------------------------------------- windows


def test_batch_by_count():
    assert flow("ab-cd-e---", rops.batch(count=2)) == "1:ab 4:cd"


def test_batch_flushes_what_is_open_at_completion():
    assert flow("ab-c-|", rops.batch(count=2)) == "1:ab 5:c 5:|"
    assert flow("ab-|", rops.batch(count=2)) == "1:ab 3:|"


def test_T5_a_batch_window_opens_with_its_first_item_and_closes_exactly_then():
    assert flow("-a--b-----c", rops.batch(max_wait="5s")) == "6:ab 15:c"


def test_T5_what_arrives_at_the_closing_instant_opens_the_next_window():
    assert flow("a----b", rops.batch(max_wait="5s")) == "5:a 10:b"


def test_batch_by_count_or_wait():
    assert flow("abc-d", rops.batch(count=3, max_wait="5s")) == "2:abc 9:d"


def test_T5_no_empty_batch_and_no_timer_while_nothing_is_held():
    scheduler = VirtualScheduler(START)
    film = Film(hot("ab", scheduler).pipe(rops.batch(count=2, max_wait="5s")), scheduler)
    scheduler.advance("2s")
    assert (str(film), scheduler.pending) == ("1:ab", 0)


def test_debounce_keeps_all_that_came():
    assert flow("abc---d", rops.debounce("2s")) == "4:abc 8:d"


def test_debounce_max_wait_counts_from_the_first():
    assert flow("abcdefgh", rops.debounce("2s", max_wait="4s")) == "4:abcd 8:efgh"


def test_debounce_flushes_at_completion():
    assert flow("ab|", rops.debounce("2s")) == "2:ab 2:|"


def test_throttle_first_at_once_the_rest_when_the_period_ends():
    assert flow("abc-------d", rops.throttle("5s")) == "0:a 5:bc 10:d"


def test_T5_an_item_at_the_end_of_a_period_waits_in_the_next():
    assert flow("ab---c", rops.throttle("5s")) == "0:a 5:b 10:c"


def test_throttle_a_period_with_nothing_just_ends():
    assert flow("a-----b", rops.throttle("5s")) == "0:a 6:b"


def test_throttle_flushes_at_completion():
    assert flow("ab|", rops.throttle("5s")) == "0:a 2:b 2:|"


# --------------------------------------------------------------------------------------------------- joins


def test_T2_all_of_fires_at_the_item_that_makes_the_last_part_non_empty():
    assert flow("a-b---c", rops.all_of, "---x-----y") == "3:ab/x 9:c/y"


def test_T2_b_a_b_a_gives_two_firings():
    assert flow("-a-b", rops.all_of, "x-y-") == "1:a/x 3:b/y"


def test_all_of_three():
    assert flow("a--d", rops.all_of, "-b--e", "--c--f") == "2:a/b/c 5:d/e/f"


def test_all_of_consume_latest():
    assert flow("abc", partial(rops.all_of, consume="latest"), "---xy-z") == "3:c/x"


def test_all_of_consume_each_like_zip():
    assert flow("abc|", partial(rops.all_of, consume="each"), "---x-yz") == "3:a/x 5:b/y 6:c/z 6:|"


def test_T6_all_of_within_drops_what_is_too_old():
    gone = []
    joined = partial(rops.all_of, within="3s", on_drop=lambda *drop: gone.append(drop))
    assert flow("a-b", joined, "----x") == "4:b/x"
    assert gone == [("outside_window", "a")]


def test_all_of_completes_when_it_can_emit_no_more():
    assert flow("a|", rops.all_of, "---x-y|") == "3:a/x 3:|"
    assert flow("|", rops.all_of, "---x-y|") == "0:|"
    assert flow("a-|", rops.all_of, "-x-y|") == "1:a/x 2:|"


def test_it_completes_when_the_last_item_of_an_ended_source_is_dropped():
    soon = partial(rops.all_of, within="3s")
    assert flow("a|", soon, "---x----y-|") == "3:a/x 3:|"
    assert flow("a|", soon, "-----x-y|") == "5:|"


def test_a_join_that_is_not_whole_is_no_firing_at_completion():
    assert flow("ab-|", rops.all_of, "-----|") == "5:|"


def test_all_of_alone():
    assert flow("ab|", rops.all_of()) == "0:a 1:b 2:|"


def two_of(*others):
    return rops.at_least(2, *others)


def test_T4_at_least():
    assert flow("ab-----", two_of, "---x---", "-----yy-") == "3:ab/x/"
    assert flow("a------", two_of, "---x--z", "-----y--") == "3:a/x/ 6:/z/y"


def test_at_least_completes_when_too_few_are_left():
    assert flow("|", two_of, "-x-|", "---y-z-") == "3:/x/y 3:|"


def test_T4_sequence_stages_open_one_after_the_other():
    assert flow("-a-b---", rops.sequence, "x-y---z", "---p-q-") == "3:ab/y/p"
    assert flow("-a-b---", rops.sequence, "--y---z", "-----q-") == "5:ab/y/q"


def test_T4_sequence_filters_what_comes_too_early():
    gone = []
    ordered = partial(rops.sequence, on_drop=lambda *drop: gone.append(drop))
    assert flow("-ab-c", ordered, "x--y-z") == "3:ab/y 5:c/z"
    assert gone == [("filtered", "x")]


def test_sequence_completes_when_a_stage_can_get_nothing():
    assert flow("a|", rops.sequence, "--x-y-") == "2:a/x 2:|"


# ------------------------------------------------------------------------------------------------- silence


def test_T9_absent_is_armed_by_the_subscription_and_by_each_item():
    assert flow("-----", rops.absent("3s")) == "3:_"
    assert flow("-a-b", rops.absent("3s")) == "6:b"


def test_T9_absent_fires_once_per_silence():
    assert flow("a---------b", rops.absent("3s")) == "3:a 13:b"


def test_T9_absent_after_is_armed_by_the_other_and_disarmed_by_an_item():
    after = partial(rops.absent, "3s")
    assert flow("--a", after, "-x---y") == "8:y"
    assert flow("-----", after, "------") == ""


def test_absent_at_completion_claims_no_silence():
    assert flow("a-|", rops.absent("3s")) == "2:|"


def test_absent_tells_empty_items_from_none():
    scheduler, seen = VirtualScheduler(START), []
    source = rx.Subject()
    source.pipe(rops.absent("1s")).subscribe(seen.append, scheduler=scheduler)
    for item in ("", None, 0):
        source.on_next(item)
        scheduler.advance("1s")
    assert seen == ["", None, 0]


# ------------------------------------------------------------------------------------------- what they share

WINDOWS = [rops.batch(count=9, max_wait="5s"), rops.debounce("5s"), rops.throttle("5s"), rops.absent("5s")]
JOINS = [rops.all_of, two_of, rops.sequence]


@pytest.mark.parametrize("operator", WINDOWS, ids=repr)
def test_an_error_passes_on_at_once(operator):
    assert flow("a-#", operator).split()[-1] == "2:#"


@pytest.mark.parametrize("operator", JOINS)
def test_an_error_of_any_source_passes_on(operator):
    assert flow("--a-", operator, "-#") == "1:#"
    assert flow("-#", operator, "--a-") == "1:#"


@pytest.mark.parametrize("operator", [rops.batch(count=2), *WINDOWS], ids=repr)
def test_cold_sources_are_played_for_each_subscription(operator):
    scheduler = VirtualScheduler(START)
    observable = cold("ab--c|", scheduler).pipe(operator)
    films = [Film(observable, scheduler)]
    scheduler.advance("10s")
    films.append(Film(observable, scheduler))
    scheduler.advance("10s")
    early, late = ([text.split(":") for text in film.seen] for film in films)
    assert [(float(at) + 10, what) for at, what in early] == [(float(at), what) for at, what in late]
    assert early


@pytest.mark.parametrize("operator", WINDOWS, ids=repr)
def test_law_dispose_stops_everything_of_a_window(operator):
    scheduler = VirtualScheduler(START)
    source = rx.Subject()
    film = Film(source.pipe(operator), scheduler)
    source.on_next("a")
    source.on_next("b")
    before = list(film.seen)
    assert scheduler.pending == 1
    film.subscription.dispose()
    assert (scheduler.pending, source.observers) == (0, [])
    source.on_next("c")
    scheduler.advance("1h")
    assert film.seen == before


@pytest.mark.parametrize("operator", JOINS)
def test_law_dispose_stops_everything_of_a_join(operator):
    a, b, seen = rx.Subject(), rx.Subject(), []
    subscription = a.pipe(operator(b)).subscribe(seen.append)
    a.on_next(1)
    subscription.dispose()
    b.on_next(2)
    assert (seen, a.observers, b.observers) == ([], [], [])


def test_an_observer_may_dispose_in_the_middle():
    scheduler, seen = VirtualScheduler(START), []
    source = rx.Subject()
    source.pipe(rops.throttle("5s"), ops.take(1)).subscribe(seen.append, scheduler=scheduler)
    source.on_next("a")
    source.on_next("b")
    scheduler.advance("1h")
    assert (seen, scheduler.pending, source.observers) == ([["a"]], 0, [])


def test_the_scheduler_of_the_operator_goes_first():
    mine, other = VirtualScheduler(START), VirtualScheduler(START)
    seen, source = [], rx.Subject()
    source.pipe(rops.batch(max_wait="5s", scheduler=mine)).subscribe(seen.append, scheduler=other)
    source.on_next("a")
    other.advance("1h")
    assert seen == []
    mine.advance("1h")
    assert seen == [["a"]]


@pytest.mark.parametrize("make", [lambda: HistoricalScheduler(to_datetime(START)), TestScheduler])
def test_any_scheduler_of_reactivex_will_do(make):
    scheduler, seen, source = make(), [], rx.Subject()
    source.pipe(rops.batch(max_wait="5s")).subscribe(seen.append, scheduler=scheduler)
    source.pipe(rops.debounce("250ms")).subscribe(seen.append, scheduler=scheduler)
    scheduler.schedule_relative(1.0, lambda *_: source.on_next("a"))
    scheduler.schedule_relative(1.1, lambda *_: source.on_next("b"))
    scheduler.schedule_relative(6.5, lambda *_: source.on_next("c"))
    scheduler.advance_by(60.0)
    assert seen == [["a", "b"], ["a", "b"], ["c"], ["c"]]


def test_they_nest_in_a_pipe():
    piped = rx.compose(rops.batch(count=2), rops.debounce("3s"))
    assert flow("abcd-----efg|", piped) == "6:abcd 12:efg 12:|"


def test_they_print_as_the_expression_that_makes_them():
    assert repr(rops.batch(count=3, max_wait="10s")) == "rops.batch(count=3, max_wait='10s')"
    assert repr(rops.all_of(rx.never(), within="1h")) == "rops.all_of(…, within='1h')"
    assert repr(rops.absent("2h", after=rx.never())) == "rops.absent('2h', after=…)"


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: rops.batch(),
        lambda: rops.batch(count=0),
        lambda: rops.batch(count=2.5),
        lambda: rops.batch(max_wait=5),
        lambda: rops.batch(max_wait="0s"),
        lambda: rops.debounce("-1s"),
        lambda: rops.throttle("soon"),
        lambda: rops.absent("0s"),
        lambda: rops.all_of(consume="some"),
        lambda: rops.all_of(within=0),
        lambda: rops.at_least(0, rx.never()),
        lambda: rops.at_least(3, rx.never()),
    ],
)
def test_R15_nonsense_is_refused_when_it_is_written_down(wrong):
    with pytest.raises(InvalidValue):
        wrong()


def test_a_late_timer_steps_at_its_own_instant():
    """The window closed at 5 s, although nobody looked before 7 s: what came then is in the next one."""
    scheduler, seen = VirtualScheduler(START), []
    source = rx.Subject()
    source.pipe(rops.batch(max_wait="5s")).subscribe(seen.append, scheduler=scheduler)
    source.on_next("a")
    scheduler.clock.advance_to(START + 7 * SECOND)  # the clock moves, the timers do not run
    source.on_next("b")
    assert seen == [["a"]]
    scheduler.advance(to=START + 12 * SECOND - 1)
    assert seen == [["a"]]
    scheduler.advance(to=START + 12 * SECOND)
    assert seen == [["a"], ["b"]]


# ----------------------------------------------------------------------------------------- T16, T17


def test_T16_a_reset_drops_what_is_half_gathered_at_each_tick():
    dropped = []
    counted = rops.batch(count=3, on_drop=lambda *drop: dropped.append(drop))
    assert flow("ab--------cde", rops.reset(counted, at=rd.every("5s"))) == "12:cde"
    assert dropped == [("reset", "a"), ("reset", "b")]
    assert flow("a----b", rops.reset(rops.batch(max_wait="5s"), at=rd.every("5s"))) == "5:a 10:b"


def test_T16_a_reset_of_a_join_and_of_keys():
    assert flow("a-----a", lambda other: rops.reset(rops.all_of(other), at=rd.every("5s")), "------b") == "6:a/b"
    keyed = rops.by(str.lower, rops.batch(count=2))
    assert flow("ab----BB", rops.reset(keyed, at=rd.every("5s"))) == "7:b=BB"
    assert flow("a-----a-a--|", rops.by(str.lower, rops.reset(rops.batch(count=2), at=rd.every("5s")))) == "8:a=aa 11:|"


def test_T16_a_reset_of_a_reset_says_what_goes_and_a_drop_that_is_the_last_completes():
    dropped = []
    told = partial(lambda into, *what: into.append(what), dropped)
    inner = rops.reset(rops.batch(count=3, on_drop=told), at=rd.every("5s"))
    assert flow("a----b----", rops.reset(inner, at=rd.every("7s"))) == ""
    assert dropped == [("reset", "a"), ("reset", "b")]

    def near(other):
        return rops.reset(rops.all_of(other, within="2s", on_drop=told), at=rd.every("20s"))

    assert flow("a|", near, "-----bb") == "5:|"


def test_T16_a_reset_ends_with_its_source():
    assert flow("ab|", rops.reset(rops.batch(count=3), at=rd.every("5s"))) == "2:ab 2:|"
    assert flow("a|", lambda other: rops.reset(rops.all_of(other), at=rd.every("5s")), "-------b") == "5:|"
    with pytest.raises(InvalidValue, match="operators of this module"):
        rops.reset(ops.buffer_with_count(2), at=rd.every("5s"))
    with pytest.raises(InvalidValue, match="takes a clock"):
        rops.reset(rops.batch(count=2), at="5s")


def test_T17_each_item_goes_with_the_newest_of_the_others():
    assert flow("a-b-c-|", rops.with_latest, "-1-2---") == "1:a=1 2:b=1 4:c=2 6:|"
    assert flow("ab-----c", rops.with_latest, "---x---", "--1--2-") == "3:a/x/1 3:b/x/1 7:c/x/2"


def test_T17_it_completes_when_no_item_can_come_any_more():
    assert flow("a--|", rops.with_latest, "-----1|") == "5:a=1 5:|"
    assert flow("a--", rops.with_latest, "-|") == "1:|"
    assert flow("a--b-", rops.with_latest, "-1|") == "1:a=1 3:b=1"
    with pytest.raises(InvalidValue, match="another source"):
        rops.with_latest()
