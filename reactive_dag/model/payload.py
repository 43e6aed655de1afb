"""Plain JSON data from what people hand over: payloads, outputs, params, extras (R8).

Invariant: what comes out survives a round trip through JSON unchanged. Costs O(size).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from uuid import UUID

import msgspec

from reactive_dag.model.errors import InvalidValue
from reactive_dag.model.records import Json

PAYLOAD_LIMIT = 1024 * 1024
"""Bytes of JSON that one payload may take."""

_EXACT = frozenset((str, bool, type(None)))
"""Types of values that are plain as they stand; a text's bytes are judged when all is encoded."""
_RICH = (datetime, date, time, timedelta, Decimal, UUID, Enum, bytes)


def plain(value: object, what: str, limit: int = PAYLOAD_LIMIT) -> Json:
    """`value` as plain JSON data: attrs classes, dataclasses, datetimes and msgspec types become what they hold.

    O(size). Raises InvalidValue with the path of what does not fit, or when it is larger than `limit` bytes.

    >>> plain({"rows": (1, 2)}, "extra")
    {'rows': [1, 2]}
    >>> plain({"rows": [1, {"f": print}]}, "extra")
    Traceback (most recent call last):
    reactive_dag.model.errors.InvalidValue: extra['rows'][1]['f']: something of type builtin_function...
    """
    if value is None or value is True or value is False or (type(value) is int and -(2**63) <= value < 2**63):
        return value
    found = _plain(value, what, set())
    try:
        size = len(msgspec.json.encode(found))
    except UnicodeEncodeError as error:
        raise InvalidValue(f"{what}: the text {error.object!r} cannot be written as UTF-8: {error.reason}") from None
    if size > limit:
        raise InvalidValue(
            f"{what} takes {size:,} bytes as JSON, more than {limit:,}; keep it in a file and pass its name"
        )
    return found


def copied(value: Json) -> Json:
    """A copy of plain JSON data, which the caller may change. O(size).

    >>> data = {"rows": [1]}
    >>> copied(data) == data, copied(data)["rows"] is data["rows"]
    (True, False)
    """
    if isinstance(value, dict):
        return {name: copied(item) for name, item in value.items()}
    return [copied(item) for item in value] if isinstance(value, list) else value


def _plain(value: object, path: str, inside: set[int]) -> Json:
    if type(value) in _EXACT:
        return value
    if type(value) is dict:
        return _container(value, path, inside)
    if isinstance(value, Enum):
        return _plain(value.value, path, inside)
    if isinstance(value, str):
        return str(value)
    if isinstance(value, int):
        return _integer(value, path)
    if isinstance(value, float):
        return _real(value, path)
    if isinstance(value, _RICH):
        return msgspec.to_builtins(value)
    return _container(value, path, inside)


def _container(value: object, path: str, inside: set[int]) -> Json:
    if id(value) in inside:
        raise InvalidValue(f"{path}: holds itself; JSON cannot")
    inside.add(id(value))
    try:
        if isinstance(value, (dict, Mapping)):
            return _object(value, path, inside)
        if isinstance(value, (list, tuple, set, frozenset)):
            return [_plain(item, f"{path}[{n}]", inside) for n, item in enumerate(_ordered(value))]
        fields = _fields(value)
        if fields is None:
            kind = type(value).__name__
            raise InvalidValue(
                f"{path}: something of type {kind} cannot be kept as JSON; give plain data, attrs or dataclass objects"
            )
        return {name: _plain(item, f"{path}.{name}", inside) for name, item in fields}
    finally:
        inside.discard(id(value))


def _object(value: Mapping[object, object], path: str, inside: set[int]) -> dict[str, Json]:
    found: dict[str, Json] = {}
    for key, item in value.items():
        name, kind = key if type(key) is str else _name(key, path), type(item)
        if kind in _EXACT or (kind is int and -(2**63) <= item < 2**63):  # type: ignore[operator]
            found[name] = item
        else:
            found[name] = _plain(item, f"{path}[{key!r}]", inside)
    return found


def _ordered(value: list[object] | tuple[object, ...] | set[object] | frozenset[object]) -> list[object]:
    return sorted(value, key=repr) if isinstance(value, (set, frozenset)) else list(value)


def _fields(value: object) -> Iterator[tuple[str, object]] | None:
    if isinstance(value, type):
        return None
    described = getattr(type(value), "__attrs_attrs__", None)
    if described is not None:
        return ((field.name, getattr(value, field.name)) for field in described)
    if isinstance(value, msgspec.Struct):
        return ((name, getattr(value, name)) for name in value.__struct_fields__)
    names = getattr(type(value), "__dataclass_fields__", None)
    return None if names is None else ((name, getattr(value, name)) for name in names)


def _name(key: object, path: str) -> str:
    if isinstance(key, str):
        return key
    if isinstance(key, (int, date)) and not isinstance(key, bool):
        return str(key)
    raise InvalidValue(f"{path}: the key {key!r} is no text; JSON objects have text keys")


def _integer(value: int, path: str) -> int:
    if -(2**63) <= value < 2**64:
        return int(value)
    raise InvalidValue(f"{path}: {value} does not fit in 64 bits; give it as text")


def _real(value: float, path: str) -> float:
    if math.isfinite(value):
        return float(value)
    raise InvalidValue(f"{path}: {value} is no JSON number; give None or text")
