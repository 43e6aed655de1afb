"""`rd.Ledger`: which keys were seen, for streams outside an engine (the engine's ledger is a view of its log).

Invariant: of all calls with one key, in all threads and after every crash, one is told that it is new; on a file it is
told so after the sync. A key is known for `ttl` after it was entered. Ledgers of one process on one file share its
entries. Holds one entry a key, in memory or in an SQLite file of its own, and with `ttl` at most those of one `ttl`
(old ones go as new ones come). Cost: O(1) in memory; on a file a look of 10-20 µs and a share of one sync.
"""

from __future__ import annotations

import os
import threading
import time
from collections import OrderedDict
from pathlib import Path
from types import TracebackType
from typing import Protocol

import msgspec

from reactive_dag.log.sqlite.entries import shared_entries
from reactive_dag.log.sqlite.files import parse_store
from reactive_dag.model.errors import InvalidValue, StoreError, said
from reactive_dag.model.text import exact, seen
from reactive_dag.model.times import NEVER, GivenDuration, parse_duration

_ENCODER = msgspec.msgpack.Encoder(order="deterministic")


class _Entries(Protocol):
    """Where a ledger's keys are kept."""

    def enter(self, key: bytes, expires: int, now: int) -> bool:
        """Enter a key until `expires`; True if it was not there, or had expired at `now` (ns)."""

    def leave(self, user: object) -> None:
        """A ledger needs them no more."""

    def _check(self) -> None: ...


class Ledger:
    """Remembers keys: each is new once.

    `store` is a file (`sqlite:///seen.db` or a path; made if it is not there) or None: in memory. `ttl` is how long a
    key is known (None: for ever), in the time that callers give, else the machine's. A key is plain data. One that is
    open on the file in this process already is shared. Raises InvalidValue, NotAStore, StoreTooNew, StoreInUse
    (another process has the file).

    >>> ledger = Ledger(ttl="1h")
    >>> ledger.add("a", now=0), ledger.seen("a", now=5), ledger.seen("a", now=3600 * 10**9)
    (True, True, False)
    """

    def __init__(self, store: str | os.PathLike[str] | None = None, ttl: GivenDuration | None = None) -> None:
        self._ttl = None if ttl is None else parse_duration(ttl, what="ttl")
        self._path = None if store is None else parse_store(store)
        self._entries: _Entries = _MemoryEntries() if self._path is None else shared_entries(self._path, self)

    def add(self, key: object, now: int | None = None) -> bool:
        """Enter a key; True if it is new. Durable on return. O(1), on a file a share of one sync. Raises StoreError."""
        data = _encode(key)
        if self._ttl is None:
            return self._entries.enter(data, NEVER, 0)
        at = time.time_ns() if now is None else now
        return self._entries.enter(data, at + self._ttl, at)

    def seen(self, key: object, now: int | None = None) -> bool:
        """Whether a key was entered before; it is entered now. Durable on return. `now` is in ns. Raises StoreError."""
        return not self.add(key, now)

    def close(self) -> None:
        """Release the file, unless another ledger of this process uses it; a second call does nothing."""
        self._entries.leave(self)
        if self._path is not None:
            self._entries = _ClosedEntries(self._path)

    def _check(self) -> None:
        """The entries are sound."""
        self._entries._check()

    def __enter__(self) -> Ledger:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()


def _encode(key: object) -> bytes:
    try:
        return _ENCODER.encode(exact(key) if isinstance(key, str) else key)
    except Exception as error:  # no plain data, or an object whose own methods raise
        raise InvalidValue(
            f"{seen(key)} cannot be a ledger's key: {said(error)}. Use text, a number, or a tuple of those."
        ) from error


class _ClosedEntries:
    """What a ledger on a file has when it was closed, whoever else uses the file."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def enter(self, key: bytes, expires: int, now: int) -> bool:
        raise StoreError(f"this ledger on {self._path} is closed")

    def leave(self, user: object) -> None:
        """Do nothing: it has left."""

    def _check(self) -> None:
        """There is nothing to be checked."""


class _MemoryEntries:
    """Entries in the order in which they expire, as long as time goes forward."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._expires: OrderedDict[bytes, int] = OrderedDict()

    def enter(self, key: bytes, expires: int, now: int) -> bool:
        with self._lock:
            known = self._expires.get(key)
            if known is not None and known > now:
                return False
            self._expires[key] = expires
            self._expires.move_to_end(key)
            while (oldest := next(iter(self._expires))) != key and self._expires[oldest] <= now:
                del self._expires[oldest]
            return True

    def leave(self, user: object) -> None:
        """Do nothing: there is no file."""

    def _check(self) -> None:
        """Entries expire in their order, as long as time went forward."""
        with self._lock:
            expires = list(self._expires.values())
        assert expires == sorted(expires), "time went back, or an entry is out of place"
