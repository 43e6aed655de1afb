"""Ways to drive an engine: until idle, in the background, by moving a virtual clock.

Owns the background thread, how long to go on and what to wait for; each turn is the drain loop's. Invariant: virtual
time moves only here, and stops at each due instant until nothing is left to do at it.
"""

from __future__ import annotations

import logging
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Generic, TypeVar

from reactive_dag.engine.drive.drain_loop import DrainLoop
from reactive_dag.engine.drive.driving_thread import DrivingThread
from reactive_dag.engine.drive.interrupts import Interrupts
from reactive_dag.engine.drive.turn import Turn
from reactive_dag.engine.execute.current_body import current_body
from reactive_dag.engine.execute.runners import Runner
from reactive_dag.engine.fold.fold import Fold
from reactive_dag.engine.host import Host
from reactive_dag.engine.inspect.summary import Summary, summed_up
from reactive_dag.model.errors import NotIdle, UsageError, raise_fault
from reactive_dag.model.records import FINAL_RUN_STATES, AnyRecord, Tick
from reactive_dag.model.text import counted
from reactive_dag.model.times import NEVER, format_duration, format_time
from reactive_dag.streams.clock import VirtualClock
from reactive_dag.streams.observers import Observers

LOGGER = logging.getLogger("reactive_dag.engine")
SAY_AFTER = 1.0
"""Seconds after which an engine that is left says what it waits for."""
POLL = 0.05
"""Seconds between two looks at what no signal tells."""
FINISH = 250_000_000
"""So long (ns) after its timeout a wait still works off what can be done at once, so that it can say what is left."""


class Drive:
    """Drives one engine, on the calling thread or in the background."""

    def __init__(
        self, fold: Fold, turn: Turn, loop: DrainLoop, driving_thread: DrivingThread, observers: Observers[AnyRecord],
        host: Host, interrupts: Interrupts,
    ) -> None:  # fmt: skip
        self._fold = fold
        self._turn = turn
        self._loop = loop
        self._driving_thread = driving_thread
        self._observers = observers
        self._host = host
        self._interrupts = interrupts
        self._ended = fold.outbox.ended
        self._thread: threading.Thread | None = None
        self._owner: Callable[[], object] = lambda: None
        self.stopping = False
        self._failure: BaseException | None = None

    # ------------------------------------------------------------------------------------- until idle

    def until_idle(self, timeout: int | None) -> Summary:
        """Work until the engine is idle; what ended. Raises NotIdle after `timeout` (ns), naming what it waits for."""
        if body := current_body(self._host):
            raise UsageError(f"{body} waits for the engine to be idle: it is not while this body executes")
        before = self._ended.counts.copy()
        self.until(lambda: not self._loop.busy and self._observers_idle(), timeout, "the engine to be idle")
        return summed_up(self._host, self._ended, before)

    def until(self, done: Callable[[], bool], timeout: int | None, what: str) -> None:
        """Drive until `done()`, or wait for the thread that drives. Raises NotIdle after `timeout` (ns)."""
        deadline = None if timeout is None else time.monotonic_ns() + timeout
        with self._interrupts:
            while not self._wait_for_other_thread(done, deadline, what):
                with self._taking_over(what) as mine:
                    if mine:
                        self._drive_until(done, deadline, what)
                        return

    def _drive_until(self, done: Callable[[], bool], deadline: int | None, what: str) -> None:
        late = None if deadline is None else lambda: time.monotonic_ns() >= deadline + FINISH
        while True:
            progress, executing = self._loop.progress(), self._turn.executing
            self._loop.settle(late)
            self._check_log()
            if done():
                return
            self._check_deadline(deadline, what)
            if self._stands_still() and not done() and self._stands_still():
                raise NotIdle(self._in_vain(what))
            self._wait_for_work(progress, executing, deadline)

    def _wait_for_other_thread(self, done: Callable[[], bool], deadline: int | None, what: str) -> bool:
        """Wait while another thread drives; whether it is `done()` then.

        Under a virtual clock the background thread is not waited for: the thread that waits moves time itself.
        """
        thread = self._driving_thread
        while thread.is_another and not (self._thread is not None and self._is_virtual):
            if self._failure is not None:
                raise self._failure
            self._check_log()
            seen = thread.changes
            if self._turn.between(done, POLL):
                return True
            self._check_deadline(deadline, what)
            thread.wake()
            with self._interrupts.let_through():
                thread.wait_for_change(seen, POLL)
        return False

    @property
    def _is_virtual(self) -> bool:
        return isinstance(self._fold.clock, VirtualClock)

    @contextmanager
    def _taking_over(self, what: str) -> Iterator[bool]:
        """Drive on this thread, the background thread stopped meanwhile; whether no other thread drives."""
        if self._driving_thread.is_this_one:
            raise UsageError(f"waiting for {what} from inside a body that the driving thread executes would never end")
        owner = self._owner() if self._thread is not None else None
        aside = owner is not None
        try:
            if aside:
                self.stop()
            with self._loop.driving(wait=aside) as mine:
                yield mine
        finally:
            if owner is not None and not self._turn.closed:
                self.start(owner)

    def _check_log(self) -> None:
        """Raise what made the log fail: what was decided since is not recorded (I6). O(1)."""
        if self._fold.log.fault is not None:
            raise_fault(self._fold.log.fault)

    def _check_deadline(self, deadline: int | None, what: str) -> None:
        if deadline is not None and time.monotonic_ns() >= deadline:
            raise NotIdle(f"waited for {what} in vain; {self.waiting_for()}")

    def _stands_still(self) -> bool:
        """Whether only moving the virtual clock gives anything to do."""
        if not self._is_virtual or self._turn.executing or self._next_due() < NEVER:
            return False
        return not (self._turn.inflight or self._loop.busy) and self._observers_idle()

    def _in_vain(self, what: str) -> str:
        now = format_time(self._fold.clock.now())
        return (
            f"waited for {what} in vain: nothing is left to do at {now}, where the virtual clock stands; "
            "engine.advance() moves it, engine.pending(dag) says what is waited for"
        )

    def _next_due(self) -> int:
        """When the next retry or the next end of a body is due, in virtual time."""
        retry = self._fold.runs.flow.retries.next_due()
        return min(NEVER if retry is None else retry, self._turn.next_end)

    def _wait_for_work(self, progress: tuple[int, int, int], executing: bool, deadline: int | None) -> None:
        """Nothing can be done now: move virtual time to the next retry, else sleep until something happens.

        `progress` and `executing` are from before the last turns: what came back since is decided before time moves.
        """
        if self._is_virtual and not self._turn.executing:
            if executing or not (self._turn.inline or self._loop.progress() == progress):
                return
            due = self._next_due()
            if due < NEVER:
                self.move_to(due)
                return
        if not self._loop.busy and not self._observers_idle():
            with self._interrupts.let_through():
                if self._observers_idle(POLL):
                    return
        if self._is_virtual or deadline is not None:
            self._loop.sleep_briefly(POLL, progress)
        else:
            self._loop.sleep(progress)

    def _observers_idle(self, timeout: float = 0.0) -> bool:
        return self._observers.wait_idle(self._fold.log.committed, timeout)

    def wait_for_bodies(self, runner: Runner, grace: float) -> None:
        """Close the runner, which has `grace` seconds for what executes; say so after a while (X5)."""
        first = min(grace, SAY_AFTER)
        until = time.monotonic() + first
        with self._interrupts.let_through():
            runner.close(first)
            if self._turn.inflight and time.monotonic() >= until and grace > first:
                names = sorted({job.name for job in list(self._turn.inflight.values())})
                LOGGER.warning("waiting up to %.0f s for %s; Ctrl-C again to leave", grace - first, ", ".join(names))
                runner.close(grace - first)
            self._turn.stopping.cancel(lambda job: True)

    def waiting_for(self) -> str:
        """What keeps the engine from being idle, in words."""
        parts = [f"{job.name} (attempt {job.attempt}) executes" for job in list(self._turn.inflight.values())]
        retries = self._fold.runs.flow.retries.in_order()
        parts += [
            f"{self._fold.run_of(r.run).dag}.{r.task} is tried again at {format_time(r.due)}" for r in retries[:3]
        ]
        left = self._fold.log.next_offset - self._fold.cursor
        if left:
            parts.append(f"{counted(left, 'record')} not decided yet")
        return "; ".join(parts[:10]) or "observers have not been handed all records"

    # ------------------------------------------------------------------------------------- virtual time

    def move_to(self, instant: int) -> None:
        """Move the virtual clock to `instant`, stopping at each due timer until nothing is left to do there."""
        clock = self._fold.clock
        assert isinstance(clock, VirtualClock)
        while (due := min(self._fold.timers.due, self._turn.next_end)) <= instant:
            due = max(due, clock.now())
            clock.advance_to(due)
            self.work_at_instant()
        clock.advance_to(instant)
        self.work_at_instant()

    def work_at_instant(self) -> None:
        """Do all that can be done now; with threads, wait for attempts before time may move."""
        while not self._turn.inline:
            progress, executing = self._loop.progress(), self._turn.executing
            self._loop.settle()
            if self._turn.executing:
                self._loop.sleep_briefly(POLL, progress)
            elif not executing and self._loop.progress() == progress:
                return  # else what came back may not have been seen by the turn before
        self._loop.settle()

    def advance(self, to: int) -> Summary:
        """`engine.advance`: move virtual time to `to`; what ended. Raises UsageError on a clock that is not virtual."""
        clock = self._fold.clock
        if not isinstance(clock, VirtualClock):
            raise UsageError("engine.advance() moves a virtual clock: open the engine with clock=rd.VirtualClock(...)")
        if body := current_body(self._host):
            raise UsageError(f"{body} moves time: time does not move while this body executes")
        if to < clock.now():
            raise UsageError(f"time never goes back: now is {format_time(clock.now())}, asked for {format_time(to)}")
        before = self._ended.counts.copy()
        with self._interrupts, self._taking_over("time to move"), self._loop.driving():
            self.work_at_instant()
            self.move_to(to)
            self._tick(to)
        self._observers.wait_idle(self._fold.log.committed, 30.0)
        return summed_up(self._host, self._ended, before)

    def _tick(self, to: int) -> None:
        """Record that time got here, so that a log read back knows it too (I1)."""
        log = self._fold.log
        if log.last_at < to:
            with log.lock:
                log.push(Tick(self._fold.outbox.stamp()))
            self._loop.settle()

    # ------------------------------------------------------------------------------------- background

    def start(self, owner: object) -> None:
        """Drive on a thread of its own until `stop`, for an owner: one that is gone was cut before it could stop it."""
        if self._thread is not None and self._thread.is_alive() and not self.stopping and self._owner() is not None:
            raise UsageError("this engine runs in the background already")
        with self._interrupts:
            self.stopping = True
            self._end_thread()
            self.stopping = False
            self._owner = weakref.ref(owner)
            thread = threading.Thread(target=self._drive_in_background, name="reactive_dag engine", daemon=True)
            thread.start()
            self._thread = thread

    def _drive_in_background(self) -> None:
        try:
            with self._loop.driving():
                while not self.stopping:
                    progress = self._loop.progress()
                    self._loop.settle(lambda: self.stopping)
                    self._driving_thread.notify()
                    self._loop.sleep(progress, lambda: self.stopping)
        except BaseException as error:  # a commit that failed: the threads that wait must be told (I6)
            self._failure = error
            self._driving_thread.notify()

    def stop(self) -> None:
        """End the background thread; what is undecided stays for the next start (X5)."""
        with self._interrupts:
            self.stopping = True
            self._end_thread()
            if self._failure is not None:
                failure, self._failure = self._failure, None
                raise failure

    def _end_thread(self) -> None:
        thread = self._thread
        while thread is not None and thread.is_alive():
            self._driving_thread.wake()
            with self._interrupts.let_through():
                thread.join(POLL)
        self._thread = None

    # ------------------------------------------------------------------------------------- runs

    def wait_for_run(self, run: int, timeout: int | None) -> None:
        """Wait until a run has ended, driving if no other thread does. Raises NotIdle after `timeout` (ns)."""
        span = "" if timeout is None else f" for {format_duration(timeout)}"
        what = f"run {self._fold.runs.row(run).dag!r} to end{span}"
        fold, known = self._fold, self._fold.log.next_offset  # a rerun that was just asked for counts
        self.until(lambda: fold.cursor >= known and fold.runs.row(run).state in FINAL_RUN_STATES, timeout, what)


T = TypeVar("T")


class Background(Generic[T]):
    """A block in which an engine is driven on a thread of its own; it gives `what`."""

    def __init__(self, drive: Drive, what: T) -> None:
        self._drive = drive
        self._what = what

    def __enter__(self) -> T:
        self._drive.start(self)
        return self._what

    def __exit__(self, *error: object) -> None:
        self._drive.stop()
