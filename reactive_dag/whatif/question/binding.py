"""Binding a loaded graph for a simulation: everything but the bodies of tasks, which a simulation never calls (G5).

Owns the versions of graphs that are known to be bound. O(callables).
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from reactive_dag.declare.bind import bind_dags
from reactive_dag.declare.internals import version_of

if TYPE_CHECKING:
    from reactive_dag.declare.graph import Graph

_bound: WeakKeyDictionary[Graph, int] = WeakKeyDictionary()


def bind_all_but_bodies(graph: Graph) -> None:
    """Import what triggers, waits and options refer to. O(callables), once a version of the graph.

    Raises one GraphError that names all that cannot be found.
    """
    if _bound.get(graph) != version_of(graph):
        bind_dags(graph.dags.values(), bodies=False)
        _bound[graph] = version_of(graph)
