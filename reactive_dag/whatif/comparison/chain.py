"""Why a run changed: the interventions that differ, and the chain through tasks, waits and causes to the run.

Owns `Reasons`. The chain of a later run is its critical path, from the first step that is later; for a run that is
missing, extra or ends otherwise see divergence.py. Paths that share their beginning share its links. O(length of the
path), at most `MOST_LINKS`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from attrs import evolve

from reactive_dag.whatif.answers.critical_path import step_back
from reactive_dag.whatif.answers.show import to_timedelta
from reactive_dag.whatif.comparison.divergence import MOST_LINKS, Divergence, Spot
from reactive_dag.whatif.comparison.links import Chain, ChainLink
from reactive_dag.whatif.comparison.pairs import BASE, RunPair, RunPairs, Side
from reactive_dag.whatif.comparison.silences import Silences
from reactive_dag.whatif.outcome.outcome import Outcome
from reactive_dag.whatif.outcome.points import Point, Relation
from reactive_dag.whatif.question.effects import About, Effects

MOST_NAMED = 3
"""So many interventions are named where it is not known which of them it was."""


class Reasons:
    """Finds the chains of one comparison."""

    def __init__(self, pairs: RunPairs, base: Effects, mine: Effects, silences: Silences) -> None:
        self.pairs = pairs
        self.silences = silences
        self._passing: set[RunPair] = set()
        different = _different(base, mine)
        self.notes = _notes(different)
        self._given = list(dict.fromkeys(text for texts in different.values() for text in texts))
        self.divergence = Divergence(pairs, lambda outcome, point: self._note(outcome, point, ""))
        self._steps: dict[Point, tuple[ChainLink, bool, Point | None]] = {}

    # ------------------------------------------------------------------------------------- later, earlier

    def of_shift(self, run: int) -> Chain:
        """Why a run of the course ended at another instant: its critical path, back to the first step that moved."""
        last = step_back(self.pairs.mine, Point("end", run))
        return self._rooted(self._way_to(None if last is None else last.point))

    def _way_to(self, point: Point | None) -> list[ChainLink]:
        """The critical path to a point from the first step that moved, or from what held that up in the base."""
        links: list[ChainLink] = []
        passed: set[Point] = set()
        to_the_end = point is not None and not self._step(point)[1]  # nothing on the way says where it began
        first = point
        while point is not None and point not in passed and len(links) < MOST_LINKS:
            link, has_moved, before = self._step(point)
            if not has_moved and not to_the_end:
                break
            passed.add(point)
            links.append(link)
            first, point = point, before
        links.reverse()
        if first is not None and not any(map(self._is_rooted, links)):
            links[:1] = self._made_room(first) or links[:1]
        if links:
            links[0] = evolve(links[0], link="")
        return links

    def _made_room(self, point: Point) -> list[ChainLink]:
        """What held a task up in the base and is different: the critical path there, back to an intervention."""
        base, run = self.pairs.base, self.pairs.to_base.get(point.of)
        at = Point("task", run, point.task) if point.kind == "task" and run is not None else None
        links: list[ChainLink] = []
        passed: set[Point] = set()
        while at is not None and at not in passed and len(links) < MOST_LINKS:
            passed.add(at)
            before = step_back(base, at)
            relation: Relation = "" if before is None else before.link
            note, dag = self._note(base, at, relation), base.dag(at.of) if at.kind == "task" else ""
            here = self.pairs.to_mine.get(at.of) if at.kind == "task" else None
            by = None if here is None else self.pairs.shift(Point("task", here, at.task))
            link: Relation = "room" if relation == "slot" else relation
            links.append(ChainLink(base.name(at), dag, link, to_timedelta(by), note))
            if note:
                links.reverse()
                return links
            at = None if before is None else before.point
        return []

    def _is_rooted(self, link: ChainLink) -> bool:
        """Whether a link names an intervention."""
        return any(each in link.note for each in self._given)

    def _rooted(self, links: Sequence[ChainLink]) -> Chain:
        """The chain; where no link of it bears an intervention, its first one names those that there are."""
        if not links or not self._given or any(map(self._is_rooted, links)):
            return Chain(tuple(links))
        given = ", ".join(self._given[:MOST_NAMED]) + (", …" if len(self._given) > MOST_NAMED else "")
        said = f"one of {given}" if len(self._given) > 1 else given
        note = f"{links[0].note}; {said}" if links[0].note else said
        return Chain((evolve(links[0], note=note), *links[1:]))

    def _step(self, point: Point) -> tuple[ChainLink, bool, Point | None]:
        """The link of a point, whether it moved, and the point before it. O(needs) once."""
        found = self._steps.get(point)
        if found is None:
            mine, shift = self.pairs.mine, self.pairs.shift(point)
            before = step_back(mine, point)
            relation: Relation = "" if before is None else before.link
            dag = mine.dag(point.of) if point.kind == "task" else ""
            note = self._note(mine, point, relation)
            link = ChainLink(mine.name(point), dag, relation, to_timedelta(shift), note)
            found = self._steps[point] = link, shift != 0, None if before is None else before.point
        return found

    def _note(self, outcome: Outcome, point: Point, link: Relation) -> str:
        """The interventions on a point; those on its DAG only where the run begins."""
        if point.kind == "event":
            return self.notes.get(("dataset", outcome.event(point)[0]), "")
        if point.kind != "task":
            return ""
        dag = outcome.dag(point.of)
        found = [self.notes.get(("task", f"{dag}.{point.task.partition('[')[0]}"), "")]
        if link == "slot":
            found += [self.notes.get(("pool", outcome.task(point).pool or ""), ""), self.notes.get(("workers", ""), "")]
        if link in ("caused by", "window", "slot"):
            found.append(self.notes.get(("dag", dag), ""))
        return ", ".join(filter(None, found))

    # ------------------------------------------------------------------------------------- missing, extra, other ends

    def of_divergence(self, pair: RunPair) -> Chain:
        """Why a run is in one course only, or ends in another state: back along causes and waits that differ too."""
        chain, root = self.divergence.chain(pair)
        if missed := self._of_missed(root):
            return Chain((*missed, evolve(chain.links[0], link="deadline"), *chain.links[1:]))
        if unheard := self._of_silence(root):
            return Chain((*unheard, evolve(chain.links[0], link="unheard"), *chain.links[1:]))
        if awaited := self._of_awaited(root):
            return self._rooted((*awaited, evolve(chain.links[0], link="awaits"), *chain.links[1:]))
        return self._rooted(chain.links)

    def _of_awaited(self, root: Spot) -> list[ChainLink]:
        """Why a wait came to its end in one course only: why what it awaited there came at another instant."""
        if root.point.kind != "task" or self._outcome(root.side).task(root.point).wait is None:
            return []
        for spot in filter(None, (root, self.divergence.counterpart(root))):
            outcome = self._outcome(spot.side)
            row = outcome.tasks(spot.point.of).get(spot.point.task)
            awaited = outcome.awaited(spot.point) if row is not None and row.state == "success" else None
            if awaited is None:
                continue
            if awaited.point.kind == "event":
                name = outcome.event(awaited.point)[0]
                return [ChainLink(outcome.name(awaited.point), "", "", None, self.notes.get(("dataset", name), ""))]
            here = self.pairs.pair(spot.side, awaited.point.of)[1]
            if here is None or awaited.point.kind not in ("end", "task"):
                continue
            point = Point(awaited.point.kind, here, awaited.point.task)
            last = step_back(self.pairs.mine, point) if point.kind == "end" else None
            found = self._way_to(last.point if last is not None else point if point.kind == "task" else None)
            return found if any(link.by for link in found) else []
        return []

    def _outcome(self, side: Side) -> Outcome:
        return self.pairs.base if side == BASE else self.pairs.mine

    def _of_missed(self, root: Spot) -> tuple[ChainLink, ...]:
        """Why a run is there, or is not, that the missed deadline of another one causes: why that one was late."""
        outcome = self.pairs.base if root.side == BASE else self.pairs.mine
        causes = outcome.causes(root.point.of) if root.point.kind == "end" else ()
        for cause in causes:
            late = outcome.by_key.get(cause.point.task) if cause.point.kind == "deadline" else None
            if late is not None:
                return self._of_late(self.pairs.pair(root.side, late))
        return ()

    def _of_late(self, pair: RunPair) -> tuple[ChainLink, ...]:
        """Why a run that another one goes back to was late, or did not come."""
        before, after = self.pairs.states(pair)
        if pair[1] is None or before != after:
            return self.of_divergence(pair).links
        return self.of_shift(pair[1]).links

    def _of_silence(self, root: Spot) -> tuple[ChainLink, ...]:
        """Why a silence that caused a run is in one course only: why what it listened for came later there."""
        pair = self.pairs.pair(root.side, root.point.of)
        if root.point.kind != "end" or None not in pair or pair in self._passing:
            return ()
        outcome = self.pairs.base if root.side == BASE else self.pairs.mine
        silence = next((each for each in outcome.causes(root.point.of) if each.point.kind == "silence"), None)
        if silence is None:
            return ()
        run = outcome.head(root.point.of)
        self._passing.add(pair)  # two that each listen for the other would go round
        late = self.silences.late_run(root.side, run, silence.at)
        links = () if late is None else self._of_late(late)
        self._passing.discard(pair)
        event = None if links else self.silences.late_event(root.side, run, silence.at)
        if event is None:
            return links
        dataset, by = event
        note = self.notes.get(("dataset", dataset), "")
        return (ChainLink(f"event of {dataset}", "", "", to_timedelta(by), note),)


def _notes(given: Mapping[About, Sequence[str]]) -> dict[About, str]:
    """The interventions on each thing, as a link says them. O(things)."""
    return {about: ", ".join(texts) for about, texts in given.items()}


def _different(base: Effects, mine: Effects) -> dict[About, list[str]]:
    """What differs between two lists of interventions, by the thing that each is about. O(interventions + tasks)."""
    found: dict[About, list[str]] = {}
    for given, others, word in ((mine.about, base.about, ""), (base.about, mine.about, "without ")):
        left = [each for each, _ in others]
        for each, things in given:
            if each in left:
                left.remove(each)
                continue
            for about in things:
                found.setdefault(about, []).append(f"{word}{each!r}")
    return found
