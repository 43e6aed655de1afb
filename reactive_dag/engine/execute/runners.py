"""Runners execute attempts: on the thread that drives, or on threads of their own (R25).

A runner is given assignments after the commit that recorded their start, in order, and executes each exactly once; what
becomes of one goes into the log like any other fact. Invariant: at most `workers` of them execute at one time.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext
from queue import SimpleQueue
from typing import Protocol

from reactive_dag.engine.execute.assignment import Assignment, CallBody
from reactive_dag.streams.scheduler import report_uncaught
from reactive_dag.triggers.checks import positive


class Runner(Protocol):
    """What the engine asks of a runner."""

    workers: int
    """How many attempts may execute at one time."""
    ahead: int
    """How many attempts may be handed out at one time, those that execute included."""
    inline: bool
    """Whether the draining thread executes the attempts itself, by `run_next`."""
    kills: bool
    """Whether `cancel` ends a body: then it is told of each attempt whose end counts no more."""

    def submit(self, assignment: Assignment) -> None:
        """Take one attempt, and call its `execute` until it is over, on a thread that may take as long. O(1)."""

    def adopt(self, under_way: Sequence[Assignment]) -> Iterable[str]:
        """Take up the attempts that were under way when the process died; the keys of those that are lost."""

    def cancel(self, key: str) -> None:
        """What an attempt gives counts no more: end it if that is possible. An unknown key is none."""

    def lend(self, attempts: int) -> None:
        """So many of its attempts wait for runs now (R3): it may get as many more to execute meanwhile."""

    def run_next(self) -> bool:
        """Execute one attempt on this thread, if the runner is inline and has one."""

    def close(self, grace: float) -> None:
        """Take no more attempts, and give those that execute `grace` seconds to end."""


class LocalRunner:
    """What runners in the engine's own process share: their attempts die with it, and a thread cannot be ended."""

    kills = False

    def adopt(self, under_way: Sequence[Assignment]) -> Iterable[str]:
        """All are lost: they executed in the process that died. O(n)."""
        return [assignment.key for assignment in under_way]

    def cancel(self, key: str) -> None:
        """Nothing: the body is told (`run.cancelled`), and a coroutine is cancelled by the engine (R5)."""

    def lend(self, attempts: int) -> None:
        """Nothing: where one body executes at a time, none can wait for another."""


class InlineRunner(LocalRunner):
    """One worker: the thread that drains the engine, in the order of the requests. Deterministic, and good for tests.

    >>> runner = InlineRunner()
    >>> runner, runner.run_next()
    (rd.InlineRunner(), False)
    """

    workers = 1
    ahead = 1024
    inline = True

    def __init__(self) -> None:
        self._waiting: deque[Assignment] = deque()

    def submit(self, assignment: Assignment) -> None:
        """Take one attempt. O(1)."""
        self._waiting.append(assignment)

    def run_next(self) -> bool:
        """Execute the next attempt on this thread; False if there is none, or it is not over yet."""
        if not self._waiting:
            return False
        if not self._waiting[0].execute():  # one that an interrupt cuts stays the first: it knows how far it came
            return False
        self._waiting.popleft()
        return True

    def close(self, grace: float) -> None:
        """Forget what has not begun; an attempt that executes inline holds the caller itself."""
        self._waiting.clear()

    def __repr__(self) -> str:
        return "rd.InlineRunner()"


class ThreadRunner(LocalRunner):
    """A fixed number of threads, started when first needed. Raises InvalidValue for fewer than one.

    >>> ThreadRunner(4)
    rd.ThreadRunner(4)
    """

    inline = False

    def __init__(self, workers: int = 8) -> None:
        workers = positive(workers, f"{type(self).__name__}(workers=)")
        self.workers = workers
        self.ahead = workers
        self._waiting: SimpleQueue[Assignment | None] = SimpleQueue()
        self._threads: list[threading.Thread] = []
        self._ending: list[threading.Thread] = []
        self._idle = 0
        self._lent = 0
        self._lock = threading.Lock()

    def submit(self, assignment: Assignment) -> None:
        """Take one attempt; a thread is started if none is free. O(1)."""
        with self._lock:
            if self._idle:
                self._idle -= 1
            elif len(self._threads) < self.workers + self._lent:
                self._start()
        self._waiting.put(assignment)

    def lend(self, attempts: int) -> None:
        """So many of its threads wait in bodies: as many more may be started. O(1)."""
        with self._lock:
            self._lent = attempts

    def _start(self) -> None:
        name = f"reactive_dag worker {len(self._threads) + 1}"
        thread = threading.Thread(target=self._work, name=name, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _work(self) -> None:
        with self._worker() as call:
            while (assignment := self._waiting.get()) is not None:
                try:
                    while not assignment.execute(call):
                        assignment.wait()
                except BaseException as error:  # the log is closed, or has failed: others hear of it elsewhere
                    report_uncaught(error)
                with self._lock:
                    self._idle += 1

    def _worker(self) -> AbstractContextManager[CallBody | None]:
        """What calls bodies for one of the threads, where it is not the thread itself."""
        return nullcontext()

    def run_next(self) -> bool:
        """Nothing: the threads do it."""
        return False

    def close(self, grace: float) -> None:
        """End the threads; wait up to `grace` seconds in all for what executes. Again: wait for what is left."""
        with self._lock:
            fresh, self._threads, self._idle = self._threads, [], 0
        self._ending += fresh
        for _ in fresh:
            self._waiting.put(None)
        until = time.monotonic() + grace
        for thread in self._ending:
            if thread is not threading.current_thread():
                thread.join(min(max(until - time.monotonic(), 0.0), threading.TIMEOUT_MAX))
        self._ending = [thread for thread in self._ending if thread.is_alive()]

    def __repr__(self) -> str:
        return f"rd.ThreadRunner({self.workers})"
