"""The order: parts that fire one after the other (T4).

Owns `Sequence` and its cell. Equal parts are different stages, so `sequence(a, a)` needs two; nothing is spliced, since
a nested sequence is one stage. Invariant: a stage holds something only if the stage before it does, and what it holds
came in a later step than what the stage before held first. Cost: O(parts) to make and an item; state: (m - 1) * L rows.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import ClassVar

from attrs import frozen

from reactive_dag.triggers.cell import ALONE, Arrivals, Cell, Opaque, State, Surroundings
from reactive_dag.triggers.pending_rows import PendingRows
from reactive_dag.triggers.shapes import Composite


@frozen(cache_hash=True)
class Sequence(Composite):
    """Fires when its parts have fired in this order."""

    kind: ClassVar[str] = "sequence"
    gathers: ClassVar[bool] = True
    joins: ClassVar[bool] = True

    def cell(self, around: Surroundings) -> Cell:
        """A cell with pending rows. O(parts)."""
        return SequenceCell(len(self.parts), around.window, around)

    def __repr__(self) -> str:
        return f"rd.sequence({', '.join(map(repr, self.parts))})"


def sequence(*parts: object) -> Sequence:
    """Fire when the parts have fired in this order (T4). O(parts). Raises InvalidValue without parts.

    >>> from reactive_dag.triggers.leaves.dataset import updated
    >>> sequence(updated("a"), updated("b"))
    rd.sequence(rd.updated('a'), rd.updated('b'))
    """
    return Sequence(parts)


# ------------------------------------------------------------------------------------------------- cell


class SequenceCell(PendingRows):
    """Releases a tuple of lists, one a stage, at the item of the last stage.

    A stage is open once the stage before holds something. What comes to one that is not open is dropped as `filtered`.
    An item that comes to several stages goes to the latest that is open; `atoms` tells what a release consists of, so
    that the same event is known in a nested part too.

    >>> cell = SequenceCell(2)
    >>> state = cell.fresh()
    >>> cell.feed(state, 1, "b0", 0), cell.feed(state, 0, "a", 0), cell.feed(state, 1, "b", 0)
    (None, None, [(['a'], ['b'])])
    """

    __slots__ = ("atoms",)

    bound: ClassVar[str] = "(m - 1) * L"

    def __init__(self, parts: int, window: int | None = None, around: Surroundings = ALONE) -> None:
        super().__init__(parts, window, around)
        self.atoms = around.atoms

    def feed_many(self, state: State, arrivals: Arrivals, now: int) -> list[Opaque] | None:
        """Let each item in at the latest stage that is open; the last stage releases all."""
        if self.cut(state, now):
            self._prune(state)
        opened = state[0] << 1 | 1
        placed: set[Hashable] = set()
        # Later stages first: they claim what came to several, and rows of one step lie so that none precedes the other.
        for part, item in reversed(arrivals):
            if not opened >> part & 1:
                self.drop("filtered", part, item)
                continue
            if len(arrivals) > 1:
                atoms = set(self.atoms(part, item))
                if atoms <= placed:
                    self.drop("filtered", part, item)
                    continue
                placed |= atoms
            self.add(state, part, item, now)
        return [self.take(state)] if state[0] >> self.parts - 1 else None

    def check(self, state: State) -> None:
        """What is held is held from the first stage on, and not by the last."""
        super().check(state)
        assert state[0] & state[0] + 1 == 0 and not state[0] >> self.parts - 1, state

    def _prune(self, state: State) -> None:
        """Drop what has nothing of the stage before ahead of it, since the window took that. O(pending)."""
        rows, seen = [0], 1
        for row in range(1, len(state), self.stride):
            part = state[row]
            if seen >> part & 1:
                rows += state[row : row + self.stride]
                seen |= 2 << part
            else:
                self.drop("filtered", part, state[row + 1])
        state[:] = rows
        self.mark(state)
