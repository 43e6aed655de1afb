"""The batch: so many firings, or what came within a window.

Owns `Batch` (T5). Invariant: it has a `count`, a `max_wait` in nanoseconds, or both. Making one costs O(1).
"""

from __future__ import annotations

from typing import ClassVar

from attrs import frozen

from reactive_dag.model.errors import InvalidValue
from reactive_dag.model.times import GivenDuration, format_duration, parse_duration
from reactive_dag.triggers.base import Modifier
from reactive_dag.triggers.checks import optional_positive


@frozen(cache_hash=True)
class Batch(Modifier):
    """Fires with `count` firings of its part, or with what came until `max_wait` after the first."""

    kind: ClassVar[str] = "batch"

    count: int | None = None
    max_wait: int | None = None

    def __attrs_post_init__(self) -> None:
        optional_positive(self.count, "count of .batch()")
        optional_positive(self.max_wait, "max_wait of .batch()")
        if self.count is None and self.max_wait is None:
            raise InvalidValue(".batch() would never close; give it count=, max_wait= or both")

    def __repr__(self) -> str:
        count = [] if self.count is None else [f"count={self.count}"]
        wait = [] if self.max_wait is None else [f"max_wait={format_duration(self.max_wait)!r}"]
        return f"{self.part!r}.batch({', '.join(count + wait)})"


def batch(part: object, count: int | None = None, max_wait: GivenDuration | None = None) -> Batch:
    """`part.batch(...)` as a function. O(1). Raises InvalidValue as that does."""
    wait = None if max_wait is None else parse_duration(max_wait, what="max_wait of .batch()")
    return Batch(part, count, wait)
