"""The conjunction: all parts have something pending (T2).

Owns `AllOf` and its cells: `AllOfCell` (`consume` all or latest: pending rows) and `EachCell` (`consume="each"`: a
queue for each part, since the rest stays). Invariants: no two parts are equal and none is an `AllOf` with equal
`consume` (T3); between steps at least one part holds nothing. Cost: O(parts) to make, O(1) an item, amortised; state: m
* L rows.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import Any, ClassVar, Literal, TypeAlias

from attrs import frozen

from reactive_dag.triggers.base import Trigger
from reactive_dag.triggers.cell import ALONE, Arrivals, Cell, Convert, Opaque, State, Surroundings
from reactive_dag.triggers.checks import choice_of
from reactive_dag.triggers.pending_rows import PendingRows, solo_mask
from reactive_dag.triggers.shapes import Composite

Consume: TypeAlias = Literal["all", "latest", "each"]
"""What one firing takes of what is pending (T2)."""

CONSUMES = ("all", "latest", "each")


@frozen(cache_hash=True)
class AllOf(Composite):
    """Fires when each part has something pending since it last fired."""

    kind: ClassVar[str] = "all_of"
    gathers: ClassVar[bool] = True
    joins: ClassVar[bool] = True

    consume: Consume = "all"

    def __attrs_post_init__(self) -> None:
        if type(self.consume) is not str or self.consume != "all":
            object.__setattr__(self, "consume", choice_of(self.consume, CONSUMES, "consume of all_of()"))
        parts: dict[Trigger, None] = {}
        for part in self.parts:
            if type(part) is AllOf and part.consume == self.consume:
                parts.update(dict.fromkeys(part.parts))
            else:
                parts[part] = None
        object.__setattr__(self, "parts", tuple(parts))

    @classmethod
    def of(cls, *parts: object) -> AllOf:
        """`a & b`. O(parts). Raises InvalidValue as `as_trigger` does."""
        return cls(parts)

    def cell(self, around: Surroundings) -> Cell:
        """A cell with queues where the rest stays, else one with pending rows. O(parts)."""
        if self.consume == "each":
            return EachCell(len(self.parts), around.window, around)
        return AllOfCell(len(self.parts), self.consume, around.window, around)

    def __repr__(self) -> str:
        consume = "" if self.consume == "all" else f", consume={self.consume!r}"
        return f"rd.all_of({', '.join(map(repr, self.parts))}{consume})"


def all_of(*parts: object, consume: Consume = "all") -> AllOf:
    """Fire when each part has something pending; `consume` says what one firing takes of it (T2). O(parts).

    "all" takes everything, "latest" the newest of each part, "each" the oldest one of each. Equal parts count once,
    and an `all_of` with the same `consume` is spliced in (T3). Raises InvalidValue without parts.

    >>> from reactive_dag.triggers.leaves.dataset import updated
    >>> all_of(updated("a") & updated("b"), updated("a"), updated("c"))
    rd.all_of(rd.updated('a'), rd.updated('b'), rd.updated('c'))
    """
    return AllOf(parts, consume)


# ------------------------------------------------------------------------------------------------- cell


class AllOfCell(PendingRows):
    """Releases a tuple of lists, one a part, at the item that makes the last part non-empty.

    >>> cell = AllOfCell(2)
    >>> state = cell.fresh()
    >>> cell.feed(state, 0, "a1", 0), cell.feed(state, 0, "a2", 0), cell.feed(state, 1, "b", 0)
    (None, None, [(['a1', 'a2'], ['b'])])
    """

    __slots__ = ("latest",)

    def __init__(
        self, parts: int, consume: str = "all", window: int | None = None, around: Surroundings = ALONE
    ) -> None:
        super().__init__(parts, window, around)
        self.latest = consume == "latest"

    def feed(self, state: State, part: int, item: Opaque, now: int) -> list[Opaque] | None:
        """Add the item; when no part is missing, take everything."""
        bit = 1 << part
        if self.window is not None or state[0] & bit:
            return self.feed_many(state, [(part, item)], now)
        state.append(part)
        state.append(item)
        state[0] = held = state[0] | bit
        return [self.take(state)] if held == self.full else None

    def feed_many(self, state: State, arrivals: Arrivals, now: int) -> list[Opaque] | None:
        """Add all that came in one step; when no part is missing, take everything."""
        self.cut(state, now)
        for part, item in arrivals:
            self.add(state, part, item, now)
        return [self.take(state)] if state[0] == self.full else None

    def check(self, state: State) -> None:
        """Some part is missing."""
        super().check(state)
        assert state[0] != self.full

    def take(self, state: State) -> tuple[list[Opaque], ...]:
        """Everything, or the newest of each part; the rest of those is superseded."""
        taken = super().take(state)
        if self.latest:
            for part, items in enumerate(taken):
                for item in items[:-1]:
                    self.drop("superseded", part, item)
                del items[:-1]
        return taken


class EachCell(Cell):
    """Releases the oldest item of each part, as long as each part has one; the rest stays.

    >>> cell = EachCell(2)
    >>> state = cell.fresh()
    >>> cell.feed(state, 0, "a1", 0), cell.feed(state, 0, "a2", 0), cell.feed(state, 1, "b", 0)
    (None, None, [(['a1'], ['b'])])
    >>> list(cell.held(state))
    [(0, 'a2')]
    """

    __slots__ = ("parts", "solo", "window")

    bound: ClassVar[str] = "m * L"

    def __init__(self, parts: int, window: int | None = None, around: Surroundings = ALONE) -> None:
        super().__init__(around)
        self.parts = parts
        self.window = window
        self.solo = solo_mask(parts, around)

    def fresh(self) -> State:
        """A queue of (instant, item) for each part."""
        return [deque() for _ in range(self.parts)]

    def feed_many(self, state: State, arrivals: Arrivals, now: int) -> list[Opaque] | None:
        """Queue what came, then release while no queue is empty."""
        self._cut(state, now)
        for part, item in arrivals:
            queue = state[part]
            solo = self.solo >> part & 1
            if queue and (solo or len(queue) >= self.limit):
                self.drop("superseded" if solo else "expired", part, queue.popleft()[1])
            queue.append((now, item))
        released = []
        while all(state):
            released.append(tuple([[queue.popleft()[1]] for queue in state]))
        return released or None

    def _cut(self, state: State, now: int) -> None:
        if self.window is None:
            return
        for part, queue in enumerate(state):
            while queue and queue[0][0] < now - self.window:
                self.drop("outside_window", part, queue.popleft()[1])

    def is_idle(self, state: State, now: int) -> bool:
        """Whether no queue holds anything."""
        return not any(state)

    def held(self, state: State) -> Iterator[tuple[int, Opaque]]:
        """What is pending, part after part."""
        return ((part, item) for part, queue in enumerate(state) for _, item in queue)

    def spread(self, release: tuple[list[Opaque], ...]) -> list[tuple[int, Opaque]]:
        """The items, part after part."""
        return [(part, item) for part, items in enumerate(release) for item in items]

    def converted(self, release: tuple[list[Opaque], ...], change: Convert) -> tuple[list[Opaque], ...]:
        """A release with each of its items through `change`. O(items)."""
        return tuple([[change(part, item) for item in items] for part, items in enumerate(release)])

    def save(self, state: State, put: Convert) -> list[Any]:
        """A list of [instant, item] for each part."""
        return [[[at, put(part, item)] for at, item in queue] for part, queue in enumerate(state)]

    def load(self, plain: list[Any], take: Convert) -> State:
        """The queues again."""
        return [deque([(at, take(part, item)) for at, item in rows]) for part, rows in enumerate(plain)]
