"""What happened in a course: the outcome of the reference, read from its finished fold.

Owns `Trace`; a run's number is the offset of its request, an event's that of its record. `before` gives what ended last
before a point began, and so decided when it could. Invariant: following `before` never comes back to the same point.
O(out-degree) a step.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from reactive_dag.declare.wait import Wait
from reactive_dag.log.history import RunRow
from reactive_dag.model.records import Item, Json, Mark, Published, RunFinished, TaskFinished
from reactive_dag.model.times import format_time, parse_time
from reactive_dag.whatif.outcome.course_runs import CourseRuns
from reactive_dag.whatif.outcome.loose_ends import LooseEnds
from reactive_dag.whatif.outcome.openers import opener
from reactive_dag.whatif.outcome.outcome import EventName
from reactive_dag.whatif.outcome.points import MARKS, Point, Predecessor
from reactive_dag.whatif.outcome.rows import Due, Left, Unfinished

if TYPE_CHECKING:
    pass


class Trace(CourseRuns):
    """Looks back at a finished fold. An `Outcome`."""

    def before(self, point: Point) -> Predecessor | None:
        """What ended last before a point began, and so decided when it could; None if nothing did. O(needs)."""
        if point.kind == "end":
            last = self.last_task(point.of)
            return Predecessor(last, "", self._ended(last))
        if point.kind == "start":
            return self._before_start(self.rows[point.of])
        if point.kind == "silence":
            return self._heard(point.task)
        return self._before_task(point) if point.kind == "task" else None

    def _ended(self, point: Point) -> int:
        if point.kind == "task":
            begin, end = self.interval(point.of, point.task)
            return end or begin or 0
        row = self.rows.get(point.of)
        if row is None or point.kind not in ("start", "end"):
            return point.of
        return (row.started if point.kind == "start" else row.ended) or row.requested or 0

    def _before_task(self, point: Point) -> Predecessor:
        task = self.task(point)
        begin, end = self.interval(point.of, point.task)
        if task.wait is not None and begin is not None and end is not None:
            awaited = self.awaited(point)
            if awaited is not None and begin < awaited.at <= end:
                return awaited
        last = self._needed(point, begin)
        if begin is not None and begin > last.at + self.lateness(point):
            freed = self._freed(task.pool, begin)
            return last if freed is None else Predecessor(freed, "slot", begin)
        return last

    def _freed(self, pool: str | None, at: int) -> Point | None:
        """Whose attempt ended at an instant and so made room in a pool, or freed a worker where those are bounded."""
        found = None if pool is None else self._left.get((pool, at))
        return self._left.get(("", at)) if found is None and self.draws.effects.workers is not None else found

    def lateness(self, point: Point) -> int:
        """How much later (ns) than it could a task, or the start of a run, was told to come. O(1)."""
        dag = self.rows[point.of].dag
        if point.kind == "start":
            return self.draws.run_lateness(point.of, dag)
        return self.draws.task_lateness(point.of, (dag, point.task.partition("[")[0]), point.task)

    def ready(self, point: Point) -> int | None:
        """When all had ended that a task needs, slots and places aside; None if it has not begun. O(needs)."""
        begin = self.interval(point.of, point.task)[0]
        return None if begin is None else self._needed(point, begin).at

    def _needed(self, point: Point, begin: int | None) -> Predecessor:
        """What ended last of all that a task needs."""
        found = [Predecessor(Point("start", point.of), "", self.rows[point.of].started or 0)]
        for need in self.needs(point):
            ended = self.interval(point.of, need)[1]
            if ended is not None and (begin is None or ended <= begin):
                found.append(Predecessor(Point("task", point.of, need), "needs", ended))
        if self.task(point).depends_on_past and begin is not None:
            found.extend(self._past(point, begin))
        return max(found, key=lambda each: self._place(point, each))

    def _place(self, point: Point, each: Predecessor) -> tuple[int, int, int]:
        """What ended last; at one instant its own past before others, and then the later in the plan."""
        kind = ("", "needs", "past").index(each.link)
        index = self.dags[self.rows[point.of].dag].index
        return each.at, kind, index[each.point.task.partition("[")[0]] if kind else 0

    def _past(self, point: Point, begin: int) -> list[Predecessor]:
        previous = self.fold.by_date.previous(self.rows[point.of])
        ended = None if previous is None or previous not in self.rows else self.interval(previous, point.task)[1]
        if previous is None or ended is None or ended > begin:
            return []
        return [Predecessor(Point("task", previous, point.task), "past", ended)]

    def awaited(self, point: Point) -> Predecessor | None:
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
            return Predecessor(Point("task", run, task) if task else Point("end", run), "awaits", at)
        events = self.fold.log.events(named["dataset"])
        offset = next(n for n, event in events if event.at == at and event.partition == named["partition"])
        return Predecessor(Point("event", offset), "awaits", at)

    def _state(self, point: Point) -> str:
        return self.tasks(point.of)[point.task].state if point.kind == "task" else self.rows[point.of].state

    def _ends_of(self, run: int, wait: Wait) -> list[Predecessor]:
        if not wait.tasks:
            ended = self.rows[run].ended
            return [] if ended is None else [Predecessor(Point("end", run), "awaits", ended)]
        spans = [(task, self.interval(run, task)[1]) for task in wait.tasks]
        return [Predecessor(Point("task", run, task), "awaits", end) for task, end in spans if end is not None]

    def _before_start(self, row: RunRow) -> Predecessor | None:
        started, requested = row.started, row.requested or 0
        limit = self.dags[row.dag].limit
        if started is not None and started > requested and limit is not None:
            # Runs of one DAG begin in the order of their requests, so it was an earlier one that made room.
            freed = [other for other in self.by_dag[row.dag] if other < row.run and self.ended(other) == started]
            if freed:
                made_room = max(freed, key=lambda other: (self.rows[other].logical_date or 0, other))
                return Predecessor(Point("end", made_room), "slot", started)
        causes = self.causes(row.run)
        last = max(causes, key=self._rank, default=None)
        if last is None or last.at >= requested:
            return last
        return self._opener(row, requested, causes) or last

    def _rank(self, cause: Predecessor) -> tuple[int, str, int]:
        """What came last; at one instant by name and date, since the order of records is no answer."""
        point = cause.point
        date = (self.rows[point.of].logical_date or 0) if point.kind in ("task", "end") else 0
        return cause.at, self.name(point), date

    def _opener(self, row: RunRow, requested: int, causes: list[Predecessor]) -> Predecessor | None:
        """What set the timer that released a run's firing."""
        active = self.fold.router.triggers.get((row.dag, row.label))

        def earlier(at: int) -> int | None:
            before = [run for run in self.by_dag[row.dag] if run < row.run and self.rows[run].label == row.label]
            return next((run for run in before if self.rows[run].requested == at), None)

        return None if active is None else opener(active.trigger, requested, causes, earlier)

    def _heard(self, identity: str) -> Predecessor | None:
        """What a silence was armed by (I3); None if nothing had been heard, or another silence. O(1)."""
        name, _, rest = identity.partition("@")[0].partition("[")[0].partition("/")
        run = self.by_key.get(name)
        if run is not None:
            task = rest.partition("/")[0]
            point = Point("task", run, task) if task else Point("end", run)
            return Predecessor(point, "silence", self._ended(point))
        dataset, _, number = name.rpartition("#")
        offset = self._events.get((dataset, int(number))) if number.isdigit() else None
        return (
            None if offset is None else Predecessor(Point("event", offset), "silence", self.at(Point("event", offset)))
        )

    def causes(self, run: int) -> list[Predecessor]:
        """What caused a run, in the order in which it was consumed. O(causes)."""
        return [self._cause(item) for item in self.fold.runs.request(run).causes]

    def _cause(self, item: Item) -> Predecessor:
        if isinstance(item, Mark):
            return Predecessor(Point(MARKS[item.kind], item.due, item.by), "caused by", item.due)
        fact = self.fold.log.record(item)
        if isinstance(fact, RunFinished):
            return Predecessor(Point("end", fact.run), "caused by", fact.at)
        if isinstance(fact, TaskFinished):
            return Predecessor(Point("task", fact.run, fact.task), "caused by", fact.at)
        if isinstance(fact, Published) and fact.run >= 0:
            made = Point("task", fact.run, fact.task) if fact.task else Point("end", fact.run)
            return Predecessor(made, "caused by", fact.at)
        return Predecessor(Point("event", item), "caused by", fact.at)

    # ------------------------------------------------------------------------------------- names and instants

    def at(self, point: Point) -> int:
        """When a mark or an event from outside happened. O(1)."""
        return self.fold.log.record(point.of).at if point.kind == "event" else point.of

    def event(self, point: Point) -> EventName:
        """The name of an event from outside. O(1)."""
        fact = self.fold.log.record(point.of)
        return (fact.dataset, fact.n) if isinstance(fact, Published) else ("", 0)

    def event_at(self, name: EventName) -> int | None:
        """When an event from outside came, by its name. O(records) once."""
        offset = self._events.get(name)
        return None if offset is None else self.fold.log.record(offset).at

    def name(self, point: Point) -> str:
        """What a point is called. O(1)."""
        if point.kind in MARKS.values():
            of = self.by_key.get(point.task) if point.kind == "deadline" else None
            return f"{point.kind} {'' if of is None else f'of {self.dag(of)} '}{format_time(point.of)}"
        if point.kind == "event":
            fact = self.fold.log.record(point.of)
            return f"event of {fact.dataset}" if isinstance(fact, Published) else "start by hand"
        dag = self.rows[point.of].dag
        return f"{dag}.{point.task}" if point.kind == "task" else dag

    # ------------------------------------------------------------------------------------- the end

    def unfinished(self) -> list[Unfinished]:
        """What is unfinished at the end, and why. O(live runs + items pending)."""
        return self._loose_ends.unfinished()

    def deadlines(self) -> list[Due]:
        """The deadlines of runs, and those for which no run came. O(records)."""
        return self._loose_ends.deadlines(self.rows.values())

    def left(self) -> list[Left]:
        """The items that no run took. O(items pending + parts)."""
        return self._loose_ends.left()

    @cached_property
    def _loose_ends(self) -> LooseEnds:
        return LooseEnds(self.fold, {id: dag.limit for id, dag in self.dags.items()})
