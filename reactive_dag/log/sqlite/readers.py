"""Reading a store while it is written: connections of their own, and the cache of decoded segments.

A query takes a free connection or opens one, so there are as many as queries that run at once. Only what is committed
is read. Segments never change, so the cache is always right; it is bounded by the encoded size of what it holds, and a
look costs O(log n).
"""

from __future__ import annotations

import sqlite3
import threading
from collections import OrderedDict, deque
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, TypeAlias

from sortedcontainers import SortedList

from reactive_dag.log.codec import damaged, decode_segment, row_checksum
from reactive_dag.log.sqlite import schema
from reactive_dag.log.sqlite.files import connect, store_error
from reactive_dag.model.errors import StoreDamaged, StoreError
from reactive_dag.model.records import AnyRecord, Published

SQLRow: TypeAlias = tuple[Any, ...]
"""What SQLite gives: typed by the query that asks."""

KEPT_OPEN = 8
"""Connections for reading that stay open while nobody reads."""

CACHED_BYTES = 4 << 20
"""Encoded bytes of the segments kept decoded (some ten times as much in memory)."""


class Readers:
    """Connections for reading, taken and put back; at most KEPT_OPEN stay open."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._free: deque[sqlite3.Connection] = deque()
        self._closed = False

    def all(self, sql: str, params: Sequence[object] = ()) -> list[SQLRow]:
        """All rows of a query. Raises StoreDamaged, StoreError."""
        if self._closed:
            raise StoreError(f"{self.path} is closed; open it again to read.")
        db = self._take()
        try:
            return db.execute(sql, params).fetchall()
        except sqlite3.Error as error:
            raise store_error(self.path, error) from error
        finally:
            self._put(db)

    def one(self, sql: str, params: Sequence[object] = ()) -> SQLRow | None:
        """The first row of a query that gives one at most. Raises StoreDamaged, StoreError."""
        rows = self.all(sql, params)
        return rows[0] if rows else None

    def _take(self) -> sqlite3.Connection:
        try:
            return self._free.pop()
        except IndexError:
            return connect(self.path, read_only=True)

    def _put(self, db: sqlite3.Connection) -> None:
        if len(self._free) < KEPT_OPEN:
            self._free.append(db)
        else:
            db.close()
        if self._closed:
            self.close()

    def close(self) -> None:
        """Close every connection; those in use when they are put back."""
        self._closed = True
        while self._free:
            self._free.pop().close()


def sound_row(row: SQLRow, where: str, table: str) -> SQLRow:
    """A row without the checksum at its end. O(size). Raises StoreDamaged."""
    values = row[:-1]
    if row_checksum(values) != row[-1]:
        raise damaged(where, f"the row {values[:2]!r} of {table} cannot be read: its checksum differs")
    return values


class SegmentCache:
    """Decoded segments, the least recently used ones forgotten first. Threads may share it.

    >>> cache = SegmentCache(limit=100)
    >>> cache.put(10, ["a", "b"], 60)
    >>> cache.get(11), cache.get(12)
    ((10, ['a', 'b']), None)
    """

    __slots__ = ("_by_first", "_firsts", "_limit", "_lock", "_size")

    def __init__(self, limit: int = CACHED_BYTES) -> None:
        self._by_first: OrderedDict[int, tuple[list[AnyRecord], int]] = OrderedDict()
        self._firsts: SortedList = SortedList()
        self._limit = limit
        self._size = 0
        self._lock = threading.Lock()

    def get(self, offset: int) -> tuple[int, list[AnyRecord]] | None:
        """The segment that has an offset: `(first, records)`. O(log n)."""
        with self._lock:
            at = self._firsts.bisect_right(offset) - 1
            if at < 0:
                return None
            first: int = self._firsts[at]
            records = self._by_first[first][0]
            if offset >= first + len(records):
                return None
            self._by_first.move_to_end(first)
            return first, records

    def put(self, first: int, records: list[AnyRecord], size: int) -> None:
        """Keep a segment, and forget others as needed. O(log n)."""
        with self._lock:
            if first in self._by_first:
                return
            self._by_first[first] = (records, size)
            self._firsts.add(first)
            self._size += size
            while self._size > self._limit and len(self._by_first) > 1:
                self._forget()

    def _forget(self) -> None:
        first, (_, size) = self._by_first.popitem(last=False)
        self._firsts.remove(first)
        self._size -= size

    def _check(self) -> None:
        """Both orders name the same segments, and the size is their sum."""
        assert list(self._firsts) == sorted(self._by_first), "a segment stands in one order only"
        assert self._size == sum(size for _, size in self._by_first.values()), "the size is not the sum"


class SegmentReader:
    """The committed records of a store, by offset, in a row, or by dataset."""

    def __init__(self, readers: Readers) -> None:
        self._readers = readers
        self._where = str(readers.path)
        self._cache = SegmentCache()

    def holding(self, offset: int) -> tuple[int, list[AnyRecord]]:
        """The segment that has a committed offset. O(log n), and its decoding unless it is cached."""
        found = self._cache.get(offset)
        if found is None:
            row = self._readers.one(schema.SEGMENT_AT, (offset,))
            found = self._decode(row) if row else None
            if found is None or offset >= found[0] + len(found[1]):
                raise self._gap(offset)
        return found

    def range(self, start: int, stop: int) -> list[AnyRecord]:
        """The records of a range of committed offsets. O(n)."""
        records: list[AnyRecord] = []
        while start < stop:
            first, segment = self.holding(start)
            records.extend(segment[start - first : stop - first])
            start = first + len(segment)
        return records

    def pieces(self, start: int, stop: int) -> Iterator[tuple[int, list[AnyRecord]]]:
        """All records of a range, piece by piece, past the cache. O(n). Raises StoreDamaged at a gap."""
        if start >= stop:
            return
        first, records = self.holding(start)
        yield start, records[start - first : stop - first]
        next_first = first + len(records)
        while next_first < stop:
            rows = self._readers.all(schema.SEGMENTS_AFTER, (next_first, stop))
            for first, count, last_at, crc, data in rows:
                if first != next_first:
                    raise self._gap(next_first)
                yield first, decode_segment(first, count, last_at, crc, data, self._where)[: stop - first]
                next_first = first + count
            if not rows:
                raise self._gap(next_first)

    def events(self, source: str, before: int) -> Iterator[tuple[int, Published]]:
        """A dataset's committed events, newest first. O(segments that have one)."""
        top = before
        while rows := self._readers.all(schema.SEGMENTS_OF, (source, top)):
            for row in rows:
                top = sound_row(row, self._where, "sources")[1]
                _, records = self.holding(top)
                yield from newest_events(source, top, records, before)

    def _check(self) -> None:
        """The cache is sound."""
        self._cache._check()

    def _decode(self, row: SQLRow) -> tuple[int, list[AnyRecord]]:
        first, count, last_at, crc, data = row
        records = decode_segment(first, count, last_at, crc, data, self._where)
        self._cache.put(first, records, len(data))
        return first, records

    def _gap(self, offset: int) -> StoreDamaged:
        return damaged(self._where, f"no segment has the record at offset {offset}, though later ones are there")


def newest_events(
    source: str, first: int, records: Sequence[AnyRecord], before: int
) -> Iterator[tuple[int, Published]]:
    """A dataset's events among records, newest first, below an offset. O(n)."""
    for at in range(min(len(records), before - first) - 1, -1, -1):
        record = records[at]
        if isinstance(record, Published) and record.dataset == source:
            yield first + at, record
