"""Compiled triggers, by fast paths and without, against the naive model: on random triggers and histories."""

from __future__ import annotations

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reactive_dag.model.records import Mark
from reactive_dag.model.times import SECOND
from reactive_dag.triggers.functions.by import By
from reactive_dag.triggers.keys import JoinKey
from reactive_dag.triggers.leaves.completed import completed
from reactive_dag.triggers.leaves.dataset import updated
from reactive_dag.triggers.leaves.schedule import every
from reactive_dag.triggers.machine.compiled import CompiledTrigger
from reactive_dag.triggers.windows.batch import Batch
from tests.support.driving import Pair, facts, hits, operations, sources_of
from tests.support.profiles import examples
from tests.support.strategies import DAGS, DATASETS, dimensioned, triggers

thorough = settings(max_examples=examples(100), deadline=None, suppress_health_check=list(HealthCheck))
LEAVES = [updated(dataset) for dataset in DATASETS[:3]]
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
@given(triggers(2, leaves=LEAVES), st.data())
def test_circuit_equals_naive_model_on_two_levels(trigger, data):
    play(trigger, data)


@thorough
@given(triggers(3, leaves=WITH_CLOCKS), st.data())
def test_circuit_equals_naive_model_on_three_levels_with_clocks(trigger, data):
    play(trigger, data)


@thorough
@given(triggers(2, leaves=WITH_CLOCKS), st.data(), st.integers(1, 3))
def test_circuit_equals_naive_model_with_little_room(trigger, data, max_pending):
    play(trigger, data, max_pending=max_pending)


@thorough
@given(triggers(3, leaves=WITH_CLOCKS), st.data())
def test_T10_circuit_equals_naive_model_with_functions_that_raise(trigger, data):
    play(trigger, data, faults=True, faulty=3)


@thorough
@given(dimensioned(), st.data(), st.booleans())
def test_T19_circuit_equals_naive_model_under_dimensions(trigger, data, fast):
    pair = Pair(trigger, fast=fast)
    for operation in data.draw(operations(sources_of(trigger), min_size=15, dimensions=True)):
        pair.play(operation)


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
@given(triggers(3, leaves=WITH_CLOCKS), st.lists(facts(["a", "b", "c"]), min_size=5, max_size=20))
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
@given(triggers(3, leaves=WITH_CLOCKS), st.lists(facts(["a", "b", "c"]), min_size=5, max_size=20), st.integers(1, 100))
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
