"""One turn: decide what is there, commit it, hand out attempts; and what becomes of their results.

Owns the attempts that are handed out. Invariants: whatever follows from the records of a turn stands in the commit that
says so (`Decided`); nothing is handed to the runner or to an observer before that commit. A turn costs what its records
reach.
"""

from __future__ import annotations

import sys
import threading
from collections import ChainMap
from collections.abc import Callable, Mapping
from functools import cached_property

from reactive_dag.declare.internals import import_path
from reactive_dag.engine.drive.circles import Circles
from reactive_dag.engine.drive.graph_changes import GraphChanges
from reactive_dag.engine.drive.held_attempts import HeldAttempts
from reactive_dag.engine.drive.interrupts import Interrupts
from reactive_dag.engine.drive.stopping import Stopping
from reactive_dag.engine.execute.assignment import Assignment, CallBody
from reactive_dag.engine.execute.attempt import AttemptExecutor, Report, lost, say_failed
from reactive_dag.engine.execute.runners import Runner
from reactive_dag.engine.execute.waiting_bodies import WaitingBodies, WaitingBody
from reactive_dag.engine.fold.fold import Fold
from reactive_dag.engine.fold.snapshots import save
from reactive_dag.engine.inspect.attempt_logs import AttemptLog, AttemptLogs
from reactive_dag.engine.limits.pools import UnderWay
from reactive_dag.engine.runs.state import RunState
from reactive_dag.model.errors import NotIdle, UsageError
from reactive_dag.model.records import AnyRecord, Cancelled, TaskStarted, Tick
from reactive_dag.model.times import SECOND, format_duration
from reactive_dag.streams.clock import VirtualClock
from reactive_dag.streams.observers import Observers

MAX_RECORDS = 4096
"""How many records a turn decides at most, between two commits."""
SNAPSHOT_EVERY = 50_000
"""Records between two snapshots of a small state; as many again for each `SNAPSHOT_TRIGGERS` triggers, since a trigger
costs a snapshot as much as some ten records cost to read back, and for each `SNAPSHOT_BYTES` of the snapshot before."""
SNAPSHOT_TRIGGERS = 2_500
SNAPSHOT_BYTES = 1 << 20
"""So a record pays for 20 bytes of the next snapshot, 0.2 µs, however much is queued, held or pending."""


class Turn:
    """The turns of one engine, one at a time under `lock`. `wake` is called for each attempt that came back.

    `returned` counts those; `snapshot_at` is the offset of the newest snapshot.
    """

    def __init__(
        self, fold: Fold, observers: Observers[AnyRecord], changes: GraphChanges, runner: Runner | None,
        executor: AttemptExecutor, logs: AttemptLogs, interrupts: Interrupts, lock: threading.RLock,
        wake: Callable[[], None],
    ) -> None:  # fmt: skip
        self._fold = fold
        self._log = fold.log
        self._observers = observers
        self._changes = changes
        self._runner = runner
        self.inline = runner is not None and runner.inline
        self._ends_first = self.inline or isinstance(fold.clock, VirtualClock)
        self._kills = runner is not None and runner.kills
        self._executor = executor
        self._logs = logs
        self._interrupts = interrupts
        self._lock = lock
        self._wake = wake
        self.inflight: dict[tuple[int, int], Assignment] = {}
        self.stopping = Stopping(self.inflight, runner)
        self.returned = 0
        self.closed = False
        self.snapshot_at = fold.cursor
        self._snapshot_size = 0
        self._recovering = True
        self._handed: list[Assignment] = []
        self.waiting = WaitingBodies(runner, wake)
        self._circles = Circles(fold.slots)
        self._going_on: list[WaitingBody] = []
        self.held = HeldAttempts(self.inflight)

    def close(self) -> None:
        """Record no results any more: the log is about to be closed."""
        self.closed = True

    def run(self) -> bool:
        """Decide what is there (at most `MAX_RECORDS` records), commit, hand out; whether there was anything to do."""
        with self._lock, self._interrupts:
            try:
                return self._run()
            except BaseException as error:
                self._log.poison(error)  # half a turn must never be committed: the next start decides it anew (I6)
                raise

    def _run(self) -> bool:
        self._log.wait_for_stragglers()
        if self.held:
            self.held.release_due(self._fold.clock.now())
        if self._changes.any:
            self.take_up_changes()
        self._tick()
        count = self._drain()
        if count or self._handed:
            self._commit()
        elif not self._going_on:
            return False
        if self._fold.runs.stops.untold:
            self._tell_stopped()
        if self._kills:
            self.stopping.cancel(lambda job: job.begun and job.over)
        self._hand_out()
        for body in self._take_going_on() if self._going_on else ():
            body.go_on.set()
        return True

    def between(self, ask: Callable[[], bool], patience: float) -> bool:
        """What `ask()` says between two turns: in one, what was decided is not yet done or durable.

        False where that takes longer than `patience` seconds.
        """
        if not self._lock.acquire(timeout=patience):
            return False
        try:
            return ask()
        finally:
            self._lock.release()

    def take_up_changes(self) -> None:
        """Record what of the graph's definitions changed since, and start what may start now. O(DAGs) for a change."""
        with self._lock:
            self._changes.take_up()

    def _tick(self) -> bool:
        """Say what time it is when a timer is due and no record says so (I1); whether that was so."""
        fold, now = self._fold, self._fold.clock.now()
        if fold.timers.due > now or fold.cursor < self._log.next_offset or not fold.timers.is_due(now):
            return False
        with self._log.lock:
            self._log.push(Tick(fold.outbox.stamp()))
        return True

    def _drain(self) -> int:
        fold, count = self._fold, 0
        while count < MAX_RECORDS:
            if fold.cursor < self._log.next_offset:
                count += fold.drain(MAX_RECORDS - count)
            elif self._recovering:
                self._recover()
            elif not self._tick() and not self._dispatch():
                break
        return count

    def _recover(self) -> None:
        """The log is applied to its end: attempts that began and are not executing were cut off by a crash (R5)."""
        self._recovering = False
        runner = self._runner
        if runner is None:
            return
        self._fold.runs.end_orphans()
        self._fold.slots.reconsider_all()
        self._fold.waits.look_again()
        self._fold.runs.flow.waiting.recover()
        under_way = [
            Assignment(run, index, run.attempt[index], run.arrays, self)
            for run in list(self._fold.runs.live.values())
            for index in sorted(run.open)
            if not run.arrays.waits[index] and (run.run, index) not in self.inflight
        ]
        gone = set(runner.adopt(under_way)) if under_way else ()
        for each in under_way:
            if each.key in gone:
                self._fold.runs.flow.timeouts.cut_off(each, lost(each))
            else:
                self.inflight[each.run.run, each.index] = each

    def _dispatch(self) -> bool:
        """Give out free slots, to runs and then to attempts, once what ends now has; whether there were any (R5)."""
        runner, slots = self._runner, self._fold.slots
        if runner is None or (self._ends_first and self.held.any_ends_now):
            return False
        if self.waiting.bodies:
            slots.pooled.wanted.clear()
            self.waiting.refuse(self._circles.why_never, self._fold.cursor)
            self._going_on += self.waiting.take_back(self._is_free)
        if slots.to_look and self._fold.begin_runs():
            return True
        if self._fold.waits.looks.owed and not self._hand_out_looks():
            return True
        if not slots.startable:
            return False
        lent, workers, under_way = self.waiting.lent, runner.workers, self.under_way
        ahead = runner.ahead if under_way is self.inflight else workers  # who waits holds a worker that executes
        taken = slots.take_attempts(under_way, workers + lent, ahead + lent)
        if not taken:
            return False
        if slots.with_waits:
            self._begin_in_order(taken)
        else:
            self._begin(taken)
        return True

    @property
    def under_way(self) -> Mapping[tuple[int, int], UnderWay]:
        """What holds workers and slots: the attempts handed out, and the waits that hold one between looks. O(1)."""
        holding = self._fold.waits.looks.holding
        return ChainMap[tuple[int, int], UnderWay](self.inflight, holding) if holding else self.inflight  # type: ignore[arg-type]

    def _begin_in_order(self, taken: list[tuple[RunState, int]]) -> None:
        """Begin what may start, waits among it, and hand out looks: all in the order of R5. O(attempts)."""
        for run, index in taken:
            if index in run.open:
                self._look(run, index)
            elif run.tasks[index].wait is not None:
                self._fold.waits.start(run, index)
            else:
                self._begin([(run, index)])

    def _begin(self, attempts: list[tuple[RunState, int]]) -> None:
        """Say that attempts begin; they are handed out once that is durable. O(attempts)."""
        jobs = [Assignment(run, index, run.attempt[index] + 1, run.arrays, self) for run, index in attempts]
        self.inflight.update({(job.run.run, job.index): job for job in jobs})
        self._handed += jobs
        log = self._log
        with log.lock:
            at = self._fold.outbox.stamp()
            log.push_many([TaskStarted(at, job.run.run, job.run.arrays.ids[job.index], job.attempt) for job in jobs])

    def _look(self, run: RunState, index: int) -> None:
        """Hand out a look of an attempt that is under way (R29)."""
        job = self.inflight[run.run, index] = Assignment(run, index, run.attempt[index], run.arrays, self)
        self._handed.append(job)

    def _hand_out_looks(self) -> bool:
        """Hand out the looks that are owed to who holds a worker; False where a look has come back since. O(owed)."""
        looks = self._fold.waits.looks
        due = [place for place in looks.owed if place in looks.holding and place not in self.inflight]
        if due and self._fold.cursor < self._log.next_offset:
            return False
        for run, index in sorted(due):
            self._look(self._fold.runs.live[run], index)
        return True

    def _is_free(self, job: Assignment) -> bool:
        """Whether there is a worker, and room in its pool, for a body that has waited. O(attempts handed out)."""
        assert self._runner is not None
        under_way = self.under_way
        if len(under_way) - self.waiting.lent >= self._runner.workers:
            return False
        return self._fold.slots.pooled.has_room(job, under_way)

    def _take_going_on(self) -> list[WaitingBody]:
        going_on, self._going_on = self._going_on, []
        return going_on

    def wait_in_body(
        self, job: Assignment, over: Callable[[], bool], timeout: int | None, what: str, run: int = sys.maxsize
    ) -> None:
        """Wait in a body until `what` (of a `run`) is `over` (R3). Raises NotIdle at its end, UsageError if never."""
        if self.inline:
            raise UsageError(
                f"{job.name} waits for {what}: an inline runner executes one body at a time, so that would never end; "
                "give the engine runner=rd.ThreadRunner(...)"
            )
        self.waiting.wait(job, run, over, None if timeout is None else timeout / SECOND)
        if not over():
            why = "was cancelled" if timeout is None or job.stopped else f"waited {format_duration(timeout)}"
            raise NotIdle(f"{job.name} {why}, and {what} has not ended")

    def _commit(self) -> None:
        fold, log = self._fold, self._log
        with log.lock:
            fold.note_decided()
            if log.durable and fold.cursor >= self.snapshot_at + self.snapshot_every:
                self.snapshot_at = fold.cursor
                state = save(fold)
                self._snapshot_size = len(state)
                log.save_snapshot(fold.cursor, state)
        log.commit()
        log.release(fold.cursor)
        self._observers.notify()

    @property
    def snapshot_every(self) -> int:
        """Records between two snapshots. O(1)."""
        large = len(self._fold.router.triggers) // SNAPSHOT_TRIGGERS + self._snapshot_size // SNAPSHOT_BYTES
        return SNAPSHOT_EVERY * (1 + large)

    def _hand_out(self) -> None:
        if not self._handed:
            return
        handed, self._handed = self._handed, []
        if self._fold.cursor < self._log.next_offset:  # this turn may have ended before their `TaskStarted`
            self._handed = [job for job in handed if not job.begun]
            handed = [job for job in handed if job.begun]
        runner = self._runner
        assert runner is not None
        for job in handed:
            runner.submit(job)

    def _tell_stopped(self) -> None:
        """Tell the bodies of runs that ended before their time (R6, R17), not those of a round that began since."""
        stopped = {*self._fold.runs.stops.take_untold()}
        self.stopping.stop(lambda job: job.run.run in stopped and job.over)

    def is_cancelled(self, run: int) -> bool:
        """Whether a live run was cancelled, or is about to be. O(records undecided)."""
        live, start = self._fold.runs.live.get(run), self._fold.cursor
        to_come = self._log.read(start, self._log.next_offset)
        return live is not None and (
            live.cancelled or any(type(record) is Cancelled and record.run == run for record in to_come)
        )

    # ------------------------------------------------------------------------------------- results

    @cached_property
    def graph_path(self) -> str | None:
        """The import path of the graph, None for one that no module holds. O(names of its modules), once."""
        return import_path(self._fold.graph)

    def log_of(self, key: str) -> AttemptLog:
        """The log of an attempt that writes for the first time. O(1)."""
        return self._logs.begin(key)

    def briefing(self, assignment: Assignment) -> Mapping[str, object]:
        """What the body of an attempt may read of its run. O(the run's causes)."""
        return self._executor.briefing(assignment)

    # ------------------------------------------------------------------------------------- what stubs hold (R23)

    @property
    def next_end(self) -> int:
        """When the end of the next attempt is due that a stub holds; NEVER without one. O(held)."""
        return self.held.next_end

    @property
    def executing(self) -> bool:
        """Whether bodies execute on other threads: time must not move before they have ended. O(attempts)."""
        return not self.inline and any(not job.waits and job not in self.held for job in list(self.inflight.values()))

    @property
    def busy(self) -> bool:
        """Whether an attempt is under way that does not wait for a run. O(1)."""
        return len(self.inflight) > self.waiting.lent

    def let_go_of_held(self) -> None:
        """The engine closes: what stubs hold ends, and is lost (R5). O(held)."""
        for job in self.held:
            job.stop()

    def execute(self, job: Assignment, call: CallBody | None) -> bool:
        """Execute an attempt on this thread, once, its body by `call` where that is elsewhere; record its end."""
        run, index = job.run, job.index
        if self.inflight.get((run.run, index)) is not job:
            return True  # it was called before: an interrupt came between its end and the runner's hearing of it
        if index not in run.open or run.attempt[index] != job.attempt:
            self._returned(job)
            return True
        try:
            report = self._executor.execute(job, call)
        except BaseException:  # Ctrl-C while an inline body executes: that attempt is lost, and made again (R5)
            self.report(job, lost(job))
            raise
        if report is None:
            self.held.add(job)
            self._wake()
            return False
        self.report(job, report)
        return True

    def report(self, job: Assignment, report: Report) -> None:
        """Append what an attempt ended with, unless it is over; one that took longer than it may has failed (R5)."""
        run, index, log, late = job.run, job.index, self._log, False
        with self._interrupts:
            try:
                with log.lock:
                    at = self._fold.outbox.stamp()
                    if not self.closed and index in run.open and run.attempt[index] == job.attempt:
                        if job.arrays.timeouts[index] is None:
                            log.push(report(at))
                        else:
                            late = self._fold.runs.flow.timeouts.end(at, job, report)
                    if job.log is not None and not self.closed:
                        self._logs.keep(job.key)
            finally:
                self._returned(job)
        if late:
            say_failed(job, "it took longer than its timeout")

    def _returned(self, job: Assignment) -> None:
        self.inflight.pop((job.run.run, job.index), None)
        self.returned += 1
        if not self.inline:  # an inline body executes on the thread that would be woken
            self._wake()
