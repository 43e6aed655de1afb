"""The entries of a ledger in an SQLite file of its own, committed in groups.

Invariant: a key that was said to be new, or known, is on disk when `enter` returns. Cost: a look of 10-20 µs and a
share of one sync.
"""

from __future__ import annotations

import os
import sqlite3
import threading
import weakref
from collections.abc import Hashable
from pathlib import Path

from reactive_dag.log.group import GroupCommit
from reactive_dag.log.sqlite import schema
from reactive_dag.log.sqlite.files import OpenFiles, connect, is_store_file, keep_home, one_name, prepare, store_error
from reactive_dag.log.sqlite.lease import Lease
from reactive_dag.log.sqlite.readers import Readers
from reactive_dag.model.errors import StoreError

_SHARED: weakref.WeakValueDictionary[tuple[int, Path], SQLiteEntries] = weakref.WeakValueDictionary()
"""The entries that are open in this process (a forked one begins anew), by its id and the file."""
_SHARING = threading.Lock()


def shared_entries(path: Path, user: Hashable) -> SQLiteEntries:
    """The entries of a file, those that are open in this process if there are some: a cell run again. O(1).

    They are closed when no user is left. Raises NotAStore, StoreTooNew, StoreInUse, StoreError.
    """
    name = os.getpid(), one_name(path)
    with _SHARING:
        there = _SHARED.get(name)
        if there is not None and not there.sound:
            there.close()
            there = None
        if there is None:
            there = _SHARED[name] = SQLiteEntries(path)
        there.users.add(user)
        return there


class SQLiteEntries:
    """Entries on SQLite, committed in groups: an entry's number is its place among all that this process made."""

    def __init__(self, path: Path) -> None:
        path = one_name(path)
        is_store_file(path, schema.LEDGER_MARK, schema.STORE_FORMAT)
        self.path = path
        self._lock = threading.Lock()
        self._lease = Lease(path, holder="a ledger")
        try:
            self._db = connect(path)
            prepare(self._db, path, schema.LEDGER_MARK, schema.STORE_FORMAT, schema.LEDGER_TABLES)
            keep_home(self._db, path)
        except BaseException:
            self._lease.close()
            raise
        self._files = OpenFiles(path, self._lease.path)
        self._readers = Readers(path)
        self._group = GroupCommit(lambda: self._next, self._flush, self._settle)
        self.users: weakref.WeakSet[Hashable] = weakref.WeakSet()
        self._open: dict[bytes, tuple[int, int]] = {}
        self._next = 0
        self._now = 0

    def leave(self, user: Hashable) -> None:
        """A ledger needs the entries no more: the last one closes them. A second call does nothing."""
        with _SHARING:
            self.users.discard(user)
            if not self.users:
                self.close()

    @property
    def sound(self) -> bool:
        """Whether the entries are open, and their file stands where it stood."""
        return self._group.fault is None and self._files.sound

    def enter(self, key: bytes, expires: int, now: int) -> bool:
        """Enter a key until `expires`; True if it was not there, or had expired at `now` (ns). Raises StoreError."""
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
        row = self._readers.one(schema.EXPIRES, (key,))
        return row is not None and row[0] > now

    def _flush(self) -> int:
        with self._lock:
            stop, entries = self._next, list(self._open.items())
            now = self._now
        self._files.check()
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
        """Release the file. O(1)."""
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
