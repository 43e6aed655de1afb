"""The batch: so many firings, or what came within a window (T5).

Owns `Batch` and its cell, whose state is `[due, item, …]`. Invariants: it has a `count`, a `max_wait` in nanoseconds,
or both; it is due exactly if it holds something and has a `max_wait`. Cost: O(1) to make and an item; state: min(count
- 1, L) rows, without a count L.
"""

from __future__ import annotations

from typing import ClassVar

from attrs import field, frozen

from reactive_dag.model.errors import InvalidValue
from reactive_dag.model.scalars import own
from reactive_dag.model.times import NEVER, GivenDuration, format_duration, parse_duration
from reactive_dag.triggers.cell import ALONE, Cell, Opaque, State, Surroundings, WindowCell
from reactive_dag.triggers.checks import optional_positive
from reactive_dag.triggers.shapes import Modifier


@frozen(cache_hash=True)
class Batch(Modifier):
    """Fires with `count` firings of its part, or with what came until `max_wait` after the first."""

    kind: ClassVar[str] = "batch"
    gathers: ClassVar[bool] = True

    count: int | None = field(default=None, converter=own)
    max_wait: int | None = None

    def __attrs_post_init__(self) -> None:
        optional_positive(self.count, "count of .batch()")
        optional_positive(self.max_wait, "max_wait of .batch()")
        if self.count is None and self.max_wait is None:
            raise InvalidValue(".batch() would never close; give it count=, max_wait= or both")

    @classmethod
    def of(cls, part: object, count: int | None = None, max_wait: GivenDuration | None = None) -> Batch:
        """`part.batch(...)`. O(1). Raises InvalidValue as that does."""
        return cls(part, count, None if max_wait is None else parse_duration(max_wait, what="max_wait of .batch()"))

    @property
    def holds_for(self) -> int:
        """Until its window closes, if that has an end. O(1)."""
        return self.max_wait or 0

    def cell(self, around: Surroundings) -> Cell:
        """A window that closes by count, by time or by both. O(1)."""
        return BatchCell(self.count, self.max_wait, around)

    def __repr__(self) -> str:
        count = [] if self.count is None else [f"count={self.count}"]
        wait = [] if self.max_wait is None else [f"max_wait={format_duration(self.max_wait)!r}"]
        return f"{self.part!r}.batch({', '.join(count + wait)})"


# ------------------------------------------------------------------------------------------------- cell


class BatchCell(WindowCell):
    """Releases a list: `count` items, or fewer when the window that the first one opened closes. Never an empty one.

    >>> cell = BatchCell(2, max_wait=10)
    >>> state = cell.fresh()
    >>> cell.feed(state, 0, "a", 5), cell.due(state), cell.step(state, 15)
    (None, 15, [['a']])
    """

    __slots__ = ("count", "max_wait", "timed")

    bound: ClassVar[str] = "min(count - 1, L)"
    head: ClassVar[int] = 1

    def __init__(self, count: int | None = None, max_wait: int | None = None, around: Surroundings = ALONE) -> None:
        super().__init__(around)
        self.count = NEVER if count is None else count
        self.max_wait = max_wait
        self.timed = max_wait is not None

    def fresh(self) -> State:
        """No window is open."""
        return [NEVER]

    def feed(self, state: State, part: int, item: Opaque, now: int) -> list[Opaque] | None:
        """The first item opens a window, the last one closes it."""
        released = self.step(state, now) if state[0] <= now else None
        if len(state) == 1:
            if self.max_wait is not None:
                state[0] = now + self.max_wait
        elif len(state) > self.limit:
            self.make_room(state)
        state.append(item)
        if len(state) > self.count:
            released = [*(released or ()), state[1:]]
            state[:] = [NEVER]
        return released

    def step(self, state: State, now: int) -> list[Opaque] | None:
        """Close the window if its time has come."""
        return self.flush(state) if state[0] <= now else None
