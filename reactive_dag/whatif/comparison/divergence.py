"""Why a run is there in one course only, or ends otherwise: back along causes, needs and waits that differ too.

Owns `Fates`. A *spot* is a run or a task in one of two courses; from each it goes to what it hung on, in the course
where that went wrong, until something differs that hung on nothing that does. Invariant: no spot is passed twice.
O(needs + causes) a link.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from attrs import frozen

from reactive_dag.model.records import Published, RunFinished, TaskFinished
from reactive_dag.whatif.answers.trace import Before, Place, Trace
from reactive_dag.whatif.comparison.links import Chain, Hung, Link
from reactive_dag.whatif.comparison.pairs import BASE, MINE, Pair, Pairs, Side

MOST = 1_000
"""So many links at most; the rest of the way back is left out."""


@frozen
class Spot:
    """A run (`place.kind` "end") or a task of it, in one of the courses."""

    side: Side
    place: Place


class Fates:
    """Finds the chains of one comparison; `note` says which interventions are on a task."""

    def __init__(self, pairs: Pairs, note: Callable[[Trace, Place], str]) -> None:
        self.pairs = pairs
        self.note = note

    def chain(self, pair: Pair) -> Chain:
        """From the first thing that differs to the run. O(length of the way back)."""
        spot: Spot | None = self._worse(self._spot(pair))
        links: list[Link] = []
        seen: set[Spot] = set()
        while spot is not None and spot not in seen and len(links) < MOST:
            seen.add(spot)
            behind, hung = self._behind(spot)
            links.append(self._link(spot, hung if behind is not None and behind not in seen else ""))
            spot = behind
        links.reverse()
        return Chain(tuple(links))

    def _spot(self, pair: Pair) -> Spot:
        base, mine = pair
        if mine is not None:
            return Spot(MINE, Place("end", mine))
        assert base is not None
        return Spot(BASE, Place("end", base))

    # ------------------------------------------------------------------------------------- one link

    def _link(self, spot: Spot, hung: Hung) -> Link:
        trace, place = self._trace(spot.side), spot.place
        name, dag = trace.name(place), trace.rows[place.of].dag
        if place.kind == "end":
            base, mine = self.pairs.states(self.pairs.pair(spot.side, place.of))
            note = "missing" if mine is None else "extra" if base is None else f"{mine}, was {base}"
            return Link(name, dag, hung, None, note)
        row = trace.tasks(place.of)[place.task]
        return Link(name, dag, hung, None, self.note(trace, place) or ": ".join(filter(None, (row.state, row.error))))

    def _behind(self, spot: Spot) -> tuple[Spot | None, Hung]:
        """What a spot hung on that differs too, and how."""
        if spot.place.kind == "task":
            return self._behind_task(spot)
        if None in self.pairs.pair(spot.side, spot.place.of):
            causes = (self._worse(Spot(spot.side, place)) for place in self._causes(spot))
            return next((each for each in causes if self._differs(each)), None), "caused by"
        task = _culprit(self._trace(spot.side), spot.place.of)
        return (None if task is None else Spot(spot.side, Place("task", spot.place.of, task))), "needs"

    def _causes(self, spot: Spot) -> Iterator[Place]:
        core = self._trace(spot.side).core
        for item in core.runs.request(spot.place.of).causes:
            fact = core.log.record(item) if isinstance(item, int) else None
            if isinstance(fact, RunFinished):
                yield Place("end", fact.run)
            elif isinstance(fact, TaskFinished) or (isinstance(fact, Published) and fact.run >= 0):
                whole = not fact.task or None in self.pairs.pair(spot.side, fact.run)
                yield Place("end", fact.run) if whole else Place("task", fact.run, fact.task)

    def _behind_task(self, spot: Spot) -> tuple[Spot | None, Hung]:
        trace, place = self._trace(spot.side), spot.place
        row, task = trace.tasks(place.of)[place.task], trace.task(place)
        if not row.attempts:
            needs = (Place("task", place.of, need) for need in trace.shapes[trace.rows[place.of].dag].needs(place.task))
            bad = (need for need in needs if self._state(Spot(spot.side, need)) not in ("success", None))
            return next((Spot(spot.side, need) for need in bad), None), "needs"
        if task.wait is None and not task.depends_on_past:
            return None, ""
        for each in (spot, self._counterpart(spot)):
            before = self._hung_on(each) if each is not None and self._state(each) else None
            if each is not None and before is not None:
                behind = self._worse(Spot(each.side, before.place))
                if self._differs(behind):
                    return behind, before.link
        return None, ""

    def _hung_on(self, spot: Spot) -> Before | None:
        """What a wait awaited, or the past that a task needs."""
        trace = self._trace(spot.side)
        if trace.task(spot.place).wait is not None:
            return trace.awaited(spot.place)
        before = trace.before(spot.place)
        return before if before is not None and before.link == "past" else None

    # ------------------------------------------------------------------------------------- both courses

    def _worse(self, spot: Spot) -> Spot:
        """The same spot in the course where it went wrong."""
        other = self._counterpart(spot)
        went_well = self._state(spot) == "success" and other is not None
        return other if went_well and other is not None and self._state(other) not in ("success", None) else spot

    def _differs(self, spot: Spot) -> bool:
        other = self._counterpart(spot)
        return other is None or self._state(other) != self._state(spot)

    def _counterpart(self, spot: Spot) -> Spot | None:
        base, mine = self.pairs.pair(spot.side, spot.place.of)
        side, run = (MINE, mine) if spot.side == BASE else (BASE, base)
        return None if run is None else Spot(side, Place(spot.place.kind, run, spot.place.task))

    def _state(self, spot: Spot) -> str | None:
        trace, place = self._trace(spot.side), spot.place
        if place.kind == "end":
            return trace.rows[place.of].state
        row = trace.tasks(place.of).get(place.task)
        return None if row is None else row.state

    def _trace(self, side: Side) -> Trace:
        return self.pairs.base if side == BASE else self.pairs.mine


def _culprit(trace: Trace, run: int) -> str | None:
    """What made a run end badly, or keeps it from ending: the task that failed first, else the one that waits."""
    rows = trace.tasks(run).values()
    failed = [row for row in rows if row.state == "failed"] or [row for row in rows if row.state == "cancelled"]
    if failed:
        return min(failed, key=lambda row: row.attempts[-1][2] if row.attempts else 0).task
    waiting = [row for row in rows if row.state in ("waiting", "running", "retrying")]
    skipped = [row for row in rows if row.state == "skipped" and row.attempts]
    return next((row.task for row in (*waiting, *skipped)), None)
