"""The reset: what is half gathered goes at each tick of a schedule (T16).

Owns `Reset`. Its schedule is no part: it gives no item and no date, makes no edge, and may stand under `.by`. It makes
no cell: the compiler notes which cells a tick clears, and sets a timer only while those hold something. Cost: O(size)
to make; O(what is dropped) a tick.
"""

from __future__ import annotations

from typing import ClassVar

from attrs import evolve, field, frozen

from reactive_dag.model.errors import InvalidValue
from reactive_dag.triggers.base import Trigger
from reactive_dag.triggers.cell import Surroundings
from reactive_dag.triggers.leaves.schedule import Scheduled
from reactive_dag.triggers.shapes import Modifier
from reactive_dag.triggers.walks import walk


@frozen(cache_hash=True)
class Reset(Modifier):
    """Fires as its part does; at each tick of `at` everything pending in it is dropped as `reset`."""

    kind: ClassVar[str] = "reset"
    gathers: ClassVar[bool] = False
    passes: ClassVar[bool] = True

    at: Scheduled = field(kw_only=True)

    def __attrs_post_init__(self) -> None:
        if not isinstance(self.at, Scheduled):
            raise InvalidValue(
                f"at= of .reset() takes a clock such as rd.cron('0 6 * * *'), not {self.at!r}; "
                "dates on which it does not tick go to skip="
            )
        if not any(found.holds for found in walk(self.part)):
            raise InvalidValue(
                f".reset() drops what an all_of, at_least or sequence, a window, a .with_latest() or a .by() holds; "
                f"{self.part!r} holds nothing"
            )

    @classmethod
    def of(cls, part: object, at: object) -> Reset:
        """`part.reset(at=...)`. O(size). Raises InvalidValue as that does."""
        return cls(part, at=at)  # type: ignore[arg-type]

    def anchored(self, start: int) -> Trigger:
        """With each `every` that says nothing else counted from `start`, that of `at` too. O(size)."""
        return evolve(self, at=self.at.anchored(start)).with_parts_anchored(start)

    def cell(self, around: Surroundings) -> None:
        """None: its part's cells are what it clears. O(1)."""

    def __repr__(self) -> str:
        return f"{self.part!r}.reset(at={self.at!r})"
