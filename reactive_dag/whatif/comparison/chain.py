"""Why a run changed: the interventions that differ, and the chain through tasks, waits and causes to the run.

Owns `Reasons`. The chain of a later run is its critical path, from the first step that is later; for a run that is
missing, extra or ends otherwise see divergence.py. O(length of the path).
"""

from __future__ import annotations

from reactive_dag.whatif.answers.critical_path import Hop, hops
from reactive_dag.whatif.answers.show import to_timedelta
from reactive_dag.whatif.answers.trace import Relation, Trace, TracePoint
from reactive_dag.whatif.comparison.divergence import MOST_LINKS, Divergence
from reactive_dag.whatif.comparison.links import Chain, ChainLink
from reactive_dag.whatif.comparison.pairs import RunPair, RunPairs
from reactive_dag.whatif.question.effects import About, Effects


class Reasons:
    """Finds the chains of one comparison."""

    def __init__(self, pairs: RunPairs, base: Effects, mine: Effects) -> None:
        self.pairs = pairs
        self.notes = _notes(base, mine)
        self.divergence = Divergence(pairs, lambda trace, point: self._note(trace, point, ""))

    # ------------------------------------------------------------------------------------- later, earlier

    def of_shift(self, run: int) -> Chain:
        """Why a run of the course ended at another instant: its critical path, back to the first step that moved."""
        way = hops(self.pairs.mine, run)
        shifts = [self.pairs.shift(hop.point) for hop in way]
        first = next((at + 1 for at in range(len(way) - 1, -1, -1) if shifts[at] == 0), 0)
        if first == len(way):
            first = 0
        pieces = list(zip(way[first:], shifts[first:]))[-MOST_LINKS:]
        links = [self._moved(hop, shift, at == 0) for at, (hop, shift) in enumerate(pieces)]
        return Chain(tuple(links))

    def _moved(self, hop: Hop, shift: int | None, first: bool) -> ChainLink:
        note = self._note(self.pairs.mine, hop.point, hop.link)
        mine, point = self.pairs.mine, hop.point
        dag = mine.rows[point.of].dag if point.kind == "task" else ""
        return ChainLink(mine.name(point), dag, "" if first else hop.link, to_timedelta(shift), note)

    def _note(self, trace: Trace, point: TracePoint, link: Relation) -> str:
        """The interventions on a point; those on its DAG only where the run begins."""
        if point.kind == "event":
            fact = trace.fold.log.record(point.of)
            return self.notes.get(("dataset", getattr(fact, "dataset", "")), "")
        if point.kind != "task":
            return ""
        dag = trace.rows[point.of].dag
        found = [self.notes.get(("task", f"{dag}.{point.task}"), "")]
        if link in ("caused by", "slot"):
            found.append(self.notes.get(("dag", dag), ""))
        return ", ".join(filter(None, found))

    # ------------------------------------------------------------------------------------- missing, extra, other ends

    def of_divergence(self, pair: RunPair) -> Chain:
        """Why a run is in one course only, or ends in another state: back along causes and waits that differ too."""
        return self.divergence.chain(pair)


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
