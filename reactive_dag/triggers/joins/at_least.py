"""The threshold: n of the m parts have something pending (T4).

Owns `AtLeast` and its cell. Invariants: 1 <= n <= m, and no two parts are equal (T3); between steps fewer than n parts
hold something. Cost: O(parts) to make, O(1) an item; state: m * L rows.
"""

from __future__ import annotations

from typing import ClassVar

from attrs import field, frozen

from reactive_dag.model.errors import InvalidValue
from reactive_dag.model.scalars import own
from reactive_dag.triggers.cell import ALONE, Arrivals, Cell, Opaque, State, Surroundings
from reactive_dag.triggers.checks import positive
from reactive_dag.triggers.pending_rows import PendingRows
from reactive_dag.triggers.shapes import Composite


@frozen(cache_hash=True)
class AtLeast(Composite):
    """Fires when `n` of its parts have something pending."""

    kind: ClassVar[str] = "at_least"
    gathers: ClassVar[bool] = True
    joins: ClassVar[bool] = True

    n: int = field(kw_only=True, converter=own)

    def __attrs_post_init__(self) -> None:
        positive(self.n, "n of at_least(n, ...)")
        if self.n > len(self.parts):
            raise InvalidValue(
                f"at_least({self.n}, ...) of {len(self.parts)} parts could never fire; n is at most the number of parts"
            )
        if len(set(self.parts)) < len(self.parts):
            twice = next(part for at, part in enumerate(self.parts) if part in self.parts[:at])
            raise InvalidValue(
                f"at_least({self.n}, ...): {twice!r} is there twice, so one event would count twice; give it once"
            )

    @property
    def needs(self) -> int:
        """As many parts as were asked for. O(1)."""
        return self.n

    def cell(self, around: Surroundings) -> Cell:
        """A cell with pending rows. O(parts)."""
        return AtLeastCell(self.n, len(self.parts), around.window, around)

    def __repr__(self) -> str:
        return f"rd.at_least({self.n}, {', '.join(map(repr, self.parts))})"


def at_least(n: int, *parts: object) -> AtLeast:
    """Fire when n of the m parts have something pending, with all that they have released (T4). O(parts).

    Raises InvalidValue for n outside 1..m, and for a part that is there twice.

    >>> from reactive_dag.triggers.leaves.dataset import updated
    >>> at_least(2, updated("a"), updated("b"), updated("c"))
    rd.at_least(2, rd.updated('a'), rd.updated('b'), rd.updated('c'))
    """
    return AtLeast(n=n, parts=parts)


# ------------------------------------------------------------------------------------------------- cell


class AtLeastCell(PendingRows):
    """Releases a tuple of lists, one a part, as soon as `need` parts hold something; some of the lists may be empty.

    >>> cell = AtLeastCell(2, parts=3)
    >>> state = cell.fresh()
    >>> cell.feed(state, 2, "c", 0), cell.feed(state, 0, "a", 0)
    (None, [(['a'], [], ['c'])])
    """

    __slots__ = ("need",)

    def __init__(self, need: int, parts: int, window: int | None = None, around: Surroundings = ALONE) -> None:
        super().__init__(parts, window, around)
        self.need = need

    def check(self, state: State) -> None:
        """Too few parts are there."""
        super().check(state)
        assert state[0].bit_count() < self.need

    def feed_many(self, state: State, arrivals: Arrivals, now: int) -> list[Opaque] | None:
        """Add them; take everything if enough parts are there."""
        self.cut(state, now)
        for part, item in arrivals:
            self.add(state, part, item, now)
        return [self.take(state)] if state[0].bit_count() >= self.need else None
