"""The rules T1 to T6 and T9, each on a circuit that the naive model watches (see driving.py)."""

from __future__ import annotations

import pytest

from reactive_dag.model.records import Mark
from reactive_dag.model.times import NEVER, SECOND
from reactive_dag.triggers.joins.all_of import all_of
from reactive_dag.triggers.joins.any_of import any_of
from reactive_dag.triggers.joins.at_least import at_least
from reactive_dag.triggers.joins.sequence import sequence
from reactive_dag.triggers.leaves.absent import absent
from reactive_dag.triggers.leaves.completed import completed
from reactive_dag.triggers.leaves.dataset import updated
from reactive_dag.triggers.leaves.schedule import at, every
from reactive_dag.triggers.machine.compiled import CompiledTrigger
from tests.support.driving import Fact, Pair

a, b, c = map(updated, "abc")


def items(trigger, *steps, **options):
    return Pair(trigger, **options).items(*steps)


def tick(seconds, after=-1):
    return Mark("tick", seconds * SECOND, after)


# ------------------------------------------------------------------------------------------------- T1, T2


def test_T1_every_delivery_is_consumed_pending_or_dropped_by_name():
    pair = Pair((a.where(is_new) & b).within("10s"))
    pair.go(Fact("a", extra=1), Fact("a", extra=0), 11, "b", Fact("a", extra=1), Fact("a", extra=1))
    assert pair.count(0) == (4, 1, 1, {"filtered": 1, "outside_window": 1})
    assert pair.count(1) == (1, 1, 0, {})
    assert tuple(leaf.text for leaf in pair.circuit.parts) == ("rd.updated('a').where(is_new)", "rd.updated('b')")


def is_new(event):
    return event.extra == 1


def test_T1_kinds_and_states_choose_what_is_delivered():
    pair = Pair(updated("a", kinds="deleted") & completed("p", states={"failed"}))
    pair.go("a", Fact("a", "deleted"), Fact(("p", None), state="success"), Fact(("p", None), state="failed"))
    assert [pair.count(0), pair.count(1)] == [(1, 1, 0, {}), (1, 1, 0, {})]


def test_T1_what_fired_can_be_counted_as_dropped_after_all():
    pair = Pair(a & b)
    (firing,) = pair.go("a", "a", "b")
    pair.circuit.recount(firing.parts, "duplicate")
    assert [pair.count(0), pair.count(1)] == [(2, 0, 0, {"duplicate": 2}), (1, 0, 0, {"duplicate": 1})]
    (firing,) = Pair(a | every("5s")).go(5)
    circuit = CompiledTrigger(a | every("5s"))
    circuit.arm(0, number=1)
    (firing,) = circuit.step(5 * SECOND)
    circuit.recount([1], "paused")
    assert [count.dropped for count in circuit.counts()] == [{}, {"paused": 1}]


def test_T2_all_of_fires_when_no_part_is_empty_and_takes_everything():
    assert items(a & b, "b", "a", "b", "a") == [[0, 1], [2, 3]]
    assert items(a & b, "a", "a", "a", "b", "a", "b") == [[0, 1, 2, 3], [4, 5]]
    assert items(all_of(a), "a", "a") == [[0], [1]]


def test_T2_five_quick_events_are_all_carried():
    """Whatever the order in which the other part comes."""
    for place in range(6):
        steps = ["a"] * 5
        steps.insert(place, "b")
        fired = Pair(a & b).items(*steps, "b")
        carried = [item for firing in fired for item in firing]
        assert sorted(carried) == [item for item in range(7) if item < 6 or place < 5], place


def test_T2_latest_takes_the_newest_and_each_the_oldest():
    pair = Pair(all_of(a, b, consume="latest"))
    assert pair.items("a", "a", "b") == [[1, 2]]
    assert pair.count(0) == (2, 1, 0, {"superseded": 1})
    pair = Pair(all_of(a, b, consume="each"))
    assert pair.items("a", "a", "b", "b", "b", "a") == [[0, 2], [1, 3], [4, 5]]


def test_T2_of_a_nested_part_all_its_firings_or_one():
    pairs = a.batch(count=2)
    steps = ["a"] * 4 + ["b", "b"]
    assert items(pairs & b, *steps) == [[0, 1, 2, 3, 4]]
    assert items(all_of(pairs, b, consume="latest"), *steps) == [[2, 3, 4]]
    assert items(all_of(pairs, b, consume="each"), *steps) == [[0, 1, 4], [2, 3, 5]]


# ----------------------------------------------------------------------------------------------------- T3


def test_T3_any_of_fires_per_item():
    assert items(a | b, "a", "b", "a") == [[0], [1], [2]]


def test_T3_what_several_parts_release_in_one_step_is_one_firing():
    assert items(a & (a | b), "a", "b", "a") == [[0], [1, 2]]
    pair = Pair(a.batch(count=1) | a.throttle("10s"))
    assert pair.items("a") == [[0]], "one firing with the causes united"
    assert [pair.count(0), pair.count(1)] == [(1, 1, 0, {}), (1, 1, 0, {})], "delivered once to each leaf part"


def test_T3_several_timers_at_one_instant_are_one_step():
    assert items(a.batch(max_wait="5s") & b.debounce("5s"), "a", "b", 5) == [[0, 1]]
    assert items(every("5s") | every("10s"), 10) == [[tick(5)], [tick(10)]], "two clock parts due at once: one firing"
    assert items(a.batch(max_wait="5s") | b.batch(max_wait="5s"), "a", "b", 5) == [[0, 1]]


def test_T3_the_order_of_parts_counts_in_sequence_alone():
    steps = "a", "c", "b", "a", "b", "c"
    for left, right in (a & b & c, c & b & a), (a | b, b | a), (at_least(2, a, b, c), at_least(2, c, b, a)):
        assert items(left, *steps) == items(right, *steps)
    assert items(sequence(a, b), "a", "b") != items(sequence(b, a), "a", "b")


# ----------------------------------------------------------------------------------------------------- T4


def test_T4_at_least_takes_all_that_its_parts_have_released():
    assert items(at_least(2, a, b, c), "c", "c", "a", "b") == [[0, 1, 2]]
    nested = at_least(2, a.batch(count=2), b, c)
    pair = Pair(nested)
    assert pair.items("a", "b", "c") == [[1, 2]], "not what the batch still holds"
    assert pair.items("a", "b") == [[0, 3, 4]], "the batch counts as one part"


def test_T4_sequence_takes_stages_in_their_order():
    assert items(sequence(a, b, c), "b", "a", "a", "c", "b", "a", "b", "c") == [[1, 2, 4, 5, 6, 7]]
    pair = Pair(sequence(a, b))
    assert pair.items("b", "a", "b", "b") == [[1, 2]]
    assert pair.count(1) == (3, 1, 0, {"filtered": 2})


def test_T4_sequence_of_one_event_twice_needs_two():
    pair = Pair(sequence(a, a))
    assert pair.items("a", "a", "a", "a") == [[0, 1], [2, 3]]
    assert [pair.count(0), pair.count(1)] == [(4, 2, 0, {"filtered": 2}), (4, 2, 0, {"filtered": 2})]
    assert items(sequence(a, a | b), "a", "b", "a", "a") == [[0, 1], [2, 3]]
    assert items(sequence(a, a, a), "a", "a", "a") == [[0, 1, 2]]


def test_T4_what_comes_at_one_instant_is_not_in_order():
    both = sequence(a.batch(max_wait="5s"), b.batch(max_wait="5s"))
    assert items(both, "a", "b", 5) == []
    assert items(both, "a", 1, "b", 5) == [[0, 1]]


# ----------------------------------------------------------------------------------------------------- T5


def test_T5_batch_closes_at_its_count_or_at_exactly_its_instant():
    assert items(a.batch(count=2), "a", "a", "a") == [[0, 1]]
    pair = Pair(a.batch(count=9, max_wait="5s"))
    assert pair.go("a", 1, "a", 3) == [] and pair.circuit.due == 5 * SECOND
    assert pair.items(1, "a", 5) == [[0, 1], [2]], "what arrives at the closing instant opens the next"
    assert pair.circuit.due == NEVER


def test_T5_debounce_restarts_with_each_item_up_to_max_wait():
    assert items(a.debounce("5s"), "a", 4, "a", 4, "a", 9) == [[0, 1, 2]]
    assert items(a.debounce("5s", max_wait="7s"), "a", 4, "a", 4, "a", 9) == [[0, 1], [2]]


def test_T5_throttle_fires_first_and_then_once_a_period():
    pair = Pair(a.throttle("10s"))
    assert pair.items("a", 1, "a", 1, "a", 8, "a", 20) == [[0], [1, 2], [3]]
    assert pair.circuit.due == NEVER, "if nothing is held the period just ends"
    assert pair.items("a") == [[4]]


def test_T5_windows_count_firings_of_what_stands_before():
    assert items((a & b).batch(count=2), "a", "a", "b", "a", "b") == [[0, 1, 2, 3, 4]]
    assert items(a.batch(count=2).throttle("10s"), *["a"] * 6, 10) == [[0, 1], [2, 3, 4, 5]]
    assert items(a.batch(max_wait="5s").batch(max_wait="5s"), "a", 5, "a", 5) == [[0]], "closed first, then opened"


@pytest.mark.parametrize("trigger", [a.batch(count=3, max_wait="5s"), a.debounce("5s"), a.throttle("5s")])
def test_T5_no_window_is_ever_empty_or_keeps_a_timer_for_nothing(trigger):
    pair = Pair(trigger)
    for steps in ("a", 100), ("a", "a", 100), ("a", 5, "a", 100), ("a", "a", "a", "a", 100):
        assert all(pair.items(*steps))
        assert pair.circuit.due == NEVER and pair.circuit.pending() == []


# ----------------------------------------------------------------------------------------------------- T6


def test_T6_within_drops_what_is_older_than_the_window_at_each_delivery():
    pair = Pair((a & b).within("10s"))
    assert pair.items("a", 10, "b") == [[0, 1]], "just as old is still inside"
    assert pair.items("a", 11, "b", 1, "a") == [[3, 4]]
    assert pair.count(0) == (3, 2, 0, {"outside_window": 1})
    assert items(at_least(2, a, b, c).within("10s"), "a", 11, "b", "c") == [[1, 2]]


def test_T6_within_counts_a_nested_part_from_its_firing():
    assert items((a.batch(count=2) & b).within("10s"), "a", 20, "a", 5, "b") == [[0, 1, 2]]


def test_T6_sequence_within_stays_in_order():
    trigger = sequence(a, b, c).within("10s")
    pair = Pair(trigger)
    assert pair.items("a", 8, "b", 3, "c", "a", "c") == [], "the a is too old, so nothing stands before the b"
    assert pair.count(1) == (1, 0, 0, {"filtered": 1})
    assert items(trigger, "a", 5, "a", 3, "b", 3, "c") == [[1, 2, 3]]


# ----------------------------------------------------------------------------------------------------- T9


def silence(due, by, after=-1, part=0):
    return Mark("absent", due * SECOND, after, by, part)


def test_T9_absent_is_armed_by_its_registration_and_by_each_item():
    pair = Pair(absent(a, for_="10s"))
    assert pair.items(10, 50) == [[silence(10, "reg:1")]], "once a silence"
    assert pair.items("a", 9, "a", 10, 50) == [[silence(79, "fact 1", 1)]]
    assert pair.count(0) == (2, 0, 0, {"heard": 2}) and pair.count(1) == (2, 2, 0, {})


def test_T9_absent_steps_before_what_comes_at_its_instant():
    assert items(absent(a, for_="10s"), 10, "a", 9) == [[silence(10, "reg:1")]]


def test_T9_after_arms_and_the_item_disarms():
    trigger = absent(a, for_="10s", after=b)
    assert items(trigger, 50, "b", 5, "a", 50) == []
    assert items(trigger, "b", 5, "b", 50) == [[silence(15, "fact 1", 1)]]


def test_T9_at_looks_at_each_tick():
    pair = Pair(absent(a, at=every("10s")))
    assert pair.items(5, "a", 5, 10) == [[silence(20, "fact 0@20000000000", 0)]]
    assert pair.items(10) == [[silence(30, "fact 0@30000000000", 0)]], "every tick without one, each its own"
    assert items(absent(a, at=at("1970-01-01T00:00:05Z")), 99) == [[silence(5, "reg:1@5000000000")]]


def test_T9_a_clock_or_silence_part_holds_one_item_at_most():
    pair = Pair(every("5s") & a)
    assert pair.items(12, "a") == [[tick(10), 0]]
    assert pair.count(1) == (2, 1, 0, {"superseded": 1})
    pair = Pair(absent(b, at=every("5s")) & a)
    assert pair.items(12, "a") == [[silence(10, "reg:1@10000000000"), 0]]
    assert items(every("5s").batch(count=2), 12) == [[tick(5), tick(10)]], "a batch loses nothing"


def test_T9_two_silences_of_one_trigger_are_told_apart():
    fired = items(absent(a, for_="10s") | absent(b, for_="10s"), 10)
    assert fired == [[silence(10, "reg:1"), silence(10, "reg:1", part=1)]]


def test_R9_gap_keeps_what_catchup_lets_through():
    for catchup, ticks in ("one", [20]), ("all", [10, 15, 20]), ("none", []):
        pair = Pair(every("5s") | a)
        pair.advance(3 * SECOND)
        fired = pair.gap(18 * SECOND, catchup)
        assert [firing.items[0].due // SECOND for firing in fired] == ticks
        assert pair.count(1)[3] == ({"missed": 4 - len(ticks)})
        assert pair.items(4) == [[tick(25)]]


def test_R9_a_trigger_begins_with_the_ticks_between_start_and_its_registration():
    circuit = CompiledTrigger(every("10s"))
    circuit.arm(35 * SECOND, number=1, start=0, end=50 * SECOND, catchup=True, max_catchup=2)
    fired = []
    while circuit.due < NEVER:
        fired += [firing.items[0].due // SECOND for firing in circuit.step(circuit.due)]
    assert fired == [20, 30, 40, 50]
    assert circuit.counts()[0].dropped == {"missed": 2}


def test_any_of_of_one_source_twice_is_one_firing():
    pair = Pair(any_of(a, updated("a", kinds={"updated", "deleted"})))
    assert pair.items("a", Fact("a", "deleted"), Fact("a", "created")) == [[0], [1], [2]]
    assert pair.count(0)[0] == 2 and pair.count(1)[0] == 2
