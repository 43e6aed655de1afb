"""The key: what stands before it, kept apart.

Owns `By`, its kinds of keys, and `JoinKey`, the key of the joins that no one writes (T8). Invariant: every leaf can
have the key, so a clock stands under `logical_date` and calendars only (T7). Making one costs O(size of the part).
"""

from __future__ import annotations

from typing import ClassVar, Literal, TypeAlias

from attrs import field, frozen

from reactive_dag.model.calendar import Calendar
from reactive_dag.model.callables import Call
from reactive_dag.model.errors import InvalidValue
from reactive_dag.model.suggest import did_you_mean
from reactive_dag.model.times import GivenDuration, format_duration, parse_duration
from reactive_dag.triggers.base import MAX_KEYS, Modifier, Trigger, walk
from reactive_dag.triggers.checks import choice_of, optional_positive, positive
from reactive_dag.triggers.leaves.schedule import Scheduled

FIELDS = ("partition", "logical_date")
JOINS = ("date+cascade", "date")


@frozen
class JoinKey:
    """The key of completions that join by themselves: the logical date, else the cascade if `mode` has it, else ""."""

    mode: Literal["date+cascade", "date"]

    def __attrs_post_init__(self) -> None:
        choice_of(self.mode, JOINS, "mode of a join's key")


Key: TypeAlias = str | Calendar | Call | JoinKey
"""One part of a key: "partition" or "logical_date", a calendar, a function of the event, or an implicit join's."""


def as_key(value: object) -> Key:
    """A key as data. O(1). Raises InvalidValue, saying what keys there are, for anything else."""
    if isinstance(value, Calendar | Call | JoinKey):
        return value
    if isinstance(value, str):
        if value in FIELDS:
            return value
        raise InvalidValue(
            f".by({value!r}): an event's field is 'partition' or 'logical_date'{did_you_mean(value, FIELDS)}; "
            f"for another write a function, .by(lambda event: event.extra[{value!r}])"
        )
    if callable(value):
        return Call(value)
    raise InvalidValue(
        f".by({value!r}): a key is 'partition', 'logical_date', a calendar such as rd.day('Europe/Berlin'), "
        "a function of the event, or None alone"
    )


def as_keys(values: object) -> tuple[Key, ...]:
    """Each value as a key. O(n)."""
    if not isinstance(values, tuple | list):
        raise InvalidValue(f"keys must be a tuple, not {values!r}")
    return tuple([as_key(value) for value in values])


@frozen(cache_hash=True)
class By(Modifier):
    """Fires as its part does, with a state for each key; without keys, one state for all (`.by(None)`)."""

    kind: ClassVar[str] = "by"

    keys: tuple[Key, ...] = field(converter=as_keys)
    max_keys: int = MAX_KEYS
    ttl: int | None = None

    def __attrs_post_init__(self) -> None:
        positive(self.max_keys, "max_keys of .by()")
        optional_positive(self.ttl, "ttl of .by()")
        if len(set(self.keys)) < len(self.keys):
            raise InvalidValue(f".by({_keys_text(self.keys)}): a key is there twice; give it once")
        if not all(key == "logical_date" or isinstance(key, Calendar) for key in self.keys):
            self._refuse_clocks()

    def _refuse_clocks(self) -> None:
        for found in walk(self.part):
            if isinstance(found, Scheduled):
                raise InvalidValue(
                    f".by({_keys_text(self.keys)}): a tick of {found!r} has no such key; use .by('logical_date') or a "
                    "calendar such as .by(rd.day('Europe/Berlin')), or leave the clock outside of .by"
                )

    def __repr__(self) -> str:
        most = "" if self.max_keys == MAX_KEYS else f", max_keys={self.max_keys}"
        ttl = "" if self.ttl is None else f", ttl={format_duration(self.ttl)!r}"
        return f"{self.part!r}.by({_keys_text(self.keys)}{most}{ttl})"


def _keys_text(keys: tuple[Key, ...]) -> str:
    if not keys:
        return "None"
    return ", ".join(map(repr, keys))


def by(part: object, keys: tuple[object, ...], max_keys: int = MAX_KEYS, ttl: GivenDuration | None = None) -> By:
    """`part.by(*keys, ...)` as a function. O(size). Raises InvalidValue as that does."""
    if not keys:
        raise InvalidValue(".by() without a key; name one, or write .by(None) to say that there is none")
    if None in keys and len(keys) > 1:
        raise InvalidValue(".by(None) says that there is no key, and stands alone")
    life = None if ttl is None else parse_duration(ttl, what="ttl of .by()")
    return By(part, () if keys == (None,) else keys, max_keys, life)


def has_by(trigger: Trigger) -> bool:
    """Whether a `.by` is written anywhere in the trigger. O(size)."""
    return any(isinstance(found, By) for found in walk(trigger))
