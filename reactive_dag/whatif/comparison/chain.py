"""Why a run changed: the interventions that differ, and the chain through tasks, waits and causes to the run.

Owns `Reasons`. A run that is later goes back its critical path as long as the steps are later too; for one that is
missing or ends otherwise see fate.py. O(length of the way back).
"""

from __future__ import annotations

from reactive_dag.whatif.answers.critical_path import Hop, hops
from reactive_dag.whatif.answers.show import length
from reactive_dag.whatif.answers.trace import Link as Hung
from reactive_dag.whatif.answers.trace import Place, Trace
from reactive_dag.whatif.comparison.divergence import MOST, Fates
from reactive_dag.whatif.comparison.links import Chain, Link
from reactive_dag.whatif.comparison.pairs import Pair, Pairs
from reactive_dag.whatif.question.scenario import About, Effects


class Reasons:
    """Finds the chains of one comparison."""

    def __init__(self, pairs: Pairs, base: Effects, mine: Effects) -> None:
        self.pairs = pairs
        self.notes = _notes(base, mine)
        self.fates = Fates(pairs, lambda trace, place: self._note(trace, place, ""))

    # ------------------------------------------------------------------------------------- later, earlier

    def of_shift(self, run: int) -> Chain:
        """Why a run of the course ended at another instant: its critical path, back to the first step that moved."""
        way = hops(self.pairs.mine, run)
        shifts = [self.pairs.shift(hop.place) for hop in way]
        first = next((at + 1 for at in range(len(way) - 1, -1, -1) if shifts[at] == 0), 0)
        if first == len(way):
            first = 0
        pieces = list(zip(way[first:], shifts[first:]))[-MOST:]
        links = [self._moved(hop, shift, at == 0) for at, (hop, shift) in enumerate(pieces)]
        return Chain(tuple(links))

    def _moved(self, hop: Hop, shift: int | None, first: bool) -> Link:
        note = self._note(self.pairs.mine, hop.place, hop.link)
        mine, place = self.pairs.mine, hop.place
        dag = mine.rows[place.of].dag if place.kind == "task" else ""
        return Link(mine.name(place), dag, "" if first else hop.link, length(shift), note)

    def _note(self, trace: Trace, place: Place, link: Hung) -> str:
        """The interventions on a place: of its DAG only where the run begins."""
        if place.kind == "event":
            fact = trace.core.log.record(place.of)
            return self.notes.get(("dataset", getattr(fact, "dataset", "")), "")
        if place.kind != "task":
            return ""
        dag = trace.rows[place.of].dag
        found = [self.notes.get(("task", f"{dag}.{place.task}"), "")]
        if link in ("caused by", "slot"):
            found.append(self.notes.get(("dag", dag), ""))
        return ", ".join(filter(None, found))

    # ------------------------------------------------------------------------------------- missing, extra, other ends

    def of_fate(self, pair: Pair) -> Chain:
        """Why a run is there in one course only, or ends otherwise: back along causes and waits that differ too."""
        return self.fates.chain(pair)


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
