"""`rd.Ledger`: which keys were seen, for streams outside an engine (the engine's ledger is a view of its log).

Invariant: of all calls with one key, in all threads and after every crash, one is told that it is new; on a file it is
told so after the sync. A key is known for `ttl` after it was entered. Holds one entry a key, in memory or in an SQLite
file of its own, and with `ttl` at most those of one `ttl` (old ones go as new ones come). Cost: O(1) in memory; on a
file a look of 10-20 µs and a share of one sync.
"""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from collections import OrderedDict
from pathlib import Path
from types import TracebackType
from typing import Protocol

import msgspec

from reactive_dag.log.group import GroupCommit
from reactive_dag.log.sqlite import schema
from reactive_dag.log.sqlite.files import connect, look_at, parse_store, prepare, store_error
from reactive_dag.log.sqlite.lease import Lease
from reactive_dag.log.sqlite.readers import Readers
from reactive_dag.model.errors import InvalidValue, StoreError
from reactive_dag.model.times import NEVER, GivenDuration, parse_duration

_ENCODER = msgspec.msgpack.Encoder(order="deterministic")


class _Entries(Protocol):
    """Where a ledger's keys are kept."""

    def enter(self, key: bytes, expires: int, now: int) -> bool:
        """Enter a key until `expires`; True if it was not there, or had expired at `now` (ns)."""

    def close(self) -> None:
        """Release the file, if there is one."""

    def _check(self) -> None: ...


class Ledger:
    """Remembers keys: each is new once.

    `store` is a file (`sqlite:///seen.db` or a path; made if it is not there) or None: in memory. `ttl` is how long a
    key is known (None: for ever), in the time that callers give, else the machine's. A key is plain data. Raises
    InvalidValue, NotAStore, StoreTooNew, StoreInUse (another process has the file).

    >>> ledger = Ledger(ttl="1h")
    >>> ledger.add("a", now=0), ledger.seen("a", now=5), ledger.seen("a", now=3600 * 10**9)
    (True, True, False)
    """

    def __init__(self, store: str | os.PathLike[str] | None = None, ttl: GivenDuration | None = None) -> None:
        self._ttl = None if ttl is None else parse_duration(ttl, what="ttl")
        path = None if store is None else parse_store(store)
        self._entries: _Entries = _MemoryEntries() if path is None else _FileEntries(path)

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
        """Release the file; a second call does nothing."""
        self._entries.close()

    def _check(self) -> None:
        """The entries are sound."""
        self._entries._check()

    def __enter__(self) -> Ledger:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()


def _encode(key: object) -> bytes:
    try:
        return _ENCODER.encode(key)
    except (TypeError, ValueError, OverflowError) as error:
        raise InvalidValue(
            f"{key!r} cannot be a ledger's key: {error}. Use text, a number, or a tuple of those."
        ) from error


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

    def close(self) -> None:
        """Do nothing: there is no file."""

    def _check(self) -> None:
        """Entries expire in their order, as long as time went forward."""
        with self._lock:
            expires = list(self._expires.values())
        assert expires == sorted(expires), "time went back, or an entry is out of place"


class _FileEntries:
    """Entries on SQLite, committed in groups: an entry's number is its place among all that this process made."""

    def __init__(self, path: Path) -> None:
        path = path.resolve()
        look_at(path, schema.LEDGER_MARK, schema.FORMAT)
        self.path = path
        self._lock = threading.Lock()
        self._lease = Lease(path, holder="a ledger")
        try:
            self._db = connect(path)
            prepare(self._db, path, schema.LEDGER_MARK, schema.FORMAT, schema.LEDGER_TABLES)
        except BaseException:
            self._lease.close()
            raise
        self._readers = Readers(path)
        self._group = GroupCommit(lambda: self._next, self._flush, self._settle)
        self._open: dict[bytes, tuple[int, int]] = {}
        self._next = 0
        self._now = 0

    def enter(self, key: bytes, expires: int, now: int) -> bool:
        with self._lock:
            self._now = max(self._now, now)
            waiting = self._open.get(key)
            new = waiting is None and not self._known(key, now)
            if new:
                waiting = self._open[key] = (self._next, expires)
                self._next += 1
        if waiting is not None and waiting[0] >= self._group.done:
            # Also a caller that is told "seen" is told so only when the entry is on disk.
            self._group.commit(least=1)
        return new

    def _known(self, key: bytes, now: int) -> bool:
        row = self._readers.one("SELECT expires FROM seen WHERE key = ?", (key,))
        return row is not None and row[0] > now

    def _flush(self) -> int:
        with self._lock:
            stop, entries = self._next, list(self._open.items())
            now = self._now
        try:
            self._db.execute(schema.BEGIN)
            self._db.executemany(schema.ENTER, [(key, expires) for key, (_, expires) in entries])
            self._db.execute(schema.EXPIRE, (now, 2 * len(entries)))
            self._db.execute("COMMIT")
        except sqlite3.Error as error:
            raise store_error(self.path, error) from error
        return self._forget(stop)

    def _settle(self) -> int:
        """How far the entries are on disk after an interrupt; the rest is written again, changing nothing. O(1)."""
        if self._db.in_transaction:
            self._db.rollback()
        return self._group.done

    def _forget(self, stop: int) -> int:
        with self._lock:
            self._open = {key: entry for key, entry in self._open.items() if entry[0] >= stop}
        return stop

    def close(self) -> None:
        self._group.fail(StoreError(f"{self.path} is closed"))
        self._readers.close()
        self._db.close()
        self._lease.close()

    def _check(self) -> None:
        """Every entry that waits has a number that was given, and nobody waits for what is done."""
        with self._lock:
            numbers = [number for number, _ in self._open.values()]
        assert len(set(numbers)) == len(numbers) and all(number < self._next for number in numbers)
        self._group._check()
