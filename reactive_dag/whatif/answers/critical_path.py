"""The critical path: from the end of a run back through whatever ended last, to a tick or an event from outside.

Owns `Step` and `CriticalPath`. Invariant: each step is what decided when the next one could go on; the steps stand in
the order of time. O(steps * needs).
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from attrs import evolve, frozen

from reactive_dag.model.times import repr_of
from reactive_dag.whatif.answers.assumptions import MARK, is_assumed
from reactive_dag.whatif.answers.show import Answer, clock_text, duration_text, iso, to_moment, to_timedelta
from reactive_dag.whatif.outcome.points import Point, PointKind, Predecessor, Relation

if TYPE_CHECKING:
    from collections.abc import Sequence

    from reactive_dag.engine.inspect.run import Run
    from reactive_dag.whatif.outcome.outcome import Outcome
    from reactive_dag.whatif.question.effects import Effects


@frozen
class Hop:
    """One point of the path, and how it is related to the one before: times in ns, `end` None if it has not ended."""

    point: Point
    link: Relation
    start: int
    end: int | None
    waited: int = 0
    detail: str = ""


@frozen(repr=False)
class Step:
    """One step of a critical path.

    `kind` is "task", "wait", "tick", "silence", "deadline" or "event". `link` is its relation to the step before:
    "needs" (within its DAG), "awaits" (a wait for another DAG), "caused by" (a trigger), "window" (it opened the window
    of the trigger, or was the last one before its pause), "silence" (what was heard last before it), "slot" (a place
    among the DAG's active runs, or slots of a pool), "past" (the DAG's run before). `waited` is what passed between the
    end of the step before and this one's start; of a wait, how long it waited. `end` of a task whose place the next
    step took is the end of the attempt that made room. `detail` names the timer of a window; `assumed`: how long it
    takes is assumed.
    """

    name: str
    kind: str
    link: Relation
    run: str | None
    start: datetime | None
    end: datetime | None
    waited: timedelta
    detail: str = ""
    assumed: bool = False

    def __repr__(self) -> str:
        return repr_of(self, "name", "kind", "link", "run", "start", "end", "waited", "detail")

    def to_json(self) -> dict[str, object]:
        """Plain data. O(1)."""
        return {
            "name": self.name, "kind": self.kind, "link": self.link, "run": self.run, "start": iso(self.start),
            "end": iso(self.end), "waited_s": self.waited.total_seconds(), "detail": self.detail,
            "assumed": self.assumed,
        }  # fmt: skip


class CriticalPath(Answer[Step]):
    """The critical path to one run. It prints as a table, and is a sequence of its steps."""

    columns = ("start", "end", "step", "takes", "waited", "because it")
    _row_type = Step
    _unit = "step"
    right = frozenset({"takes", "waited"})

    def __init__(self, run: Run, steps: list[Step], effects: Effects | None = None) -> None:
        self.run = run
        self._effects = effects if any(step.assumed for step in steps) else None
        self._zone = "UTC" if effects is None else effects.zone
        self.rows = self.steps = steps

    @property
    def waited(self) -> timedelta:
        """What of the path was waiting. O(steps)."""
        return sum((step.waited for step in self.steps), timedelta(0))

    @property
    def title(self) -> str:
        """Which run, and when it landed."""
        ended = self.run.ended
        when = f"ended {clock_text(ended)}" if ended is not None else f"is {self.run.state}"
        waited = duration_text(self.waited)
        return f"critical path to {_run(self.run)}, {when}" + (f"; {waited} of it waiting" if waited else "")

    def _cells_of(self, rows: Sequence[Step]) -> list[tuple[str, ...]]:
        return [
            (
                clock_text(step.start), clock_text(step.end), step.name, _takes(step), duration_text(step.waited),
                _LINKS.get(step.link, step.link).format(step.detail),
            )
            for step in rows
        ]  # fmt: skip

    def to_json(self) -> dict[str, object]:
        """Plain data. O(steps)."""
        return {
            "dag": self.run.dag, "run": self.run.key, "logical_date": iso(self.run.logical_date),
            "ended": iso(self.run.ended), "steps": [step.to_json() for step in self.steps],
        }  # fmt: skip


_LINKS = {"window": "is held by {} since the one above", "silence": "is the silence since the one above",
          "needs": "needs the one above", "awaits": "awaits the one above", "caused by": "is caused by the one above",
          "slot": "takes the place of the one above", "past": "needs its own run before"}  # fmt: skip


def hops(outcome: Outcome, run: int) -> list[Hop]:
    """The critical path to a run, in the order of time. O(steps * needs)."""
    found: list[Hop] = []
    seen: set[Point] = set()
    last = step_back(outcome, Point("end", run))
    while last is not None and last.point not in seen:
        seen.add(last.point)
        before = step_back(outcome, last.point)
        found.append(_hop(outcome, last, before))
        last = before
    found.reverse()
    return [_waiting(outcome, hop, found[at - 1] if at else None) for at, hop in enumerate(found)]


def step_back(outcome: Outcome, point: Point) -> Predecessor | None:
    """What a point had to wait for, and how they are related; the begin and the end of a run are passed over.

    O(needs).
    """
    link: Relation = ""
    detail = ""
    passed: set[Point] = set()
    found = outcome.before(point)
    while found is not None:
        if not link:
            link, detail = found.link, found.detail
        if found.point.kind not in ("start", "end"):
            return Predecessor(found.point, link, found.at, detail)
        if found.point in passed:
            return None
        passed.add(found.point)
        found = outcome.before(found.point)
    return None


def _hop(outcome: Outcome, reached: Predecessor, before: Predecessor | None) -> Hop:
    point, link, detail = reached.point, before.link if before else "", before.detail if before else ""
    if point.kind == "task":
        start, end = outcome.interval(point.of, point.task)
        made_room = reached.link == "slot"  # by the end of an attempt, which need not be the last
        return Hop(point, link, start or 0, reached.at if made_room else end, detail=detail)
    at = outcome.at(point)
    return Hop(point, link, at, at, detail=detail)


def _waiting(outcome: Outcome, hop: Hop, before: Hop | None) -> Hop:
    """A wait waited all its time; anything else from the end of what came before."""
    if before is None:
        return hop
    if hop.point.kind == "task" and outcome.task(hop.point).wait is not None:
        waited = (hop.end if hop.end is not None else outcome.over) - hop.start
    else:
        waited = hop.start - (before.end or hop.start)
    return evolve(hop, waited=waited)


def steps_of(outcome: Outcome, way: list[Hop]) -> list[Step]:
    """The steps that show these hops. O(steps)."""
    return [_step(outcome, hop) for hop in way]


def _step(outcome: Outcome, hop: Hop) -> Step:
    point = hop.point
    kind: PointKind | str = point.kind
    if point.kind == "task" and outcome.task(point).wait is not None:
        kind = "wait"
    run = outcome.key(point.of) if point.kind == "task" else None
    waited = to_timedelta(hop.waited) or timedelta(0)
    return Step(
        outcome.name(point), kind, hop.link, run, to_moment(hop.start), to_moment(hop.end), waited, hop.detail,
        kind == "task" and is_assumed(outcome, point),
    )  # fmt: skip


def _takes(step: Step) -> str:
    if step.kind == "wait" or step.start is None or step.end is None:
        return ""
    return f"{MARK if step.assumed else ''}{duration_text(step.end - step.start)}"


def _run(run: Run) -> str:
    about = run.partition or (None if run.logical_date is None else f"{run.logical_date:%Y-%m-%dT%H:%MZ}")
    return f"{run.dag} {about}" if about else run.dag
