"""`EngineParts`: the parts of one engine, each made of the parts below it.

Owns their order: how an engine recovers and takes up its work, and how it lets go. Opening costs O(snapshot + tail).
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from reactive_dag.declare.dag import Dag
from reactive_dag.declare.graph import Graph
from reactive_dag.engine.arguments import nanoseconds
from reactive_dag.engine.deciding.backfill_dates import BackfillJudge
from reactive_dag.engine.drive.commit_waiter import CommitWaiter
from reactive_dag.engine.drive.drain_loop import DrainLoop
from reactive_dag.engine.drive.drive import Drive
from reactive_dag.engine.drive.driving_thread import DrivingThread
from reactive_dag.engine.drive.graph_changes import GraphChanges
from reactive_dag.engine.drive.interrupts import HELD
from reactive_dag.engine.drive.turn import Turn
from reactive_dag.engine.execute.attempt import AttemptExecutor
from reactive_dag.engine.execute.current_body import current_body
from reactive_dag.engine.execute.event_loops import EventLoops
from reactive_dag.engine.execute.once import OnceCalls
from reactive_dag.engine.execute.runners import Runner
from reactive_dag.engine.execute.stubs import Stubs
from reactive_dag.engine.execute.waiting_bodies import current_attempt
from reactive_dag.engine.facts.intake import take_over
from reactive_dag.engine.facts.start import StartedBy, StartFields
from reactive_dag.engine.fold.fold import Fold
from reactive_dag.engine.fold.snapshots import recover
from reactive_dag.engine.inspect.attempt_logs import AttemptLogs
from reactive_dag.engine.inspect.backfill import Backfill
from reactive_dag.engine.inspect.fold_host import CLOSED, FoldHost
from reactive_dag.engine.inspect.queries import Queries
from reactive_dag.log.protocol import EventLog
from reactive_dag.model.errors import EngineClosed, StoreError, UsageError, raise_fault, said
from reactive_dag.model.partitions.products import Partitions
from reactive_dag.model.records import (
    AnyRecord,
    Cancelled,
    EngineStarted,
    ObserverFault,
    Published,
    TaskFinished,
    TaskRetry,
    TaskStarted,
)
from reactive_dag.model.times import SECOND, GivenDuration, GivenTime
from reactive_dag.streams.clock import Clock
from reactive_dag.streams.observers import Observers

LOG = logging.getLogger("reactive_dag.store")
VERSION = "0.1.0"
GRAPH_ID = "graph id"
"""The name under which a store keeps the id of its graph."""


class EngineParts:
    """All that works for one engine, on a log that it closes. A read-only one records nothing and is never driven."""

    def __init__(self, fold: Fold, runner: Runner | None, read_only: bool, stubs: Stubs | None) -> None:
        lock, self.interrupts = threading.RLock(), HELD
        self._turn_lock = lock
        self.fold = fold
        self.log = fold.log
        self.runner = runner
        self.read_only = read_only
        self.closed = False
        self._leaving = False
        """Whether it began to close, and did not come to the end: a second interrupt."""
        self.driving_thread = thread = DrivingThread()
        self.observers: Observers[AnyRecord] = Observers(self.log, on_fault=self._observer_raised)
        self.commits = CommitWaiter(self.log, self.observers, thread, lock)
        self.event_loops = EventLoops()
        self.once_calls = OnceCalls(fold, self.event_loops, self.commits.durable)
        logs = AttemptLogs(self.log, fold.clock.now)
        self.host = FoldHost(fold, self._wait_for_run, logs)
        self.queries = Queries(self.host, self.observers, lock)
        executor = AttemptExecutor(
            self.host, fold.clock.now, self.event_loops, self.once_calls, fold.publishing, stubs, self._start_child
        )
        self.changes = GraphChanges(fold, thread.wake)
        self.turn = Turn(fold, self.observers, self.changes, runner, executor, logs, HELD, lock, thread.wake)
        self.loop = DrainLoop(fold, self.turn, self.changes, runner, HELD, thread, self.commits)
        self.drive = Drive(fold, self.turn, self.loop, thread, self.observers, self.host, HELD)

    def begin(self) -> None:
        """Record that an engine started, and since when none ran (I8); then take the intake over. O(DAGs + intake)."""
        log = self.log
        with log.lock:
            last, now = log.last_at, self.fold.clock.now()
            log.set_meta(GRAPH_ID, self.fold.graph.id)
            log.push(
                EngineStarted(last if log.next_offset else now, max(now, last), VERSION, self.fold.outbox.max_lateness)
            )
            take_over(log, self.fold.clock, self.fold.publishing, self.fold.starting)
        self.turn.take_up_changes()
        log.commit()

    def close(self, grace: int) -> None:
        """Let go: attempts have `grace` (ns) to end. Doing it again does nothing, or the rest."""
        if self.closed and not self._leaving:
            return
        self.refuse_in_body("engine.close()", "close it outside")
        with self.interrupts:
            self._leaving = True
            self.changes.close()
            try:
                self.drive.stop()
            finally:
                try:
                    if self.runner is not None:
                        self.turn.let_go_of_held()
                        self.turn.waiting.close()
                        self.drive.wait_for_bodies(self.runner, grace / SECOND)
                finally:
                    self._let_go()

    def _let_go(self) -> None:
        """Close all, lowest last."""
        self.closed = True
        self.turn.close()
        self.event_loops.close()
        self.observers.close(5.0)
        self.host.close()
        self.log.close()
        self._leaving = False

    # ------------------------------------------------------------------------------------- for the public calls

    def check_open(self) -> None:
        """Raises EngineClosed, StoreError (its log has failed), and UsageError for an engine that is read-only."""
        if self.closed:
            raise EngineClosed(CLOSED)
        if self.log.fault is not None:
            raise_fault(self.log.fault)
        if self.read_only:
            raise UsageError("this engine is read_only: it looks, and runs and records nothing")

    def get_ready(self) -> None:
        """Before a fact is recorded: a changed graph is taken up first, so that it sees that fact (R11, T11)."""
        self.check_open()
        if self.changes.ready:
            self.turn.take_up_changes()

    def refuse_in_body(self, call: str, instead: str) -> None:
        """Raises UsageError in a body of this engine."""
        if body := current_body(self.host):
            raise UsageError(f"{call} in the body of {body} would wait for itself; {instead}")

    def refuse_to_block(self, call: str, instead: str) -> None:
        """Raises UsageError on the thread of the event loop that runs this engine's coroutines: `call` blocks it."""
        if self.event_loops.run_here:
            raise UsageError(f"{call} would block the event loop that runs this engine's tasks: {instead}")

    def append(self, make: Callable[[int], AnyRecord]) -> None:
        """Record `make(at)`, and return when it is durable."""
        self.get_ready()
        with self.interrupts, self.log.lock:
            offset = self.log.push(make(self.fold.outbox.stamp()))
        self.commits.durable(offset)

    # ------------------------------------------------------------------------------------- backfills

    def backfill(self, dag: Dag | str, start: GivenTime | None, end: GivenTime | None, **options: object) -> Backfill:
        """Judge and record a backfill, durable on return. O(dates * log n). Raises UnknownId, InvalidValue."""
        self.get_ready()
        fold = self.fold
        declared = fold.starting.dag(dag)
        with self.interrupts, self._turn_lock, self.log.lock:  # what has run is as of one instant
            judge = BackfillJudge(fold.backfills, fold.runs.logical_dates, fold.calls)
            lacking = self._lacking(declared) if (start, end, options["only"]) == (None, None, "missing") else None
            asked = judge.asked(fold.outbox.stamp(), declared, start, end, lacking, **options)
            number = fold.backfills.push(asked)
        self.commits.durable(self.log.next_offset - 1)
        return self._backfill(number)

    def _lacking(self, dag: Dag) -> list[tuple[Partitions, list[str]]]:
        """The partitions that are missing of what a DAG writes. O(partitions)."""
        made = [(each, each.partitions) for each in dag.produces]
        return [(of, self.queries.partitions(each).missing) for each, of in made if of is not None]

    def backfills(self) -> list[Backfill]:
        """All backfills, newest first. O(result)."""
        return [self._backfill(number) for number in reversed(range(1, self.host.fold.backfills.number))]

    def cancel_backfill(self, backfill: Backfill, reason: str) -> None:
        """Record that a backfill was cancelled; of one that has ended nothing. O(dates)."""
        row = self.host.backfill(backfill.number)
        if row.state == "running":
            self.append(lambda at: Cancelled(at, row.offset, reason))

    def _backfill(self, number: int) -> Backfill:
        return Backfill(self.host, number, self._wait_until)

    # ------------------------------------------------------------------------------------- for the parts

    def _wait_until(self, done: Callable[[], bool], timeout: GivenDuration | float | None, what: str) -> None:
        self.check_open()
        self.refuse_to_block("backfill.wait()", "await the backfill")
        span, attempt = None if timeout is None else nanoseconds(timeout), current_attempt(self.host)
        if attempt is None:
            self.drive.until(done, span, f"{what} to end")
        else:
            self.turn.wait_in_body(attempt, done, span, what)

    def _start_child(self, dag: Dag | str, given: StartFields, by: StartedBy) -> int:
        self.get_ready()
        with self.interrupts, self.log.lock:
            run = self.fold.starting.push(self.fold.outbox.stamp(), dag, given, by)
        self.commits.durable(run)
        return run

    def _wait_for_run(self, run: int, timeout: GivenDuration | float | None) -> None:
        self.check_open()
        self.refuse_to_block("run.wait()", "await engine.idle(), or await the run")
        span, attempt = None if timeout is None else nanoseconds(timeout), current_attempt(self.host)
        if attempt is None:
            self.drive.wait_for_run(run, span)
        else:
            fold = self.fold
            over, dag = lambda: run < fold.cursor and fold.statuses.get(run) is None, fold.runs.request(run).dag
            self.turn.wait_in_body(attempt, over, span, f"run {dag!r}", run)

    def _observer_raised(self, error: BaseException, offset: int) -> None:
        if self.closed:
            return
        dag = self._dag_of(self.log.record(offset))
        with self.log.lock:
            self.log.push(ObserverFault(self.fold.outbox.stamp(), said(error), dag))
        self.driving_thread.wake()

    def _dag_of(self, record: AnyRecord) -> str:
        """The DAG that a record is about; "" if it is about none."""
        if isinstance(record, (Published, TaskStarted, TaskFinished, TaskRetry)):
            return self.fold.run_of(record.run).dag if record.run >= 0 else ""
        return getattr(record, "dag", "")


def opened(
    graph: Graph, log: EventLog, clock: Clock, runner: Runner | None, *, read_only: bool, max_pending: int,
    max_lateness: int, stubs: Stubs | None,
) -> EngineParts:  # fmt: skip
    """The parts of an engine that has recovered from its log and, unless it is read-only, said that it is here.

    O(snapshot + tail). Raises StoreError for the log of another graph, GraphError; the log is closed then.
    """
    try:
        _refuse_foreign(log, graph)
        executing = runner is not None
        fold = Fold(graph, log, clock, executing=executing, max_pending=max_pending, max_lateness=max_lateness)
        recover(fold)
        for report in log.reports:
            LOG.warning("%s", report)
        parts = EngineParts(fold, runner, read_only, stubs)
        if not read_only:
            try:
                parts.begin()
            except BaseException:
                parts.changes.close()
                raise
    except BaseException:
        log.close()
        raise
    return parts


def _refuse_foreign(log: EventLog, graph: Graph) -> None:
    """A store holds one graph: another one would take everything in it for removed. Raises StoreError."""
    there = log.meta(GRAPH_ID)
    if there is not None and there != graph.id:
        raise StoreError(f"this store holds graph {there!r}, not {graph.id!r}; give {graph.id!r} a store of its own")
