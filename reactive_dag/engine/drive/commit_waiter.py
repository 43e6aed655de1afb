"""Waiting for a commit: nothing that a caller records is acknowledged before it is durable (I6, X1).

Owns the coroutines that wait. While a thread drives the engine, it commits for all who wait, since what follows from
their records belongs into the same commit; where nobody drives, or the driver is inside a body, the caller commits.
Invariant: whoever waits is woken by the commit, or by the driver that goes. A commit serves all who wait for it.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from functools import partial

from reactive_dag.engine.drive.driver import Driver
from reactive_dag.log.protocol import EventLog
from reactive_dag.model.records import AnyRecord
from reactive_dag.streams.observers import Feed

PATIENCE = 0.05
"""Seconds after which a thread that waits for the driver's commit looks whether there is a driver still."""


class CommitWaiter:
    """Waits for the commits of one log. `turn_lock` is held during a turn."""

    def __init__(
        self, log: EventLog, observers: Feed[AnyRecord], driver: Driver, turn_lock: AbstractContextManager[object]
    ) -> None:
        self._log = log
        self._observers = observers
        self._driver = driver
        self._turn_lock = turn_lock
        self.coroutines: set[Callable[[], None]] = set()

    def durable(self, offset: int) -> None:
        """Return once the record at `offset` is durable. One commit, shared. Raises StoreError."""
        log = self._log
        if not log.durable:
            if self._observers.watched:
                log.commit()
                self._observers.notify()
            self._driver.wake()
            return
        if self._driver.commits:
            self._wait_for_driver(offset)
        if log.committed <= offset:
            with self._turn_lock:  # never in the middle of a turn: its decisions belong into one commit
                log.commit()
            self._observers.notify()
        self._driver.wake()

    async def adurable(self, offset: int) -> None:
        """`durable` for a coroutine: while another thread drives, it takes none of its own to wait for the commit."""
        log = self._log
        if log.durable and self._driver.commits:
            here = asyncio.get_running_loop()
            done: asyncio.Future[None] = here.create_future()
            wake = partial(_settle, here, done)
            log.when_committed(offset, wake)
            self.coroutines.add(wake)
            try:
                if self._driver.commits:
                    self._driver.wake()
                    await done
            finally:
                self.coroutines.discard(wake)
        if log.committed <= offset or not log.durable:
            await asyncio.to_thread(self.durable, offset)

    def wake_all(self) -> None:
        """The driver commits no more, or not for long: who waits for its commit commits itself. O(waiters)."""
        for wake in list(self.coroutines):
            wake()

    def _wait_for_driver(self, offset: int) -> None:
        done = threading.Event()
        self._log.when_committed(offset, done.set)
        self._driver.wake()
        while not done.wait(PATIENCE) and self._driver.commits:
            self._driver.wake()


def _settle(loop: asyncio.AbstractEventLoop, done: asyncio.Future[None]) -> None:
    """Tell a coroutine, from any thread; one whose loop is closed waits no more."""
    with suppress(RuntimeError):
        loop.call_soon_threadsafe(_tell, done)


def _tell(done: asyncio.Future[None]) -> None:
    if not done.done():
        done.set_result(None)
