"""`DrivingThread`: which thread drives an engine, and the bell that wakes it from its sleep.

Invariant: one thread drives at a time; a bell that rings before it listens is heard. Everything costs O(1).
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from queue import Empty, SimpleQueue


class DrivingThread:
    """The thread that drives, if there is one; `changes` counts what those who wait for the engine should look at."""

    def __init__(self) -> None:
        self.changes = 0
        self._changed = threading.Condition()
        self._lock = threading.RLock()
        self._thread: int | None = None
        self._in_body = False
        self._bell: SimpleQueue[None] = SimpleQueue()
        self._asleep = False

    # ------------------------------------------------------------------------------------- who drives

    @contextmanager
    def driving(self, wait: bool = True) -> Iterator[bool]:
        """This thread drives until the end of the block; with `wait=False` only if no other does."""
        if not self._lock.acquire(blocking=wait):
            yield False
            return
        before, self._thread = self._thread, threading.get_ident()
        try:
            yield True
        finally:
            self._thread = before
            self._lock.release()
            self.notify()

    @property
    def is_this_one(self) -> bool:
        """Whether the calling thread drives."""
        return self._thread == threading.get_ident()

    @property
    def is_another(self) -> bool:
        """Whether another thread drives."""
        return self._thread is not None and self._thread != threading.get_ident()

    @property
    def will_commit(self) -> bool:
        """Whether another thread drives and will commit: it does not while it executes a body."""
        return self.is_another and not self._in_body

    def begin_body(self) -> None:
        """The driving thread executes bodies from now on, and commits nothing until `end_body`."""
        self._in_body = True

    def end_body(self) -> None:
        """It goes on with its turns."""
        self._in_body = False

    def notify(self) -> None:
        """Tell the threads that wait for the engine that something changed."""
        with self._changed:
            self.changes += 1
            self._changed.notify_all()

    def wait_for_change(self, seen: int, seconds: float) -> None:
        """Wait until there are other than `seen` changes, at most so long."""
        with self._changed:
            self._changed.wait_for(lambda: self.changes != seen, seconds)

    # ------------------------------------------------------------------------------------- sleep

    def wake(self) -> None:
        """Wake the driving thread, if it sleeps."""
        if self._asleep:
            self._bell.put(None)

    def fall_asleep(self) -> None:
        """From now on `wake` rings; to be followed by `listen` or `stay_awake`."""
        self._asleep = True

    def stay_awake(self) -> None:
        """There is something to do after all."""
        self._asleep = False

    def listen(self, seconds: float) -> None:
        """Sleep until the bell rings, at most so long."""
        try:
            self._bell.get(timeout=seconds)
            while True:
                self._bell.get_nowait()
        except Empty:
            pass
        finally:
            self._asleep = False
