"""Tasks that wait for their own success in an earlier run (R14), in the order of their dates.

Owns `PastWaits`. Invariant: of one task of a DAG the runs that wait stand by their own logical date; the end of a run
can only decide the next one behind it, since all others wait for a run in between. A change costs O(log waiting).
"""

from __future__ import annotations

from collections.abc import Iterator

from sortedcontainers import SortedDict

from reactive_dag.engine.runs.by_date import RunsByDate
from reactive_dag.engine.runs.state import RunState
from reactive_dag.model.times import format_time


class PastWaits:
    """Which tasks of which runs wait: `of_run` gives their numbers."""

    def __init__(self) -> None:
        self.of_run: dict[int, dict[int, tuple[str, str, int]]] = {}
        self._by_date: dict[tuple[str, str], SortedDict] = {}

    def __bool__(self) -> bool:
        return bool(self.of_run)

    def __iter__(self) -> Iterator[tuple[str, str, int, int]]:
        """DAG, task, run, number of the task."""
        for run, waiting in self.of_run.items():
            for index, (dag, task, _) in waiting.items():
                yield dag, task, run, index

    def add(self, dag: str, task: str, date: int, run: int, index: int) -> None:
        """A task of a run of a date waits."""
        self.of_run.setdefault(run, {})[index] = dag, task, date
        self._by_date.setdefault((dag, task), SortedDict()).setdefault(date, {})[run] = index

    def drop(self, run: int, index: int) -> None:
        """It waits no more, if it did."""
        found = self.of_run.get(run, {}).pop(index, None)
        if found is None:
            return
        if not self.of_run[run]:
            del self.of_run[run]
        dag, task, date = found
        dates = self._by_date[dag, task]
        del dates[date][run]
        if not dates[date]:
            del dates[date]
        if not dates:
            del self._by_date[dag, task]

    def next_after(self, dag: str, date: int | None, *tasks: str) -> Iterator[tuple[int, int]]:
        """The runs of the first date above another that wait for these tasks, or for any where none is named.

        Each with the task's number in it. O(log waiting) a task; without names O(tasks by name that wait).
        """
        for task in tasks or [task for of, task in self._by_date if of == dag]:
            dates = self._by_date.get((dag, task))
            if dates and date is not None and (at := dates.bisect_right(date)) < len(dates):
                yield from list(dates.peekitem(at)[1].items())

    def reasons(self, run: RunState, by_date: RunsByDate) -> dict[int, str]:
        """What each task of a run that waits for its past waits for, in words. O(such tasks * log runs)."""
        found = {}
        for index in self.of_run.get(run.run, ()):
            seen = by_date.holding_back(run, run.plan.ids[index])
            what = "a place in max_active_runs" if seen is None else "its own success in an earlier run"
            if seen is not None and seen.logical_date is not None:
                what = f"its own success in the run of {format_time(seen.logical_date)} ({seen.state}, {seen.key[:8]})"
            found[index] = f"depends_on_past: waits for {what}"
        return found

    def _check(self) -> None:
        """Both tables say the same. O(waiting)."""
        filed = {
            (dag, task, date, run, index)
            for (dag, task), dates in self._by_date.items()
            for date, runs in dates.items()
            for run, index in runs.items()
        }
        assert filed == {
            (*about, run, index) for run, waiting in self.of_run.items() for index, about in waiting.items()
        }
        assert all(self.of_run.values()) and all(self._by_date.values()), "empty"
