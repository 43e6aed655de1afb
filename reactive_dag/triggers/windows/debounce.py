"""The debounce: wait until it is quiet, keep all that came (T5).

Owns `Debounce` and its cell, whose state is `[due, latest, item, …]`: when the pause ends, and when `max_wait` does.
Invariant: it is due exactly if it holds something. Cost: O(1) to make and an item; state: L rows.
"""

from __future__ import annotations

from typing import ClassVar

from attrs import field, frozen

from reactive_dag.model.times import NEVER, GivenDuration, format_duration, parse_duration
from reactive_dag.triggers.cell import ALONE, Cell, Opaque, State, Surroundings, WindowCell
from reactive_dag.triggers.checks import optional_positive, positive
from reactive_dag.triggers.shapes import Modifier


@frozen(cache_hash=True)
class Debounce(Modifier):
    """Fires with all that came, once nothing came for `pause`, at the latest `max_wait` after the first."""

    kind: ClassVar[str] = "debounce"
    gathers: ClassVar[bool] = True

    pause: int = field()
    max_wait: int | None = None

    def __attrs_post_init__(self) -> None:
        positive(self.pause, "pause of .debounce()")
        optional_positive(self.max_wait, "max_wait of .debounce()")

    @classmethod
    def of(cls, part: object, pause: GivenDuration, max_wait: GivenDuration | None = None) -> Debounce:
        """`part.debounce(...)`. O(1). Raises InvalidValue as that does."""
        wait = None if max_wait is None else parse_duration(max_wait, what="max_wait of .debounce()")
        return cls(part, parse_duration(pause, what="pause of .debounce()"), wait)

    @property
    def holds_for(self) -> int:
        """Until it is quiet, or `max_wait` is over. O(1)."""
        return max(self.pause, self.max_wait or 0)

    def cell(self, around: Surroundings) -> Cell:
        """A window that each item prolongs. O(1)."""
        return DebounceCell(self.pause, self.max_wait, around)

    def __repr__(self) -> str:
        wait = "" if self.max_wait is None else f", max_wait={format_duration(self.max_wait)!r}"
        return f"{self.part!r}.debounce({format_duration(self.pause)!r}{wait})"


# ------------------------------------------------------------------------------------------------- cell


class DebounceCell(WindowCell):
    """Releases a list of all items when none came for `pause`, at the latest `max_wait` after the first.

    >>> cell = DebounceCell(10)
    >>> state = cell.fresh()
    >>> cell.feed(state, 0, "a", 0), cell.feed(state, 0, "b", 9), cell.due(state), cell.step(state, 19)
    (None, None, 19, [['a', 'b']])
    """

    __slots__ = ("max_wait", "pause")

    bound: ClassVar[str] = "L"
    head: ClassVar[int] = 2

    def __init__(self, pause: int, max_wait: int | None = None, around: Surroundings = ALONE) -> None:
        super().__init__(around)
        self.pause = pause
        self.max_wait = max_wait

    def fresh(self) -> State:
        """Nothing to wait for."""
        return [NEVER, NEVER]

    def feed(self, state: State, part: int, item: Opaque, now: int) -> list[Opaque] | None:
        """The pause begins anew."""
        released = self.step(state, now) if state[0] <= now else None
        if len(state) == 2:
            state[1] = NEVER if self.max_wait is None else now + self.max_wait
        elif len(state) > self.limit + 1:
            self.make_room(state)
        state[0] = min(now + self.pause, state[1])
        state.append(item)
        return released

    def step(self, state: State, now: int) -> list[Opaque] | None:
        """Release all if the pause is over."""
        return self.flush(state) if state[0] <= now else None
