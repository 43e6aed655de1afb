"""The cell of `at_least`: n of the m parts have something pending (T4). Cost: O(1) an item; state: m * L rows."""

from __future__ import annotations

from reactive_dag.triggers.cell import Arrivals, Opaque, State
from reactive_dag.triggers.pending_rows import PendingRows


class AtLeastCell(PendingRows):
    """Releases a tuple of lists, one a part, as soon as `need` parts hold something; some of the lists may be empty.

    Invariant between steps: fewer than `need` parts hold something.

    >>> cell = AtLeastCell(2, parts=3)
    >>> state = cell.fresh()
    >>> cell.feed(state, 2, "c", 0), cell.feed(state, 0, "a", 0)
    (None, [(['a'], [], ['c'])])
    """

    __slots__ = ("need",)

    def __init__(self, need: int, parts: int, window: int | None = None) -> None:
        super().__init__(parts, window)
        self.need = need

    def check(self, state: State) -> None:
        """Too few parts are there."""
        super().check(state)
        assert state[0].bit_count() < self.need

    def feed_many(self, state: State, arrivals: Arrivals, now: int) -> list[Opaque] | None:
        """Put them on the pile; take the pile if enough parts are there."""
        self.cut(state, now)
        for part, item in arrivals:
            self.add(state, part, item, now)
        return [self.take(state)] if state[0].bit_count() >= self.need else None
