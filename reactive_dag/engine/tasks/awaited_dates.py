"""What an awaited date means: which dates a run may have to stand for it, and whether it lies before all that is known.

Owns `AwaitedDate` and `AwaitedDates`. Invariant: what a date means follows from the wait, the date and the declarations
alone, so it is worked out once a version of the graph. O(1), the first time O(clocks of the awaited DAG).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from attrs import define

from reactive_dag.declare.internals import sources_of, version_of
from reactive_dag.model.calendar import Calendar
from reactive_dag.model.times import NEVER
from reactive_dag.triggers.leaves.schedule import Scheduled

if TYPE_CHECKING:
    from reactive_dag.declare.dag import Dag
    from reactive_dag.declare.wait import Wait
    from reactive_dag.engine.runs.logical_dates import LogicalDates

MOST = 10_000
"""So many dates at most are remembered."""


class AwaitedDate(NamedTuple):
    """The run of the highest date in `low <= date <= high` stands for the date that is awaited.

    `early` says that this lies before the horizon and so counts as done in time; None, that it does where no run of it
    is known from the horizon on.
    """

    low: int
    high: int
    early: bool | None


ByName: TypeAlias = dict[tuple[str, str, str, int], AwaitedDate]
"""What dates mean, by awaited DAG, how its runs match, the time zone and the date."""


@define
class KnownDates:
    """What was worked out, with the version of the graph and the horizon for which it holds: replaced as one."""

    dates: tuple[tuple[int, int | None] | None, ByName] = (None, {})


class AwaitedDates:
    """The awaited dates of one engine's waits. Engines of one graph may share what is `known`."""

    def __init__(self, logical_dates: LogicalDates, dag_of: Callable[[str], Dag | None], known: KnownDates) -> None:
        self.logical_dates = logical_dates
        self.dag_of = dag_of
        self.known = known

    def of(self, tz: str, wait: Wait, date: int, horizon: int | None) -> AwaitedDate:
        """What a date means to a wait of a DAG in time zone `tz`. `horizon` is where what is known begins (ns)."""
        now = version_of(self.logical_dates.graph), horizon
        valid, dates = self.known.dates
        if now != valid or len(dates) > MOST:
            self.known.dates = now, (dates := {})
        name = wait.dag, wait.match, tz, date
        found = dates.get(name)
        if found is None:
            found = dates[name] = self._worked_out(tz, wait, date, horizon)
        return found

    def _worked_out(self, tz: str, wait: Wait, date: int, horizon: int | None) -> AwaitedDate:
        low, high = _span(tz, wait, date)
        if wait.match == "latest" and high != NEVER:
            tick = self.logical_dates.newest_tick(wait.dag, high)
            low, high = (low, high) if tick is None else (tick, tick)
        return AwaitedDate(low, high, False if horizon is None else self._early(wait, low, high, horizon))

    def _early(self, wait: Wait, low: int, high: int, horizon: int) -> bool | None:
        """Whether what stands for these dates lies before the horizon; None where that depends on what ran since.

        A DAG on the clock alone has only the dates of its ticks; one that nothing starts counts as done.
        """
        dag = self.dag_of(wait.dag)
        if dag is None:
            return False
        if high < horizon:
            sources = sources_of(dag)
            clocks = [source for source in sources if isinstance(source, Scheduled)]
            on_clocks = clocks and len(clocks) == len(sources)
            tick = self.logical_dates.newest_tick(wait.dag, high) if on_clocks else high
            return tick is not None and tick >= low
        newest = wait.match == "latest" and (high == NEVER or self.logical_dates.newest_tick(wait.dag, high) is None)
        return None if not dag.triggers or newest else False


def _span(tz: str, wait: Wait, date: int) -> tuple[int, int]:
    if wait.match == "exact":
        return date, date
    if wait.match == "latest":
        return -(2**63), date
    day = Calendar("day", tz or "UTC")
    start, end = day.span(day.of(date))
    return start, end - 1
