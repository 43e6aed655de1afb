"""Whether a store says what its records say: its tables, and of a small store every row (X1).

Whatever is read bears a checksum that covers the place too, so a row that was read is right. That a row is *missing*
where a page is damaged no single read can see: so of a store of up to `WHOLE_BYTES` all pages and rows are checked when
it is opened, in some 40 ms a megabyte; of a larger one the tables, the last segment, and then what is read. No state.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path

from reactive_dag.log.codec import damaged, row_checksum
from reactive_dag.log.sqlite import schema
from reactive_dag.log.sqlite.files import connect, store_error

WHOLE_BYTES = 1 << 20
"""Size of a store that is checked whole when it is opened."""

ROWS = {
    "keys": ("scope", "key"), "sources": ("source", "first"), "meta": ("name",), "runs": ("run",),
    "consumers": ("source", "run"), "partitions": ("source", "partition"),
}  # fmt: skip
"""The tables whose rows end with their checksum, and what names a row of each."""


def verify(path: Path) -> None:
    """Check a store as it was committed, as far as its size allows. O(tables), of a small one O(size).

    Raises StoreDamaged, StoreError. Nothing is changed.
    """
    where = str(path)
    db = connect(path, read_only=True)
    try:
        db.execute("BEGIN")
        _check_tables(db, where)
        if _size(db) <= WHOLE_BYTES:
            _check_pages(db, where)
            for table, names in ROWS.items():
                _check_rows(db, table, names, where)
    except sqlite3.Error as error:
        raise store_error(path, error) from error
    finally:
        db.close()


def _size(db: sqlite3.Connection) -> int:
    pages, size = (db.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_count", "page_size"))
    return int(pages * size)


def _check_tables(db: sqlite3.Connection, where: str) -> None:
    found = {sql for (sql,) in db.execute("SELECT sql FROM sqlite_schema")}
    missing = [sql for sql in schema.LOG_TABLES if sql not in found]
    if missing:
        raise damaged(where, f"a table or an index is not as it was made: {missing[0].partition('(')[0].strip()}")


def _check_pages(db: sqlite3.Connection, where: str) -> None:
    said = str(db.execute("PRAGMA integrity_check(1)").fetchone()[0])
    if said != "ok":
        raise damaged(where, f"the file is damaged: {said.strip()}")


def _check_rows(db: sqlite3.Connection, table: str, names: tuple[str, ...], where: str) -> None:
    for row in db.execute(f"SELECT * FROM {table}"):
        if row[-1] != row_checksum(row[:-1]):
            raise damaged(where, f"the row {row[: len(names)]!r} of {table} cannot be read: its checksum differs")
