"""The run table: what is queued, what runs, what each record about a run changes, and what follows (R3-R5, R14).

Invariant: state changes only when a record is applied; what follows from it is handed to `sink.fact` (thrown away while
a log is replayed, since the recorded one comes). Live runs are held here, finished ones are rows of the log's history.
A record costs O(out-degree of its task).
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Protocol

from reactive_dag.declare.dag import Dag
from reactive_dag.engine.items.identity import Facts, run_key
from reactive_dag.engine.items.timers import RUNS_FIRST, Timers
from reactive_dag.engine.runs.history_rows import ended_in_queue, ended_orphan, orphan_row, queued_row, row_of
from reactive_dag.engine.runs.state import RunState
from reactive_dag.engine.runs.task_arrays import Shapes
from reactive_dag.engine.runs.tasks import TaskFlow
from reactive_dag.log.history import RunRow
from reactive_dag.model.records import (
    AnyRecord,
    Cancelled,
    Json,
    RunFinished,
    RunRequested,
    RunStarted,
    StartRequested,
    TaskFinished,
)

if TYPE_CHECKING:
    from reactive_dag.engine.facts.publish import Publishing
    from reactive_dag.engine.runs.by_date import Dates
    from reactive_dag.engine.runs.logical_dates import Dating


class Sink(Protocol):
    """Where facts that follow go; each gets the instant of its append."""

    executing: bool
    replaying: bool

    def fact(self, make: Callable[[int], AnyRecord]) -> None:
        """Append `make(at)`."""

    def stamp(self) -> int:
        """The instant of a record appended now; the log's lock is held."""

    def finished(self, row: RunRow) -> None:
        """Take the history row of a run that ended."""


class RunTable:
    """Queued and live runs of all DAGs."""

    dates: Dates
    publishing: Publishing
    dating: Dating

    def __init__(self, graph: str, facts: Facts, timers: Timers, sink: Sink, dags: Callable[[str], Dag | None]) -> None:
        self.graph = graph
        self.facts = facts
        self.timers = timers
        self.sink = sink
        self.dag_of = dags
        self.queued: dict[str, deque[int]] = {}
        self.live: dict[int, RunState] = {}
        self.active: dict[str, int] = {}
        self.begun: dict[int, RunRequested | None] = {}
        self.ahead: set[int] = set()
        self.stopping: dict[int, str | None] = {}
        self.orphans: dict[int, RunStarted] = {}
        self.paused: set[str] = set()
        self.gone: set[str] = set()
        self.starts: dict[str, int] = {}
        self.holds: dict[str, int] = {}
        self.held: set[int] = set()
        self.shapes = Shapes()
        self.flow = TaskFlow(self)

    # ------------------------------------------------------------------------------------- queue and start

    def requested(self, offset: int, record: RunRequested) -> None:
        """A run was requested: it queues, and starts if it may. O(1).

        A DAG among `holds` queues each run so long (ns) after its request; nothing else about it changes.
        """
        name, sink = record.dag, self.sink
        idle = not sink.executing or sink.replaying
        if idle and not self.holds and name not in self.gone and offset not in self.ahead:
            self.queue_of(name).append(offset)  # nothing begins here: it waits, or its `RunStarted` comes
            return
        held = self.holds.get(name) if self.holds else None
        if held:
            due = record.at + held
            self.held.add(offset)
            self.timers.set(due, RUNS_FIRST, name, record.label, lambda now: self._queue(offset, name))
        elif (dag := self._startable(offset, name)) is not None:
            self._count_begun(name, offset, record)
            self._begin(offset, dag, record)
        else:
            self._queue(offset, name)

    def _startable(self, offset: int, name: str) -> Dag | None:
        """The DAG of a run that nothing holds back, so that it need not queue. O(1)."""
        if self.queued.get(name) or offset in self.ahead or name in self.gone:
            return None
        return self._with_room(name)

    def _with_room(self, name: str) -> Dag | None:
        """A DAG of which a run may begin now: neither a pause nor its limit holds it back (R6 `queue`). O(1)."""
        dag = self.dag_of(name)
        if dag is None or name in self.paused or self.sink.replaying or not self.sink.executing:
            return None
        shape = self.shapes.of(dag)
        return dag if shape.size and (shape.limit is None or self.active.get(name, 0) < shape.limit) else None

    def _queue(self, offset: int, dag: str) -> None:
        if offset in self.ahead:
            self.ahead.discard(offset)
            self._count_begun(dag, offset)
            return
        queue = self.queue_of(dag)
        queue.append(offset)
        if dag in self.gone:
            self._end_queued(offset, f"DAG {dag!r} was removed")
        self.start_what_may(dag)
        if queue and self.sink.executing and not self.sink.replaying:
            self._await_turn(offset)

    def _await_turn(self, offset: int) -> None:
        """A run that has to queue stands for its date already (R14, waits). O(causes)."""
        request = self.request(offset)
        dag = self.dag_of(request.dag)
        if dag is not None:
            date, _, cascade = self.dating.told(request, dag)
            self.dates.add(dag.id, offset, date, cascade or self.key_of(request))

    def queue_of(self, dag: str) -> deque[int]:
        """The queue of a DAG's runs. O(1)."""
        queue = self.queued.get(dag)
        if queue is None:
            queue = self.queued[dag] = deque()
        return queue

    def start_what_may(self, dag_id: str) -> None:
        """Begin queued runs of a DAG, in order, while nothing holds them back. O(what begins)."""
        queue = self.queued.get(dag_id)
        while queue and (dag := self._with_room(dag_id)) is not None:
            offset = queue.popleft()
            request = self.request(offset)
            self._count_begun(dag_id, offset, request)
            self._begin(offset, dag, request)

    def start_all_that_may(self) -> None:
        """Begin what nothing holds back any more: the engine, a definition or a limit is another. O(DAGs queued)."""
        for _, dag in sorted((queue[0], dag) for dag, queue in self.queued.items() if queue):
            self.start_what_may(dag)

    def _count_begun(self, dag_id: str, offset: int, request: RunRequested | None = None) -> None:
        """From here on the run has its place, though its `RunStarted` is applied only when the cursor gets there."""
        self.active[dag_id] = self.active.get(dag_id, 0) + 1
        self.begun[offset] = request

    def begun_in_log(self, record: RunStarted) -> None:
        """A `RunStarted` that stands beyond the decided part of the log: the run must not begin a second time."""
        queue = self.queue_of(record.dag)
        if record.run in self.begun:
            return
        if record.run in queue:
            queue.remove(record.run)
        elif record.run not in self.stopping:
            self.ahead.add(record.run)
            return
        self._count_begun(record.dag, record.run)

    def _begin(self, offset: int, dag: Dag, request: RunRequested) -> None:
        date, partition, cascade = self.dating.told(request, dag)
        key, log = self.key_of(request), self.facts.log
        with log.lock:
            log.push(RunStarted(self.sink.stamp(), offset, dag.id, key, date, partition, cascade or key))

    # ------------------------------------------------------------------------------------- runs

    def run_started(self, record: RunStarted) -> None:
        """A run began: its first tasks are ready. O(tasks)."""
        dag, offset = self.dag_of(record.dag), record.run
        if offset not in self.begun:
            self.begun_in_log(record)
        request = self.begun.pop(offset)
        if dag is None:
            self.orphans[record.run] = record
            self._end_orphan(record)
            return
        run = self.live[offset] = self.state_of(record, request or self.request(offset), dag)
        if offset in self.stopping:
            self._stop(run, self.stopping.pop(offset))
        else:
            self.flow.begin(run)
        if not run.unfinished:
            self.end_if_done(run)

    def _end_orphan(self, begun: RunStarted) -> None:
        """A run whose DAG is declared no more has nobody to execute it: it failed."""
        told = (begun.logical_date, begun.partition, begun.cascade)
        self.sink.fact(lambda at: RunFinished(at, begun.run, begun.dag, begun.key, "failed", *told))

    def started_of(self, run: int) -> RunStarted | None:
        """How a run began, if it has not ended. O(1)."""
        live = self.live.get(run)
        return self.orphans.get(run) if live is None else live.started

    def recovered(self) -> None:
        """The log was read back: ask what only the present can tell. O(live and queued runs)."""
        if self.sink.executing:
            for queue in self.queued.values():
                for offset in queue:
                    self._await_turn(offset)
        self.flow.reconsider_all()

    def end_orphans(self) -> None:
        """Runs that began before a restart, of DAGs that are declared no more. O(their number)."""
        for begun in list(self.orphans.values()):
            self._end_orphan(begun)

    def state_of(self, begun: RunStarted, request: RunRequested, dag: Dag) -> RunState:
        """A run that begins, with nothing done. O(tasks)."""
        shape = self.shapes.of(dag)
        if shape.prioritized:
            self.flow.prioritized = True
        return RunState(begun, request, dag, shape)

    def params(self, offset: int) -> dict[str, object]:
        """The params of a run: the DAG's, with what its start gave. O(params)."""
        request = self.request(offset)
        dag = self.dag_of(request.dag)
        params = {} if dag is None else dict(dag.params)
        cause = request.causes[0] if request.causes else None
        fact = self.facts.record(cause) if isinstance(cause, int) else None
        if isinstance(fact, StartRequested) and fact.params:
            params.update(fact.params)
        return params

    def run_finished(self, record: RunFinished) -> RunState | None:
        """A run ended: its place is free. O(tasks) for its history row."""
        run = self.live.pop(record.run, None)
        if run is None:
            self._ended_unlived(record)
            return None
        self.active[record.dag] -= 1
        self.sink.finished(row_of(run, record))
        if self.queued.get(record.dag):
            self.start_what_may(record.dag)
        return run

    def _ended_unlived(self, record: RunFinished) -> None:
        """The end of a run that never began, or that nobody here executes."""
        orphan = self.orphans.pop(record.run, None)
        if orphan is not None:
            self.active[record.dag] -= 1
            self.sink.finished(ended_orphan(orphan, self.request(record.run), record))
        elif record.run in self.stopping:
            del self.stopping[record.run]
            self.sink.finished(ended_in_queue(self.row(record.run), record))

    def cancelled(self, record: Cancelled) -> None:
        """Somebody cancelled a run: what has not ended is cancelled now; results that come later count for nothing."""
        run = self.live.get(record.run)
        if run is not None:
            self._stop(run, record.reason or None)
        elif record.run in self.begun:
            self.stopping[record.run] = record.reason or None
        elif record.run in self.queue_of(self.request(record.run).dag):
            self._end_queued(record.run, record.reason or None)

    def _stop(self, run: RunState, reason: str | None) -> None:
        run.cancelled = True
        for index, task in enumerate(run.plan.ids):
            if not run.final(index):
                self.give(run, task, "cancelled", reason)

    def _end_queued(self, offset: int, reason: str | None = None) -> None:
        """From here on the run does not begin any more, though its end is applied when the cursor gets there."""
        request = self.request(offset)
        self.queue_of(request.dag).remove(offset)
        self.stopping[offset] = reason
        row = self.row(offset)
        self.sink.fact(
            lambda at: RunFinished(
                at, offset, request.dag, row.key, "cancelled", row.logical_date, row.partition, row.cascade or row.key
            )
        )  # fmt: skip

    def dag_removed(self, dag: str) -> None:
        """A DAG is gone: its queued runs are cancelled, the others go on to their end."""
        self.gone.add(dag)
        for offset in list(self.queued.get(dag, ())):
            self._end_queued(offset, f"DAG {dag!r} was removed")

    def heard_start(self, record: StartRequested) -> None:
        """Count a start by hand: the next one's number is one more (I3)."""
        self.starts[record.dag] = max(self.starts.get(record.dag, 0), record.n + 1)

    # ------------------------------------------------------------------------------------- ends

    def end_if_done(self, run: RunState) -> None:
        """Ask for the run's end once nothing in it is unfinished."""
        if run.unfinished or self.sink.replaying:
            return
        begun, log, state = run.started, self.facts.log, run.outcome()
        with log.lock:
            log.push(
                RunFinished(
                    self.sink.stamp(), begun.run, begun.dag, begun.key, state, begun.logical_date, begun.partition,
                    begun.cascade,
                )
            )  # fmt: skip

    def give(self, run: RunState, task: str, state: str, error: str | None = None) -> None:
        """Ask that a task get `state` without running."""
        offset = run.run
        index = run.plan.index[task]
        attempt = run.attempt[index] if index in run.open else 0
        self.sink.fact(lambda at: TaskFinished(at, offset, task, state, attempt, error=error, retry=False))

    def publish(self, run: RunState, task: str, wanted: Iterable[Sequence[Json]]) -> None:
        """Record the events of a task's (or a DAG's) success (R3)."""
        if self.sink.replaying:
            return
        with self.facts.log.lock:
            self.publishing.push_of_run(self.sink.stamp(), run.started, task, wanted)

    # ------------------------------------------------------------------------------------- look-ups

    def request(self, offset: int) -> RunRequested:
        """The request that names a run. O(1) in memory."""
        record = self.facts.record(offset)
        assert isinstance(record, RunRequested), record
        return record

    def key_of(self, request: RunRequested) -> str:
        """The key of a run (I4): kept with its request, or computed. O(causes)."""
        return request.key or run_key(self.graph, request.dag, request.label, map(self.facts.identity, request.causes))

    def row(self, offset: int) -> RunRow:
        """A run as a row, whatever its state. O(tasks)."""
        live = self.live.get(offset)
        if live is not None:
            return row_of(live)
        if offset in self.orphans:
            return orphan_row(self.orphans[offset], self.request(offset))
        ended = self.facts.log.run(offset)
        if ended is not None:
            return ended
        request = self.request(offset)
        dag = self.dag_of(request.dag)
        told = self.dating.told(request, dag) if dag is not None else (None, None, "")
        return queued_row(offset, request, self.key_of(request), told)

    def previous(self, row: RunRow) -> int | None:
        """The run before another of its DAG: by date, else by request. O(log runs)."""
        if row.logical_date is not None:
            seen = self.dates.newest(row.dag, -(2**63), row.logical_date - 1)
            return None if seen is None else seen.run
        found = self.facts.log.runs(dag=row.dag, before=row.run, limit=1)
        return found[0].run if found else None

    def _check(self) -> None:
        """A run has one place; as many count as active as have begun; no limit is passed. O(runs)."""
        queued = [run for queue in self.queued.values() for run in queue]
        places = [*queued, *self.begun, *self.live, *self.orphans]
        assert len(places) == len(set(places)), "a run stands in two places"
        begun = Counter(self.request(run).dag for run in (*self.begun, *self.live, *self.orphans))
        assert begun == Counter(self.active), (begun, self.active)
        for run in self.live.values():
            run._check()
            assert self.facts.log.run(run.run) is None or self.sink.replaying, "a run is live and in the history"
        self.flow._check()
