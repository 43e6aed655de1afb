"""Why a run is in one course only, or ends in another state: back along causes, needs and waits that differ too.

Owns `Divergence`. A *spot* is a run or a task in one of two courses. From a spot that differs the chain goes back to
what it depended on, in the course where that went wrong, until nothing that it depended on differs. Invariant: no spot
is passed twice. O(needs + causes) a link.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from attrs import frozen

from reactive_dag.whatif.comparison.links import Chain, ChainLink
from reactive_dag.whatif.comparison.pairs import BASE, MINE, RunPair, RunPairs, Side
from reactive_dag.whatif.outcome.outcome import Outcome
from reactive_dag.whatif.outcome.points import Point, Predecessor, Relation

MOST_LINKS = 1_000
"""So many links at most; the rest of the way back is left out."""


@frozen
class Spot:
    """A run (`point.kind` "end") or a task of it, in one of the courses."""

    side: Side
    point: Point


class Divergence:
    """Finds the chains of one comparison; `note` says which interventions are on a task."""

    def __init__(self, pairs: RunPairs, note: Callable[[Outcome, Point], str]) -> None:
        self.pairs = pairs
        self.note = note

    def chain(self, pair: RunPair) -> tuple[Chain, Spot]:
        """From the first thing that differs to the run, and what that is. O(length of the way back)."""
        root = self._worse(self._spot(pair))
        spot: Spot | None = root
        links: list[ChainLink] = []
        seen: set[Spot] = set()
        while spot is not None and spot not in seen and len(links) < MOST_LINKS:
            seen.add(spot)
            root = spot
            behind, relation = self._behind(spot)
            links.append(self._link(spot, relation if behind is not None and behind not in seen else ""))
            spot = behind
        links.reverse()
        return Chain(tuple(links)), root

    def _spot(self, pair: RunPair) -> Spot:
        base, mine = pair
        if mine is not None:
            return Spot(MINE, Point("end", mine))
        assert base is not None
        return Spot(BASE, Point("end", base))

    # ------------------------------------------------------------------------------------- one link

    def _link(self, spot: Spot, relation: Relation) -> ChainLink:
        outcome, point = self._outcome(spot.side), spot.point
        name, dag = outcome.name(point), outcome.dag(point.of)
        if point.kind == "end":
            base, mine = self.pairs.states(self.pairs.pair(spot.side, point.of))
            note = "missing" if mine is None else "extra" if base is None else f"{mine}, was {base}"
            return ChainLink(name, dag, relation, None, note)
        row = outcome.tasks(point.of)[point.task]
        return ChainLink(
            name, dag, relation, None, self.note(outcome, point) or ": ".join(filter(None, (row.state, row.error)))
        )

    def _behind(self, spot: Spot) -> tuple[Spot | None, Relation]:
        """What a spot relation on that differs too, and how."""
        if spot.point.kind == "task":
            return self._behind_task(spot)
        if None in self.pairs.pair(spot.side, spot.point.of):
            causes = (self._worse(Spot(spot.side, point)) for point in self._causes(spot))
            return next((each for each in causes if self._differs(each)), None), "caused by"
        task = _culprit(self._outcome(spot.side), spot.point.of)
        return (None if task is None else Spot(spot.side, Point("task", spot.point.of, task))), "needs"

    def _causes(self, spot: Spot) -> Iterator[Point]:
        for cause in self._outcome(spot.side).causes(spot.point.of):
            point = cause.point
            if point.kind == "end":
                yield point
            elif point.kind == "task":
                whole = None in self.pairs.pair(spot.side, point.of)
                yield Point("end", point.of) if whole else point

    def _behind_task(self, spot: Spot) -> tuple[Spot | None, Relation]:
        outcome, point = self._outcome(spot.side), spot.point
        row, task = outcome.tasks(point.of)[point.task], outcome.task(point)
        if not row.attempts:
            needs = (Point("task", point.of, need) for need in outcome.needs(point))
            bad = (need for need in needs if self._state(Spot(spot.side, need)) not in ("success", None))
            return next((Spot(spot.side, need) for need in bad), None), "needs"
        if task.wait is None and not task.depends_on_past:
            return None, ""
        for each in (spot, self.counterpart(spot)):
            before = self._depended_on(each) if each is not None and self._state(each) else None
            if each is not None and before is not None:
                behind = self._worse(Spot(each.side, before.point))
                if self._differs(behind):
                    return behind, before.link
        return None, ""

    def _depended_on(self, spot: Spot) -> Predecessor | None:
        """What a wait awaited, or the past that a task needs."""
        outcome = self._outcome(spot.side)
        if outcome.task(spot.point).wait is not None:
            return outcome.awaited(spot.point)
        before = outcome.before(spot.point)
        return before if before is not None and before.link == "past" else None

    # ------------------------------------------------------------------------------------- both courses

    def _worse(self, spot: Spot) -> Spot:
        """This spot, or its counterpart if only that went wrong."""
        other = self.counterpart(spot)
        went_well = self._state(spot) == "success" and other is not None
        return other if went_well and other is not None and self._state(other) not in ("success", None) else spot

    def _differs(self, spot: Spot) -> bool:
        other = self.counterpart(spot)
        return other is None or self._state(other) != self._state(spot)

    def counterpart(self, spot: Spot) -> Spot | None:
        """Where a point is in the other course; None if its run is in one alone. O(1)."""
        base, mine = self.pairs.pair(spot.side, spot.point.of)
        side, run = (MINE, mine) if spot.side == BASE else (BASE, base)
        return None if run is None else Spot(side, Point(spot.point.kind, run, spot.point.task))

    def _state(self, spot: Spot) -> str | None:
        outcome, point = self._outcome(spot.side), spot.point
        if point.kind == "end":
            return outcome.state(point.of)
        row = outcome.tasks(point.of).get(point.task)
        return None if row is None else row.state

    def _outcome(self, side: Side) -> Outcome:
        return self.pairs.base if side == BASE else self.pairs.mine


def _culprit(outcome: Outcome, run: int) -> str | None:
    """The task that made a run fail, or keeps it from ending: the first that failed, else one that waits."""
    rows = outcome.tasks(run).values()
    failed = [row for row in rows if row.state == "failed"] or [row for row in rows if row.state == "cancelled"]
    if failed:
        return min(failed, key=lambda row: row.attempts[-1][2] if row.attempts else 0).task
    waiting = [row for row in rows if row.state in ("waiting", "running", "retrying")]
    skipped = [row for row in rows if row.state == "skipped" and row.attempts]
    return next((row.task for row in (*waiting, *skipped)), None)
