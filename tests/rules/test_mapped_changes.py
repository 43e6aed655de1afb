"""Mapped tasks across restarts, threads and changed definitions, and what is refused of them (R7, R11, R15)."""

from __future__ import annotations

import pytest

import reactive_dag as rd
from reactive_dag.model.records import TaskStarted
from tests.rules.test_mapped import mapping, played
from tests.support.engines import kill, live, of_kind, opened, parts

# ---------------------------------------------------------------------------------------------- restarts


@pytest.mark.parametrize("past", [False, True])
@pytest.mark.parametrize("snapshot", [False, True])
def test_R7_a_restart_goes_on_with_the_instances_that_are_left(tmp_path, snapshot, past):
    graph, dag = mapping(["late", "a", "late"], retries=1, retry_delay="5m", depends_on_past=past)
    dag.add(lambda each: each, id="inner", map_over="each", depends_on_past=past)
    engine = opened(graph, f"sqlite:///{tmp_path / 's.db'}")
    key = engine.start("job", logical_date="2026-11-22").key
    if snapshot:
        parts(engine).turn.snapshot_at = -(10**9)
    with parts(engine).loop.driving():
        parts(engine).loop.settle()
    assert [one.state for one in engine.run(key).tasks["each"].instances] == ["retrying", "success", "retrying"]
    if snapshot:
        parts(engine).turn.snapshot_at = -(10**9)
        engine.publish(graph.dataset("x"))
    kill(engine)
    with live(graph, f"sqlite:///{tmp_path / 's.db'}") as again:
        again.run_until_idle()
        run = again.run(key)
        assert run.state == "success"
        assert run.tasks["inner"].output == ["each[0]: late", "each[1]: a", "each[2]: late"]
        started = [record.task for record in of_kind(again, TaskStarted)]
        assert started.count("each[1]") == 1 and started.count("each[0]") == 2
    with rd.Engine(graph, f"sqlite:///{tmp_path / 's.db'}", read_only=True) as looking:
        assert looking.run(key).tasks["inner[2]"].output == "each[2]: late"


@pytest.mark.parametrize("mark", ["", "success", "failed"])
def test_R14_a_mapped_task_that_waited_for_its_past_is_what_it_was_after_a_restart(tmp_path, mark):
    graph, dag = mapping(["bad"] if mark else [], depends_on_past=True)
    late = {"after": ["each"], "trigger_rule": "all_done", "retries": 5, "retry_delay": "5m"}
    dag.add(lambda run: [][run.attempt], id="slow", **late)
    store = f"sqlite:///{tmp_path / 's.db'}"
    engine = opened(graph, store)
    runs = [engine.start("job", logical_date=f"2026-11-2{day}").key for day in (1, 2)]
    with parts(engine).loop.driving():
        parts(engine).loop.settle()
        if mark:
            engine.mark(runs[1], "each", mark, "while it waits")
            parts(engine).loop.settle()
    before = [engine.run(key).tasks["each"].to_json() for key in runs]
    engine.close()
    with live(graph, store) as again:
        assert [again.run(key).tasks["each"].to_json() for key in runs] == before


def test_R7_ten_thousand_items():
    graph, _ = mapping(list(range(10_000)))
    with live(graph) as engine:
        run = engine.start("job")
        engine.run_until_idle()
        tasks = run.tasks
        assert len(tasks["total"].output) == 10_000 and tasks["total"].output[-1] == "each[9999]: 9999"
        assert tasks["each[1234]"].output == "each[1234]: 1234"


def test_R21_each_instance_saves_a_file_and_its_followers_get_the_values_back(tmp_path):
    graph = rd.Graph("mapped")
    dag = graph.dag("job")
    dag.add(lambda: [1, 2], id="rows")
    dag.add(lambda rows: {rows}, id="each", map_over="rows", save=rd.files(tmp_path / "out"))
    dag.add(lambda each: each | {9}, id="inner", map_over="each", save=rd.files(tmp_path / "out"))
    dag.add(lambda inner: [len(one) for one in inner], id="total")
    graph.dag("follows", on=rd.completed("job")).add(lambda run: len(run.results["job"]["each"][0]), id="t")
    graph.dag("hears", on=rd.completed("job", task="each")).add(lambda run: len(run.results["job"]["each"]), id="t")
    with live(graph) as engine:
        run = engine.start("job")
        engine.run_until_idle()
        assert run.tasks["each"].output == [{1}, {2}] and run.tasks["inner[1]"].output == {2, 9}
        assert run.tasks["total"].output == [2, 2]
        assert [engine.runs(dag)[0].tasks["t"].output for dag in ("follows", "hears")] == [1, 2]
        assert len(list(engine.outputs())) == 4 and not list(engine.outputs(unused=True))


def test_R15_a_mapping_over_a_list_in_a_file_is_refused(tmp_path):
    graph = rd.Graph("mapped")
    dag = graph.dag("job")
    dag.add(lambda: [1, 2], id="rows", save=rd.files(tmp_path))
    dag.add(lambda rows: rows, id="each", map_over="rows")
    with pytest.raises(rd.GraphError, match=r"'job.each' is mapped over 'job.rows', whose output is kept in a file"):
        graph.check()


def test_R16_instances_take_slots_of_their_pool():
    graph, most, now = rd.Graph("mapped"), [], []
    graph.pool("narrow", slots=2)
    dag = graph.dag("job")
    dag.add(lambda: list(range(6)), id="rows")

    def each(rows):
        now.append(rows)
        most.append(len(now))
        now.remove(rows)

    dag.add(each, map_over="rows", pool="narrow")
    with live(graph, runner=rd.ThreadRunner(4)) as engine:
        assert engine.start("job").wait().state == "success"
        engine.run_until_idle()
    assert len(most) == 6 and max(most) <= 2


@pytest.mark.parametrize("runner", [rd.ThreadRunner(4), rd.ThreadRunner(1)])
def test_R7_threads_change_nothing(runner):
    run = played(mapping([*range(40)])[0], runner=runner)
    assert run.tasks["total"].output == [f"each[{n}]: {n}" for n in range(40)]


# ---------------------------------------------------------------------------------------------- declared


def test_R7_a_definition_that_changes_meets_instances_under_way():
    graph, _ = mapping(["late", "a"], retries=1, retry_delay="5m")
    with live(graph) as engine:
        run = engine.start("job")
        with parts(engine).loop.driving():
            parts(engine).loop.settle()
        changed = rd.Dag("job")
        changed.add(lambda run: [1, 2, 3], id="rows")
        changed.add(lambda rows: f"new: {rows}", id="each", map_over="rows", retries=1)
        changed.add(lambda each: each, id="total")
        graph.register(changed, replace=True)
        engine.run_until_idle()
        assert run.tasks["total"].output == ["new: late", "each[1]: a"]


@pytest.mark.parametrize("over", [None, "other"])
def test_R7_a_task_that_is_mapped_otherwise_after_a_restart_is_gone(tmp_path, over):
    graph, _ = mapping(["late", "a"], retries=1, retry_delay="5m")
    engine = opened(graph, f"sqlite:///{tmp_path / 's.db'}")
    key = engine.start("job").key
    with parts(engine).loop.driving():
        parts(engine).loop.settle()
    kill(engine)
    other = rd.Graph("mapped")
    dag = other.dag("job")
    dag.add(lambda run: [1], id="rows")
    dag.add(lambda run: [1], id="other")
    dag.add(lambda run: 1, id="each", after="rows", **({} if over is None else {"map_over": over}))
    dag.add(lambda each: each, id="total")
    with opened(other, f"sqlite:///{tmp_path / 's.db'}") as again:
        again.run_until_idle()
        assert "TaskGone" in again.run(key).error and "mapped over 'rows'" in again.run(key).error


def test_R7_a_mapped_task_goes_through_json(tmp_path):
    graph, _ = mapping(["a"])
    graph.dags["job"].add(lambda row=rd.item(): row, id="more", map_over="rows")
    graph.save(tmp_path / "g.json")
    loaded = rd.Graph.load(tmp_path / "g.json")
    assert loaded.to_json() == graph.to_json()
    assert loaded.dags["job"].tasks["each"].map_over == "rows"
    assert loaded.dags["job"].tasks["more"].needs == ("rows",)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"fn": lambda row=rd.item(): row}, "parameter 'row' is an item, of which task? Say it with map_over="),
        ({"fn": lambda a=rd.item(), b=rd.item(): a, "map_over": "rows"}, "an instance has one item"),
        ({"fn": lambda run: 1, "map_over": "rows", "branch": True}, "cannot be a branch"),
        ({"fn": lambda run: 1, "map_over": 7}, "map_over must be an id"),
        ({"fn": lambda run: 1, "map_over": "rows[1]"}, "map_over has no brackets"),
    ],
)
def test_R15_a_mapping_that_makes_no_sense_is_refused_where_it_is_written(options, words):
    with pytest.raises(rd.InvalidValue, match=r"task 't' \(.*test_mapped_changes.py:\d+\)") as caught:
        rd.Dag("job").add(id="t", task=options.pop("fn"), **options)
    assert words in str(caught.value)


def test_R15_a_mapping_over_no_task_and_over_itself():
    graph = rd.Graph("mapped")
    dag = graph.dag("job")
    dag.add(lambda row=rd.item(): row, id="each", map_over="rwos")
    dag.add(lambda run: [1], id="rows")
    with pytest.raises(rd.GraphError, match="follows task 'rwos', which this DAG has not; did you mean 'rows'"):
        graph.check()
    with pytest.raises(rd.CycleError):
        dag.add(lambda run: 1, id="own", map_over="own")
    with pytest.raises(rd.InvalidValue, match="there is no task option 'map_over'"):
        rd.Dag("x", defaults={"map_over": "rows"})
