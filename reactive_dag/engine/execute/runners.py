"""Runners execute attempts: on the thread that drives, or on threads of their own.

A runner is given jobs after the commit that recorded their start, in order, and calls each exactly once; what a job
reports goes into the log like any other fact. Invariant: at most `workers` jobs execute at one time.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from queue import SimpleQueue
from typing import Protocol

from reactive_dag.model.errors import InvalidValue
from reactive_dag.streams.scheduler import report_uncaught

Job = Callable[[], None]


class Runner(Protocol):
    """What the engine asks of a runner."""

    workers: int
    """How many attempts may execute at one time."""
    ahead: int
    """How many attempts may be handed out at one time, those that execute included."""
    inline: bool
    """Whether the draining thread executes the jobs itself, by `run_next`."""

    def submit(self, job: Job) -> None:
        """Take one job. O(1)."""

    def run_next(self) -> bool:
        """Execute one job on this thread, if the runner is inline and has one."""

    def close(self, grace: float) -> None:
        """Take no more jobs, and give those that execute `grace` seconds to end."""


class InlineRunner:
    """One worker: the thread that drains the engine, in the order of the requests. Deterministic, and good for tests.

    >>> runner, seen = InlineRunner(), []
    >>> runner.submit(lambda: seen.append(1)); runner.run_next(), runner.run_next(), seen
    (True, False, [1])
    """

    workers = 1
    ahead = 1024
    inline = True

    def __init__(self) -> None:
        self._jobs: deque[Job] = deque()

    def submit(self, job: Job) -> None:
        """Take one job. O(1)."""
        self._jobs.append(job)

    def run_next(self) -> bool:
        """Execute the next job on this thread; False if there is none."""
        if not self._jobs:
            return False
        self._jobs[0]()  # one that an interrupt cuts stays the first: it knows how far it came
        self._jobs.popleft()
        return True

    def close(self, grace: float) -> None:
        """Forget what has not begun; an inline job that executes holds the caller itself."""
        self._jobs.clear()

    def __repr__(self) -> str:
        return "rd.InlineRunner()"


class ThreadRunner:
    """A fixed number of threads, started when first needed. Raises InvalidValue for fewer than one.

    >>> ThreadRunner(4)
    rd.ThreadRunner(4)
    """

    inline = False

    def __init__(self, workers: int = 8) -> None:
        if isinstance(workers, bool) or not isinstance(workers, int) or workers < 1:
            raise InvalidValue(f"ThreadRunner(workers={workers!r}): give a whole number of at least 1")
        self.workers = workers
        self.ahead = workers
        self._jobs: SimpleQueue[Job | None] = SimpleQueue()
        self._threads: list[threading.Thread] = []
        self._ending: list[threading.Thread] = []
        self._idle = 0
        self._lock = threading.Lock()

    def submit(self, job: Job) -> None:
        """Take one job; a thread is started if none is free. O(1)."""
        with self._lock:
            if self._idle:
                self._idle -= 1
            elif len(self._threads) < self.workers:
                self._start()
        self._jobs.put(job)

    def _start(self) -> None:
        name = f"reactive_dag worker {len(self._threads) + 1}"
        thread = threading.Thread(target=self._work, name=name, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            try:
                job()
            except BaseException as error:  # the log is closed, or has failed: others hear of it elsewhere
                report_uncaught(error)
            with self._lock:
                self._idle += 1

    def run_next(self) -> bool:
        """Nothing: the threads do it."""
        return False

    def close(self, grace: float) -> None:
        """End the threads; wait up to `grace` seconds in all for what executes. Again: wait for what is left."""
        with self._lock:
            fresh, self._threads, self._idle = self._threads, [], 0
        self._ending += fresh
        for _ in fresh:
            self._jobs.put(None)
        until = time.monotonic() + grace
        for thread in self._ending:
            if thread is not threading.current_thread():
                thread.join(min(max(until - time.monotonic(), 0.0), threading.TIMEOUT_MAX))
        self._ending = [thread for thread in self._ending if thread.is_alive()]

    def __repr__(self) -> str:
        return f"rd.ThreadRunner({self.workers})"
