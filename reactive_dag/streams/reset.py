"""A lifted combinator that a schedule resets: what is half gathered at a tick is dropped (T16).

Owns `ResetCell`, which wraps a combinator's cell; its state is `[next tick, the cell's state]`. Invariant: it is due at
each tick. Cost: O(1) an item beside the cell's own, O(what is dropped) a tick.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from reactive_dag.model.times import NEVER
from reactive_dag.triggers.cell import Cell, Drop, Opaque, State
from reactive_dag.triggers.leaves.schedule import Ticks


class ResetCell(Cell):
    """Feeds a cell, and drops what it holds at each tick, once it is armed; what closes at that instant goes before."""

    __slots__ = ("at", "cell", "rides")

    def __init__(self, cell: Cell, at: Ticks) -> None:
        super().__init__()
        self.cell, self.at = cell, at
        self.drop = cell.drop
        self.rides = cell.rides

    def telling(self, drop: Drop) -> ResetCell:
        """A cell like this one that tells `drop` what goes. O(1)."""
        return type(self)(self.cell.telling(drop), self.at)

    def fresh(self) -> State:
        """Not armed."""
        return [NEVER, self.cell.fresh()]

    def arm(self, state: State, now: int, by: object) -> None:
        """Tick from now on."""
        state[0] = self._after(now)
        self.cell.arm(state[1], now, by)

    def _after(self, now: int) -> int:
        tick = self.at.after(now)
        return NEVER if tick is None else tick

    def feed(self, state: State, part: int, item: Opaque, now: int) -> list[Opaque] | None:
        """Feed the cell."""
        return self.cell.feed(state[1], part, item, now)

    def step(self, state: State, now: int) -> list[Opaque] | None:
        """Close what is due, then drop the rest if it is time."""
        released = self.cell.step(state[1], now) if self.cell.due(state[1]) <= now else None
        if state[0] <= now:
            for part, item in list(self.cell.held(state[1])):
                self.cell.drop("reset", part, item)
            self.cell.reset(state[1])
            state[0] = self._after(now)
        return released

    def due(self, state: State) -> int:
        """The next tick, or before it what the cell has due."""
        due: int = min(state[0], self.cell.due(state[1]))
        return due

    def flush(self, state: State) -> list[Opaque] | None:
        """What the cell owes when nothing more comes."""
        return self.cell.flush(state[1])

    def is_idle(self, state: State, now: int) -> bool:
        """Whether the cell holds nothing."""
        return self.cell.is_idle(state[1], now)

    def remembers_until(self, state: State) -> int:
        """Until when the cell must be kept."""
        return self.cell.remembers_until(state[1])

    def held(self, state: State) -> Iterator[tuple[int, Opaque]]:
        """What the cell holds."""
        return self.cell.held(state[1])

    def spread(self, release: Any) -> Iterable[tuple[int, Opaque]]:
        """The items of what the cell released."""
        return self.cell.spread(release)
