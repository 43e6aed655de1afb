"""What `check()` raises of one DAG: what cannot be as it is declared (G3).

Owns no state. What is only unwise is looked for by `problems()` alone (problems.py), since it may take the ticks of a
year. O(declaration) a DAG.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from reactive_dag.declare.analysis.date_overlap import can_fire
from reactive_dag.declare.analysis.key_warnings import split_periods, unknown_dimensions
from reactive_dag.declare.analysis.problem import Problem, an_error
from reactive_dag.declare.analysis.relations import GraphAnalysis
from reactive_dag.declare.dag import Dag
from reactive_dag.declare.parameters import advice
from reactive_dag.declare.task import AnyTask
from reactive_dag.declare.wait import Wait, mapped_task
from reactive_dag.model.suggest import did_you_mean
from reactive_dag.triggers.leaves.completed import Completed
from reactive_dag.triggers.leaves.dataset import Dataset
from reactive_dag.triggers.leaves.missed import Missed
from reactive_dag.triggers.walks import leaves

_MEND = "; declare it or mend its name"


def errors_of_dag(analysis: GraphAnalysis, dag: Dag, twice: Mapping[str, str]) -> Iterator[Problem]:
    """The errors of a DAG that is declared, those of its triggers before those of its tasks. O(declaration)."""
    if dag.id in twice:
        yield _twice(f"DAG {dag.id!r}", (dag.id,), twice[dag.id], dag.place)
    yield from _of_triggers(analysis, dag)
    yield from _of_tasks(analysis, dag)


def _twice(what: str, ids: tuple[str, ...], before: str, now: str) -> Problem:
    text = f"{what} is declared at {before} and again at {now}, which replaces it; give one of them another id"
    return Problem("declared_twice", "error", ids, now, text)


# ---------------------------------------------------------------------------------------------- triggers


def _of_triggers(analysis: GraphAnalysis, dag: Dag) -> Iterator[Problem]:
    for source in (*dag._read_sources(), *dag._read_riders()):
        for leaf in leaves(source) if source.parts else (source,):
            if isinstance(leaf, Completed) and leaf.dag != "*":
                yield from _unknown_end(analysis, dag, leaf)
            elif isinstance(leaf, Missed):
                yield from _no_deadline(analysis, dag, leaf.dag)
    yield from _required_params(dag)
    for label, trigger in dag.triggers.items():
        named = f" {label!r}" if label else ""
        if not can_fire(trigger, dag.start, dag.end):
            yield an_error(
                dag,
                "never_fires",
                (),
                f"the trigger{named} of DAG {dag.id!r}, {trigger!r}, can never fire: a clock in it has no tick "
                "between the DAG's start and end; change the clock, start= or end=",
            )
        for name, text in unknown_dimensions(trigger):
            yield an_error(dag, "unknown_dimension", (name,), f"the trigger{named} of DAG {dag.id!r}: {text}")
        for text in split_periods(trigger):
            yield an_error(dag, "never_fires", (), f"the trigger{named} of DAG {dag.id!r}: {text}")


def _required_params(dag: Dag) -> Iterator[Problem]:
    """Params that nobody gives where a trigger starts the DAG's runs."""
    for name in dag._settings.params.required if dag.triggers else ():
        text = (
            f"param {name!r} of DAG {dag.id!r} has no default, and a run that its trigger starts is given no params; "
            "give it a default, or start the DAG by hand only"
        )
        yield an_error(dag, "required_param", (name,), text)


def _no_deadline(analysis: GraphAnalysis, dag: Dag, late: str) -> Iterator[Problem]:
    upstream = analysis.dags.get(late)
    if upstream is None:
        hint = did_you_mean(late, analysis.dags)
        text = f"DAG {dag.id!r} hears of missed deadlines of DAG {late!r}, which is not declared{hint or _MEND}"
        yield an_error(dag, "unknown_dag", (late,), text)
    elif upstream.deadline is None:
        text = (
            f"DAG {dag.id!r} hears of missed deadlines of DAG {late!r}, which has none, so rd.missed({late!r}) never "
            f"fires; give {late!r} ({upstream.place}) a deadline="
        )
        yield an_error(dag, "never_fires", (late,), text)


def _unknown_end(analysis: GraphAnalysis, dag: Dag, leaf: Completed) -> Iterator[Problem]:
    upstream = analysis.dags.get(leaf.dag)
    if upstream is None:
        hint = did_you_mean(leaf.dag, analysis.dags)
        yield an_error(
            dag,
            "unknown_dag",
            (leaf.dag,),
            f"DAG {dag.id!r} listens to DAG {leaf.dag!r}, which is not declared{hint or _MEND}",
        )
    elif leaf.task is not None and leaf.task not in upstream.tasks:
        hint = did_you_mean(leaf.task, upstream.tasks)
        yield an_error(
            dag,
            "unknown_task",
            (f"{leaf.dag}.{leaf.task}",),
            f"DAG {dag.id!r} listens to task {leaf.task!r} of DAG {leaf.dag!r}, which has no such task{hint or _MEND}",
        )


# ------------------------------------------------------------------------------------------------- tasks


def _of_tasks(analysis: GraphAnalysis, dag: Dag) -> Iterator[Problem]:
    for id, before in dag._table.twice.items():
        if id in dag.tasks:
            yield _twice(f"task {id!r} of DAG {dag.id!r}", (f"{dag.id}.{id}",), before, dag.tasks[id].place)
    for task in dag.tasks.values():
        yield from _unresolved(dag, task)
        yield from _of_pool(analysis, dag, task)
        yield from _alone(dag, task)
        yield from _over_file(dag, task)
        if task.wait is not None:
            yield from _of_wait(analysis, dag, task, task.wait)


def _unresolved(dag: Dag, task: AnyTask) -> Iterator[Problem]:
    links = dag._table.links(task.id)
    if not links.unknown and not links.strangers:
        return
    others = [each for each in dag.tasks if each != task.id]
    for name in links.unknown:
        hint = advice(name, others, dag._settings.params.names)
        text = f"parameter {name!r} of task {task.id!r} in DAG {dag.id!r} names nothing: {hint}"
        yield an_error(dag, "unknown_parameter", (f"{dag.id}.{task.id}", name), text, task.place)
    for name in links.strangers:
        hint = did_you_mean(name, others) or _MEND
        text = f"task {task.id!r} of DAG {dag.id!r} follows task {name!r}, which this DAG has not{hint}"
        yield an_error(dag, "unknown_task", (f"{dag.id}.{task.id}", f"{dag.id}.{name}"), text, task.place)


def _of_pool(analysis: GraphAnalysis, dag: Dag, task: AnyTask) -> Iterator[Problem]:
    own = f"{dag.id}.{task.id}"
    if task.pool is None:
        if task._given.get("slots", 1) != 1:
            text = f"task {own!r} takes slots={task.slots} of no pool; give it pool=, or no slots="
            yield an_error(dag, "slots_without_pool", (own,), text, task.place)
        return
    pool = analysis.pools.get(task.pool)
    if pool is None:
        hint = did_you_mean(task.pool, analysis.pools)
        text = f"task {own!r} is in pool {task.pool!r}, which is not declared{hint}"
        text += "" if hint else f"; write graph.pool({task.pool!r}, slots=...)"
        yield an_error(dag, "unknown_pool", (own, task.pool), text, task.place)
    elif task.slots > pool.slots:
        text = f"task {own!r} takes {task.slots} slots of pool {pool.id!r}, which has {pool.slots}: it could never run"
        yield an_error(dag, "too_many_slots", (own, pool.id), text, task.place)


def _over_file(dag: Dag, task: AnyTask) -> Iterator[Problem]:
    over = dag.tasks.get(task.map_over or "")
    if over is not None and over.save is not None and over.map_over is None:
        name, made = f"{dag.id}.{task.id}", f"{dag.id}.{over.id}"
        text = f"{name!r} is mapped over {made!r}, whose output is kept in a file (save=); map over a list that is JSON"
        yield an_error(dag, "mapped_over_file", (name, made), text, task.place)


def _alone(dag: Dag, task: AnyTask) -> Iterator[Problem]:
    """What only makes sense beside other tasks: a branch that nothing follows, a teardown that follows nothing."""
    name = f"{dag.id}.{task.id}"
    if task.branch and not any(task.id in links.needs for links in dag._table.all_links().values()):
        text = f"{name!r} is a branch, and no task follows it; let those that it chooses from follow it with after="
        yield an_error(dag, "branch_to_nothing", (name,), text, task.place)
    if task.teardown and not dag._table.links(task.id).needs:
        text = f"{name!r} is a teardown, and follows no task; say what it cleans up after with after="
        yield an_error(dag, "teardown_of_nothing", (name,), text, task.place)


def _of_wait(analysis: GraphAnalysis, dag: Dag, task: AnyTask, wait: Wait) -> Iterator[Problem]:
    if wait.dataset is not None:
        yield from _of_partitions(dag, task, wait, wait.dataset)
        return
    if wait.missing != "error":
        return
    upstream = analysis.dags.get(wait.dag)
    if upstream is not None:
        yield from _awaited_tasks(dag, task, wait, upstream)
        return
    own, hint = f"{dag.id}.{task.id}", did_you_mean(wait.dag, analysis.dags)
    if "://" in wait.dag or wait.dag in analysis.producers or wait.dag in analysis.consumers:
        hint = f"; for the dataset write wait_for(rd.Dataset({wait.dag!r}))"
    hint = hint or "; declare it, or wait for it to come with missing='wait'"
    text = f"{own!r} waits for DAG {wait.dag!r}, which is not declared{hint}"
    yield an_error(dag, "unknown_dag", (own, wait.dag), text, task.place)


def _of_partitions(dag: Dag, task: AnyTask, wait: Wait, dataset: Dataset) -> Iterator[Problem]:
    """Partitions awaited that the dataset cannot have, and an offset where it has no dates."""
    given = wait.partition if isinstance(wait.partition, tuple) else (wait.partition,)
    own, partitions = f"{dag.id}.{task.id}", dataset.partitions
    for each in given:
        if isinstance(each, str) and each != "same" and partitions is not None and not partitions.fits(each):
            text = f"{own!r} waits for partition {each!r} of {dataset.uri!r}, which is partitioned by {partitions!r}"
            yield an_error(dag, "unknown_partition", (own, dataset.uri), text, task.place)
        elif isinstance(each, int) and (partitions is None or partitions.calendar is None):
            text = f"{own!r} waits for {wait}, and {dataset.uri!r} has no calendar; name the partition"
            yield an_error(dag, "unknown_partition", (own, dataset.uri), text, task.place)


def _awaited_tasks(dag: Dag, task: AnyTask, wait: Wait, upstream: Dag) -> Iterator[Problem]:
    """Tasks awaited that the other DAG has not, and instances of tasks that are not mapped."""
    own = f"{dag.id}.{task.id}"
    for name in wait.tasks:
        id, place = mapped_task(name)
        text = f"{own!r} waits for task {name!r} of DAG {wait.dag!r}, which has no such task"
        if id not in upstream.tasks:
            hint = did_you_mean(id, upstream.tasks) or "; declare it, or wait for it to come with missing='wait'"
            yield an_error(dag, "unknown_task", (own, f"{wait.dag}.{name}"), text + hint, task.place)
        elif place is not None and upstream.tasks[id].map_over is None:
            yield an_error(
                dag, "unknown_task", (own, f"{wait.dag}.{name}"), f"{text}: {id!r} is not mapped", task.place
            )
