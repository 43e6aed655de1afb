"""The newest event of each partition of a dataset, among records in memory, found as far as somebody asked.

It grows with the records that came since the question before, each looked at once; what lies below the offset that a
question names is left to whoever keeps it. A log that nobody asks costs nothing.
"""

from __future__ import annotations

from collections.abc import Sequence

from reactive_dag.model.records import AnyRecord, Published


class PartitionIndex:
    """Offsets by dataset and partition. Invariant: they are the newest below `_top`, without a gap from `_low` on.

    >>> index, log = PartitionIndex(), [Published(1, "a", 0, "eu"), Published(1, "a", 1, "us"), Published(1, "a", 2)]
    >>> index.newest("a", 0, log), index.newest("a", 2, log), index.newest("b", 0, log)
    ({'eu': 0, 'us': 1}, {'eu': 0, 'us': 1}, {})
    """

    __slots__ = ("_by_source", "_low", "_top")

    def __init__(self) -> None:
        self._by_source: dict[str, dict[str, int]] = {}
        self._low = self._top = 0

    def newest(self, source: str, start: int, records: Sequence[AnyRecord], first: int = 0) -> dict[str, int]:
        """The offsets of a dataset's newest events from `start` on at least, by partition; `records` begin at `first`.

        Not to be changed. O(records that came since the last question). One thread at a time.
        """
        if start >= self._top:
            self._by_source, self._low, self._top = {}, start, start
        for offset in range(self._top, first + len(records)):
            record = records[offset - first]
            if isinstance(record, Published) and record.partition is not None:
                self._by_source.setdefault(record.dataset, {})[record.partition] = offset
        self._top = max(self._top, first + len(records))
        return self._by_source.get(source, {})

    def _check(self) -> None:
        """All offsets lie among those that were looked at."""
        for found in self._by_source.values():
            assert all(self._low <= offset < self._top for offset in found.values()), "an offset was never looked at"
