"""The cell of `sequence`: the parts fire in this order (T4).

Owns `SequenceCell`. Invariant: a stage holds something only if the stage before it does, and what it holds came in a
later step than what the stage before held first. Cost: O(parts) an item; state: (m - 1) * L rows.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from typing import ClassVar

from reactive_dag.triggers.cell import Arrivals, Opaque, State
from reactive_dag.triggers.pending_rows import PendingRows


def alone(part: int, item: Opaque) -> Iterable[Hashable]:
    """An item by itself."""
    return (item,)


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

    def __init__(self, parts: int, window: int | None = None) -> None:
        super().__init__(parts, window)
        self.atoms: Callable[[int, Opaque], Iterable[Hashable]] = alone

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
