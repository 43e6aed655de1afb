"""Triggers as plain JSON data, and the hash of that data.

Owns the form. Invariant: `from_json(to_json(t)) == t` with the same digest, and loading imports nothing: a function
comes back as a reference by name, or as a digest beside its source (G5). A trigger names its datasets by uri; their
calendars belong to the graph, which gives them back through `datasets`. A field at its default is left out, so a
field added later changes no digest. All costs are O(size of the trigger).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from functools import cache
from hashlib import blake2b
from typing import Any, ClassVar, Generic, TypeAlias, TypeVar

import attrs
import msgspec

from reactive_dag.model.calendar import Calendar, partitions_from_json
from reactive_dag.model.callables import Call
from reactive_dag.model.errors import InvalidValue
from reactive_dag.model.partitions.products import Partitions
from reactive_dag.model.records import Json
from reactive_dag.model.schedule import AtSchedule, CronSchedule, EverySchedule, schedule_from_json
from reactive_dag.model.suggest import did_you_mean
from reactive_dag.model.text import seen
from reactive_dag.triggers.checks import listed
from reactive_dag.triggers.keys import JoinKey


class Kinded:
    """Frozen attrs data that says in JSON which kind it is; its other fields are its attributes."""

    __slots__ = ()

    kind: ClassVar[str] = ""


Datasets: TypeAlias = Callable[[str], object]
"""Gives the dataset of a uri."""
AnyKinded = TypeVar("AnyKinded", bound=Kinded)
CallForm: TypeAlias = Callable[[Call], Json]
_SORTED = msgspec.json.Encoder(order="sorted").encode
_ASCII = json.JSONEncoder(sort_keys=True, separators=(",", ":")).encode
_Given = TypeVar("_Given")
_Made = TypeVar("_Made")


# ------------------------------------------------------------------------------------------------ out


def to_json(trigger: Kinded) -> dict[str, Json]:
    """The trigger as plain JSON data; callables as references.

    >>> from reactive_dag.triggers.leaves.dataset import updated
    >>> to_json(updated("orders").batch(count=2))
    {'kind': 'batch', 'part': {'kind': 'updated', 'dataset': 'orders'}, 'count': 2}
    """
    return _trigger_out(trigger, Call.to_json)


def digest(trigger: Kinded) -> str:
    """The content's hash: 32 hexadecimal digits, a function of the trigger's JSON with callables by their own (I7).

    >>> from reactive_dag.triggers.leaves.dataset import updated
    >>> digest(updated("a")) == digest(updated("a")), digest(updated("a")) == digest(updated("b"))
    (True, False)
    """
    text = _canonical(_trigger_out(trigger, _digest_of))
    return blake2b(text, digest_size=16, person=b"rd.trigger").hexdigest()


def _canonical(form: dict[str, Json]) -> bytes:
    """What `json.dumps` writes with sorted keys, no blanks, ASCII only; the quick way where that is all the same."""
    try:
        text = _SORTED(form)
    except (OverflowError, UnicodeEncodeError):
        return _ASCII(form).encode()
    return text if text.isascii() and b"\x7f" not in text else _ASCII(form).encode()


def _digest_of(call: Call) -> str:
    return call.digest


@cache
def _fields_of(kind: Any) -> tuple[tuple[str, object, bool], ...]:
    """The fields of a class, each with its default, and whether its value is named by its id."""
    return tuple([(each.name, each.default, "by_id" in each.metadata) for each in attrs.fields(kind)])


def _trigger_out(trigger: Kinded, call: CallForm) -> dict[str, Json]:
    form: dict[str, Json] = {"kind": trigger.kind}
    for name, default, by_id in _fields_of(type(trigger)):  # type: ignore[arg-type]
        value = getattr(trigger, name)
        if by_id:
            form[name] = value.id
        elif default is attrs.NOTHING or (value is not default and value != default):
            form[name] = _value_out(value, call)
    return form


def _value_out(value: object, call: CallForm) -> Json:
    if value is None or isinstance(value, (str, int)):
        return value
    if isinstance(value, Kinded):
        return _trigger_out(value, call)
    if isinstance(value, tuple):
        return [_value_out(each, call) for each in value]
    if isinstance(value, frozenset):
        return sorted(value)
    if isinstance(value, Call):
        return {"call": call(value)}
    return _plain_out(value)


def _plain_out(value: object) -> Json:
    match value:
        case Calendar():
            return {"calendar": value.to_json()}
        case Partitions():
            return {"partitions": value.to_json()}
        case JoinKey(mode=mode):
            return {"join": mode}
        case CronSchedule() | EverySchedule() | AtSchedule():
            return value.to_json()
    raise InvalidValue(f"{value!r} has no JSON form")


# ------------------------------------------------------------------------------------------------- in


def from_json(data: Json, kinds: Mapping[str, type[AnyKinded]], datasets: Datasets | None = None) -> AnyKinded:
    """The trigger, one of `kinds`, that `to_json` wrote. Raises InvalidValue naming the place of what is not right.

    >>> from reactive_dag.triggers.base import Trigger
    >>> from_json({"kind": "any_of", "parts": [{"kind": "updated", "dataset": "orders"}]}, Trigger.by_kind)
    rd.any_of(rd.updated('orders'))
    """
    try:
        return _Reader(kinds, datasets).trigger(data, "trigger")
    except RecursionError:
        raise InvalidValue("trigger: it is nested too deeply to be one that somebody wrote") from None


@attrs.frozen
class _Reader(Generic[AnyKinded]):
    """Reads triggers of these kinds."""

    kinds: Mapping[str, type[AnyKinded]]
    datasets: Datasets | None

    def trigger(self, data: Json, place: str) -> AnyKinded:
        cls = self._class_of(data, place)
        fields = {each.name: each for each in attrs.fields(cls)}  # type: ignore[arg-type]
        values = {}
        for name, value in data.items():
            if name == "kind":
                continue
            if name not in fields:
                raise InvalidValue(
                    f"{place}: {cls.kind} has no field {name!r}, but {listed(fields)}{did_you_mean(name, fields)}"
                )
            values[name] = self._value(value, f"{place}.{name}", fields[name].metadata.get("by_id"))
        missing = [name for name, each in fields.items() if each.default is attrs.NOTHING and name not in values]
        if missing:
            raise InvalidValue(f"{place}: {cls.kind} needs {listed(missing)}")
        return _at(place, lambda fields: cls(**fields), values)

    def _class_of(self, data: Json, place: str) -> type[AnyKinded]:
        kind = data.get("kind") if isinstance(data, dict) else None
        if not isinstance(kind, str):
            raise InvalidValue(f'{place}: expected a trigger, an object with a "kind", not {seen(data)}')
        if kind not in self.kinds:
            hint = did_you_mean(kind, self.kinds)
            raise InvalidValue(f"{place}: there is no trigger {kind!r}, but {listed(self.kinds)}{hint}")
        return self.kinds[kind]

    def _value(self, value: Json, place: str, by_id: Datasets | None = None) -> object:
        if by_id is not None and isinstance(value, str):
            return _at(place, self.datasets or by_id, value)
        if isinstance(value, list):
            return tuple([self._value(each, f"{place}[{at}]") for at, each in enumerate(value)])
        if isinstance(value, dict):
            return self.trigger(value, place) if "kind" in value else _at(place, _plain_of, value)
        return value


def _plain_of(data: dict[str, Json]) -> object:
    match data:
        case {"call": form}:
            return Call.from_json(form)
        case {"calendar": form}:
            return Calendar.from_json(form)
        case {"partitions": form}:
            return partitions_from_json(form)
        case {"join": mode}:
            return JoinKey(mode)
        case {"cron": str()} | {"every": str()} | {"at": str() | list()} if all(map(_is_texts, data.values())):
            return schedule_from_json(data)
    raise InvalidValue(f"{seen(data)} is no trigger, function, calendar or schedule")


def _is_texts(value: Json) -> bool:
    return isinstance(value, str) or (isinstance(value, list) and all(isinstance(each, str) for each in value))


def _at(place: str, make: Callable[[_Given], _Made], given: _Given) -> _Made:
    """What `make` makes of what was given; a refusal names the place."""
    try:
        return make(given)
    except InvalidValue as error:
        raise InvalidValue(f"{place}: {error}") from error
