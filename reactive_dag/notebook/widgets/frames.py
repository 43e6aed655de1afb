"""Pictures at a steady pace: however often something changes, at most so many are made a second, each of the newest.

Owns `Frames`. Invariant: after the last change a picture follows; while nothing changes no thread is there. O(1) a
change.
"""

from __future__ import annotations

from collections.abc import Callable
from threading import Condition, Thread

INTERVAL = 0.1
"""Seconds between two pictures."""


class Frames:
    """Calls `draw()` on a thread when something has changed, and then not again for `interval` seconds."""

    def __init__(self, draw: Callable[[], None], name: str, interval: float = INTERVAL) -> None:
        self._draw = draw
        self._name = name
        self._interval = interval
        self._condition = Condition()
        self._changed = self._closed = False
        self._thread: Thread | None = None

    def change(self) -> None:
        """Something has changed. O(1), without a lock where that was said already."""
        if self._changed:
            return
        with self._condition:
            if self._closed:
                return
            self._changed = True
            if self._thread is None:
                self._thread = Thread(target=self._run, name=self._name, daemon=True)
                self._thread.start()

    def close(self) -> None:
        """Draw nothing more. O(1)."""
        with self._condition:
            self._closed = True
            self._changed = False
            self._condition.notify_all()

    def wait(self, timeout: float = 60) -> bool:
        """Wait until the newest is drawn; whether that came in time (seconds)."""
        with self._condition:
            return self._condition.wait_for(lambda: self._thread is None, timeout)

    def _run(self) -> None:
        while True:
            with self._condition:
                if not self._changed:
                    self._thread = None
                    self._condition.notify_all()
                    return
                self._changed = False
            self._draw()
            with self._condition:
                self._condition.wait_for(lambda: self._closed, self._interval)
