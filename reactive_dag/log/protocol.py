"""What every store of records must do, and no more: the log that the engine, the ledger and the history stand on.

Two rules hold everywhere. *One order*: a record gets its offset and its `at` in one critical section (`lock`), and is
written, read and replayed in that order. *Persist before emit*: `commit` returns only when the records are as safe as
the store can make them. A commit holds all that was pushed before it was taken, with the keys, run rows and the rest
noted along with it, and leaves no gap. A store that several machines share (PostgreSQL) needs nothing more here: its
lock and its fencing number are checked inside its own commit.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Protocol, TypeAlias

from reactive_dag.log.history import RunRow
from reactive_dag.model.records import AnyRecord, Published, StartRequested

OfferedFact: TypeAlias = Published | StartRequested
"""What another process may append to the intake (I8)."""


class EventLog(Protocol):
    """An append-only sequence of records, from offset 0 without a gap, with the views that are kept of it.

    Threads: `push`, `push_many` and the `note_*` calls are made with `lock` held, so that what belongs together goes
    into one commit. `commit` is called without it. Everything else may be called from any thread.
    """

    lock: threading.RLock
    """The critical section in which a caller reads the clock and pushes."""

    @property
    def next_offset(self) -> int:
        """The offset that the next record will get."""

    @property
    def last_at(self) -> int:
        """The highest `at` (ns) among the records pushed; 0 in an empty log."""

    @property
    def committed(self) -> int:
        """Every record with a smaller offset is durable."""

    @property
    def durable(self) -> bool:
        """Whether what is committed outlives the process."""

    @property
    def fault(self) -> BaseException | None:
        """What made the log fail, first of all: nothing that was pushed since `committed` is to be believed."""

    @property
    def reports(self) -> tuple[str, ...]:
        """What opening the store had to report, such as a torn last write that was cut off."""

    # ---------------------------------------------------------------------------------------------- append

    def push(self, record: AnyRecord) -> int:
        """Append a record to what the next commit takes; its offset. `lock` held. O(1), no validation."""

    def push_many(self, records: Sequence[AnyRecord]) -> int:
        """Append records; the first one's offset. `lock` held. O(n).

        Of their times only the last one's counts for `last_at`: no earlier one may lie above both.
        """

    def note_key(self, scope: str, key: str, offset: int) -> None:
        """Remember the record of a key that `find` does not know, in the next commit (I5). `lock` held. O(1)."""

    def note_run(self, row: RunRow) -> None:
        """Keep the row of a run that ended, or ended again, in the next commit. `lock` held. O(1)."""

    def save_snapshot(self, upto: int, blob: bytes) -> None:
        """Keep the state after all records below `upto`, in the next commit; the two newest are kept. `lock` held."""

    def set_meta(self, name: str, text: str) -> None:
        """Keep a small text, in the next commit. `lock` held. O(1)."""

    # ---------------------------------------------------------------------------------------------- commit

    def commit(self) -> int:
        """Make durable all that was pushed and noted so far; `committed`. Raises StoreError if the log has failed."""

    def when_committed(self, offset: int, callback: Callable[[], object]) -> None:
        """Call once when `committed > offset` or the log has failed: at once, or on the thread that commits.

        It starts no commit: the caller knows that one follows. O(1).
        """

    def wait_for_stragglers(self) -> None:
        """Let the threads that the last commit woke push first, if they were several: 16 looks of 60 µs at most."""

    # ------------------------------------------------------------------------------------------------ read

    def read(self, start: int, stop: int) -> list[AnyRecord]:
        """The records of a range of offsets, cut to what there is; pushed ones too. O(n), and the segments touched."""

    def record(self, offset: int) -> AnyRecord:
        """One record. O(1) in memory, else O(its segment). Raises UsageError for an offset that the log has not."""

    def segments_from(self, offset: int) -> Iterator[tuple[int, list[AnyRecord]]]:
        """All records from an offset on, in pieces `(first offset, records)`: for replay. O(n)."""

    def release(self, offset: int) -> None:
        """Let the store drop the committed records below this offset from memory. O(1) amortised."""

    def find(self, scope: str, key: str) -> int | None:
        """The offset noted for a key, uncommitted ones included. O(log n)."""

    def run(self, offset: int) -> RunRow | None:
        """The row of a run that ended. O(log n)."""

    def runs(
        self, dag: str | None = None, state: str | None = None, logical_date: int | None = None,
        partition: str | None = None, key: str | None = None, limit: int | None = None, before: int | None = None,
        cascade: str | None = None, source: int | None = None,
    ) -> list[RunRow]:  # fmt: skip
        """Rows of ended runs, newest request first, uncommitted ones included.

        `before` is a run's offset, `cascade` asks for the undated runs of a cascade, `source` for those that consumed
        items of a run. O(log n + result) by dag, state, dag and date, dag and cascade, key, source; by partition
        alone a scan.
        """

    def latest_date(self, dag: str, high: int) -> int | None:
        """The highest logical date (ns) of a DAG's ended runs that is not above `high`. O(log n)."""

    def events(self, source: str, limit: int | None = None, before: int | None = None) -> list[tuple[int, Published]]:
        """A dataset's events with their offsets, newest first; `before`: an offset. O(segments that have one)."""

    def newest_event(self, source: str, partition: str) -> int | None:
        """The offset of the newest event of a dataset's partition, whatever its kind. O(log n)."""

    def partitions(self, source: str) -> dict[str, int]:
        """The partitions that a dataset has events of, in order of text, each with its newest event's offset. O(n)."""

    def load_snapshot(self) -> tuple[int, bytes] | None:
        """The newest snapshot that can be read: `(upto, blob)`. O(size)."""

    def meta(self, name: str) -> str | None:
        """A small text that was kept. O(1)."""

    # ---------------------------------------------------------------------------------------------- intake

    def offer(self, fact: OfferedFact, stamp: int) -> None:
        """Append a fact to the intake, durable on return, stamped with the caller's clock (ns) (I8). Any process."""

    def take_over(self, limit: int = 10_000) -> list[tuple[int, OfferedFact]]:
        """What the intake holds and was not taken over yet: `(id, fact)`, in order, `at` being the stamp (I8)."""

    def done(self, ids: Iterable[int]) -> None:
        """Remove what was taken over from the intake, in the next commit. `lock` held."""

    # ---------------------------------------------------------------------------------------------- owner

    def poison(self, error: BaseException) -> None:
        """Refuse every later push and commit, since an engine failed in the middle of a turn (I6). O(waiters)."""

    def close(self) -> None:
        """Commit what was pushed and release the store; a second call does nothing."""
