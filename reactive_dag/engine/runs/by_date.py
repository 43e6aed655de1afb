"""Which run of a DAG stands for a logical date (or a cascade): the newest requested one (semantics, "Waiting").

Owns the unfinished runs by date; finished ones are asked of the log's history. A log that is in memory anyway is asked
once, and what ends from then on is kept by date here too. A look-up costs O(log runs), in memory O(1).
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from typing import NamedTuple, Protocol

from reactive_dag.declare.wait import mapped_task
from reactive_dag.engine.runs.state import RunState
from reactive_dag.engine.runs.statuses import RunStatuses
from reactive_dag.log.history import RunRow, TaskRow
from reactive_dag.log.protocol import EventLog
from reactive_dag.model.records import Json


class Tasks(Protocol):
    """How a run's tasks ended."""

    def get(self, task: str, default: str, /) -> str:
        """The state of a task, or an instance, or `default` where it has none yet."""

    def output(self, task: str) -> Json:
        """What one gave, None where it did not succeed."""

    def outputs(self) -> dict[str, Json]:
        """What those gave that succeeded, where that is something."""


class AwaitedRun(NamedTuple):
    """A run as a wait sees it; tasks that have no final state yet are absent."""

    run: int
    key: str
    state: str
    logical_date: int | None
    partition: str | None
    tasks: Tasks


class NoTasks:
    """The tasks of a run that has not begun."""

    def get(self, task: str, default: str, /) -> str:
        """None has a state."""
        return default

    def output(self, task: str) -> Json:
        """None gave anything."""
        return None

    def outputs(self) -> dict[str, Json]:
        """None gave anything."""
        return {}


NO_TASKS = NoTasks()


class LiveTasks:
    """The tasks of a run that has not ended. A look costs O(1)."""

    __slots__ = ("_run",)

    def __init__(self, run: RunState) -> None:
        self._run = run

    def get(self, task: str, default: str, /) -> str:
        """The final state of a task, or `default`."""
        index = self._run.arrays.index.get(task, -1)
        done = None if index < 0 else self._run.results[index]
        return default if done is None else done.state

    def output(self, task: str) -> Json:
        """What a task gave, if it succeeded. O(instances)."""
        return self._run.output(self._run.arrays.index[task]) if self.get(task, "") == "success" else None

    def outputs(self) -> dict[str, Json]:
        """What those gave that succeeded. O(tasks)."""
        run = self._run
        well = [n for n in range(run.size) if (done := run.results[n]) is not None and done.state == "success"]
        given = {run.plan.ids[n]: run.output(n) for n in well}
        return {id: output for id, output in given.items() if output is not None}


class EndedTasks:
    """The tasks of a run that has ended. A look costs O(tasks)."""

    __slots__ = ("_row",)

    def __init__(self, row: RunRow) -> None:
        self._row = row

    def get(self, task: str, default: str, /) -> str:
        """The state of a task, or `default`."""
        row = self._of(task)
        return default if row is None else row.state

    def output(self, task: str) -> Json:
        """What a task gave, if it succeeded. O(tasks)."""
        row = self._of(task)
        return row.given if row is not None and row.state == "success" else None

    def _of(self, task: str) -> TaskRow | None:
        """The row of a task, or of an instance of a mapped one."""
        id, place = mapped_task(task)
        row = next((row for row in self._row.tasks if row.task == id), None)
        if row is None or place is None:
            return row
        instances = row.instances or ()
        return instances[place] if place < len(instances) else None

    def outputs(self) -> dict[str, Json]:
        """What those gave that succeeded. O(tasks)."""
        rows = self._row.tasks
        return {row.task: row.given for row in rows if row.state == "success" and row.given is not None}


class DateIndex:
    """Runs by date: of each date the one that was requested last."""

    __slots__ = ("order", "runs")

    def __init__(self) -> None:
        self.runs: dict[int, int] = {}
        self.order: list[int] = []

    def keep(self, date: int, run: int) -> None:
        """Take a run, unless a later one of its date is here. O(log dates) to find its place, O(1) behind all."""
        known = self.runs.get(date)
        if known is None:
            insort(self.order, date)
            self.runs[date] = run
        elif run > known:
            self.runs[date] = run

    def drop(self, date: int, run: int) -> None:
        """Let a run go, if it is the one that is kept of its date. O(log dates) to find its place."""
        if self.runs.get(date) == run:
            del self.runs[date]
            del self.order[bisect_left(self.order, date)]

    def highest(self, high: int) -> int | None:
        """The highest date that is not above `high`. O(log dates)."""
        at = bisect_right(self.order, high)
        return self.order[at - 1] if at else None


NO_RUNS = DateIndex()
"""No run at all; never written to."""


class RunsByDate:
    """The unfinished runs of every DAG by logical date and by cascade."""

    def __init__(self, log: EventLog, statuses: RunStatuses) -> None:
        self.log = log
        self.statuses = statuses
        self._dates: dict[str, DateIndex] = {}
        self._past: dict[str, DateIndex] | None = None
        self._cascades: dict[tuple[str, str], int] = {}

    def add(self, dag: str, run: int, date: int | None, cascade: str) -> None:
        """A run of a date began (or was requested). O(log runs)."""
        if date is not None:
            _later(self._dates, dag, date, run)
        else:
            known = self._cascades.get((dag, cascade))
            if known is None or known < run:
                self._cascades[dag, cascade] = run

    def discard(self, dag: str, run: int, date: int | None, cascade: str) -> None:
        """A run ended: the history has it now. O(log runs)."""
        self.forget(dag, run, date, cascade)
        if date is not None and self._past is not None:
            _later(self._past, dag, date, run)

    def forget(self, dag: str, run: int, date: int | None, cascade: str) -> None:
        """A run that has not ended is of this date no more. O(log runs)."""
        if date is not None:
            self._dates.get(dag, NO_RUNS).drop(date, run)
        elif self._cascades.get((dag, cascade)) == run:
            del self._cascades[dag, cascade]

    def exact(self, dag: str, date: int) -> AwaitedRun | None:
        """The newest requested run of `date`. O(log runs)."""
        return self._newer(self._dates.get(dag, NO_RUNS).runs.get(date), self._ended(dag, date))

    def _ended(self, dag: str, date: int) -> RunRow | None:
        """The newest requested run of `date` among those that ended."""
        if self.log.durable:
            rows = self.log.runs(dag=dag, logical_date=date, limit=1)
            return rows[0] if rows else None
        run = self._in_memory(dag).runs.get(date)
        return None if run is None else self.log.run(run)

    def _in_memory(self, dag: str) -> DateIndex:
        """The ended runs of a DAG by date, where the log is in memory."""
        if self._past is None:
            self._past = {}
            for row in self.log.runs():
                if row.logical_date is not None:
                    _later(self._past, row.dag, row.logical_date, row.run)
        return self._past.get(dag, NO_RUNS)

    def newest(self, dag: str, low: int, high: int) -> AwaitedRun | None:
        """The run with the highest date in `low <= date <= high`; of one date the newest requested. O(log runs)."""
        live = self._dates.get(dag, NO_RUNS).highest(high)
        past = self.log.latest_date(dag, high) if self.log.durable else self._in_memory(dag).highest(high)
        found = [date for date in (live, past) if date is not None and date >= low]
        return self.exact(dag, max(found)) if found else None

    def cascade(self, dag: str, cascade: str) -> AwaitedRun | None:
        """The newest requested run without a date in a cascade. O(log runs)."""
        live = self._cascades.get((dag, cascade))
        rows = self.log.runs(dag=dag, cascade=cascade, limit=1)
        return self._newer(live, rows[0] if rows else None)

    def previous(self, row: RunRow) -> int | None:
        """The run before another of its DAG: by date, else by request. O(log runs)."""
        if row.logical_date is not None:
            seen = self.newest(row.dag, -(2**63), row.logical_date - 1)
            return None if seen is None else seen.run
        found = self.log.runs(dag=row.dag, before=row.run, limit=1)
        return found[0].run if found else None

    def holding_back(self, run: RunState, task: str) -> AwaitedRun | None:
        """The run of a lower date for whose success `task` waits in `run`; None where nothing holds it back (R14).

        One that skipped the task, or went well without it, passes the question on. O(log runs), for each such one.
        """
        date = run.started.logical_date
        while date is not None:
            seen = self.newest(run.started.dag, -(2**63), date - 1)
            if seen is None:
                return None
            state = seen.tasks.get(task, "")
            if state == "success":
                return None
            if state != "skipped" and (state or seen.state not in ("success", "skipped")):
                return seen
            date = seen.logical_date
        return None

    def _newer(self, live: int | None, row: RunRow | None) -> AwaitedRun | None:
        if live is not None and (row is None or live >= row.run):  # of one run the newest round counts
            state = self.statuses.live.get(live)
            return self._seen_queued(live) if state is None else seen_live(state)
        if row is None:
            return None
        return AwaitedRun(row.run, row.key, row.state, row.logical_date, row.partition, EndedTasks(row))

    def _seen_queued(self, run: int) -> AwaitedRun:
        """A run that was requested and has not begun, as it would begin now."""
        status = self.statuses.queued.get(run) or self.statuses.between.get(run)
        begun = None if status is None else status.begun
        if begun is None:
            return AwaitedRun(run, "", "queued", None, None, NO_TASKS)
        return AwaitedRun(run, begun.key, "queued", begun.logical_date, begun.partition, NO_TASKS)

    def with_key(self, dag: str, key: str, date: int | None) -> int | None:
        """The run of a DAG that has a key; `date` is its own, if it has one. O(log runs), a run without one O(live)."""
        if date is not None:
            seen = self.exact(dag, date)
            if seen is not None and seen.key == key:
                return seen.run
        rows = self.log.runs(dag=dag, key=key, limit=1)
        if rows:
            return rows[0].run
        live = self.statuses.live.values()
        return next((run.run for run in live if run.started.key == key and run.started.dag == dag), None)


def _later(dates: dict[str, DateIndex], dag: str, date: int, run: int) -> None:
    """Keep the run of a date that was requested last. O(log dates)."""
    known = dates.get(dag)
    if known is None:
        known = dates[dag] = DateIndex()
    known.keep(date, run)


def seen_live(run: RunState) -> AwaitedRun:
    """A live run as a wait sees it. O(1)."""
    begun = run.started
    return AwaitedRun(begun.run, begun.key, "running", begun.logical_date, begun.partition, LiveTasks(run))
