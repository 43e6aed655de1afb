"""The rules about keys, T7, T8 and I1, each on a circuit that the naive model watches (see driving.py)."""

from __future__ import annotations

import pytest

from reactive_dag.model.calendar import day, hour
from reactive_dag.model.errors import InvalidValue
from reactive_dag.model.records import Mark
from reactive_dag.model.times import HOUR, NEVER, SECOND
from reactive_dag.triggers.functions.by import By
from reactive_dag.triggers.implicit_joins import effective
from reactive_dag.triggers.keys import JoinKey
from reactive_dag.triggers.leaves.absent import absent
from reactive_dag.triggers.leaves.completed import completed
from reactive_dag.triggers.leaves.dataset import Dataset, updated
from reactive_dag.triggers.leaves.schedule import cron, every
from reactive_dag.triggers.machine.compiled import CompiledTrigger
from tests.support.driving import Fact, Pair

a, b, c = map(updated, "abc")


def items(trigger, *steps):
    return Pair(trigger).items(*steps)


def tick(seconds, after=-1):
    return Mark("tick", seconds * SECOND, after)


def is_new(event):
    return event.extra == 1


def dated(source, date=None, partition=None, **more):
    return Fact(source, logical_date=date, partition=partition, **more)


def test_T7_by_keeps_a_state_for_each_key():
    pair = Pair((a & b).by("partition"))
    fired = pair.go(*[dated(s, None, p) for s, p in [("a", "x"), ("a", "y"), ("b", "y"), ("a", "x"), ("b", "x")]])
    assert [(firing.items, firing.key) for firing in fired] == [([1, 2], ("y",)), ([0, 3, 4], ("x",))]
    assert pair.circuit.keys() == [], "keys without pending items cost nothing"


def test_T7_what_stands_after_by_works_on_all_keys():
    trigger = (a & b).by("partition").batch(count=2)
    fired = Pair(trigger).go(*[dated(s, None, p) for s, p in [("a", "x"), ("a", "y"), ("b", "y"), ("b", "x")]])
    assert [(firing.items, firing.key) for firing in fired] == [([0, 1, 2, 3], ())]


def test_T7_compound_and_nested_keys_split_further():
    facts = [dated(s, d, p) for s, d, p in [("a", 0, "x"), ("a", HOUR, "x"), ("b", HOUR, "x"), ("b", 0, "x")]]
    for trigger, key in (
        ((a & b).by("partition", "logical_date"), lambda date: ("x", date)),
        ((a & b).by("logical_date").by("partition"), lambda date: ("x", date)),
        ((a & b).by("partition").by("logical_date"), lambda date: (date, "x")),
    ):
        fired = Pair(trigger).go(*facts)
        assert [(firing.items, firing.key) for firing in fired] == [([1, 2], key(HOUR)), ([0, 3], key(0))]


def test_T7_max_keys_drops_the_key_that_was_opened_first():
    pair = Pair((a & b).by("partition", max_keys=2))
    assert pair.items(*[dated("a", None, p) for p in "xyxz"], dated("b", None, "y"), dated("b", None, "x")) == [[1, 4]]
    assert pair.told == [("expired", "rd.updated('a')", "x", 2)]
    assert pair.count(0) == (4, 1, 1, {"expired": 2})


def test_T7_ttl_drops_a_key_that_long_after_its_first_item():
    pair = Pair((a & b).by("partition", ttl="10s"))
    pair.go(dated("a", None, "x"), 5, dated("a", None, "x"), dated("a", None, "y"))
    assert pair.circuit.due == 10 * SECOND
    assert pair.items(5, dated("b", None, "x"), dated("b", None, "y")) == [[2, 4]]
    assert pair.told == [("expired", "rd.updated('a')", "x", 2)]
    assert items(a.batch(max_wait="10s").by("partition", ttl="10s"), dated("a", None, "x"), 10) == [[0]]


def test_T7_an_item_without_a_key_is_dropped_with_one_warning_for_each_source():
    pair = Pair((a & b & updated("a", kinds="deleted")).by("partition"))
    pair.go("a", "a", "b", Fact("a", "deleted"), dated("a", None, "x"))
    assert pair.count(0) == (3, 0, 1, {"no_key": 2})
    assert pair.told == [("no_key", "rd.updated('a')", "", 1), ("no_key", "rd.updated('b')", "", 1)]


def test_T7_a_calendar_takes_the_date_else_the_time_of_the_partition():
    hourly = updated(Dataset("h", hour("Europe/Berlin")))
    trigger = (hourly & a).by(day("Europe/Berlin"))
    fired = Pair(trigger).go(
        dated("h", None, "1970-01-02T00+01:00"),
        dated("a", None, "1970-01-02"),
        dated("h", 30 * HOUR, "1970-01-09T00+01:00"),
        dated("a", None, "nonsense"),
        dated("a", 29 * HOUR),
    )
    assert [(firing.items, firing.key) for firing in fired] == [([0, 1], ("1970-01-02",)), ([2, 4], ("1970-01-02",))]


def test_T7_a_function_gives_the_key_and_tuples_are_keys_too():
    trigger = (a & b).by(lambda event: (event.extra, {"x": event.extra}))
    circuit = CompiledTrigger(trigger)
    circuit.feed((0,), 1, 0, Fact("a", extra=4))
    (firing,) = circuit.feed((1,), 2, 0, Fact("b", extra=4))
    assert (firing.items, firing.key) == ([1, 2], ((4, (("x", 4),)),))


def test_T7_a_filter_before_by_turns_items_away_before_they_are_asked_for_a_key():
    pair = Pair((a.where(is_new) & b).by("partition"))
    pair.go(Fact("a", extra=0))
    assert pair.count(0) == (1, 0, 0, {"filtered": 1})


def test_T7_a_throttled_key_is_remembered_until_its_period_ends():
    pair = Pair(a.throttle("10s").by("partition", max_keys=2))
    x, y = dated("a", None, "x"), dated("a", None, "y")
    assert pair.items(x, 5, x, y, 5) == [[0], [2], [1]]
    assert pair.items(20, x) == [[3]] and pair.circuit.pending() == []


def test_T7_a_clock_under_by_has_its_due_time_as_key():
    pair = Pair((a & every("5s")).by("logical_date"))
    assert pair.items(dated("a", 5 * SECOND), 4, dated("a", 6 * SECOND), 6) == [[0, tick(5, 1)]]
    with pytest.raises(InvalidValue, match="a tick of"):
        (a & cron("* * * * *")).by("partition")


def test_T7_absent_under_by_is_armed_by_the_first_item_and_goes_away():
    pair = Pair(absent(a, for_="10s").by("partition"))
    assert pair.circuit.due == NEVER
    fired = pair.go(dated("a", None, "x"), 5, dated("a", None, "y"), dated("a", None, "x"), 100, dated("a", None, "x"))
    assert [(firing.items[0].due // SECOND, firing.key) for firing in fired] == [(15, ("x",)), (15, ("y",))]
    assert pair.circuit.due == 115 * SECOND


def test_I1_keys_due_at_one_instant_step_one_after_the_other_in_their_order():
    pair = Pair(a.batch(max_wait="5s").by("partition"))
    fired = pair.go(dated("a", None, "y"), dated("a", None, "x"), dated("a", None, "y"), 5)
    assert [(firing.items, firing.key) for firing in fired] == [([1], ("x",)), ([0, 2], ("y",))]
    joined = Pair(a.batch(max_wait="5s").by("partition") & b.batch(max_wait="5s"))
    assert joined.items(dated("a", None, "y"), "b", dated("a", None, "x"), 5) == [[1, 2]], (
        "no key first, then x, then y"
    )


# ----------------------------------------------------------------------------------------------------- T8


def test_T8_completions_join_by_date_else_by_cascade():
    trigger, text = effective(completed("p") & completed("q"), lambda dag: frozenset({"root"}))
    assert isinstance(trigger, By) and trigger.keys == (JoinKey("date+cascade"),) and "cascade" in text
    p, q = ("p", None), ("q", None)

    def done(source, date=None, cascade=""):
        return Fact(source, state="success", logical_date=date, cascade=cascade)

    pair = Pair(trigger)
    assert pair.circuit.needs_event
    steps = (
        done(p, 0),
        done(p, HOUR),
        done(q, HOUR),
        done(p, None, "x"),
        done(q, None, "y"),
        done(q, 0),
        done(p, None, "y"),
    )
    assert pair.items(*steps) == [[1, 2], [0, 5], [4, 6]], "a fast branch that runs twice never mixes (R2)"
    plain, _ = effective(completed("p") & completed("q"), lambda dag: frozenset({dag}))
    assert items(plain, done(p, None, "x"), done(q, None, "y")) == [[0, 1]], "other origins: in plain order"
