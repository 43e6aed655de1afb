"""The run table: what is queued, what runs, what each record about a run changes, and what follows (R3-R5, R14).

Invariant: state changes only when a record is applied; what follows from it is handed to the outbox (which throws it
away while a log is replayed, since the recorded one comes). Live runs are held here, finished ones are rows of the
log's history.
A record costs O(out-degree of its task).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Iterable, Mapping
from itertools import islice, takewhile
from typing import TYPE_CHECKING, TypeAlias

import msgspec

from reactive_dag.declare.dag import Dag
from reactive_dag.engine.items.identity import Identities, run_key
from reactive_dag.engine.items.timers import RUNS_FIRST, Timers
from reactive_dag.engine.runs.plans import Plans, PlansSnapshot
from reactive_dag.engine.runs.state import RunSnapshot, RunState
from reactive_dag.engine.runs.statuses import AHEAD, BEGINNING, DELAYED, ORPHAN, QUEUED, RunStatus, RunStatuses
from reactive_dag.engine.table.drafts import Drafts
from reactive_dag.engine.table.marks import marked_text
from reactive_dag.engine.table.overlaps import Overlaps
from reactive_dag.engine.table.rounds import Rounds, RoundsSnapshot
from reactive_dag.engine.table.rows import Rows
from reactive_dag.engine.table.run_queue import RunQueue
from reactive_dag.engine.table.run_timeouts import RunTimeouts
from reactive_dag.engine.table.stops import Stops
from reactive_dag.engine.tasks.flow import TaskFlow
from reactive_dag.log.history import RunRow
from reactive_dag.model.records import (
    Cancelled,
    Marked,
    OutletEvent,
    RerunRequested,
    RunFinished,
    RunRequested,
    RunStarted,
)

if TYPE_CHECKING:
    from reactive_dag.engine.facts.outbox import Outbox
    from reactive_dag.engine.runs.by_date import RunsByDate
    from reactive_dag.engine.runs.logical_dates import LogicalDates


OtherRun = tuple[int, str, str, bool, Cancelled | None]
"""A run between the queue and its beginning: its DAG, its status, whether that is active, and what cancelled it."""


class RunsSnapshot(msgspec.Struct, array_like=True):
    """The unfinished runs, as a snapshot holds them: those that began, the statuses of others that are not queued."""

    live: list[RunSnapshot]
    others: list[OtherRun]
    removed: list[str]
    plans: PlansSnapshot
    rounds: RoundsSnapshot


DelayRun: TypeAlias = Callable[[int, RunRequested], int]
"""How long (ns) after its request a run is queued: the offset of the request, and the request."""


class RunTable:
    """Queued and live runs of all DAGs.

    `delay_run`: how long (ns) after its request a run is queued. `keep_ended` takes the place of the log's
    own history rows.
    """

    def __init__(
        self, graph: str, outbox: Outbox, identities: Identities, timers: Timers, statuses: RunStatuses,
        dag_of: Callable[[str], Dag | None], by_date: RunsByDate, logical_dates: LogicalDates, flow: TaskFlow,
        slots: RunQueue, plans: Plans, delay_run: DelayRun | None,
    ) -> None:  # fmt: skip
        self.graph = graph
        self.outbox = outbox
        self.identities = identities
        self.timers = timers
        self.statuses = statuses
        self.live = statuses.live
        self.dag_of = dag_of
        self.by_date = by_date
        self.logical_dates = logical_dates
        self.flow = flow
        self.waits = flow.waits
        self.slots = slots
        self.plans = plans
        self.rounds = Rounds(outbox.log)
        self.rows = Rows(statuses, identities, logical_dates, flow.reasons, self.rounds, dag_of, self.key_of)
        self.timeouts = RunTimeouts(outbox, timers)
        self.overlaps = Overlaps(outbox, statuses, slots, by_date, self.request, self.row, self.key_of)
        self.drafts = Drafts(outbox, statuses, dag_of, by_date, logical_dates, plans, self.rounds, self.key_of)
        self.delay_run = delay_run
        self.removed: set[str] = set()
        self.stops = Stops(flow)

    # ------------------------------------------------------------------------------------- queue and begin

    def requested(self, offset: int, record: RunRequested) -> None:
        """A run was requested: it queues, and begins when the slots say so. O(causes)."""
        if offset in self.statuses.between:
            self.statuses.move(offset, record.dag, BEGINNING)
        elif self.delay_run is not None and (delay := self.delay_run(offset, record)):
            self.statuses.move(offset, record.dag, DELAYED)
            due = record.at + delay
            self.timers.set(due, RUNS_FIRST, record.dag, record.label, lambda now: self._queue(offset, record))
        else:
            self._queue(offset, record)

    def _queue(self, offset: int, record: RunRequested) -> None:
        name, outbox, status = record.dag, self.outbox, QUEUED
        if outbox.executing and not outbox.replaying:
            dag = self.dag_of(name)
            status = QUEUED if dag is None else self.drafts.make(offset, record, dag)
        self.statuses.enter(offset, status)
        self.slots.queue(name, offset)
        if name in self.removed:
            self._end_queued(offset, f"cancelled: DAG {name!r} was removed")

    def rerun_requested(self, offset: int, record: RerunRequested) -> None:
        """The next round of a run was asked for: it queues as soon as the run has ended (R10). O(1)."""
        self.rounds.ask(record.run, offset)
        if self.statuses.get(record.run) is None:
            self._queue_round(record.run)

    def _queue_round(self, run: int) -> None:
        """Queue the next round of a run that has ended, if one is asked for, in the order of asking. O(queued)."""
        if not self.rounds.next(run):
            return
        request, status = self.request(run), QUEUED
        if self.outbox.executing and not self.outbox.replaying:
            status = self.drafts.make_round(run, request)
        self.statuses.enter(run, status)
        asked, queue = self.rounds.under_way, self.slots.queues.get(request.dag, deque())
        later = takewhile(lambda each: asked.get(each, each) > asked[run], reversed(queue))
        self.slots.queue_again(request.dag, run, len([*later]))
        if request.dag in self.removed:
            self._end_queued(run)

    def graph_changed(self, dags: Collection[str]) -> None:
        """Drafts of queued runs are outdated, live runs of these DAGs get the bodies of now (R11).

        O(live runs + live and queued ones of these DAGs, * log).
        """
        self.drafts.outdate()
        self.drafts.renew([run for dag in dags for run in self.slots.queues.get(dag, ())])
        live = self.live.values() if self.statuses.may_be_live(dags) else ()
        for run in sorted([run for run in live if run.started.dag in dags], key=lambda run: run.run):
            dag = self.dag_of(run.started.dag)
            before = run.arrays.shared
            if dag is not None and (arrays := self.plans.taken_anew(dag, before)) is not before:
                run.take_bodies(dag, arrays)
                self.timeouts.renew(run)
                self.flow.waiting.renew(run)

    def begun_in_log(self, record: RunStarted) -> None:
        """A `RunStarted` that stands beyond the decided part of the log: the run must not begin a second time."""
        run, dag = record.run, record.dag
        status = self.statuses.get(run)
        if status is None:
            self.statuses.move(run, dag, AHEAD)
        elif status.name == "queued":
            self.slots.unqueue(dag, run)
            self.statuses.move(run, dag, BEGINNING)

    # ------------------------------------------------------------------------------------- runs

    def run_started(self, offset: int, record: RunStarted) -> None:
        """A run began: its first tasks are ready. O(tasks)."""
        dag, status = self.dag_of(record.dag), self.statuses.between.get(record.run)
        if status is None or status.order is None:
            self.by_date.add(record.dag, record.run, record.logical_date, record.cascade)
            self.begun_in_log(record)
            status = self.statuses.between[record.run]
        if dag is None:
            orphan = self._add_orphan(record)
            if record.round > 1:
                self.stops.begin_orphan(orphan, self.rounds.kept(record, orphan.arrays), self.rounds.mark(record.run))
            self._end_orphan(record)
        else:
            run = self._add(record, dag, status)
            if record.round > 1:
                self.stops.begin_round(run, self.rounds.kept(record, run.arrays), self.rounds.mark(record.run))
            if status.stopped is not None:
                self.stops.stop(run, status.stopped)
            elif record.round > 1:
                self.flow.begin_round(run)
            else:
                self.flow.begin(run)
            if not run.unfinished:
                self.flow.end_if_done(run)
        if record.dag in self.waits.watches.of_dag:
            self.waits.on_run_changed(record.dag, record.logical_date, record.cascade)

    def marked(self, offset: int, record: Marked) -> None:
        """A task or a run was given a state by hand; what has ended gets it in a round of its own (R19). O(tasks)."""
        live, status = self.live.get(record.run), self.statuses.get(record.run)
        if self.stops.mark(live, self.statuses.orphan(record.run), record):
            return
        if not record.task and status is not None and status.name == "queued":
            self._mark_queued(offset, record)
        else:  # it has ended, or is ending, before this mark was recorded
            self.rounds.ask(record.run, offset)
            if status is None:
                self._queue_round(record.run)

    def _mark_queued(self, offset: int, record: Marked) -> None:
        """End a queued run in a state; a round beyond the first that is queued gives way to one that keeps all."""
        run = record.run
        if run in self.rounds:
            self._end_queued(run)
            self.rounds.ask(run, offset)
            self._queue_round(run)
        else:
            self.slots.unqueue(self.request(run).dag, run)
            self.overlaps.give_up(run, record.state, marked_text(record))

    def _add(self, begun: RunStarted, dag: Dag, status: RunStatus | None = None) -> RunState:
        """A run that is running from here on, with nothing done. O(tasks)."""
        if status is None or status.request is None or status.order is None or status.arrays is None:
            request, arrays = self.request(begun.run), self.plans.arrays_of(begun, dag)
            order = self.slots.order(begun.run, request)
            if begun.round > 1:
                order = self.rounds.request(begun.run).at, *order[1:]
        else:
            request, arrays, order = status.request, status.arrays, status.order
        run = RunState(begun, request, dag, arrays, order)
        self.statuses.run(begun.dag, run)
        if arrays.run_timeout is not None:
            self.timeouts.watch(run, arrays.run_timeout)
        return run

    def _add_orphan(self, begun: RunStarted) -> RunState:
        """A run that began, and whose DAG is declared no more: what is recorded of it. O(tasks)."""
        request = self.request(begun.run)
        run = RunState(begun, request, Dag(begun.dag), self.plans.left(begun), self.slots.order(begun.run, request))
        self.statuses.move(begun.run, begun.dag, msgspec.structs.replace(ORPHAN, begun=begun, orphan=run))
        return run

    def _end_orphan(self, begun: RunStarted) -> None:
        """Fail a run whose DAG is no longer declared: its tasks cannot be executed."""
        self.outbox.fact(lambda at: RunFinished.of(begun, "failed", at))

    def recovered(self) -> None:
        """The log was read back: make the drafts and reconsider the tasks that wait. O(live and queued runs)."""
        self.drafts.renew(list(self.statuses.queued))
        self.timeouts.recovered(self.live)
        self.flow.waiting.recovered()
        self.flow.reconsider_all()

    def end_orphans(self) -> None:
        """Runs that began before a restart, of DAGs that are declared no more. O(unfinished runs)."""
        for orphan in self.statuses.orphans().values():
            self._end_orphan(orphan.started)

    def run_finished(self, record: RunFinished) -> None:
        """A run ended: its place is free, its DAG's outlets and waits are told. O(tasks) for its history row."""
        dag, run = record.dag, self.live.get(record.run)
        if run is None:
            row = self.rows.unlived(record)
            if row is not None:
                self.outbox.keep_row(row)
            if record.run in self.statuses.queued:
                self.slots.unqueue(dag, record.run)
        else:
            self.outbox.keep_row(self.rows.live(run, record))
        self.statuses.move(record.run, dag, None)
        if dag in self.slots.queues:
            self.slots.reconsider(dag)
        self.by_date.discard(dag, record.run, record.logical_date, record.cascade)
        if run is not None:
            self._ended(run, record.state)
            if self.timeouts.timers:
                self.timeouts.drop(run.run)
        else:
            self.flow.reconsider_past(dag, record.logical_date)
        if dag in self.waits.watches.of_dag:
            self.waits.on_run_changed(dag, record.logical_date, record.cascade, record.run)
        if record.round > 1 or self.rounds.waiting:
            self._queue_round(record.run)

    def _ended(self, run: RunState, state: str) -> None:
        if run.unfinished:
            self.flow.cut_short(run)
        if state == "success" and run.dag.outlets:
            self.flow.publish(run, "", [OutletEvent(outlet.id) for outlet in run.dag.outlets])
        if self.flow.past.of_run:
            self.flow.reconsider_past(run.started.dag, run.started.logical_date)

    # ------------------------------------------------------------------------------------- cancelled

    def cancelled(self, record: Cancelled) -> None:
        """A run was cancelled: what has not ended is cancelled now; results that come later count for nothing."""
        status = self.statuses.get(record.run)
        if record.run in self.live:
            self.stops.stop(self.live[record.run], record)
        elif status is not None and status.orphan is not None:
            status.orphan.stop(record)
        elif status is not None and status.name == "queued":
            self._end_queued(record.run, record.error)
        elif status is not None and status.name == "beginning":
            dag = self.request(record.run).dag
            self.statuses.move(record.run, dag, msgspec.structs.replace(status, stopped=record))

    def _end_queued(self, offset: int, error: str | None = None) -> None:
        """End a queued run: it cannot begin any more; its end is applied when the cursor reaches the record.

        A round that is queued does not happen, and leaves the run as it was.
        """
        dag, row = self.request(offset).dag, self.row(offset)
        self.slots.unqueue(dag, offset)
        if offset in self.rounds.under_way:
            self.rounds.drop(offset)
            self.statuses.move(offset, dag, None)
            self.by_date.discard(dag, offset, row.logical_date, row.cascade)
            return
        self.overlaps.give_up(offset, "cancelled", error)

    def dag_removed(self, dag: str) -> None:
        """A DAG is gone: its queued runs are cancelled, the others go on to their end. O(queued runs)."""
        self.removed.add(dag)
        for run in list(self.slots.queues.get(dag, ())):
            self._end_queued(run, f"cancelled: DAG {dag!r} was removed")

    def dag_declared(self, dag: str) -> None:
        """A definition of a DAG came into force. O(1)."""
        self.removed.discard(dag)
        self.slots.reconsider(dag)

    # ------------------------------------------------------------------------------------- look-ups

    def request(self, offset: int) -> RunRequested:
        """The request that names a run. O(1) in memory."""
        return self.identities.request(offset)

    def key_of(self, request: RunRequested) -> str:
        """The key of a run (I4): kept with its request, or computed. O(causes)."""
        if request.key is not None:
            return request.key
        return run_key(self.graph, request.dag, request.label, map(self.identities.identity, request.causes))

    def row(self, offset: int) -> RunRow:
        """A run as a row, whatever its state. O(tasks)."""
        return self.rows.row(offset)

    def not_begun(self, dag: str | None, limit: int | None = None) -> list[int]:
        """The runs (of a DAG) that were requested and have not begun; the newest `limit`, or more. O(result)."""
        queued = self.statuses.queued if dag is None else self.slots.queues.get(dag, ())
        between = [run for run in self.statuses.beginning() if dag is None or self.request(run).dag == dag]
        return [*islice(reversed(queued), limit), *between]

    # ------------------------------------------------------------------------------------- state

    def snapshot(self) -> RunsSnapshot:
        """What a restored engine needs of it. O(unfinished runs and their tasks)."""
        live = [run.snapshot() for run in (*self.live.values(), *self.statuses.orphans().values())]
        others: list[OtherRun] = [
            (run, self.request(run).dag, status.name, status.active, status.stopped)
            for run, status in self.statuses.between.items()
            if status.name != "orphan"
        ]
        return RunsSnapshot(live, others, sorted(self.removed), self.plans.snapshot(), self.rounds.snapshot())

    def restore(self, state: RunsSnapshot, queues: Mapping[str, Iterable[int]]) -> None:
        """Take what `snapshot` gave; `queues` are the queued runs of each DAG. O(unfinished runs and their tasks)."""
        self.removed.update(state.removed)
        self.plans.restore(state.plans)
        self.rounds.restore(state.rounds)
        for queue in queues.values():
            for run in queue:
                self.statuses.enter(run, QUEUED)
        for run, dag, name, active, stopped in state.others:
            self.statuses.move(run, dag, RunStatus(name, active, stopped=stopped))
        for kept in state.live:
            begun = kept.started
            declared = self.dag_of(begun.dag)
            if declared is None:
                self._add_orphan(begun).restore(kept)
            else:
                self._add(begun, declared).restore(kept)
                self.by_date.add(begun.dag, begun.run, begun.logical_date, begun.cascade)

    def _check(self) -> None:
        """No run that has not ended is in the history; the invariants of the statuses and of what live runs do."""
        self.statuses._check(lambda run: self.request(run).dag)
        for run, state in self.live.items():
            row = self.outbox.log.run(run)
            ended = row is not None and row.round >= state.started.round
            assert self.outbox.replaying or not ended, "a run is live and in the history"
        self.flow._check()
        self.rounds._check()
        self.plans._check()
