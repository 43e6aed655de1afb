"""Which run of one outcome corresponds to which of another.

Owns `RunPairs`. Runs pair by key; those left over by DAG and date (or partition), the n-th with the n-th. Invariant:
each run has at most one counterpart. O(runs).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal, TypeAlias

from attrs import frozen

from reactive_dag.whatif.outcome.outcome import Outcome
from reactive_dag.whatif.outcome.points import Point

RunPair: TypeAlias = tuple[int | None, int | None]
"""A run in the base and in the outcome compared with it, by number; None where it is missing."""
Side: TypeAlias = Literal[0, 1]
BASE: Side = 0
MINE: Side = 1


@frozen
class RunPairs:
    """Two outcomes and the pairs of their runs."""

    base: Outcome
    mine: Outcome
    to_mine: Mapping[int, int]
    to_base: Mapping[int, int]

    @classmethod
    def of(cls, base: Outcome, mine: Outcome) -> RunPairs:
        """Pair the runs of two outcomes. O(runs)."""
        if base.numbering is mine.numbering:
            here = set(mine.runs)
            same = {run: run for run in base.runs if run in here}
            return cls(base, mine, same, same)
        found = {base.by_key[key]: run for key, run in mine.by_key.items() if key in base.by_key}
        taken = set(found.values())
        left = _grouped(mine, (run for run in mine.runs if run not in taken))
        for name, rows in _grouped(base, (run for run in base.runs if run not in found)).items():
            found.update(zip(rows, left.get(name, ())))
        return cls(base, mine, found, {there: here for here, there in found.items()})

    def pair(self, side: Side, run: int) -> RunPair:
        """A run with its counterpart. O(1)."""
        return (run, self.to_mine.get(run)) if side == BASE else (self.to_base.get(run), run)

    def changed(self) -> tuple[list[RunPair], int]:
        """The pairs that do not end alike, what only one of the two has among them; and how many there are. O(runs)."""
        known = self.mine.changed_runs(self.base)
        if known is not None:
            here = set(self.mine.runs)
            return [
                (run, run) if run in self.to_mine else (None, run) if run in here else (run, None) for run in known[0]
            ], known[1]
        pairs: list[RunPair] = [(run, self.to_mine.get(run)) for run in self.base.runs]
        pairs += [(None, run) for run in self.mine.runs if run not in self.to_base]
        return [pair for pair in pairs if not self.end_alike(pair)], len(pairs)

    def states(self, pair: RunPair) -> tuple[str | None, str | None]:
        """The states of a pair's runs; None for one that is missing. O(1)."""
        base, mine = pair
        return None if base is None else self.base.state(base), None if mine is None else self.mine.state(mine)

    def end_alike(self, pair: RunPair) -> bool:
        """Whether both are there and end in one state at one instant. O(1)."""
        base, mine = pair
        if base is None or mine is None:
            return False
        return self.base.ended(base) == self.mine.ended(mine) and self.base.state(base) == self.mine.state(mine)

    def shift(self, point: Point) -> int | None:
        """How much later (ns) a point of the course ended than in the base; None where the base has none. O(1)."""
        if point.kind == "tick":
            return 0
        if point.kind == "event":
            return self._event_shift(point)
        base = self.to_base.get(point.of)
        if base is None or point.kind in ("silence", "deadline"):
            return None
        here = self.mine.interval(point.of, point.task)[1]
        there = self.base.interval(base, point.task)[1]
        return None if here is None or there is None else here - there

    def _event_shift(self, point: Point) -> int | None:
        there = self.base.event_at(self.mine.event(point))
        return None if there is None else self.mine.at(point) - there


def _grouped(outcome: Outcome, runs: Iterable[int]) -> dict[tuple[object, ...], list[int]]:
    found: dict[tuple[object, ...], list[int]] = {}
    for run in runs:
        row = outcome.head(run)
        about = row.logical_date if row.logical_date is not None else row.partition
        found.setdefault((row.dag, about), []).append(run)
    return found
