"""A scenario beside its base as plain data: bars, lateness a DAG, deadlines, what changed; numbers instead of dates.

Owns `BaseCourse` and `ScenarioCourse`. Times are seconds since the simulation's start, DAGs and runs are places in the
lists of the base, so that an answer holds little besides what differs. O(runs), and the chains of the changes shown.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from attrs import frozen

from reactive_dag.declare.analysis.zones import zone_of
from reactive_dag.model.times import SECOND, from_datetime
from reactive_dag.notebook.kit.times import Zone
from reactive_dag.whatif.answers.assumptions import assumed_text
from reactive_dag.whatif.answers.show import shown_in, to_moment
from reactive_dag.whatif.comparison.pairs import RunPairs
from reactive_dag.whatif.outcome.array_runs import ArrayRuns

if TYPE_CHECKING:
    from reactive_dag.whatif.comparison.compare import Change, Comparison
    from reactive_dag.whatif.outcome.outcome import Outcome
    from reactive_dag.whatif.simulation import Simulation

RunBar: TypeAlias = "tuple[int, str, float | None, float | None, str]"
"""A run: its DAG, its date or partition, when it began and ended, and its state."""
MOST_SHOWN_CHANGES = 40
"""So many changes are shown, with their chains; of more only how many there are."""


@frozen
class BaseCourse:
    """The base: its DAGs, a bar for each run, and the deadlines of runs (seconds), by the run's place."""

    simulation: Simulation

    @property
    def start(self) -> int:
        """The instant from which seconds count (ns). O(1)."""
        return self.simulation.question.start

    def seconds(self, at: int | None) -> float | None:
        """An instant in seconds since the start, to the millisecond. O(1)."""
        return None if at is None else round((at - self.start) / SECOND, 3)

    @cached_property
    def zone(self) -> Zone:
        """That of the graph. O(DAGs) once."""
        return Zone(zone_of(self.simulation.graph))

    @cached_property
    def dags(self) -> dict[str, int]:
        """The place of each DAG. O(DAGs) once."""
        return {id: place for place, id in enumerate(self.simulation.graph.dags)}

    @cached_property
    def places(self) -> dict[int, int]:
        """The place of each run, by its number. O(runs) once."""
        return {run: place for place, run in enumerate(self.simulation.outcome.runs)}

    @cached_property
    def bars(self) -> list[RunBar]:
        """A bar for each run, in their order. O(runs) once."""
        outcome = self.simulation.outcome
        return [self.bar(outcome, run) for run in outcome.runs]

    def bar(self, outcome: Outcome, run: int) -> RunBar:
        """A run of an outcome as a bar. O(1)."""
        head = outcome.head(run)
        about = head.partition or self.zone.date(to_moment(head.logical_date))
        begun = head.started if head.started is not None else head.requested
        return self.dags[head.dag], str(about), self.seconds(begun), self.seconds(head.ended), head.state

    @cached_property
    def due(self) -> dict[int, int]:
        """The deadline of each run that has one (ns), by its number. O(runs), the reference's records once."""
        known = self.simulation.outcome.deadlines()
        return {each.run: each.due for each in known if each.run is not None}

    @cached_property
    def due_by_date(self) -> dict[tuple[str, int | None], int]:
        """The deadline of the run of a DAG and date (ns). O(runs) once."""
        return {(each.dag, each.logical_date): each.due for each in self.simulation.outcome.deadlines()}

    def to_json(self) -> dict[str, object]:
        """Plain data. O(runs)."""
        question, places = self.simulation.question, self.places
        return {
            "name": self.simulation.label, "graph": self.simulation.graph.id, "zone": self.zone.name,
            "start": self.start // 10**6, "until": self.seconds(question.until), "dags": list(self.dags),
            "runs": self.bars, "due": {places[run]: self.seconds(due) for run, due in self.due.items()},
            "assumed": assumed_text(self.simulation.effects), "method": str(self.simulation.method),
            "over": self.seconds(self.simulation.outcome.over),
        }  # fmt: skip


@frozen
class ScenarioCourse:
    """What is otherwise in a scenario than in its base."""

    base: BaseCourse
    simulation: Simulation

    @cached_property
    def comparison(self) -> Comparison:
        """What changed. O(runs) once."""
        return self.simulation.compare(self.base.simulation)

    @cached_property
    def _pairs(self) -> RunPairs:
        return RunPairs.of(self.base.simulation.outcome, self.simulation.outcome)

    def late(self) -> dict[int, float | None]:
        """How much later (s) the latest changed run of each DAG ends; negative: earlier; None: never. O(changes)."""
        found: dict[int, float | None] = {}
        for row in self.comparison.rows:  # the latest come first
            dag = self.base.dags[row.dag]
            if row.kind == "missing" or row.after not in (None, "success"):
                found.setdefault(dag, None)
            elif row.by is not None:
                found.setdefault(dag, row.by.total_seconds())
        return found

    def bars(self) -> dict[str, object]:
        """The bars that are others than in the base, by their places; what is new, and what is gone. O(runs)."""
        base, outcome, pairs = self.base, self.simulation.outcome, self._pairs
        moved, extra = {}, []
        for run in self._candidates():
            there, bar = pairs.to_base.get(run), base.bar(outcome, run)
            if there is None:
                extra.append(bar)
            elif bar != base.bars[base.places[there]]:
                moved[base.places[there]] = bar[2:]
        gone = [base.places[run] for run in base.places if run not in pairs.to_mine]
        return {"moved": moved, "extra": extra, "gone": gone}

    def _candidates(self) -> Sequence[int]:
        """The runs that may be otherwise than in the base: of arrays those that differ, else all."""
        mine, base = self.simulation.outcome, self.base.simulation.outcome
        known = mine.changed_runs(base)
        if known is None or not isinstance(mine, ArrayRuns) or not isinstance(base, ArrayRuns):
            return mine.runs
        starts = mine.window.run_start
        begun = np.flatnonzero(mine.ends[starts] != base.ends[starts]).tolist()
        return sorted({*known[0], *begun} & set(mine.runs))

    def missed(self) -> list[int]:
        """The places of the runs that miss their deadline, in the order of the base. O(runs with deadlines)."""
        outcome, pairs = self.simulation.outcome, self._pairs
        found = []
        for run, due in self.base.due.items():
            here = pairs.to_mine.get(run)
            ended = None if here is None or outcome.state(here) != "success" else outcome.ended(here)
            if ended is None or ended >= due:
                found.append(self.base.places[run])
        return found

    def changes(self) -> list[list[object]]:
        """The first changes: DAG, date or partition, state and end before, the same now, by how much (s), why, kind.

        O(changes shown * path).
        """
        with shown_in(self.base.zone.name):
            return [self._change(row) for row in self.comparison.rows[:MOST_SHOWN_CHANGES]]

    def _change(self, row: Change) -> list[object]:
        about = row.partition or str(self.base.zone.date(row.logical_date))
        by = None if row.by is None else row.by.total_seconds()
        ends = [at and self.base.seconds(from_datetime(at)) for at in (row.ended_before, row.ended_after)]
        return [row.dag, about, row.before, ends[0], row.after, ends[1], by, str(row.why), row.kind]

    def to_json(self) -> dict[str, object]:
        """Plain data. O(runs + changes shown * path)."""
        found = self.comparison
        return {
            "late": self.late(), **self.bars(), "missed": self.missed(), "changes": self.changes(),
            "count": len(found.rows), "unchanged": found.unchanged, "counts": found.counts,
            "method": str(self.simulation.method), "over": self.base.seconds(self.simulation.outcome.over),
        }  # fmt: skip
