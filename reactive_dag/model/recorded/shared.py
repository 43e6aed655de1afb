"""What records share and hold: plain data, items, and what is said of outlets, values and deadlines.

Owns no state. The records (model/records.py) give these on under their own name. Building one costs about 0.1 µs.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import msgspec

Json: TypeAlias = Any
"""Plain JSON data: None, bool, int, float, str, list and dict of those."""


class Mark(msgspec.Struct, frozen=True, gc=False, array_like=True, omit_defaults=True):
    """An item that no fact stands behind: a clock's tick, a silence, or a missed deadline.

    `due` is its instant and, for a tick, its identity. `by` is the identity of what armed a silence, or the key of the
    run of `dag` that missed its deadline, whose `date` and `place` (its partition) it bears; a backfill's mark has the
    `place` that it asks for, and is no tick (but of kind "backfill") where that has no date. `after` is the offset of
    the last fact before it: it serves the order of `run.events` and is no part of the identity (I3).
    """

    kind: str
    due: int
    after: int = -1
    by: str = ""
    part: int = 0
    dag: str = ""
    date: int | None = None
    place: str | None = None

    @property
    def at(self) -> int:
        """Its instant."""
        return self.due

    @property
    def logical_date(self) -> int | None:
        """The due time of a tick, the date of a run that missed its deadline; a silence has none."""
        return self.due if self.kind == "tick" else self.date

    @property
    def partition(self) -> str | None:
        """That of a run that missed its deadline, or that a backfill asks for; other marks have none."""
        return self.place

    @property
    def cascade(self) -> str:
        """A mark belongs to no cascade of its own."""
        return ""


Item: TypeAlias = int | Mark
"""What a trigger holds: the offset of a fact, or a mark."""


class Record(msgspec.Struct, frozen=True, gc=False, array_like=True, omit_defaults=True):
    """What all records share."""

    at: int


class OutletEvent(msgspec.Struct, frozen=True, gc=False, array_like=True, omit_defaults=True):
    """What a success says of one outlet (R3): a `Published` without what the run adds when it is recorded.

    With nothing but its dataset it is the automatic event of an outlet.
    """

    dataset: str
    partition: str | None = None
    logical_date: int | None = None
    extra: Json = None
    kind: str = "updated"
    key: str | None = None
    time: int | None = None


UNCHANGED = "unchanged"
"""The kind of what an instance of a mapped task says of an outlet that did not change: nothing is published for it."""


class GivenValue(msgspec.Struct, frozen=True, gc=False, array_like=True, omit_defaults=True):
    """What a success says of one shared value (R22): it is forgotten `ttl` (ns) after it is recorded."""

    name: str
    value: Json = None
    ttl: int | None = None


class MissingPartitions(msgspec.Struct, frozen=True, gc=False, array_like=True, omit_defaults=True):
    """Which finer partitions of a period are not there (T18): `flags` of those that there should be.

    `place` says of which rollup of the trigger, `known` are the texts of other dimensions that key it.
    """

    place: int
    period: str
    flags: bytes
    known: tuple[tuple[str, str], ...] = ()


class RollupFired(msgspec.Struct, frozen=True, gc=False, array_like=True, omit_defaults=True):
    """The periods that a firing is of, each with its name and span (ns), and the finer partitions not there (T18).

    `correction`: all of them had fired before. `rest` are the causes that came by no rollup. `definition` is the offset
    of the trigger's `Registered` record, which says which finer partitions there should be.
    """

    periods: tuple[tuple[str, int, int], ...]
    lacking: tuple[MissingPartitions, ...] = ()
    correction: bool = False
    rest: tuple[int | Mark, ...] = ()
    definition: int = -1


class RunDeadline(msgspec.Struct, frozen=True, gc=False, array_like=True, omit_defaults=True):
    """By when a run is to have succeeded (R13), with the date and the partition that it was requested for.

    `by_hand`: a start or a backfill asked for it, no trigger.
    """

    due: int
    logical_date: int | None = None
    partition: str | None = None
    by_hand: bool = False
