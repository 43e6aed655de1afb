"""What all cells share: a stateless object that works on a state of plain data.

Owns the interface. A *cell* is the logic of one combinator and knows nothing of trees, keys, logs or clocks: it is fed
opaque items, a part at a time, and gives what it *releases*. Its state is a flat list that `fresh` makes and that the
other methods change in place, so that one cell serves every key and every future, and a state can be shown, saved and
reused. Invariant: an item is in one row of one state, or was released, or was given to `drop` with the policy's name.
Cost: O(1) an item and part unless a method says otherwise.

A state is some leading fields and then one row for each item that is held. `bound` says how many rows there can be, as
a formula: L stands for `max_pending`, m for the number of parts.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator
from copy import copy
from typing import Any, ClassVar, TypeAlias

from reactive_dag.model.times import NEVER
from reactive_dag.triggers.firing import GONE, Rolled

State: TypeAlias = list[Any]
"""Leading fields, then a row for each item held."""

Opaque: TypeAlias = Any
"""An item or a release: whatever stands before the cell gives."""

Arrivals: TypeAlias = list[tuple[int, Opaque]]
"""What several parts give in one step (T3)."""

Drop: TypeAlias = Callable[[str, int, Opaque], None]
"""Takes an item that goes without a firing: the policy, the part, the item."""

Convert: TypeAlias = Callable[[int, Opaque], Any]
"""Turns an item of a part into plain data, or back."""

MAX_PENDING = 1_000_000
"""How many items a part may hold unless told (T14)."""

NOTHING_HEARD = ""
"""What armed a silence that nothing armed."""


class Surroundings:
    """What a cell needs from outside: its bounds, and where drops and questions go. This one is for a bare operator.

    In a compiled trigger it is the node of the tree that the cell stands in.
    """

    __slots__ = ()

    limit: int = MAX_PENDING
    """How many items a part may hold (T14)."""
    window: int | None = None
    """The `.within` that stands directly on it, in nanoseconds (T6)."""
    under_key: bool = False
    """Whether a `.by` stands around it."""
    first: int = 0
    """The number of the first leaf part below it."""
    keys: tuple[object, ...] = ()
    """The keys around it, the outermost first."""

    def is_single(self, part: int) -> bool:
        """Whether a part is a clock or a silence, of which one item at most is pending (T9)."""
        return False

    def drop(self, policy: str, part: int, item: Opaque) -> None:
        """An item goes without a firing."""

    def answer(self, part: int, item: Opaque) -> Any:
        """What the function of `.where` or `.map` says to an item; GONE: there is no answer, the item is parked."""
        return GONE

    def atoms(self, part: int, item: Opaque) -> Iterable[Hashable]:
        """The leaf items that an item of a part consists of."""
        return (item,)

    def key(self, part: int, item: Opaque) -> tuple[object, ...]:
        """The key that an item of a part is of, that of all around it included."""
        return ()

    def newest(self, part: int, item: Opaque) -> object:
        """The newest leaf item of an item of a part, by which it arms a silence (I3)."""
        return item

    def silence(self, due: int, armed: object) -> Opaque:
        """What a silence releases: by itself the last item that was heard, or None."""
        return armed if armed is not NOTHING_HEARD else None


ALONE = Surroundings()
"""The surroundings of a cell by itself: drops are not counted, and there is no key."""


class Cell:
    """The logic of one combinator. Invariant: no field changes once it is made."""

    __slots__ = ("drop", "limit")

    bound: ClassVar[str] = "0"
    head: ClassVar[int] = 0
    rides: int = 0
    """The mask of the parts whose items stay pending when they are released (T17)."""

    timed: bool = False
    """Whether it can ever be due: a class that says when it is, can be."""
    has_memory: bool = False
    """Whether it can have something to remember while it holds nothing: a class that says until when, can."""

    lasting: bool = False
    """Whether what it remembers outlives a reset (T16)."""

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        if "timed" not in vars(cls) and type(cls.timed) is bool:  # else it has its own
            cls.timed = cls.due is not Cell.due
        if "has_memory" not in vars(cls) and type(cls.has_memory) is bool:
            cls.has_memory = cls.remembers_until is not Cell.remembers_until

    def __init__(self, around: Surroundings = ALONE) -> None:
        self.drop: Drop = around.drop
        self.limit = around.limit

    def telling(self, drop: Drop) -> Cell:
        """A cell like this one that tells `drop` what goes without having been released. O(1)."""
        other = copy(self)
        other.drop = drop
        return other

    @property
    def stride(self) -> int:
        """The length of a row: 1 for an item alone, 2 for part and item, 3 for part, item and instant."""
        return 1

    def fresh(self) -> State:
        """A state that holds nothing."""
        return []

    def feed(self, state: State, part: int, item: Opaque, now: int) -> list[Opaque] | None:
        """Close what is due, then take `item` as part number `part`; give what is released."""
        return self.feed_many(state, [(part, item)], now)

    def feed_many(self, state: State, arrivals: Arrivals, now: int) -> list[Opaque] | None:
        """Take what several parts give in one step (T3), in the order of the parts; give what is released."""
        raise TypeError(f"{type(self).__name__} takes no items")

    def step(self, state: State, now: int) -> list[Opaque] | None:
        """Close what is due at `now`; give what is released."""
        return None

    def due(self, state: State) -> int:
        """When the next step is due; NEVER if none is."""
        return NEVER

    def is_idle(self, state: State, now: int) -> bool:
        """Whether the state is as good as a fresh one."""
        return len(state) <= self.head

    def holds(self, state: State, now: int) -> bool:
        """Whether a reset would change the state (T16)."""
        return not self.is_idle(state, now)

    def remembers_until(self, state: State) -> int:
        """Until when a state that holds nothing must be kept although no timer says so; -NEVER if it need not be."""
        return -NEVER

    def arm(self, state: State, now: int, by: object) -> None:
        """Begin at the registration, on behalf of `by`; only for cells that wait without having been fed."""

    def reset(self, state: State) -> None:
        """Forget all that is held, and begin again (T16, T11). Whoever calls it counts what was held. O(pending)."""
        self.refill(state, self.fresh())

    def refill(self, state: State, other: State) -> None:
        """Make a state as another is; it stays the object that it is, since compiled closures hold it. O(pending)."""
        state[:] = other

    def flush(self, state: State) -> list[Opaque] | None:
        """What is owed when nothing more comes: a window closes early. Only bare operators ask (X5)."""
        return None

    def held(self, state: State) -> Iterator[tuple[int, Opaque]]:
        """What is pending, as pairs of part and item, in order of arrival. O(pending)."""
        if self.stride == 1:
            return ((0, item) for item in state[self.head :])
        return zip(state[self.head :: self.stride], state[self.head + 1 :: self.stride])

    def rode(self, state: State) -> Iterator[tuple[int, Opaque]]:
        """What is pending and was in a release already, as pairs of part and item (T17). O(parts)."""
        return iter(())

    def mark_ridden(self, state: State, rode: Callable[[int, Opaque], bool]) -> None:
        """What is pending was in a release already where `rode` says so of a part's item (T17). O(parts)."""

    def spread(self, release: Opaque) -> Iterable[tuple[int, Opaque]]:
        """The items of a release, as pairs of part and item, in the order of the payload (T13). O(items)."""
        return ((0, item) for item in release)

    def converted(self, release: Opaque, change: Convert) -> Opaque:
        """A release with each of its items through `change`. O(items)."""
        return [change(0, item) for item in release]

    def rolled(self, release: Opaque) -> Rolled | None:
        """What a release says of a period, if it is one of a rollup (T18)."""
        return None

    def check(self, state: State) -> None:
        """Raise AssertionError unless the cell's invariants hold. O(pending)."""

    def save(self, state: State, put: Convert) -> list[Any]:
        """The state as plain data, each item through `put`. O(pending)."""
        return self._copied(state, put)

    def load(self, plain: list[Any], take: Convert) -> State:
        """The state that `save` wrote. O(pending)."""
        return self._copied(plain, take)

    def _copied(self, rows: list[Any], change: Convert) -> list[Any]:
        copy, head, stride = list(rows), self.head, self.stride
        if stride == 1:
            copy[head:] = [change(0, item) for item in copy[head:]]
        else:
            pairs = zip(copy[head::stride], copy[head + 1 :: stride], strict=True)
            copy[head + 1 :: stride] = [change(part, item) for part, item in pairs]
        return copy

    def __repr__(self) -> str:
        return type(self).__name__


class WindowCell(Cell):
    """A cell of one part that gathers and lets go of everything at once (T5)."""

    __slots__ = ()

    bound: ClassVar[str] = "min(L, what one window takes)"

    def due(self, state: State) -> int:
        """The first field, which is NEVER while nothing is held."""
        due: int = state[0]
        return due

    def feed_many(self, state: State, arrivals: Arrivals, now: int) -> list[Opaque] | None:
        """Take them one after the other; what several of them release stays apart."""
        released: list[Opaque] = []
        for part, item in arrivals:
            released += self.feed(state, part, item, now) or ()
        return released or None

    def check(self, state: State) -> None:
        """It is due only while it holds something, and holds no more than it may."""
        assert self.due(state) == NEVER or len(state) > self.head
        assert len(state) - self.head <= self.limit

    def make_room(self, state: State) -> None:
        """Drop the oldest of more than `limit` items (T14). O(pending)."""
        oldest = state[self.head]
        del state[self.head]
        self.drop("expired", 0, oldest)

    def flush(self, state: State) -> list[Opaque] | None:
        """What is held, as one release."""
        items = state[self.head :]
        state[:] = self.fresh()
        return [items] if items else None
