"""The compiled window gives what the reference gives, instance by instance."""

from __future__ import annotations

from collections import Counter
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import reactive_dag as rd
from reactive_dag.interop.examples import open_example
from reactive_dag.whatif.window.arrays import END, START, WAIT, Window
from reactive_dag.whatif.window.compile import compile_window
from reactive_dag.whatif.window.limits import what_binds
from reactive_dag.whatif.window.one_pass import one_pass
from reactive_dag.whatif.window.white_list import NotStatic
from tests.support.profiles import examples
from tests.support.windows import of_reference, of_window, question, values_of


def window_of(simulation: rd.Simulation) -> Window:
    asked = simulation.question
    return compile_window(asked.graph, asked.start, asked.until, asked.sources)


def compared(seed: int) -> str:
    """Whether one drawn question is answered equally; else why it was not asked."""
    found = question(Random(seed))
    if found is None:
        return "refused"
    base, changes = found
    try:
        window = window_of(base)
    except NotStatic:
        return "not static"
    for simulation in (base, base.what_if(*changes)):  # type: ignore[arg-type]
        ends = one_pass(window, values_of(window, simulation))
        if ends.tie >= 0 or what_binds(window, values_of(window, simulation), ends):
            return "tie" if ends.tie >= 0 else "binds"
        got, want = of_window(window, ends), of_reference(simulation)
        assert got == want, (seed, changes, list((want - got).items())[:3], list((got - want).items())[:3])
    return "equal"


@settings(max_examples=examples(120), deadline=None)
@given(seed=st.integers(0, 10**9))
def test_W31_one_pass_equals_the_reference(seed: int) -> None:
    compared(seed)


def test_W30_most_drawn_graphs_are_static() -> None:
    found = Counter(compared(seed) for seed in range(40))
    assert found["equal"] > 15, found


@pytest.fixture(scope="module")
def estate() -> rd.Graph:
    return open_example("mozilla").graph


def test_W31_the_estate_equals_the_reference(estate: rd.Graph) -> None:
    lengths = rd.spread_durations("5m", "40m")
    base = rd.simulate(estate, start="2026-11-23T00:00Z", until="1d", default_duration=lengths)
    window = window_of(base)
    ends = one_pass(window, values_of(window, base))
    assert ends.tie < 0 and of_window(window, ends) == of_reference(base)


def test_nodes_stand_behind_all_that_they_follow(estate: rd.Graph) -> None:
    base = rd.simulate(estate, start="2026-11-23T00:00Z", until="6h", default_duration="5m")
    window = window_of(base)
    kinds = window.kind.tolist()
    for node in range(window.size):
        candidates = window.candidates[node] or ()
        assert all(need < node for need in window.needs[node])
        assert all(awaited < node and start < node for awaited, start in candidates)
        assert (kinds[node] == WAIT) == (window.candidates[node] is not None)
        assert all(node in window.follows[need] for need in window.needs[node])
        assert all(node in window.watches[each] for pair in candidates for each in pair)
    level = [0] * window.size
    for number, (low, high) in enumerate(zip(window.level_ptr.tolist(), window.level_ptr.tolist()[1:])):
        level[low:high] = [number] * (high - low)
    assert all(level[need] < level[node] for node in range(window.size) for need in window.needs[node])
    assert [kinds[each] for each in window.run_start] == [START] * window.runs
    assert [kinds[each] for each in window.run_end] == [END] * window.runs
