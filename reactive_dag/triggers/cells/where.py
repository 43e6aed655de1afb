"""The cells of `.where` and `.map`: a function looks at what passes (T1, T13).

Owns `WhereCell` and `MapCell`. They hold nothing. What the function says is asked through `ask`, since the answers are
recorded (I6); GONE stands for no answer: the item is parked (T10), by whoever asked. Directly behind a leaf no cell is
needed: there a leaf has its functions itself. Cost: the function's.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from reactive_dag.triggers.cell import Arrivals, Cell, Opaque, State
from reactive_dag.triggers.machine.firing import GONE, Mapped


def unanswered(item: Opaque) -> Any:
    """The answer of a cell that was not compiled."""
    return GONE


class WhereCell(Cell):
    """Releases what the function is true for; the rest is dropped as `filtered`."""

    __slots__ = ("ask",)

    def __init__(self) -> None:
        super().__init__()
        self.ask: Callable[[Opaque], Any] = unanswered

    def feed_many(self, state: State, arrivals: Arrivals, now: int) -> list[Opaque] | None:
        """Ask for each."""
        released = []
        for part, item in arrivals:
            answer = self.ask(item)
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


class MapCell(Cell):
    """Releases what it is given together with the payload that the function makes of it."""

    __slots__ = ("ask",)

    def __init__(self) -> None:
        super().__init__()
        self.ask: Callable[[Opaque], Any] = unanswered

    def feed_many(self, state: State, arrivals: Arrivals, now: int) -> list[Opaque] | None:
        """Ask for each."""
        answers = [(self.ask(item), item) for _, item in arrivals]
        return [Mapped(answer, item) for answer, item in answers if answer is not GONE] or None

    def spread(self, release: Mapped) -> list[tuple[int, Opaque]]:
        """What passed, without its payload."""
        return [(0, release.item)]
