"""The newest event of each partition of a dataset: what is committed stands in a table, what is not in an index.

Owns the index of what was pushed since the last commit that a question found. A question costs O(log n), and the
records pushed since the one before.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

from reactive_dag.log.partition_index import PartitionIndex
from reactive_dag.log.sqlite import schema
from reactive_dag.log.sqlite.readers import Readers, SegmentReader, sound_row
from reactive_dag.model.records import AnyRecord

Pushed = tuple[int, int, Sequence[AnyRecord]]
"""Up to where records are committed, the first offset in memory, and the records from there on."""


class StoredPartitions:
    """The partitions of the datasets of one store. `end` gives the offset after the last record that is its log's."""

    def __init__(self, readers: Readers, segments: SegmentReader, end: Callable[[], int]) -> None:
        self._readers = readers
        self._segments = segments
        self._end = end
        self._index = PartitionIndex()
        self._lock = threading.Lock()

    def newest(self, source: str, partition: str, pushed: Pushed) -> int | None:
        """The offset of the newest event of a dataset's partition. O(log n)."""
        offset = self._pushed(source, pushed).get(partition)
        if offset is None:
            row = self._readers.one(schema.NEWEST_OF, (source, partition))
            offset = None if row is None else self._sound(row)
        return offset if offset is None or offset < self._end() else self._before_end(source, partition)

    def all(self, source: str, pushed: Pushed) -> dict[str, int]:
        """The partitions of a dataset, each with the offset of its newest event, in order of text. O(result)."""
        fresh = dict(self._pushed(source, pushed))
        rows = self._readers.all(schema.PARTITIONS_OF, (source,))
        found: dict[str, int | None] = {row[1]: self._sound(row) for row in rows}
        end = self._end()
        for name in [name for name, offset in found.items() if offset is not None and offset >= end]:
            found[name] = self._before_end(source, name)
        return {name: offset for name, offset in sorted((found | fresh).items()) if offset is not None}

    def _pushed(self, source: str, pushed: Pushed) -> dict[str, int]:
        done, first, records = pushed
        with self._lock:
            return self._index.newest(source, max(done, first), records, first)

    def _before_end(self, source: str, partition: str) -> int | None:
        """The newest event that was there when a log was opened to be read. O(segments of the dataset)."""
        events = self._segments.events(source, self._end())
        return next((offset for offset, event in events if event.partition == partition), None)

    def _sound(self, row: tuple[object, ...]) -> int:
        return int(sound_row(row, str(self._readers.path), "partitions")[2])

    def _check(self) -> None:
        """The index is sound."""
        self._index._check()
