"""Which run of one course corresponds to which of another.

Owns `RunPairs`. Runs pair by key; those left over by DAG and date (or partition), the n-th with the n-th. Invariant:
each run has at most one counterpart. O(runs).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, TypeAlias

from attrs import frozen

from reactive_dag.log.history import RunRow
from reactive_dag.whatif.answers.trace import Trace, TracePoint

RunPair: TypeAlias = tuple[int | None, int | None]
"""A run in the base and in the course compared with it, by offset; None where it is missing."""
Side: TypeAlias = Literal[0, 1]
BASE: Side = 0
MINE: Side = 1


@frozen
class RunPairs:
    """Two courses and the pairs of their runs."""

    base: Trace
    mine: Trace
    to_mine: dict[int, int]
    to_base: dict[int, int]

    @classmethod
    def of(cls, base: Trace, mine: Trace) -> RunPairs:
        """Pair the runs of two courses. O(runs)."""
        found = {base.by_key[key]: run for key, run in mine.by_key.items() if key in base.by_key}
        taken = set(found.values())
        left = _grouped(row for row in mine.rows.values() if row.run not in taken)
        for name, rows in _grouped(row for row in base.rows.values() if row.run not in found).items():
            found.update(zip(rows, left.get(name, ())))
        return cls(base, mine, found, {there: here for here, there in found.items()})

    def pair(self, side: Side, run: int) -> RunPair:
        """A run with its counterpart. O(1)."""
        return (run, self.to_mine.get(run)) if side == BASE else (self.to_base.get(run), run)

    def all(self) -> Iterable[RunPair]:
        """Every pair, then what only the base has, then what only the other has. O(runs)."""
        yield from ((run, self.to_mine.get(run)) for run in self.base.rows)
        yield from ((None, run) for run in self.mine.rows if run not in self.to_base)

    def states(self, pair: RunPair) -> tuple[str | None, str | None]:
        """The states of a pair's runs; None for one that is missing. O(1)."""
        base, mine = pair
        return (
            None if base is None else self.base.rows[base].state, None if mine is None else self.mine.rows[mine].state
        )  # fmt: skip

    def differ(self, pair: RunPair) -> bool:
        """Whether one is missing, or they end in different states. O(1)."""
        base, mine = self.states(pair)
        return base != mine

    def shift(self, point: TracePoint) -> int | None:
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

    def _event_shift(self, point: TracePoint) -> int | None:
        fact = self.mine.fold.log.record(point.of)
        name = (getattr(fact, "dataset", ""), getattr(fact, "n", 0))
        there = self.base.events.get(name)
        return None if there is None else fact.at - there


def _grouped(rows: Iterable[RunRow]) -> dict[tuple[object, ...], list[int]]:
    found: dict[tuple[object, ...], list[int]] = {}
    for row in rows:
        about = row.logical_date if row.logical_date is not None else row.partition
        found.setdefault((row.dag, about), []).append(row.run)
    return found
