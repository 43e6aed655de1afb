"""The window: all parts within one span of time.

Owns `Within` (T6). Invariant: it stands directly on an `all_of`, `at_least` or `sequence`. Making one costs O(1).
"""

from __future__ import annotations

from typing import ClassVar

from attrs import field, frozen

from reactive_dag.model.errors import InvalidValue
from reactive_dag.model.times import GivenDuration, format_duration, parse_duration
from reactive_dag.triggers.cell import Surroundings
from reactive_dag.triggers.checks import positive
from reactive_dag.triggers.shapes import Modifier


@frozen(cache_hash=True)
class Within(Modifier):
    """Fires if what its part needs came within `window`; what is older is dropped as `outside_window`."""

    kind: ClassVar[str] = "within"
    gathers: ClassVar[bool] = False
    passes: ClassVar[bool] = True

    window: int = field()

    def __attrs_post_init__(self) -> None:
        positive(self.window, "window of .within()")
        if not self.part.joins:
            raise InvalidValue(
                f".within() bounds how far the parts of an all_of, at_least or sequence lie apart, and stands directly "
                f"after it; it was given {self.part!r}"
            )

    @classmethod
    def of(cls, part: object, window: GivenDuration) -> Within:
        """`part.within(...)`. O(1). Raises InvalidValue as that does."""
        return cls(part, parse_duration(window, what="window of .within()"))

    def cell(self, around: Surroundings) -> None:
        """None: its part's cell has the window. O(1)."""

    def __repr__(self) -> str:
        return f"{self.part!r}.within({format_duration(self.window)!r})"
