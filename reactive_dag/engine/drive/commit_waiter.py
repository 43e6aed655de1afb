"""Waiting for a commit: nothing that a caller records is acknowledged before it is durable (I6, X1).

Owns the coroutines that wait. While a thread drives the engine, it commits for all callers, since what follows from
their records belongs into the same commit; where none drives, or it executes a body, the caller commits. Invariant: a
caller is woken by the commit, or when the driving thread ends. One commit serves all that wait for it.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from functools import partial

from reactive_dag.engine.drive.driving_thread import DrivingThread
from reactive_dag.log.protocol import EventLog
from reactive_dag.model.errors import raise_fault
from reactive_dag.model.records import AnyRecord
from reactive_dag.streams.observers import Observers

POLL = 0.05
"""Seconds after which a thread that waits for a commit looks whether a thread drives still."""


class CommitWaiter:
    """Waits for the commits of one log. `turn_lock` is held during a turn."""

    def __init__(
        self,
        log: EventLog,
        observers: Observers[AnyRecord],
        driving_thread: DrivingThread,
        turn_lock: AbstractContextManager[object],
    ) -> None:
        self._log = log
        self._observers = observers
        self._driving_thread = driving_thread
        self._turn_lock = turn_lock
        self.coroutines: set[Callable[[], None]] = set()

    def durable(self, offset: int) -> None:
        """Return once the record at `offset` is durable. One commit, shared. Raises StoreError."""
        log = self._log
        if not log.durable:
            if self._observers.watched:
                log.commit()
                self._observers.notify()
            self._driving_thread.wake()
            return
        if self._driving_thread.will_commit:
            self._wait_for_driving_thread(offset)
        if log.committed <= offset:
            with self._turn_lock:  # never in the middle of a turn: its decisions belong into one commit
                log.commit()
            self._observers.notify()
        elif log.fault is not None:
            raise_fault(log.fault)
        self._driving_thread.wake()

    async def adurable(self, offset: int) -> None:
        """`durable` for a coroutine: while another thread drives, it takes none of its own to wait for the commit."""
        log = self._log
        if log.durable and self._driving_thread.will_commit:
            here = asyncio.get_running_loop()
            done: asyncio.Future[None] = here.create_future()
            wake = partial(_wake_from_thread, here, done)
            log.when_committed(offset, wake)
            self.coroutines.add(wake)
            try:
                if self._driving_thread.will_commit:
                    self._driving_thread.wake()
                    await done
            finally:
                self.coroutines.discard(wake)
        if log.committed <= offset or not log.durable:
            await asyncio.to_thread(self.durable, offset)

    def wake_all(self) -> None:
        """Wake every coroutine to commit by itself: the driving thread will not, or not for long. O(waiters)."""
        for wake in list(self.coroutines):
            wake()

    def _wait_for_driving_thread(self, offset: int) -> None:
        done = threading.Event()
        self._log.when_committed(offset, done.set)
        self._driving_thread.wake()
        while not done.wait(POLL) and self._driving_thread.will_commit:
            self._driving_thread.wake()


def _wake_from_thread(loop: asyncio.AbstractEventLoop, done: asyncio.Future[None]) -> None:
    """Wake a coroutine from any thread; one whose event loop is closed is gone."""
    with suppress(RuntimeError):
        loop.call_soon_threadsafe(_set_done, done)


def _set_done(done: asyncio.Future[None]) -> None:
    if not done.done():
        done.set_result(None)
