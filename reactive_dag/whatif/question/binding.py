"""Binding a loaded graph for a simulation: everything but the bodies, which nothing here would call (G5).

Owns the view of a DAG that shows `bind_dags` no bodies; what is bound, and what is said of what cannot be, is its own.
O(callables).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, cast
from weakref import WeakKeyDictionary

from attrs import frozen

from reactive_dag.declare.bind import bind_dags
from reactive_dag.declare.options import DagSettings
from reactive_dag.declare.wait import Wait
from reactive_dag.triggers.base import Trigger

if TYPE_CHECKING:
    from reactive_dag.declare.dag import Dag
    from reactive_dag.declare.graph import Graph
    from reactive_dag.declare.task import AnyTask


@frozen
class _Task:
    """A task whose body is nobody's business."""

    id: str
    given: Mapping[str, object]
    wait: Wait | None
    rebind: Callable[[Callable[..., object] | None, Mapping[str, object], Wait | None], None]
    ref: None = None


@frozen
class _Dag:
    """A DAG of such tasks."""

    id: str
    place: str
    triggers: dict[str, Trigger]
    settings: DagSettings
    rebind: Callable[[dict[str, Trigger], DagSettings], None]
    tasks: dict[str, _Task]


_bound: WeakKeyDictionary[Graph, int] = WeakKeyDictionary()
"""The version of each graph that is known to be bound."""


def bind_all_but_bodies(graph: Graph) -> None:
    """Import what triggers, waits and options refer to. O(callables), once a version of the graph.

    Raises one GraphError that names all that cannot be found.
    """
    if _bound.get(graph) != graph.version:
        bind_dags([cast("Dag", _bodiless(dag)) for dag in graph.dags.values()])
        _bound[graph] = graph.version


def _bodiless(dag: Dag) -> _Dag:
    tasks = {task.id: _without_body(task) for task in dag.tasks.values()}
    return _Dag(dag.id, dag.place, dag.triggers, dag.settings, dag.rebind, tasks)


def _without_body(task: AnyTask) -> _Task:
    return _Task(task.id, task.given, task.wait, task.rebind)
