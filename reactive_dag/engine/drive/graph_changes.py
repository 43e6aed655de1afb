"""`GraphChanges`: what changed in the graph since its definitions were last recorded (T11).

Owns whether anything did, and the version that was taken up. A look costs O(1), taking a change up what changed and
what follows from that.
"""

from __future__ import annotations

from collections.abc import Callable

from reactive_dag.declare.internals import in_bulk, region_since, subscribe, version_of
from reactive_dag.engine.drive.kept_graph import GraphKeeper
from reactive_dag.engine.fold.fold import Fold


class GraphChanges:
    """Follows the graph of one fold; `wake` is told of each change."""

    def __init__(self, fold: Fold, wake: Callable[[], None]) -> None:
        self._fold = fold
        self._wake = wake
        self._keeper = GraphKeeper(fold.log, fold.graph)
        self.any = True
        self._taken_up = -1
        self._unsubscribe = subscribe(fold.graph, self._on_change)

    def _on_change(self, dag: str | None) -> None:
        self.any = True
        self._wake()

    @property
    def ready(self) -> bool:
        """Whether there is a change to be taken up; not in the middle of a `graph.bulk()`."""
        return self.any and not in_bulk(self._fold.graph)

    def take_up(self) -> bool:
        """Record what changed, as one change; whether there was anything to be taken up."""
        if not self.ready:
            return False
        self.any = False
        fold, log, graph = self._fold, self._fold.log, self._fold.graph
        version = version_of(graph)
        region = region_since(graph, self._taken_up)
        with log.lock:
            records = fold.definitions.changes(fold.outbox.stamp(), fold.cursor, region)
            if log.durable:
                self._keeper.keep(region, bool(records))
            fold.definitions.ahead(records, log.push_many(records), fold.cursor)
            fold.on_graph_changed(region)
        self._taken_up = version
        return True

    def close(self) -> None:
        """Follow the graph no more."""
        self._unsubscribe()
