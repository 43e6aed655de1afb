"""The compiled window gives what the reference gives, instance by instance."""

from __future__ import annotations

from collections import Counter
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import reactive_dag as rd
from reactive_dag.interop.examples import open_example
from reactive_dag.model.errors import UsageError
from reactive_dag.whatif.loops.answering import window_of
from reactive_dag.whatif.simulation import Simulation
from reactive_dag.whatif.window.arrays import END, START, WAIT
from tests.support.profiles import examples
from tests.support.windows import nothing, of_reference, of_window, question


def compared(seed: int) -> str:
    """How a drawn question was answered, and a chain of further ones; an assertion where the reference says else."""
    r = Random(seed)
    found = question(r)
    if found is None:
        return "refused"
    simulation, changes = found
    first = method = simulation.method
    for change in [(), *changes]:
        simulation = simulation.what_if(*change) if change else simulation
        method = simulation.method
        if simulation.answer is not None:
            got, want = of_window(simulation.answer.window, simulation.answer.ends), of_reference(simulation)
            assert got == want, (seed, change, list((want - got).items())[:3], list((got - want).items())[:3])
    if simulation.answer is not None:
        anew = Simulation(simulation.question)
        assert anew.answer is not None and anew.answer.window is simulation.answer.window
        assert anew.answer.ends.begin == simulation.answer.ends.begin
        assert anew.answer.ends.end == simulation.answer.ends.end
    return f"{first.evaluator}, {method.evaluator}"


@settings(max_examples=examples(120), deadline=None)
@given(seed=st.integers(0, 10**9))
def test_W31_the_window_equals_the_reference(seed: int) -> None:
    compared(seed)


def test_W30_most_drawn_graphs_are_static() -> None:
    found = Counter(compared(seed) for seed in range(40))
    assert found["one pass, one pass"] + found["one pass, incremental"] > 12, found


def test_W32_a_further_question_says_what_one_asked_anew_says() -> None:
    graph = rd.Graph("two")
    graph.dag("up", schedule="0 * * * *")(nothing)
    graph.dag("down", on=rd.completed("up"))(nothing)
    base = rd.simulate(graph, start="2026-11-23T00:00Z", until="1d", default_duration="10m")
    late = base.what_if(rd.delay("up", "5m")).what_if(rd.duration("down", "1h"))
    assert (repr(base.method), repr(late.method)) == ("one pass", "incremental")
    anew = Simulation(late.question)
    assert late.answer is not None and anew.answer is not None
    assert (late.answer.ends.begin, late.answer.ends.end) == (anew.answer.ends.begin, anew.answer.ends.end)
    assert of_window(late.answer.window, late.answer.ends) == of_reference(late)


def test_W32_records_cannot_be_played_once_the_graph_has_changed() -> None:
    graph = rd.Graph("changed")
    graph.dag("a", schedule="0 * * * *")(nothing)
    base = rd.simulate(graph, start="2026-11-23T00:00Z", until="1d", default_duration="10m")
    graph.dag("b", schedule="0 * * * *")(nothing)
    with pytest.raises(UsageError, match="graph 'changed' has changed since this simulation"):
        base.why("a")
    assert base.what_if(rd.delay("b", "5m")).why("b").text


def test_W40_a_tick_behind_the_end_of_its_dag_never_comes_though_it_lies_behind_until_too() -> None:
    graph = rd.Graph("ended")
    graph.dag("up", schedule="0 6 * * *", end="2026-11-20")(nothing)
    down = graph.dag("down", schedule="0 2 * * *")
    down.wait_for("up", match="same_day")
    simulation = rd.simulate(graph, start="2026-11-23T00:00Z", until="4h", default_duration="10m")
    (run,) = simulation.runs
    assert run.state == "failed" and "no run of up will have that date" in str(run.tasks["wait_up"].error)


@pytest.fixture(scope="module")
def estate() -> rd.Graph:
    return open_example("mozilla").graph


def test_W31_the_estate_equals_the_reference(estate: rd.Graph) -> None:
    lengths = rd.spread_durations("5m", "40m")
    base = rd.simulate(estate, start="2026-11-23T00:00Z", until="1d", default_duration=lengths)
    assert base.answer is not None and base.method.evaluator == "one pass"
    assert of_window(base.answer.window, base.answer.ends) == of_reference(base)


@pytest.mark.parametrize("lengths", [("5m", "40m"), ("1s", "3h")], ids=str)
def test_W31_the_estate_equals_the_reference_under_scenarios(estate: rd.Graph, lengths: tuple[str, str]) -> None:
    r = Random(f"{lengths}")
    spread = rd.spread_durations(*lengths)
    base = rd.simulate(estate, start="2026-11-23T00:00Z", until="1d", default_duration=spread)
    dags = [dag.id for dag in estate.dags.values() if dag.triggers]
    ties = 0
    for _ in range(examples(10, nightly=150)):
        simulation = base
        for _ in range(r.randrange(1, 4)):
            dag = r.choice(dags)
            task = r.choice(list(estate.dags[dag].tasks.values()))
            changes = [
                rd.delay(dag, f"{r.randrange(1, 600)}m"),
                rd.delay(f"{dag}.{task.id}", f"{r.randrange(1, 300)}m"),
            ]
            if task.kind == "task":
                changes.append(rd.duration(f"{dag}.{task.id}", f"{r.randrange(900)}m"))
            simulation = simulation.what_if(r.choice(changes))
        if simulation.answer is None:
            assert "at one instant" in simulation.method.why
            ties += 1
        else:
            assert of_window(simulation.answer.window, simulation.answer.ends) == of_reference(simulation)
    assert ties < 3


def test_nodes_stand_behind_all_that_they_follow(estate: rd.Graph) -> None:
    base = rd.simulate(estate, start="2026-11-23T00:00Z", until="6h", default_duration="5m")
    window = window_of(base.question)
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
