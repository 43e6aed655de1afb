"""The filter: items for which a function is true (T1).

Owns `Where` and its cell, which holds nothing. What it turns away is dropped as `filtered`; its function counts by its
content (I7), and is asked through the cell's surroundings, since its answers are recorded (I6). Directly behind a leaf
no cell is made: there the leaf has its functions itself. Cost: O(1) to make but for reading the function's source where
it has no importable name; the function's an item.
"""

from __future__ import annotations

from typing import ClassVar

from attrs import field, frozen

from reactive_dag.model.callables import Call
from reactive_dag.triggers.cell import ALONE, Arrivals, Cell, Convert, Opaque, State, Surroundings
from reactive_dag.triggers.checks import as_call
from reactive_dag.triggers.firing import GONE
from reactive_dag.triggers.shapes import Modifier


def _function(value: object) -> Call:
    return as_call(value, ".where()")


@frozen(cache_hash=True)
class Where(Modifier):
    """Fires with those firings of its part for which `fn` is true."""

    kind: ClassVar[str] = "where"
    gathers: ClassVar[bool] = False
    asks: ClassVar[bool] = True
    passes: ClassVar[bool] = True

    fn: Call = field(converter=_function)

    def cell(self, around: Surroundings) -> Cell:
        """A cell that holds nothing. O(1)."""
        return WhereCell(around)

    def __repr__(self) -> str:
        return f"{self.part!r}.where({self.fn.text})"


# ------------------------------------------------------------------------------------------------- cell


class WhereCell(Cell):
    """Releases what the function is true for; the rest is dropped as `filtered`."""

    __slots__ = ("answer",)

    def __init__(self, around: Surroundings = ALONE) -> None:
        super().__init__(around)
        self.answer = around.answer

    def feed_many(self, state: State, arrivals: Arrivals, now: int) -> list[Opaque] | None:
        """Ask for each."""
        released = []
        for part, item in arrivals:
            answer = self.answer(part, item)
            if answer is GONE:
                continue
            if answer:
                released.append(item)
            else:
                self.drop("filtered", part, item)
        return released or None

    def spread(self, release: Opaque) -> list[tuple[int, Opaque]]:
        """What passed."""
        return [(0, release)]

    def converted(self, release: Opaque, change: Convert) -> Opaque:
        """A release with each of its items through `change`. O(items)."""
        return change(0, release)
