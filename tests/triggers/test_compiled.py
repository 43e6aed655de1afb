"""The circuit around the cells: payloads (T13), faults (T10), changed definitions (T11), bounds (T14), what is kept."""

from __future__ import annotations

import random

import msgspec
import pytest

from reactive_dag.model.records import Mark
from reactive_dag.model.times import HOUR, NEVER, SECOND
from reactive_dag.triggers.base import Trigger
from reactive_dag.triggers.faults import CallableFault
from reactive_dag.triggers.firing import Mapped, Ref, in_order, resolved
from reactive_dag.triggers.joins.all_of import all_of
from reactive_dag.triggers.joins.at_least import at_least
from reactive_dag.triggers.joins.sequence import sequence
from reactive_dag.triggers.leaves.absent import absent
from reactive_dag.triggers.leaves.completed import completed
from reactive_dag.triggers.leaves.dataset import updated
from reactive_dag.triggers.leaves.schedule import every
from reactive_dag.triggers.machine.compiled import CompiledTrigger
from reactive_dag.triggers.machine.pack import pack, unpack
from tests.support.driving import Fact, Pair

a, b, c = map(updated, "abc")


def rows(event):
    return event.extra


def doubled(payload):
    return [payload, payload]


def payloads(trigger, *steps):
    pair = Pair(trigger)
    return [resolved(firing.payload, pair.event_of) for firing in pair.go(*steps)]


def fact(source, extra):
    return Fact(source, extra=extra)


# --------------------------------------------------------------------------------------------------- T13


def test_T13_a_firing_carries_each_item_once_in_order_of_delivery():
    (firing,) = Pair(all_of(b | a, a.batch(count=1), every("5s"))).go(6, "a")
    assert firing.items == [Mark("tick", 5 * SECOND, -1), 0]
    assert sorted(firing.parts) == [1, 2, 3] and not firing.mapped and firing.payload is None
    marks = [Mark("tick", 9, 4), Mark("tick", 8, 4), Mark("absent", 8, 2, "x")]
    assert in_order([5, *marks, 4, 3, 4]) == [marks[2], 3, 4, marks[1], marks[0], 5]


def test_T13_map_changes_the_payload_and_never_the_events():
    pair = Pair(a.map(rows) & b)
    (firing,) = pair.go(fact("a", 7), "b")
    assert (firing.items, firing.payload, firing.mapped) == ([0, 1], [7, Ref(1)], True)


def test_T13_a_composites_payload_is_the_flat_list_of_its_parts_payloads():
    events = fact("a", 1), fact("a", 2), fact("b", 3)
    assert payloads((a.batch(count=2) & b).map(doubled), *events) == [[list(events)] * 2]
    assert payloads(a.batch(count=2).map(doubled) & b, *events) == [[[list(events[:2])] * 2, events[2]]]
    assert payloads(a.map(rows).batch(count=2), *events[:2]) == [[1, 2]]
    assert payloads(a.map(rows), *events[:2]) == [1, 2]
    assert payloads((b | a).map(len), *events) == [1, 1, 1], "any_of is a composite too"
    assert payloads(b & a.map(rows), *events) == [[events[2], 1, 2]], "part after part"


def test_T13_what_a_map_made_stays_one_payload_even_if_it_is_a_list():
    events = fact("a", 1), fact("b", 3)
    assert payloads(a.map(doubled) & b, *events) == [[[events[0], events[0]], events[1]]]


def test_T13_each_map_gets_the_payload_so_far():
    assert payloads(a.map(rows).map(doubled).map(len), fact("a", 1)) == [2]
    assert payloads((a & b).map(len).map(doubled), "a", "b") == [[2, 2]]


def test_T13_a_where_behind_a_composite_sees_its_payload():
    pair = Pair((a & b).where(adds_up))
    assert pair.items(fact("a", 1), fact("b", 1), fact("a", 2), fact("b", 1)) == [[2, 3]]
    assert pair.count(0) == (2, 1, 0, {"filtered": 1})


def adds_up(payload):
    return sum(event.extra for event in payload) > 2


# --------------------------------------------------------------------------------------------------- T10


def test_T10_an_item_whose_function_raises_is_parked_and_its_siblings_go_on():
    pair = Pair(a.where(rows) | a, faulty=1)
    assert pair.items(fact("a", 1)) == [[0]]
    assert pair.circuit.parked == [(0, 0)]
    assert [pair.count(0), pair.count(1)] == [(1, 0, 1, {}), (1, 1, 0, {})]
    assert [firing.items for firing in pair.retry(0)] == [[0]]
    assert pair.count(0) == (1, 1, 0, {}) and pair.circuit.parked == []


def test_T10_all_kinds_of_functions_park():
    for trigger in (
        (a & b).where(adds_up),
        (a & b).map(len),
        a.map(rows) & b.map(rows),
        (a & b).by(rows),
        (a & b).by("partition", rows).map(len),
    ):
        pair = Pair(trigger, faulty=1)
        facts = [Fact(source, extra=2, partition="x") for source in "ab"]
        assert pair.go(*facts) == [] and len(pair.circuit.parked) == 2
        pair.reopen()
        assert [firing.items for firing in pair.retry(0)] == [[0, 1]]


def test_T10_a_parked_silence_comes_back_under_its_key():
    trigger = absent(a, for_="5s").where(bool).by("partition").batch(count=1)
    pair = Pair(trigger, faulty=5)
    pair.go(Fact("a", partition="x"), 5)
    assert len(pair.circuit.parked) == 1
    assert [firing.items[0].due for firing in pair.retry(0)] == [5 * SECOND]


def test_T10_the_engine_can_park_an_item_itself():
    circuit = CompiledTrigger(a & b)
    circuit.feed((0,), 1, 0, None)
    circuit.take_pending()
    circuit.restore(CompiledTrigger(a & b).snapshot() | {"counters": [[1, 0], [0, 0], [{}, {}]]})
    circuit.park(0, 1)
    circuit._check()
    assert circuit.retry_parked(0, lambda item: None) is None and circuit.pending() == [(0, (), 1)]


def test_T10_ask_directly_says_which_function_raised():
    circuit = CompiledTrigger(a.where(lambda event: event.nothing))
    assert circuit.feed((0,), 1, 0, Fact("a")) is None
    assert circuit.parked == [(0, 1)]
    with pytest.raises(CallableFault, match=r"adds_up .*test_compiled\.py:\d+.* raised TypeError"):
        from reactive_dag.triggers.firing import ask_directly

        ask_directly("where", (a & b).where(adds_up).fn, None, 1)


# --------------------------------------------------------------------------------------------------- T11


def handed_over(old, new, facts, now=0):
    """Replace a circuit by one of another definition, as the engine does."""
    pending = [(old.parts[part].trigger, item) for part, item in old.take_pending()]
    old._check()
    circuit = CompiledTrigger(new)
    circuit.arm(now, number=2)
    firings, left = circuit.adopt(pending, now, facts.__getitem__)
    circuit._check()
    return circuit, [firing.items for firing in firings], left


def test_T11_what_both_definitions_name_is_delivered_anew_and_may_fire():
    facts = [Fact("a"), Fact("b"), Fact("a"), Fact("c")]
    old = CompiledTrigger(all_of(a, b.batch(count=3), c, updated("d")))
    for item, part in enumerate((0, 1, 0, 2)):
        old.feed((part,), item, 0, None)
    circuit, fired, left = handed_over(old, a & b, facts)
    assert fired == [[0, 1]] and left == [(c, 3)]
    assert circuit.pending() == [(0, (), 2)]
    assert [(count.delivered, count.pending) for count in old.counts()] == [(0, 0)] * 4


def test_T11_windows_begin_again_and_kinds_choose():
    facts = [Fact("a"), Fact("a", kind="created")]
    old = CompiledTrigger(a.batch(max_wait="10s"))
    for item in range(2):
        old.feed((0,), item, 0, None)
    circuit, fired, left = handed_over(old, updated("a", kinds="created").batch(max_wait="10s"), facts, 7 * SECOND)
    assert (fired, left, circuit.due) == ([], [(a, 0)], 17 * SECOND)


def test_T11_parked_items_and_ticks_are_handed_over():
    facts = [Fact("a")]
    old = CompiledTrigger(a.where(lambda event: event.nothing) & b & every("5s"))
    old.arm(0, number=1)
    old.feed((0,), 0, 0, facts[0])
    old.step(5 * SECOND)
    _, fired, left = handed_over(old, a & every("5s"), facts, 6 * SECOND)
    assert fired == [[0, Mark("tick", 5 * SECOND, 0)]] and left == []


def test_T11_an_item_of_several_parts_is_one_step():
    old = CompiledTrigger(all_of(a, a.batch(count=2), b))
    old.feed((0, 1), 0, 0, None)
    _, fired, _ = handed_over(old, a & a.throttle("1s"), [Fact("a")])
    assert fired == [[0]]


# --------------------------------------------------------------------------------------------------- T14


@pytest.mark.parametrize("fast", [True, False])
@pytest.mark.parametrize("trigger", [a & b, all_of(a, b, consume="each"), sequence(a, b), (a & b).by("partition")])
def test_T14_beyond_max_pending_the_oldest_is_dropped_with_a_record(trigger, fast):
    pair = Pair(trigger, max_pending=2, fast=fast)
    fired = pair.go(*[Fact(source, partition="x") for source in "aaaab"])
    assert fired[0].items[0] == 2
    key = "x" if trigger.kind == "by" else ""
    assert pair.told == [("expired", "rd.updated('a')", key, 1)] * 2


@pytest.mark.parametrize("trigger", [a.batch(max_wait="9s"), a.debounce("9s"), a.batch(count=9, max_wait="9s")])
def test_T14_windows_are_bounded_too(trigger):
    pair = Pair(trigger, max_pending=2)
    assert pair.items("a", "a", "a", 9) == [[1, 2]]
    pair = Pair(a.throttle("9s"), max_pending=2)
    assert pair.items(*"aaaa", 9) == [[0], [2, 3]]


def test_T14_a_nested_part_holds_so_many_firings():
    pair = Pair(a.batch(count=2) & b, max_pending=2)
    assert pair.items(*"aaaaaab") == [[2, 3, 4, 5, 6]]
    assert pair.told == [("expired", "rd.updated('a')", "", 2)]


def test_T14_pending_is_held_by_reference():
    circuit = CompiledTrigger((a & b & c).by("partition"))
    circuit.feed((0,), 70_000, 0, Fact("a", partition="x", extra="a body that nobody keeps"))
    assert circuit.snapshot()["states"] == [[["x", None, [[1, 0, 70_000]]]]]


# -------------------------------------------------------------------------------------------------- laws


def test_law_conservation():
    """Counted one by one at each step of a long history, for a trigger with a bit of everything."""
    trigger = at_least(
        2,
        (a.where(rows) & b.throttle("2s")).within("5s").by("partition", max_keys=2, ttl="20s"),
        sequence(a, b, c).batch(count=2, max_wait="3s"),
        absent(b, for_="4s", after=c) | every("7s"),
    )
    pair, chance = Pair(trigger, max_pending=3), random.Random(7)
    for n in range(400):
        partition = chance.choice([None, "x", "y", "z"])
        pair.publish(Fact(chance.choice("abc"), extra=chance.randrange(3), partition=partition))
        pair.advance(chance.choice([0, 0, SECOND, 3 * SECOND]))
        if n % 50 == 0:
            pair.reopen()
    dropped = {policy for count in pair.circuit.counts() for policy in count.dropped}
    assert dropped >= {"filtered", "outside_window", "no_key", "heard", "expired"}


def test_law_conservation_counts_really():
    """The check can fail: nothing in it is computed from the rest."""
    circuit = CompiledTrigger(a & b)
    circuit.feed((0,), 1, 0, None)
    circuit._books.counters.consumed[0] += 1
    with pytest.raises(AssertionError):
        circuit._check()


def test_law_replay_equals_live_in_canonical_form():
    """Offsets, and what `after` says of them, are nowhere in it; counts, dates and due times are."""
    known = {7: "fact one", 9: "fact two"}

    def name(item):
        return f"{item.kind}@{item.due}" if isinstance(item, Mark) else known[item]

    circuit = CompiledTrigger(sequence(a, b, c).by("partition") & absent(c, for_="5s") & every("9s"), identity=name)
    circuit.arm(0, number=1)
    circuit.feed((0,), 7, 0, Fact("a", partition="x"))
    circuit.feed((2, 3), 9, SECOND, Fact("c", partition="x"))
    form = circuit.canonical(name)
    assert form[1][0] == [["x", None, [[1, 0, "fact one"]]]]
    assert form[1][1] == [6 * SECOND, "fact two", False]
    assert form[2] == [[9 * SECOND, NEVER]]
    msgspec.msgpack.encode(form)


def test_snapshot_is_plain_and_restores_in_place():
    circuit = CompiledTrigger((a & b.batch(count=2)).by("partition", "logical_date"))
    fact = Fact("a", partition="x", logical_date=HOUR)
    circuit.feed((0,), 1, 0, fact)
    circuit.feed((1,), 2, 0, fact._replace(source="b"))
    kept = circuit.snapshot()
    assert msgspec.json.decode(msgspec.json.encode(kept)) == kept
    feed = circuit.feed
    assert feed((1,), 3, 0, fact)[0].items == [1, 2, 3]
    circuit.restore(kept)
    assert feed((1,), 4, 0, fact)[0].items == [1, 2, 4], "the bound feed stays valid"


def test_snapshots_keep_the_order_of_keys_and_what_lingers():
    pair = Pair(a.throttle("10s").by("partition", max_keys=2))
    pair.go(Fact("a", partition="x"), 1, Fact("a", partition="y"))
    pair.reopen()
    assert pair.items(Fact("a", partition="x"), 9) == [[2]], "x keeps its period"


def test_drop_all_drops_what_is_pending_and_leaves_clocks_and_silences():
    circuit = CompiledTrigger(a.batch(max_wait="3s") & absent(b, for_="5s") & every("9s"))
    circuit.arm(0, number=1)
    circuit.feed((0,), 1, SECOND, None)
    circuit.drop_all("redefined")
    circuit._check()
    assert circuit.counts()[0].dropped == {"redefined": 1} and circuit.due == 5 * SECOND
    assert circuit.pending() == []


def test_leaf_parts_are_sources_first():
    circuit = CompiledTrigger((every("5s") | a) & absent(completed("p"), for_="1h", after=b) & completed("q", task="t"))
    assert [leaf.text for leaf in circuit.leaves] == [
        "rd.updated('a')",
        "rd.completed('p')",
        "rd.updated('b')",
        "rd.completed('q', task='t')",
    ]
    assert [leaf.index for leaf in circuit.parts] == list(range(6))
    silence = "rd.absent(rd.completed('p'), for_='1h', after=rd.updated('b'))"
    assert tuple(leaf.text for leaf in circuit.parts[4:]) == ("rd.every('5s')", silence)
    assert circuit.needs_event is False


def test_needs_event_says_when_the_event_must_be_given():
    assert [
        CompiledTrigger(t).needs_event for t in (a, a & b, (a & b).map(len), a.where(rows), (a & b).by("partition"))
    ] == [
        False,
        False,
        False,
        True,
        True,
    ]


def test_a_kind_that_forgets_a_fact_is_refused_when_its_class_is_made():
    with pytest.raises(TypeError, match="must say gathers"):

        class Silent(Trigger):
            kind = "silent"

    with pytest.raises(TypeError, match=r"must have a method cell\(around\)"):

        class Bare(Trigger):
            kind, gathers = "bare", False

    with pytest.raises(TypeError, match="and so is that of Batch"):

        class Twice(Trigger):
            kind, gathers = "batch", False

    assert not {"silent", "bare"} & Trigger.by_kind.keys()


def test_plain_data_comes_back():
    silence = Mark("absent", 1, 2, "b", 1)
    for value in (3, "x", (1, [2, (3,)]), Mark("tick", 5, 2), Mapped({"t": [1]}, (silence, 4)), None, 1.5):
        assert unpack(msgspec.json.decode(msgspec.json.encode(pack(value)))) == value


def test_time_only_from_the_caller():
    """Nothing in a trigger reads a clock: the same calls give the same firings."""
    runs = []
    for _ in range(2):
        circuit = CompiledTrigger(a.batch(count=3, max_wait="5s").throttle("10s"))
        fired = []
        for item in range(50):
            now = item * SECOND
            while circuit.due <= now:
                fired += circuit.step(circuit.due) or ()
            fired += circuit.feed((0,), item, now, None) or ()
        runs.append([firing.items for firing in fired])
    assert runs[0] == runs[1] and sum(map(len, runs[0])) + len(circuit.pending()) == 50
