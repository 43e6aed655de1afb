"""Locks by name. Owns one for each name that somebody uses just now. O(1)."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager


class NamedLocks:
    """One lock a name, kept only while somebody uses it; a thread may take one that it holds.

    >>> locks = NamedLocks()
    >>> with locks.holding("a"), locks.holding("b"), locks.holding("a"):
    ...     pass
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._held: dict[str, tuple[threading.RLock, int]] = {}

    @contextmanager
    def holding(self, name: str) -> Iterator[None]:
        """Hold the lock of this name until the end of the block."""
        with self._lock:
            lock, users = self._held.get(name, (threading.RLock(), 0))
            self._held[name] = lock, users + 1
        try:
            with lock:
                yield
        finally:
            with self._lock:
                lock, users = self._held[name]
                if users == 1:
                    del self._held[name]
                else:
                    self._held[name] = lock, users - 1
