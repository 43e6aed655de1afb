"""The runs of a finished fold, their tasks, and when those were: the plain half of the reference's outcome.

Owns `CourseRuns`; a run's number is the offset of its request. O(runs + tasks) once, then O(1).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from operator import itemgetter
from typing import TYPE_CHECKING

from reactive_dag.log.history import RunRow, TaskRow
from reactive_dag.model.records import FINAL_TASK_STATES, Published, TaskFinished
from reactive_dag.whatif.outcome.outcome import EventName, TimeSpan, latest_of
from reactive_dag.whatif.outcome.points import Point

if TYPE_CHECKING:
    from reactive_dag.declare.task import AnyTask
    from reactive_dag.engine.fold.fold import Fold
    from reactive_dag.engine.runs.task_arrays import TaskArrays
    from reactive_dag.whatif.question.effects import Effects
    from reactive_dag.whatif.question.future_draws import FutureDraws


class CourseRuns:
    """The runs of a finished fold; `dags` are the DAGs as they were played, `draws` gives what was drawn."""

    def __init__(self, fold: Fold, dags: dict[str, TaskArrays], draws: FutureDraws) -> None:
        self.fold = fold
        self.dags = dags
        self.draws = draws
        self._tasks: dict[int, dict[str, TaskRow]] = {}

    @cached_property
    def rows(self) -> dict[int, RunRow]:
        """Every run by its offset, in the order of the requests. O(runs log runs) once."""
        runs = self.fold.runs
        rows = [*self.fold.log.runs(), *(runs.row(offset) for offset in runs.live)]
        rows.extend(runs.row(offset) for queue in self.fold.slots.queues.values() for offset in queue)
        return {row.run: row for row in sorted(rows, key=lambda row: row.run)}

    @property
    def numbering(self) -> object:
        """Its own: another course has other offsets."""
        return self

    def changed_runs(self, base: object) -> None:
        """Which runs end otherwise than in `base`: they must be paired first, by key."""

    @property
    def over(self) -> int:
        """The instant of the newest record."""
        return self.fold.clock.now()

    @cached_property
    def runs(self) -> list[int]:
        """Every run, in the order of the requests. O(runs log runs) once."""
        return list(self.rows)

    def row(self, run: int) -> RunRow:
        """A run as a row. O(1)."""
        return self.rows[run]

    head = row

    @property
    def effects(self) -> Effects:
        """What the question means: durations, delays, limits."""
        return self.draws.effects

    def key(self, run: int) -> str:
        """The key of a run. O(1)."""
        return self.rows[run].key

    def dag(self, run: int) -> str:
        """The id of a run's DAG. O(1)."""
        return self.rows[run].dag

    def state(self, run: int) -> str:
        """How a run ended, or stands. O(1)."""
        return self.rows[run].state

    def ended(self, run: int) -> int | None:
        """When a run ended. O(1)."""
        return self.rows[run].ended

    @cached_property
    def by_dag(self) -> dict[str, list[int]]:
        """The runs of each DAG in the order of their requests. O(runs)."""
        found: dict[str, list[int]] = {}
        for row in self.rows.values():
            found.setdefault(row.dag, []).append(row.run)
        return found

    @cached_property
    def by_key(self) -> dict[str, int]:
        """Each run's offset by its key. O(runs)."""
        return {row.key: run for run, row in self.rows.items()}

    @cached_property
    def _events(self) -> dict[EventName, int]:
        records = self.fold.log.read(0, self.fold.log.next_offset)
        return {(r.dataset, r.n): n for n, r in enumerate(records) if isinstance(r, Published) and r.run < 0}

    @cached_property
    def _never_ran(self) -> dict[tuple[int, str], int]:
        """When each task that never ran got its state. O(records) once."""
        records = self.fold.log.read(0, self.fold.log.next_offset)
        return {(r.run, r.task): r.at for r in records if type(r) is TaskFinished and not r.attempt}

    @cached_property
    def _left(self) -> dict[tuple[str, int], Point]:
        """Whose attempt ended in a pool ("": in any or none) at an instant: a task, or an instance. O(attempts) once.

        Of several the last by DAG, date, partition, and then in the plan. Without those that took no time: who was
        before them had made that room.
        """
        found = {}
        for row in sorted(self.rows.values(), key=lambda row: (row.dag, row.logical_date or 0, row.partition or "")):
            for task in row.tasks:
                declared = self._declared(row.dag, task.task)
                if declared.wait is not None and declared.wait.mode != "poke":
                    continue  # it holds neither a worker nor slots while it waits
                for each in task.instances or (task,):
                    point = Point("task", row.run, each.task)
                    for _, begin, at, state, _ in each.attempts:
                        if state in FINAL_TASK_STATES and begin is not None and begin < at:
                            found["", at] = found[declared.pool or "", at] = point
        return found

    # ------------------------------------------------------------------------------------- tasks

    def tasks(self, run: int) -> dict[str, TaskRow]:
        """The tasks of a run that were touched, by id. O(tasks) once."""
        found = self._tasks.get(run)
        if found is None:
            found = self._tasks[run] = {task.task: task for task in self.rows[run].tasks}
        return found

    def task(self, point: Point) -> AnyTask:
        """The declaration of a point's task. O(1)."""
        return self._declared(self.rows[point.of].dag, point.task)

    def _declared(self, dag: str, task: str) -> AnyTask:
        arrays = self.dags[dag]
        return arrays.tasks[arrays.index[task.partition("[")[0]]]

    def needs(self, point: Point) -> list[str]:
        """The tasks of its DAG that a point's task follows. O(their number)."""
        arrays = self.dags[self.rows[point.of].dag]
        return [arrays.ids[need] for need in arrays.plan.needs[arrays.index[point.task.partition("[")[0]]]]

    def task_state(self, point: Point) -> str:
        """How a task, or an instance of one, ended, or stands. O(1)."""
        row = self._task_row(point.of, point.task)
        assert row is not None, point
        return row.state

    def _task_row(self, run: int, task: str) -> TaskRow | None:
        mapped, _, number = task.partition("[")
        found = self.tasks(run).get(mapped)
        if not number or found is None:
            return found
        return next((each for each in found.instances or () if each.task == task), None)

    def begun(self, runs: Sequence[int]) -> list[Point]:
        """The tasks of these runs that began, of a mapped one each instance, in the order of time. O(n log n)."""
        found: list[tuple[int, Point]] = []
        for run in runs:
            for row in self.rows[run].tasks:
                of_instances = [(since, each.task) for each in row.instances or () if (since := span_of(each)[0])]
                began = self.interval(run, row.task)[0]
                if of_instances:
                    found.extend((since, Point("task", run, task)) for since, task in of_instances)
                elif began is not None:
                    found.append((began, Point("task", run, row.task)))
        found.sort(key=itemgetter(0))
        return [point for _, point in found]

    def latest(self, points: Sequence[Point]) -> int:
        """When the last of these ended, or began where it goes on. O(points)."""
        return latest_of(self.interval, points)

    def interval(self, run: int, task: str) -> TimeSpan:
        """When a task, or an instance, began and ended; one that never ran began and ended at once. O(1)."""
        row = self._task_row(run, task)
        if row is None:
            return None, None
        if row.instances:
            spans = [span_of(each) for each in row.instances]
            begun = [begin for begin, _ in spans if begin is not None]
            if begun:
                ends = [end for _, end in spans if end is not None]
                return min(begun), max(ends, default=None) if row.state in FINAL_TASK_STATES else None
        if row.attempts:
            return span_of(row)
        at = self._never_ran.get((run, task))
        return at, at

    def last_task(self, run: int) -> Point:
        """The task of a run that ended last, or one that has not ended; without tasks the run's start. O(tasks)."""
        best: tuple[bool, int] = (False, -1)
        found = Point("start", run)
        for task in self.tasks(run):
            begin, end = self.interval(run, task)
            if begin is not None and (rank := (end is None, begin if end is None else end)) >= best:
                best, found = rank, Point("task", run, task)
        return found


def span_of(row: TaskRow) -> tuple[int | None, int | None]:
    """When a task, or an instance of one, began and ended (ns), by its attempts. O(1)."""
    if not row.attempts:
        return None, None
    return row.attempts[0][1], row.attempts[-1][2] if row.state in FINAL_TASK_STATES else None
