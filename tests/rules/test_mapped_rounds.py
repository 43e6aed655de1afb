"""Reruns and marks of mapped tasks: some instances are done again or marked, others keep their ends (R7, R10, R19)."""

from __future__ import annotations

import pytest

import reactive_dag as rd
from reactive_dag.model.records import Marked
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


def test_R10_a_kept_instance_has_its_attempts_once_however_many_rounds_follow():
    with live(graph_of([])) as engine:
        BAD.add("each[2]")
        run = engine.start("job")
        engine.run_until_idle()
        BAD.clear()
        for only in ("failed", None, None):
            engine.rerun(run, only=only)
            engine.run_until_idle()
        attempts = [[(a.round, a.state) for a in one.attempts] for one in run.tasks["each"].instances]
        later = [(3, "success"), (4, "success")]
        assert attempts[0] == attempts[1] == [(1, "success"), *later]
        assert attempts[2] == [(1, "failed"), (2, "success"), *later]


@pytest.mark.parametrize("task", ["each", "each[1]"])
def test_R19_a_mark_of_a_run_that_has_ended_keeps_the_values_of_the_other_instances(task):
    ran: list[str] = []
    with live(graph_of(ran)) as engine:
        BAD.add("each[1]")
        run = engine.start("job")
        engine.run_until_idle()
        assert run.state == "failed" and run.tasks["total"].state == "upstream_failed"
        ran.clear()
        engine.mark(run, task, "success", "by hand")
        engine.run_until_idle()
        assert (run.state, run.round) == ("success", 2)
        assert run.tasks["each"].output == ["each[0] 1", None, "each[2] 1"]
        assert run.tasks["each[1]"].error == "marked success: by hand"
        assert "each[1]: marked success: by hand" in str(engine.why(run))
        assert ran == ["inner[0]", "inner[1]", "inner[2]", "total"]
        assert [[a.round for a in one.attempts] for one in run.tasks["each"].instances] == [[1], [1], [1]]
        assert len(engine.events("out")) == 1


def test_R19_a_mark_of_one_instance_leaves_the_others_as_they_ended():
    ran: list[str] = []
    with live(graph_of(ran)) as engine:
        BAD.update(("each[0]", "each[1]"))
        run = engine.start("job")
        engine.run_until_idle()
        ran.clear()
        engine.mark(run, "each[1]", "success")
        engine.run_until_idle()
        assert [one.state for one in run.tasks["each"].instances] == ["failed", "success", "success"]
        assert run.tasks["each"].state == "failed" and "1 of 3 instances failed: each[0]" in run.tasks["each"].error
        BAD.clear()
        engine.rerun(run, only="failed")
        engine.run_until_idle()
        assert run.tasks["each"].output == ["each[0] 3", None, "each[2] 1"]
        assert ran == ["each[0]", "inner[0]", "inner[1]", "inner[2]", "total"]


@pytest.mark.parametrize("task", ["each", "each[0]"])
def test_R19_a_mark_of_what_succeeded_keeps_what_succeeded_behind_it(task):
    ran: list[str] = []
    with live(graph_of(ran)) as engine:
        run = engine.start("job")
        engine.run_until_idle()
        ran.clear()
        engine.mark(run, task, "failed", "wrong")
        engine.run_until_idle()
        assert (run.state, run.tasks["each"].state, ran) == ("failed", "failed", [])
        states = [one.state for one in run.tasks["each"].instances]
        assert states == (["success"] * 3 if task == "each" else ["failed", "success", "success"])
        assert run.tasks["inner"].output == ["inner[0] 1", "inner[1] 1", "inner[2] 1"]


def test_R19_behind_an_instance_that_is_marked_what_did_not_succeed_is_done_again():
    ran: list[str] = []
    with live(graph_of(ran)) as engine:
        BAD.update(("inner[1]", "inner[2]"))
        run = engine.start("job")
        engine.run_until_idle()
        BAD.clear()
        ran.clear()
        engine.mark(run, "each[1]", "success")
        engine.run_until_idle()
        assert ran == ["inner[1]"] and run.tasks["inner"].state == "failed"
        assert [one.state for one in run.tasks["inner"].instances] == ["success", "success", "failed"]


def test_R19_an_instance_that_is_gone_when_its_mark_has_its_turn_is_not_marked():
    graph, rows = rd.Graph("rounds"), [1, 2]
    dag = graph.dag("job")
    dag.add(lambda: list(rows), id="rows")
    dag.add(lambda rows: rows, id="each", map_over="rows")
    with live(graph) as engine:
        run = engine.start("job")
        engine.run_until_idle()
        rows.pop()
        engine.rerun(run)
        parts(engine).append(lambda at: Marked(at, run._offset, "each[1]", "failed"))
        engine.run_until_idle()
        assert (run.round, run.state, run.tasks["each"].output) == (3, "success", [1])
        with pytest.raises(rd.UnknownId, match=r"task 'each' has 1 instance, and none is 'each\[1\]'"):
            engine.mark(run, "each[1]", "success")


@pytest.mark.parametrize("snapshot", [False, True])
@pytest.mark.parametrize("task", ["each", "each[0]"])
def test_R19_a_mark_of_an_instance_survives_a_crash(tmp_path, snapshot, task):
    ran: list[str] = []
    graph, store = graph_of(ran), f"sqlite:///{tmp_path / 's.db'}"
    engine = opened(graph, store)
    BAD.add("each[0]")
    run = engine.start("job")
    engine.run_until_idle()
    engine.mark(run, task, "success")
    if snapshot:
        parts(engine).turn.snapshot_at = -(10**9)
    parts(engine).turn.run()
    kill(engine)
    with live(graph, store) as again:
        again.run_until_idle()
        found = again.runs("job")[0]
        assert found.state == "success" and found.tasks["each"].output == [None, "each[1] 1", "each[2] 1"]
        assert ran.count("each[1]") == 1


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
