"""Which partitions are finer than a calendar's, and which of them begin in one of its periods (T18).

Owns nothing. Invariant: each finer partition belongs to exactly one period, that in which it starts. Of a product all
texts of the other dimensions belong to each period. Cost: O(1) for what was asked before; `inside` O(result),
`why_not_finer` some 40 ms once for two zones.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Sequence
from functools import lru_cache
from itertools import compress
from typing import Final, TypeAlias

from reactive_dag.model.calendar import Calendar
from reactive_dag.model.partitions.products import Partitions
from reactive_dag.model.times import format_time, parse_time

_UNITS: Final = ("hour", "day", "week", "month")
_FROM: Final = parse_time("2024-01-01T00:00Z")
_UNTIL: Final = parse_time("2028-01-01T00:00Z")
"""The years whose boundaries are tried: a leap year among them, and eight clock changes."""


Known: TypeAlias = tuple[tuple[str, str], ...]
"""The texts of some dimensions, by name."""


@lru_cache(maxsize=4096)
def inside(finer: Partitions, coarse: Calendar, period: str, known: Known = ()) -> tuple[str, ...]:
    """The partitions of `finer` that begin in a partition of `coarse`, in order, with these texts. O(result) once.

    >>> from reactive_dag.model.calendar import day, hour
    >>> len(inside(hour("Europe/Berlin"), day("Europe/Berlin"), "2026-10-25"))
    25
    """
    start, end = coarse.span(period)
    if isinstance(finer, Calendar):  # the quick way
        first = finer.of(start)
        first = first if finer.start(first) >= start else finer.next(first)
        return tuple(finer.between(first, finer.of(end - 1)))
    found = tuple(finer.within(start, end - 1))
    return tuple([each for each in found if set(known) <= finer.split(each).items()]) if known else found


def as_flags(names: Sequence[str], some: Iterable[str]) -> bytes:
    """Which of these names are among some: a byte a name, compressed; b"" if none is. O(names).

    >>> of_flags(("a", "b", "c"), as_flags(("a", "b", "c"), ["a", "c"])), as_flags(("a",), ())
    (['a', 'c'], b'')
    """
    known = set(some)
    return zlib.compress(bytes(map(known.__contains__, names))) if known else b""


def of_flags(names: Sequence[str], flags: bytes) -> list[str]:
    """Those of these names that `as_flags` was given. O(names)."""
    return list(compress(names, zlib.decompress(flags))) if flags else []


@lru_cache(maxsize=256)
def why_not_finer(partitions: Partitions, coarse: Calendar) -> str:
    """Why partitions are not finer than a calendar; "" if they are. O(1) for one zone, else the bounds of four years.

    >>> from reactive_dag.model.calendar import day, hour, month, week
    >>> why_not_finer(day("Asia/Tokyo"), week("Asia/Tokyo")), why_not_finer(week(), month())
    ('', '')
    >>> why_not_finer(week(), day())
    'a week is no part of a day'
    """
    finer = partitions.calendar
    if not isinstance(finer, Calendar):
        return "it has no calendar"
    if _UNITS.index(finer.unit) >= _UNITS.index(coarse.unit):
        return f"{'an' if finer.unit == 'hour' else 'a'} {finer.unit} is no part of a {coarse.unit}"
    if finer.tz == coarse.tz:
        return ""
    period = coarse.of(_FROM)
    while (start := coarse.start(period)) < _UNTIL:
        if finer.start(finer.of(start)) < start:
            about = f"{finer.of(start)} of {finer!r} lies on both sides of {format_time(start, coarse.tz)}"
            return f"their zones differ, and {about}, where {period} of {coarse!r} begins"
        period = coarse.next(period)
    return ""
