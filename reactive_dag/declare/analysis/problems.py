"""What is wrong with a graph, all of it at once (G3).

Owns `Problem` and the list of checks. An error stops `check()`; a warning does not: a dataset that nobody produces, a
DAG without tasks, a wait without a timeout, joins that cannot meet, waits for a date that never comes, keys that do not
do what was meant, names that are nearly equal. Each names the ids, the place and what to do. Cost: O(graph), and the
ticks of a year for pairs of schedules that are to meet.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Literal

from attrs import Factory, frozen

from reactive_dag.declare.analysis.body_warnings import body_warnings
from reactive_dag.declare.analysis.date_overlap import PossibleDates, can_fire, join_warnings, never_awaited
from reactive_dag.declare.analysis.key_warnings import key_warnings, unknown_dimensions
from reactive_dag.declare.analysis.layers import Layers
from reactive_dag.declare.analysis.near_names import NearNames
from reactive_dag.declare.analysis.neighbours import Neighbours
from reactive_dag.declare.analysis.relations import GraphAnalysis
from reactive_dag.declare.dag import Dag
from reactive_dag.declare.parameters import advice
from reactive_dag.declare.task import AnyTask
from reactive_dag.declare.wait import Wait, mapped_task
from reactive_dag.model.payload import PlainForm
from reactive_dag.model.suggest import did_you_mean
from reactive_dag.model.text import counted, one_line
from reactive_dag.triggers.leaves.completed import Completed
from reactive_dag.triggers.leaves.dataset import Dataset
from reactive_dag.triggers.leaves.missed import Missed
from reactive_dag.triggers.walks import leaves

Severity = Literal["error", "warning"]
_MEND = "; declare it or mend its name"


@frozen
class Problem(PlainForm):
    """One thing that is not right: what kind, how bad, which ids, where it is declared, and what to do about it."""

    kind: str
    severity: Severity
    ids: tuple[str, ...]
    place: str
    text: str

    def __str__(self) -> str:
        return one_line(f"{self.severity}: {self.text} ({self.place})")


@frozen
class _KnownProblems:
    """The problems of one version, by what they are about; only what has one is there.

    Those of a dataset are about who produces and who hears it, as `neighbours` had it.
    """

    errors: Layers[list[Problem]] = Factory(Layers)
    warnings: Layers[list[Problem]] = Factory(Layers)
    datasets: Layers[Problem] = Factory(Layers)
    neighbours: Neighbours = Factory(Neighbours)


def problems_of(analysis: GraphAnalysis, twice: Mapping[str, str]) -> list[Problem]:
    """Everything that is wrong, errors first, in the order of declaration.

    O(graph) once; in a later version of it what changed, what follows from that, and the problems.
    """
    known = _known(analysis, twice)
    warnings = [problem for id in sorted(known.warnings, key=analysis.place) for problem in known.warnings[id]]
    datasets = sorted(known.datasets, key=lambda uri: (analysis.place(analysis.consumers[uri][0]), uri))
    lonely = [known.datasets[uri] for uri in datasets]
    return list(dict.fromkeys([*_errors(analysis, known), *warnings, *lonely, *_near_names(analysis, lonely)]))


def errors_of(analysis: GraphAnalysis, twice: Mapping[str, str]) -> list[Problem]:
    """What `check()` raises, in the order of declaration. O(graph) once, then what changed and follows from that."""
    return list(dict.fromkeys(_errors(analysis, _known(analysis, twice))))


def _errors(analysis: GraphAnalysis, known: _KnownProblems) -> list[Problem]:
    return [problem for id in sorted(known.errors, key=analysis.place) for problem in known.errors[id]]


def _known(analysis: GraphAnalysis, twice: Mapping[str, str]) -> _KnownProblems:
    return analysis.renewed(
        "problems",
        lambda: _known_after(analysis, twice, _KnownProblems(), set(analysis.dags)),
        lambda before, region: _known_after(analysis, twice, before, region),
    )


def _known_after(
    analysis: GraphAnalysis, twice: Mapping[str, str], before: _KnownProblems, region: set[str]
) -> _KnownProblems:
    """What is known after a change of these DAGs; an error may name what would have been near, so each is made anew."""
    dates = PossibleDates.of_graph(analysis)
    errors: dict[str, list[Problem]] = {}
    warnings: dict[str, list[Problem]] = {}
    datasets: dict[str, Problem] = {}
    again = region.union(before.errors)
    for id in again:
        if id in analysis.dags:
            found = list(_of_dag(analysis, analysis.dags[id], dates, twice))
            for severity, table in (("error", errors), ("warning", warnings)):
                if rows := [problem for problem in found if problem.severity == severity]:
                    table[id] = rows
    uris = before.neighbours.uses(region) | analysis.neighbours.uses(region)
    for uri in uris:
        consumers = analysis.consumers.get(uri)
        if consumers and uri not in analysis.producers:
            datasets[uri] = _no_producer(analysis, uri, consumers)
    return _KnownProblems(
        before.errors.after(errors, again - errors.keys()), before.warnings.after(warnings, again - warnings.keys()),
        before.datasets.after(datasets, uris - datasets.keys()), analysis.neighbours,
    )  # fmt: skip


def _of_dag(analysis: GraphAnalysis, dag: Dag, dates: PossibleDates, twice: Mapping[str, str]) -> Iterator[Problem]:
    if dag.id in twice:
        yield _twice(dag, f"DAG {dag.id!r}", (dag.id,), twice[dag.id], dag.place)
    yield from _of_triggers(analysis, dag, dates)
    yield from _of_tasks(analysis, dag, dates)
    if dag.outlets:
        yield from _outlets_twice(dag)


def _outlets_twice(dag: Dag) -> Iterator[Problem]:
    """Datasets that both a task's success and the run's say to have changed (R3). O(outlets of tasks)."""
    own = {outlet.uri for outlet in dag.outlets}
    for task in dag.tasks.values():
        for uri in dict.fromkeys([outlet.uri for outlet in task.outlets if outlet.uri in own]):
            name = f"{dag.id}.{task.id}"
            text = (
                f"dataset {uri!r} is an outlet of task {name!r} and of its DAG, so each run records two events of it, "
                "one with the success of the task and one with its own; take it out of one of them"
            )
            yield _warning(dag, "outlet_twice", (name, uri), text, task.place)


def _error(dag: Dag, kind: str, ids: Iterable[str], text: str, place: str | None = None) -> Problem:
    return Problem(kind, "error", (dag.id, *ids), dag.place if place is None else place, text)


def _warning(dag: Dag, kind: str, ids: Iterable[str], text: str, place: str | None = None) -> Problem:
    return Problem(kind, "warning", (dag.id, *ids), dag.place if place is None else place, text)


def _twice(dag: Dag, what: str, ids: tuple[str, ...], before: str, now: str) -> Problem:
    text = f"{what} is declared at {before} and again at {now}, which replaces it; give one of them another id"
    return Problem("declared_twice", "error", ids, now, text)


# ---------------------------------------------------------------------------------------------- triggers


def _of_triggers(analysis: GraphAnalysis, dag: Dag, dates: PossibleDates) -> Iterator[Problem]:
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
            yield _error(
                dag,
                "never_fires",
                (),
                f"the trigger{named} of DAG {dag.id!r}, {trigger!r}, can never fire: a clock in it has no tick "
                "between the DAG's start and end; change the clock, start= or end=",
            )
        for name, text in unknown_dimensions(trigger):
            yield _error(dag, "unknown_dimension", (name,), f"the trigger{named} of DAG {dag.id!r}: {text}")
        for kind, text in (*join_warnings(trigger, dates), *key_warnings(trigger, dates)):
            yield _warning(dag, kind, (), f"the trigger{named} of DAG {dag.id!r}: {text}")


def _required_params(dag: Dag) -> Iterator[Problem]:
    """Params that nobody gives where a trigger starts the DAG's runs."""
    for name in dag._settings.params.required if dag.triggers else ():
        text = (
            f"param {name!r} of DAG {dag.id!r} has no default, and a run that its trigger starts is given no params; "
            "give it a default, or start the DAG by hand only"
        )
        yield _error(dag, "required_param", (name,), text)


def _no_deadline(analysis: GraphAnalysis, dag: Dag, late: str) -> Iterator[Problem]:
    upstream = analysis.dags.get(late)
    if upstream is None:
        hint = did_you_mean(late, analysis.dags)
        text = f"DAG {dag.id!r} hears of missed deadlines of DAG {late!r}, which is not declared{hint or _MEND}"
        yield _error(dag, "unknown_dag", (late,), text)
    elif upstream.deadline is None:
        text = (
            f"DAG {dag.id!r} hears of missed deadlines of DAG {late!r}, which has none, so rd.missed({late!r}) never "
            f"fires; give {late!r} ({upstream.place}) a deadline="
        )
        yield _error(dag, "never_fires", (late,), text)


def _unknown_end(analysis: GraphAnalysis, dag: Dag, leaf: Completed) -> Iterator[Problem]:
    upstream = analysis.dags.get(leaf.dag)
    if upstream is None:
        hint = did_you_mean(leaf.dag, analysis.dags)
        yield _error(
            dag,
            "unknown_dag",
            (leaf.dag,),
            f"DAG {dag.id!r} listens to DAG {leaf.dag!r}, which is not declared{hint or _MEND}",
        )
    elif leaf.task is not None and leaf.task not in upstream.tasks:
        hint = did_you_mean(leaf.task, upstream.tasks)
        yield _error(
            dag,
            "unknown_task",
            (f"{leaf.dag}.{leaf.task}",),
            f"DAG {dag.id!r} listens to task {leaf.task!r} of DAG {leaf.dag!r}, which has no such task{hint or _MEND}",
        )


def _no_producer(analysis: GraphAnalysis, uri: str, consumers: tuple[str, ...]) -> Problem:
    waits = all(uri in [w.dataset.uri for w in analysis.dags[id].waits if w.dataset is not None] for id in consumers)
    does = "is awaited by" if waits else "fires"
    names = ", ".join(map(repr, consumers[:3])) + (f" and {len(consumers) - 3} more" if len(consumers) > 3 else "")
    return Problem(
        "no_producer",
        "warning",
        (uri, *consumers),
        analysis.dags[consumers[0]].place,
        f"dataset {uri!r} {does} {names}, and no DAG has it among its outlets; publish it from outside",
    )


def _near_names(analysis: GraphAnalysis, lonely: Iterable[Problem]) -> Iterator[Problem]:
    """Datasets that nobody produces and whose names are nearly another's. O(datasets)."""
    near: NearNames | None = None
    for problem in lonely:
        near = near or NearNames(dict.fromkeys([*analysis.producers, *analysis.consumers]))
        uri, other = problem.ids[0], near.of(problem.ids[0])
        if other is not None:
            text = f"dataset {uri!r}, which no DAG produces, is named nearly as {other!r}; mend one, if one is meant"
            yield Problem("near_equal_names", "warning", (uri, other), problem.place, text)


# ------------------------------------------------------------------------------------------------- tasks


def _of_tasks(analysis: GraphAnalysis, dag: Dag, dates: PossibleDates) -> Iterator[Problem]:
    if not dag.tasks:
        yield _warning(dag, "no_tasks", (), f"DAG {dag.id!r} has no tasks, so it never runs; add one with @dag.task")
    for id, before in dag._table.twice.items():
        if id in dag.tasks:
            yield _twice(dag, f"task {id!r} of DAG {dag.id!r}", (f"{dag.id}.{id}",), before, dag.tasks[id].place)
    for task in dag.tasks.values():
        yield from _unresolved(dag, task)
        yield from _of_pool(analysis, dag, task)
        yield from _alone(dag, task)
        yield from _over_file(dag, task)
        for kind, text in body_warnings(dag, task):
            yield _warning(dag, kind, (f"{dag.id}.{task.id}",), text, task.place)
        if task.until is not None and task.timeout is None:
            text = f"'{dag.id}.{task.id}' looks without an end; give it a timeout="
            yield _warning(dag, "no_timeout", (f"{dag.id}.{task.id}",), text, task.place)
        if task.wait is not None:
            yield from _of_wait(analysis, dag, task, task.wait, dates)


def _unresolved(dag: Dag, task: AnyTask) -> Iterator[Problem]:
    links = dag._table.links(task.id)
    if not links.unknown and not links.strangers:
        return
    others = [each for each in dag.tasks if each != task.id]
    for name in links.unknown:
        hint = advice(name, others, dag._settings.params.names)
        text = f"parameter {name!r} of task {task.id!r} in DAG {dag.id!r} names nothing: {hint}"
        yield _error(dag, "unknown_parameter", (f"{dag.id}.{task.id}", name), text, task.place)
    for name in links.strangers:
        hint = did_you_mean(name, others) or _MEND
        text = f"task {task.id!r} of DAG {dag.id!r} follows task {name!r}, which this DAG has not{hint}"
        yield _error(dag, "unknown_task", (f"{dag.id}.{task.id}", f"{dag.id}.{name}"), text, task.place)


def _of_pool(analysis: GraphAnalysis, dag: Dag, task: AnyTask) -> Iterator[Problem]:
    own = f"{dag.id}.{task.id}"
    if task.pool is None:
        if task._given.get("slots", 1) != 1:
            text = f"task {own!r} takes slots={task.slots} of no pool; give it pool=, or no slots="
            yield _error(dag, "slots_without_pool", (own,), text, task.place)
        return
    pool = analysis.pools.get(task.pool)
    if pool is None:
        hint = did_you_mean(task.pool, analysis.pools)
        text = f"task {own!r} is in pool {task.pool!r}, which is not declared{hint}"
        text += "" if hint else f"; write graph.pool({task.pool!r}, slots=...)"
        yield _error(dag, "unknown_pool", (own, task.pool), text, task.place)
    elif task.slots > pool.slots:
        text = f"task {own!r} takes {task.slots} slots of pool {pool.id!r}, which has {pool.slots}: it could never run"
        yield _error(dag, "too_many_slots", (own, pool.id), text, task.place)


def _over_file(dag: Dag, task: AnyTask) -> Iterator[Problem]:
    over = dag.tasks.get(task.map_over or "")
    if over is not None and over.save is not None and over.map_over is None:
        name, made = f"{dag.id}.{task.id}", f"{dag.id}.{over.id}"
        text = f"{name!r} is mapped over {made!r}, whose output is kept in a file (save=); map over a list that is JSON"
        yield _error(dag, "mapped_over_file", (name, made), text, task.place)


def _alone(dag: Dag, task: AnyTask) -> Iterator[Problem]:
    """What only makes sense beside other tasks: a branch that nothing follows, a teardown that follows nothing."""
    name = f"{dag.id}.{task.id}"
    if task.branch and not any(task.id in links.needs for links in dag._table.all_links().values()):
        text = f"{name!r} is a branch, and no task follows it; let those that it chooses from follow it with after="
        yield _error(dag, "branch_to_nothing", (name,), text, task.place)
    if task.teardown and not dag._table.links(task.id).needs:
        text = f"{name!r} is a teardown, and follows no task; say what it cleans up after with after="
        yield _error(dag, "teardown_of_nothing", (name,), text, task.place)


def _of_wait(analysis: GraphAnalysis, dag: Dag, task: AnyTask, wait: Wait, dates: PossibleDates) -> Iterator[Problem]:
    own = f"{dag.id}.{task.id}"
    if wait.timeout is None:
        text = f"{own!r} waits for {wait.what} without an end; give it a timeout="
        yield _warning(dag, "no_timeout", (own,), text, task.place)
    if wait.dataset is not None:
        yield from _of_partitions(dag, task, wait, wait.dataset)
        return
    upstream = analysis.dags.get(wait.dag)
    if upstream is None:
        if wait.missing == "error":
            hint = did_you_mean(wait.dag, analysis.dags) or "; declare it, or wait for it to come with missing='wait'"
            if "://" in wait.dag or wait.dag in analysis.producers or wait.dag in analysis.consumers:
                hint = f"; for the dataset write wait_for(rd.Dataset({wait.dag!r}))"
            text = f"{own!r} waits for DAG {wait.dag!r}, which is not declared{hint}"
            yield _error(dag, "unknown_dag", (own, wait.dag), text, task.place)
        return
    if wait.missing == "error":
        yield from _awaited_tasks(dag, task, wait, upstream)
    never = never_awaited(dag, wait, upstream, dates)
    if never is not None:
        yield _warning(dag, never[0], (own, wait.dag), f"{own!r} {never[1]}", task.place)


def _of_partitions(dag: Dag, task: AnyTask, wait: Wait, dataset: Dataset) -> Iterator[Problem]:
    """Partitions awaited that the dataset cannot have, and an offset where it has no dates."""
    given = wait.partition if isinstance(wait.partition, tuple) else (wait.partition,)
    own, partitions = f"{dag.id}.{task.id}", dataset.partitions
    for each in given:
        if isinstance(each, str) and each != "same" and partitions is not None and not partitions.fits(each):
            text = f"{own!r} waits for partition {each!r} of {dataset.uri!r}, which is partitioned by {partitions!r}"
            yield _error(dag, "unknown_partition", (own, dataset.uri), text, task.place)
        elif isinstance(each, int) and (partitions is None or partitions.calendar is None):
            text = f"{own!r} waits for {wait}, and {dataset.uri!r} has no calendar; name the partition"
            yield _error(dag, "unknown_partition", (own, dataset.uri), text, task.place)


def _awaited_tasks(dag: Dag, task: AnyTask, wait: Wait, upstream: Dag) -> Iterator[Problem]:
    """Tasks awaited that the other DAG has not, and instances of tasks that are not mapped."""
    own = f"{dag.id}.{task.id}"
    for name in wait.tasks:
        id, place = mapped_task(name)
        text = f"{own!r} waits for task {name!r} of DAG {wait.dag!r}, which has no such task"
        if id not in upstream.tasks:
            hint = did_you_mean(id, upstream.tasks) or "; declare it, or wait for it to come with missing='wait'"
            yield _error(dag, "unknown_task", (own, f"{wait.dag}.{name}"), text + hint, task.place)
        elif place is not None and upstream.tasks[id].map_over is None:
            yield _error(dag, "unknown_task", (own, f"{wait.dag}.{name}"), f"{text}: {id!r} is not mapped", task.place)


def cycle_problem(path: tuple[str, ...], text: str, place: str) -> Problem:
    """The cycle that a bulk would be refused for. O(1)."""
    return Problem("cycle", "error", path, place, text)


def summary(found: Iterable[Problem]) -> str:
    """The errors among these problems as one message, or "". O(problems)."""
    errors = [problem for problem in found if problem.severity == "error"]
    if not errors:
        return ""
    rows = [f"  {at}. {problem.text} ({problem.place})" for at, problem in enumerate(errors[:20], 1)]
    more = [f"  and {len(errors) - 20} more: see graph.problems()"] if len(errors) > 20 else []
    return "\n".join([f"{counted(len(errors), 'problem')} in this graph:", *rows, *more])
