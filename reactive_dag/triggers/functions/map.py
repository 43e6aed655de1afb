"""The payload: what the run receives instead of the events' own (T13).

Owns `Map` and its cell, which holds nothing and never changes which events a firing carries. Its function is asked
through the cell's surroundings, since its answers are recorded (I6). Directly behind a leaf no cell is made: there the
leaf has its functions itself. Cost: O(1) to make but for reading the function's source where it has no importable name;
the function's an item.
"""

from __future__ import annotations

from typing import ClassVar

from attrs import field, frozen

from reactive_dag.model.callables import Call
from reactive_dag.triggers.cell import ALONE, Arrivals, Cell, Convert, Opaque, State, Surroundings
from reactive_dag.triggers.checks import as_call
from reactive_dag.triggers.firing import GONE, Mapped
from reactive_dag.triggers.shapes import Modifier


def _function(value: object) -> Call:
    return as_call(value, ".map()")


@frozen(cache_hash=True)
class Map(Modifier):
    """Fires as its part does; `fn` makes the payload out of the payload so far."""

    kind: ClassVar[str] = "map"
    gathers: ClassVar[bool] = False
    asks: ClassVar[bool] = True
    passes: ClassVar[bool] = True
    payload_is_list: ClassVar[bool] = False

    fn: Call = field(converter=_function)

    def cell(self, around: Surroundings) -> Cell:
        """A cell that holds nothing. O(1)."""
        return MapCell(around)

    def __repr__(self) -> str:
        return f"{self.part!r}.map({self.fn.text})"


# ------------------------------------------------------------------------------------------------- cell


class MapCell(Cell):
    """Releases what it is given together with the payload that the function makes of it."""

    __slots__ = ("answer",)

    def __init__(self, around: Surroundings = ALONE) -> None:
        super().__init__(around)
        self.answer = around.answer

    def feed_many(self, state: State, arrivals: Arrivals, now: int) -> list[Opaque] | None:
        """Ask for each."""
        answers = [(self.answer(part, item), item) for part, item in arrivals]
        return [Mapped(answer, item) for answer, item in answers if answer is not GONE] or None

    def spread(self, release: Mapped) -> list[tuple[int, Opaque]]:
        """What passed, without its payload."""
        return [(0, release.item)]

    def converted(self, release: Mapped, change: Convert) -> Mapped:
        """A release with each of its items through `change`. O(items)."""
        return Mapped(release.value, change(0, release.item))
