"""What the waits of a window await: of each wait in each run the awaited nodes, each with the START of its run.

Owns `AwaitedNodes`. What a date means is the engine's own `AwaitedDates`; what runs there are, the window knows.
Invariant: runs of one date that is awaited are one, else NotStatic is raised. O(waits * log runs).
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import TYPE_CHECKING

from reactive_dag.engine.items.identity import Identities
from reactive_dag.engine.runs.logical_dates import LogicalDates, OutletCalendars, schedules_of
from reactive_dag.engine.tasks.awaited_dates import AwaitedDates, KnownDates
from reactive_dag.log.memory import MemoryLog
from reactive_dag.model.calendar import Calendar
from reactive_dag.model.schedule import CronSchedule
from reactive_dag.model.times import DAY, NEVER, is_after_gap, zone
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


LOST_WAIT: list[Candidate] = [(-1, -1)]
"""What is awaited never comes: the wait fails as it begins."""


class AwaitedNodes:
    """Looks up what waits await among the runs of a window from `begin` to `until`."""

    def __init__(self, graph: Graph, begin: int, until: int, runs: dict[str, Runs]) -> None:
        self.graph = graph
        self.begin = begin
        self.until = until
        self.runs = runs
        self.logical_dates = LogicalDates(Identities(MemoryLog(), _no_run), graph, OutletCalendars())
        self.awaited_dates = AwaitedDates(self.logical_dates, graph.dags.get, KnownDates())

    def of(self, waiting: Runs, tz: str, wait: Wait) -> Iterator[list[Candidate] | None]:
        """For each run of a DAG the candidates of a wait, lowest date first; `OVER`, None: for ever, or `LOST_WAIT`.

        O(log runs) each. Raises NotStatic.
        """
        awaited = self.runs.get(wait.dag)
        if awaited is None or not awaited.dates or (wait.tasks and wait.tasks[0] not in awaited.plan.index):
            for date in waiting.dates:
                yield self._of_date(waiting.dag, tz, wait, date, None)
            return
        dates, first, stride = awaited.dates, awaited.first, awaited.stride
        local = stride - 1 if not wait.tasks else 1 + awaited.plan.index[wait.tasks[0]]
        spans = self._short_way(wait, tz, awaited)
        for date in waiting.dates:
            low, high = spans(date)
            at, last = bisect_left(dates, low), bisect_right(dates, high)
            if low < self.begin or at == last:
                yield self._of_date(waiting.dag, tz, wait, date, awaited)
            elif last - at == 1:
                start = first + at * stride
                yield [(start + local, start)]
            else:
                yield _several(waiting.dag, wait, awaited, range(at, last))

    def _short_way(self, wait: Wait, tz: str, awaited: Runs) -> Callable[[int], tuple[int, int]]:
        """The awaited dates from a date, where those say all; elsewhere they lie before the window."""
        offset = wait.logical_date
        if not isinstance(offset, int) or (offset % DAY or not offset or tz == "UTC"):
            back = offset if isinstance(offset, int) else 0
            if wait.match == "exact":
                return lambda date: (date - back, date - back)
            if wait.match == "same_day":
                day = Calendar("day", tz or "UTC")
                return lambda date: _of_day(day, date - back)
            if back >= 0 and awaited.dag.end is None and awaited.on_clocks:
                return lambda date: _newest(awaited.dates, date - back)
        return lambda date: (-1, -1)

    def _of_date(
        self, dag: Dag, tz: str, wait: Wait, date: int, awaited: Runs | None
    ) -> list[Candidate] | None:  # fmt: skip
        """The candidates for a run of a date, by what the engine says of it. O(clocks + log runs)."""
        low, high, early = self.awaited_dates.of(tz, wait, self.date(dag, tz, wait, date), self.begin)
        if early:
            return OVER
        dates = [] if awaited is None else awaited.dates
        if early is None:
            if dates:
                raise NotStatic(f"{dag.id}.{wait.id} depends on what ran when it looks")
            return OVER
        found = range(bisect_left(dates, low), bisect_right(dates, high))
        if awaited is None or not found:
            return self._none(dag, wait, low, high)
        return _several(dag, wait, awaited, found)

    def date(self, dag: Dag, tz: str, wait: Wait, date: int) -> int:
        """The date that a wait of a run of a date awaits. O(1), after a clock change O(clocks). Raises NotStatic."""
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

    def _none(self, dag: Dag, wait: Wait, low: int, high: int) -> list[Candidate] | None:
        """No run here has such a date: it waits for ever, or fails where a tick has it that will not be requested."""
        newest = self.logical_dates.newest_tick
        tick = newest(wait.dag, high)
        if tick is None or tick < low or high == NEVER:
            return None
        end = self.graph.dags[wait.dag].end
        coming = newest(wait.dag, high if end is None else min(high, end))
        if coming is not None and coming >= max(low, self.until):
            return None
        if wait.match == "latest":
            raise NotStatic(f"{dag.id}.{wait.id} passes over a tick of {wait.dag} that never comes")
        return LOST_WAIT if wait.missing == "error" else None


def _several(dag: Dag, wait: Wait, awaited: Runs, found: range) -> list[Candidate]:
    if len(found) > 1 and len(set(awaited.dates[found.start : found.stop])) < len(found):
        raise NotStatic(f"{dag.id}.{wait.id} awaits a date of which {wait.dag} has several runs")
    task = wait.tasks[0] if wait.tasks else None
    return [(awaited.node(at, task), awaited.first + at * awaited.stride) for at in found]


def _of_day(day: Calendar, date: int) -> tuple[int, int]:
    start, end = day.span(day.of(date))
    return start, end - 1


def _newest(dates: list[int], date: int) -> tuple[int, int]:
    """The newest of these dates that is not above another, as a span; one before all without it."""
    at = bisect_right(dates, date)
    return (dates[at - 1], dates[at - 1]) if at else (-1, -1)


def _no_run(run: int) -> RunStarted:
    raise AssertionError(f"a window has no run {run} in a log")
