"""The throttle: at most once a period.

Owns `Throttle` (T5), its period in nanoseconds. Making one costs O(1).
"""

from __future__ import annotations

from typing import ClassVar

from attrs import field, frozen

from reactive_dag.model.times import GivenDuration, format_duration, parse_duration
from reactive_dag.triggers.base import Modifier
from reactive_dag.triggers.checks import positive


@frozen(cache_hash=True)
class Throttle(Modifier):
    """Fires at once, then at most once a `period`, with all that came in between."""

    kind: ClassVar[str] = "throttle"

    period: int = field()

    def __attrs_post_init__(self) -> None:
        positive(self.period, "period of .throttle()")

    def __repr__(self) -> str:
        return f"{self.part!r}.throttle({format_duration(self.period)!r})"


def throttle(part: object, period: GivenDuration) -> Throttle:
    """`part.throttle(...)` as a function. O(1). Raises InvalidValue as that does."""
    return Throttle(part, parse_duration(period, what="period of .throttle()"))
