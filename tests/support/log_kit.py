"""What the tests of the log share: records to push, both stores, and one that kills the process at the n-th write."""

from __future__ import annotations

import gc
import os
import signal
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from reactive_dag.log.memory import MemoryLog
from reactive_dag.log.protocol import EventLog
from reactive_dag.log.sqlite.store import SQLiteLog
from reactive_dag.model.records import AnyRecord, Published, RunRequested, Tick

T0 = 1_764_000_000 * 10**9


def published(n: int, dataset: str = "s3://lake/orders", at: int | None = None, **fields: object) -> Published:
    """Event number `n`, one nanosecond after the one before unless said."""
    return Published(T0 + n if at is None else at, dataset, n, **fields)  # type: ignore[arg-type]


def mixed(count: int, start: int = 0) -> list[AnyRecord]:
    """Records as an engine writes them: events of ten datasets, requests, ticks."""
    made: list[AnyRecord] = []
    for n in range(start, start + count):
        if n % 10 < 3:
            made.append(RunRequested(T0 + n, f"dag_{n % 10}", "", tuple(range(max(n - 3, 0), n))))
        elif n % 10 == 3:
            made.append(Tick(T0 + n))
        else:
            made.append(published(n, f"s3://lake/ds{n % 7}", partition="2026-11-22", extra={"rows": n}))
    return made


def push(log: EventLog, *records: AnyRecord) -> int:
    """Push under the lock; the first one's offset."""
    with log.lock:
        return log.push_many(records)


def pushed(log: EventLog, *records: AnyRecord) -> int:
    """Push and commit; the first one's offset."""
    first = push(log, *records)
    log.commit()
    return first


class Box:
    """One store of one kind, that a test may close and open again (the memory log stays as it is)."""

    def __init__(self, kind: str, path: Path) -> None:
        self.kind = kind
        self.path = path
        self._log: EventLog | None = None

    @property
    def log(self) -> EventLog:
        """The store, opened."""
        if self._log is None:
            self._log = MemoryLog() if self.kind == "memory" else SQLiteLog(self.path)
        return self._log

    def again(self) -> EventLog:
        """Commit, and look at the store as the next process would."""
        self.log.commit()
        self.log._check()  # type: ignore[attr-defined]
        if self.kind == "sqlite":
            self.log.close()
            self._log = None
        return self.log

    def both(self) -> Iterator[EventLog]:
        """The store as it is, and then as the next process would see it."""
        yield self.log
        yield self.again()

    def close(self) -> None:
        """Let the file go."""
        if self._log is not None:
            self._log._check()  # type: ignore[attr-defined]
            self._log.close()


class CountedLog(SQLiteLog):
    """Counts writes and syncs; at the n-th it kills its process, as SIGKILL does: nothing is tidied up.

    Each write is a point before it is made, and each sync one more after it, when nobody was told yet.
    """

    point = 0
    kill_at = -1

    def _reach(self) -> None:
        type(self).point += 1
        if type(self).point == type(self).kill_at:
            os.kill(os.getpid(), signal.SIGKILL)

    def _write(self, sql: str, params: Sequence[object] = ()) -> None:
        self._reach()
        super()._write(sql, params)

    def _write_many(self, sql: str, rows: Sequence[Sequence[object]]) -> None:
        self._reach()
        super()._write_many(sql, rows)

    def _sync(self) -> None:
        self._reach()
        super()._sync()
        self._reach()


def in_child(work: Callable[[Callable[[str], None]], None], kill_at: int = -1) -> tuple[list[str], int]:
    """Run `work(tell)` in a forked child; what it told before it ended, and how: 0, or minus the signal.

    It must not open a file that the test has open: SQLite is not made to be carried over a fork. The child's garbage
    collector leaves alone what was there before, so that its pages need not be copied.
    """
    out, into = os.pipe()
    gc.freeze()
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            os.close(out)
            CountedLog.point, CountedLog.kill_at = 0, kill_at
            work(lambda text: _write_all(into, f"{text}\n".encode()))
            code = 0
        finally:
            os._exit(code)
    gc.unfreeze()
    os.close(into)
    with os.fdopen(out, encoding="utf-8") as told:
        lines = told.read().splitlines()
    _, status = os.waitpid(pid, 0)
    return lines, os.waitstatus_to_exitcode(status)


def _write_all(into: int, data: bytes) -> None:
    # One short write to a pipe is whole or not at all.
    assert os.write(into, data) == len(data)
