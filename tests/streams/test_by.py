"""`rops.by`: an operator for each key, ours and any other; what idles is not kept."""

from functools import partial

import pytest
import reactivex as rx
from reactivex import operators as ops

import reactive_dag.operators as rops
from reactive_dag.model.errors import InvalidValue
from reactive_dag.streams.scheduler import VirtualScheduler
from tests.support.marbles import START, Film, flow

BATCH = rops.batch(count=2)


def case(item):
    """Capitals and small letters are one key; digits have none."""
    return item.lower() if item.isalpha() else None


def test_by_keeps_keys_apart():
    assert flow("abAcBC", rops.by(case, BATCH)) == "2:a=aA 4:b=bB 5:c=cC"


def test_by_flushes_each_key_at_completion():
    assert flow("abcB-|", rops.by(case, BATCH)) == "3:b=bB 5:a=a 5:c=c 5:|"


def test_T7_an_item_without_a_key_is_dropped_as_such():
    gone = []
    assert flow("a1A2", rops.by(case, BATCH, on_drop=lambda *drop: gone.append(drop))) == "2:a=aA"
    assert gone == [("no_key", "1"), ("no_key", "2")]


def test_by_windows_per_key():
    assert flow("ab-A---c", rops.by(case, rops.debounce("2s"))) == "2:a=a 3:b=b 5:a=A 9:c=c"
    assert flow("ab---A", rops.by(case, rops.batch(max_wait="5s"))) == "5:a=a 6:b=b 10:a=A"


def test_I1_keys_due_at_one_instant_step_in_the_order_of_keys():
    assert flow("(ba)", rops.by(case, rops.batch(max_wait="5s"))) == "5:a=a 5:b=b"


def test_by_a_join_is_a_join_by_key():
    """The key is asked for the items of all sources."""
    assert flow("ab----c", lambda other: rops.by(case, rops.all_of(other)), "--B-A-C") == "2:b=b/B 4:a=a/A 6:c=c/C"


def test_a_join_by_key_completes_when_no_key_can_join():
    joined = lambda other: rops.by(case, rops.all_of(other))  # noqa: E731
    assert flow("a|", joined, "--B-A-B") == "4:a=a/A 4:|"


def test_T7_absent_is_armed_by_a_keys_first_item():
    assert flow("a---A", rops.by(case, rops.absent("2s"))) == "2:a=a 6:a=A"


def test_T7_max_keys_drops_the_key_opened_first():
    gone = []
    two = rops.by(case, BATCH, max_keys=2, on_drop=lambda *drop: gone.append(drop))
    assert flow("abcBA|", two) == "3:b=bB 5:c=c 5:a=A 5:|"
    assert gone == [("expired", "a")]


def test_T7_ttl_drops_a_key_that_long_after_its_first_item():
    gone = []
    short = rops.by(case, BATCH, ttl="3s", on_drop=lambda *drop: gone.append(drop))
    assert flow("a---Aa", short) == "5:a=Aa"
    assert gone == [("expired", "a")]


def test_nested_by():
    inner = rops.by(str.isupper, BATCH)
    assert flow("aAabAB", rops.by(case, inner)) == "2:a=False=aa 4:a=True=AA"


def test_law_bounded_state_keys_that_hold_nothing_are_not_there():
    """A million keys, and never more than one at a time."""
    operator = rops.by(lambda n: n // 2, BATCH)
    source, seen = rx.Subject(), []
    states = []
    make = operator.make

    def spy():
        cell = make()
        fresh = cell.fresh

        class Spied(type(cell)):
            __slots__ = ()

            def fresh(self):
                states.append(fresh())
                return states[-1]

        cell.__class__ = Spied
        return cell

    object.__setattr__(operator, "make", spy)
    source.pipe(operator).subscribe(seen.append)
    for number in range(20_001):
        source.on_next(number)
        assert len(states[0].by_key) <= 1
    assert len(seen) == 10_000


@pytest.mark.parametrize("operator", [BATCH, ops.buffer_with_count(2)], ids=["ours", "reactivex"])
def test_a_key_function_that_raises_is_an_error_of_the_stream(operator):
    seen = flow("a(b#)c", rops.by(lambda item: 1 / 0 if item == "b" else item, operator))
    assert seen == "1:#ZeroDivisionError('division by zero')"


@pytest.mark.parametrize("operator", [BATCH, ops.buffer_with_count(2)], ids=["ours", "reactivex"])
def test_an_error_passes_on(operator):
    assert flow("ab#", rops.by(case, operator)) == "2:#"


@pytest.mark.parametrize("wrong", [{"max_keys": 0}, {"ttl": 5}, {"ttl": "0s"}])
def test_R15_nonsense_is_refused(wrong):
    with pytest.raises(InvalidValue):
        rops.by(case, BATCH, **wrong)


# ------------------------------------------------------------------------------------ any other operator


def test_by_any_operator_of_reactivex():
    assert flow("abAcBC|", rops.by(case, ops.buffer_with_count(2))) == "2:a=aA 4:b=bB 5:c=cC 6:|"
    assert flow("a-Ab|", rops.by(case, ops.scan(lambda a, b: a + b))) == "0:a=a 2:a=aA 3:b=b 4:|"


def test_by_a_pipe_of_ours():
    piped = rx.compose(BATCH, rops.debounce("2s"))
    assert flow("aAaAb|", rops.by(case, piped)) == "3:a=aA 5:a=aA 5:b=b 5:|"


@pytest.mark.parametrize(
    ("operator", "expected"),
    [
        (ops.take(1), "0:a=a 1:b=b 6:|"), (ops.first(), "0:a=a 1:b=b 6:|"),
        (rx.compose(ops.take(2), ops.count()), "2:a=2 3:b=2 6:|"),
        (ops.take_while(str.islower), "0:a=a 1:b=b 6:|"), (ops.element_at(1), "2:a=A 3:b=B 6:|"),
        (rx.compose(ops.take(1), ops.delay(4.0)), "4:a=a 5:b=b 6:|"), (lambda keys: rx.of("x"), "0:a=x 1:b=x 6:|"),
    ],
)  # fmt: skip
def test_T7_an_operator_that_completes_ends_its_key_for_good(operator, expected):
    assert flow("abABab|", rops.by(case, operator)) == expected


def test_T7_a_key_that_ended_is_forgotten_within_the_bounds():
    """`max_keys` counts it, and `ttl` does from its first item; then it begins anew."""
    assert flow("abcaA|", rops.by(case, ops.take(1), max_keys=2)) == "0:a=a 1:b=b 2:c=c 3:a=a 5:|"
    assert flow("aA-A-a|", rops.by(case, ops.take(1), ttl="3s")) == "0:a=a 3:a=A 6:|"


def test_max_keys_completes_the_stream_opened_first():
    two = partial(rops.by, case, ops.buffer_with_count(9), max_keys=2)
    assert flow("abcA|", two()) == "2:a=a 3:b=b 4:c=c 4:a=A 4:|"


def test_ttl_completes_a_stream_that_long_after_it_was_opened():
    short = rops.by(case, ops.buffer_with_count(9), ttl="3s")
    assert flow("ab-AB-a|", short) == "3:a=a 4:b=b 6:a=A 7:b=B 7:a=a 7:|"


def test_what_a_stream_gives_late_is_emitted_before_the_end():
    assert flow("ab|", rops.by(case, ops.delay(5.0))) == "5:a=a 6:b=b 7:|"


@pytest.mark.parametrize("operator", [rops.batch(max_wait="5s"), ops.delay(5.0)], ids=["ours", "reactivex"])
def test_law_dispose_stops_everything(operator):
    scheduler, source = VirtualScheduler(START), rx.Subject()
    film = Film(source.pipe(rops.by(case, operator, ttl="1h")), scheduler)
    for item in "aAb":
        source.on_next(item)
    assert scheduler.pending > 0
    film.subscription.dispose()
    source.on_next("c")
    assert (scheduler.pending, source.observers) == (0, [])
    scheduler.advance("1d")
    assert film.seen == []


@pytest.mark.parametrize("operator", [BATCH, ops.buffer_with_count(2)], ids=["ours", "reactivex"])
def test_T7_a_list_gives_several_keys(operator):
    seen = flow("ab", rops.by(lambda item: ["x", item, "x"], operator))
    assert seen == "1:x=ab"
    dropped = []
    bare = rops.by(
        lambda item: [] if item == "a" else [None, "x"], operator, on_drop=lambda *drop: dropped.append(drop)
    )
    assert flow("abb", bare) == "2:x=bb"
    assert dropped == [("no_key", "a"), ("no_key", "b"), ("no_key", "b")]
