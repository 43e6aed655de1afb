"""DAGs that wait for others, for the tests of waits."""

from __future__ import annotations

import reactive_dag as rd
from tests.support.engines import opened

D, E, F = "2026-11-22", "2026-11-23", "2026-11-24"


def end(state):
    def task(run):
        if state == "failed":
            raise rd.FailTask("as asked")
        if state == "skipped":
            raise rd.SkipTask("as asked")
        return state

    return task


def upstream(graph, id="up", **ends):
    """A DAG of tasks that end as told; "open" ones wait for something that never comes."""
    dag = graph.dag(id)
    for task, state in ends.items():
        after = [dag.wait_for("never", missing="wait", timeout="900d")] if state == "open" else []
        dag.add(end(state), id=task, after=after)
    return dag


def waiting(graph=None, ends=None, **options):
    """A graph whose `job` waits for `up`, with a task behind the wait that is given what was awaited."""
    graph = graph or rd.Graph("waits")
    if ends is not None:
        upstream(graph, **ends)
    dag = graph.dag("job")
    up = dag.wait_for("up", id="up", **options)

    @dag.task(trigger_rule="all_done")
    def after(up, run):
        if isinstance(up, list):
            return [each and each.key for each in up]
        return None if up is None else up.key

    assert up.id == "up"
    return graph


def state_of(engine, task="up"):
    tasks = engine.runs("job")[0].tasks
    return tasks[task].state if task in tasks else None


def started(graph, date=D, **of_up):
    engine = opened(graph)
    if of_up.pop("upstream", True):
        engine.start("up", logical_date=date)
        engine.run_until_idle()
    engine.start("job", logical_date=D)
    engine.run_until_idle()
    return engine
