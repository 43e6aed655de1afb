"""What happened in a course, for looking back: runs, their tasks' spans, and which of them came just before another.

Owns `Trace`, built from a finished core. A *place* is a task of a run, the start or the end of a run, or what came from
nowhere: a tick, a silence, an event from outside. `before` gives what ended last before a place began, and so decides
it. Invariant: following `before` never comes back to the same place. O(out-degree) a step.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import TYPE_CHECKING, Literal, TypeAlias

from attrs import frozen

from reactive_dag.declare.internals import plan_of
from reactive_dag.declare.task import AnyTask
from reactive_dag.declare.wait import Wait
from reactive_dag.log.history import RunRow, TaskRow
from reactive_dag.model.records import FINAL_TASK_STATES, Item, Mark, Published, RunFinished, TaskFinished
from reactive_dag.model.times import format_time

if TYPE_CHECKING:
    from reactive_dag.declare.dag import Dag
    from reactive_dag.declare.plan import Plan
    from reactive_dag.engine.fold.fold import Fold

Kind: TypeAlias = Literal["task", "start", "end", "tick", "silence", "event"]
Link: TypeAlias = Literal["needs", "awaits", "caused by", "slot", "past", ""]


@frozen
class Place:
    """Something that happened: `of` is a run's offset (a record's, for an event; the instant of a tick or silence)."""

    kind: Kind
    of: int
    task: str = ""


@frozen
class Before:
    """What came before a place, how that place hung on it, and when it had ended (ns)."""

    place: Place
    link: Link
    at: int


@frozen
class Shape:
    """What a DAG was when it was played; its declaration may change later."""

    tasks: dict[str, AnyTask]
    plan: Plan
    max_active_runs: int | None

    @classmethod
    def of(cls, dag: Dag) -> Shape:
        """As the DAG is now. O(tasks)."""
        return cls(dict(dag.tasks), plan_of(dag), dag.max_active_runs)

    def needs(self, task: str) -> Iterator[str]:
        """The tasks that a task follows. O(their number)."""
        return (self.plan.ids[need] for need in self.plan.needs[self.plan.index[task]])


class Trace:
    """Looks back at a finished core."""

    def __init__(self, core: Fold, shapes: dict[str, Shape]) -> None:
        self.core = core
        self.shapes = shapes
        self._tasks: dict[int, dict[str, TaskRow]] = {}

    @cached_property
    def rows(self) -> dict[int, RunRow]:
        """Every run by its offset, in the order of the requests. O(runs log runs) once."""
        runs = self.core.runs
        rows = [*self.core.log.runs(), *(runs.row(offset) for offset in runs.live)]
        rows.extend(runs.row(offset) for queue in runs.queued.values() for offset in queue)
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
        records = self.core.log.read(0, self.core.log.next_offset)
        return {(r.dataset, r.n): r.at for r in records if isinstance(r, Published) and r.run < 0}

    @cached_property
    def never_ran(self) -> dict[tuple[int, str], int]:
        """When each task that never ran got its state. O(records) once."""
        records = self.core.log.read(0, self.core.log.next_offset)
        return {(r.run, r.task): r.at for r in records if type(r) is TaskFinished and not r.attempt}

    # ------------------------------------------------------------------------------------- tasks

    def tasks(self, run: int) -> dict[str, TaskRow]:
        """The tasks of a run that were touched, by id. O(tasks) once."""
        found = self._tasks.get(run)
        if found is None:
            found = self._tasks[run] = {task.task: task for task in self.rows[run].tasks}
        return found

    def task(self, place: Place) -> AnyTask:
        """The declaration of a place's task. O(1)."""
        return self.shapes[self.rows[place.of].dag].tasks[place.task]

    def span(self, run: int, task: str) -> tuple[int | None, int | None]:
        """When a task began and ended; the end is None if it did not. One that never ran began and ended at once."""
        row = self.tasks(run).get(task)
        if row is None:
            return None, None
        if row.attempts:
            return row.attempts[0][1], row.attempts[-1][2] if row.state in FINAL_TASK_STATES else None
        at = self.never_ran.get((run, task))
        return at, at

    def last_task(self, run: int) -> Place:
        """What a run ended with: its task that ended last, one that has not ended first of all; else its start."""
        best: tuple[bool, int] = (False, -1)
        found = Place("start", run)
        for task in self.tasks(run):
            begin, end = self.span(run, task)
            if begin is not None and (rank := (end is None, begin if end is None else end)) >= best:
                best, found = rank, Place("task", run, task)
        return found

    # ------------------------------------------------------------------------------------- looking back

    def before(self, place: Place) -> Before | None:
        """What ended last before a place began, and so decided when it could; None for what came from nowhere."""
        if place.kind == "end":
            last = self.last_task(place.of)
            return Before(last, "", self._ended(last))
        if place.kind == "start":
            return self._before_start(self.rows[place.of])
        return self._before_task(place) if place.kind == "task" else None

    def _ended(self, place: Place) -> int:
        if place.kind == "task":
            begin, end = self.span(place.of, place.task)
            return end or begin or 0
        row = self.rows.get(place.of)
        if row is None or place.kind not in ("start", "end"):
            return place.of
        return (row.started if place.kind == "start" else row.ended) or row.requested or 0

    def _before_task(self, place: Place) -> Before:
        task = self.task(place)
        begin, end = self.span(place.of, place.task)
        if task.wait is not None and begin is not None and end is not None:
            awaited = self.awaited(place)
            if awaited is not None and begin < awaited.at <= end:
                return awaited
        found = [Before(Place("start", place.of), "", self.rows[place.of].started or 0)]
        for need in self.shapes[self.rows[place.of].dag].needs(place.task):
            ended = self.span(place.of, need)[1]
            if ended is not None and (begin is None or ended <= begin):
                found.append(Before(Place("task", place.of, need), "needs", ended))
        if task.depends_on_past and begin is not None:
            found.extend(self._past(place, begin))
        return max(reversed(found), key=lambda each: each.at)

    def _past(self, place: Place, begin: int) -> list[Before]:
        previous = self.core.runs.previous(self.rows[place.of])
        ended = None if previous is None or previous not in self.rows else self.span(previous, place.task)[1]
        if previous is None or ended is None or ended > begin:
            return []
        return [Before(Place("task", previous, place.task), "past", ended)]

    def awaited(self, place: Place) -> Before | None:
        """What a wait that has ended had waited for: what of the runs it saw ended last. O(tasks awaited)."""
        wait = self.task(place).wait
        row = self.tasks(place.of).get(place.task)
        if wait is None or row is None:
            return None
        runs = row.output if isinstance(row.output, list) else [row.output]
        found = [each for one in runs if one for each in self._ends_of(one["run"], wait)]
        bad = [each for each in found if row.state != "success" and self._state(each.place) not in wait.states]
        return max(bad or found, key=lambda each: each.at, default=None)

    def _state(self, place: Place) -> str:
        return self.tasks(place.of)[place.task].state if place.kind == "task" else self.rows[place.of].state

    def _ends_of(self, run: int, wait: Wait) -> list[Before]:
        if not wait.tasks:
            ended = self.rows[run].ended
            return [] if ended is None else [Before(Place("end", run), "awaits", ended)]
        spans = [(task, self.span(run, task)[1]) for task in wait.tasks]
        return [Before(Place("task", run, task), "awaits", end) for task, end in spans if end is not None]

    def _before_start(self, row: RunRow) -> Before | None:
        started, requested = row.started, row.requested or 0
        limit = self.shapes[row.dag].max_active_runs
        if started is not None and started > requested and limit is not None:
            # Runs of one DAG begin in the order of their requests, so it was an earlier one that made room.
            freed = [other.run for other in self.by_dag[row.dag] if other.ended == started and other.run < row.run]
            if freed:
                return Before(Place("end", freed[-1]), "slot", started)
        causes = [self._cause(item) for item in self.core.runs.request(row.run).causes]
        return max(causes, key=lambda each: each.at, default=None)

    def _cause(self, item: Item) -> Before:
        if isinstance(item, Mark):
            return Before(Place("tick" if item.kind == "tick" else "silence", item.due), "caused by", item.due)
        fact = self.core.log.record(item)
        if isinstance(fact, RunFinished):
            return Before(Place("end", fact.run), "caused by", fact.at)
        if isinstance(fact, TaskFinished):
            return Before(Place("task", fact.run, fact.task), "caused by", fact.at)
        if isinstance(fact, Published) and fact.run >= 0:
            made = Place("task", fact.run, fact.task) if fact.task else Place("end", fact.run)
            return Before(made, "caused by", fact.at)
        return Before(Place("event", item), "caused by", fact.at)

    # ------------------------------------------------------------------------------------- names

    def name(self, place: Place) -> str:
        """What a place is called. O(1)."""
        if place.kind in ("tick", "silence"):
            return f"{place.kind} {format_time(place.of)}"
        if place.kind == "event":
            fact = self.core.log.record(place.of)
            return f"event of {fact.dataset}" if isinstance(fact, Published) else "start by hand"
        dag = self.rows[place.of].dag
        return f"{dag}.{place.task}" if place.kind == "task" else dag
