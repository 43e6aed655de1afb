"""The cell of `.batch`: so many items, or what came within a window (T5).

Owns `BatchCell`; its state is `[due, item, …]`. Invariant: it is due exactly if it holds something and has a
`max_wait`. Cost: O(1) an item; state: min(count - 1, L) rows, without a count L.
"""

from __future__ import annotations

from typing import ClassVar

from reactive_dag.model.times import NEVER
from reactive_dag.triggers.cell import Opaque, State, WindowCell


class BatchCell(WindowCell):
    """Releases a list: `count` items, or fewer when the window that the first one opened closes. Never an empty one.

    >>> cell = BatchCell(2, max_wait=10)
    >>> state = cell.fresh()
    >>> cell.feed(state, 0, "a", 5), cell.due(state), cell.step(state, 15)
    (None, 15, [['a']])
    """

    __slots__ = ("count", "max_wait")

    bound: ClassVar[str] = "min(count - 1, L)"
    head: ClassVar[int] = 1

    def __init__(self, count: int | None = None, max_wait: int | None = None) -> None:
        super().__init__()
        self.count = NEVER if count is None else count
        self.max_wait = max_wait

    def fresh(self) -> State:
        """No window is open."""
        return [NEVER]

    def feed(self, state: State, part: int, item: Opaque, now: int) -> list[Opaque] | None:
        """The first item opens a window, the last one closes it."""
        released = self.step(state, now) if state[0] <= now else None
        if len(state) == 1:
            if self.max_wait is not None:
                state[0] = now + self.max_wait
        elif len(state) > self.limit:
            self.make_room(state)
        state.append(item)
        if len(state) > self.count:
            released = [*(released or ()), state[1:]]
            state[:] = [NEVER]
        return released

    def step(self, state: State, now: int) -> list[Opaque] | None:
        """Close the window if its time has come."""
        return self.flush(state) if state[0] <= now else None
