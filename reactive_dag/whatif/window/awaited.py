"""What the waits of a window await: of each wait in each run the awaited nodes, each with the START of its run.

Owns `AwaitedNodes`. What a date means is the engine's own `AwaitedDates`; what runs there are, the window knows.
Invariant: runs of one date that is awaited are one, else NotStatic is raised. O(waits * log runs).
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from datetime import datetime
from typing import TYPE_CHECKING

from reactive_dag.engine.items.identity import Identities
from reactive_dag.engine.runs.logical_dates import LogicalDates, OutletCalendars, schedules_of
from reactive_dag.engine.tasks.awaited_dates import AwaitedDates, KnownDates
from reactive_dag.log.memory import MemoryLog
from reactive_dag.model.schedule import CronSchedule
from reactive_dag.model.times import NEVER, is_after_gap, zone
from reactive_dag.whatif.window.white_list import NotStatic

if TYPE_CHECKING:
    from reactive_dag.declare.dag import Dag
    from reactive_dag.declare.graph import Graph
    from reactive_dag.declare.wait import Wait
    from reactive_dag.model.records import RunStarted
    from reactive_dag.whatif.window.firings import Runs

Candidate = tuple[int, int]
"""What is awaited, and the START of its run."""

OVER: list[Candidate] = []
"""What is awaited lies before the window: the wait is over as it begins."""


class Lost(Exception):
    """What is awaited never comes: the wait fails as it begins."""


class AwaitedNodes:
    """Looks up what waits await among the runs of a window that begins at `begin`."""

    def __init__(self, graph: Graph, begin: int, runs: dict[str, Runs]) -> None:
        self.graph = graph
        self.begin = begin
        self.runs = runs
        log = MemoryLog()
        self.logical_dates = LogicalDates(Identities(log, _no_run), graph, OutletCalendars())
        self.awaited_dates = AwaitedDates(self.logical_dates, graph.dags.get, KnownDates())

    def of(self, dag: Dag, tz: str, wait: Wait, date: int) -> list[Candidate] | None:
        """The candidates of a wait of a run of this date, lowest date first; `OVER`, or None: it waits for ever.

        Raises Lost, NotStatic.
        """
        low, high, early = self.awaited_dates.of(tz, wait, self._date(dag, tz, wait, date), self.begin)
        if early:
            return OVER
        runs = self.runs.get(wait.dag)
        if early is None:
            if runs is not None and runs.dates:
                raise NotStatic(f"{dag.id}.{wait.id} depends on what ran when it looks")
            return OVER
        if runs is None or not runs.dates:
            self._refuse_lost(dag, wait, low, high)
            return None
        dates = runs.dates
        first, last = bisect_left(dates, low), bisect_right(dates, high)
        if first == last:
            self._refuse_lost(dag, wait, low, high)
            return None
        found = range(first, last)
        if last - first > 1 and len(set(dates[first:last])) < last - first:
            raise NotStatic(f"{dag.id}.{wait.id} awaits a date of which {wait.dag} has several runs")
        task = wait.tasks[0] if wait.tasks else None
        if task is not None and task not in runs.plan.index:
            return None
        return [(runs.node(at, task), runs.first + at * runs.stride) for at in found]

    def _date(self, dag: Dag, tz: str, wait: Wait, date: int) -> int:
        if wait.logical_date == "same":
            return date
        return wait.awaited_from(date, tz, None if tz == "UTC" else self._named_wall(dag, tz, date))

    def _named_wall(self, dag: Dag, tz: str, date: int) -> datetime | None:
        """The time that a schedule of the DAG names for a date, where a clock change moved it."""
        if not is_after_gap(date, zone(tz)):
            return None
        for schedule in schedules_of(dag):
            if isinstance(schedule, CronSchedule) and schedule.tz == tz and schedule.has_tick(date):
                return schedule.named_wall(date)
        raise NotStatic(f"a clock change moved the date from which a wait of {dag.id} counts days")

    def _refuse_lost(self, dag: Dag, wait: Wait, low: int, high: int) -> None:
        """No run here has such a date. Raises Lost where a tick has it that will not be requested; else it waits."""
        tick = self.logical_dates.newest_tick(wait.dag, high)
        if tick is None or tick < low or high == NEVER:
            return
        if wait.match == "latest":
            raise NotStatic(f"{dag.id}.{wait.id} passes over a tick of {wait.dag} that never comes")
        if wait.missing == "error":
            raise Lost


def _no_run(run: int) -> RunStarted:
    raise AssertionError(f"a window has no run {run} in a log")
