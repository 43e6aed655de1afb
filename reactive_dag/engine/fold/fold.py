"""The fold: what each record changes, and what follows from it. One definition for live, recovery and simulation.

`apply` changes state by one record; what follows (facts that the engine appends, decisions of triggers) goes back into
the log and is applied when the cursor reaches it. While a log is replayed the same code runs and what follows is thrown
away, since the recorded one comes next: so a replay cannot differ from the live run. Invariant: state is a function of
the records below `cursor`. A record costs the stations and followers that it reaches.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Protocol

import msgspec

from reactive_dag.engine.deciding.definitions import Definitions
from reactive_dag.engine.deciding.recorded_calls import Answering
from reactive_dag.engine.deciding.router import Wiring
from reactive_dag.engine.facts.publish import Publishing
from reactive_dag.engine.facts.start import Starting
from reactive_dag.engine.items.events import event_of
from reactive_dag.engine.items.identity import Facts
from reactive_dag.engine.items.timers import Timers
from reactive_dag.engine.runs.by_date import Dates
from reactive_dag.engine.runs.logical_dates import Dating
from reactive_dag.engine.runs.table import RunTable
from reactive_dag.engine.runs.waits import Waits
from reactive_dag.log.history import RunRow
from reactive_dag.log.protocol import EventLog
from reactive_dag.model.errors import StoreDamaged
from reactive_dag.model.event import Event
from reactive_dag.model.payload import plain
from reactive_dag.model.records import (
    AnyRecord,
    Cancelled,
    Decided,
    EngineStarted,
    Expired,
    FaultsRetried,
    Item,
    Mark,
    OnceDone,
    Paused,
    Published,
    Registered,
    Removed,
    Resumed,
    RunFinished,
    RunRequested,
    RunStarted,
    StartRequested,
    TaskFinished,
    TaskRetry,
    TaskStarted,
    Tick,
)
from reactive_dag.triggers.cell import MAX_PENDING
from reactive_dag.triggers.machine.firing import resolved

if TYPE_CHECKING:
    from reactive_dag.declare.graph import Graph
    from reactive_dag.engine.runs.state import RunState

RUN_SCOPE = "run"
"""The scope of run keys in the log's index of keys."""


class Clock(Protocol):
    """What the core asks of a clock."""

    def now(self) -> int:
        """Nanoseconds since 1970 UTC."""


class Core:
    """The state of one graph's engine: triggers, runs, timers, datasets' numbers, pauses."""

    def __init__(
        self, graph: Graph, log: EventLog, clock: Clock, *, executing: bool = True, done_before: int | None = None,
        max_pending: int = MAX_PENDING,
    ) -> None:  # fmt: skip
        self.graph = graph
        self.log = log
        self.clock = clock
        self.executing = executing
        self.max_pending = max_pending
        self.replaying = False
        self.cursor = 0
        self.decided = 0
        self.out: list[AnyRecord] = []
        self._fresh_keys: set[str] = set()
        self.timers = Timers()
        self.facts = Facts(log, self.run_of)
        self.publishing = Publishing(log, graph.datasets)
        self.answers = Answering(self)
        self.wiring = Wiring(graph.id, self.facts, self.timers, self)
        self.runs = RunTable(graph.id, self.facts, self.timers, self, graph.dags.get)
        self.dates = Dates(log, self.runs.live.get)
        self.runs.dates = self.dates
        self.runs.publishing = self.publishing
        self.runs.dating = Dating(self.facts, graph.dags.get, graph.datasets, graph.origins, lambda: graph.version)
        self.runs.flow.settled = self._task_settled
        self.waits = Waits(self.runs, self.dates, done_before)
        self.starting = Starting(self)
        self.definitions = Definitions(self)
        self.wiring.paused = self.runs.paused
        self.wiring.payload = lambda payload: plain(resolved(payload, self.view), "the payload")
        self.on_success: Callable[[str], None] | None = None
        self._handlers: dict[type, Callable[[int, AnyRecord], None]] = self._table()

    def _table(self) -> dict[type, Callable[..., None]]:
        runs, flow = self.runs, self.runs.flow
        return {
            Published: self._published,
            StartRequested: lambda offset, record: runs.heard_start(record),
            RunRequested: runs.requested,
            RunStarted: self._run_started,
            TaskStarted: flow.task_started,
            TaskFinished: flow.task_finished,
            TaskRetry: lambda offset, record: flow.task_retry(record),
            RunFinished: self._run_finished,
            Cancelled: lambda offset, record: runs.cancelled(record),
            Paused: lambda offset, record: self.definitions.pause(record.dag),
            Resumed: self._resumed,
            Registered: self.definitions.registered,
            Removed: self.definitions.removed,
            EngineStarted: self._engine_started,
            FaultsRetried: self._faults_retried,
            OnceDone: self._nothing,
            Tick: self._nothing,
        }

    # ------------------------------------------------------------------------------------- sink

    def stamp(self) -> int:
        """The instant of a record appended now (I1); the log's lock is held. O(1)."""
        now, last = self.clock.now(), self.log.last_at
        return now if now > last else last

    def fact(self, make: Callable[[int], AnyRecord]) -> None:
        """Append a fact that follows from the record being applied; nothing during a replay."""
        if self.replaying:
            return
        with self.log.lock:
            self.log.push(make(self.stamp()))

    def decide(self, record: AnyRecord) -> None:
        """Keep a decision for the end of this turn; nothing during a replay."""
        if self.replaying:
            return
        self.out.append(record)
        if type(record) is RunRequested and record.key is not None:
            self._fresh_keys.add(record.key)

    def known(self, name: tuple[str, str], key: str) -> bool:
        """Whether the ledger has seen the key of a trigger's firing; a replay is told what was recorded."""
        if self.replaying:
            return self.answers.was_duplicate(name)
        return key in self._fresh_keys or self.log.find(RUN_SCOPE, key) is not None

    def finished(self, row: RunRow) -> None:
        """Take the history row of a run that ended."""
        if not self.replaying or (not self.log.durable and self.log.run(row.run) is None):
            with self.log.lock:
                self.log.note_run(row)

    def flush(self) -> None:
        """Append the decisions of this turn, with the keys that they make known. O(decisions)."""
        out = self.out
        if self.answers.given:
            out.extend(self.answers.take())
        if not out:
            return
        log = self.log
        with log.lock:
            first = log.push_many(out)
            if self._fresh_keys:
                for offset, record in enumerate(out, first):
                    if type(record) is RunRequested and record.key is not None:
                        log.note_key(RUN_SCOPE, record.key, offset)
                self._fresh_keys.clear()
        out.clear()

    # ------------------------------------------------------------------------------------- the fold

    def drain(self, limit: int) -> int:
        """Apply up to `limit` records and append what follows; how many there were. O(records + what they reach)."""
        start = self.cursor
        batch = self.log.read(start, start + limit)
        self.apply_all(start, batch)
        self.cursor = start + len(batch)
        self.flush()
        return len(batch)

    def apply_all(self, start: int, batch: Iterable[AnyRecord]) -> None:
        """Apply records in order; a fact steps the timers that are due before it (I1)."""
        handlers = self._handlers
        wiring, timers = self.wiring, self.timers
        lanes, lane, fire = wiring.lanes, wiring.lane, wiring.fire
        for offset, record in enumerate(batch, start):
            at = record.at
            if at >= timers.due:
                self.cursor = offset
                timers.step(at)
            if type(record) is Published and record.kind == "updated":
                try:
                    reached = lanes[record.dataset]
                except KeyError:
                    reached = lane(record.dataset)
                for feed, hits, station, timed in reached:
                    fired = feed(hits, offset, at, record)
                    if fired:
                        fire(station, fired, at)
                    if timed:
                        wiring.schedule(station)
                continue
            handler = handlers.get(type(record))
            if handler is not None:
                handler(offset, record)

    def _published(self, offset: int, record: Published) -> None:
        routes = self.wiring.by_dataset.get(record.dataset)
        if routes is not None:
            self.wiring.feed(routes, record.kind, offset, record.at, record)

    def _nothing(self, offset: int, record: AnyRecord) -> None:
        """Such a record changes nothing here (time has passed, or a view of the log keeps it)."""

    def _run_started(self, offset: int, record: RunStarted) -> None:
        self.dates.add(record.dag, record.run, record.logical_date, record.cascade)
        self.runs.run_started(record)
        if record.dag in self.waits.watches:
            self.waits.heard(record.dag)

    def _task_settled(self, offset: int, run: RunState, index: int, record: TaskFinished) -> None:
        dag = run.started.dag
        by_task = self.wiring.by_task
        routes = by_task.get((dag, record.task)) if by_task else None
        if routes:
            self.wiring.feed(routes, record.state, offset, record.at, run.started)
        if run.shape.waits[index]:
            self.waits.forget(run, index)
        if dag in self.waits.watches:
            self.waits.heard_task(dag, record.task)

    def _run_finished(self, offset: int, record: RunFinished) -> None:
        run = self.runs.run_finished(record)
        self.dates.discard(record.dag, record.run, record.logical_date, record.cascade)
        if run is not None and run.unfinished:
            self._cut_short(run)
        if run is not None and record.state == "success":
            if run.dag.outlets:
                self._outlets(run)
            if self.on_success is not None:
                self.on_success(record.dag)
        if record.dag in self.waits.watches:
            self.waits.heard(record.dag, record.run)
        if run is not None and self.runs.flow.past:
            for task in run.plan.ids:
                self.runs.flow.reconsider_past(record.dag, task)
        routes = self.wiring.completion_routes(record.dag)
        if routes:
            self.wiring.feed(routes, record.state, offset, record.at, record)

    def _cut_short(self, run: RunState) -> None:
        """The run ended while its DAG was not declared, and now that is again: what it still does counts no more."""
        for index, task in enumerate(run.tasks):
            self.runs.flow.forget(run, index)
            if task.kind == "wait":
                self.waits.forget(run, index)

    def _outlets(self, run: RunState) -> None:
        wanted = [[outlet.id, None, None, None, "updated", None, None] for outlet in run.dag.outlets]
        self.runs.publish(run, "", wanted)

    def _resumed(self, offset: int, record: Resumed) -> None:
        self.definitions.resume(record.dag, record.at)
        self.runs.start_what_may(record.dag)

    def _engine_started(self, offset: int, record: EngineStarted) -> None:
        for station in list(self.wiring.stations.values()):
            if station.timed:
                station.circuit.gap(record.at, record.until, station.catchup, station.max_catchup)
                self.wiring.schedule(station)

    def _faults_retried(self, offset: int, record: FaultsRetried) -> None:
        for (dag, _), station in list(self.wiring.stations.items()):
            if dag == record.dag:
                fired = station.circuit.retry_parked(record.at, self.told_event)
                if fired:
                    self.wiring.fire(station, fired, record.at)
                self.wiring.schedule(station)

    # ------------------------------------------------------------------------------------- replay

    def replay(self, start: int, segments: Iterable[tuple[int, list[AnyRecord]]]) -> None:
        """Apply what is recorded from `start` on, up to the last `Decided`; the rest is left to be decided.

        O(records). Invariant I6: all that follows from a record below `Decided.upto` stands in the log.
        """
        self.cursor = start
        held: list[AnyRecord] = []
        read = 0
        self.replaying = True
        try:
            for _, records in segments:
                for record in records:
                    held.append(record)
                    if type(record) is Decided:
                        done = self._replay_group(held, read, record.upto)
                        del held[:done]
                        read = len(held)
        finally:
            self.replaying = False
        self._count(held)
        self.definitions.ahead(held[read:], self.cursor + read, self.cursor)
        for record in held:
            if type(record) is StartRequested:
                self.runs.heard_start(record)
            elif type(record) is RunStarted:
                self.runs.begun_in_log(record)
        self.runs.recovered()

    def _count(self, group: Iterable[AnyRecord]) -> None:
        """Count the outside events among records that came out of the log."""
        counted = self.publishing.counted
        for record in group:
            if type(record) is Published and record.run < 0:
                counted[record.dataset] = record.n + 1

    def _replay_group(self, held: list[AnyRecord], read: int, upto: int) -> int:
        """Apply what a `Decided` covers; `held[read:]` stands between the one before and it. How many those were."""
        start = self.cursor
        if upto < self.decided:
            raise StoreDamaged(f"a Decided record names offset {upto}, but {self.decided} were decided before it")
        self.decided = upto
        since = held[read:]
        self.definitions.ahead(since, start + read, start)
        if upto <= start:
            return 0  # the snapshot was taken while more was to be decided: this stands behind it, and is in it
        self.answers.recorded(since)
        group = held[: upto - start]
        self.apply_all(start, group)
        self._count(group)
        self.out.clear()
        self.cursor = upto
        return upto - start

    # ------------------------------------------------------------------------------------- intake

    def take_in(self, fact: Published | StartRequested) -> None:
        """Judge and append one fact of the intake: its offset, its number, `at = max(stamp, previous at)` (I8)."""
        at = max(fact.at, self.log.last_at)
        if isinstance(fact, StartRequested):
            self.starting.judge(msgspec.structs.replace(fact, at=at))
        else:
            self.publishing.take_in(at, fact)

    # ------------------------------------------------------------------------------------- look-ups

    def view(self, item: Item) -> Event:
        """The public event of an item. O(1)."""
        return event_of(self.facts, item)

    def told_event(self, item: Item) -> object:
        """What a trigger may ask of an item: something that has its kind or state, date, partition, cascade. O(1)."""
        if isinstance(item, Mark):
            return item
        record = self.log.record(item)
        if not isinstance(record, TaskFinished):
            return record
        of = self.run_of(record.run)
        about = (of.run, of.dag, of.key, record.state, of.logical_date, of.partition, of.cascade, of.round)
        return RunFinished(record.at, *about)

    def expired(self, name: tuple[str, str], policy: str, part: str, key: object, count: int) -> None:
        """Record that a trigger dropped items by one of its bounds (T7, T14)."""
        self.decide(Expired(self.log.last_at, *name, policy, part, "" if key is None else str(key), count))

    def run_of(self, run: int) -> RunStarted:
        """The `RunStarted` of a run, live or ended. O(1) live."""
        begun = self.runs.started_of(run)
        if begun is not None:
            return begun
        row = self.log.run(run)
        if row is None:
            raise StoreDamaged(f"run {run} is named by a record, but neither live nor in the history")
        return RunStarted(row.started or 0, run, row.dag, row.key, row.logical_date, row.partition, row.cascade)

    def _check(self) -> None:
        """The invariants of every part. O(state)."""
        self.timers._check()
        self.wiring._check()
        self.definitions._check()
        self.publishing._check()
        self.runs._check()
        self.waits._check()
