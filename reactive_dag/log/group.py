"""Group commit: many threads wait, one writes for all of them.

Whoever finds nobody writing becomes the leader, takes all that was pushed and syncs it once. Who comes meanwhile waits
for a turn: the first of those leads next, and the others are served by its write. Invariant: at most one leader at any
time, so writes keep the order of offsets; `done` only grows; as long as a turn waits, somebody leads, or the log has
failed. Cost: one sync for all who wait, one wake-up for each of them.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from typing import TypeAlias

from reactive_dag.model.errors import StoreError

Callback: TypeAlias = Callable[[], object]

STRAGGLER_LOOKS = 16
"""How often at most a leader lets others push before it takes what is there."""

STRAGGLER_SECONDS = 1e-6
"""How long it lets them each time; the system makes some 60 microseconds of it."""

RECHECK_SECONDS = 1.0
"""After so long a waiter looks at its turn by itself: Ctrl-C may have taken the leader before its last wake-up."""


class _Turn:
    """A thread that waits for its turn to commit; `over` once a commit that began after it came has ended."""

    __slots__ = ("bell", "over")

    def __init__(self) -> None:
        self.over = False
        self.bell = threading.Lock()
        self.bell.acquire()

    def ring(self) -> None:
        """Let the thread look at its turn. O(1), the gate held."""
        if self.bell.locked():
            self.bell.release()


class GroupCommit:
    """Leader and followers around `flush`, which writes everything pushed and returns the offset that it reached.

    `pushed` tells the next offset. `settle` is asked after an interrupt (Ctrl-C) how far the writing got; every other
    exception is final.

    >>> group = GroupCommit(pushed=lambda: 3, flush=lambda: 3, settle=lambda: 0)
    >>> group.commit(), group.done
    (3, 3)
    """

    __slots__ = (
        "_callbacks", "_flush", "_gate", "_leader", "_never", "_pushed", "_riders", "_settle", "_turns", "_woken",
        "done", "fault",
    )  # fmt: skip

    def __init__(self, pushed: Callable[[], int], flush: Callable[[], int], settle: Callable[[], int]) -> None:
        self._pushed = pushed
        self._flush = flush
        self._settle = settle
        self._gate = threading.Lock()
        self._leader: _Turn | None = None
        self._riders: deque[_Turn] = deque()
        self._turns: deque[_Turn] = deque()
        self._callbacks: list[tuple[int, Callback]] = []
        self._woken = 0
        self._never = _Turn().bell
        self.done = 0
        self.fault: BaseException | None = None

    def commit(self, least: int | None = None) -> int:
        """Return `done` when all that was pushed before the call is durable. Raises StoreError.

        Given `least`, whoever leads waits for stragglers first, if the last commit woke so many.
        """
        turn = _Turn()
        try:
            if self._comes_to_lead(turn):
                if least is not None:
                    self.wait_for_stragglers(least)
                self._lead(turn)
            return self.done
        finally:
            if self._leader is turn or not turn.over:
                self._give_up(turn)

    def call(self, offset: int, callback: Callback) -> None:
        """Call once when `done > offset` or the log has failed: now, or on the thread that leads. O(1)."""
        with self._gate:
            if self.done <= offset and self.fault is None:
                self._callbacks.append((offset, callback))
                return
        callback()

    def fail(self, fault: BaseException) -> None:
        """Nothing can be committed any more: tell everybody who waits, and whoever comes later. O(waiters)."""
        with self._gate:
            self.fault = self.fault or fault
            callbacks, self._callbacks = self._callbacks, []
            for turn in (*self._riders, *self._turns, *((self._leader,) if self._leader else ())):
                turn.ring()
            self._riders.clear()
            self._turns.clear()
            self._leader = None
        for _, callback in callbacks:
            callback()

    def wait_for_stragglers(self, least: int) -> None:
        """Let the threads that the last commit woke push first, if they were so many: one sync then serves them too.

        Measured with 8 threads: 8 records a sync instead of 4, and a third more of them in all. Some 60 µs a look.
        """
        if self._woken < least:
            return
        seen = self._pushed()
        for _ in range(STRAGGLER_LOOKS):
            self._never.acquire(timeout=STRAGGLER_SECONDS)  # never succeeds: it passes the interpreter on
            now = self._pushed()
            if now == seen:
                return
            seen = now

    def _comes_to_lead(self, turn: _Turn) -> bool:
        """Wait for the turn: True if this thread leads now, False if another's commit was enough."""
        while not self._has_come(turn):
            turn.bell.acquire(timeout=RECHECK_SECONDS)
        return not turn.over

    def _has_come(self, turn: _Turn) -> bool:
        """Whether the turn leads or is over; until then it stands in the queue. O(waiters)."""
        with self._gate:
            if turn.over or self._leader is turn:
                return True
            self._raise()
            if self._leader is None:
                self._leader = turn
                return True
            if turn not in self._turns and turn not in self._riders:
                self._turns.append(turn)
            return False

    def _lead(self, turn: _Turn) -> None:
        with self._gate:
            self._riders, self._turns = self._turns, deque()
        try:
            done = self._flush()
        except Exception as fault:
            self.fail(fault)
            self._raise()
        else:
            self._step_down(turn, done, served=True)

    def _give_up(self, turn: _Turn) -> None:
        """Leave the queue, or step down: this thread was interrupted (Ctrl-C), wherever that was."""
        with self._gate:
            if turn in self._turns:
                self._turns.remove(turn)
            leads = self._leader is turn
        if leads:
            try:
                done = self._settle()
            except Exception as fault:
                self.fail(fault)
            else:
                self._step_down(turn, done, served=False)

    def _step_down(self, turn: _Turn, done: int, *, served: bool) -> None:
        """Wake the threads that this commit served, and hand the lead to the successor. O(waiters)."""
        with self._gate:
            self.done = done = max(self.done, done)
            riders, self._riders = self._riders, deque()
            if not served:
                self._turns.extendleft(reversed(riders))
                riders.clear()
            due = [callback for offset, callback in self._callbacks if offset < done]
            self._callbacks = [waiting for waiting in self._callbacks if waiting[0] >= done]
            self._woken = len(riders) + len(due)
            self._leader = self._turns.popleft() if self._turns else None
            turn.over = True
            for rider in riders:
                rider.over = True
                rider.ring()
            if self._leader is not None:
                self._leader.ring()
        for callback in due:
            callback()

    def _raise(self) -> None:
        if self.fault is not None:
            raise StoreError(f"the log takes nothing more: {self.fault}") from self.fault

    def _check(self) -> None:
        """Nobody waits for what is done."""
        with self._gate:
            assert all(offset >= self.done for offset, _ in self._callbacks), "a callback was forgotten"
            assert self._leader is not None or not self._turns, "somebody waits, and nobody leads"
            assert self.fault is None or not (self._callbacks or self._turns), "a waiter outlives the log"
