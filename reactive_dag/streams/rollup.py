"""A rollup of plain items: the cell of `.rollup` with a state for each coarse partition (T18).

Owns `RollupStreamCell`. Invariant: each item is of the finer partition that `key` gives for it; what is emitted is one
tuple for a coarse partition: its name, the items, the finer partitions that are missing, whether it is a correction.
Cost: O(1) an item, O(finer partitions) a period; memory: what is half gathered, and the names of `max_keys` periods.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from reactive_dag.model.calendar import Calendar
from reactive_dag.model.errors import InvalidValue
from reactive_dag.model.partitions.nesting import why_not_finer
from reactive_dag.streams.keyed import KeyedCell
from reactive_dag.triggers.cell import ALONE, Drop, Opaque, Surroundings
from reactive_dag.triggers.checks import choice_of, optional_positive, positive
from reactive_dag.triggers.functions.rollup import LATE, RollupCell


def check_rollup(coarse: object, finer: object, late: object, wait: int | None, max_keys: object) -> None:
    """Raise InvalidValue for what could never be complete, or means nothing. O(1)."""
    optional_positive(wait, "wait of rollup()")
    positive(max_keys, "max_keys of rollup()")
    choice_of(late, LATE, "late of rollup()")
    if not isinstance(coarse, Calendar) or not isinstance(finer, Calendar):
        raise InvalidValue(f"rollup() takes calendars such as rd.day('Europe/Berlin'), not {coarse!r} and {finer!r}")
    if problem := why_not_finer(finer, coarse):
        raise InvalidValue(f"rollup({coarse!r}, {finer!r}): the second is not finer than the first: {problem}")


class _ByKey(Surroundings):
    """An item is of the finer partition that a function says."""

    __slots__ = ("coarse", "finer", "keys", "of_item")

    def __init__(self, finer: Calendar, coarse: Calendar, of_item: Callable[[Any], str | None]) -> None:
        self.finer, self.coarse, self.of_item, self.keys = finer, coarse, of_item, (coarse,)

    def period(self, item: Opaque) -> str | None:
        """The coarse partition of an item; None where it has no finer one. Raises InvalidValue for no partition."""
        finer = self.of_item(item)
        return None if finer is None else self.coarse.of(self.finer.start(finer))

    def key(self, part: int, item: Opaque) -> tuple[object, ...]:
        """Its coarse and its finer partition."""
        return self.period(item), self.of_item(item)


class RollupStreamCell(KeyedCell):
    """Feeds each item to the state of its coarse partition, and releases tuples that begin with its name."""

    __slots__ = ()

    @classmethod
    def of(
        cls, coarse: Calendar, finer: Calendar, of_item: Callable[[Any], str | None], late: str, wait: int | None,
        max_keys: int,
    ) -> RollupStreamCell:  # fmt: skip
        """The cell of items whose finer partition a function says. O(1)."""
        around = _ByKey(finer, coarse, of_item)
        return cls(RollupCell(finer, coarse, late, wait, around), around.period, max_keys, None, ALONE.drop)

    def telling(self, drop: Drop) -> RollupStreamCell:
        """A cell like this one that tells `drop` what goes. O(1)."""
        return type(self)(self._given, self.key, self.by.max_keys, None, drop)

    def feed(self, state: Any, part: int, item: Opaque, now: int) -> list[Opaque] | None:
        """Feed the state of the item's period."""
        return _flat(super().feed(state, part, item, now))

    def step(self, state: Any, now: int) -> list[Opaque] | None:
        """Fire the periods whose wait is over."""
        return _flat(super().step(state, now))

    def flush(self, state: Any) -> list[Opaque] | None:
        """What is there of each period that has not fired."""
        return _flat(super().flush(state))

    def spread(self, release: Any) -> list[tuple[int, Opaque]]:
        """The items of a release."""
        return [(0, item) for item in release[1]]


def _flat(released: list[Any] | None) -> list[Opaque] | None:
    return [(key, *rest) for key, (_, *rest) in released] if released else None
