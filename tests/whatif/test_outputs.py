"""`outputs=` of a simulation: which items are mapped over, which way a branch goes (R7 in virtual time)."""

from __future__ import annotations

import pytest

import reactive_dag as rd

DAY = {"start": "2026-11-23T00:00Z", "until": "1h"}


def graph_of(**options: object) -> rd.Graph:
    """list, each over it (and inner over each), total; pick chooses among left and right; clean is a teardown."""
    graph = rd.Graph("outputs")
    dag = graph.dag("job", schedule="0 * * * *")
    dag.add(lambda: [1], id="rows")
    dag.add(lambda rows: rows, id="each", map_over="rows", **options)
    dag.add(lambda item=rd.item(): item, id="inner", map_over="each")
    dag.add(lambda inner: "left", id="pick", branch=True)
    dag.add(lambda pick: 1, id="left")
    dag.add(lambda pick: 1, id="right")
    dag.add(lambda: 1, id="join", after=["left", "right"], trigger_rule="none_failed")
    dag.add(lambda: 1, id="clean", after=["join", "each"], teardown=True)
    return graph


def played(graph: rd.Graph, **options: object) -> rd.Simulation:
    found = rd.simulate(graph, **DAY, **{"default_duration": "5m", **options})
    found.trace.fold._check()
    return found


def states(found: rd.Simulation) -> dict[str, str]:
    return {id: task.state for id, task in found.runs[0].tasks.items()}


def test_R7_a_simulation_maps_over_one_item_and_follows_all_branches_unless_told():
    found = played(graph_of())
    assert set(states(found).values()) == {"success"}
    run = found.runs[0]
    assert [len(run.tasks[id].instances) for id in ("each", "inner")] == [1, 1]
    assert f"{run.ended:%H:%M}" == "00:35" and run.tasks["pick"].output == ["left", "right"]


def test_R7_outputs_say_which_items_and_which_branch():
    graph = graph_of()
    pick = graph.dags["job"].tasks["pick"]
    found = played(graph, outputs={"job.rows": [5, 6, 7], pick: graph.dags["job"].tasks["right"]})
    run = found.runs[0]
    assert states(found)["left"] == "skipped" and states(found)["right"] == states(found)["join"] == "success"
    assert [one.id for one in run.tasks["each"].instances] == ["each[0]", "each[1]", "each[2]"]
    assert [one.attempts[0].ended.minute for one in run.tasks["inner"].instances] == [15, 15, 15]
    assert played(graph, outputs={"rows": [], "pick": []}).runs[0].tasks["each"].instances == []


def test_R7_instances_take_their_tasks_duration_and_interventions_mean_each_of_them():
    base = played(graph_of(retries=1), outputs={"rows": [1, 2]}, durations={"each": "10m"})
    assert f"{base.runs[0].ended:%H:%M}" == "00:40"
    late = base.what_if(rd.delay("job.each", "7m"))
    assert f"{late.runs[0].ended:%H:%M}" == "00:47"
    failed = base.what_if(rd.fail("job.each"))
    tasks = failed.runs[0].tasks
    assert [len(one.attempts) for one in tasks["each"].instances] == [2, 2]
    assert tasks["clean"].state == "success" and failed.runs[0].state == "failed"
    assert failed.compare(base)[0] is not None
    some = base.what_if(rd.fail("job.each", p=0.5))
    assert some.runs[0].tasks["each"].state in ("success", "failed")


def test_R7_the_timeline_has_each_instance_and_the_critical_path_the_task():
    graph = graph_of()
    graph.dag("follows", on=rd.completed("job")).add(lambda: 1, id="t")
    found = played(graph, outputs={"rows": [1, 2]})
    names = [row.task for row in found.timeline("job")]
    assert names[:5] == ["rows", "each[0]", "each[1]", "inner[0]", "inner[1]"] and "each" not in names
    path = [step.name for step in found.critical_path("follows")]
    assert path[1:4] == ["job.rows", "job.each", "job.inner"] and path[-1] == "follows.t"
    assert [step.waited.total_seconds() for step in found.critical_path("follows")][1:] == [0] * (len(path) - 1)


def test_R16_instances_of_a_simulation_take_slots():
    graph = graph_of(pool="narrow")
    graph.pool("narrow", slots=2)
    found = played(graph, outputs={"rows": [*range(5)]})
    ends = [one.attempts[0].ended.minute for one in found.runs[0].tasks["each"].instances]
    assert ends == [10, 10, 15, 15, 20]


def test_R7_a_simulation_takes_ten_thousand_items():
    found = played(graph_of(), outputs={"rows": [*range(10_000)]})
    assert len(found.runs[0].tasks["inner"].instances) == 10_000 and not found.pending()


@pytest.mark.parametrize(
    ("outputs", "words"),
    [
        ({"job.pick": "lfet"}, "branch 'job.pick' chose 'lfet', which is none of the tasks that follow it"),
        ({"job.rows": 7}, "job.each is mapped over 'job.rows'; give a list, not 7"),
        ({"job.rwos": 7}, "did you mean 'job.rows'"),
        ({"job": 7}, "has 8 tasks"),
        ({"job.rows": [print]}, "outputs['job.rows'][0]: something of type builtin_function"),
        ([1], "outputs=[1]: give a dict"),
        ({7: 1}, "outputs= takes a DAG, a task"),
    ],
)
def test_R15_outputs_that_cannot_be_are_refused(outputs, words):
    with pytest.raises((rd.InvalidValue, rd.UnknownId)) as caught:
        played(graph_of(), outputs=outputs)
    assert words in str(caught.value)
