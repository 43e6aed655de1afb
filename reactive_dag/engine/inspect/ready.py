"""`engine.ready`: the ready set of the engine's own history (G4), as a stream.

Owns the order in which DAGs last succeeded: all that readiness depends on, so it can be worked out anew when the graph
changes. A completion costs its out-degree, a change of the graph O(DAGs). It is begun when somebody subscribes.
"""

from __future__ import annotations

from collections.abc import Iterable

import reactivex
from reactivex import Observable, abc
from reactivex import operators as ops

from reactive_dag.declare.graph import Graph
from reactive_dag.declare.internals import analysis_of, version_of
from reactive_dag.log.history import RunRow
from reactive_dag.log.protocol import EventLog
from reactive_dag.model.records import AnyRecord, RunFinished
from reactive_dag.resolve.ready import ReadySet
from reactive_dag.streams.observers import Observers


class Readiness:
    """Which DAGs are ready, given what succeeded."""

    def __init__(self, graph: Graph, history: Iterable[RunRow]) -> None:
        self.graph = graph
        self.last: dict[str, None] = {}
        for row in sorted(history, key=lambda row: (row.ended or 0, row.run)):
            self._move_to_end(row.dag)
        self._begin()

    def _begin(self) -> None:
        self.version = version_of(self.graph)
        self.set = ReadySet(analysis_of(self.graph).forms)
        for dag in self.last:
            self.set.complete(dag)
        self.shown = self.set.ready

    def _move_to_end(self, dag: str) -> None:
        self.last.pop(dag, None)
        self.last[dag] = None

    def changed_by(self, record: AnyRecord) -> frozenset[str] | None:
        """The ready set after a record, if that changed it."""
        before = self.shown
        if version_of(self.graph) != self.version:
            self._begin()
        if type(record) is RunFinished and record.state == "success":
            self._move_to_end(record.dag)
            self.set.complete(record.dag)
            self.shown = self.set.ready
        return None if self.shown == before else self.shown


def ready_stream(graph: Graph, log: EventLog, observers: Observers[AnyRecord]) -> Observable[frozenset[str]]:
    """The DAGs ready to run: at once, and after each record that changes the set."""

    def subscribe(
        observer: abc.ObserverBase[frozenset[str]], scheduler: abc.SchedulerBase | None
    ) -> abc.DisposableBase:
        here = log.committed
        ready = Readiness(graph, log.runs(state="success"))
        later = observers.observe(lambda offset, record: ready.changed_by(record), here)
        return later.pipe(ops.start_with(ready.shown)).subscribe(observer, scheduler=scheduler)

    return reactivex.create(subscribe)
