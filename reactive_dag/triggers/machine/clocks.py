"""The clocks of a trigger: its schedules, when each ticks next, and which ticks were missed (R9).

Owns `Clocks`. Invariant: a tick counts as delivered to its leaf part as it is made, and a missed one is dropped so.
Cost: O(clocks) each call, and O(missed ticks) at the registration and for a gap.
"""

from __future__ import annotations

from typing import Any

from reactive_dag.model.records import Mark
from reactive_dag.model.times import NEVER
from reactive_dag.triggers.leaves.schedule import ScheduleCell, Scheduled
from reactive_dag.triggers.machine.books import Books
from reactive_dag.triggers.machine.leaf import Leaf


class Clocks:
    """The clocks among the leaf parts, with their states. `due` is the next tick of any, NEVER if there is none."""

    __slots__ = ("_books", "_rows", "due")

    def __init__(self, parts: tuple[Leaf, ...], books: Books) -> None:
        self._books = books
        self._rows: list[tuple[Leaf, ScheduleCell, list[Any]]] = []
        for leaf in parts:
            if isinstance(leaf.trigger, Scheduled):
                cell = ScheduleCell(leaf.trigger.schedule)
                self._rows.append((leaf, cell, cell.fresh()))
        self.due = NEVER

    def __bool__(self) -> bool:
        return bool(self._rows)

    def begin(self, now: int, start: int | None, end: int | None, keep: int) -> None:
        """Tick strictly after `now`; of the ticks from `start` on that lie before it, the newest `keep` are to come."""
        for leaf, cell, state in self._rows:
            self._miss(leaf, cell.begin(state, now, start, end, keep))
        self._look()

    def gap(self, since: int, until: int, keep: int) -> None:
        """Nobody was there: of the ticks in between, both excluded, the newest `keep` are to come."""
        for leaf, cell, state in self._rows:
            self._miss(leaf, cell.gap(state, since, until, keep))
        self._look()

    def coming(self, high: int, end: int) -> list[int]:
        """Of each clock the newest tick up to `high` that is still to come, and the missed ones that are (R9).

        `end` is the last instant at which the DAG may tick: what lies behind the clocks' own end may come up to there.
        O(clocks + missed ticks to come).
        """
        found: list[int] = []
        for leaf, _, state in self._rows:
            assert isinstance(leaf.trigger, Scheduled)
            last = max(state[1], end)
            tick = leaf.trigger.schedule.before(min(high, last)) if high >= state[0] or high > state[1] < end else None
            if tick is not None and (tick >= state[0] or tick > state[1]):
                found.append(tick)
            found += [tick for tick in state[2:] if tick <= high]
        return found

    def _miss(self, leaf: Leaf, count: int) -> None:
        if count:
            self._books.counters.delivered[leaf.index] += count
            self._books.counters.drop("missed", leaf.index, count)

    def ticks(self, now: int) -> list[tuple[Leaf, Mark]]:
        """The ticks that are due at `now`, each with its leaf part."""
        found: list[tuple[Leaf, Mark]] = []
        if self.due > now:
            return found
        for leaf, cell, state in self._rows:
            if cell.step(state, now) is not None:
                self._books.counters.delivered[leaf.index] += 1
                found.append((leaf, Mark("tick", now, self._books.last)))
        self._look()
        return found

    def _look(self) -> None:
        self.due = min([cell.due(state) for _, cell, state in self._rows], default=NEVER)

    def save(self) -> list[list[Any]]:
        """Their states as plain data."""
        return [list(state) for _, _, state in self._rows]

    def load(self, plain: list[list[Any]]) -> None:
        """The states that `save` gave."""
        for (_, _, state), saved in zip(self._rows, plain, strict=True):
            state[:] = saved
        self._look()
