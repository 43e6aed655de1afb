"""The cell of `.debounce`: wait for a pause, keep all that came (T5).

Owns `DebounceCell`; its state is `[due, latest, item, …]`: when the pause ends, and when `max_wait` does. Invariant: it
is due exactly if it holds something. Cost: O(1) an item; state: L rows.
"""

from __future__ import annotations

from typing import ClassVar

from reactive_dag.model.times import NEVER
from reactive_dag.triggers.cell import Opaque, State, WindowCell


class DebounceCell(WindowCell):
    """Releases a list of all items when none came for `pause`, at the latest `max_wait` after the first.

    >>> cell = DebounceCell(10)
    >>> state = cell.fresh()
    >>> cell.feed(state, 0, "a", 0), cell.feed(state, 0, "b", 9), cell.due(state), cell.step(state, 19)
    (None, None, 19, [['a', 'b']])
    """

    __slots__ = ("max_wait", "pause")

    bound: ClassVar[str] = "L"
    head: ClassVar[int] = 2

    def __init__(self, pause: int, max_wait: int | None = None) -> None:
        super().__init__()
        self.pause = pause
        self.max_wait = max_wait

    def fresh(self) -> State:
        """Nothing to wait for."""
        return [NEVER, NEVER]

    def feed(self, state: State, part: int, item: Opaque, now: int) -> list[Opaque] | None:
        """The pause begins anew."""
        released = self.step(state, now) if state[0] <= now else None
        if len(state) == 2:
            state[1] = NEVER if self.max_wait is None else now + self.max_wait
        elif len(state) > self.limit + 1:
            self.make_room(state)
        state[0] = min(now + self.pause, state[1])
        state.append(item)
        return released

    def step(self, state: State, now: int) -> list[Opaque] | None:
        """Release all if the pause is over."""
        return self.flush(state) if state[0] <= now else None
