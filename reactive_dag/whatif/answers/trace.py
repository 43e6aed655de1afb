"""What happened in a course: its runs, when their tasks began and ended, and what each of them followed.

Owns `Trace`, built from a finished fold. A *point* is a task of a run, the start or the end of a run, or what nothing
caused: a tick, a silence, a missed deadline, an event from outside. `before` gives what ended last before a point
began, and so decided when it could. Invariant: following `before` never comes back to the same point. O(out-degree) a
step.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Literal, TypeAlias

from attrs import frozen

from reactive_dag.declare.wait import Wait
from reactive_dag.log.history import RunRow, TaskRow
from reactive_dag.model.records import FINAL_TASK_STATES, Item, Json, Mark, Published, RunFinished, TaskFinished
from reactive_dag.model.times import format_time, parse_time

if TYPE_CHECKING:
    from reactive_dag.declare.task import AnyTask
    from reactive_dag.engine.fold.fold import Fold
    from reactive_dag.whatif.course.played_dag import PlayedDag

PointKind: TypeAlias = Literal["task", "start", "end", "tick", "silence", "deadline", "event"]
Relation: TypeAlias = Literal["needs", "awaits", "caused by", "slot", "past", ""]
MARKS: dict[str, PointKind] = {"tick": "tick", "absent": "silence", "missed": "deadline"}
"""What no fact stands behind, by the kind of its mark."""


@frozen
class TracePoint:
    """Something that happened: `of` is a run's offset (a record's, for an event; the instant of a mark)."""

    kind: PointKind
    of: int
    task: str = ""


@frozen
class Predecessor:
    """What a point followed, how they are related, and when the earlier one had ended (ns)."""

    point: TracePoint
    link: Relation
    at: int


class Trace:
    """Looks back at a finished fold; `dags` are the DAGs as they were played."""

    def __init__(self, fold: Fold, dags: dict[str, PlayedDag]) -> None:
        self.fold = fold
        self.dags = dags
        self._tasks: dict[int, dict[str, TaskRow]] = {}

    @cached_property
    def rows(self) -> dict[int, RunRow]:
        """Every run by its offset, in the order of the requests. O(runs log runs) once."""
        runs = self.fold.runs
        rows = [*self.fold.log.runs(), *(runs.row(offset) for offset in runs.live)]
        rows.extend(runs.row(offset) for queue in self.fold.slots.queues.values() for offset in queue)
        return {row.run: row for row in sorted(rows, key=lambda row: row.run)}

    @cached_property
    def by_dag(self) -> dict[str, list[RunRow]]:
        """The runs of each DAG in the order of their requests. O(runs)."""
        found: dict[str, list[RunRow]] = {}
        for row in self.rows.values():
            found.setdefault(row.dag, []).append(row)
        return found

    @cached_property
    def by_key(self) -> dict[str, int]:
        """Each run's offset by its key. O(runs)."""
        return {row.key: run for run, row in self.rows.items()}

    @cached_property
    def events(self) -> dict[tuple[str, int], int]:
        """When each event from outside came, by dataset and number. O(records)."""
        records = self.fold.log.read(0, self.fold.log.next_offset)
        return {(r.dataset, r.n): r.at for r in records if isinstance(r, Published) and r.run < 0}

    @cached_property
    def never_ran(self) -> dict[tuple[int, str], int]:
        """When each task that never ran got its state. O(records) once."""
        records = self.fold.log.read(0, self.fold.log.next_offset)
        return {(r.run, r.task): r.at for r in records if type(r) is TaskFinished and not r.attempt}

    @cached_property
    def left_pool(self) -> dict[tuple[str, int], TracePoint]:
        """The last task that ended in a pool at an instant. O(tasks) once."""
        found = {}
        for row in self.rows.values():
            for each in row.tasks:
                pool = self.dags[row.dag].tasks[each.task].pool
                if pool is not None and each.attempts and each.state in FINAL_TASK_STATES:
                    found[pool, each.attempts[-1][2]] = TracePoint("task", row.run, each.task)
        return found

    # ------------------------------------------------------------------------------------- tasks

    def tasks(self, run: int) -> dict[str, TaskRow]:
        """The tasks of a run that were touched, by id. O(tasks) once."""
        found = self._tasks.get(run)
        if found is None:
            found = self._tasks[run] = {task.task: task for task in self.rows[run].tasks}
        return found

    def task(self, point: TracePoint) -> AnyTask:
        """The declaration of a point's task. O(1)."""
        return self.dags[self.rows[point.of].dag].tasks[point.task]

    def interval(self, run: int, task: str) -> tuple[int | None, int | None]:
        """When a task began and ended (ns); no end if it has not. One that never ran began and ended at once."""
        row = self.tasks(run).get(task)
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
        at = self.never_ran.get((run, task))
        return at, at

    def last_task(self, run: int) -> TracePoint:
        """The task of a run that ended last, or one that has not ended; without tasks the run's start. O(tasks)."""
        best: tuple[bool, int] = (False, -1)
        found = TracePoint("start", run)
        for task in self.tasks(run):
            begin, end = self.interval(run, task)
            if begin is not None and (rank := (end is None, begin if end is None else end)) >= best:
                best, found = rank, TracePoint("task", run, task)
        return found

    # ------------------------------------------------------------------------------------- looking back

    def before(self, point: TracePoint) -> Predecessor | None:
        """What ended last before a point began, and so decided when it could; None if nothing did. O(needs)."""
        if point.kind == "end":
            last = self.last_task(point.of)
            return Predecessor(last, "", self._ended(last))
        if point.kind == "start":
            return self._before_start(self.rows[point.of])
        return self._before_task(point) if point.kind == "task" else None

    def _ended(self, point: TracePoint) -> int:
        if point.kind == "task":
            begin, end = self.interval(point.of, point.task)
            return end or begin or 0
        row = self.rows.get(point.of)
        if row is None or point.kind not in ("start", "end"):
            return point.of
        return (row.started if point.kind == "start" else row.ended) or row.requested or 0

    def _before_task(self, point: TracePoint) -> Predecessor:
        task = self.task(point)
        begin, end = self.interval(point.of, point.task)
        if task.wait is not None and begin is not None and end is not None:
            awaited = self.awaited(point)
            if awaited is not None and begin < awaited.at <= end:
                return awaited
        found = [Predecessor(TracePoint("start", point.of), "", self.rows[point.of].started or 0)]
        for need in self.dags[self.rows[point.of].dag].needs(point.task):
            ended = self.interval(point.of, need)[1]
            if ended is not None and (begin is None or ended <= begin):
                found.append(Predecessor(TracePoint("task", point.of, need), "needs", ended))
        if task.depends_on_past and begin is not None:
            found.extend(self._past(point, begin))
        last = max(reversed(found), key=lambda each: each.at)
        if task.pool is not None and begin is not None and begin > last.at:
            freed = self.left_pool.get((task.pool, begin))
            return last if freed is None else Predecessor(freed, "slot", begin)
        return last

    def _past(self, point: TracePoint, begin: int) -> list[Predecessor]:
        previous = self.fold.by_date.previous(self.rows[point.of])
        ended = None if previous is None or previous not in self.rows else self.interval(previous, point.task)[1]
        if previous is None or ended is None or ended > begin:
            return []
        return [Predecessor(TracePoint("task", previous, point.task), "past", ended)]

    def awaited(self, point: TracePoint) -> Predecessor | None:
        """What a wait that has ended had waited for: of the runs it saw, what ended last. O(tasks awaited)."""
        wait = self.task(point).wait
        row = self.tasks(point.of).get(point.task)
        if wait is None or row is None:
            return None
        named = [one for one in (row.output if isinstance(row.output, list) else [row.output]) if one]
        if wait.dataset is not None:
            return max([self._made(one) for one in named], key=lambda each: each.at, default=None)
        found = [each for one in named for each in self._ends_of(self.by_key[one["key"]], wait)]
        bad = [each for each in found if row.state != "success" and self._state(each.point) not in wait.states]
        return max(bad or found, key=lambda each: each.at, default=None)

    def _made(self, named: dict[str, Json]) -> Predecessor:
        """What made an event that a wait saw: a task, a run's end, or somebody outside. O(events of its dataset)."""
        at = parse_time(named["at"])
        if named["run"] is not None:
            run, task = self.by_key[named["run"]], named["task"]
            return Predecessor(TracePoint("task", run, task) if task else TracePoint("end", run), "awaits", at)
        events = self.fold.log.events(named["dataset"])
        offset = next(n for n, event in events if event.at == at and event.partition == named["partition"])
        return Predecessor(TracePoint("event", offset), "awaits", at)

    def _state(self, point: TracePoint) -> str:
        return self.tasks(point.of)[point.task].state if point.kind == "task" else self.rows[point.of].state

    def _ends_of(self, run: int, wait: Wait) -> list[Predecessor]:
        if not wait.tasks:
            ended = self.rows[run].ended
            return [] if ended is None else [Predecessor(TracePoint("end", run), "awaits", ended)]
        spans = [(task, self.interval(run, task)[1]) for task in wait.tasks]
        return [Predecessor(TracePoint("task", run, task), "awaits", end) for task, end in spans if end is not None]

    def _before_start(self, row: RunRow) -> Predecessor | None:
        started, requested = row.started, row.requested or 0
        limit = self.dags[row.dag].max_active_runs
        if started is not None and started > requested and limit is not None:
            # Runs of one DAG begin in the order of their requests, so it was an earlier one that made room.
            freed = [other.run for other in self.by_dag[row.dag] if other.ended == started and other.run < row.run]
            if freed:
                return Predecessor(TracePoint("end", freed[-1]), "slot", started)
        causes = [self._cause(item) for item in self.fold.runs.request(row.run).causes]
        return max(causes, key=lambda each: each.at, default=None)

    def _cause(self, item: Item) -> Predecessor:
        if isinstance(item, Mark):
            return Predecessor(TracePoint(MARKS[item.kind], item.due), "caused by", item.due)
        fact = self.fold.log.record(item)
        if isinstance(fact, RunFinished):
            return Predecessor(TracePoint("end", fact.run), "caused by", fact.at)
        if isinstance(fact, TaskFinished):
            return Predecessor(TracePoint("task", fact.run, fact.task), "caused by", fact.at)
        if isinstance(fact, Published) and fact.run >= 0:
            made = TracePoint("task", fact.run, fact.task) if fact.task else TracePoint("end", fact.run)
            return Predecessor(made, "caused by", fact.at)
        return Predecessor(TracePoint("event", item), "caused by", fact.at)

    # ------------------------------------------------------------------------------------- names

    def name(self, point: TracePoint) -> str:
        """What a point is called. O(1)."""
        if point.kind in MARKS.values():
            return f"{point.kind} {format_time(point.of)}"
        if point.kind == "event":
            fact = self.fold.log.record(point.of)
            return f"event of {fact.dataset}" if isinstance(fact, Published) else "start by hand"
        dag = self.rows[point.of].dag
        return f"{dag}.{point.task}" if point.kind == "task" else dag


def span_of(row: TaskRow) -> tuple[int | None, int | None]:
    """When a task, or an instance of one, began and ended (ns), by its attempts. O(1)."""
    if not row.attempts:
        return None, None
    return row.attempts[0][1], row.attempts[-1][2] if row.state in FINAL_TASK_STATES else None
