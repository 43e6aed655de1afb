"""What a wait awaits, worked out once, when it begins: the dates of runs.

Owns no state. What a user's callable says is recorded with the beginning (`TaskStarted.awaits`), so nothing is asked
again. O(dates). Raises ReactiveDagError for what cannot be awaited, and whatever the callable raises.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from reactive_dag.declare.wait import mapped_task
from reactive_dag.model.callables import Call
from reactive_dag.model.errors import ReactiveDagError
from reactive_dag.model.times import NEVER, parse_time, to_datetime

if TYPE_CHECKING:
    from reactive_dag.declare.dag import Dag
    from reactive_dag.declare.wait import Wait
    from reactive_dag.engine.runs.logical_dates import LogicalDates
    from reactive_dag.engine.runs.state import RunState

Awaits = tuple[list[int] | None, bool]
"""What is awaited (None: the cascade), and whether the wait's result is a list."""


class Awaited:
    """Works it out for the waits of one engine."""

    def __init__(self, logical_dates: LogicalDates, dag_of: Callable[[str], Dag | None]) -> None:
        self.logical_dates = logical_dates
        self.dag_of = dag_of

    def of(self, run: RunState, wait: Wait) -> Awaits:
        """What a wait of a run awaits. O(dates)."""
        if self.dag_of(wait.dag) is None and wait.missing == "error":
            raise ReactiveDagError(
                f"{run.dag.id}.{wait.id} waits for {wait.dag!r}, which no graph declares; "
                'declare it, or wait for it to come with missing="wait"'
            )
        self._refuse_unknown_tasks(run, wait)
        date = run.started.logical_date
        spec = wait.logical_date
        if isinstance(spec, tuple):
            return sorted(set(spec)), True
        if date is None:
            return self._undated(run, wait), False
        if spec == "same":
            return [date], False
        if isinstance(spec, int):
            wall = self.logical_dates.named_wall(run.request, run.dag, date)
            return [wait.awaited_from(date, run.dag.tz, wall)], False
        assert isinstance(spec, Call)
        return _dates_of(spec.fn(to_datetime(date)), run, wait)

    def _refuse_unknown_tasks(self, run: RunState, wait: Wait) -> None:
        dag = self.dag_of(wait.dag)
        if dag is None or wait.missing == "wait":
            return
        unknown = [task for task in wait.tasks if mapped_task(task)[0] not in dag.tasks]
        if unknown:
            raise ReactiveDagError(
                f"{run.dag.id}.{wait.id} waits for task {unknown[0]!r} of DAG {wait.dag!r}, which has no such task; "
                'declare it, or wait for it to come with missing="wait"'
            )

    def _undated(self, run: RunState, wait: Wait) -> list[int] | None:
        if wait.match == "latest":
            return [NEVER]
        why = f"from which {wait.when} could be told"
        if wait.logical_date == "same":
            origins = self.logical_dates.graph.origins
            if self.dag_of(wait.dag) is None or origins(run.dag.id) & origins(wait.dag):
                return None
            why = f"and shares no origin with {wait.dag!r}"
        raise ReactiveDagError(
            f"{run.dag.id}.{wait.id}: this run has no logical date, {why}; "
            'give the run a date, or wait with match="latest"'
        )


def _dates_of(given: object, run: RunState, wait: Wait) -> tuple[list[int], bool]:
    several = isinstance(given, Iterable) and not isinstance(given, str)
    items = list(given) if isinstance(given, Iterable) and several else [given]
    if not items:
        raise ReactiveDagError(f"{run.dag.id}.{wait.id}: logical_date gave no date at all; give at least one")
    return sorted({parse_time(item, run.dag.tz, what="logical_date") for item in items}), several  # type: ignore[arg-type]
