"""Reruns of mapped tasks: single instances are done again, the others keep their ends (R10, R7)."""

from __future__ import annotations

import pytest

import reactive_dag as rd
from tests.support.engines import kill, live, opened, parts

BAD: set[str] = set()
"""The instances that fail."""


def graph_of(ran: list[str], **options: object) -> rd.Graph:
    """rows, each over it, inner over each, total; `ran` takes what executes."""
    graph = rd.Graph("rounds")
    out, dag = graph.dataset("out"), graph.dag("job")

    def said(run: rd.Run) -> str:
        ran.append(run.task)
        if run.task in BAD:
            raise ValueError("no")
        return f"{run.task} {run.round}"

    def each(run, rows):
        if rows == "tells":
            run.publish(out, extra=run.round)
        return said(run)

    dag.add(lambda run: said(run) and ["a", "tells", "c"], id="rows")
    dag.add(each, map_over="rows", outlets=[out])
    dag.add(lambda run: said(run), id="inner", map_over="each")
    dag.add(lambda run, inner: [said(run), *inner], id="total")
    return graph


@pytest.fixture(autouse=True)
def bad():
    BAD.clear()
    yield BAD
    BAD.clear()


def test_R10_only_failed_does_failed_instances_again():
    ran: list[str] = []
    with live(graph_of(ran)) as engine:
        BAD.add("each[2]")
        run = engine.start("job")
        engine.run_until_idle()
        assert run.state == "failed" and run.tasks["inner"].state == "upstream_failed"
        assert engine.events("out") == []
        BAD.clear()
        ran.clear()
        engine.rerun(run, only="failed")
        engine.run_until_idle()
        assert ran == ["each[2]", "inner[0]", "inner[1]", "inner[2]", "total"] and run.state == "success"
        assert run.tasks["each"].output == ["each[0] 1", "each[1] 1", "each[2] 2"]
        attempts = [[(a.round, a.state) for a in one.attempts] for one in run.tasks["each"].instances]
        assert attempts == [[(1, "success")], [(1, "success")], [(1, "failed"), (2, "success")]]
        assert [event.extra for event in engine.events("out")] == [1], "what a kept instance said is published"


def test_R10_a_named_instance_is_done_again_with_what_is_mapped_over_it_and_what_follows():
    ran: list[str] = []
    with live(graph_of(ran)) as engine:
        run = engine.start("job")
        engine.run_until_idle()
        ran.clear()
        engine.rerun(run, tasks=["each[1]"])
        engine.run_until_idle()
        assert ran == ["each[1]", "inner[1]", "total"]
        assert run.tasks["total"].output == ["total 2", "inner[0] 1", "inner[1] 2", "inner[2] 1"]
        ran.clear()
        engine.rerun(run, tasks=["inner[0]", "inner[2]"])
        engine.run_until_idle()
        assert ran == ["inner[0]", "inner[2]", "total"]
        assert run.tasks["inner"].output == ["inner[0] 3", "inner[1] 2", "inner[2] 3"]


@pytest.mark.parametrize("tasks", [["each"], ["rows"], None])
def test_R10_a_mapped_task_as_a_whole_is_done_again(tasks):
    ran: list[str] = []
    with live(graph_of(ran)) as engine:
        run = engine.start("job")
        engine.run_until_idle()
        ran.clear()
        engine.rerun(run, tasks=tasks)
        engine.run_until_idle()
        again = [] if tasks == ["each"] else ["rows"]
        names = [f"{id}[{n}]" for id in ("each", "inner") for n in range(3)]
        assert ran == [*again, *names, "total"] and run.tasks["each"].output[0] == "each[0] 2"


def test_R10_all_instances_kept_gather_at_once():
    ran: list[str] = []
    graph = graph_of(ran)

    def flaky(run):
        ran.append(run.task)
        return 1 / (run.round - 1)

    graph.dags["job"].add(flaky, after="rows")
    graph.dags["job"].add(lambda run, each: ran.append(run.task), id="late", map_over="each", after="flaky")
    with live(graph) as engine:
        run = engine.start("job")
        engine.run_until_idle()
        ran.clear()
        engine.rerun(run, only="failed")
        engine.run_until_idle()
        assert ran == ["flaky", "late[0]", "late[1]", "late[2]"] and run.state == "success"


@pytest.mark.parametrize("snapshot", [False, True])
def test_R10_a_round_of_single_instances_survives_a_crash(tmp_path, snapshot):
    ran: list[str] = []
    graph, store = graph_of(ran), f"sqlite:///{tmp_path / 's.db'}"
    engine = opened(graph, store)
    BAD.add("each[0]")
    run = engine.start("job")
    engine.run_until_idle()
    BAD.clear()
    engine.rerun(run, only="failed")
    if snapshot:
        parts(engine).turn.snapshot_at = -(10**9)
    parts(engine).turn.run()
    kill(engine)
    with live(graph, store) as again:
        again.run_until_idle()
        found = again.runs("job")[0]
        assert found.state == "success" and found.tasks["each"].output[1:] == ["each[1] 1", "each[2] 1"]
        assert ran.count("each[1]") == 1


def test_R10_an_instance_that_is_not_there_is_refused():
    with live(graph_of([])) as engine:
        run = engine.start("job")
        engine.run_until_idle()
        with pytest.raises(rd.UnknownId, match=r"task 'each' has 3 instances, and none is 'each\[3\]'"):
            engine.rerun(run, tasks=["each[3]"])
        with pytest.raises(rd.UnknownId, match="has no task 'eech"):
            engine.rerun(run, tasks=["eech[1]"])
