"""The records that a window's arrays tell are those that the reference writes, one by one (W59)."""

from __future__ import annotations

import pytest

import reactive_dag as rd
from reactive_dag.interop.examples import open_example
from reactive_dag.model.records import AnyRecord, Tick
from reactive_dag.whatif.answers.stranded import StrandedEvents
from reactive_dag.whatif.answers.unfinished import UnfinishedWork
from tests.support.profiles import QUICK, examples
from tests.support.windows import last_question, nothing

DAY = {"start": "2026-11-23T00:00Z", "until": "1d"}


def of_reference(simulation: rd.Simulation) -> list[AnyRecord]:
    log = simulation.trace.fold.log
    return log.read(0, log.next_offset)


def is_written(simulation: rd.Simulation) -> bool:
    """Whether arrays told the records."""
    return "trace" not in vars(simulation)


def about(run: rd.Run) -> tuple[object, ...]:
    """What a run says of its causes, and of what stands before it."""
    before = run.previous
    return run.events, run.results, run.data_interval, run.dimensions, run.params, before and before.key


def test_W59_records_of_random_windows_are_those_of_the_reference() -> None:
    written = 0
    for seed in range(examples(20, nightly=1500)):
        simulation = last_question(seed)
        if simulation is not None and simulation.answer is not None:
            found = simulation.records
            written += is_written(simulation)
            assert found == of_reference(simulation), seed
    assert written or QUICK


def test_W59_why_of_each_run_of_random_windows_is_that_of_the_reference() -> None:
    written = 0
    for seed in range(examples(8, nightly=300)):
        simulation = last_question(seed)
        if simulation is not None and simulation.answer is not None and simulation.answer.play is None:
            found = [simulation.why(run).to_json() for run in simulation.runs]
            rows = [about(run) for run in simulation.runs]
            written += is_written(simulation)
            known = {run.key: run for run in simulation._inspector.runs()}
            same = [known[run.key] for run in simulation.runs]
            assert found == [simulation._inspector.why(run).to_json() for run in same], seed
            assert rows == [about(run) for run in same], seed
    assert written or QUICK


def test_W59_what_random_windows_leave_unfinished_is_that_of_the_reference() -> None:
    told = 0
    for seed in range(60, 60 + examples(10, nightly=400)):
        simulation = last_question(seed)
        if simulation is not None and simulation.answer is not None:
            found = simulation.pending().rows, simulation.stranded().rows
            told += is_written(simulation) and bool(found[0])
            trace = simulation.trace
            assert [[*found[0]], [*found[1]]] == [
                [*UnfinishedWork(trace.unfinished()).rows], [*StrandedEvents(trace.left()).rows]
            ], seed  # fmt: skip
    assert told or QUICK


def test_W59_what_a_window_leaves_unfinished_is_told_without_the_reference() -> None:
    graph = rd.Graph("open")
    up = graph.dag("up", schedule="0 2 * * *")
    up.add(nothing, id="load", depends_on_past=True)
    never = graph.dag("never", schedule="0 3 * * *")
    never.wait_for("up", logical_date="30m", timeout=None)
    graph.dag("behind", schedule="0 4 * * *").wait_for("never", match="same_day")
    simulation = rd.simulate(graph, **DAY, default_duration="10m")
    rows = {row.dag: row.why for row in simulation.pending()}
    assert rows["never"].endswith("no run yet; the schedule awaited never has such a date")
    assert rows["behind"] == "awaits never is running (same_day 2026-11-23T04:00:00Z)"
    assert not simulation.stranded()
    assert is_written(simulation)
    assert [*simulation.pending()] == [*UnfinishedWork(simulation.trace.unfinished())]


def test_W59_the_estates_records_are_those_of_the_reference() -> None:
    estate = open_example("mozilla").graph
    lengths = rd.spread_durations("5m", "40m")
    base = rd.simulate(estate, **DAY, default_duration=lengths)
    late = base.what_if(rd.delay("bqetl_main_summary", "1h"), rd.duration("bqetl_search", times=2.0))
    for simulation in (base, late):
        assert simulation.method.evaluator in ("one pass", "incremental")
        found = simulation.records
        assert is_written(simulation)
        assert found == of_reference(simulation)


def test_W59_records_of_a_joined_clock_name_what_came_before_its_tick() -> None:
    graph = rd.Graph("mixed")
    orders = graph.dataset("orders", partitions=rd.day("UTC"))
    graph.dag("ingest", schedule="0 2 * * *", outlets=[orders])(nothing)
    graph.dag("both", on=rd.all_of(rd.updated(orders), rd.cron("0 2 * * *")).by("logical_date"))(nothing)
    graph.dag("either", on=rd.any_of(rd.completed("ingest"), rd.cron("0 */6 * * *")))(nothing)
    graph.dag("after", on=rd.completed("both")).wait_for("either", match="latest")
    simulation = rd.simulate(graph, **DAY, default_duration="10m")
    found = simulation.records
    assert is_written(simulation)
    assert found == of_reference(simulation)


def test_W59_what_is_due_as_the_simulation_starts_is_recorded_as_the_reference_does() -> None:
    for others in ((), ("behind",)):
        graph = rd.Graph("first")
        orders = graph.dataset("orders")
        graph.dag("clocked", schedule="0 0 * * *")(nothing)
        for id in others:
            graph.dag(id, on=orders)(nothing)
        sources = {orders: rd.cron("0 0 * * *")}
        simulation = rd.simulate(graph, **DAY, default_duration="0s", sources=sources)
        found = simulation.records
        assert is_written(simulation)
        assert (type(found[len(others) + 1]) is Tick) == (not others)
        assert found == of_reference(simulation)


@pytest.mark.parametrize("refused", ["deadline", "partitions", "keys", "clocks"])
def test_W59_records_that_arrays_do_not_tell_are_the_references(refused: str) -> None:
    graph = rd.Graph("refused")
    zone = rd.values("eu", "us", name="zone")
    up = graph.dag("up", schedule="0 2 * * *", deadline="4h" if refused == "deadline" else None)
    up.add(nothing, id="load", outlets=[graph.dataset("zoned", partitions=zone)] if refused == "partitions" else [])
    down = graph.dag("down", schedule="0 3 * * *")
    down.add(nothing, id="report")
    if refused == "keys":
        graph.dag("keyed", on=rd.all_of(rd.completed("up"), rd.completed("down")).by("partition"))(nothing)
    if refused == "clocks":
        joined = rd.all_of(rd.cron("0 2 * * *"), rd.cron("0 4 * * *")).by(rd.day("UTC"))
        graph.dag("keyed", on=joined)(nothing)
    simulation = rd.simulate(graph, **DAY, default_duration="10m")
    assert simulation.answer is not None
    _ = simulation.records
    assert not is_written(simulation)
