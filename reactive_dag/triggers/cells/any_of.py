"""The cell of `any_of`: any part fires (T3). It holds nothing. Cost: O(1) an item."""

from __future__ import annotations

from collections.abc import Iterable

from reactive_dag.triggers.cell import Arrivals, Cell, Opaque, State


class AnyOfCell(Cell):
    """Releases a list of (part, item): one pair, or those of all parts that gave something in this step.

    >>> AnyOfCell().feed([], 1, "b", 0)
    [[(1, 'b')]]
    """

    __slots__ = ()

    def feed(self, state: State, part: int, item: Opaque, now: int) -> list[Opaque] | None:
        """Release it."""
        return [[(part, item)]]

    def feed_many(self, state: State, arrivals: Arrivals, now: int) -> list[Opaque] | None:
        """Release all of one step as one."""
        return [list(arrivals)]

    def spread(self, release: Iterable[tuple[int, Opaque]]) -> Iterable[tuple[int, Opaque]]:
        """The pairs themselves."""
        return release
