"""A lifted combinator kept apart by key: one state for each key that holds something, no subject and no subscription.

Owns `KeyedCell`, which wraps a combinator's cell in the cell of `.by` (T7). Invariants: a key that holds nothing and
has nothing to remember is not there; what is emitted carries its key. Cost: O(1) an item beside the cell's own,
O(log keys) with windows; memory: that of the keys that hold something, `max_keys` of them at most.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator
from typing import Any, cast

from reactive_dag.model.times import NEVER
from reactive_dag.triggers.cell import ALONE, NOTHING_HEARD, Cell, Drop, Opaque
from reactive_dag.triggers.functions.by import ByCell, Inside, Keys
from reactive_dag.triggers.keys import rank


class KeyedCell(Cell):
    """Feeds each item to the state of its key, and releases pairs of key and value.

    >>> from reactive_dag.triggers.windows.batch import BatchCell
    >>> cell = KeyedCell(BatchCell(2), key=str.lower)
    >>> keys = cell.fresh()
    >>> [cell.feed(keys, 0, item, 0) for item in "aBAb"]
    [None, None, [('a', ['a', 'A'])], [('b', ['B', 'b'])]]
    >>> keys.by_key
    {}
    """

    __slots__ = ("_given", "by", "cell", "has_memory", "key", "rides", "timed")

    def __init__(
        self, cell: Cell, key: Callable[[Any], Any], max_keys: int = NEVER, ttl: int | None = None,
        drop: Drop = ALONE.drop,
    ) -> None:  # fmt: skip
        super().__init__()
        self.drop = drop
        self._given, self.key = cell, key
        self.cell = cell.telling(drop) if cell.drop == ALONE.drop else cell
        self.rides, self.timed, self.has_memory = cell.rides, cell.timed or ttl is not None, cell.has_memory
        self.by = ByCell(cast(Inside, self.cell), 1, max_keys, ttl, self._expired)

    def telling(self, drop: Drop) -> KeyedCell:
        """A cell like this one that tells `drop` what goes, whatever key it has. O(1)."""
        return type(self)(self._given, self.key, self.by.max_keys, self.by.ttl, drop)

    def fresh(self) -> Keys:  # type: ignore[override]
        """No key."""
        return self.by.fresh()

    def feed(self, state: Any, part: int, item: Opaque, now: int) -> list[Opaque] | None:
        """Feed the state of the item's key, of each where a list gives several; one that is None goes as `no_key`."""
        key = self.key(item)
        if type(key) is not list:
            return self._feed_key(state, key, part, item, now)
        released: list[Opaque] = []
        for each in dict.fromkeys(key) or (None,):
            released += self._feed_key(state, each, part, item, now) or ()
        return released or None

    def _feed_key(self, state: Any, key: Any, part: int, item: Opaque, now: int) -> list[Opaque] | None:
        if key is None:
            self.drop("no_key", part, item)
            return None
        inner = self.by.opened(state, key, now)
        if self.cell.is_idle(inner, now):  # it was opened just now
            self.cell.arm(inner, now, NOTHING_HEARD)
        released = self.cell.feed(inner, part, item, now)
        self.by.settle(state, key, now)
        return [(key, value) for value in released] if released else None

    def refill(self, state: Any, other: Any) -> None:
        """Have the keys of another."""
        state.refill(other)

    def step(self, state: Any, now: int) -> list[Opaque] | None:
        """Step each key that is due, in the order of keys (I1), and drop those that outlived their `ttl`."""
        released: list[Opaque] = []
        for key in sorted(self.by.due_keys(state, now), key=_rank):
            inner = state.by_key[key]
            released += [(key, value) for value in self.cell.step(inner, now) or ()]
            self.by.settle(state, key, now)
            if key in state.by_key:
                self.by.outlive(state, key, now)
        return released or None

    def due(self, state: Any) -> int:
        """When the first key is due."""
        return self.by.due(state)

    def flush(self, state: Any) -> list[Opaque] | None:
        """What each key owes when nothing more comes, in the order in which they were opened."""
        return [(key, value) for key, inner in state.by_key.items() for value in self.cell.flush(inner) or ()]

    def held(self, state: Any) -> Iterator[tuple[int, Opaque]]:
        """What is pending, key after key. O(pending)."""
        return (pair for inner in state.by_key.values() for pair in self.cell.held(inner))

    def spread(self, release: Any) -> Iterable[tuple[int, Opaque]]:
        """The items of a release, without its key."""
        return self.cell.spread(release[1])

    def is_idle(self, state: Any, now: int) -> bool:
        """Whether there is no key."""
        return self.by.is_idle(state, now)

    def remembers_until(self, state: Any) -> int:
        """Until when some key must be kept. O(keys)."""
        return self.by.remembers_until(state)

    def _expired(self, pairs: list[tuple[int, Opaque]], key: object) -> None:
        for part, item in pairs:
            self.drop("expired", part, item)


def _rank(key: Hashable) -> tuple[tuple[int, Any], ...]:
    return rank((key,))
