"""The fold: what each record changes, and what follows from it. One definition for live, recovery and simulation.

`apply` changes state by one record; what follows (facts that the engine appends, decisions of triggers) goes back into
the log and is applied when the cursor reaches it. While a log is replayed the same code runs and what follows is thrown
away, since the recorded one comes next: so a replay cannot differ from the live run. Invariant: state is a function of
the records below `cursor`. A record costs the triggers and tasks that it reaches.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

import msgspec

from reactive_dag.declare.internals import analysis_of, has_priorities
from reactive_dag.engine.deciding.backfills import Backfills
from reactive_dag.engine.deciding.coming_ticks import ComingTicks
from reactive_dag.engine.deciding.deadlines import Deadlines, clocks_in
from reactive_dag.engine.deciding.definitions import Definitions
from reactive_dag.engine.deciding.downstream import Downstream
from reactive_dag.engine.deciding.later_rounds import LaterRounds
from reactive_dag.engine.deciding.recorded_calls import RecordedCalls
from reactive_dag.engine.deciding.router import Router
from reactive_dag.engine.facts.outbox import MAX_LATENESS, Outbox
from reactive_dag.engine.facts.publish import Publishing
from reactive_dag.engine.facts.start import Starting
from reactive_dag.engine.facts.values import Values
from reactive_dag.engine.fold.hooks import FoldHooks
from reactive_dag.engine.fold.replay import Replaying
from reactive_dag.engine.items.identity import Identities
from reactive_dag.engine.items.timers import Timers
from reactive_dag.engine.limits.slots import Slots
from reactive_dag.engine.runs.by_date import RunsByDate
from reactive_dag.engine.runs.consumers import Consumers
from reactive_dag.engine.runs.logical_dates import LogicalDates
from reactive_dag.engine.runs.plans import Plans
from reactive_dag.engine.runs.statuses import DELAYED, RunStatuses
from reactive_dag.engine.table.table import RunTable
from reactive_dag.engine.tasks.flow import TaskFlow
from reactive_dag.engine.tasks.waits import Waits
from reactive_dag.engine.tasks.watches import Watches
from reactive_dag.log.protocol import EventLog
from reactive_dag.model.records import (
    AnyRecord,
    BackfillAsked,
    BackfillEnded,
    BackfillRequested,
    Cancelled,
    Decided,
    EngineStarted,
    FaultsRetried,
    Looked,
    Mark,
    Marked,
    OnceDone,
    Paused,
    PlanDeclared,
    Published,
    Registered,
    Removed,
    Republished,
    RerunRequested,
    Resumed,
    RoundSettled,
    RunFinished,
    RunRequested,
    RunStarted,
    Slept,
    StartRequested,
    TaskFinished,
    TaskRetry,
    TaskStarted,
    Tick,
    ValueSet,
)
from reactive_dag.streams.clock import Clock
from reactive_dag.triggers.cell import MAX_PENDING

if TYPE_CHECKING:
    from reactive_dag.declare.graph import Graph
    from reactive_dag.engine.runs.state import RunState


class Fold(Replaying):
    """The state of one graph's engine: triggers, runs, timers, datasets' numbers, pauses."""

    def __init__(
        self, graph: Graph, log: EventLog, clock: Clock, *, executing: bool = True, max_pending: int = MAX_PENDING,
        max_lateness: int = MAX_LATENESS, hooks: FoldHooks | None = None,
    ) -> None:  # fmt: skip
        hooks = hooks or FoldHooks()
        caches, dags = hooks.caches, graph.dags
        self.graph = graph
        self.log = log
        self.clock = clock
        self.max_pending = max_pending
        self.cursor = self.decided = self._ahead_to = 0
        self.outbox = outbox = Outbox(log, clock, executing=executing, max_lateness=max_lateness)
        self.timers = timers = Timers()
        self.statuses = statuses = RunStatuses(log)
        self.run_of, live = statuses.run_of, statuses.live
        self.identities = identities = Identities(log, self.run_of)
        dates = LogicalDates(identities, graph, caches.calendars)
        self.publishing = Publishing(log, graph.datasets, dates)
        self.values = Values(log)
        self.by_date = RunsByDate(log, statuses)
        self.starting = Starting(graph.id, log, dags, dates)
        self.slots = Slots(
            outbox, statuses, caches.arrays, dags.get, dict(analysis_of(graph).heights.flat()), identities.request,
            lambda: hooks.resized(graph.pools),
        )  # fmt: skip
        self.calls, watches = RecordedCalls(outbox, identities), Watches()
        self.router = self._make_router(dates, watches, hooks)
        self.deadlines = self.router.deadlines
        coming = ComingTicks(self.router, outbox, lambda: self.cursor, self._delayed)
        self.waits = Waits(
            outbox, timers, live, self.by_date, dates, dags.get, caches.awaited, watches, coming, lambda: self.cursor,
            self.router, hooks.done_before,
        )  # fmt: skip
        flow = TaskFlow(
            outbox, timers, live, self.by_date, self.waits, self.publishing, self.slots, self._task_settled,
            statuses.orphan, hooks.delay_first,
        )  # fmt: skip
        self.runs = RunTable(
            graph.id, outbox, identities, timers, statuses, dags.get, self.by_date, dates, flow, self.slots,
            Plans(log, caches.arrays), hooks.delay_run,
        )  # fmt: skip
        self.definitions = Definitions(
            graph, outbox, identities, self.calls, self.router, self.runs, self.slots, max_pending
        )
        self.consumers = consumers = Consumers(log, statuses, identities)
        self.later_rounds = LaterRounds(self.router, identities, consumers, self._ahead)
        self.downstream = Downstream(outbox, identities, self.router, self.runs.rounds, consumers)
        self.backfills = Backfills(graph.id, outbox, self.runs, self.by_date)
        self._with_priorities: set[str] = set()
        self._handlers: dict[type, Callable[..., None]] = self._table()

    def _make_router(self, dates: LogicalDates, watches: Watches, hooks: FoldHooks) -> Router:
        outbox, timers, paused = self.outbox, self.timers, self.slots.paused
        deadlines = Deadlines(
            outbox, timers, self.calls, dates, paused, lambda dag: clocks_in(self.router.triggers_of(dag)),
            self._on_missed,
        )  # fmt: skip
        return Router(
            self.graph.id, self.identities, timers, outbox, self.calls, paused, watches.of_dag, self._on_tick,
            deadlines, hooks.before_fire,
        )  # fmt: skip

    def _table(self) -> dict[type, Callable[..., None]]:
        runs, flow, definitions = self.runs, self.runs.flow, self.definitions
        return {
            Published: self._published,
            Republished: self._republished,
            StartRequested: self._start_requested,
            RunRequested: runs.requested,
            PlanDeclared: runs.plans.plan_declared,
            RunStarted: runs.run_started,
            TaskStarted: flow.task_started,
            TaskFinished: flow.task_finished,
            Looked: flow.waiting.looked,
            TaskRetry: lambda offset, record: flow.task_retry(record),
            RunFinished: self._run_finished,
            RerunRequested: self._noting_dropped(runs.rerun_requested),
            Marked: self._noting_dropped(self.runs.marked),
            RoundSettled: self.downstream.settled,
            Cancelled: self._noting_dropped(self._cancelled),
            Paused: lambda offset, record: definitions.pause(record.dag),
            Resumed: lambda offset, record: definitions.resume(record.dag, record.at),
            Registered: definitions.registered,
            Removed: self._noting_dropped(self._removed),
            EngineStarted: lambda offset, record: definitions.nobody_awake(record),
            Slept: lambda offset, record: definitions.nobody_awake(record),
            FaultsRetried: lambda offset, record: definitions.retry_faults(record),
            ValueSet: self._value_set,
            BackfillRequested: self.backfills.requested,
            BackfillAsked: self._backfill_asked,
            BackfillEnded: lambda offset, record: self.backfills.ended(record),
            OnceDone: self._nothing,
            Tick: self._nothing,
        }

    def _noting_dropped(self, apply: Callable[[int, Any], None]) -> Callable[[int, Any], None]:
        """A handler after which rounds may not happen that were queued."""

        def handle(offset: int, record: Any) -> None:
            apply(offset, record)
            if self.runs.rounds.dropped:
                self._rounds_dropped(record.at)

        return handle

    def _rounds_dropped(self, at: int) -> None:
        """Rounds that were queued do not happen: nothing else says so to who awaits them."""
        gone = dict.fromkeys(self.runs.rounds.dropped)
        for run in gone:
            self.backfills.round_dropped(run)
        self.downstream.dropped(at)
        for row in () if self.outbox.replaying else map(self.runs.row, gone):
            self.waits.on_run_changed(row.dag, row.logical_date, row.cascade)
            self.runs.flow.reconsider_past(row.dag, row.logical_date)

    def flush(self) -> None:
        """Append the decisions of this turn, with what callables answered. O(decisions)."""
        if self.calls.given:
            self.outbox.decisions.extend(self.calls.take())
        if self.outbox.decisions:
            self.outbox.flush()

    def on_graph_changed(self, region: set[str] | None = None) -> None:
        """Heights, limits, priorities and what queued runs would say may be others; of all DAGs without `region`.

        One that is gone has no height, as in a process that starts without it. O(DAGs and tasks there, their triggers
        and the routes to them); where one has live runs, O(live runs).
        """
        heights, dags = analysis_of(self.graph).heights, self.graph.dags
        ids = {*dags, *(dag for dag, _ in self.router.triggers)} if region is None else region
        self.router.reorder(lambda id: heights.get(id) if id in dags else 0, ids)
        self.runs.graph_changed(ids)
        self._with_priorities -= ids
        self._with_priorities |= {id for id in ids if (dag := dags.get(id)) is not None and has_priorities(dag)}
        self.slots.graph_changed({id: heights.get(id) for id in ids}, bool(self._with_priorities))

    def begin_runs(self) -> bool:
        """Begin the runs that may begin now; whether there were any. O(what begins)."""
        starting = self.slots.take_runs()
        back = self.slots.take_returned()
        for run in back:
            self.runs.flow.go_on(run)
        overlapping = self.slots.take_overlapping()
        for _, offset, by in overlapping:
            self.runs.overlaps.settle(offset, by)
        if starting:
            self.runs.drafts.begin(starting)
        return bool(starting or back or overlapping)

    # ------------------------------------------------------------------------------------- the fold

    def drain(self, limit: int) -> int:
        """Apply up to `limit` records and append what follows; how many there were. O(records + what they reach)."""
        start = self.cursor
        batch = self.log.read(start, start + limit)
        self.apply_all(start, batch)
        self.cursor = start + len(batch)
        if self.outbox.decisions or self.calls.given:
            self.flush()
        return len(batch)

    def note_decided(self) -> None:
        """Record how far decisions are made (I6); the log's lock is held. O(1)."""
        all_read = self.cursor == self.log.next_offset
        self.log.push(Decided(self.log.last_at, self.cursor))
        self.decided = self.cursor
        if all_read:
            self.cursor += 1

    def apply_all(self, start: int, batch: Iterable[AnyRecord]) -> None:
        """Apply records in order; a fact steps the timers that are due before it (I1)."""
        handlers = self._handlers
        router, timers = self.router, self.timers
        fast_routes, fast_route, fire = router.fast_routes, router.fast_route, router.fire
        for offset, record in enumerate(batch, start):
            at = record.at
            if at >= timers.due:
                self.cursor = offset
                timers.step(at)
            if type(record) is Published and record.kind == "updated":
                try:
                    reached = fast_routes[record.dataset]
                except KeyError:
                    reached = fast_route(record.dataset)
                for feed, hits, station, timed in reached:
                    fired = feed(hits, offset, at, record)
                    if fired:
                        fire(station, fired, at)
                    if timed:
                        router.schedule(station)
                continue
            handler = handlers.get(type(record))
            if handler is not None:
                handler(offset, record)

    def _published(self, offset: int, record: Published) -> None:
        routes = self.router.by_dataset.get(record.dataset)
        if routes is not None:
            self.router.feed(routes, record.kind, offset, record.at, record)
        self._tell_listener(offset, record)

    def _tell_listener(self, offset: int, record: Published) -> None:
        listener = self.router.listeners.get(record.dataset)
        if listener is not None:
            listener((), offset, record.at, record)

    def _removed(self, offset: int, record: Removed) -> None:
        self.definitions.removed(offset, record)
        if record.dag in self.runs.removed:
            self.backfills.dag_removed(record.dag)

    def _cancelled(self, offset: int, record: Cancelled) -> None:
        if not self.backfills.cancelled(record):
            self.runs.cancelled(record)

    def _value_set(self, offset: int, record: ValueSet) -> None:
        """Live, a value is known as soon as it is pushed."""
        if self.outbox.replaying:
            self.values.note(offset, record)

    def _republished(self, offset: int, record: Republished) -> None:
        self.downstream.note(offset, record)
        routes = self.router.by_dataset.get(record.dataset)
        if routes:
            self.later_rounds.feed(routes, record.kind, offset, record.at, record)
        self._tell_listener(offset, record)

    def _ahead(self) -> Iterable[AnyRecord]:
        """What this turn has not applied yet, and what it decided: a replay has the same turn before it. O(turn)."""
        stop = self._ahead_to if self.outbox.replaying else self.log.next_offset
        return [*self.log.read(self.cursor, stop), *self.outbox.decisions]

    def _nothing(self, offset: int, record: AnyRecord) -> None:
        """Such a record changes nothing here (time has passed, or a view of the log keeps it)."""

    def _task_settled(self, offset: int, run: RunState, index: int, record: TaskFinished) -> None:
        if run.started.round > 1:
            self.downstream.note(offset, record)
        by_task = self.router.by_task
        routes = by_task.get((run.started.dag, record.task)) if by_task else None
        if routes:
            event = msgspec.structs.replace(run.started, at=record.at)
            feed = self.router.feed if event.round == 1 else self.later_rounds.feed
            feed(routes, record.state, offset, record.at, event)
        if record.values and not self.outbox.replaying:
            with self.log.lock:
                self.values.push(self.outbox.stamp(), record.values, run.run, record.task)

    def _start_requested(self, offset: int, record: StartRequested) -> None:
        self.starting.on_start_requested(record)
        self._requested_by_hand(offset + 1)

    def _backfill_asked(self, offset: int, record: BackfillAsked) -> None:
        self.backfills.asked(offset, record)
        if record.run < 0:
            self._requested_by_hand(offset + 1)

    def _requested_by_hand(self, run: int) -> None:
        """A request that no trigger decided stands behind the record that is applied: its deadline is open."""
        if self.deadlines.of_dag:
            request = self.identities.request(run)
            self.deadlines.by_hand(request, self.runs.key_of(request))

    def _on_tick(self, dag: str, at: int) -> None:
        self.waits.on_tick(dag, at)

    def _on_missed(self, mark: Mark) -> None:
        for active, hits, _ in self.router.by_missed.get(mark.dag, ()):
            own = msgspec.structs.replace(mark, after=active.circuit.newest)
            self.router.deliver(active, hits, own, mark.due, own)

    def _delayed(self) -> list[RunRequested]:
        """The requests of runs that are queued later, as only a simulation has them. O(runs between)."""
        if self.runs.delay_run is None:
            return []
        return [self.identities.request(run) for run, status in self.statuses.between.items() if status is DELAYED]

    def _run_finished(self, offset: int, record: RunFinished) -> None:
        if record.round > 1:
            self.downstream.ended(offset, record)
        self.runs.run_finished(record)
        if self.runs.rounds.dropped:  # its DAG is gone
            self._rounds_dropped(record.at)
        if self.deadlines.of_dag:
            self.deadlines.run_ended(record)
        if self.backfills.of_run:
            self.backfills.run_ended(record)
        routes = self.router.completion_routes(record.dag)
        if routes:
            feed = self.router.feed if record.round == 1 else self.later_rounds.feed
            feed(routes, record.state, offset, record.at, record)

    def _check(self) -> None:
        """The invariants of every part. O(state)."""
        self.timers._check()
        self.router._check()
        self.deadlines._check()
        self.backfills._check()
        self.definitions._check()
        self.publishing._check()
        self.values._check()
        self.runs._check()
        self.downstream._check()
        self.slots._check()
        self.waits._check()
