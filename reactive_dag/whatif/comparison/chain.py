"""Why a run changed: the interventions that differ, and the chain through tasks, waits and causes to the run.

Owns `Reasons`. The chain of a later run is its critical path, from the first step that is later; for a run that is
missing, extra or ends otherwise see divergence.py. Paths that share their beginning share its links. O(length of the
path), at most `MOST_LINKS`.
"""

from __future__ import annotations

from attrs import evolve

from reactive_dag.whatif.answers.critical_path import step_back
from reactive_dag.whatif.answers.show import to_timedelta
from reactive_dag.whatif.comparison.divergence import MOST_LINKS, Divergence, Spot
from reactive_dag.whatif.comparison.links import Chain, ChainLink
from reactive_dag.whatif.comparison.pairs import BASE, RunPair, RunPairs
from reactive_dag.whatif.comparison.silences import Silences
from reactive_dag.whatif.outcome.outcome import Outcome
from reactive_dag.whatif.outcome.points import Point, Relation
from reactive_dag.whatif.question.effects import About, Effects


class Reasons:
    """Finds the chains of one comparison."""

    def __init__(self, pairs: RunPairs, base: Effects, mine: Effects, silences: Silences) -> None:
        self.pairs = pairs
        self.silences = silences
        self._passing: set[RunPair] = set()
        self.notes = _notes(base, mine)
        self.divergence = Divergence(pairs, lambda outcome, point: self._note(outcome, point, ""))
        self._steps: dict[Point, tuple[ChainLink, bool, Point | None]] = {}

    # ------------------------------------------------------------------------------------- later, earlier

    def of_shift(self, run: int) -> Chain:
        """Why a run of the course ended at another instant: its critical path, back to the first step that moved."""
        links: list[ChainLink] = []
        passed: set[Point] = set()
        last = step_back(self.pairs.mine, Point("end", run))
        point = None if last is None else last.point
        to_the_end = point is not None and not self._step(point)[1]  # nothing on the way says where it began
        while point is not None and point not in passed and len(links) < MOST_LINKS:
            link, has_moved, before = self._step(point)
            if not has_moved and not to_the_end:
                break
            passed.add(point)
            links.append(link)
            point = before
        if links:
            links[-1] = evolve(links[-1], link="")
        links.reverse()
        return Chain(tuple(links))

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
        return chain

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


def _notes(base: Effects, mine: Effects) -> dict[About, str]:
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
    return {about: ", ".join(texts) for about, texts in found.items()}
