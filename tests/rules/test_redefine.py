"""A definition that changes, live and over restarts (T11), and DAGs that come and go."""

from __future__ import annotations

import pytest

import reactive_dag as rd
from reactive_dag.model.records import PlanDeclared, Registered, Removed, RunStarted, TaskStarted
from tests.support.engines import kill, live, of_kind, opened, outputs, part, parts, records_of, states


def extras(run):
    return [event.extra for event in run.events]


def given(on, **options):
    """A graph of one DAG `job` on the trigger that `on(a, b)` makes; two more datasets are there."""
    graph = rd.Graph("redefined")
    a, b = graph.dataset("a"), graph.dataset("b")
    graph.dataset("c")
    graph.dag("job", on=on(rd.updated(a), rd.updated(b)), **options)(extras)
    return graph


def redeclare(graph, on, **options):
    graph.dag("job", on=on(rd.updated("a"), rd.updated("b")), **options)(extras)


def send(engine, *events):
    for text in events:
        engine.publish(text[0], extra=text[1:])


def test_T11_a_trigger_sees_the_records_after_its_registration():
    graph = rd.Graph("redefined")
    graph.dataset("a")
    with live(graph) as engine:
        send(engine, "a1")
        graph.dag("job", on=rd.updated("a"))(extras)
        send(engine, "a2")
        engine.run_until_idle()
        assert outputs(engine, "job", "extras") == [["2"]]


def test_T11_registered_is_written_at_the_first_registration_and_at_each_change_of_the_trigger():
    graph = given(lambda a, b: a & b)
    with live(graph) as engine:
        redeclare(graph, lambda a, b: a & b)
        engine.run_until_idle()
        graph.dag("job", on=rd.updated("a") & rd.updated("b"), defaults={"retries": 3})(dates_of)
        engine.run_until_idle()
        assert len(of_kind(engine, Registered)) == 1, "another body, or another `retries`, is no change"
        redeclare(graph, lambda a, b: a | b)
        engine.run_until_idle()
        assert len(of_kind(engine, Registered)) == 2


def dates_of(run):
    return run.logical_date


def test_T11_pending_items_are_delivered_anew_and_may_fire_there():
    graph = given(lambda a, b: (a & b).by("partition"))
    with live(graph) as engine:
        engine.publish_many([("a", {"extra": n, "partition": str(n)}) for n in range(3)])
        engine.run_until_idle()
        redeclare(graph, lambda a, b: a.batch(count=2))
        engine.run_until_idle()
        assert outputs(engine, "job", "extras") == [[0, 1]]
        assert [event.extra for event in part(engine, "job").items] == [2]


def test_T11_what_the_new_one_does_not_name_is_dropped_as_redefined():
    graph = given(lambda a, b: a & b & rd.updated("c"))
    with live(graph) as engine:
        send(engine, "a1", "b2", "a3")
        engine.run_until_idle()
        redeclare(graph, lambda a, b: b & rd.updated("c"))
        engine.run_until_idle()
        parts = {each.text: (each.pending, each.dropped) for each in engine.pending("job").parts}
        assert parts["rd.updated('b')"] == (1, {})
        assert parts["rd.updated('a')"] == (0, {"redefined": 2})
        send(engine, "c4")
        engine.run_until_idle()
        assert outputs(engine, "job", "extras") == [["2", "4"]]


def test_T11_windows_begin_again():
    graph = given(lambda a, b: a.batch(count=5, max_wait="1h"))
    with live(graph) as engine:
        send(engine, "a1")
        engine.advance("50m")
        redeclare(graph, lambda a, b: a.batch(count=4, max_wait="1h"))
        engine.run_until_idle()
        engine.advance("50m")
        assert states(engine) == []
        engine.advance("10m")
        assert outputs(engine, "job", "extras") == [["1"]]


def test_T11_facts_that_no_decision_covers_go_to_the_new_trigger():
    graph = given(lambda a, b: a)
    with live(graph) as engine:
        engine.run_until_idle()
        send(engine, "a1", "b2")
        redeclare(graph, lambda a, b: a & b)
        send(engine, "a3", "b4")
        engine.run_until_idle()
        assert outputs(engine, "job", "extras") == [["1", "3", "4"]], "the old one did not name `b`"


def test_T11_undecided_facts_survive_a_restart_with_another_definition(tmp_path):
    store = tmp_path / "s.db"
    engine = opened(given(lambda a, b: (a & b).where(exploding)), store)
    engine.run_until_idle()
    send(engine, "a1", "b2")  # acknowledged, not decided
    kill(engine)
    with live(given(lambda a, b: a.batch(count=2) | b), store) as engine:
        send(engine, "a3")
        engine.run_until_idle()
        assert sorted(outputs(engine, "job", "extras")) == [["1", "3"], ["2"]]


def exploding(event):
    raise AssertionError("an old callable was called")


def test_T11_pending_items_survive_a_restart_with_another_definition(tmp_path):
    store = tmp_path / "s.db"
    engine = opened(given(lambda a, b: a & b & rd.updated("c")), store)
    send(engine, "a1", "b2")
    engine.run_until_idle()
    kill(engine)
    with live(given(lambda a, b: a & b), store) as engine:
        engine.run_until_idle()
        assert outputs(engine, "job", "extras") == [["1", "2"]]
        assert len(of_kind(engine, Registered)) == 2


def test_T11_a_definition_that_changes_back_before_anything_is_decided():
    graph = given(lambda a, b: a)
    with live(graph) as engine:
        engine.run_until_idle()
        redeclare(graph, lambda a, b: a & b)
        send(engine, "a1")
        redeclare(graph, lambda a, b: a)
        send(engine, "a2")
        engine.run_until_idle()
        assert outputs(engine, "job", "extras") == [["1"], ["2"]]
        assert len(of_kind(engine, Registered)) == 3


def test_T11_a_crash_between_the_change_and_its_decision(tmp_path):
    store = tmp_path / "s.db"
    engine = opened(given(lambda a, b: a & b), store)
    send(engine, "a1")
    engine.run_until_idle()
    kill(engine)
    engine = opened(given(lambda a, b: a.batch(count=2)), store)  # writes Registered, decides nothing
    send(engine, "a2")
    kill(engine)
    with live(given(lambda a, b: a.batch(count=2)), store) as engine:
        engine.run_until_idle()
        assert outputs(engine, "job", "extras") == [["1", "2"]]
        assert len(of_kind(engine, Registered)) == 2


def test_T11_completions_of_a_task_change_hands():
    graph = rd.Graph("redefined")
    dag = graph.dag("up")
    dag.add(lambda run: None, id="t")
    graph.dataset("a")
    graph.dag("job", on=rd.completed("up", task="t", states="any") & rd.updated("a"))(kinds)
    with live(graph) as engine:
        engine.start("up")
        engine.run_until_idle()
        graph.dag("job", on=rd.completed("up", task="t"))(kinds)
        engine.run_until_idle()
        assert outputs(engine, "job", "kinds") == [["completed"]]
        graph.dag("job", on=rd.completed("up", task="t", states="failed") & rd.updated("a"))(kinds)
        engine.start("up")
        engine.run_until_idle()
        assert part(engine, "job").delivered == 0, "states choose what is delivered"


def kinds(run):
    return [event.kind for event in run.events]


def test_T11_a_change_upstream_can_change_how_completions_join():
    graph = rd.Graph("redefined")
    a, b = graph.dataset("a"), graph.dataset("b")
    graph.dag("left", on=a)(extras)
    graph.dag("right", on=a)(extras)
    graph.dag("merge", on=rd.completed("left") & rd.completed("right"))(kinds)
    with live(graph) as engine:
        engine.run_until_idle()
        assert "cascade" in engine.pending("merge").joins[""]
        before = len(of_kind(engine, Registered))
        graph.dag("right", on=b)(extras)
        engine.run_until_idle()
        assert "plain order" in engine.pending("merge").joins[""]
        changed = of_kind(engine, Registered)[before:]
        assert sorted(record.dag for record in changed) == ["merge", "right"]


def test_T11_held_firings_change_hands_as_pending_items():
    graph = given(lambda a, b: a)
    with live(graph) as engine:
        engine.pause("job")
        send(engine, "a1", "a2")
        engine.run_until_idle()
        assert engine.pending("job").held == 2
        redeclare(graph, lambda a, b: a.batch(count=3))
        engine.run_until_idle()
        assert (engine.pending("job").held, part(engine, "job").pending) == (0, 2)
        send(engine, "a3")
        engine.resume("job")
        engine.run_until_idle()
        assert outputs(engine, "job", "extras") == [["1", "2", "3"]]


def test_T11_a_label_of_its_own_has_state_and_runs_of_its_own():
    graph = rd.Graph("redefined")
    graph.dataset("a")
    graph.dag("job", on={"x": rd.updated("a").batch(count=2), "y": rd.updated("a").batch(count=3)})(extras)
    with live(graph) as engine:
        send(engine, "a1", "a2")
        engine.run_until_idle()
        graph.dag("job", on={"x": rd.updated("a").batch(count=2), "z": rd.updated("a")})(extras)
        send(engine, "a3", "a4")
        engine.run_until_idle()
        told = [(run.label, run.tasks["extras"].output) for run in reversed(engine.runs("job"))]
        assert sorted(told) == [("x", ["1", "2"]), ("x", ["3", "4"]), ("z", ["3"]), ("z", ["4"])]
        assert [(record.dag, record.label) for record in of_kind(engine, Removed)] == [("job", "y")]


def test_R11_a_removed_dag_cancels_what_is_queued_and_decides_nothing_more(tmp_path):
    store = tmp_path / "s.db"
    graph = given(lambda a, b: a, max_active_runs=1)
    with live(graph, store) as engine:
        engine.pause("job")
        engine.start("job")
        engine.run_until_idle()
        send(engine, "a1")
        graph.remove("job")
        send(engine, "a2")
        engine.run_until_idle()
        assert [run.state for run in engine.runs("job")] == ["cancelled"]
        assert "job" not in [record.dag for record in of_kind(engine, Registered)[1:]]
        redeclare(graph, lambda a, b: a)
        send(engine, "a3")
        engine.resume("job")
        engine.run_until_idle()
        assert outputs_of(engine) == [["3"]]


def outputs_of(engine):
    return [run.tasks["extras"].output for run in reversed(engine.runs("job")) if run.tasks]


def test_a_run_of_a_dag_that_a_restart_no_longer_declares_has_failed(tmp_path):
    store = tmp_path / "s.db"
    engine = opened(given(lambda a, b: a), store)
    run = engine.start("job")
    while parts(engine).turn.run():
        pass
    assert run.state == "running"
    kill(engine)
    graph = rd.Graph("redefined")
    graph.dag("after", on=rd.completed("other") | rd.updated("z"))
    graph.dag("other")
    graph.dataset("z")
    with live(graph, store) as engine:
        engine.run_until_idle()
        (run,) = engine.runs("job")
        assert run.state == "failed" and run.error.startswith("TaskGone")


def chain(*tasks):
    """A DAG whose tasks follow each other."""
    graph = rd.Graph("redefined")
    dag = graph.dag("job")
    for n, task in enumerate(tasks):
        dag.add(lambda run: run.task, id=task, after=tasks[n - 1 : n], retries=1, retry_delay="1h")
    return graph


def killed_under_way(store, *tasks):
    """The store of an engine that died while the first task of a run was under way."""
    engine = opened(chain(*tasks), store)
    engine.start("job")
    while parts(engine).turn.run():
        pass
    kill(engine)


def test_R11_a_body_that_a_restart_no_longer_declares_fails_its_task(tmp_path):
    store = tmp_path / "s.db"
    killed_under_way(store, "a", "b", "c")
    with live(chain("b", "c", "d"), store) as engine:
        engine.run_until_idle()
        (run,) = engine.runs("job")
        assert (run.state, list(run.tasks)) == ("failed", ["a", "b", "c"])
        assert [run.tasks[task].state for task in "abc"] == ["failed", "upstream_failed", "upstream_failed"]
        assert "TaskGone" in run.tasks["a"].error and len(run.tasks["a"].attempts) == 2, "lost, then gone: no retry"


@pytest.mark.parametrize("snapshot", [False, True])
def test_R11_a_run_keeps_the_tasks_and_edges_that_it_began_with_across_a_restart(tmp_path, snapshot):
    store = tmp_path / "s.db"
    killed_under_way(store, "a", "b", "c")
    if snapshot:
        engine = opened(chain("a", "b", "c"), store)
        parts(engine).turn.snapshot_at = -(10**9)
        while parts(engine).turn.run():
            pass
        kill(engine)
    with live(chain("c", "b", "a", "new"), store) as engine:
        engine.run_until_idle()
        (run,) = engine.runs("job")
        begun = [record.task for record in of_kind(engine, TaskStarted) if record.task != "new"]
        assert (run.state, list(dict.fromkeys(begun))) == ("success", ["a", "b", "c"])
        assert [run.tasks[task].output for task in "abc"] == ["a", "b", "c"], "declared tasks have their new bodies"
        engine.start("job")
        engine.run_until_idle()
        assert list(engine.runs("job")[0].tasks) == ["c", "b", "a", "new"]


def test_R11_a_plan_is_written_once_a_definition_before_the_first_run_that_names_it(tmp_path):
    store = tmp_path / "s.db"
    for tasks in (("a", "b"), ("a", "b"), ("b", "a")):
        with live(chain(*tasks), store) as engine:
            for _ in range(2):
                engine.start("job")
                engine.run_until_idle()
    with live(chain("b", "a"), store) as engine:
        records = records_of(engine)
        plans = {at: [task.id for task in r.tasks] for at, r in enumerate(records) if isinstance(r, PlanDeclared)}
        named = [record.plan for record in records if isinstance(record, RunStarted)]
        assert list(plans.values()) == [["a", "b"], ["b", "a"]]
        assert [plans[plan] for plan in named] == [["a", "b"]] * 4 + [["b", "a"]] * 2
        assert named[0] < records.index(next(r for r in records if isinstance(r, RunStarted)))


def test_a_dag_is_taken_up_once_it_has_a_task():
    graph = rd.Graph("redefined")
    graph.dataset("a")
    with live(graph) as engine:
        dag = graph.dag("job", on=rd.updated("a"))
        send(engine, "a1")
        engine.run_until_idle()
        assert of_kind(engine, Registered) == []
        dag.add(extras)
        send(engine, "a2")
        engine.run_until_idle()
        assert outputs(engine, "job", "extras") == [["2"]]


def test_a_bulk_is_one_change():
    graph = rd.Graph("redefined")
    graph.dataset("a")
    with live(graph) as engine:
        with graph.bulk():
            for n in range(3):
                graph.dag(f"d{n}", on=rd.updated("a"))(extras)
            send(engine, "a1")
        send(engine, "a2")
        engine.run_until_idle()
        assert len({record.at for record in of_kind(engine, Registered)}) == 1
        assert [run.tasks["extras"].output for run in engine.runs()] == [["2"]] * 3


@pytest.mark.parametrize("paused", [True, False])
def test_options_that_decide_about_ticks_are_taken_up(paused):
    graph = rd.Graph("redefined")
    graph.dag("job", schedule="0 * * * *")(kinds)
    with live(graph) as engine:
        engine.pause("job")
        engine.advance("3h")
        graph.dag("job", schedule="0 * * * *", catchup="all", paused=paused)(kinds)
        engine.run_until_idle()
        engine.resume("job")
        engine.run_until_idle()
        assert len(states(engine, "job")) == 3
