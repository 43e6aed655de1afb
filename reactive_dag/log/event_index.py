"""Which records of a log in memory are events of a dataset, found as far as somebody asked.

It grows from where the log ended at the first question: upward with the records that came since, downward only until a
question has its answer. Each record is looked at once. A question costs O(result * log) besides.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from itertools import chain, islice

from reactive_dag.model.records import AnyRecord, Published

PIECE = 4_096
"""Records that are looked at together, downward."""


class EventIndex:
    """The offsets of events by dataset; those below where it began are kept negated, so that both lists ascend.

    >>> index, log = EventIndex(), [Published(1, "a", n) for n in range(5)]
    >>> index.newest("a", log, 2, None), index.newest("a", log, None, 3), index.newest("b", log, 2, None)
    ([4, 3], [2, 1, 0], [])
    """

    __slots__ = ("_low", "_newer", "_older", "_top")

    def __init__(self) -> None:
        self._newer: dict[str, list[int]] = {}
        self._older: dict[str, list[int]] = {}
        self._low = self._top = -1

    def newest(self, source: str, records: Sequence[AnyRecord], limit: int | None, before: int | None) -> list[int]:
        """The offsets of a dataset's newest events in the whole log `records`, newest first. One thread at a time."""
        stop = len(records)
        if self._top < 0:
            self._low = self._top = stop
        self._look(self._newer, records, range(self._top, stop), 1)
        self._top = max(self._top, stop)
        newer = self._newer.get(source, [])
        end = len(newer) if before is None else bisect_left(newer, before)
        while True:
            older = self._older.get(source, [])
            begin = 0 if before is None else bisect_right(older, -before)
            if self._low == 0 or (limit is not None and end + len(older) - begin >= limit):
                break
            low = max(self._low - PIECE, 0)
            self._look(self._older, records, range(self._low - 1, low - 1, -1), -1)
            self._low = low
        lower = (-offset for offset in islice(older, begin, None))
        return list(islice(chain(islice(reversed(newer), len(newer) - end, None), lower), limit))

    def _look(self, found: dict[str, list[int]], records: Sequence[AnyRecord], offsets: range, sign: int) -> None:
        for offset in offsets:
            record = records[offset]
            if isinstance(record, Published):
                found.setdefault(record.dataset, []).append(sign * offset)

    def _check(self) -> None:
        """Both lists ascend, and lie on their sides."""
        for offsets in (*self._newer.values(), *self._older.values()):
            assert offsets == sorted(offsets), "offsets are out of order"
        assert all(offsets[0] >= self._low for offsets in self._newer.values()), "a newer event lies below"
