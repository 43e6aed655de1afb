"""The cell of `absent`: silence (T9).

Owns `AbsentCell`; its state is `[due, armed, heard]`: the end of the silence or the next tick, what armed it (None: it
is not armed), and whether the part was heard since the last tick. It holds no item: what comes only arms it, or disarms
it, and is dropped as `heard`. Invariant: it is due only if it is armed. Cost: O(1) an item; state: no rows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, ClassVar, Protocol

from reactive_dag.model.times import NEVER
from reactive_dag.triggers.cell import Arrivals, Cell, Convert, Opaque, State

PART, AFTER = 0, 1


class Ticks(Protocol):
    """What an absent cell or a clock asks of a schedule."""

    def after(self, ns: int, /) -> int | None:
        """The first tick strictly after an instant."""
        ...


def same(part: int, item: Opaque) -> object:
    """An item arms under its own name."""
    return item


def last_heard(due: int, armed: object) -> object:
    """What a bare silence releases: the last item heard, or None."""
    return armed if armed is not UNHEARD else None


UNHEARD = ""
"""Armed, and by nothing that was heard."""


class AbsentCell(Cell):
    """Releases what `make(due, armed)` gives, when part 0 was silent for `for_`, or at a tick without it.

    With `after`, part 1 arms and part 0 disarms. Without, a state must be armed by `arm`, and part 0 arms it again.
    `once`: at a tick too it fires once and is gone, as it does for each key (T7).

    >>> cell = AbsentCell(for_=10)
    >>> state = cell.fresh()
    >>> cell.arm(state, 0), cell.feed(state, 0, "a", 4), cell.due(state), cell.step(state, 14), cell.due(state) == NEVER
    (None, None, 14, ['a'], True)
    """

    __slots__ = ("after", "at", "for_", "make", "name", "once")

    timed: ClassVar[bool] = True
    has_memory: ClassVar[bool] = True
    head: ClassVar[int] = 3

    def __init__(
        self, for_: int | None = None, at: Ticks | None = None, *, after: bool = False, once: bool = False
    ) -> None:
        super().__init__()
        self.for_ = for_
        self.at = at
        self.after = after
        self.once = once or after
        self.name: Callable[[int, Opaque], object] = same
        self.make: Callable[[int, object], Opaque] = last_heard

    def fresh(self) -> State:
        """Not armed."""
        return [NEVER, None, False]

    def arm(self, state: State, now: int, by: object = UNHEARD) -> None:
        """Begin to wait at `now`, on behalf of `by`."""
        state[:] = [self._end(now), by, False]

    def _end(self, now: int) -> int:
        if self.for_ is not None:
            return now + self.for_
        tick = self.at.after(now) if self.at is not None else None
        return NEVER if tick is None else tick

    def feed_many(self, state: State, arrivals: Arrivals, now: int) -> list[Opaque] | None:
        """Close a silence that is over, then arm or disarm. What is in both parts arms."""
        released = self.step(state, now)
        for part, item in arrivals:
            if part == AFTER:
                self.arm(state, now, self.name(part, item))
            elif self.after:
                state[:] = self.fresh()
            else:
                self._hear(state, self.name(part, item), now)
            self.drop("heard", part, item)
        return released

    def _hear(self, state: State, name: object, now: int) -> None:
        """Part 0 came: the silence begins anew, or the next tick finds that it was heard."""
        if self.for_ is not None or state[1] is None:
            state[0] = self._end(now)
        state[1:] = [name, self.at is not None]

    def step(self, state: State, now: int) -> list[Opaque] | None:
        """Release if the silence is over; at a tick, if nothing was heard since the tick before."""
        due, armed, heard = state
        if due > now:
            return None
        gone = self.for_ is not None or (self.once and not heard)
        state[:] = self.fresh() if gone else [self._end(due), armed, False]
        return None if heard else [self.make(due, armed)]

    def due(self, state: State) -> int:
        """The end of the silence, or the next tick."""
        due: int = state[0]
        return due

    def is_idle(self, state: State, now: int) -> bool:
        """Whether it is not armed, or for ever."""
        due: int = state[0]
        return due == NEVER

    def held(self, state: State) -> Iterator[tuple[int, Opaque]]:
        """Nothing, ever."""
        return iter(())

    def spread(self, release: Opaque) -> list[tuple[int, Opaque]]:
        """A silence consists of nothing that was heard."""
        return []

    def save(self, state: State, put: Convert) -> list[Any]:
        """Due, what armed it, heard."""
        return [state[0], None if state[1] is None else put(PART, state[1]), state[2]]

    def load(self, plain: list[Any], take: Convert) -> State:
        """The same again."""
        return self.save(plain, take)
