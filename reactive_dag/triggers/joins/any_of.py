"""The disjunction: any part fires (T3).

Owns `AnyOf` and its cell, which holds nothing. Invariant: no two parts are equal and none is an `AnyOf`. Cost: O(parts)
to make, O(1) an item.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from attrs import frozen

from reactive_dag.triggers.base import Trigger
from reactive_dag.triggers.cell import Arrivals, Cell, Convert, Opaque, State, Surroundings
from reactive_dag.triggers.shapes import Composite


@frozen(cache_hash=True)
class AnyOf(Composite):
    """Fires whenever a part fires."""

    kind: ClassVar[str] = "any_of"
    gathers: ClassVar[bool] = False

    def __attrs_post_init__(self) -> None:
        parts: dict[Trigger, None] = {}
        for part in self.parts:
            if type(part) is AnyOf:
                parts.update(dict.fromkeys(part.parts))
            else:
                parts[part] = None
        object.__setattr__(self, "parts", tuple(parts))

    @property
    def needs(self) -> int:
        """One part is enough. O(1)."""
        return 1

    @classmethod
    def of(cls, *parts: object) -> AnyOf:
        """`a | b`. O(parts). Raises InvalidValue as `as_trigger` does."""
        return cls(parts)

    def cell(self, around: Surroundings) -> Cell:
        """A cell that holds nothing. O(1)."""
        return AnyOfCell(around)

    def __repr__(self) -> str:
        return f"rd.any_of({', '.join(map(repr, self.parts))})"


def any_of(*parts: object) -> AnyOf:
    """Fire whenever a part fires, for each item (T3). O(parts).

    Equal parts count once, and an `any_of` is spliced in. Raises InvalidValue without parts.

    >>> from reactive_dag.triggers.leaves.dataset import updated
    >>> any_of(updated("a"), updated("b"))
    rd.any_of(rd.updated('a'), rd.updated('b'))
    """
    return AnyOf(parts)


# ------------------------------------------------------------------------------------------------- cell


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

    def converted(self, release: Iterable[tuple[int, Opaque]], change: Convert) -> list[tuple[int, Opaque]]:
        """A release with each of its items through `change`. O(items)."""
        return [(part, change(part, item)) for part, item in release]
