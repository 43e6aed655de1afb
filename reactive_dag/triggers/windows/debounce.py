"""The debounce: wait until it is quiet.

Owns `Debounce` (T5): nanoseconds of `pause`, and the longest wait from the first item. Making one costs O(1).
"""

from __future__ import annotations

from typing import ClassVar

from attrs import field, frozen

from reactive_dag.model.times import GivenDuration, format_duration, parse_duration
from reactive_dag.triggers.base import Modifier
from reactive_dag.triggers.checks import optional_positive, positive


@frozen(cache_hash=True)
class Debounce(Modifier):
    """Fires with all that came, once nothing came for `pause`, at the latest `max_wait` after the first."""

    kind: ClassVar[str] = "debounce"

    pause: int = field()
    max_wait: int | None = None

    def __attrs_post_init__(self) -> None:
        positive(self.pause, "pause of .debounce()")
        optional_positive(self.max_wait, "max_wait of .debounce()")

    def __repr__(self) -> str:
        wait = "" if self.max_wait is None else f", max_wait={format_duration(self.max_wait)!r}"
        return f"{self.part!r}.debounce({format_duration(self.pause)!r}{wait})"


def debounce(part: object, pause: GivenDuration, max_wait: GivenDuration | None = None) -> Debounce:
    """`part.debounce(...)` as a function. O(1). Raises InvalidValue as that does."""
    wait = None if max_wait is None else parse_duration(max_wait, what="max_wait of .debounce()")
    return Debounce(part, parse_duration(pause, what="pause of .debounce()"), wait)
