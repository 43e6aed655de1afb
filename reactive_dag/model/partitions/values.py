"""`StaticValues`: a dimension of static values, such as regions (T19).

Owns the texts, in the order in which they are written. Invariant: at least one, none twice, none with `|`. Cost: O(1) a
look, once O(values).
"""

from __future__ import annotations

from difflib import get_close_matches
from typing import Any

import attrs

from reactive_dag.model.errors import InvalidValue
from reactive_dag.model.event import Event
from reactive_dag.model.partitions.products import SEPARATOR, Dimension
from reactive_dag.model.records import Json
from reactive_dag.model.suggest import did_you_mean
from reactive_dag.model.text import exact, seen, text_in

TAKEN = frozenset({each.name for each in attrs.fields(Event)}) | {"dimensions"}
"""Names that `.by(...)` and functions read from an event itself."""
UNITS = frozenset({"hour", "day", "week", "month"})
"""The names of calendars as dimensions."""


def _texts(given: object) -> tuple[str, ...]:
    if not isinstance(given, tuple | list):
        raise InvalidValue(f"rd.values() takes texts, not {seen(given)}")
    return tuple([_text(each) for each in given])


def _text(value: object) -> str:
    if isinstance(value, tuple | list | set | frozenset):
        raise InvalidValue(f"rd.values({seen(value)}): give the texts one by one, rd.values(*them)")
    text = text_in(value, "rd.values(): value")
    if not text.strip():
        raise InvalidValue(f"rd.values(): {text!r} is empty; a value is a text")
    if SEPARATOR in text:
        raise InvalidValue(
            f"rd.values(): {text!r} has a {SEPARATOR!r}, which stands between the dimensions of a product"
        )
    return text


def nearly_a_field(name: str) -> str | None:
    """The key that a name was probably meant to be, "partition" or "logical_date"; None if it is neither. O(1)."""
    return next(iter(get_close_matches(name, ("partition", "logical_date"), n=1, cutoff=0.85)), None)


def _name(given: object) -> str:
    name = text_in(given, "name of rd.values():")
    if not name.strip() or SEPARATOR in name:
        raise InvalidValue(f"name of rd.values(): {name!r} is no name; write one such as 'region'")
    if name in TAKEN or nearly_a_field(name):
        raise InvalidValue(
            f"name of rd.values(): {name!r} is, or nearly, a field that each event has; give another one"
        )
    if name in UNITS:
        raise InvalidValue(f"name of rd.values(): {name!r} names the calendar rd.{name}(...); give it another name")
    return name


@attrs.frozen(repr=False, cache_hash=True)
class StaticValues(Dimension):
    """Static values under a name. Made by `values`; equal by values, their order and the name.

    Cost: O(values). Raises `InvalidValue` for none, one twice, one with `|`, a name that an event's field has.
    """

    values: tuple[str, ...] = attrs.field(converter=_texts)
    name: str = attrs.field(default="value", converter=_name)
    _known: frozenset[str] = attrs.field(init=False, eq=False)

    def __attrs_post_init__(self) -> None:
        if not self.values:
            raise InvalidValue("rd.values() without a value; name what there is: rd.values('eu', 'us')")
        object.__setattr__(self, "_known", frozenset(self.values))
        if len(self._known) < len(self.values):
            twice = next(each for at, each in enumerate(self.values) if each in self.values[:at])
            raise InvalidValue(f"rd.values(): {twice!r} is there twice; name each once")

    def check(self, partition: str) -> None:
        """Refuse text that is none of the values, with "did you mean". O(1). Raises `InvalidValue`.

        >>> values("europe", "asia").check("asai")
        Traceback (most recent call last):
        reactive_dag.model.errors.InvalidValue: 'asai' is none of rd.values('europe', 'asia'); did you mean 'asia'?
        """
        text = exact(partition) if isinstance(partition, str) else None
        if text not in self._known:
            raise InvalidValue(f"{seen(partition)} is none of {seen(self)}{did_you_mean(text, self.values)}")

    def texts(self, ns: int) -> list[str]:
        """All values, at any instant. O(values)."""
        return list(self.values)

    def to_json(self) -> Json:
        """Plain JSON that `from_json` reads. O(values).

        >>> StaticValues.from_json(values("eu", "us", name="region").to_json())
        rd.values('eu', 'us', name='region')
        """
        return {"values": list(self.values), "name": self.name}

    @classmethod
    def from_json(cls, data: Json) -> StaticValues:
        """The values that `to_json` wrote. O(values). Raises `InvalidValue` for other data."""
        if not isinstance(data, dict) or not {"values"} <= data.keys() <= {"values", "name"}:
            raise InvalidValue(f"{seen(data)} is no rd.values(): it needs 'values' and a 'name'")
        options: dict[str, Any] = {"name": data["name"]} if "name" in data else {}
        return cls(data["values"], **options)

    def __repr__(self) -> str:
        name = "" if self.name == "value" else f", name={self.name!r}"
        return f"rd.values({', '.join(map(repr, self.values))}{name})"


def values(*values: str, name: str = "value") -> StaticValues:
    """Static partitions: these values, under a name by which `.by(name)` reads them. O(values).

    Raises `InvalidValue` for none, one twice, one with `|`, and for a name that an event's field or a calendar has.

    >>> values("eu", "us", name="region")
    rd.values('eu', 'us', name='region')
    """
    return StaticValues(values, name)
