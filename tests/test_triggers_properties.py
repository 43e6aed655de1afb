"""Circuit, by the short way and by the general one, against the naive model: on random triggers and histories."""

from __future__ import annotations

import os

from driving import Fact, Pair, facts, hits, operations
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from strategies import ALL_FEATURES, DAGS, DATASETS, triggers

from reactive_dag.triggers.batch import Batch
from reactive_dag.triggers.by import By, JoinKey
from reactive_dag.triggers.circuit import Circuit
from reactive_dag.triggers.completed import completed
from reactive_dag.triggers.dataset import updated

SOURCES = [dataset.uri for dataset in DATASETS] + [(dag, task) for dag in DAGS for task in (None, "t")]
DATASET_SOURCES = SOURCES[: len(DATASETS)]
EXAMPLES = int(os.environ.get("TRIGGER_EXAMPLES", "150"))

thorough = settings(
    max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)


def play(trigger, history, **options):
    pair = Pair(trigger, **options)
    for operation in history:
        pair.play(operation)


@thorough
@given(triggers(), operations(SOURCES), st.booleans())
def test_circuit_equals_naive_model(trigger, history, flat):
    play(trigger, history, flat=flat)


@thorough
@given(triggers(2, ALL_FEATURES - {"completions"}), operations(DATASET_SOURCES))
def test_circuit_equals_naive_model_on_shallow_triggers(trigger, history):
    play(trigger, history)


@thorough
@given(triggers(2, {"windows", "consume", "within", "by"}), operations(DATASET_SOURCES), st.integers(1, 3))
def test_circuit_equals_naive_model_with_little_room(trigger, history, max_pending):
    play(trigger, history, max_pending=max_pending)


@thorough
@given(triggers(2, ALL_FEATURES - {"completions"}), operations(DATASET_SOURCES, faults=True))
def test_T10_circuit_equals_naive_model_with_functions_that_raise(trigger, history):
    play(trigger, history, faulty=3)


def flat_triggers():
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
@given(flat_triggers(), operations(SOURCES), st.integers(1, 4))
def test_short_way_equals_naive_model(trigger, history, max_pending):
    pair = Pair(trigger, max_pending=max_pending)
    short = pair.circuit.feed.__name__ == "feed"
    assert short or (isinstance(trigger, Batch) and trigger.count > max_pending)
    for operation in history:
        pair.play(operation)


@thorough
@given(triggers(), st.lists(facts(SOURCES), max_size=12))
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
@given(triggers(2, ALL_FEATURES - {"clocks", "absent"}), st.lists(facts(SOURCES), max_size=12), st.integers(1, 100))
def test_law_canonical_form_holds_no_offset(trigger, history, shift):
    """The same facts at other offsets: the same canonical form."""
    forms = []
    for base in (0, shift):
        circuit, known = Circuit(trigger, ask=lambda *asked: True), {}
        for number, fact in enumerate(history):
            item = base + number * (1 + base)
            known[item] = f"identity {number}"
            if found := hits(circuit, fact):
                circuit.feed(found, item, number * 10**9, fact)
        forms.append(circuit.canonical(known.__getitem__))
    assert forms[0] == forms[1]


def test_a_fact_is_what_the_strategies_functions_read():
    assert Fact("a", extra=2).extra == 2
