"""Group commit: many threads wait, one writes for all of them.

Whoever finds nobody writing becomes the leader, takes all that was pushed and syncs it once; who comes meanwhile
follows, and one of them leads next. Invariant: at most one leader at any time, so writes keep the order of offsets;
`done` only grows; as long as somebody waits, somebody leads, or a committer is alive, or the log has failed.
Cost: one sync for all who wait, one wake-up for each follower.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from threading import get_ident
from typing import TypeAlias

from reactive_dag.model.errors import StoreError

Wake: TypeAlias = Callable[[], object]

GATHERINGS = 16
"""How often at most a leader lets others push before it takes what is there."""

PAUSE = 1e-6
"""Seconds that it lets them have each time; the system makes some 60 microseconds of it."""

PATIENCE = 1.0
"""Seconds after which a waiter looks again by itself: who was to commit may have died, or left on Ctrl-C."""


def _ticket() -> threading.Lock:
    """A lock already taken: whoever waits acquires it, whoever wakes releases it."""
    ticket = threading.Lock()
    ticket.acquire()
    return ticket


class GroupCommit:
    """Leader and followers around `flush`, which writes everything pushed and returns the offset that it reached.

    `pushed` tells the next offset. `settle` is asked after an interrupt (Ctrl-C) how far the writing got; every other
    exception is final.

    >>> group = GroupCommit(pushed=lambda: 3, flush=lambda: 3, settle=lambda: 0)
    >>> group.wait(2), group.done
    (True, 3)
    """

    __slots__ = (
        "_committer", "_flush", "_gate", "_heirs", "_leader", "_pushed", "_settle", "_taken", "_waiters", "_woken",
        "done", "fault",
    )  # fmt: skip

    def __init__(self, pushed: Callable[[], int], flush: Callable[[], int], settle: Callable[[], int]) -> None:
        self._pushed = pushed
        self._flush = flush
        self._settle = settle
        self._woken = 0
        self._taken = _ticket()
        self._gate = threading.Lock()
        self._leader: int | None = None
        self._committer: threading.Thread | None = None
        self._waiters: list[tuple[int, Wake, bool]] = []
        self._heirs: deque[Wake] = deque()
        self.done = 0
        self.fault: BaseException | None = None

    def wait(self, offset: int, timeout: float | None = None) -> bool:
        """True once `done > offset`, leading if nobody does; False after `timeout` seconds. Raises StoreError."""
        left = timeout
        try:
            while self.done <= offset:
                ticket = self._follow(offset)
                if ticket is None:
                    self.gather(1)
                    self._lead()
                elif not ticket.acquire(timeout=PATIENCE if left is None else max(0.0, min(left, PATIENCE))):
                    left = None if left is None else left - PATIENCE
                    if self._leave(ticket) and left is not None and left <= 0:
                        return self.done > offset
            return True
        finally:
            self._resign()

    def commit(self) -> int:
        """Lead once, after whoever leads now: everything pushed before the call is durable. Raises StoreError."""
        try:
            while (ticket := self._inherit()) is not None:
                if not ticket.acquire(timeout=PATIENCE):
                    self._leave(ticket)
            self._lead()
            return self.done
        finally:
            self._resign()

    def call(self, offset: int, callback: Wake) -> None:
        """Call once when `done > offset` or the log has failed: now, or on the thread that leads. O(1)."""
        with self._gate:
            if self.done <= offset and self.fault is None:
                self._waiters.append((offset, callback, False))
                return
        callback()

    def set_committer(self, active: bool) -> None:
        """The calling thread says that it commits by itself, or no more. O(1)."""
        with self._gate:
            self._committer = threading.current_thread() if active else None
            wake = None if active or self._leader is not None else self._successor()
        if wake is not None:
            wake()

    def fail(self, fault: BaseException) -> None:
        """Nothing can be committed any more: everybody who waits is told, and all later ones. O(waiters)."""
        with self._gate:
            self._leader = None
            self.fault = self.fault or fault
            wakes = [wake for _, wake, _ in self._waiters] + list(self._heirs)
            self._waiters.clear()
            self._heirs.clear()
        for wake in wakes:
            wake()

    def _raise(self) -> None:
        if self.fault is not None:
            raise StoreError(f"the log takes nothing more: {self.fault}") from self.fault

    def _follow(self, offset: int) -> threading.Lock | None:
        """A ticket that is released when it is time to look again, or None: lead."""
        with self._gate:
            self._raise()
            if self._leader is None and not self._left_to_another():
                self._leader = get_ident()
                return None
            ticket = _ticket()
            self._waiters.append((offset, ticket.release, True))
            return ticket

    def _left_to_another(self) -> bool:
        """Whether a thread that lives, and is not this one, has said that it commits."""
        committer = self._committer
        return committer is not None and committer is not threading.current_thread() and committer.is_alive()

    def _inherit(self) -> threading.Lock | None:
        """A ticket that is released when the leader steps down, or None: lead, committer or not."""
        with self._gate:
            self._raise()
            if self._leader is None:
                self._leader = get_ident()
                return None
            ticket = _ticket()
            self._heirs.append(ticket.release)
            return ticket

    def _leave(self, ticket: threading.Lock) -> bool:
        """Take a waiter out again; False if somebody has just woken it, perhaps to lead."""
        wake = ticket.release
        with self._gate:
            if wake in self._heirs:
                self._heirs.remove(wake)
                return True
            for index, waiter in enumerate(self._waiters):
                if waiter[1] == wake:
                    del self._waiters[index]
                    return True
            return False

    def gather(self, least: int) -> None:
        """Let those whom the last commit woke push first, if they were so many: one sync then serves them too.

        Measured with 8 threads: 8 records a sync instead of 4, and a third more of them in all. Some 60 µs a look.
        """
        if self._woken < least:
            return
        seen = self._pushed()
        for _ in range(GATHERINGS):
            self._taken.acquire(timeout=PAUSE)  # never succeeds: it passes the interpreter on
            now = self._pushed()
            if now == seen:
                return
            seen = now

    def _lead(self) -> None:
        try:
            done = self._flush()
        except Exception as fault:
            self.fail(fault)
            self._raise()
        else:
            self._end(done)

    def _resign(self) -> None:
        """Whoever was interrupted (Ctrl-C) while leading steps down, wherever that was."""
        if self._leader == get_ident():
            try:
                done = self._settle()
            except Exception as fault:
                self.fail(fault)
            else:
                self._end(done)

    def _end(self, done: int) -> None:
        """Step down: wake those who have what they waited for, and one who leads next."""
        with self._gate:
            self._leader = None
            self.done = max(self.done, done)
            waiters = self._waiters
            wakes = [wake for offset, wake, _ in waiters if offset < done]
            self._woken = len(wakes)
            self._waiters = [waiter for waiter in waiters if waiter[0] >= done]
            heir = self._successor()
        for wake in wakes:
            wake()
        if heir is not None:
            heir()

    def _successor(self) -> Wake | None:
        """Who is to lead next, taken out of those who wait."""
        if self._heirs:
            return self._heirs.popleft()
        if self._committer is None:
            for index, (_, wake, leads) in enumerate(self._waiters):
                if leads:
                    del self._waiters[index]
                    return wake
        return None

    def _check(self) -> None:
        """Nobody waits for what is done."""
        with self._gate:
            assert all(offset >= self.done for offset, _, _ in self._waiters), "a waiter was forgotten"
            assert self.fault is None or not self._waiters, "a waiter outlives the log"
