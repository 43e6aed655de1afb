"""The trigger on silence (T9).

Owns `Absent` and its cell, whose state is `[due, armed, heard]`: the end of the silence or the next tick, what armed it
(None: it is not armed), and whether the part was heard since the last tick. The cell holds no item: what comes only
arms it, or disarms it, and is dropped as `heard`. Invariant: it is due only if it is armed. Cost: O(1) to make and an
item; state: no rows.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar

from attrs import evolve, field, frozen

from reactive_dag.model.errors import InvalidValue
from reactive_dag.model.times import NEVER, GivenDuration, format_duration, parse_duration
from reactive_dag.triggers.base import Trigger, as_trigger
from reactive_dag.triggers.cell import ALONE, NOTHING_HEARD, Arrivals, Cell, Convert, Opaque, State, Surroundings
from reactive_dag.triggers.checks import optional_positive
from reactive_dag.triggers.leaves.schedule import Scheduled, Ticks


def _optional(value: object) -> Trigger | None:
    return None if value is None else as_trigger(value)


@frozen(cache_hash=True)
class Absent(Trigger):
    """Fires when `part` was silent for `for_`, or at a tick of `at` with no `part` since the tick before."""

    kind: ClassVar[str] = "absent"
    gathers: ClassVar[bool] = False
    emits: ClassVar[bool] = True
    holds_one: ClassVar[bool] = True

    part: Trigger = field(converter=as_trigger)
    for_: int | None = None
    at: Scheduled | None = None
    after: Trigger | None = field(default=None, converter=_optional)

    def __attrs_post_init__(self) -> None:
        optional_positive(self.for_, "for_ of absent()")
        if self.at is not None and not isinstance(self.at, Scheduled):
            raise InvalidValue(
                f"at= of absent() takes a clock such as rd.cron('0 6 * * *'), not {self.at!r}; "
                "dates on which it does not tick go to skip="
            )
        if (self.for_ is None) == (self.at is None):
            raise InvalidValue(
                f"absent({self.part!r}) needs either for_= (how long the silence lasts) or at= (when to look)"
            )

    @property
    def parts(self) -> tuple[Trigger, ...]:
        """What must be silent and, if there is one, what arms it; `at` is its clock and no part. O(1)."""
        return (self.part,) if self.after is None else (self.part, self.after)

    def rebuilt(self, parts: tuple[Trigger, ...]) -> Trigger:
        """A trigger like this one on other parts. O(1)."""
        return evolve(self, part=parts[0], after=parts[1] if len(parts) == 2 else None)

    @property
    def drives(self) -> tuple[Trigger, ...]:
        """None of its parts: what fires it is that they are silent. O(1)."""
        return ()

    @property
    def holds_for(self) -> int | None:
        """It waits for what may never come. O(1)."""
        return None

    def anchored(self, start: int) -> Trigger:
        """With each `every` that says nothing else counted from `start`, that of `at` too. O(size)."""
        at = None if self.at is None else self.at.anchored(start)
        return (self if at == self.at else evolve(self, at=at)).with_parts_anchored(start)

    def cell(self, around: Surroundings) -> Cell:
        """A cell that waits; under a key it fires once and is gone (T7). O(1)."""
        ticks = None if self.at is None else self.at.schedule
        return AbsentCell(self.for_, ticks, around, after=self.after is not None, once=around.under_key)

    def __repr__(self) -> str:
        how = f"at={self.at!r}" if self.for_ is None else f"for_={format_duration(self.for_)!r}"
        after = "" if self.after is None else f", after={self.after!r}"
        return f"rd.absent({self.part!r}, {how}{after})"


def absent(
    part: object, for_: GivenDuration | None = None, *, at: Scheduled | None = None, after: object = None
) -> Absent:
    """Fire when `part` was silent for `for_` (once per silence), or at a tick of `at` without one since the last. O(1).

    With `after=b`, only once each `b` has armed it. Raises InvalidValue unless exactly one of `for_` and `at` is given.

    >>> from reactive_dag.triggers.leaves.dataset import updated
    >>> absent(updated("mart"), for_="26h")
    rd.absent(rd.updated('mart'), for_='1d2h')
    """
    silence = None if for_ is None else parse_duration(for_, what="for_")
    return Absent(part, silence, at, after)


# ------------------------------------------------------------------------------------------------- cell


PART, AFTER = 0, 1


class AbsentCell(Cell):
    """Releases what its surroundings make of a silence, when part 0 was silent for `for_`, or at a tick without it.

    With `after`, part 1 arms and part 0 disarms. Without, a state must be armed by `arm`, and part 0 arms it again.
    `once`: at a tick too it fires once and is gone, as it does for each key (T7).

    >>> cell = AbsentCell(for_=10)
    >>> state = cell.fresh()
    >>> cell.arm(state, 0), cell.feed(state, 0, "a", 4), cell.due(state), cell.step(state, 14), cell.due(state) == NEVER
    (None, None, 14, ['a'], True)
    """

    __slots__ = ("after", "at", "for_", "newest", "once", "silence")

    head: ClassVar[int] = 3
    has_memory = True

    def __init__(
        self,
        for_: int | None = None,
        at: Ticks | None = None,
        around: Surroundings = ALONE,
        *,
        after: bool = False,
        once: bool = False,
    ) -> None:
        super().__init__(around)
        self.for_ = for_
        self.at = at
        self.after = after
        self.once = once or after
        self.newest = around.newest
        self.silence = around.silence

    def fresh(self) -> State:
        """Not armed."""
        return [NEVER, None, False]

    def arm(self, state: State, now: int, by: object = NOTHING_HEARD) -> None:
        """Wait from `now` on, on behalf of `by`, unless only `after` arms it."""
        if not self.after:
            self._wait(state, now, by)

    def reset(self, state: State) -> None:
        """What arms it stays (T16, T11)."""

    def _wait(self, state: State, now: int, by: object) -> None:
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
                self._wait(state, now, self.newest(part, item))
            elif self.after:
                state[:] = self.fresh()
            else:
                self._hear(state, self.newest(part, item), now)
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
        return None if heard else [self.silence(due, armed)]

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
        """The fields that `save` wrote."""
        return self.save(plain, take)
