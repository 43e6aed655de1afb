"""Which run of a DAG stands for a logical date (or a cascade): the newest requested one (semantics, "Waiting").

Owns the unfinished runs by date; finished ones are asked of the log's history. A look-up costs O(log runs).
"""

from __future__ import annotations

from collections.abc import Callable

import attrs
from sortedcontainers import SortedDict

from reactive_dag.engine.runstate import RunState
from reactive_dag.log.history import RunRow
from reactive_dag.log.protocol import EventLog


@attrs.frozen
class Seen:
    """A run as a wait sees it; tasks that have no state yet are absent."""

    run: int
    key: str
    state: str
    logical_date: int | None
    tasks: dict[str, str]


class Dates:
    """The unfinished runs of every DAG by logical date and by cascade."""

    def __init__(self, log: EventLog, live: Callable[[int], RunState | None]) -> None:
        self.log = log
        self.live = live
        self._dates: dict[str, SortedDict] = {}
        self._cascades: dict[tuple[str, str], int] = {}

    def add(self, dag: str, run: int, date: int | None, cascade: str) -> None:
        """A run of a date began (or was requested). O(log runs)."""
        if date is not None:
            dates = self._dates.get(dag)
            if dates is None:
                dates = self._dates[dag] = SortedDict()
            dates[date] = max(run, dates.get(date, run))
        else:
            self._cascades[dag, cascade] = max(run, self._cascades.get((dag, cascade), run))

    def discard(self, dag: str, run: int, date: int | None, cascade: str) -> None:
        """A run ended: the history has it now. O(log runs)."""
        if date is not None:
            dates = self._dates.get(dag)
            if dates is not None and dates.get(date) == run:
                del dates[date]
        elif self._cascades.get((dag, cascade)) == run:
            del self._cascades[dag, cascade]

    def exact(self, dag: str, date: int) -> Seen | None:
        """The newest requested run of `date`. O(log runs)."""
        live = self._dates.get(dag, {}).get(date)
        rows = self.log.runs(dag=dag, logical_date=date, limit=1)
        return self._newer(live, rows[0] if rows else None)

    def newest(self, dag: str, low: int, high: int) -> Seen | None:
        """The run with the highest date in `low <= date <= high`; of one date the newest requested. O(log runs)."""
        dates = self._dates.get(dag)
        live_date = None
        if dates:
            at = dates.bisect_right(high) - 1
            live_date = dates.keys()[at] if at >= 0 else None
        past = self.log.latest_date(dag, high)
        found = [date for date in (live_date, past) if date is not None and date >= low]
        return self.exact(dag, max(found)) if found else None

    def cascade(self, dag: str, cascade: str) -> Seen | None:
        """The newest requested run without a date in a cascade. O(log runs)."""
        live = self._cascades.get((dag, cascade))
        rows = self.log.runs(dag=dag, cascade=cascade, limit=1)
        return self._newer(live, rows[0] if rows else None)

    def past_state(self, run: RunState, task: str) -> str | None:
        """The state of `task` in the newest requested run of a lower date than `run`'s; None if there is none (R14)."""
        date = run.started.logical_date
        if date is None:
            return None
        seen = self.newest(run.dag.id, -(2**63), date - 1)
        return None if seen is None else seen.tasks.get(task, "waiting")

    def _newer(self, live: int | None, row: RunRow | None) -> Seen | None:
        if live is not None and (row is None or live > row.run):
            state = self.live(live)
            return Seen(live, "", "queued", None, {}) if state is None else seen_live(state)
        if row is None:
            return None
        return Seen(row.run, row.key, row.state, row.logical_date, {task.task: task.state for task in row.tasks})


def seen_live(run: RunState) -> Seen:
    """A live run as a wait sees it. O(tasks)."""
    tasks = {id: state for id, state, done in zip(run.plan.ids, run.states, run.results) if state and done}
    return Seen(run.run, run.started.key, "running", run.started.logical_date, tasks)
