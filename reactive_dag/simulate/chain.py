"""Why a run changed: the chain from what was done differently, through tasks, waits and causes, to the run.

Owns `Link`, `Chain` and `Reasons`, which finds them. A run that is later goes back its critical path as long as the
steps are later too; one that is missing or ends otherwise goes back to the first run or task that differs. Invariant:
a chain ends with the run that it explains. O(length of the way back).
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from itertools import groupby
from typing import TYPE_CHECKING

from attrs import frozen

from reactive_dag.model.records import Published, RunFinished, TaskFinished
from reactive_dag.simulate.critical import Hop, hops
from reactive_dag.simulate.pairs import BASE, MINE, Pair, Pairs, Side
from reactive_dag.simulate.scenario import About, Effects
from reactive_dag.simulate.show import length, signed
from reactive_dag.simulate.trace import Place, Trace

if TYPE_CHECKING:
    from reactive_dag.simulate.trace import Link as Hung

MOST = 1_000
"""So many links at most; the rest of the way back is left out."""
SHOWN = 6
"""So many names of a chain are printed."""

_WORDS = {"needs": "", "awaits": "awaited by ", "caused by": "causes ", "slot": "holds up ", "past": "then ", "": ""}


@frozen
class Link:
    """One link: what, how it hangs on the one before ("needs", "awaits", "caused by", "slot", "past"), how much later
    it is, and what is to be said of it: an intervention, an error, a state. `dag` is "" for what came from outside.
    """

    name: str
    dag: str
    link: Hung
    by: timedelta | None = None
    note: str = ""

    def to_json(self) -> dict[str, object]:
        """Plain data. O(1)."""
        by = None if self.by is None else self.by.total_seconds()
        return {"name": self.name, "dag": self.dag, "link": self.link, "by_s": by, "note": self.note}


@frozen
class Chain:
    """Links from the first thing that differs to the run. As text it names, of each DAG on the way, what hands over."""

    links: tuple[Link, ...]

    def __str__(self) -> str:
        groups = [list(group) for _, group in groupby(self.links, key=lambda link: link.dag or link.name)]
        names = [_text(group, at, at == len(groups) - 1) for at, group in enumerate(groups)]
        if len(names) > SHOWN:
            names = [*names[:2], f"… {len(names) - SHOWN + 1} more …", *names[3 - SHOWN :]]
        return " → ".join(names)

    def __len__(self) -> int:
        return len(self.links)

    def __iter__(self) -> Iterator[Link]:
        return iter(self.links)


def _text(group: list[Link], at: int, last: bool) -> str:
    """The links of one DAG as text: the first ones say by how much, the last ones are the run that is explained."""
    tasks = [link.name for link in group if link.name != link.dag]
    name = group[0].dag if last and at else (tasks or [group[0].name])[-1]
    notes = "; ".join(dict.fromkeys(link.note for link in group if link.note))
    by = f" {signed(group[0].by)}" if at == 0 and group[0].by else ""
    return f"{_WORDS[group[0].link]}{name}{by}" + (f" ({notes})" if notes else "")


class Reasons:
    """Finds the chains of one comparison."""

    def __init__(self, pairs: Pairs, base: Effects, mine: Effects) -> None:
        self.pairs = pairs
        self.notes = _notes(base, mine)

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
        links: list[Link] = []
        seen: set[Pair] = set()
        while pair not in seen and len(links) < MOST:
            seen.add(pair)
            nearer, following = self._one_fate(pair)
            links.extend(nearer)
            if following is None:
                break
            pair = following
        links.reverse()
        return Chain(tuple(links))

    def _one_fate(self, pair: Pair) -> tuple[list[Link], Pair | None]:
        """The links of one run, the nearest first, and the run behind it that differs too."""
        base, mine = pair
        if base is not None and mine is not None:
            return self._other_end(base, mine)
        side, run = (BASE, base) if base is not None else (MINE, mine)
        assert run is not None
        trace = self._trace(side)
        behind = next((each for each in self._causes(side, run) if self.pairs.differ(each)), None)
        note = "missing" if side == BASE else "extra"
        dag = trace.rows[run].dag
        return [Link(dag, dag, "caused by" if behind else "", None, note)], behind

    def _other_end(self, base: int, mine: int) -> tuple[list[Link], Pair | None]:
        state = self.pairs.mine.rows[mine].state
        side, run = (MINE, mine) if state != "success" else (BASE, base)
        trace, dag = self._trace(side), self.pairs.mine.rows[mine].dag
        ends = f"{state}, was {self.pairs.base.rows[base].state}"
        place = _culprit(trace, run)
        if place is None:
            return [Link(dag, dag, "", None, ends)], None
        behind = self._awaited(side, place, base, mine)
        note = self._note(trace, place, "") or _state_of(trace, place)
        culprit = Link(trace.name(place), dag, "awaits" if behind else "", None, note)
        return [Link(dag, dag, "needs", None, ends), culprit], behind

    def _awaited(self, side: Side, place: Place, base: int, mine: int) -> Pair | None:
        """The run that a wait, or a task with a past, hung on, if that differs; asked in the course where it ended."""
        here = self._behind(side, place)
        there = self._behind(BASE if side == MINE else MINE, Place("task", base if side == MINE else mine, place.task))
        return next((pair for pair in (here, there) if pair is not None and self.pairs.differ(pair)), None)

    def _behind(self, side: Side, place: Place) -> Pair | None:
        trace = self._trace(side)
        before = trace.before(place) if place.task in trace.tasks(place.of) else None
        return self.pairs.pair(side, before.place.of) if before and before.link in ("awaits", "past") else None

    def _causes(self, side: Side, run: int) -> Iterator[Pair]:
        core = self._trace(side).core
        for item in core.runs.request(run).causes:
            fact = core.log.record(item) if isinstance(item, int) else None
            if isinstance(fact, RunFinished | TaskFinished) or (isinstance(fact, Published) and fact.run >= 0):
                yield self.pairs.pair(side, fact.run)

    def _trace(self, side: Side) -> Trace:
        return self.pairs.base if side == BASE else self.pairs.mine


def _culprit(trace: Trace, run: int) -> Place | None:
    """What made a run end badly, or keeps it from ending: the task that failed first, else the one that waits."""
    rows = trace.tasks(run).values()
    failed = [row for row in rows if row.state == "failed"] or [row for row in rows if row.state == "cancelled"]
    if failed:
        return Place("task", run, min(failed, key=lambda row: row.attempts[-1][2] if row.attempts else 0).task)
    waiting = [row for row in rows if row.state in ("waiting", "running", "retrying")]
    if waiting:
        return Place("task", run, waiting[0].task)
    skipped = [row for row in rows if row.state == "skipped" and row.attempts]
    return Place("task", run, skipped[0].task) if skipped else None


def _state_of(trace: Trace, place: Place) -> str:
    row = trace.tasks(place.of)[place.task]
    return row.state if row.error is None else f"{row.state}: {row.error}"


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
