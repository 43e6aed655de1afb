"""What one commit takes: records, and what was noted along with them.

Invariant: notes and records that were made in one critical section are in one commit. Merging an older set of notes
into a newer one is repeatable: a key is noted once, of the rest the newest stands.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypeAlias

from reactive_dag.log.codec import SegmentRow, checksum, encodable, encode_more, encode_tasks, row_checksum, segments
from reactive_dag.log.history import RunRow, RunRows
from reactive_dag.log.sqlite import schema
from reactive_dag.model.records import AnyRecord, Published

Statement: TypeAlias = tuple[str, Sequence[tuple[object, ...]]]
"""An SQL statement and the rows to execute it with."""


class Notes:
    """Keys, run rows, snapshots, texts and intake ids that wait for the next commit."""

    __slots__ = ("done", "keys", "meta", "runs", "snapshots")

    def __init__(self) -> None:
        self.keys: dict[tuple[str, str], int] = {}
        self.runs = RunRows()
        self.snapshots: dict[int, bytes] = {}
        self.meta: dict[str, str] = {}
        self.done: list[int] = []

    def __bool__(self) -> bool:
        return bool(self.keys or self.runs.rows or self.snapshots or self.meta or self.done)

    def put_back(self, older: Notes) -> None:
        """Take up notes whose commit did not come about. O(n)."""
        self.keys = older.keys | self.keys
        self.runs = older.runs.updated(self.runs)
        self.snapshots = older.snapshots | self.snapshots
        self.meta = older.meta | self.meta
        self.done = older.done + self.done


class PendingCommit:
    """The records from offset `first` on, and the notes, that one commit writes; the highest `at` before and after."""

    __slots__ = ("end_at", "first", "notes", "records", "start_at")

    def __init__(self, first: int, records: Sequence[AnyRecord], start_at: int, end_at: int, notes: Notes) -> None:
        self.first = first
        self.records = records
        self.start_at = start_at
        self.end_at = end_at
        self.notes = notes

    @property
    def stop(self) -> int:
        """The offset after the last record."""
        return self.first + len(self.records)

    def __bool__(self) -> bool:
        return bool(self.records or self.notes)

    def encodable(self) -> list[Statement]:
        """What to write where `statements` cannot be: with the texts that describe what cannot be encoded. O(n)."""
        records, rows, notes = [encodable(record) for record in self.records], RunRows(), self.notes
        for row in notes.runs.rows.values():
            rows.add(encodable(row))
        notes.runs = rows
        notes.keys = {encodable(name): offset for name, offset in notes.keys.items()}
        notes.meta = {encodable(name): encodable(text) for name, text in notes.meta.items()}
        return PendingCommit(self.first, records, self.start_at, self.end_at, notes).statements()

    def statements(self) -> list[Statement]:
        """What to write, encoded: records first. O(n)."""
        pieces = list(segments(self.first, self.records, self.start_at, self.end_at))
        found: list[Statement] = [
            (schema.ADD_SEGMENT, [row for row, _ in pieces]),
            (schema.ADD_SOURCE, [_checked((source, row[0])) for row, sources in pieces for source in sources]),
            (schema.ADD_PARTITION, [_checked(row) for row in self._partitions(pieces)]),
        ]
        if self.notes:
            found += _note_statements(self.notes)
        return [statement for statement in found if statement[1]]

    def _partitions(self, pieces: list[tuple[SegmentRow, set[str]]]) -> Iterator[tuple[object, ...]]:
        """The newest event of each partition of a dataset. O(n), nothing where no record is an event."""
        found: dict[tuple[str, str], int] = {}
        for row, sources in pieces:
            if sources:
                start = row[0] - self.first
                found |= _newest(self.records[start : start + row[1]], row[0])
        return ((*name, offset) for name, offset in found.items())


def _newest(records: Sequence[AnyRecord], first: int) -> dict[tuple[str, str], int]:
    """The offset of the newest event of each partition of a dataset. O(n)."""
    return {
        (record.dataset, record.partition): offset
        for offset, record in enumerate(records, first)
        if isinstance(record, Published) and record.partition is not None
    }


def _note_statements(notes: Notes) -> list[Statement]:
    snapshots: list[tuple[object, ...]] = [
        (upto, checksum(upto, 0, 0, blob), blob) for upto, blob in notes.snapshots.items()
    ]
    return [
        (schema.ADD_KEY, [_checked((scope, key, offset)) for (scope, key), offset in notes.keys.items()]),
        (schema.ADD_RUN, [_run_params(row) for row in notes.runs.rows.values()]),
        (schema.ADD_CONSUMER, [_checked((s, row.run)) for row in notes.runs.rows.values() for s in row.sources]),
        (schema.ADD_SNAPSHOT, snapshots),
        (schema.TRIM_SNAPSHOTS, [()] if snapshots else []),
        (schema.ADD_META, [_checked(item) for item in notes.meta.items()]),
        (schema.DROP_OFFER, [(id,) for id in notes.done]),
    ]


def _run_params(row: RunRow) -> tuple[object, ...]:
    values = (
        row.run, row.dag, row.state, row.key, row.label, row.logical_date, row.partition, row.cascade, row.round,
        row.requested, row.started, row.ended, row.error, encode_tasks(row.tasks), encode_more(row),
    )  # fmt: skip
    return _checked(values)


def _checked(values: tuple[object, ...]) -> tuple[object, ...]:
    """A row with its checksum behind it."""
    return (*values, row_checksum(values))
