"""What is wrong with a graph, all of it at once (G3).

Owns the two lists of checks, by DAG, each made only where it is asked for. An error stops `check()`; a warning does
not: a dataset that nobody produces, a DAG without tasks, a wait without a timeout, joins that cannot meet, waits for a
date that never comes, keys that do not do what was meant, names that are nearly equal. Each names the ids, the place
and what to do. Cost: O(graph), and for warnings the ticks of a year for pairs of schedules that are to meet.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TypeAlias

from attrs import Factory, frozen

from reactive_dag.declare.analysis.body_warnings import body_warnings
from reactive_dag.declare.analysis.date_overlap import PossibleDates, join_warnings, never_awaited, of_no_cascade
from reactive_dag.declare.analysis.errors import errors_of_dag
from reactive_dag.declare.analysis.key_warnings import key_warnings
from reactive_dag.declare.analysis.layers import Layers
from reactive_dag.declare.analysis.near_names import NearNames
from reactive_dag.declare.analysis.neighbours import Neighbours
from reactive_dag.declare.analysis.problem import Problem, a_warning
from reactive_dag.declare.analysis.relations import GraphAnalysis
from reactive_dag.declare.dag import Dag
from reactive_dag.declare.task import AnyTask
from reactive_dag.declare.wait import Wait

_Known: TypeAlias = Layers[list[Problem]]
"""The problems of one version by the DAG that they are about; only DAGs with one are there."""


@frozen
class _Lonely:
    """The datasets of one version that nobody produces; who produces and hears them is as `neighbours` had it."""

    datasets: Layers[Problem] = Factory(Layers)
    neighbours: Neighbours = Factory(Neighbours)


def problems_of(analysis: GraphAnalysis, twice: Mapping[str, str]) -> list[Problem]:
    """Everything that is wrong, errors first, in the order of declaration.

    O(graph) once; in a later version of it what changed, what follows from that, and the problems.
    """
    known = _lonely(analysis).datasets
    uris = sorted(known, key=lambda uri: (analysis.place(analysis.consumers[uri][0]), uri))
    lonely = [known[uri] for uri in uris]
    warnings = _in_order(analysis, _warnings(analysis))
    return list(dict.fromkeys([*errors_of(analysis, twice), *warnings, *lonely, *_near_names(analysis, lonely)]))


def errors_of(analysis: GraphAnalysis, twice: Mapping[str, str]) -> list[Problem]:
    """What `check()` raises, in the order of declaration. O(graph) once, then what changed and follows from that."""
    return list(dict.fromkeys(_in_order(analysis, _errors(analysis, twice))))


def _in_order(analysis: GraphAnalysis, known: _Known) -> list[Problem]:
    return [problem for id in sorted(known, key=analysis.place) for problem in known[id]]


def _errors(analysis: GraphAnalysis, twice: Mapping[str, str]) -> _Known:
    """An error may name what would have been near, so each is made anew after any change."""

    def after(before: _Known, region: set[str]) -> _Known:
        return _known_after(analysis, before, region.union(before), lambda dag: errors_of_dag(analysis, dag, twice))

    return analysis.renewed("errors", lambda: after(Layers(), set(analysis.dags)), after)


def _warnings(analysis: GraphAnalysis) -> _Known:
    def after(before: _Known, region: set[str]) -> _Known:
        dates = PossibleDates.of_graph(analysis)
        return _known_after(analysis, before, region, lambda dag: _warnings_of_dag(analysis, dag, dates))

    return analysis.renewed("warnings", lambda: after(Layers(), set(analysis.dags)), after)


def _known_after(
    analysis: GraphAnalysis, before: _Known, again: set[str], of: Callable[[Dag], Iterable[Problem]]
) -> _Known:  # fmt: skip
    """What is known when these DAGs were looked at again."""
    found = {id: rows for id in again if id in analysis.dags and (rows := list(of(analysis.dags[id])))}
    return before.after(found, again - found.keys())


def _lonely(analysis: GraphAnalysis) -> _Lonely:
    def after(before: _Lonely, region: set[str]) -> _Lonely:
        found: dict[str, Problem] = {}
        uris = before.neighbours.uses(region) | analysis.neighbours.uses(region)
        for uri in uris:
            consumers = analysis.consumers.get(uri)
            if consumers and uri not in analysis.producers:
                found[uri] = _no_producer(analysis, uri, consumers)
        return _Lonely(before.datasets.after(found, uris - found.keys()), analysis.neighbours)

    return analysis.renewed("lonely", lambda: after(_Lonely(), set(analysis.dags)), after)


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


# ------------------------------------------------------------------------------------------------- of a DAG


def _warnings_of_dag(analysis: GraphAnalysis, dag: Dag, dates: PossibleDates) -> Iterator[Problem]:
    for label, trigger in dag.triggers.items():
        named = f" {label!r}" if label else ""
        for kind, text in (*join_warnings(trigger, dates), *key_warnings(trigger, dates)):
            yield a_warning(dag, kind, (), f"the trigger{named} of DAG {dag.id!r}: {text}")
    if not dag.tasks:
        yield a_warning(dag, "no_tasks", (), f"DAG {dag.id!r} has no tasks, so it never runs; add one with @dag.task")
    for task in dag.tasks.values():
        yield from _of_task(analysis, dag, task, dates)
    if dag.outlets:
        yield from _outlets_twice(dag)


def _of_task(analysis: GraphAnalysis, dag: Dag, task: AnyTask, dates: PossibleDates) -> Iterator[Problem]:
    own = f"{dag.id}.{task.id}"
    for kind, text in body_warnings(dag, task):
        yield a_warning(dag, kind, (own,), text, task.place)
    if task.until is not None and task.timeout is None:
        yield a_warning(dag, "no_timeout", (own,), f"{own!r} looks without an end; give it a timeout=", task.place)
    if task.wait is not None:
        yield from _of_wait(analysis, dag, task, task.wait, dates)


def _of_wait(analysis: GraphAnalysis, dag: Dag, task: AnyTask, wait: Wait, dates: PossibleDates) -> Iterator[Problem]:
    own = f"{dag.id}.{task.id}"
    if wait.timeout is None:
        text = f"{own!r} waits for {wait.what} without an end; give it a timeout="
        yield a_warning(dag, "no_timeout", (own,), text, task.place)
    upstream = None if wait.dataset is not None else analysis.dags.get(wait.dag)
    never = None if upstream is None else never_awaited(dag, wait, upstream, dates)
    if never is not None:
        yield a_warning(dag, never[0], (own, wait.dag), f"{own!r} {never[1]}", task.place)
    alone = None if upstream is None else of_no_cascade(dag, wait, upstream, dates)
    if alone is not None:
        yield a_warning(dag, "other_cascade", (own, wait.dag), f"{own!r} {alone}", task.place)


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
            yield a_warning(dag, "outlet_twice", (name, uri), text, task.place)
