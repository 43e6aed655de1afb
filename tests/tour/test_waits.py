"""The tour's section 3: waiting inside a DAG, as it is written there."""

from __future__ import annotations

from datetime import timedelta

import pytest

import reactive_dag as rd
from tests.support.engines import live


def graph_with(**asked):
    """`ingest` of two tasks on a clock, and `build` that waits for it and says what it was given."""
    graph = rd.Graph("waits")
    ingest = graph.dag("ingest", schedule="0 2 * * *")
    ingest.add(lambda run: {"rows": 10}, id="ingest")
    ingest.add(lambda ingest: ingest["rows"], id="load")
    build = graph.dag("build", schedule="0 3 * * *")
    return graph, build, build.wait_for("ingest", **asked)


@pytest.mark.parametrize(
    ("asked", "id"),
    [({}, "wait_ingest"), ({"task": "load"}, "wait_ingest_load"), ({"task": "load", "id": "up"}, "up")],
)
def test_a_wait_is_a_task_with_a_name_of_its_own(asked, id):
    _, build, up = graph_with(**asked)
    assert up.id == id and up.kind == "wait" and build.tasks[id] == up


def test_a_wait_takes_everything_that_the_tour_names():
    _, _, up = graph_with(
        task="ingest", states={"success"}, failed_states={"failed", "upstream_failed", "cancelled"},
        skipped_states=set(), logical_date=timedelta(hours=1), match="exact", timeout="1h", poll="1m", mode="push",
        soft_fail=False, since=None, missing="error", after=[],
    )  # fmt: skip
    assert up.wait.tasks == ("ingest",) and up.wait.failed_states == {"failed", "upstream_failed", "cancelled"}
    assert (up.wait.match, up.wait.mode, up.wait.missing, up.wait.soft_fail) == ("exact", "push", "error", False)


@pytest.mark.parametrize("spec", ["same_day", "latest", "1h", lambda date: date - timedelta(hours=1)])
def test_what_follows_a_wait_gets_the_awaited_run(spec):
    asked = {"match": spec} if spec in ("same_day", "latest") else {"logical_date": spec}
    graph, build, _ = graph_with(tasks=["ingest", "load"], timeout="6h", id="up", **asked)
    build.add(lambda up: [up.dag, up.state, up.tasks["load"].output], id="go")
    with live(graph) as engine:
        engine.advance("4h")
        (run,) = engine.runs("build")
        assert run.state == "success" and run.tasks["go"].output == ["ingest", "success", 10]


def test_after_a_wait_there_is_order_without_data():
    graph, build, up = graph_with(match="same_day", timeout="6h")
    build.add(lambda run: "went", id="go", after=[up])
    with live(graph) as engine:
        engine.pause("ingest")
        engine.advance("4h")
        (run,) = engine.runs("build")
        assert run.state == "running" and "go" not in run.tasks
        (waiting,) = engine.pending("build").waits
        assert (waiting.task, waiting.dag) == ("wait_ingest", "ingest")
        engine.resume("ingest")
        engine.run_until_idle()
        assert run.tasks["go"].output == "went"


@pytest.mark.parametrize("soft_fail", [False, True])
def test_a_wait_that_lasts_too_long_fails_or_is_skipped(soft_fail):
    graph, build, up = graph_with(timeout="1h", soft_fail=soft_fail)
    build.add(lambda run: 1, id="go", after=[up])
    with live(graph) as engine:
        engine.advance("4h")
        (run,) = engine.runs("build")
        assert run.tasks["wait_ingest"].state == ("skipped" if soft_fail else "failed")
        assert run.state == ("skipped" if soft_fail else "failed")
