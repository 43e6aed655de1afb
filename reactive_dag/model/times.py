"""Instants and durations: integer nanoseconds inside, text and `datetime` outside.

Owns the crossing between the two. Invariants: an instant is nanoseconds since 1970-01-01 UTC and fits 64 bits; nothing
here reads a clock; `parse_time(format_time(t, tz)) == t` and `parse_duration(format_duration(d)) == d`, exactly, to the
nanosecond. A naive time is refused, a bare number too: neither says what it means (R15). Every call costs O(1).
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta, timezone, tzinfo
from difflib import get_close_matches
from functools import lru_cache
from typing import Final, TypeAlias
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from .errors import InvalidValue
from .scalars import own
from .text import exact, seen

NEVER: Final = 2**63 - 1
"""Later than every instant."""

NANOSECOND: Final = 1
MICROSECOND: Final = 1_000
MILLISECOND: Final = 1_000_000
SECOND: Final = 1_000_000_000
MINUTE: Final = 60 * SECOND
HOUR: Final = 60 * MINUTE
DAY: Final = 24 * HOUR
WEEK: Final = 7 * DAY

GivenTime: TypeAlias = datetime | date | str
"""An instant as people write it: an aware `datetime`, ISO text with an offset or `Z`, or a date (its midnight)."""

GivenDuration: TypeAlias = timedelta | str
"""A duration as people write it: a `timedelta`, or text such as "90s" or "2h"."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_TICK = timedelta(microseconds=1)
_YEARS = range(1678, 2262)  # the whole years that 64 bits of nanoseconds can hold

_UNITS = {
    "w": WEEK, "d": DAY, "h": HOUR, "m": MINUTE, "s": SECOND, "ms": MILLISECOND, "us": MICROSECOND, "ns": NANOSECOND,
}  # fmt: skip
_DURATION = re.compile(
    r"(?:(?P<w>\d+)w)?\s*(?:(?P<d>\d+)d)?\s*(?:(?P<h>\d+)h)?\s*(?:(?P<m>\d+)m(?!s))?\s*(?:(?P<s>\d+)s)?\s*"
    r"(?:(?P<ms>\d+)ms)?\s*(?:(?P<us>\d+)us)?\s*(?:(?P<ns>\d+)ns)?",
    re.ASCII,
)
LONGEST_DURATION = 100
"""So many characters at most write a duration that 64 bits can hold."""
_FRACTION = re.compile(r"(?P<whole>\d+)\.(?P<part>\d+)(?P<unit>w|d|h|m|s|ms|us|ns)", re.ASCII)
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_TIME = re.compile(
    r"(?P<wall>\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(?::\d{2})?)(?:\.(?P<part>\d{1,9}))?"
    r"(?P<offset>Z|[+-]\d{2}(?::?\d{2}){0,2})?",
    re.ASCII | re.IGNORECASE,
)


# ----------------------------------------------------------------------------------------------- zones


def zone(name: str) -> ZoneInfo:
    """The IANA zone of that name.

    Cost: O(1) after the first call for a name. Raises `InvalidValue` with the nearest names for one that is unknown.

    >>> zone("Europe/Berlin").key
    'Europe/Berlin'
    """
    if not isinstance(name, str):
        raise InvalidValue(f"{seen(name)} is no time zone: {_nearest_zones(seen(name))}")
    return _zone(exact(name))


@lru_cache(maxsize=1024)
def _zone(name: str) -> ZoneInfo:
    try:
        if name in ("localtime", "posixrules", "Factory"):
            raise ValueError  # these mean another zone on another machine
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise InvalidValue(f"unknown time zone {name!r}: {_nearest_zones(name)}") from None


def _nearest_zones(name: object) -> str:
    names = {known.lower(): known for known in available_timezones()}
    near = get_close_matches(str(name).lower(), names, n=3, cutoff=0.7)
    if near:
        return "did you mean " + " or ".join(repr(names[n]) for n in near) + "?"
    return "write an IANA name such as 'Europe/Berlin' or 'UTC'"


# ------------------------------------------------------------------------------------------ datetimes


def from_datetime(value: datetime, *, what: str = "time") -> int:
    """An aware datetime as nanoseconds UTC, exact. O(1). Raises `InvalidValue` if naive, or for a year out of range.

    >>> from_datetime(datetime(1970, 1, 1, 1, tzinfo=timezone(timedelta(hours=1))))
    0
    """
    finer = 0
    if type(value) is not datetime:
        value, finer = _of_subclass(value, what)
    if value.utcoffset() is None:
        raise InvalidValue(
            f"{what} {value.isoformat()!r} has no zone, so it names no instant: "
            "give it one, e.g. .replace(tzinfo=datetime.UTC), or write text with an offset or Z"
        )
    return _in_range((value - _EPOCH) // _TICK * MICROSECOND + finer, value.isoformat(), what)


def _of_subclass(value: datetime, what: str) -> tuple[datetime, int]:
    """A datetime of a subclass (pandas has one) as Python's own, and the nanoseconds that this cannot hold."""
    try:
        return exact_datetime(value), int(getattr(value, "nanosecond", 0))
    except (TypeError, ValueError):  # NaT is a datetime without a year
        raise InvalidValue(f"{what} {seen(value)} is no time: give an aware datetime") from None


def exact_datetime(value: datetime) -> datetime:
    """A time as Python's own `datetime`, whatever its subclass does. O(1). Raises TypeError for pandas' NaT."""
    clock = value.hour, value.minute, value.second, value.microsecond
    return datetime(value.year, value.month, value.day, *clock, value.tzinfo, fold=value.fold)


def to_datetime(ns: int, tz: str = "UTC") -> datetime:
    """An instant as an aware datetime in a zone, cut down to microseconds. O(1). Raises `InvalidValue` for no zone.

    >>> to_datetime(90 * SECOND).isoformat()
    '1970-01-01T00:01:30+00:00'
    """
    moment = _EPOCH + timedelta(microseconds=ns // MICROSECOND)
    return moment if tz == "UTC" else moment.astimezone(zone(tz))


def wall_clock(ns: int, place: tzinfo) -> datetime:
    """What the clock on the wall shows in `place` at an instant: naive, with its `fold`. O(1).

    >>> wall_clock(0, zone("Asia/Tokyo")).hour
    9
    """
    return (_EPOCH + timedelta(microseconds=ns // MICROSECOND)).astimezone(place).replace(tzinfo=None)


def first_instant(wall: datetime, place: tzinfo) -> int:
    """When the clock on the wall in `place` first shows `wall` (naive); in a gap, the first instant after the gap.

    This is the rule of R9 for both clock changes, and what makes a day start where midnight is skipped. It never
    decreases when `wall` grows. Cost: O(1), about 2 µs; a wall time inside a gap some 20 µs.

    >>> format_time(first_instant(datetime(2026, 3, 29, 2, 30), zone("Europe/Berlin")), "Europe/Berlin")
    '2026-03-29T03:00:00+02:00'
    """
    aware = wall.replace(tzinfo=place, fold=0)
    moment = aware.astimezone(UTC)
    if moment.astimezone(place).replace(tzinfo=None, fold=0) == wall.replace(fold=0):
        return (moment - _EPOCH) // _TICK * MICROSECOND
    return _end_of_gap(aware.replace(fold=1).astimezone(UTC), moment, place)


def days_before(ns: int, days: int, place: tzinfo, wall: datetime | None = None) -> int:
    """The instant so many whole days before another on the clock on the wall in `place` (after it, if negative).

    What the clock leaves out is the first instant after, of what it shows twice the first. `wall` is what counts in
    place of what the clock shows at `ns`: the time that a schedule names, where a clock change moved its tick. O(1).

    >>> berlin = zone("Europe/Berlin")
    >>> format_time(days_before(parse_time("2026-03-29T22:30:00Z"), 1, berlin), "Europe/Berlin")
    '2026-03-29T00:30:00+01:00'
    """
    shown = (wall or wall_clock(ns, place)).replace(fold=0)
    return first_instant(shown - timedelta(days=days), place) + ns % MICROSECOND


def is_after_gap(ns: int, place: tzinfo) -> bool:
    """Whether a gap of the clock on the wall in `place` ends at an instant. O(1).

    >>> is_after_gap(parse_time("2026-03-29T01:00:00Z"), zone("Europe/Berlin"))
    True
    """
    return wall_clock(ns, place) - wall_clock(ns - SECOND, place) > timedelta(seconds=1)


def _end_of_gap(before: datetime, after: datetime, place: tzinfo) -> int:
    """The instant between the two at which the offset of `place` changes, to the second (zones know nothing finer)."""
    low, high = (before - _EPOCH) // timedelta(seconds=1), -((_EPOCH - after) // timedelta(seconds=1))
    old = before.astimezone(place).utcoffset()
    while high - low > 1:
        middle = (low + high) // 2
        if (_EPOCH + timedelta(seconds=middle)).astimezone(place).utcoffset() == old:
            low = middle
        else:
            high = middle
    return high * SECOND


# ---------------------------------------------------------------------------------------------- times


def parse_time(value: GivenTime, tz: str | None = None, *, what: str = "time") -> int:
    """An instant from an aware datetime, ISO text with an offset or `Z`, or a bare date: its midnight in `tz`.

    `tz` (UTC without one) is for bare dates only. Cost: O(1). Raises `InvalidValue`, which begins with `what`, for a
    naive time, a number, text that is no time, a year outside 1678 to 2261, and a day that the zone's clocks skipped.

    >>> parse_time("2026-11-23T00:00+01:00") == parse_time("2026-11-22T23:00Z")
    True
    >>> parse_time("2026-11-23", "Europe/Berlin") == parse_time("2026-11-22T23:00Z")
    True
    """
    value = value if isinstance(value, date | str) else own(value)
    if isinstance(value, datetime):
        return from_datetime(value, what=what)
    if isinstance(value, date):
        return _midnight(value.isoformat(), tz, what)
    if not isinstance(value, str):
        raise InvalidValue(f"{what} {seen(value)} is no time: give an aware datetime, or text like '2026-11-23T06:00Z'")
    text = exact(value).strip()
    return _midnight(text, tz, what) if _DATE.fullmatch(text) else _from_text(text, what)


def parse_date(value: GivenTime, tz: str | None = None) -> int:
    """The instant of a logical date that somebody gives: a `datetime` shows it whole. O(1). Raises `InvalidValue`.

    >>> parse_date("2026-11-23T00:00:00.000000001Z")
    Traceback (most recent call last):
    reactive_dag.model.errors.InvalidValue: logical_date '2026-11-23T00:00:00.000000001Z' is finer than a microsecond...
    """
    found = parse_time(value, tz, what="logical_date")
    if found % MICROSECOND:
        raise InvalidValue(f"logical_date {seen(value)} is finer than a microsecond; round it to one")
    return found


def is_bare_day(given: object) -> bool:
    """Whether a time is a day alone, which as an end is meant to its end. O(1).

    >>> is_bare_day("2026-11-23"), is_bare_day("2026-11-23T00:00Z")
    (True, False)
    """
    if isinstance(given, str):
        return _DATE.fullmatch(exact(given).strip()) is not None
    return isinstance(given := own(given), date) and not isinstance(given, datetime)


def _midnight(text: str, tz: str | None, what: str) -> int:
    try:
        wall = datetime.fromisoformat(text)
    except ValueError as error:
        raise InvalidValue(f"{what} {text!r} is no day: {error}") from None
    _check_year(wall, text, what)
    place = zone(tz or "UTC")
    found = first_instant(wall, place)
    if wall_clock(found, place).date() > wall.date():
        since = format_time(found, place.key)
        raise InvalidValue(f"{what} {text!r} is no day: clocks in {place.key} skipped it, at {since}; give another one")
    return _in_range(found, text, what)


def _from_text(text: str, what: str) -> int:
    found = _TIME.fullmatch(text)
    if found is None:
        raise InvalidValue(f"{what} {text!r} is no time: write it like '2026-11-23T06:00Z' or '2026-11-23T06:00+01:00'")
    if found["offset"] is None:
        raise InvalidValue(f"{what} {text!r} has no zone, so it names no instant: add Z or an offset like +01:00")
    try:
        wall = datetime.fromisoformat(found["wall"])
        aware = wall.replace(tzinfo=_offset(found["offset"]))
    except ValueError as error:
        raise InvalidValue(f"{what} {text!r} is no time: {error}") from None
    _check_year(wall, text, what)
    return _in_range((aware - _EPOCH) // _TICK * MICROSECOND + int((found["part"] or "").ljust(9, "0")), text, what)


def _offset(text: str) -> timezone:
    if text in "zZ":
        return UTC
    digits = text[1:].replace(":", "").ljust(6, "0")
    hours, minutes, seconds = int(digits[:2]), int(digits[2:4]), int(digits[4:])
    if minutes > 59 or seconds > 59:
        raise ValueError(f"{text} is no offset from UTC")
    size = timedelta(hours=hours, minutes=minutes, seconds=seconds)
    return timezone(-size if text[0] == "-" else size)


def _check_year(wall: datetime, text: str, what: str) -> None:
    if wall.year not in _YEARS:
        raise InvalidValue(f"{what} {text!r} lies outside the years {_YEARS[0]} to {_YEARS[-1]}")


def _in_range(ns: int, text: str, what: str) -> int:
    if not -NEVER < ns < NEVER:
        raise InvalidValue(f"{what} {text!r} lies outside the years {_YEARS[0]} to {_YEARS[-1]}")
    return ns


def format_time(ns: int, tz: str | None = None) -> str:
    """An instant as ISO text with its offset in a zone (`Z` without one), exact to the nanosecond.

    Cost: O(1). `NEVER` is written "never". Raises `InvalidValue` for an unknown zone.

    >>> format_time(1_500_000_000), format_time(0, "Europe/Berlin")
    ('1970-01-01T00:00:01.5Z', '1970-01-01T01:00:00+01:00')
    """
    if ns >= NEVER:
        return "never"
    moment = to_datetime(ns // SECOND * SECOND, tz or "UTC")
    wall, offset = moment.replace(tzinfo=None).isoformat(), "Z" if tz is None else moment.isoformat()[19:]
    part = ns % SECOND
    return wall + (f".{part:09d}".rstrip("0") if part else "") + offset


def repr_of(value: object, *names: str) -> str:
    """The repr of an object by attributes of it: instants as ISO text, without those that are None. O(attributes).

    >>> class Tick: at, key = datetime(2026, 11, 23, tzinfo=UTC), None
    >>> repr_of(Tick(), "at", "key")
    'Tick(at=2026-11-23T00:00:00Z)'
    """
    found = [(name, getattr(value, name)) for name in names]
    return f"{type(value).__name__}({', '.join(f'{name}={_shown(each)}' for name, each in found if each is not None)})"


def _shown(value: object) -> str:
    if isinstance(value, datetime):
        return format_time(from_datetime(value))
    return str(value) if isinstance(value, timedelta) else seen(value)


# ------------------------------------------------------------------------------------------ durations


def parse_duration(value: GivenDuration, *, what: str = "duration", zero_ok: bool = False) -> int:
    """A length of time in nanoseconds from a timedelta or text: "90s", "10m", "1d", "1h30m", "250ms", "1.5h".

    A day is 24 hours, a week 7 days. Cost: O(1). Raises `InvalidValue`, which begins with `what`, for a number without
    a unit, for less than nothing, and for nothing unless `zero_ok`.

    >>> parse_duration("1h30m") == parse_duration("1.5h") == 90 * MINUTE
    True
    """
    value = own(value)
    if isinstance(value, timedelta):
        length = value // _TICK * MICROSECOND
    elif isinstance(value, str):
        length = _duration_text(exact(value).strip(), what)
    else:
        raise InvalidValue(f"{what} {seen(value)} has no unit: give a timedelta, or text like '90s', '10m', '1h30m'")
    if length < 0 or (length == 0 and not zero_ok):
        raise InvalidValue(f"{what} {str(value)!r} must be {'zero or more' if zero_ok else 'more than zero'}")
    if length >= NEVER:
        raise InvalidValue(f"{what} {str(value)!r} is longer than 292 years")
    return length


def _duration_text(text: str, what: str) -> int:
    if text == "0":  # the one number that needs no unit
        return 0
    sign = -1 if text[:1] == "-" else 1
    body = text[1:].lstrip() if sign < 0 else text
    if len(body) > LONGEST_DURATION:
        raise InvalidValue(f"{what} {seen(text)} is longer than 292 years")
    if fraction := _FRACTION.fullmatch(body):
        return sign * _fraction(fraction["whole"], fraction["part"], _UNITS[fraction["unit"]], text, what)
    found = _DURATION.fullmatch(body)
    if not body or found is None:
        raise InvalidValue(
            f"{what} {text!r} is no duration: write it like '90s', '10m', '2h', '1d', '1h30m' or '250ms'"
        )
    counts: dict[str, str | None] = found.groupdict()
    return sign * sum(int(count) * _UNITS[unit] for unit, count in counts.items() if count)


def _fraction(whole: str, part: str, unit: int, text: str, what: str) -> int:
    scale: int = 10 ** len(part)
    length, rest = divmod(int(whole + part) * unit, scale)
    if rest:
        raise InvalidValue(f"{what} {text!r} is finer than a nanosecond")
    return length


def format_duration(ns: int) -> str:
    """A length of time as short text that `parse_duration` reads back, exact to the nanosecond. O(1).

    >>> format_duration(90 * MINUTE), format_duration(0), format_duration(-DAY - 250 * MILLISECOND)
    ('1h30m', '0s', '-1d250ms')
    """
    if ns == 0:
        return "0s"
    text, rest = ("-" if ns < 0 else ""), abs(ns)
    for unit, size in _UNITS.items():
        count, rest = divmod(rest, size) if unit != "w" else (0, rest)
        if count:
            text += f"{count}{unit}"
    return text
