"""Items of one part, each with the newest of the others (T17).

Owns `WithLatest` and its cell, whose state is `[newest, …, item, …]`: for each other part None or `[its newest, whether
it rode already]`, then the items of the first part that came before all others had one. What fires it, gives it dates,
keys and origins is the first part alone. Invariant: it holds items only while another part has none. Cost: O(parts) to
make and an item; state: L + m - 1 rows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, ClassVar

from attrs import field, frozen

from reactive_dag.model.errors import InvalidValue
from reactive_dag.triggers.base import Trigger, as_trigger
from reactive_dag.triggers.cell import ALONE, Arrivals, Cell, Convert, Opaque, State, Surroundings
from reactive_dag.triggers.shapes import as_triggers


@frozen(cache_hash=True)
class WithLatest(Trigger):
    """Fires once for each item of `part`, with the newest item of each of `others`, which stays."""

    kind: ClassVar[str] = "with_latest"
    gathers: ClassVar[bool] = False

    part: Trigger = field(converter=as_trigger)
    others: tuple[Trigger, ...] = field(converter=as_triggers)

    @classmethod
    def of(cls, part: object, *others: object) -> WithLatest:
        """`part.with_latest(...)`. O(parts). Raises InvalidValue as that does."""
        if not others:
            raise InvalidValue(".with_latest() without another part; write a.with_latest(b)")
        return cls(part, others)

    @property
    def parts(self) -> tuple[Trigger, ...]:
        """What fires it, then what rides along. O(parts)."""
        return (self.part, *self.others)

    @property
    def drives(self) -> tuple[Trigger, ...]:
        """What fires it. O(1)."""
        return (self.part,)

    @property
    def holds(self) -> bool:
        """It holds the newest of the other parts. O(1)."""
        return True

    @property
    def keeps_key(self) -> bool:
        """Its key is that of what fires it. O(1)."""
        return True

    def rebuilt(self, parts: tuple[Trigger, ...]) -> Trigger:
        """A trigger like this one on other parts. O(parts)."""
        return WithLatest(parts[0], parts[1:])

    def cell(self, around: Surroundings) -> Cell:
        """A cell that keeps the newest of each other part. O(parts)."""
        return WithLatestCell(len(self.others), around)

    def __repr__(self) -> str:
        return f"{self.part!r}.with_latest({', '.join(map(repr, self.others))})"


# ------------------------------------------------------------------------------------------------- cell


class WithLatestCell(Cell):
    """Releases a tuple: an item of part 0, and the newest of each of the `others` parts.

    >>> cell = WithLatestCell(1)
    >>> state = cell.fresh()
    >>> cell.feed(state, 0, "a1", 0), cell.feed(state, 1, "b1", 0), cell.feed(state, 0, "a2", 0)
    (None, [('a1', 'b1')], [('a2', 'b1')])
    """

    __slots__ = ("others", "rides", "single")

    bound: ClassVar[str] = "L + m - 1"

    def __init__(self, others: int, around: Surroundings = ALONE) -> None:
        super().__init__(around)
        self.others = others
        self.rides = (1 << others + 1) - 2
        self.single = around.is_single(0)

    def fresh(self) -> State:
        """Nothing is there."""
        return [None] * self.others

    def feed_many(self, state: State, arrivals: Arrivals, now: int) -> list[Opaque] | None:
        """Take the other parts' items first; then release each of part 0, unless another part has none yet."""
        for part, item in arrivals:
            if part:
                if state[part - 1] is not None:
                    self.drop("superseded", part, state[part - 1][0])
                state[part - 1] = [item, False]
            else:
                self._hold(state, item)
        newest = state[: self.others]
        if len(state) == self.others or None in newest:
            return None
        items = state[self.others :]
        state[:] = [[item, True] for item, _ in newest]
        return [(item, *[each for each, _ in newest]) for item in items]

    def _hold(self, state: State, item: Opaque) -> None:
        if len(state) > self.others and (self.single or len(state) - self.others >= self.limit):
            self.drop("superseded" if self.single else "expired", 0, state.pop(self.others))
        state.append(item)

    def is_idle(self, state: State, now: int) -> bool:
        """Whether nothing is there."""
        return len(state) == self.others and not any(state)

    def rode(self, state: State) -> Iterator[tuple[int, Opaque]]:
        """The newest items that rode already, as pairs of part and item."""
        return ((part, each[0]) for part, each in enumerate(state[: self.others], 1) if each is not None and each[1])

    def mark_ridden(self, state: State, rode: Callable[[int, Opaque], bool]) -> None:
        """The newest items of which `rode` says so rode already."""
        for part, each in enumerate(state[: self.others], 1):
            if each is not None and rode(part, each[0]):
                each[1] = True

    def held(self, state: State) -> Iterator[tuple[int, Opaque]]:
        """The newest of each other part, then what waits for them."""
        yield from ((part, each[0]) for part, each in enumerate(state[: self.others], 1) if each is not None)
        yield from ((0, item) for item in state[self.others :])

    def spread(self, release: tuple[Opaque, ...]) -> list[tuple[int, Opaque]]:
        """The item and those that ride along, part after part."""
        return list(enumerate(release))

    def converted(self, release: tuple[Opaque, ...], change: Convert) -> tuple[Opaque, ...]:
        """A release with each of its items through `change`. O(items)."""
        return tuple([change(part, item) for part, item in enumerate(release)])

    def check(self, state: State) -> None:
        """It holds items of part 0 only while another part has none, and no more than it may."""
        assert len(state) == self.others or None in state[: self.others]
        assert len(state) - self.others <= (1 if self.single else self.limit)

    def save(self, state: State, put: Convert) -> list[Any]:
        """The newest of each part with whether it rode, then the items."""
        newest = [each and [put(part, each[0]), each[1]] for part, each in enumerate(state[: self.others], 1)]
        return [*newest, *[put(0, item) for item in state[self.others :]]]

    def load(self, plain: list[Any], take: Convert) -> State:
        """The state that `save` wrote."""
        return self.save(plain, take)
