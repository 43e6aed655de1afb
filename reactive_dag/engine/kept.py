"""Engines on the graph as the store itself remembers it: to look at it, and to record facts, without its functions."""

from __future__ import annotations

from reactive_dag.declare.graph import Graph
from reactive_dag.engine.drive.kept_graph import kept_graph
from reactive_dag.engine.engine import Engine
from reactive_dag.log.opening import open_log
from reactive_dag.model.errors import NotAStore


class Recorder(Engine):
    """An engine that records facts and decides nothing: no function of its graph is there.

    Whoever opens it must not drive it. What it recorded is decided by the engine that has the graph, when that opens.
    """

    def _prepare(self, graph: Graph) -> None:
        """Take the graph as it was kept: it was checked by who declared it."""


def look_at(store: str) -> Engine:
    """A read-only engine on a store, with the graph as the store itself remembers it. O(snapshot + tail).

    Raises StoreError for a store that no engine has opened yet.
    """
    log = open_log(store, read_only=True)
    graph = kept_graph(log)
    if graph is None:
        log.close()
        raise NotAStore(f"{store}: no engine has run on this store yet, so there is no graph to look at")
    return Engine(graph, store=log, read_only=True)


def record_on(store: str) -> Recorder:
    """An engine that records facts on a store, with the graph as the store itself remembers it. O(snapshot + tail).

    Raises StoreError for a store that no engine has opened yet, StoreInUse for one that an engine holds.
    """
    with look_at(store) as engine:
        graph = engine.graph
    return Recorder(graph, store=store, runner=None)
