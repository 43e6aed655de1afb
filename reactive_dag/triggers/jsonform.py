"""Triggers as plain JSON data, and the hash of that data.

Owns the form. Invariant: `from_json(to_json(t)) == t` with the same digest, and loading imports nothing: a function
comes back as a reference by name, or as a digest beside its source (G5). A trigger names its datasets by uri; their
calendars belong to the graph, which gives them back through `datasets`. A field at its default is left out, so a
field added later changes no digest. All costs are O(size of the trigger).
"""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache
from hashlib import blake2b
from typing import TypeAlias, TypeVar

import attrs
import msgspec

from reactive_dag.model.calendar import Calendar
from reactive_dag.model.callables import Call
from reactive_dag.model.errors import InvalidValue
from reactive_dag.model.records import Json
from reactive_dag.model.schedule import AtSchedule, CronSchedule, EverySchedule, schedule_from_json
from reactive_dag.model.suggest import did_you_mean
from reactive_dag.triggers.base import Trigger
from reactive_dag.triggers.checks import listed
from reactive_dag.triggers.functions.by import By, JoinKey
from reactive_dag.triggers.functions.map import Map
from reactive_dag.triggers.functions.where import Where
from reactive_dag.triggers.joins.all_of import AllOf
from reactive_dag.triggers.joins.any_of import AnyOf
from reactive_dag.triggers.joins.at_least import AtLeast
from reactive_dag.triggers.joins.sequence import Sequence
from reactive_dag.triggers.leaves.absent import Absent
from reactive_dag.triggers.leaves.completed import Completed
from reactive_dag.triggers.leaves.dataset import Dataset, Updated
from reactive_dag.triggers.leaves.schedule import Scheduled
from reactive_dag.triggers.windows.batch import Batch
from reactive_dag.triggers.windows.debounce import Debounce
from reactive_dag.triggers.windows.throttle import Throttle
from reactive_dag.triggers.windows.within import Within

CLASSES: dict[str, type[Trigger]] = {
    cls.kind: cls
    for cls in (
        Updated, Completed, Scheduled, Absent, AllOf, AnyOf, AtLeast, Sequence, Where, Map, Batch, Debounce, Throttle,
        Within, By,
    )
}  # fmt: skip
"""Every kind of trigger there is, by its name in JSON; a new one is entered here."""

Datasets: TypeAlias = Callable[[str], Dataset]
CallForm: TypeAlias = Callable[[Call], Json]
_SORTED = msgspec.json.Encoder(order="sorted").encode
_ASCII = json.JSONEncoder(sort_keys=True, separators=(",", ":")).encode
_Given = TypeVar("_Given")
_Made = TypeVar("_Made")


# ------------------------------------------------------------------------------------------------ out


def to_json(trigger: Trigger) -> dict[str, Json]:
    """The trigger as plain JSON data; callables as references.

    >>> from reactive_dag.triggers.leaves.dataset import updated
    >>> to_json(updated("orders").batch(count=2))
    {'kind': 'batch', 'part': {'kind': 'updated', 'dataset': 'orders'}, 'count': 2}
    """
    return _trigger_out(trigger, Call.to_json)


def digest(trigger: Trigger) -> str:
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
def _fields_of(kind: type[Trigger]) -> tuple[tuple[str, object], ...]:
    """The fields of a class of triggers, each with its default."""
    return tuple([(field.name, field.default) for field in attrs.fields(kind)])


def _trigger_out(trigger: Trigger, call: CallForm) -> dict[str, Json]:
    form: dict[str, Json] = {"kind": trigger.kind}
    for name, default in _fields_of(type(trigger)):  # type: ignore[arg-type]
        value = getattr(trigger, name)
        if default is attrs.NOTHING or (value is not default and value != default):
            form[name] = _value_out(value, call)
    return form


def _value_out(value: object, call: CallForm) -> Json:
    if value is None or isinstance(value, (str, int)):
        return value
    if isinstance(value, Dataset):
        return value.uri
    if isinstance(value, Trigger):
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
        case JoinKey(mode=mode):
            return {"join": mode}
        case CronSchedule() | EverySchedule() | AtSchedule():
            return value.to_json()
    raise InvalidValue(f"{value!r} has no JSON form")


# ------------------------------------------------------------------------------------------------- in


def from_json(data: Json, datasets: Datasets | None = None) -> Trigger:
    """The trigger that `to_json` wrote. Raises InvalidValue naming the place of what is not right.

    >>> from_json({"kind": "any_of", "parts": [{"kind": "updated", "dataset": "orders"}]})
    rd.any_of(rd.updated('orders'))
    """
    try:
        return _trigger_in(data, "trigger", Dataset if datasets is None else datasets)
    except RecursionError:
        raise InvalidValue("trigger: it is nested too deeply to be one that somebody wrote") from None


def _trigger_in(data: Json, place: str, datasets: Datasets) -> Trigger:
    cls = _class_of(data, place)
    known = [field.name for field in attrs.fields(cls)]
    values = {}
    for name, value in data.items():
        if name == "kind":
            continue
        if name not in known:
            raise InvalidValue(
                f"{place}: {cls.kind} has no field {name!r}, but {listed(known)}{did_you_mean(name, known)}"
            )
        values[name] = _value_in(value, f"{place}.{name}", datasets)
    return _made(cls, values, place)


def _class_of(data: Json, place: str) -> type[Trigger]:
    kind = data.get("kind") if isinstance(data, dict) else None
    if not isinstance(kind, str):
        raise InvalidValue(f'{place}: expected a trigger, an object with a "kind", not {data!r}')
    if kind not in CLASSES:
        raise InvalidValue(f"{place}: there is no trigger {kind!r}, but {listed(CLASSES)}{did_you_mean(kind, CLASSES)}")
    return CLASSES[kind]


def _made(cls: type[Trigger], values: dict[str, object], place: str) -> Trigger:
    missing = [field.name for field in attrs.fields(cls) if field.default is attrs.NOTHING and field.name not in values]
    if missing:
        raise InvalidValue(f"{place}: {cls.kind} needs {listed(missing)}")
    return _at(place, lambda fields: cls(**fields), values)


def _value_in(value: Json, place: str, datasets: Datasets) -> object:
    if isinstance(value, list):
        return tuple([_value_in(each, f"{place}[{at}]", datasets) for at, each in enumerate(value)])
    if isinstance(value, dict):
        return _trigger_in(value, place, datasets) if "kind" in value else _plain_in(value, place)
    if isinstance(value, str) and place.endswith(".dataset"):
        return _at(place, datasets, value)
    return value


def _plain_in(data: dict[str, Json], place: str) -> object:
    return _at(place, _plain_of, data)


def _plain_of(data: dict[str, Json]) -> object:
    match data:
        case {"call": form}:
            return Call.from_json(form)
        case {"calendar": form}:
            return Calendar.from_json(form)
        case {"join": mode}:
            return JoinKey(mode)
        case {"cron": str()} | {"every": str()} | {"at": str()} if all(isinstance(v, str) for v in data.values()):
            return schedule_from_json(data)
    raise InvalidValue(f"{data!r} is no trigger, function, calendar or schedule")


def _at(place: str, make: Callable[[_Given], _Made], given: _Given) -> _Made:
    """What `make` makes of what was given; a refusal names the place."""
    try:
        return make(given)
    except InvalidValue as error:
        raise InvalidValue(f"{place}: {error}") from error
