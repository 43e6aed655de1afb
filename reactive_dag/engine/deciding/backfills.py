"""Backfills: runs of past dates, asked for one after the other (R9, R26).

Owns the backfills that have not ended. Invariants: which date has its turn follows from records alone, and is decided
while a log is replayed too; what comes of it (a run, a further round, or nothing since the date has run) is recorded
before it counts. A date costs O(log n), in memory an entry each until its backfill has ended.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs
import msgspec

from reactive_dag.engine.facts.outbox import RUN_SCOPE
from reactive_dag.engine.facts.start import dated_by_hand
from reactive_dag.engine.items.identity import mark_identity, run_key
from reactive_dag.model.records import (
    BackfillAsked,
    BackfillDate,
    BackfillEnded,
    BackfillRequested,
    Cancelled,
    RerunRequested,
    RunFinished,
    RunRequested,
)
from reactive_dag.model.text import counted
from reactive_dag.model.times import format_time

if TYPE_CHECKING:
    from reactive_dag.engine.facts.outbox import Outbox
    from reactive_dag.engine.runs.by_date import RunsByDate
    from reactive_dag.engine.table.table import RunTable

ASKED_SCOPE, ENDED_SCOPE = "backfill", "backfill ended"
"""The scopes of backfills' numbers in the log's index of keys."""


class BackfillSnapshot(msgspec.Struct, array_like=True):
    """A backfill that has not ended, as a snapshot holds it; the request stands in the log."""

    offset: int
    asked: int
    on_the_way: int
    open: dict[int, int]
    runs: list[int]
    skipped: list[int]
    is_well: bool
    stopping: str | None
    is_cancelled: bool
    is_ending: bool


@attrs.define(eq=False)
class Backfilling:
    """A backfill that has not ended: `asked` of its dates had their turn, of `on_the_way` it is not applied yet.

    `open` are the runs that have not ended, each with the round that is awaited; `runs` has the run of each date, -1
    for one that had no turn; `skipped` are the numbers of the dates that had run. `stopping` says why it asks for no
    more.
    """

    offset: int
    record: BackfillRequested
    runs: list[int]
    asked: int = 0
    on_the_way: int = 0
    open: dict[int, int] = attrs.field(factory=dict)
    skipped: list[int] = attrs.field(factory=list)
    is_well: bool = True
    stopping: str | None = None
    is_cancelled: bool = False
    is_ending: bool = False

    @property
    def state(self) -> str:
        """What it has come to. O(1)."""
        return "cancelled" if self.is_cancelled else "success" if self.is_well else "failed"

    def snapshot(self) -> BackfillSnapshot:
        """What a restored engine needs of it. O(dates)."""
        return BackfillSnapshot(
            self.offset, self.asked, self.on_the_way, dict(self.open), list(self.runs), list(self.skipped),
            self.is_well, self.stopping, self.is_cancelled, self.is_ending,
        )  # fmt: skip


@attrs.frozen
class BackfillRow:
    """How a backfill stands: the run of each date (-1: it had no turn), the numbers of the dates that were skipped."""

    offset: int
    request: BackfillRequested
    state: str
    runs: list[int]
    skipped: list[int]
    stopping: str | None


class Backfills:
    """The backfills of one engine; `number` is that of the next one."""

    def __init__(self, graph: str, outbox: Outbox, runs: RunTable, by_date: RunsByDate) -> None:
        self.graph = graph
        self.outbox = outbox
        self.runs = runs
        self.by_date = by_date
        self.number = 1
        self.live: dict[int, Backfilling] = {}
        self.of_run: dict[int, list[int]] = {}
        """The numbers of the backfills that await the end of a run."""

    # ------------------------------------------------------------------------------------- asking

    def push(self, asked: BackfillRequested) -> int:
        """Push a backfill that is right (the log's lock is held); its number. O(dates)."""
        log, number = self.outbox.log, self.number
        offset = log.push(msgspec.structs.replace(asked, n=number))
        log.note_key(ASKED_SCOPE, str(number), offset)
        self.number = number + 1
        return number

    def note(self, record: BackfillRequested) -> None:
        """Count a backfill that is in the log. O(1)."""
        self.number = max(self.number, record.n + 1)

    def requested(self, offset: int, record: BackfillRequested) -> None:
        """A backfill begins. O(dates that have their turn)."""
        self.note(record)
        of = self.live[record.n] = Backfilling(offset, record, [-1] * len(record.dates))
        self._go_on(of)

    def _go_on(self, of: Backfilling) -> None:
        """Give as many further dates their turn as there is room for; with none left to come it ends."""
        count, limit, replaying = len(of.record.dates), of.record.limit, self.outbox.replaying
        while (
            of.stopping is None and of.asked < count and (limit is None or len(of.open) + of.on_the_way < limit)
        ):  # fmt: skip
            of.asked += 1
            of.on_the_way += 1
            if not replaying:
                self._ask(of, of.asked - 1)
        if not (of.on_the_way or of.open or of.is_ending):
            of.is_ending = True
            if not replaying:
                self._say_ended(of)

    def _ask(self, of: Backfilling, index: int) -> None:
        entry, log = of.record.dates[index], self.outbox.log
        with log.lock:
            at = self.outbox.stamp()
            if entry.run < 0:
                self._ask_first(at, of, index, entry)
            elif not entry.again:
                log.push(BackfillAsked(at, of.record.n, index, entry.run))
            else:
                log.push(BackfillAsked(at, of.record.n, index, entry.run, self._next_round(entry.run)))
                log.push(RerunRequested(at, entry.run, only_failed=of.record.only_failed and not entry.whole))

    def _ask_first(self, at: int, of: Backfilling, index: int, entry: BackfillDate) -> None:
        """Ask for the run of a date, under the key that its tick gives it, unless there is one by now."""
        log, dag, number = self.outbox.log, of.record.dag, of.record.n
        mark = msgspec.structs.replace(entry.mark, by=f"backfill:{number}")
        if mark.kind == "backfill":
            mark = msgspec.structs.replace(mark, due=at)
        key = self.key_of(dag, entry)
        there = self.run_of(dag, key, entry)
        if there is not None:
            log.push(BackfillAsked(at, number, index, there))
            return
        log.push(BackfillAsked(at, number, index))
        request = RunRequested(at, dag, entry.label, (mark,), entry.payload, entry.mapped, key)
        offset = log.push(dated_by_hand(request, self.runs.dag_of(dag), self.runs.logical_dates))
        log.note_key(RUN_SCOPE, key, offset)

    def _next_round(self, run: int) -> int:
        """The number of the round that a run gets if one is asked for now. O(log n)."""
        rounds, live, ended = self.runs.rounds, self.runs.live.get(run), self.outbox.log.run(run)
        if live is not None:
            under_way = live.started.round
        else:
            under_way = 1 if ended is None else ended.round + (run in rounds.under_way)
        return under_way + len(rounds.waiting.get(run, ())) + 1

    def key_of(self, dag: str, entry: BackfillDate) -> str:
        """The key that the run of a date or partition has (I4). O(1)."""
        return run_key(self.graph, dag, entry.label, (mark_identity(entry.mark),))

    def run_of(self, dag: str, key: str, entry: BackfillDate) -> int | None:
        """The run that a date has already: under its tick's key, else by its logical date. O(log n).

        That of a partition by that, of a calendar's by either; O(log n + runs that have not ended).
        """
        if self.outbox.knows(key):
            self.outbox.flush()  # it may have been decided in this turn, and stand nowhere yet
            return self.outbox.log.find(RUN_SCOPE, key)
        if entry.date is not None and (entry.partition is None or entry.is_period):
            seen = self.by_date.exact(dag, entry.date)
            if seen is not None or entry.partition is None:
                return None if seen is None else seen.run
        return self._of_partition(dag, entry.partition)

    def _of_partition(self, dag: str, partition: str | None) -> int | None:
        drafts = [status.begun for status in self.runs.statuses.queued.values()]
        begun = [*(state.started for state in self.runs.live.values()), *drafts]
        found = [each.run for each in begun if each is not None and (each.dag, each.partition) == (dag, partition)]
        ended = self.outbox.log.runs(dag=dag, partition=partition, limit=1)
        return max([*found, *(row.run for row in ended)], default=None)

    def _say_ended(self, of: Backfilling) -> None:
        log = self.outbox.log
        with log.lock:
            at = self.outbox.stamp()
            offset = log.push(BackfillEnded(at, of.record.n, of.record.dag, of.state, of.runs, of.skipped, of.stopping))
            log.note_key(ENDED_SCOPE, str(of.record.n), offset)

    # ------------------------------------------------------------------------------------- what comes of it

    def asked(self, offset: int, record: BackfillAsked) -> None:
        """A date had its turn: its run, or a further round of it, stands behind this record; or it is skipped."""
        of = self.live.get(record.n)
        if of is None:
            return
        of.on_the_way -= 1
        run = offset + 1 if record.run < 0 else record.run
        of.runs[record.index] = run
        if record.run >= 0 and not record.round:
            of.skipped.append(record.index)
        else:
            of.open[run] = record.round or 1
            self.of_run.setdefault(run, []).append(record.n)
            if of.stopping is not None:
                self._cancel(of, run)
        self._go_on(of)

    def run_ended(self, record: RunFinished) -> None:
        """A run of a backfill ended. O(1) and the dates that have their turn now."""
        for number in sorted(self.of_run.get(record.run, ())):
            of = self.live[number]
            if record.round >= of.open[record.run]:
                self._close(of, record.run, record.state)
            elif of.stopping is not None:
                self._cancel(of, record.run)

    def round_dropped(self, run: int) -> None:
        """A round that was queued, and what waited behind it, will not happen. O(backfills that await it)."""
        for number in sorted(self.of_run.get(run, ())):
            self._close(self.live[number], run, "cancelled")

    def _close(self, of: Backfilling, run: int, state: str) -> None:
        del of.open[run]
        waiting = self.of_run[run]
        waiting.remove(of.record.n)
        if not waiting:
            del self.of_run[run]
        if state in ("failed", "cancelled"):
            of.is_well = False
        if state == "failed" and of.record.stop_on_failure:
            self._stop(of, f"stop_on_failure: the run of {self._name(of, run)} failed")
        self._go_on(of)

    def _name(self, of: Backfilling, run: int) -> str:
        entry = of.record.dates[of.runs.index(run)]
        return format_time(entry.date) if entry.partition is None and entry.date is not None else str(entry.partition)

    def ended(self, record: BackfillEnded) -> None:
        """A backfill has ended: the log has it now. O(1)."""
        self.live.pop(record.n, None)

    def row(self, number: int) -> BackfillRow:
        """How a backfill stands, ended or not. O(dates)."""
        log, live = self.outbox.log, self.live.get(number)
        asked, ended = log.find(ASKED_SCOPE, str(number)), log.find(ENDED_SCOPE, str(number))
        assert asked is not None, number
        request = log.record(asked)
        assert isinstance(request, BackfillRequested), request
        if ended is not None:
            end = log.record(ended)
            assert isinstance(end, BackfillEnded), end
            return BackfillRow(asked, request, end.state, end.runs, end.skipped, end.stopping)
        if live is None:
            return BackfillRow(asked, request, "running", [-1] * len(request.dates), [], None)
        return BackfillRow(asked, request, "running", list(live.runs), list(live.skipped), live.stopping)

    def texts(self, dag: str) -> list[str]:
        """How the backfills of a DAG stand that have not ended. O(backfills)."""
        return [
            f"backfill {number}: {of.asked - len(of.open) - of.on_the_way} of {counted(len(of.runs), 'date')} ended"
            for number, of in list(self.live.items())
            if of.record.dag == dag
        ]

    # ------------------------------------------------------------------------------------- stopping

    def cancelled(self, record: Cancelled) -> bool:
        """Somebody cancelled what stands at an offset; whether that is a backfill. O(backfills)."""
        of = next((each for each in self.live.values() if each.offset == record.run), None)
        if of is None:
            return False
        of.is_cancelled = True
        self._stop(of, record.reason or "the backfill was cancelled")
        self._go_on(of)
        return True

    def dag_removed(self, dag: str) -> None:
        """A DAG is gone, and what was queued with it: no more is asked for, what runs goes on. O(backfills)."""
        for of in list(self.live.values()):
            if of.record.dag == dag:
                of.is_cancelled, of.stopping = True, of.stopping or f"DAG {dag!r} was removed"
                self._go_on(of)

    def _stop(self, of: Backfilling, why: str) -> None:
        """Ask for no more, and cancel what has not begun. O(runs that have not ended)."""
        if of.stopping is None:
            of.stopping = why
            for run in of.open:
                self._cancel(of, run)

    def _cancel(self, of: Backfilling, run: int) -> None:
        """Cancel a run of a backfill that stops, unless it runs already, or another's round comes first. O(log n)."""
        if self.runs.statuses.started_of(run) is not None:
            return
        ended = self.outbox.log.run(run)
        if of.open[run] == (1 if ended is None else ended.round + 1):
            self.outbox.fact(lambda at: Cancelled(at, run, of.stopping or ""))

    # ------------------------------------------------------------------------------------- state

    def snapshot(self) -> tuple[int, list[BackfillSnapshot]]:
        """What a restored engine needs of it. O(dates of those that have not ended)."""
        return self.number, [of.snapshot() for of in self.live.values()]

    def restore(self, state: tuple[int, list[BackfillSnapshot]]) -> None:
        """Take what `snapshot` gave. O(dates)."""
        self.number, kept = state
        for each in kept:
            record = self.outbox.log.record(each.offset)
            assert isinstance(record, BackfillRequested), record
            self.live[record.n] = Backfilling(
                each.offset, record, each.runs, each.asked, each.on_the_way, each.open, each.skipped, each.is_well,
                each.stopping, each.is_cancelled, each.is_ending,
            )  # fmt: skip
            for run in each.open:
                self.of_run.setdefault(run, []).append(record.n)

    def _check(self) -> None:
        """What is awaited is awaited by those that say so; one that awaits nothing ends. O(dates)."""
        for number, of in self.live.items():
            assert all(number in self.of_run[run] for run in of.open), number
            assert of.is_ending == (not of.open and not of.on_the_way), number
        assert sum(map(len, self.of_run.values())) == sum(len(of.open) for of in self.live.values())
