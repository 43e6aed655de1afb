"""What a run tells of tasks that have not begun, of ids that there are not, and of its cancellation."""

from __future__ import annotations

import pytest

import reactive_dag as rd
from tests.support.engines import live, opened
from tests.support.waiting import D


@pytest.fixture(params=["memory", "sqlite"])
def store(request, tmp_path):
    return None if request.param == "memory" else tmp_path / "s.db"


def graph() -> rd.Graph:
    found = rd.Graph("g")
    dag = found.dag("job", outlets=[rd.Dataset("out", partitions=rd.day("UTC"))])
    dag.add(lambda: [1, 2], id="items")
    dag.add(lambda items: items, id="each", map_over="items")
    dag.wait_for("up", id="wait", timeout="1h", missing="wait", after="each")
    dag.add(lambda: 1, id="last", after="wait")
    return found


def test_R1_a_task_that_has_not_been_touched_is_none_and_one_that_there_is_not_is_told(store):
    engine = opened(graph(), store)
    run = engine.start("job", logical_date=D)
    engine.run_until_idle("10s")
    for _ in range(2):
        last = run.tasks["last"]
        assert (last.state, last.attempts, last.output, last.error, last.log) == ("none", [], None, None, "")
        assert last.to_json()["state"] == "none" and "last" not in run.tasks and run.tasks.get("last") is None
        assert run.tasks["each[1]"].output == 2
        with pytest.raises(rd.UnknownId, match="no task 'lst'; did you mean 'last'"):
            run.tasks["lst"]
        with pytest.raises(
            rd.UnknownId, match=r"task 'each' of run \w+ of 'job' has 2 instances, and none is 'each\[2\]'"
        ):
            run.tasks["each[2]"]
        with pytest.raises(KeyError):
            run.tasks[3]  # type: ignore[index]
        key = run.key
        engine.close()
        if store is None:
            return
        engine = opened(graph(), store)
        run = engine.run(key)
    engine.close()


@pytest.mark.parametrize(("reason", "error"), [("", "cancelled"), ("no disk", "cancelled: no disk")])
def test_R5_a_cancelled_run_says_so_also_without_a_reason(store, reason, error):
    with live(graph(), store) as engine:
        run, queued = engine.start("job", logical_date=D), engine.start("job", logical_date="2026-11-29")
        engine.cancel(queued, reason)
        engine.run_until_idle("10s")
        engine.cancel(run, reason)
        engine.run_until_idle("10s")
        assert [(each.state, each.error) for each in (run, queued)] == [("cancelled", error)] * 2
        assert error in repr(run) and run.tasks["last"].state == "cancelled"
        [row] = engine.partitions("out", D, D)
        assert (row.state, row.error) == ("failed", error), "a cancelled run has not made its partition (T19)"


def test_G3_an_outlet_of_a_task_and_of_its_dag_is_a_warning():
    found = rd.Graph("g")
    dag = found.dag("job", outlets=["out", "more"])
    dag.add(lambda: 1, id="one", outlets=["out", "other"])
    dag.add(lambda: 1, id="two")
    [problem] = [each for each in found.problems() if each.kind == "outlet_twice"]
    assert problem.severity == "warning" and problem.ids == ("job", "job.one", "out")
    assert "test_told_tasks.py:" in problem.place and "two events" in problem.text
    with live(found) as engine:
        engine.start("job").wait()
        assert [len(engine.events(uri)) for uri in ("out", "more", "other")] == [2, 1, 1]
