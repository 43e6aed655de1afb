"""What a `.by` keeps apart: the keys that people write, and how one is read from an event (T7, T8).

Owns `KeySpec`, one part of a key as it is declared, `JoinKey`, the key of the joins that nobody writes, and the readers
of keys. A reader takes the event, whatever has `partition`, `logical_date` and `at` (nanoseconds) and `cascade`, and
gives a hashable value or None: there is no such key. Cost: O(1); a calendar's about 1 µs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from operator import attrgetter
from typing import Any, Literal, TypeAlias

from attrs import frozen

from reactive_dag.model.calendar import Calendar
from reactive_dag.model.callables import Call
from reactive_dag.model.errors import InvalidValue
from reactive_dag.model.partitions.nesting import inside
from reactive_dag.model.partitions.products import Partitions
from reactive_dag.model.partitions.values import TAKEN, nearly_a_field
from reactive_dag.model.suggest import did_you_mean
from reactive_dag.model.text import exact, seen
from reactive_dag.triggers.checks import as_call, choice_of

FIELDS = ("partition", "logical_date")
MOST_KNOWN = 20_000
"""So many partitions at most a reader of keys remembers."""
JOINS = ("date+cascade", "date")


@frozen
class JoinKey:
    """The key of completions that join by themselves: the logical date, else the cascade if `mode` has it, else ""."""

    mode: Literal["date+cascade", "date"]

    def __attrs_post_init__(self) -> None:
        choice_of(self.mode, JOINS, "mode of a join's key")


@frozen
class PeriodKey:
    """A key of a rollup: the coarse partition in which an item's finer one starts, or that one itself (T18)."""

    finer: Partitions
    coarse: Calendar
    is_finer: bool = False


KeySpec: TypeAlias = str | Calendar | Call | JoinKey | PeriodKey
"""One part of a key: "partition", "logical_date" or the name of a dimension, a calendar, a function of the event; or
that of an implicit join or a rollup."""


def has_instants(key: KeySpec) -> bool:
    """Whether an instant has such a key, so that a clock may stand under it (T7). O(1)."""
    return key == "logical_date" or isinstance(key, Calendar | PeriodKey)


def as_key(value: object) -> KeySpec:
    """A key as data. O(1). Raises InvalidValue, saying what keys there are, for anything else."""
    if isinstance(value, Calendar | Call | JoinKey | PeriodKey):
        return value
    if isinstance(value, str):
        value = exact(value)
        meant = None if value in FIELDS else nearly_a_field(value)
        if value.strip() and not meant and (value in FIELDS or value not in TAKEN):
            return value  # which dimensions there are, `check()` knows
        raise InvalidValue(
            f".by({value!r}): a key is 'partition', 'logical_date' or the name of a dimension"
            f"{did_you_mean(meant, FIELDS)}; for another field write .by(lambda event: event.{value or 'extra'})"
        )
    if callable(value):
        return as_call(value, ".by()")
    raise InvalidValue(
        f".by({seen(value)}): a key is 'partition', 'logical_date', a calendar such as rd.day('Europe/Berlin'), the "
        "name of a dimension, a function of the event, or None alone"
    )


def as_keys(values: object) -> tuple[KeySpec, ...]:
    """Each value as a key. O(n)."""
    if not isinstance(values, tuple | list):
        raise InvalidValue(f"keys must be a tuple, not {seen(values)}")
    return tuple([as_key(value) for value in values])


KeyOf: TypeAlias = Callable[[Any], Any]
"""Reads a key from an event."""


def is_dimension(key: object) -> bool:
    """Whether a key is the name of a dimension. O(1)."""
    return isinstance(key, str) and key not in FIELDS


def key_of(key: KeySpec, partitions: Partitions | None, by_arrival: bool = False) -> KeyOf:
    """How a key is read from the events of a dataset so partitioned, unless it is a function to be asked. O(1).

    `by_arrival`: what has no date goes to the calendar's period in which it came.
    """
    if isinstance(key, str):
        return _dimension_key(key, partitions) if is_dimension(key) else attrgetter(key)
    if isinstance(key, JoinKey):
        return date_or_cascade if key.mode == "date+cascade" else date_or_nothing
    if isinstance(key, PeriodKey):
        return _period_key(key, partitions)
    assert isinstance(key, Calendar), key
    return _calendar_key(key, (key,) if partitions is None else (partitions, key), by_arrival)


def date_or_cascade(event: Any) -> object:
    """The logical date, else the outside fact that the event goes back to."""
    date = event.logical_date
    return event.cascade if date is None else date


def date_or_nothing(event: Any) -> object:
    """The logical date, else one key for all that have none: plain order."""
    date = event.logical_date
    return "" if date is None else date


def _dimension_key(name: str, partitions: Partitions | None) -> KeyOf:
    @lru_cache(maxsize=4096)
    def text_of(partition: str | None) -> str | None:
        if partition is None or partitions is None or not partitions.fits(partition):
            return None
        return partitions.split(partition).get(name)

    return lambda event: text_of(event.partition)


def _calendar_key(key: Calendar, calendars: tuple[Partitions, ...], by_arrival: bool) -> KeyOf:
    def read(event: Any) -> object:
        at = event.logical_date
        if at is None and event.partition is not None:
            at = partition_time(event.partition, calendars)
        if at is None and by_arrival:
            at = event.at
        return None if at is None else key.of(at)

    return read


PeriodPair: TypeAlias = tuple[str, str]
"""A finer partition, and the coarse one in which it starts."""


@lru_cache(maxsize=256)
def _pairs(finer: Partitions, coarse: Calendar, own: Partitions | None) -> dict[str, PeriodPair]:
    """What is known of the partitions of a dataset so partitioned; a cache, which its readers fill."""
    return {}


def _period_key(key: PeriodKey, own: Partitions | None) -> KeyOf:
    """The first event of a period tells of all its partitions; others are looked up in one dict."""
    finer, coarse, at = key.finer, key.coarse, 0 if key.is_finer else 1
    among = (finer,) if own is None or own == finer else (own, finer)
    pairs = _pairs(finer, coarse, own)

    def pair_of(known: Mapping[str, str], date: int | None) -> PeriodPair | None:
        partition = finer.made_of(known, date)
        begin = None if partition is None else finer.time(partition)
        return None if partition is None or begin is None else (partition, coarse.of(begin))

    def told(partition: str | None, date: int | None) -> PeriodPair | None:
        for each in among if partition is not None else ():
            if not each.fits(partition):
                continue
            begin, known = each.time(str(partition)), each.split(str(partition))
            found = pair_of(known, date if begin is None else begin)
            if found is not None and each == finer:
                learn(found[1])
            return found
        return pair_of({}, date)

    def learn(period: str) -> None:
        if len(pairs) > MOST_KNOWN:
            pairs.clear()
        pairs.update({name: (name, period) for name in inside(finer, coarse, period)})

    def read(event: Any) -> object:
        found = pairs.get(event.partition) or told(event.partition, event.logical_date)
        return None if found is None else found[at]

    return read


def partition_time(partition: str, among: tuple[Partitions, ...]) -> int | None:
    """The start of a partition's period, by the first of these that gives it one. O(dimensions)."""
    for each in among:
        try:
            found = each.time(partition)
        except InvalidValue:
            continue
        if found is not None:
            return found
    return None


def hashable(value: object) -> Any:
    """What a function answered, as a key: JSON lists and objects as tuples. O(size).

    >>> hashable(["a", {"b": 1}])
    ('a', (('b', 1),))
    """
    if isinstance(value, list | tuple):
        return tuple([hashable(each) for each in value])
    if isinstance(value, dict):
        return tuple(sorted((str(name), hashable(each)) for name, each in value.items()))
    return value


def rank(path: tuple[object, ...]) -> tuple[tuple[int, Any], ...]:
    """The order of keys at one instant (I1): shorter first, numbers by size, then text, then the rest. O(len)."""
    return tuple([_rank(each) for each in path])


def _rank(value: object) -> tuple[int, Any]:
    if isinstance(value, int | float):
        return 0, value
    return (1, value) if isinstance(value, str) else (2, repr(value))


def key_text(path: tuple[object, ...]) -> str:
    """A key as a record shows it: its values, joined by " / ". O(len)."""
    return " / ".join([each if isinstance(each, str) else repr(each) for each in path])
