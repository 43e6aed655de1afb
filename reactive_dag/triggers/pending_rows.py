"""The pending rows: what the parts of a join have given and no firing has taken yet, in order of arrival.

Owns `PendingRows`, the cells with the state that `all_of`, `at_least` and `sequence` share: `[held, part, item, part,
item, …]`, where bit p of `held` says that part p has something; with a window each row ends with its instant. One flat
list and a bitmask is what makes a join cheap: no object for a part, and a firing's items are one slice, in order
already. Invariants: the bits of `held` are exactly the parts in the rows; instants never go down along the rows. Cost:
O(1) an item; O(pending) where an old item must be found: beyond `max_pending`, or for a newer tick or silence.
"""

from __future__ import annotations

from typing import ClassVar

from reactive_dag.triggers.cell import ALONE, Cell, Convert, Opaque, State, Surroundings


def solo_mask(parts: int, around: Surroundings) -> int:
    """The mask of the parts that hold one item at most (T9). O(parts)."""
    return 0 if around is ALONE else sum([1 << part for part in range(parts) if around.is_single(part)])


class PendingRows(Cell):
    """A composite of `parts` parts. `solo` is the mask of those that hold one item at most (T9)."""

    __slots__ = ("full", "parts", "solo", "window")

    bound: ClassVar[str] = "m * L"
    head: ClassVar[int] = 1

    def __init__(self, parts: int, window: int | None = None, around: Surroundings = ALONE) -> None:
        super().__init__(around)
        self.parts = parts
        self.full = (1 << parts) - 1
        self.window = window
        self.solo = solo_mask(parts, around)

    @property
    def stride(self) -> int:
        """Two, or three where a window must know the instant."""
        return 2 if self.window is None else 3

    def fresh(self) -> State:
        """Nothing held."""
        return [0]

    def add(self, state: State, part: int, item: Opaque, now: int) -> None:
        """Add a row."""
        bit = 1 << part
        if state[0] & bit and (self.solo & bit or len(state) > self.stride * self.limit):
            self.make_room(state, part)
        state[0] |= bit
        state.append(part)
        state.append(item)
        if self.window is not None:
            state.append(now)

    def make_room(self, state: State, part: int) -> None:
        """Drop the oldest item of a part that may hold no more: a newer tick or silence, or T14. O(pending)."""
        solo = self.solo >> part & 1
        if state[0] == 1 << part:  # all rows are its own
            count, row = len(state) // self.stride, 1
        else:
            parts = state[1 :: self.stride]
            count, row = parts.count(part), 1 + self.stride * parts.index(part)
        if not solo and count < self.limit:
            return
        oldest = state[row + 1]
        del state[row : row + self.stride]
        self.drop("superseded" if solo else "expired", part, oldest)

    def cut(self, state: State, now: int) -> bool:
        """Drop what is older than the window (T6); say whether anything was. O(dropped), amortised O(1)."""
        if self.window is None or len(state) == 1 or state[3] >= now - self.window:
            return False
        end, oldest = 1, now - self.window
        while end < len(state) and state[end + 2] < oldest:
            self.drop("outside_window", state[end], state[end + 1])
            end += 3
        del state[1:end]
        self.mark(state)
        return True

    def mark(self, state: State) -> None:
        """Set the bitmask from the rows. O(pending)."""
        held = 0
        for part in set(state[1 :: self.stride]):
            held |= 1 << part
        state[0] = held

    def take(self, state: State) -> tuple[list[Opaque], ...]:
        """Everything, a list for each part, and nothing is left. O(pending)."""
        taken: tuple[list[Opaque], ...] = tuple([[] for _ in range(self.parts)])
        for part, item in self.held(state):
            taken[part].append(item)
        state[:] = [0]
        return taken

    def check(self, state: State) -> None:
        """The mask tells what is held, a part holds no more than it may, and instants never go down."""
        rows = state[1 :: self.stride]
        assert {part for part in range(self.parts) if state[0] >> part & 1} == set(rows), state
        assert all(rows.count(part) <= (1 if self.solo >> part & 1 else self.limit) for part in set(rows))
        assert self.window is None or state[3::3] == sorted(state[3::3])

    def spread(self, release: tuple[list[Opaque], ...]) -> list[tuple[int, Opaque]]:
        """The items, part after part."""
        return [(part, item) for part, items in enumerate(release) for item in items]

    def converted(self, release: tuple[list[Opaque], ...], change: Convert) -> tuple[list[Opaque], ...]:
        """A release with each of its items through `change`. O(items)."""
        return tuple([[change(part, item) for item in items] for part, items in enumerate(release)])
