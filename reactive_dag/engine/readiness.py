"""`engine.ready`: the ready set of the engine's own history (G4), as a stream.

A completion costs its out-degree. The set is begun when somebody subscribes, from the history.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import reactivex
from reactivex import Observable, abc
from reactivex import operators as ops

from reactive_dag.log.protocol import EventLog
from reactive_dag.model.records import AnyRecord, RunFinished
from reactive_dag.resolve.ready import ReadySet

if TYPE_CHECKING:
    from reactive_dag.declare.graph import Graph
    from reactive_dag.streams.observers import Feed


def ready_stream(graph: Graph, log: EventLog, feed: Feed[AnyRecord]) -> Observable[frozenset[str]]:
    """The DAGs ready to run: at once, and after each successful run that changes the set."""

    def subscribe(
        observer: abc.ObserverBase[frozenset[str]], scheduler: abc.SchedulerBase | None
    ) -> abc.DisposableBase:
        here = log.committed
        ready = ReadySet(graph.view.forms)
        for row in sorted(log.runs(state="success"), key=lambda row: row.ended or 0):
            ready.complete(row.dag)

        def changed(offset: int, record: AnyRecord) -> frozenset[str] | None:
            if type(record) is not RunFinished or record.state != "success":
                return None
            return ready.ready if ready.complete(record.dag) else None

        later = feed.observe(changed, here)
        return later.pipe(ops.start_with(ready.ready)).subscribe(observer, scheduler=scheduler)

    return reactivex.create(subscribe)
