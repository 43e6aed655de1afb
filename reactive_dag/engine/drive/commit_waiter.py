"""Waiting for a commit: nothing that a caller records is acknowledged before it is durable (I6, X1).

Owns the coroutines that wait. While a thread drives the engine, it commits for all who wait, since what follows from
their records belongs into the same commit; where nobody drives, or the driver is inside a body, the caller commits.
Invariant: whoever waits is woken by the commit, or by the driver that goes. A commit serves all who wait for it.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from reactive_dag.engine.drive.drain_loop import Loop

PATIENCE = 0.05
"""Seconds after which a thread that waits for the driver's commit looks whether there is a driver still."""


class Acknowledging:
    """Who waits for the commits of one loop."""

    def __init__(self, loop: Loop) -> None:
        self.loop = loop
        self.coroutines: set[Callable[[], None]] = set()

    def durable(self, offset: int) -> None:
        """Return once the record at `offset` is durable. One commit, shared. Raises StoreError."""
        loop, log = self.loop, self.loop.log
        if not log.durable:
            if loop.engine.feed.watched:
                log.commit()
                loop.engine.feed.notify()
            loop.wake()
            return
        if self.others_drive():
            self._wait_for_driver(offset)
        if log.committed <= offset:
            with loop.turn_lock:  # never in the middle of a turn: its decisions belong into one commit
                log.commit()
            loop.engine.feed.notify()
        loop.wake()

    async def adurable(self, offset: int) -> None:
        """`durable` for a coroutine: while another thread drives, it takes none of its own to wait for the commit."""
        if self.loop.log.durable and self.others_drive():
            here = asyncio.get_running_loop()
            done: asyncio.Future[None] = here.create_future()
            wake = partial(_settle, here, done)
            self.loop.log.when_committed(offset, wake)
            self.coroutines.add(wake)
            try:
                if self.others_drive():
                    self.loop.wake()
                    await done
            finally:
                self.coroutines.discard(wake)
        if self.loop.log.committed <= offset or not self.loop.log.durable:
            await asyncio.to_thread(self.durable, offset)

    def leave(self) -> None:
        """The driver commits no more, or not for long: who waits for its commit must see to it itself. O(waiters)."""
        for wake in list(self.coroutines):
            wake()

    def others_drive(self) -> bool:
        """Whether another thread drives, and will commit. O(1)."""
        return self.loop.driven_elsewhere() and not self.loop.in_body

    def _wait_for_driver(self, offset: int) -> None:
        done = threading.Event()
        self.loop.log.when_committed(offset, done.set)
        self.loop.wake()
        while not done.wait(PATIENCE) and self.others_drive():
            self.loop.wake()


def _settle(loop: asyncio.AbstractEventLoop, done: asyncio.Future[None]) -> None:
    """Tell a coroutine, from any thread; one whose loop is closed waits no more."""
    with suppress(RuntimeError):
        loop.call_soon_threadsafe(_tell, done)


def _tell(done: asyncio.Future[None]) -> None:
    if not done.done():
        done.set_result(None)
