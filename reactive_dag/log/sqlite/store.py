"""The log on SQLite: the default when a path is given.

A commit is one transaction in WAL mode with full sync: its records as segments, and the keys, run rows and the rest
noted with them. What was pushed and is not committed lives in the tail. Invariant: the segments lie end to end from
offset 0 to `committed`; a key or row is in the store exactly if its commit is. Only the leader of the group writes, so
writes keep the order of offsets. Every write goes through `_write`, `_write_many` or `_sync`, so that a test can stop a
process at each of them. Cost: a push 0.2 µs, a commit one sync (0.2-0.3 ms on a good disk) and 1-2 µs a record.
"""

from __future__ import annotations

import itertools
import os
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from types import TracebackType

from reactive_dag.log.codec import decode_segment
from reactive_dag.log.group import GroupCommit
from reactive_dag.log.history import RunQuery, RunRow
from reactive_dag.log.protocol import OfferedFact
from reactive_dag.log.sqlite import schema
from reactive_dag.log.sqlite.files import OpenFiles, connect, is_store_file, keep_home, one_name, prepare, store_error
from reactive_dag.log.sqlite.intake import SQLiteIntake
from reactive_dag.log.sqlite.key_cache import KeyCache
from reactive_dag.log.sqlite.lease import Lease
from reactive_dag.log.sqlite.partitions import StoredPartitions
from reactive_dag.log.sqlite.pending_commit import Notes, PendingCommit, Statement
from reactive_dag.log.sqlite.readers import Readers, SegmentReader, newest_events
from reactive_dag.log.sqlite.verify import verify
from reactive_dag.log.sqlite.views import Views
from reactive_dag.log.sqlite.wal import taken_up, wal_frames
from reactive_dag.log.tail import Tail
from reactive_dag.model.errors import NotAStore, StoreError, UsageError, said
from reactive_dag.model.records import AnyRecord, Published
from reactive_dag.model.times import NEVER

_UNWRITABLE = (UnicodeError, TypeError, OverflowError, RecursionError, sqlite3.InterfaceError, sqlite3.ProgrammingError)
"""What encoding a value, or handing it to SQLite, raises where it cannot be written."""


class SQLiteLog(Tail):
    """An EventLog in one SQLite file. See EventLog for what each method means.

    Raises NotAStore, StoreTooNew, StoreDamaged, StoreInUse (another active engine has it), StoreError. With `read_only`
    it takes no lock, and has what the active engine had committed when it was opened.
    """

    durable = True

    def __init__(self, path: Path, *, read_only: bool = False) -> None:
        super().__init__()
        self.path = path = one_name(path)
        self.read_only = read_only
        if not is_store_file(path, schema.LOG_MARK, schema.STORE_FORMAT) and read_only:
            raise NotAStore(f"{path}: there is no store yet; open an engine on it once to make it.")
        self._pid = os.getpid()
        self._noted = Notes()
        self._writing = Notes()
        self._keys = KeyCache()
        self._taken = -(2**63)  # an id that is damaged may lie below 0
        self._reports: list[str] = []
        self._readers = Readers(path)
        self._segments = SegmentReader(self._readers)
        self._partitions = StoredPartitions(self._readers, self._segments, lambda: self.next_offset)
        self._views = Views(self._readers)
        self._group = GroupCommit(lambda: self.next_offset, self._flush, self._settle)
        self._intake: SQLiteIntake | None = None
        self._db: sqlite3.Connection | None = None
        self._lease = None if read_only else Lease(path)
        try:
            if not read_only:
                self._open()
            self._find_end()
        except BaseException:
            self._let_go()
            raise

    # ---------------------------------------------------------------------------------------- open and close

    def _open(self) -> None:
        wal = wal_frames(self.path)
        self._db = connect(self.path)
        prepare(self._db, self.path, schema.LOG_MARK, schema.STORE_FORMAT, schema.LOG_TABLES, self._write)
        if report := taken_up(self._db, self.path, wal):
            self._reports.append(report)
        keep_home(self._db, self.path, self._write)
        assert self._lease is not None, "who writes has the lock"
        self._files = OpenFiles(self.path, self._lease.path)

    def _find_end(self) -> None:
        verify(self.path)
        row = self._readers.one(schema.LAST_SEGMENT)
        end, last_at = 0, -NEVER
        if row is not None:
            first, count, last_at, crc, data = row
            end = first + len(decode_segment(first, count, last_at, crc, data, str(self.path)))
        with self.lock:
            self.next_offset, self.last_at, self._stored_at = end, last_at, last_at
            self._group.done = end
            self._restart(end, [])
            if self.read_only:
                self._refuse(f"{self.path} was opened with read_only=True")

    @property
    def committed(self) -> int:
        """Every record with a smaller offset is on disk."""
        return self._group.done

    @property
    def fault(self) -> BaseException | None:
        """What made the log fail, first of all."""
        return self._group.fault

    @property
    def reports(self) -> tuple[str, ...]:
        """What opening and reading the store had to report."""
        return tuple(self._reports)

    def close(self) -> None:
        """Commit what was pushed, and release the file; a second call does nothing. Raises StoreError."""
        with self.lock:
            self._refuse(f"{self.path} is closed")
        try:
            if self._group.fault is None:
                self._group.commit()
        finally:
            self._group.fail(StoreError(f"{self.path} is closed"))
            self._let_go()

    def poison(self, error: BaseException) -> None:
        """Refuse every later push and commit: an engine failed in the middle of a turn (I6). O(waiters)."""
        with self.lock:
            self._refuse(f"{self.path} takes nothing more: the engine failed ({error})", error)
        self._group.fail(error if isinstance(error, StoreError) else StoreError(f"{self.path}: {said(error)}"))

    def _let_go(self) -> None:
        self._readers.close()
        for held in (self._intake, self._db, self._lease):
            if held is not None:
                held.close()

    def __enter__(self) -> SQLiteLog:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    # ---------------------------------------------------------------------------------------------- append

    def note_key(self, scope: str, key: str, offset: int) -> None:
        """Remember the record of a key that `find` does not know, in the next commit. O(1)."""
        self._noted.keys.setdefault((scope, key), offset)

    def note_run(self, row: RunRow) -> None:
        """Keep the row of a run that ended, in the next commit. O(1)."""
        self._noted.runs.add(row)

    def save_snapshot(self, upto: int, blob: bytes) -> None:
        """Keep a snapshot, in the next commit; the two newest stay. O(1), its commit O(size)."""
        self._noted.snapshots[upto] = blob

    def set_meta(self, name: str, text: str) -> None:
        """Keep a small text, in the next commit. O(1)."""
        self._noted.meta[name] = text

    def done(self, ids: Iterable[int]) -> None:
        """Remove what was taken over from the intake, in the next commit. O(n)."""
        self._noted.done.extend(ids)

    # ---------------------------------------------------------------------------------------------- commit

    def commit(self) -> int:
        """Make durable all that was pushed and noted so far; `committed`. One sync. Raises StoreError."""
        self._without_lock("commit()")
        return self._group.commit()

    def when_committed(self, offset: int, callback: Callable[[], object]) -> None:
        """Call once when `committed > offset` or the log has failed. O(1)."""
        self._group.call(offset, callback)

    def wait_for_stragglers(self) -> None:
        """Let the threads that the last commit woke push first, if there were several. Up to 16 looks of 60 µs."""
        self._group.wait_for_stragglers(2)

    def _without_lock(self, what: str) -> None:
        if self.lock._is_owned():  # type: ignore[attr-defined]
            raise UsageError(
                f"{what} was called with the log's lock held: nobody could push meanwhile; release it first"
            )

    def _flush(self) -> int:
        """Write all that was pushed and noted; the offset that it reached. The leader of the group calls it. O(n)."""
        with self.lock:
            pending = self._take()
        try:
            if pending:
                self._write_pending(pending)
        except Exception as error:
            self._fail(error)
        self._stored_at = pending.end_at
        self._keys.add(self._writing.keys)
        self._writing = Notes()
        return pending.stop

    def _take(self) -> PendingCommit:
        first, records = self._tail
        start = self._group.done
        # In this order: a thread that looks a key up without the lock finds it in one of the two.
        self._writing = self._noted
        self._noted = Notes()
        return PendingCommit(start, records[start - first :], self._stored_at, self.last_at, self._writing)

    def _write_pending(self, pending: PendingCommit) -> None:
        if os.getpid() != self._pid:
            raise StoreError(f"{self.path} was opened by process {self._pid}, before this one was forked off from it")
        self._files.check()
        try:
            self._write_all(pending.statements())
        except _UNWRITABLE as error:  # what cannot be written is refused where it comes in; here it must stop no engine
            if self._db is not None and self._db.in_transaction:
                self._db.rollback()
            self._reports.append(f"{self.path}: a value that cannot be written was replaced by its text: {error}")
            self._write_all(pending.encodable())

    def _write_all(self, statements: Iterable[Statement]) -> None:
        self._write(schema.BEGIN)
        for sql, rows in statements:
            if len(rows) == 1:
                self._write(sql, rows[0])
            else:
                self._write_many(sql, rows)
        self._sync()

    def _fail(self, error: Exception) -> None:
        """A write went wrong: nothing of the commit is on disk, and nothing will be."""
        told = store_error(self.path, error) if isinstance(error, sqlite3.Error) else error
        with self.lock:
            self._refuse(f"{self.path} takes nothing more: {told}", error)
        if self._db is not None and self._db.in_transaction:
            self._db.rollback()
        raise told from error

    def _settle(self) -> int:
        """How far the store got before an interrupt. The notes are written again, which changes nothing. O(1)."""
        if self._db is None:
            return self._group.done
        if self._db.in_transaction:
            self._db.rollback()
        row = self._db.execute(schema.LAST_SEGMENT).fetchone()
        with self.lock:
            self._noted.put_back(self._writing)
            self._writing = Notes()
            if row is None:
                return 0
            self._stored_at = row[2]
            return int(row[0] + row[1])

    # What a test overrides to stop the process at the n-th write.

    def _write(self, sql: str, params: Sequence[object] = ()) -> None:
        assert self._db is not None, "a read-only log writes nothing"
        self._db.execute(sql, params)

    def _write_many(self, sql: str, rows: Sequence[Sequence[object]]) -> None:
        assert self._db is not None, "a read-only log writes nothing"
        self._db.executemany(sql, rows)

    def _sync(self) -> None:
        assert self._db is not None, "a read-only log writes nothing"
        self._db.execute("COMMIT")

    # ------------------------------------------------------------------------------------------------ read

    def read(self, start: int, stop: int) -> list[AnyRecord]:
        """The records of a range of offsets, pushed ones too. O(n) and the segments it touches."""
        first, records = self._tail
        start = max(start, 0)
        if start >= first:
            return records[start - first : max(stop - first, 0)]
        older = self._segments.range(start, min(stop, first))
        return older + records[: max(stop - first, 0)]

    def record(self, offset: int) -> AnyRecord:
        """One record. O(1) in the tail, else O(its segment). Raises UsageError."""
        found = self._here(offset)
        if found is None:
            first, records = self._segments.holding(offset)
            found = records[offset - first]
        return found

    def segments_from(self, offset: int) -> Iterator[tuple[int, list[AnyRecord]]]:
        """All records from an offset on, in pieces. O(n)."""
        first, records = self._tail
        yield from self._segments.pieces(offset, first)
        start = max(offset, first)
        if rest := records[start - first :]:
            yield start, rest

    def release(self, offset: int) -> None:
        """Forget the records below `offset` that are on disk. O(1) amortised."""
        self._trim(min(offset, self._group.done))

    def find(self, scope: str, key: str) -> int | None:
        """The offset noted for a key. O(log n)."""
        name = (scope, key)
        for known in (self._noted.keys, self._writing.keys, self._keys):
            if (found := known.get(name)) is not None:
                return found
        return self._views.find(scope, key)

    def run(self, offset: int) -> RunRow | None:
        """The row of a run that ended. O(log n)."""
        return self._noted.runs.get(offset) or self._writing.runs.get(offset) or self._views.run(offset)

    def runs(
        self, dag: str | None = None, state: str | None = None, logical_date: int | None = None,
        partition: str | None = None, key: str | None = None, limit: int | None = None, before: int | None = None,
        cascade: str | None = None, source: int | None = None,
    ) -> list[RunRow]:  # fmt: skip
        """Rows of ended runs, newest request first. O(log n + result) along an index."""
        query = RunQuery(dag, state, logical_date, partition, key, before, cascade, source)
        # In this order: a row that is committed meanwhile is seen twice and not missed.
        with self.lock:
            noted, writing = self._noted.runs, self._writing.runs
            fresh = noted.select(query, limit)
            fresh += [row for row in writing.select(query, limit) if row.run not in noted.rows]
        found = self._views.runs(query, limit, lambda run: run in noted.rows or run in writing.rows)
        if fresh:
            found = sorted(fresh + found, key=lambda row: -row.run)[:limit]
        return found

    def latest_date(self, dag: str, high: int) -> int | None:
        """The highest logical date of a DAG's ended runs that is not above `high`. O(log n)."""
        with self.lock:
            dates = [notes.runs.latest_date(dag, high) for notes in (self._noted, self._writing)]
        dates.append(self._views.latest_date(dag, high))
        return max((date for date in dates if date is not None), default=None)

    def events(self, source: str, limit: int | None = None, before: int | None = None) -> list[tuple[int, Published]]:
        """A dataset's events, newest first. O(segments that have one)."""
        first, records = self._tail
        done = self._group.done
        top = first + len(records) if before is None else before
        pushed = newest_events(source, done, records[done - first :], top)
        committed = self._segments.events(source, min(done, top))
        return list(itertools.islice(itertools.chain(pushed, committed), limit))

    def newest_event(self, source: str, partition: str) -> int | None:
        """The offset of the newest event of a dataset's partition. O(log n)."""
        return self._partitions.newest(source, partition, (self._group.done, *self._tail))

    def partitions(self, source: str) -> dict[str, int]:
        """The partitions that a dataset has events of. O(result)."""
        return self._partitions.all(source, (self._group.done, *self._tail))

    def load_snapshot(self) -> tuple[int, bytes] | None:
        """The newest snapshot that can be read. O(size)."""
        with self.lock:
            waiting = self._writing.snapshots | self._noted.snapshots
        return max(waiting.items(), default=None) or self._views.snapshots(self._reports)

    def meta(self, name: str) -> str | None:
        """A small text that was kept. O(log n)."""
        for known in (self._noted.meta, self._writing.meta):
            if name in known:
                return known[name]
        return self._views.meta(name)

    # ---------------------------------------------------------------------------------------------- intake

    def offer(self, fact: OfferedFact, stamp: int) -> None:
        """Append a fact to the intake, durable on return. One sync."""
        with self.lock:
            if self._intake is None:
                self._intake = SQLiteIntake(self.path)
        self._intake.offer(fact, stamp)

    def take_over(self, limit: int = 10_000) -> list[tuple[int, OfferedFact]]:
        """What the intake holds and was not taken over yet. O(result)."""
        with self.lock:
            offers = self._views.offers(self._taken, limit)
            if offers:
                self._taken = offers[-1][0]
            return offers

    def _check(self) -> None:
        """The invariants of the whole, as far as memory goes."""
        with self.lock:
            first, records = self._tail
            assert first <= self._group.done <= self.next_offset, "what is not on disk is in the tail"
            assert first + len(records) == self.next_offset, "the tail reaches to the end"
            assert all(record.at <= self.last_at for record in records), "no record is later than last_at"
        self._partitions._check()
        self._group._check()
        self._segments._check()
