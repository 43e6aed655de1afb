"""The end of a log in memory: where records get their offsets.

Invariant: `next_offset` is one more than the highest offset given; the tail holds every record from `first` to there.
A push is an append to a list and two counters, 0.1-0.2 µs. The pair of first offset and list is replaced as one, so a
reader without the lock sees one or the other and never a mixture.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

from reactive_dag.model.errors import StoreError, UsageError
from reactive_dag.model.records import AnyRecord
from reactive_dag.model.times import NEVER


class Tail:
    """The base of the logs: pushed records in order, by offset."""

    def __init__(self, first: int = 0, last_at: int = -NEVER) -> None:
        self.lock = threading.RLock()
        self.next_offset = first
        self.last_at = last_at
        self._restart(first, [])

    def push(self, record: AnyRecord) -> int:
        """Append a record; its offset. `lock` held. O(1)."""
        try:
            self._append(record)
            offset = self.next_offset
            self.next_offset = offset + 1
            if record.at > self.last_at:
                self.last_at = record.at
        except BaseException:
            self._recount()
            raise
        return offset

    def push_many(self, records: Sequence[AnyRecord]) -> int:
        """Append records; the first one's offset. `lock` held. O(n)."""
        self._extend(records)
        offset = self.next_offset
        if records:
            self.next_offset = offset + len(records)
            self.last_at = max(self.last_at, records[-1].at)
        return offset

    def _recount(self) -> None:
        """Count what is there: an interrupt (Ctrl-C) came between a record and its counters."""
        first, records = self._tail
        self.next_offset = first + len(records)
        if records:
            self.last_at = max(self.last_at, records[-1].at)

    def _restart(self, first: int, records: list[AnyRecord]) -> None:
        self._tail: tuple[int, list[AnyRecord]] = (first, records)
        self._append: Callable[[AnyRecord], None] = records.append
        self._extend: Callable[[Sequence[AnyRecord]], None] = records.extend

    def _refuse(self, why: str, cause: BaseException | None = None) -> None:
        """From now on every push raises StoreError: costs nothing while it does not."""

        def refuse(_: object) -> None:
            raise StoreError(why) from cause

        self._append = self._extend = refuse

    def _here(self, offset: int) -> AnyRecord | None:
        """A record out of the tail; None if it lies before. Raises UsageError for one that the log has not."""
        first, records = self._tail
        at = offset - first
        if 0 <= at < len(records):
            return records[at]
        if 0 <= offset < first:
            return None
        raise UsageError(f"the log has no record {offset}: it has 0 to {self.next_offset - 1}")

    def _trim(self, upto: int) -> None:
        """Forget the records below `upto`, once they are many. O(1) amortised."""
        with self.lock:
            first, records = self._tail
            gone = upto - first
            if gone >= 1024 and gone * 2 >= len(records):
                self._restart(upto, records[gone:])
