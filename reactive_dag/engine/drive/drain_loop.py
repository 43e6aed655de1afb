"""The drain loop: facts in, decisions out, one commit a turn, then the runner (architecture, "One event").

Invariants: one thread drains at a time; whatever follows from the records of a turn stands in the commit that says so
(`Decided`); nothing is handed to the runner or to an observer before that commit. A turn costs what its records reach;
waiting costs nothing.
"""

from __future__ import annotations

import heapq
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING

from reactive_dag.engine.drive.commit_waiter import Acknowledging
from reactive_dag.engine.drive.interrupts import Interrupts
from reactive_dag.engine.execute.attempt import Attempting, Report, attempt
from reactive_dag.engine.fold.snapshots import save
from reactive_dag.engine.runs.tasks import timed_out
from reactive_dag.model.records import Decided, TaskFinished, TaskStarted, Tick
from reactive_dag.model.times import SECOND

if TYPE_CHECKING:
    from reactive_dag.engine.engine import Engine
    from reactive_dag.engine.execute.runners import Runner

TURN = 4096
"""So many records at most between two commits."""
SNAPSHOT_EVERY = 50_000
"""Records between two snapshots of a small graph; as many again for each `SNAPSHOT_TRIGGERS` triggers, since a trigger
costs a snapshot as much as some ten records cost to read back."""
SNAPSHOT_TRIGGERS = 2_500
SLICE = SECOND // 20
"""So long inline bodies execute between two commits, but for the last of them."""
LONGEST_SLEEP = 3600 * SECOND
SUSPECT = 2
"""A task lost so often in a row may be what kills the process: one such at a time, so that only it is lost again."""


class Loop:
    """Drains one engine's log."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.core = engine.core
        self.log = engine.core.log
        self.turn_lock = threading.RLock()
        self.interrupts = Interrupts()
        self.inflight: dict[tuple[int, int], Attempting] = {}
        self.recovering = True
        self.snapshot_at = self.core.cursor
        self.drive_lock = threading.RLock()
        self.driver: int | None = None
        self.in_body = False
        self.rest = threading.Condition()
        self.returned = 0
        self._handed: list[Attempting] = []
        self._bell: SimpleQueue[None] = SimpleQueue()
        self._sleeping = False
        self.acknowledging = Acknowledging(self)

    # ------------------------------------------------------------------------------------- one turn

    def turn(self) -> bool:
        """Decide what is there (at most `TURN` records), commit, hand out; whether there was anything to do."""
        with self.turn_lock, self.interrupts:
            try:
                return self._turn()
            except BaseException as error:
                self.log.abandon(error)  # half a turn must never be committed: the next start decides it anew (I6)
                raise

    def _turn(self) -> bool:
        self.log.gather()
        self.engine.take_up_changes()
        self._tick()
        count = self._drain()
        if not count and not self._handed:
            return False
        self._commit()
        self._hand_out()
        return True

    def _tick(self) -> None:
        """Say what time it is when a timer is due and no record says so (I1)."""
        core = self.core
        now = core.clock.now()
        if core.timers.due <= now and core.cursor == self.log.next_offset and core.timers.is_due(now):
            with self.log.lock:
                self.log.push(Tick(core.stamp()))

    def _drain(self) -> int:
        core, count = self.core, 0
        while count < TURN:
            done = core.drain(TURN - count)
            count += done
            if core.cursor < self.log.next_offset:
                continue
            if self.recovering:
                self._recover()
            elif not self._dispatch():
                break
        return count

    def _recover(self) -> None:
        """The log is applied to its end: attempts that nobody executes any more were cut off by a crash (R5)."""
        self.recovering = False
        if not self.core.executing:
            return
        self.core.runs.end_orphans()
        self.core.runs.start_all_that_may()
        self.core.waits.look_again()
        for run in list(self.core.runs.live.values()):
            for index in sorted(run.open):
                if run.tasks[index].kind != "wait" and (run.run, index) not in self.inflight:
                    number, task = run.attempt[index], run.plan.ids[index]
                    offset = run.run
                    self.core.fact(lambda at, o=offset, t=task, n=number: TaskFinished(at, o, t, "lost", n))  # type: ignore[misc]

    def _dispatch(self) -> bool:
        """Start what may start now, in the order of priority and request; whether anything was (R5)."""
        runner, flow = self.engine.runner, self.core.runs.flow
        if runner is None:
            return False
        started: list[Attempting] = []
        kept = []
        ahead = runner.workers if flow.prioritized else runner.ahead
        live, inflight, startable = flow.live, self.inflight, flow.startable
        suspects = flow.losses and any(job.run.lost[job.index] >= SUSPECT for job in list(inflight.values()))
        while flow.ready and len(inflight) < ahead:
            entry = heapq.heappop(flow.ready)
            _, offset, index = entry
            place = offset, index
            run = live.get(offset)
            if run is None or place not in startable:
                continue
            if run.shape.timeouts[index] is not None and len(inflight) >= runner.workers:
                kept.append(entry)  # its time begins when it is handed out, so it must not stand behind others
                break
            suspect = run.lost[index] >= SUSPECT
            if place in inflight or (suspect and suspects):
                kept.append(entry)
                continue
            suspects = suspects or suspect
            startable.discard(place)
            inflight[place] = job = Attempting(run, index, run.attempt[index] + 1)
            started.append(job)
        for entry in kept:
            heapq.heappush(flow.ready, entry)
        if started:
            self._say_started(started)
        return bool(started)

    def _say_started(self, jobs: list[Attempting]) -> None:
        log = self.log
        self._handed += jobs
        with log.lock:
            at = self.core.stamp()
            log.push_many([TaskStarted(at, job.run.run, job.run.shape.ids[job.index], job.attempt) for job in jobs])

    def _commit(self) -> None:
        core, log = self.core, self.log
        with log.lock:
            settled = core.cursor == log.next_offset
            log.push(Decided(log.last_at, core.cursor))
            core.decided = core.cursor
            if settled:
                core.cursor += 1
            if log.durable and core.cursor >= self.snapshot_at + self.snapshot_every:
                self.snapshot_at = core.cursor
                log.save_snapshot(core.cursor, save(core))
        log.commit()
        log.release(core.cursor)
        self.engine.feed.notify()

    @property
    def snapshot_every(self) -> int:
        """Records between two snapshots. O(1)."""
        return SNAPSHOT_EVERY * (1 + len(self.core.wiring.stations) // SNAPSHOT_TRIGGERS)

    def _hand_out(self) -> None:
        if not self._handed:
            return
        handed, self._handed = self._handed, []
        if self.core.cursor < self.log.next_offset:  # this turn may have ended before their `TaskStarted`
            self._handed = [job for job in handed if not job.begun]
            handed = [job for job in handed if job.begun]
        runner = self.engine.runner
        assert runner is not None
        for job in handed:
            runner.submit(partial(self._execute, job))

    # ------------------------------------------------------------------------------------- results

    def _execute(self, job: Attempting) -> None:
        run, index = job.run, job.index
        if run.results[index] is not None or run.attempt[index] != job.attempt:
            self._returned(job)
            return
        try:
            report = attempt(self.engine, job)
        except BaseException:  # Ctrl-C while an inline body executes: that attempt is lost, and made again (R5)
            self.report(job, lambda at: TaskFinished(at, run.run, job.task.id, "lost", job.attempt))
            raise
        self.report(job, report)

    def report(self, job: Attempting, report: Report) -> None:
        """Append what an attempt ended with; one that took longer than it may has failed (R5)."""
        run, index, log = job.run, job.index, self.log
        try:
            with self.interrupts, log.lock:
                at = self.core.stamp()
                begun, timeout = run.open.get(index), run.shape.timeouts[index]
                late = timeout is not None and begun is not None and at >= begun + timeout
                if run.results[index] is None and not self.engine.closed:
                    log.push(timed_out(at, run, index, job.attempt) if late else report(at))
        finally:
            self._returned(job)

    def _returned(self, job: Attempting) -> None:
        self.inflight.pop((job.run.run, job.index), None)
        self.returned += 1
        if self._sleeping:
            self._bell.put(None)

    # ------------------------------------------------------------------------------------- driving

    def wake(self) -> None:
        """Wake the draining thread, if it sleeps. O(1)."""
        if self._sleeping:
            self._bell.put(None)

    @contextmanager
    def driving(self, wait: bool = True) -> Iterator[bool]:
        """This thread drives the engine until the end of the block; with `wait=False` only if nobody else does."""
        if not self.drive_lock.acquire(blocking=wait):
            yield False
            return
        before, self.driver = self.driver, threading.get_ident()
        try:
            with self.interrupts.caught():
                yield True
        finally:
            self.driver = before
            self.drive_lock.release()
            self.rested()
            self.acknowledging.leave()

    def driven_elsewhere(self) -> bool:
        """Whether another thread drives the engine. O(1)."""
        return self.driver is not None and self.driver != threading.get_ident()

    def step(self) -> bool:
        """One turn and what the inline runner has; whether there was anything to do."""
        worked = self.turn()
        runner = self.engine.runner
        if runner is not None and runner.inline:
            self.in_body = True
            self.acknowledging.leave()
            try:
                worked = self._run_inline(runner) or worked
            finally:
                self.in_body = False
        return worked

    def _run_inline(self, runner: Runner) -> bool:
        """Execute what was handed out, as much of it as may stay uncommitted together; whether there was anything."""
        until, worked = self.core.clock.now() + SLICE, False
        while runner.run_next():
            worked = True
            if self.log.last_at >= until:  # what a body did must not wait for the others' to be recorded
                break
        return worked

    def rested(self) -> None:
        """Tell those who wait for the engine to rest that it may have."""
        with self.rest:
            self.rest.notify_all()

    def settle(self) -> None:
        """Work until nothing can be done at this instant."""
        while self.step():
            pass

    def seen(self) -> tuple[int, int]:
        """How far log and attempts are: whoever has nothing to do may sleep while this stays the same. O(1)."""
        return self.log.next_offset, self.returned

    def sleep(self, seen: tuple[int, int], unless: Callable[[], bool] = lambda: False) -> None:
        """Wait for a record, a result, or the next due timer."""
        now = self.core.clock.now()
        due = min(self.core.timers.due, now + LONGEST_SLEEP)
        self._sleeping = True
        changed = self.engine.changed and not self.engine.graph.in_bulk
        if self.seen() == seen and due > now and not changed and not unless():
            self._listen((due - now) / SECOND)
        self._sleeping = False

    def sleep_briefly(self, seconds: float) -> None:
        """Wait for a wake, at most so long."""
        self._sleeping = True
        self._listen(seconds)

    def _listen(self, seconds: float) -> None:
        try:
            self._bell.get(timeout=seconds)
            while True:
                self._bell.get_nowait()
        except Empty:
            pass
        finally:
            self._sleeping = False

    def busy(self) -> bool:
        """Whether something executes, or could start, or will be tried again (the tour's idle, negated)."""
        core = self.core
        return bool(
            self.inflight or core.runs.flow.retries_due or core.cursor < self.log.next_offset
            or core.timers.due <= core.clock.now()
        )  # fmt: skip
