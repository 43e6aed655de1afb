"""The timeout of a whole run (R17): live, after a crash, simulated, and as a DAG that is one function takes it."""

from __future__ import annotations

from pathlib import Path
from threading import Event

import pytest

import reactive_dag as rd
from reactive_dag.engine.drive import turn as turn_module
from reactive_dag.model.records import Cancelled, RunFinished
from tests.support.engines import kill, live, of_kind, opened, parts, states

START = "2026-11-23T00:00Z"


def etl(timeout: str = "90m") -> rd.Graph:
    """Three tasks in a row, of which the second is tried again each hour for a day."""
    graph = rd.Graph("timeouts")
    job = graph.dag("job", schedule="0 1 * * *", timeout=timeout)
    job.add(lambda: 1, id="extract")

    @job.task(retries=24, retry_delay="1h")
    def load(extract: int) -> None:
        raise ConnectionError("not now")

    job.add(lambda load: None, id="tell")
    job.add(lambda: None, id="always", after=["load"], trigger_rule="all_done")
    graph.dag("alert", on=rd.completed("job", states="failed")).add(lambda: None, id="t")
    return graph


def check(engine: rd.Engine) -> None:
    """The run of the day failed at half past two, and what had ended by then stays."""
    (run,) = engine.runs("job")
    assert (run.state, run.error) == ("failed", "timed out after 1h30m")
    assert f"{run.ended:%H:%M}" == "02:30"
    assert {task.id: task.state for task in run.tasks.values()} == {
        "extract": "success", "load": "cancelled", "tell": "cancelled", "always": "cancelled",
    }  # fmt: skip
    assert run.tasks["tell"].error == "timed out after 1h30m" and run.tasks["extract"].output == 1
    assert "timed out after 1h30m" in str(engine.why(run)) and "timed out" in repr(run)
    assert states(engine, "alert") == ["success"]


def test_R17_what_has_not_ended_by_the_timeout_is_cancelled_and_the_run_failed() -> None:
    with live(etl()) as engine:
        engine.advance("5h")
        check(engine)
        assert [record.state for record in of_kind(engine, Cancelled)] == ["failed"]


def test_R17_it_counts_from_the_beginning_of_the_run_and_not_from_its_request() -> None:
    graph = rd.Graph("queued")
    job = graph.dag("job", timeout="1h", max_active_runs=1)
    job.add(lambda: 1 / 0, id="t", retries=1, retry_delay="1d")
    with live(graph) as engine:
        first, second = engine.start("job"), engine.start("job")
        engine.advance("90m")
        assert (first.state, second.state) == ("failed", "running")
        assert second.started == first.ended
        engine.advance("1h")
        assert second.state == "failed"


def test_R17_a_run_that_is_done_in_time_has_no_timer_left() -> None:
    graph = rd.Graph("in time")
    graph.dag("job", timeout="1h").add(lambda: None, id="t")
    with live(graph) as engine:
        run = engine.start("job")
        engine.run_until_idle()
        assert run.state == "success" and not parts(engine).fold.runs.timeouts.timers
        engine.advance("2h")
        assert run.state == "success" and not of_kind(engine, Cancelled)


def test_R17_at_one_instant_the_timeout_comes_before_a_result_and_a_cancelled_run_stays_so() -> None:
    late = rd.simulate(etl("10m"), start=START, until="1d", durations={"extract": "10m"}, default_duration="1m")
    assert (late.runs[0].state, late.runs[0].tasks["extract"].state) == ("failed", "cancelled")
    with live(etl()) as engine:
        engine.advance("61m")
        engine.cancel(engine.runs("job")[0])
        engine.advance("5h")
        assert states(engine, "job") == ["cancelled"] and not engine.runs("alert")


def test_R17_bodies_are_told_and_a_wait_ends_too() -> None:
    graph, began, left = rd.Graph("told"), Event(), []
    job = graph.dag("job", timeout="1h")
    job.wait_for("other", match="latest", timeout="9h")
    graph.dag("other").add(lambda: None, id="t")

    @job.task
    async def slow(run: rd.Run) -> None:
        import asyncio

        began.set()
        try:
            await asyncio.Event().wait()
        finally:
            left.append(run.cancelled)

    clock = rd.VirtualClock(START)
    with live(graph, runner=rd.ThreadRunner(2), clock=clock) as engine:
        run = engine.start("job", logical_date="2026-11-23")
        with parts(engine).loop.driving():
            parts(engine).loop.settle()
            assert began.wait(30)
            clock.advance_to(parts(engine).fold.timers.due)
            parts(engine).loop.settle()
        engine.run_until_idle()
        assert left == [True] and run.state == "failed"
        assert {task.state for task in run.tasks.values()} == {"cancelled"}


@pytest.mark.parametrize("every", [50_000, 1])
@pytest.mark.parametrize("down", ["1h", "20h"])
def test_R17_a_timeout_counts_on_while_nobody_is_there(
    tmp_path: Path, every: int, down: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(turn_module, "SNAPSHOT_EVERY", every)
    first = opened(etl(), tmp_path / "s.db")
    first.advance("100m")
    assert states(first, "job") == ["running"]
    kill(first)
    clock = rd.VirtualClock(START)
    clock.advance_to(parts(first).fold.clock.now() + rd.model.times.parse_duration(down))
    with live(etl(), tmp_path / "s.db", clock=clock) as engine:
        engine.run_until_idle()
        (run,) = engine.runs("job")
        assert (run.state, run.error) == ("failed", "timed out after 1h30m")
        assert [record.state for record in of_kind(engine, RunFinished) if record.dag == "job"] == ["failed"]


def test_R17_a_simulation_times_out_alike() -> None:
    graph = rd.Graph("simulated")
    job = graph.dag("job", schedule="0 1 * * *", timeout="25m")
    for at in range(4):
        job.add(lambda: None, id=f"t{at}", after=[f"t{at - 1}"] if at else [])
    (run,) = rd.simulate(graph, start=START, until="1d", default_duration="10m").runs
    assert (run.state, run.error, f"{run.ended:%H:%M}") == ("failed", "timed out after 25m", "01:25")
    assert [task.state for task in run.tasks.values()] == ["success", "success", "cancelled", "cancelled"]


def test_R17_a_dag_that_is_one_function_gives_its_timeout_to_its_task() -> None:
    graph = rd.Graph("function")

    @graph.dag(timeout="10m", retries=1)
    def job() -> None: ...

    assert job.timeout is None and job.tasks["job"].timeout == 600 * 10**9
    many = graph.dag("many", timeout="2h")
    many.add(lambda: None, id="a")
    assert many.timeout == 7200 * 10**9 and many.tasks["a"].timeout is None
    again = rd.Graph.from_json(graph.to_json())
    assert again.to_json() == graph.to_json()
    assert again.dags["many"].timeout == many.timeout and again.dags["job"].tasks["job"].timeout == 600 * 10**9
    for wrong in ("0s", "-1m", 7, "soon"):
        with pytest.raises(rd.InvalidValue, match="timeout"):
            graph.dag("wrong", timeout=wrong)  # type: ignore[arg-type]
