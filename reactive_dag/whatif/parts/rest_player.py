"""A course of the rest of a graph: what is not static, and beside it the border of the static part.

Owns `RestPlayer`. A DAG on the border has its clocks and its tasks; runs that data requests are requested when the
static part says, and a wait ends when and how it says. Invariant: what it plays of the border is what the static part
says, so the rest sees what it would see in a course of the whole. O(records of the rest and the border).
"""

from __future__ import annotations

from bisect import bisect_left
from collections import deque
from heapq import heappop, heappush
from typing import TYPE_CHECKING

from attrs import evolve

from reactive_dag.model.records import Mark, RunRequested, StartRequested, TaskFinished
from reactive_dag.whatif.course.player import CoursePlayer, OutsideEvent
from reactive_dag.whatif.window.arrays import BEYOND

if TYPE_CHECKING:
    from reactive_dag.engine.deciding.router import ActiveTrigger
    from reactive_dag.engine.fold.hooks import FoldHooks
    from reactive_dag.engine.runs.state import RunState
    from reactive_dag.triggers.firing import Firing
    from reactive_dag.whatif.course.prepared import PreparedGraph
    from reactive_dag.whatif.parts.border import Border, GivenWait
    from reactive_dag.whatif.parts.static_part import StaticPart
    from reactive_dag.whatif.question.effects import Effects
    from reactive_dag.whatif.question.question import Question


class RestPlayer(CoursePlayer):
    """Plays the rest of a graph beside a static part, as `border` says it went."""

    def __init__(
        self, question: Question, prepared: PreparedGraph, effects: Effects, part: StaticPart, border: Border,
        future: int = 0,
    ) -> None:  # fmt: skip
        self.part = part
        self.border = border
        self._runs = deque(border.runs)
        self._ends: list[tuple[int, int, RunState, int, GivenWait]] = []
        self._late = bool(effects.tasks)
        super().__init__(question, prepared, effects, future)

    # ------------------------------------------------------------------------------------- what is played

    def _hooks(self, effects: Effects) -> FoldHooks:
        return evolve(super()._hooks(effects), delay_first=self._comes_later)

    def _is_played(self, dag: str) -> bool:
        return dag in self.border.dags or dag not in self.part.dags

    def _outside_events(self) -> list[OutsideEvent]:
        """The events of what the rest hears or awaits."""
        return [event for event in super()._outside_events() if event[1] in self.part.datasets]

    def _before_end(self, active: ActiveTrigger, fired: list[Firing], at: int) -> list[Firing]:
        """On the border ticks alone request runs: what data requests is given."""
        found = super()._before_end(active, fired, at)
        if active.dag not in self.border.dags:
            return found
        return [firing for firing in found if all(isinstance(item, Mark) for item in firing.items)]

    # ------------------------------------------------------------------------------------- instants

    def _due(self) -> int:
        due = super()._due()
        if self._runs:
            due = min(due, self._runs[0].at)
        return min(due, self._ends[0][0]) if self._ends else due

    def _goes_on(self, due: int) -> bool:
        instants = self.border.instants
        return bool(instants and due <= instants[-1]) or super()._goes_on(due)

    def _seen_last(self, due: int) -> int:
        before = bisect_left(self.border.instants, due)
        return max(self.clock.now(), self.border.instants[before - 1] if before else 0)

    def _offer_delayed(self, now: int) -> None:
        self._end_waits(now)
        self._request(now)
        super()._offer_delayed(now)

    # ------------------------------------------------------------------------------------- what is given

    def _request(self, now: int) -> None:
        """Request the runs that data requested at an instant. A start by hand stands for what caused one."""
        while self._runs and self._runs[0].at == now:
            run = self._runs.popleft()
            start = StartRequested(now, run.dag, 0, None, None, None, run.date, run.partition, cascade=run.cascade)
            self.log.push(start)
            offset = self.log.push(RunRequested(now, run.dag, run.label, (self.log.next_offset - 1,), key=run.key))
            self._identities.know(offset, self.border.identities[run.number])
            self._decide()

    def number(self, offset: int) -> int:
        """The number that a run of the border has in the static part. O(causes) once."""
        return self.border.numbers[self._identities.of(offset)]

    def _comes_later(self, run: RunState, index: int) -> bool:
        """Whether a first attempt is offered later; a wait of the border is not offered, but ends as it is given."""
        if run.tasks[index].wait is None or run.dag.id not in self.border.dags:
            return self._late and super()._comes_later(run, index)
        given = self.border.waits.get((self.number(run.run), index))
        if given is not None and given.end < BEYOND:
            if given.end == self.clock.now():
                self._end(run, index, given)
            else:
                heappush(self._ends, (given.end, next(self._number), run, index, given))
        return True

    def _end_waits(self, now: int) -> None:
        """End the waits that are given to end at an instant, with all that follows from it."""
        while self._ends and self._ends[0][0] == now:
            _, _, run, index, given = heappop(self._ends)
            self._end(run, index, given)
        self._decide()

    def _end(self, run: RunState, index: int, given: GivenWait) -> None:
        now, id = self.clock.now(), run.plan.ids[index]
        self.log.push(TaskFinished(now, run.run, id, given.state, 0, given.output, retry=False))
