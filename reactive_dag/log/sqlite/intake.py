"""The intake: what other processes append to a store that an engine is writing (I8).

It needs no lock but SQLite's own, taken for one row. A fact is durable when `offer` returns, and carries the instant of
the offering process's clock. The engine decides what it becomes (its offset, its number, whether its key is known) when
it takes it over. One sync an offer.
"""

from __future__ import annotations

import sqlite3
import threading
from pathlib import Path
from types import TracebackType

from reactive_dag.log.codec import checksum, encode_fact
from reactive_dag.log.protocol import OfferedFact
from reactive_dag.log.sqlite import schema
from reactive_dag.log.sqlite.files import OpenFiles, connect, is_store_file, keep_home, one_name, prepare, store_error
from reactive_dag.log.sqlite.readers import sound_row
from reactive_dag.model.errors import NotAStore


class SQLiteIntake:
    """Appends to the intake of a store that exists. Raises NotAStore, StoreTooNew, StoreError."""

    def __init__(self, path: Path) -> None:
        path = one_name(path)
        if not is_store_file(path, schema.LOG_MARK, schema.STORE_FORMAT):
            raise NotAStore(f"{path}: there is no store yet; open an engine on it once to make it.")
        self.path = path
        self._lock = threading.Lock()
        self._db = connect(path)
        prepare(self._db, path, schema.LOG_MARK, schema.STORE_FORMAT, schema.LOG_TABLES)
        keep_home(self._db, path)
        self._files = OpenFiles(path)

    def offer(self, fact: OfferedFact, stamp: int) -> None:
        """Append a fact, durable on return; `stamp` is the caller's clock (ns). Raises StoreError. One sync."""
        data = encode_fact(fact, stamp)
        with self._lock:
            self._files.check()
            try:
                self._db.execute(schema.BEGIN)
                id = self._db.execute(schema.OFFER, (data,)).lastrowid
                assert id is not None, "a row that was inserted has one"
                self._db.execute(schema.SEAL_OFFER, (checksum(id, 0, 0, data), id))
                self._db.execute("COMMIT")
            except sqlite3.Error as error:
                raise store_error(self.path, error) from error
            finally:
                if self._db.in_transaction:
                    self._db.rollback()

    def find(self, scope: str, key: str) -> int | None:
        """The offset that the log has committed for a key, as of now. O(log n)."""
        with self._lock:
            row = self._db.execute(schema.FIND_KEY, (scope, key)).fetchone()
        return None if row is None else int(sound_row(row, str(self.path), "keys")[2])

    def close(self) -> None:
        """Close the connection; a second call does nothing."""
        self._db.close()

    def __enter__(self) -> SQLiteIntake:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()
