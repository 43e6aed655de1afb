"""What follows from records, on its way into the log: facts at once, decisions at the end of a turn (I1, I6).

Owns the decisions of the turn, and whether a log is being replayed: then everything is thrown away, since what was
recorded comes next. A fact costs O(1), a flush O(decisions).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from reactive_dag.log.history import RunRow
from reactive_dag.log.protocol import EventLog
from reactive_dag.model.records import FINAL_RUN_STATES, RUN_STATES, AnyRecord, RunRequested, Slept
from reactive_dag.model.times import NEVER, SECOND
from reactive_dag.streams.clock import Clock

RUN_SCOPE = "run"
"""The scope of run keys in the log's index of keys."""
MAX_LATENESS = 60 * SECOND
"""How late (ns) a tick may be unless told (R9)."""
FAILED_ROWS = 10
"""Rows of failed runs that are kept for a summary."""


class EndedRuns:
    """The runs that ended in this process: how many in which state, and the rows of the newest that failed."""

    def __init__(self) -> None:
        self.counts = {state: 0 for state in RUN_STATES if state in FINAL_RUN_STATES}
        self.failed: tuple[RunRow, ...] = ()

    def add(self, row: RunRow) -> None:
        """Count a run that ended. O(1)."""
        self.counts[row.state] += 1
        if row.state == "failed":
            self.failed = (*self.failed[1 - FAILED_ROWS :], row)


class Outbox:
    """Appends what follows. `executing` says whether runs are to begin here at all."""

    def __init__(
        self, log: EventLog, clock: Clock, *, executing: bool = True, max_lateness: int = MAX_LATENESS
    ) -> None:
        self.log = log
        self.clock = clock
        self.executing = executing
        self.max_lateness = max_lateness
        self._overslept = NEVER
        self.replaying = False
        self.ended = EndedRuns()
        self.decisions: list[AnyRecord] = []
        self._fresh_keys: set[str] = set()

    @contextmanager
    def replay(self) -> Iterator[None]:
        """Throw away what follows until the end of the block."""
        self.replaying = True
        try:
            yield
        finally:
            self.replaying = False

    def stamp(self) -> int:
        """The instant of a record appended now (I1); the log's lock is held. O(1)."""
        now, last = self.clock.now(), self.log.last_at
        if now > self._overslept:
            self._say_slept(now, last)
        return now if now > last else last

    def expect_at(self, due: int) -> None:
        """The driving thread sleeps until `due`: who finds it much later than that says so first (R9). O(1)."""
        self._overslept = due + self.max_lateness if due < NEVER else NEVER

    def woke(self) -> None:
        """The driving thread is awake. O(1)."""
        if self._overslept < NEVER:
            with self.log.lock:
                self.stamp()
            self._overslept = NEVER

    def _say_slept(self, now: int, last: int) -> None:
        self._overslept = NEVER
        if now - self.max_lateness > last:
            self.log.push(Slept(last, now - self.max_lateness))

    def fact(self, make: Callable[[int], AnyRecord]) -> None:
        """Append `make(at)`, a fact that follows from the record being applied."""
        if self.replaying:
            return
        with self.log.lock:
            self.log.push(make(self.stamp()))

    def decide(self, record: AnyRecord) -> None:
        """Keep a decision for the end of this turn."""
        if self.replaying:
            return
        self.decisions.append(record)
        if type(record) is RunRequested and record.key is not None:
            self._fresh_keys.add(record.key)

    def knows(self, key: str) -> bool:
        """Whether the ledger, or this turn, has a run of this key (I4). O(log n)."""
        return key in self._fresh_keys or self.log.find(RUN_SCOPE, key) is not None

    def keep_row(self, row: RunRow) -> None:
        """Take the history row of a run that ended."""
        if not self.replaying:
            self.ended.add(row)
        if not self.replaying or (not self.log.durable and self._is_newer(row)):
            with self.log.lock:
                self.log.note_run(row)

    def _is_newer(self, row: RunRow) -> bool:
        there = self.log.run(row.run)
        return there is None or there.round < row.round

    def flush(self) -> None:
        """Append the decisions of this turn, with the keys that they make known. O(decisions)."""
        out, log = self.decisions, self.log
        if not out:
            return
        with log.lock:
            first = log.push_many(out)
            if self._fresh_keys:
                for offset, record in enumerate(out, first):
                    if type(record) is RunRequested and record.key is not None:
                        log.note_key(RUN_SCOPE, record.key, offset)
                self._fresh_keys.clear()
        out.clear()
