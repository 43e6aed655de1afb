"""The run table: what is queued, what runs, what each record about a run changes, and what follows (R3-R5, R14).

Invariant: state changes only when a record is applied; what follows from it is handed to `sink.fact` (thrown away while
a log is replayed, since the recorded one comes). Live runs are held here, finished ones are rows of the log's history.
A record costs O(out-degree of its task).
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from reactive_dag.declare.dag import Dag
from reactive_dag.engine.items.identity import Identities, RunInfo, run_key
from reactive_dag.engine.items.timers import RUNS_FIRST, Timers
from reactive_dag.engine.runs.history_rows import ended_in_queue, ended_orphan, orphan_row, queued_row, row_of
from reactive_dag.engine.runs.state import RunState
from reactive_dag.engine.runs.task_arrays import TaskArraysByDag
from reactive_dag.engine.runs.tasks import TaskFlow
from reactive_dag.log.history import RunRow
from reactive_dag.model.records import Cancelled, OutletEvent, RunFinished, RunRequested, RunStarted, StartRequested

if TYPE_CHECKING:
    from reactive_dag.engine.facts.outbox import Outbox
    from reactive_dag.engine.runs.by_date import RunsByDate
    from reactive_dag.engine.runs.live import LiveRuns
    from reactive_dag.engine.runs.logical_dates import LogicalDates


KeepEnded = Callable[[RunState, RunFinished], None]
"""Keeps the history of a run that ends."""


class RunTable:
    """Queued and live runs of all DAGs.

    `delays`: a DAG among them queues each run so long (ns) after its request. `keep_ended` takes the place of the log's
    own history rows.
    """

    def __init__(
        self, graph: str, outbox: Outbox, identities: Identities, timers: Timers, began: LiveRuns,
        dag_of: Callable[[str], Dag | None], by_date: RunsByDate, logical_dates: LogicalDates, flow: TaskFlow,
        arrays: TaskArraysByDag, delays: Mapping[str, int], keep_ended: KeepEnded | None = None,
    ) -> None:  # fmt: skip
        self.graph = graph
        self.outbox = outbox
        self.identities = identities
        self.timers = timers
        self.began = began
        self.live = began.runs
        self.orphans = began.orphans
        self.dag_of = dag_of
        self.by_date = by_date
        self.logical_dates = logical_dates
        self.flow = flow
        self.waits = flow.waits
        self.arrays = arrays
        self.delays = delays
        self._keep_ended = keep_ended or self._keep_row
        self.queued: dict[str, deque[int]] = {}
        self.active: dict[str, int] = {}
        self.begun: dict[int, RunRequested | None] = {}
        self.ahead: set[int] = set()
        self.stopping: dict[int, str | None] = {}
        self.paused: set[str] = set()
        self.gone: set[str] = set()
        self.held: set[int] = set()

    # ------------------------------------------------------------------------------------- queue and start

    def requested(self, offset: int, record: RunRequested) -> None:
        """A run was requested: it queues, and starts if it may. O(1)."""
        name, outbox = record.dag, self.outbox
        idle = not outbox.executing or outbox.replaying
        if idle and not self.delays and name not in self.gone and offset not in self.ahead:
            self.queue_of(name).append(offset)  # nothing begins here: it waits, or its `RunStarted` comes
            return
        held = self.delays.get(name) if self.delays else None
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
        if dag is None or name in self.paused or self.outbox.replaying or not self.outbox.executing:
            return None
        arrays = self.arrays.of(dag)
        return dag if arrays.size and (arrays.limit is None or self.active.get(name, 0) < arrays.limit) else None

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
        if queue and self.outbox.executing and not self.outbox.replaying:
            self._await_turn(offset)

    def _await_turn(self, offset: int) -> None:
        """A run that has to queue stands for its date already (R14, waits). O(causes)."""
        request = self.request(offset)
        dag = self.dag_of(request.dag)
        if dag is not None:
            date, _, cascade = self.logical_dates.info(request, dag)
            self.by_date.add(dag.id, offset, date, cascade or self.key_of(request))

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
        date, partition, cascade = self.logical_dates.info(request, dag)
        key, log = self.key_of(request), self.identities.log
        with log.lock:
            log.push(RunStarted(self.outbox.stamp(), offset, dag.id, key, date, partition, cascade or key))

    # ------------------------------------------------------------------------------------- runs

    def run_started(self, record: RunStarted) -> None:
        """A run began: its first tasks are ready. O(tasks)."""
        self.by_date.add(record.dag, record.run, record.logical_date, record.cascade)
        self._begin_tasks(record)
        if record.dag in self.waits.watches:
            self.waits.on_run_changed(record.dag)

    def _begin_tasks(self, record: RunStarted) -> None:
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
            self.flow.end_if_done(run)

    def _end_orphan(self, begun: RunStarted) -> None:
        """A run whose DAG is declared no more has nobody to execute it: it failed."""
        self.outbox.fact(lambda at: RunFinished.of(begun, "failed", at))

    def recovered(self) -> None:
        """The log was read back: ask what only the present can tell. O(live and queued runs)."""
        if self.outbox.executing:
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
        arrays = self.arrays.of(dag)
        if arrays.prioritized:
            self.flow.prioritized = True
        return RunState(begun, request, dag, arrays)

    def params(self, offset: int) -> dict[str, object]:
        """The params of a run: the DAG's, with what its start gave. O(params)."""
        request = self.request(offset)
        dag = self.dag_of(request.dag)
        params = {} if dag is None else dict(dag.params)
        cause = request.causes[0] if request.causes else None
        fact = self.identities.record(cause) if isinstance(cause, int) else None
        if isinstance(fact, StartRequested) and fact.params:
            params.update(fact.params)
        return params

    def run_finished(self, record: RunFinished) -> None:
        """A run ended: its place is free, and its DAG's outlets and waits hear of it. O(tasks) for its history row."""
        run = self.live.pop(record.run, None)
        if run is None:
            self._ended_unlived(record)
        else:
            self.active[record.dag] -= 1
            self._keep_ended(run, record)
            if self.queued.get(record.dag):
                self.start_what_may(record.dag)
        self.by_date.discard(record.dag, record.run, record.logical_date, record.cascade)
        if run is not None:
            self._ended(run, record.state)
        if record.dag in self.waits.watches:
            self.waits.on_run_changed(record.dag, record.run)
        if run is not None and self.flow.past:
            for task in run.plan.ids:
                self.flow.reconsider_past(record.dag, task)

    def _keep_row(self, run: RunState, record: RunFinished) -> None:
        self.outbox.keep_row(row_of(run, record))

    def _ended(self, run: RunState, state: str) -> None:
        if run.unfinished:
            self.flow.cut_short(run)
        if state == "success" and run.dag.outlets:
            self.flow.publish(run, "", [OutletEvent(outlet.id) for outlet in run.dag.outlets])

    def _ended_unlived(self, record: RunFinished) -> None:
        """The end of a run that never began, or that nobody here executes."""
        orphan = self.orphans.pop(record.run, None)
        if orphan is not None:
            self.active[record.dag] -= 1
            self.outbox.keep_row(ended_orphan(orphan, self.request(record.run), record))
        elif record.run in self.stopping:
            del self.stopping[record.run]
            self.outbox.keep_row(ended_in_queue(self.row(record.run), record))

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
                self.flow.give(run, task, "cancelled", reason)

    def _end_queued(self, offset: int, reason: str | None = None) -> None:
        """From here on the run does not begin any more, though its end is applied when the cursor gets there."""
        request = self.request(offset)
        self.queue_of(request.dag).remove(offset)
        self.stopping[offset] = reason
        row = self.row(offset)
        about = (row.logical_date, row.partition, row.cascade or row.key)
        begun = RunStarted(row.requested or 0, offset, request.dag, row.key, *about)
        self.outbox.fact(lambda at: RunFinished.of(begun, "cancelled", at))

    def dag_removed(self, dag: str) -> None:
        """A DAG is gone: its queued runs are cancelled, the others go on to their end."""
        self.gone.add(dag)
        for offset in list(self.queued.get(dag, ())):
            self._end_queued(offset, f"DAG {dag!r} was removed")

    # ------------------------------------------------------------------------------------- look-ups

    def request(self, offset: int) -> RunRequested:
        """The request that names a run. O(1) in memory."""
        record = self.identities.record(offset)
        assert isinstance(record, RunRequested), record
        return record

    def key_of(self, request: RunRequested) -> str:
        """The key of a run (I4): kept with its request, or computed. O(causes)."""
        return request.key or run_key(
            self.graph, request.dag, request.label, map(self.identities.identity, request.causes)
        )

    def row(self, offset: int) -> RunRow:
        """A run as a row, whatever its state. O(tasks)."""
        live = self.live.get(offset)
        if live is not None:
            return row_of(live)
        if offset in self.orphans:
            return orphan_row(self.orphans[offset], self.request(offset))
        ended = self.identities.log.run(offset)
        if ended is not None:
            return ended
        request = self.request(offset)
        dag = self.dag_of(request.dag)
        info = self.logical_dates.info(request, dag) if dag is not None else RunInfo(None, None, "")
        return queued_row(offset, request, self.key_of(request), info)

    def previous(self, row: RunRow) -> int | None:
        """The run before another of its DAG: by date, else by request. O(log runs)."""
        if row.logical_date is not None:
            seen = self.by_date.newest(row.dag, -(2**63), row.logical_date - 1)
            return None if seen is None else seen.run
        found = self.identities.log.runs(dag=row.dag, before=row.run, limit=1)
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
            assert self.identities.log.run(run.run) is None or self.outbox.replaying, "a run is live and in the history"
        self.flow._check()
