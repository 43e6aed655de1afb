"""Work on the newest of what is asked, off the thread that asks: nothing queues up, and nobody waits.

Owns `LatestOnly`. Invariant: at most one thread works, on one item; of those that came meanwhile only the newest is
kept. The thread begins with the first item and ends when none is left, so an idle one costs nothing. O(1) a put.

Messages of a page come on the kernel's own thread between cells, or with subshells on another one while a cell runs;
either way what an answer costs must not hold up the next message, which is why it is not worked out there.
"""

from __future__ import annotations

from collections.abc import Callable
from threading import Condition, Thread, current_thread
from typing import Generic, TypeAlias, TypeVar

Item = TypeVar("Item")
IsStale: TypeAlias = Callable[[], bool]
"""Whether something newer waits: whoever works long looks now and then, and leaves."""


class LatestOnly(Generic[Item]):
    """Calls `work(item, is_stale)` for the newest item, again and again. An error is the work's to tell."""

    def __init__(self, work: Callable[[Item, IsStale], None], name: str) -> None:
        self._work = work
        self._name = name
        self._changed = Condition()
        self._next: list[Item] = []
        self._thread: Thread | None = None
        self._closed = False

    def put(self, item: Item) -> None:
        """Work on this next, and on nothing that waits. O(1)."""
        with self._changed:
            if self._closed:
                return
            self._next = [item]
            if self._thread is None:
                self._thread = Thread(target=self._run, name=self._name, daemon=True)
                self._thread.start()

    def close(self) -> None:
        """Begin nothing more; what is worked on is stale. O(1)."""
        with self._changed:
            self._closed, self._next = True, []

    def wait(self, timeout: float = 60) -> bool:
        """Wait until nothing is left to do; whether that came in time (seconds)."""
        with self._changed:
            return self._changed.wait_for(lambda: self._thread is None, timeout)

    def _is_stale(self) -> bool:
        return self._closed or bool(self._next)

    def _run(self) -> None:
        while True:
            with self._changed:
                if not self._next:
                    assert self._thread is current_thread()
                    self._thread = None
                    self._changed.notify_all()
                    return
                item = self._next.pop()
            self._work(item, self._is_stale)
