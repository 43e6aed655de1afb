"""Compiled triggers, by fast paths and without, against the naive model: on random triggers and histories."""

from __future__ import annotations

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reactive_dag.model.calendar import day
from reactive_dag.model.records import Mark
from reactive_dag.model.times import SECOND
from reactive_dag.triggers.functions.by import By
from reactive_dag.triggers.functions.map import Map
from reactive_dag.triggers.functions.where import Where
from reactive_dag.triggers.joins.all_of import AllOf
from reactive_dag.triggers.joins.any_of import AnyOf
from reactive_dag.triggers.joins.at_least import AtLeast
from reactive_dag.triggers.joins.sequence import Sequence
from reactive_dag.triggers.joins.with_latest import WithLatest
from reactive_dag.triggers.keys import JoinKey
from reactive_dag.triggers.leaves.absent import Absent
from reactive_dag.triggers.leaves.completed import completed
from reactive_dag.triggers.leaves.dataset import updated
from reactive_dag.triggers.leaves.schedule import Scheduled, every
from reactive_dag.triggers.machine.compiled import CompiledTrigger
from reactive_dag.triggers.walks import walk
from reactive_dag.triggers.windows.batch import Batch
from reactive_dag.triggers.windows.debounce import Debounce
from reactive_dag.triggers.windows.reset import Reset
from reactive_dag.triggers.windows.throttle import Throttle
from reactive_dag.triggers.windows.within import Within
from tests.support.driving import Pair, facts, hits, operations, sources_of
from tests.support.profiles import examples
from tests.support.strategies import DAGS, DATASETS, is_even, several, third, total, triggers

thorough = settings(max_examples=examples(100), deadline=None, suppress_health_check=list(HealthCheck))
LEAVES = [updated(dataset) for dataset in DATASETS[:3]]
SECONDS = [SECOND, 2 * SECOND, 3 * SECOND, 10 * SECOND]


TICKS = [every("3s"), every("5s")]


def holds(trigger):
    return any(found.holds for found in walk(trigger))


@st.composite
def rich(draw, depth=2, leaves=tuple(LEAVES), calls=True):
    """Triggers that fire often: every level is a combinator, and most leaves take what comes."""

    def below():
        if depth > 1 and draw(st.integers(0, 2)):
            return draw(rich(depth - 1, leaves, calls))
        return draw(st.sampled_from(leaves))

    def parts(least):
        found = list(dict.fromkeys(below() for _ in range(draw(st.integers(least, 3)))))
        return found or [below()]

    def spans():
        return draw(st.sampled_from(SECONDS))

    def composite(kind):
        of = parts(2)
        if kind == "all_of":
            return AllOf(of, draw(st.sampled_from(["all", "latest", "each"])))
        if kind == "at_least":
            return AtLeast(of, n=draw(st.integers(1, len(of))))
        return Sequence([*of, draw(st.sampled_from(of))]) if kind == "sequence" else AnyOf(of)

    def keyed(part):
        clock = any(isinstance(found, Scheduled) for found in walk(part))
        keys = ["logical_date", day(), *([] if clock else ["partition", "partition", third, several])]
        found = draw(st.lists(st.sampled_from(keys), min_size=1, max_size=2, unique_by=str))
        undated = draw(st.sampled_from(["arrival", None])) if day() in found else None
        most, ttl = draw(st.sampled_from([1, 2, 100])), draw(st.sampled_from([None, None, 5 * SECOND]))
        return By(part, tuple(found), most, ttl, undated)

    makers = {
        "all_of": lambda: composite("all_of"),
        "at_least": lambda: composite("at_least"),
        "sequence": lambda: composite("sequence"),
        "any_of": lambda: composite("any_of"),
        "within": lambda: Within(composite(draw(st.sampled_from(["all_of", "at_least", "sequence"]))), spans()),
        "batch": lambda: Batch(below(), draw(st.integers(1, 3)), draw(st.sampled_from([None, *SECONDS]))),
        "window": lambda: Batch(below(), None, spans()),
        "debounce": lambda: Debounce(below(), spans(), draw(st.sampled_from([None, *SECONDS]))),
        "throttle": lambda: Throttle(below(), spans()),
        "by": lambda: keyed(below()),
        "absent": lambda: Absent(below(), spans(), None, below() if draw(st.booleans()) else None),
        "absent_at": lambda: Absent(below(), None, every("5s"), below() if draw(st.booleans()) else None),
        "with_latest": lambda: WithLatest(below(), tuple(below() for _ in range(draw(st.integers(1, 2))))),
        "reset": lambda: Reset(draw(rich(depth, leaves, False).filter(holds)), at=draw(st.sampled_from(TICKS))),
        "where": lambda: Where(below(), is_even),
        "map": lambda: Map(below(), total),
    }
    names = [name for name in makers if calls or name not in ("where", "map")]
    return makers[draw(st.sampled_from([*names, "by", "all_of", "sequence", "at_least"]))]()


WITH_CLOCKS = (*LEAVES, *LEAVES, every("3s"), updated("a", kinds="deleted"), completed("p", states="any"))


def play(trigger, data, faults=False, **options):
    pair = Pair(trigger, **options)
    for operation in data.draw(operations(sources_of(trigger), faults, min_size=15)):
        pair.play(operation)


@thorough
@given(triggers(), st.data(), st.booleans())
def test_circuit_equals_naive_model(trigger, data, fast):
    play(trigger, data, fast=fast)


@thorough
@given(rich(), st.data())
def test_circuit_equals_naive_model_on_two_levels(trigger, data):
    play(trigger, data)


@thorough
@given(rich(3, WITH_CLOCKS), st.data())
def test_circuit_equals_naive_model_on_three_levels_with_clocks(trigger, data):
    play(trigger, data)


@thorough
@given(rich(2, WITH_CLOCKS), st.data(), st.integers(1, 3))
def test_circuit_equals_naive_model_with_little_room(trigger, data, max_pending):
    play(trigger, data, max_pending=max_pending)


@thorough
@given(rich(3, WITH_CLOCKS), st.data())
def test_T10_circuit_equals_naive_model_with_functions_that_raise(trigger, data):
    play(trigger, data, faults=True, faulty=3)


def fast_triggers():
    leaves = [updated(dataset) for dataset in DATASETS] + [completed(dag) for dag in DAGS]
    several = st.lists(st.sampled_from(leaves), min_size=2, max_size=3, unique=True)
    joins = several.map(lambda parts: parts[0] & parts[1] if len(parts) == 2 else parts[0] & parts[1] & parts[2])
    keys = st.sampled_from(["partition", "logical_date", JoinKey("date+cascade"), JoinKey("date")])
    return st.one_of(
        st.sampled_from(leaves),
        several.map(lambda parts: parts[0] | parts[1]),
        joins,
        st.builds(Batch, st.sampled_from(leaves), st.integers(1, 4), st.sampled_from([None, 10**9])),
        st.builds(lambda part, key, most: By(part, (key,), most), joins, keys, st.sampled_from([1, 2, 100])),
    )


@thorough
@given(fast_triggers(), st.data(), st.integers(1, 4))
def test_fast_path_equals_naive_model(trigger, data, max_pending):
    pair = Pair(trigger, max_pending=max_pending)
    fast = pair.circuit.feed.__name__ == "feed"
    assert fast or (isinstance(trigger, Batch) and trigger.count > max_pending)
    for operation in data.draw(operations(sources_of(trigger), min_size=15)):
        pair.play(operation)


@thorough
@given(rich(3, WITH_CLOCKS), st.lists(facts(["a", "b", "c"]), min_size=5, max_size=20))
def test_law_same_facts_same_outcome(trigger, history):
    """A circuit that was saved and reopened after every fact ends in the canonical form of one that never was."""
    steady, reopened = Pair(trigger), Pair(trigger)
    for fact in history:
        for pair in (steady, reopened):
            pair.publish(fact)
            pair.advance(10**9)
        reopened.reopen()
    assert steady.circuit.canonical(Pair.name) == reopened.circuit.canonical(Pair.name)


@thorough
@given(rich(3, WITH_CLOCKS), st.lists(facts(["a", "b", "c"]), min_size=5, max_size=20), st.integers(1, 100))
def test_law_canonical_form_holds_no_offset(trigger, history, shift):
    """The same facts at other offsets: the same canonical form."""
    forms = []
    for base in (0, shift):
        known = {}

        def name(item, known=known):
            return f"{item.kind}:{item.due}:{item.by}" if isinstance(item, Mark) else known[item]

        circuit = CompiledTrigger(trigger, ask=lambda *asked: True, identity=name)
        circuit.arm(0, number=1)
        for number, fact in enumerate(history):
            item = base + number * (1 + base)
            known[item] = f"identity {number}"
            while circuit.due <= number * SECOND:
                circuit.step(circuit.due)
            if found := hits(circuit, fact):
                circuit.feed(found, item, number * SECOND, fact)
        forms.append(circuit.canonical(name))
    assert forms[0] == forms[1]
