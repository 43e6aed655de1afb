"""What the key of an item is, under `.by` (T7, T8).

Owns the reading of keys. A key function takes the event, whatever has `partition`, `logical_date` (nanoseconds) and
`cascade`, and gives a hashable value or None: there is no such key. Cost: O(1); a calendar's about 1 µs.
"""

from __future__ import annotations

from collections.abc import Callable
from operator import attrgetter
from typing import Any, TypeAlias

from reactive_dag.model.calendar import Calendar
from reactive_dag.model.callables import Call
from reactive_dag.model.errors import InvalidValue
from reactive_dag.triggers.base import Trigger
from reactive_dag.triggers.functions.by import JoinKey, Key
from reactive_dag.triggers.leaves.dataset import Updated

KeyOf: TypeAlias = Callable[[Any], Any]
"""Reads a key from an event."""


def key_of(key: Key, leaf: Trigger) -> KeyOf:
    """How a key is read from the events of a leaf, unless it is a function that must be asked. O(1)."""
    if isinstance(key, str):
        return attrgetter(key)
    if isinstance(key, JoinKey):
        return date_or_cascade if key.mode == "date+cascade" else date_or_nothing
    assert isinstance(key, Calendar), key
    own = leaf.dataset.partitions if isinstance(leaf, Updated) else None
    return _calendar_key(key, (key,) if own is None else (own, key))


def date_or_cascade(event: Any) -> object:
    """The logical date, else the outside fact that the event goes back to."""
    date = event.logical_date
    return event.cascade if date is None else date


def date_or_nothing(event: Any) -> object:
    """The logical date, else one key for all that have none: plain order."""
    date = event.logical_date
    return "" if date is None else date


def _calendar_key(key: Calendar, calendars: tuple[Calendar, ...]) -> KeyOf:
    def read(event: Any) -> object:
        at = event.logical_date
        if at is None and event.partition is not None:
            at = partition_time(event.partition, calendars)
        return None if at is None else key.of(at)

    return read


def partition_time(partition: str, calendars: tuple[Calendar, ...]) -> int | None:
    """The start of a partition, by the first of the calendars that has it. O(calendars)."""
    for calendar in calendars:
        try:
            return calendar.start(partition)
        except InvalidValue:
            continue
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


def asked(key: Key) -> Call | None:
    """The function of a key, if it is one."""
    return key if isinstance(key, Call) else None


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
