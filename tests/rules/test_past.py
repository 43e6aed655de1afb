"""`depends_on_past`: a task waits for its own success in the run before (R14)."""

from __future__ import annotations

import reactive_dag as rd
from tests.support.engines import live, states


def nothing(run):
    return None


# ------------------------------------------------------------------------------------------------------ R14


def past(**options):
    graph = rd.Graph("runs")
    fail_on = options.pop("fail_on", ())

    @graph.dag(schedule="0 0 * * *", depends_on_past=True, **options)
    def job(run):
        if f"{run.logical_date:%d}" in fail_on:
            raise rd.SkipTask("no rows") if options.get("description") else ValueError("broken")

    return graph


def test_R14_the_first_run_is_exempt_and_each_waits_for_the_one_before():
    with live(past()) as engine:
        engine.advance("3d")
        assert states(engine, "job") == ["success"] * 3


def test_R14_a_failed_past_is_waited_for_while_the_run_is_running():
    with live(past(fail_on=["25"])) as engine:
        engine.advance("4d")
        assert states(engine, "job") == ["success", "failed", "running", "running"]
        assert engine.runs("job")[0].tasks == {}


def test_R14_a_skipped_past_satisfies():
    with live(past(fail_on=["25"], description="skips")) as engine:
        engine.advance("4d")
        assert states(engine, "job") == ["success", "skipped", "success", "success"]


def test_R14_a_success_of_the_past_lets_the_next_go_on():
    graph = rd.Graph("runs")
    dag = graph.dag("job", schedule="0 0 * * *")
    up = dag.wait_for("gate", timeout="30d")
    dag.add(nothing, id="work", after=[up], depends_on_past=True)
    gate = graph.dag("gate")
    gate.add(nothing, id="open")
    with live(graph) as engine:
        engine.advance("2d")
        engine.start("gate", logical_date="2026-11-25")
        engine.run_until_idle()
        assert states(engine, "job") == ["running", "running"], "the second could go, and the first has not yet"
        engine.start("gate", logical_date="2026-11-24")
        engine.run_until_idle()
        assert states(engine, "job") == ["success", "success"]
        first, second = reversed(engine.runs("job"))
        assert first._offset < second._offset


def test_R14_a_run_that_is_only_requested_counts():
    graph = rd.Graph("runs")
    dag = graph.dag("job", max_active_runs=2)
    up = dag.wait_for("gate", timeout="30d", missing="wait", logical_date=["2026-01-01"])
    dag.add(nothing, id="work", after=[up])
    dag.add(nothing, id="strict", depends_on_past=True)
    with live(graph) as engine:
        for day in ("2026-11-20", "2026-11-25", "2026-11-24"):
            engine.start("job", logical_date=day)
        engine.run_until_idle()
        first, second, queued = reversed(engine.runs("job"))
        assert (first.tasks["strict"].state, queued.state) == ("success", "queued")
        assert "strict" not in second.tasks, "of the lower dates the third is the newest requested"
