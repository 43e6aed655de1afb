"""The throttle: at most once a period, nothing lost (T5).

Owns `Throttle` and its cell, whose state is `[end, item, …]`: when the period that the last release opened ends.
Invariant: it is due exactly if it holds something; a period in which nothing came ends without a timer. Cost: O(1) to
make and an item; state: L rows.
"""

from __future__ import annotations

from typing import ClassVar

from attrs import field, frozen

from reactive_dag.model.times import NEVER, GivenDuration, format_duration, parse_duration
from reactive_dag.triggers.cell import ALONE, Cell, Opaque, State, Surroundings, WindowCell
from reactive_dag.triggers.checks import positive
from reactive_dag.triggers.shapes import Modifier


@frozen(cache_hash=True)
class Throttle(Modifier):
    """Fires at once, then at most once a `period`, with all that came in between."""

    kind: ClassVar[str] = "throttle"
    gathers: ClassVar[bool] = True

    period: int = field()

    def __attrs_post_init__(self) -> None:
        positive(self.period, "period of .throttle()")

    @classmethod
    def of(cls, part: object, period: GivenDuration) -> Throttle:
        """`part.throttle(...)`. O(1). Raises InvalidValue as that does."""
        return cls(part, parse_duration(period, what="period of .throttle()"))

    @property
    def holds_for(self) -> int:
        """Until the period is over. O(1)."""
        return self.period

    def cell(self, around: Surroundings) -> Cell:
        """A period that each release opens. O(1)."""
        return ThrottleCell(self.period, around)

    def __repr__(self) -> str:
        return f"{self.part!r}.throttle({format_duration(self.period)!r})"


# ------------------------------------------------------------------------------------------------- cell


class ThrottleCell(WindowCell):
    """Releases a list: the first item at once, what follows within the period when it ends, which opens the next.

    >>> cell = ThrottleCell(10)
    >>> state = cell.fresh()
    >>> cell.feed(state, 0, "a", 0), cell.feed(state, 0, "b", 4), cell.due(state), cell.step(state, 10)
    ([['a']], None, 10, [['b']])
    """

    __slots__ = ("period",)

    bound: ClassVar[str] = "L"
    head: ClassVar[int] = 1

    def __init__(self, period: int, around: Surroundings = ALONE) -> None:
        super().__init__(around)
        self.period = period

    def fresh(self) -> State:
        """No period runs."""
        return [-NEVER]

    def feed(self, state: State, part: int, item: Opaque, now: int) -> list[Opaque] | None:
        """Release it if no period runs, else keep it."""
        released = self.step(state, now)
        if state[0] <= now:
            state[0] = now + self.period
            return [*(released or ()), [item]]
        if len(state) > self.limit:
            self.make_room(state)
        state.append(item)
        return released

    def step(self, state: State, now: int) -> list[Opaque] | None:
        """Release what the period held, if it is over; the next one begins where it ended."""
        if len(state) == 1 or state[0] > now:
            return None
        items = state[1:]
        state[:] = [state[0] + self.period]
        return [items]

    def due(self, state: State) -> int:
        """The end of the period, if anything waits for it."""
        end: int = state[0]
        return end if len(state) > 1 else NEVER

    def is_idle(self, state: State, now: int) -> bool:
        """Whether nothing is held and no period runs."""
        return len(state) == 1 and state[0] <= now

    def remembers_until(self, state: State) -> int:
        """The end of the period, which must be known to the next item."""
        end: int = state[0]
        return end
