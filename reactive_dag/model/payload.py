"""Plain JSON data from what people hand over: payloads, outputs, params, extras (R8).

Invariant: what comes out survives a round trip through JSON unchanged, and is made of Python's own plain types. What
JSON has no type for changes its type here: tuples become lists, sets sorted lists, bytes base64 text, dates, times and
durations ISO text, `Decimal` and `UUID` text, an enum's member its value, whole numbers and dates as keys text. Scalars
of numpy and pandas go the way of Python's own. Costs O(size).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from typing import Any, NoReturn, SupportsIndex, TypeVar, cast
from uuid import UUID

import attrs
import msgspec

from reactive_dag.model.errors import InvalidValue, said
from reactive_dag.model.records import Json
from reactive_dag.model.text import exact, seen
from reactive_dag.model.times import exact_datetime

PAYLOAD_LIMIT = 1024 * 1024
"""Bytes of JSON that one payload may take."""
_encode = msgspec.json.Encoder().encode
_pack = msgspec.msgpack.Encoder().encode
DEPTH_LIMIT = 100
"""So many lists and objects at most stand inside each other."""

_EXACT = frozenset((str, bool, type(None)))
"""Types of values that are plain as they stand; a text's bytes are judged when all is encoded."""
_FLAT, _TEXT = _EXACT | {int}, frozenset((str,))
_OF_NUMPY = frozenset((bool, int, float, str, bytes, datetime, date, timedelta))
_TABLES = frozenset((
    ("pandas", "DataFrame"), ("pandas", "Series"), ("polars", "DataFrame"), ("polars", "LazyFrame"),
    ("polars", "Series"), ("pyarrow", "Table"),
))  # fmt: skip
_RICH: tuple[tuple[type, Callable[[Any], object]], ...] = (
    (datetime, exact_datetime),
    (date, lambda value: date(value.year, value.month, value.day)),
    (time, lambda value: time(value.hour, value.minute, value.second, value.microsecond, value.tzinfo)),
    (timedelta, lambda value: timedelta(value.days, value.seconds, value.microseconds)),
    (Decimal, Decimal),
    (UUID, lambda value: UUID(int=value.int)),
    (bytes, bytes),
)
"""Types of values that JSON writes as text, each with what makes one of a subclass's value."""


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
    try:
        if type(value) is dict and _FLAT.issuperset(map(type, value.values())) and _TEXT.issuperset(map(type, value)):
            found: Json = dict(value)  # plain as it stands: the common case, and worth a short way
            _pack(found)
        else:
            found = _plain(value, what, set())
        size = len(_encode(found))
    except InvalidValue:
        raise
    except OverflowError:  # an integer of a flat dict has more than 64 bits: say which one
        return _plain(value, what, set())
    except UnicodeEncodeError as error:
        raise InvalidValue(f"{what}: the text {error.object!r} cannot be written as UTF-8: {error.reason}") from None
    except Exception as error:  # a class of the user's: its properties, its repr, its items may raise anything
        raise InvalidValue(f"{what}: {type(value).__name__} cannot be read as JSON: {said(error)}") from error
    if size > limit:
        raise InvalidValue(
            f"{what} takes {size:,} bytes as JSON, more than {limit:,}; keep it in a file, as save= of a task does, "
            "and pass its name"
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
    kind = type(value)
    if kind in _EXACT:
        return value
    if kind is dict:
        return _container(value, path, inside)
    if isinstance(value, Enum):
        return _plain(value.value, path, inside)
    if kind.__module__ == "numpy":
        return _plain(_of_numpy(value, path), path, inside)
    if isinstance(value, str):
        return exact(value)
    if isinstance(value, int):
        return _integer(value, path)
    if isinstance(value, float):
        return _real(value, path)
    for rich, make in _RICH:
        if isinstance(value, rich):
            return msgspec.to_builtins(value if kind is rich else _of_subclass(value, make, path))
    return _container(value, path, inside)


def _of_numpy(value: Any, path: str) -> object:
    """Python's own value for a scalar of numpy. Raises InvalidValue for an array, and for what Python has not."""
    found = value.item() if getattr(value, "shape", None) == () else value
    if type(found) not in _OF_NUMPY or (type(found) is int and value.dtype.kind in "mM"):
        raise InvalidValue(
            f"{path}: {seen(value)} of numpy cannot be kept as JSON; give .tolist() of an array, "
            "a datetime or timedelta for a datetime64 or timedelta64"
        )
    return found


def _of_subclass(value: Any, make: Callable[[Any], object], path: str) -> object:
    """A value of a subclass, such as pandas.Timestamp, as one of Python's own. Raises InvalidValue for one it loses."""
    try:
        found = make(value)
        if getattr(value, "nanosecond", 0) or getattr(value, "nanoseconds", 0):
            raise ValueError("it is finer than a microsecond; round it, or give it as text")
        return found
    except (TypeError, ValueError) as error:
        raise InvalidValue(f"{path}: {seen(value)} ({type(value).__name__}) cannot be kept as JSON: {error}") from None


def _container(value: object, path: str, inside: set[int]) -> Json:
    if id(value) in inside:
        raise InvalidValue(f"{path}: holds itself; JSON cannot")
    if len(inside) >= DEPTH_LIMIT:
        raise InvalidValue(
            f"{path[:200]}…: lists and objects stand more than {DEPTH_LIMIT} deep in each other; flatten them"
        )
    inside.add(id(value))
    try:
        if isinstance(value, (dict, Mapping)):
            return _object(value, path, inside)
        if isinstance(value, (list, tuple, set, frozenset)):
            return [_plain(item, f"{path}[{n}]", inside) for n, item in enumerate(_ordered(value))]
        fields = _fields(value)
        if fields is None:
            raise InvalidValue(
                f"{path}: something of type {type(value).__name__} cannot be kept as JSON; {_instead(value)}"
            )
        return {name: _plain(item, f"{path}.{name}", inside) for name, item in fields}
    finally:
        inside.discard(id(value))


def _instead(value: object) -> str:
    """What to give instead of something that is no JSON."""
    if (type(value).__module__.partition(".")[0], type(value).__name__) in _TABLES:
        return 'let a task return it that is declared with save=rd.parquet("some/dir"): what follows gets it back'
    return "give plain data, attrs or dataclass objects, or return it from a task with save=rd.files(dir)"


def _object(value: Mapping[object, object], path: str, inside: set[int]) -> dict[str, Json]:
    found: dict[str, Json] = {}
    for key, item in value.items():
        name, kind = key if type(key) is str else _name(key, path), type(item)
        if kind in _EXACT or (kind is int and -(2**63) <= item < 2**63):  # type: ignore[operator]
            found[name] = item
        else:
            found[name] = _plain(item, f"{path}[{seen(key)}]", inside)
    if len(found) != len(value):
        names = [key if type(key) is str else _name(key, path) for key in value]
        twice = next(name for at, name in enumerate(names) if name in names[:at])
        raise InvalidValue(f"{path}: two keys are {twice!r} as JSON, which has text keys; name one of them otherwise")
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
    """A key as JSON has it: text."""
    if isinstance(key, Enum):
        key = key.value
    if type(key).__module__ == "numpy":
        key = _of_numpy(key, path)
    if isinstance(key, str):
        return exact(key)
    if isinstance(key, int) and not isinstance(key, bool):
        return str(int.__int__(key))
    if isinstance(key, datetime):
        return str(_of_subclass(key, exact_datetime, path))
    if isinstance(key, date):
        return str(key)
    raise InvalidValue(f"{path}: the key {seen(key)} is no text; JSON objects have text keys")


def _integer(value: int, path: str) -> int:
    found = int.__int__(value)  # a subclass may say otherwise
    if -(2**63) <= found < 2**64:
        return found
    raise InvalidValue(f"{path}: {seen(found)} does not fit in 64 bits; give it as text")


def _real(value: float, path: str) -> float:
    found = float.__float__(value)
    if math.isfinite(found):
        return found
    raise InvalidValue(f"{path}: {found} is no JSON number; give None or text")


_Stays = TypeVar("_Stays", bound="StaysHere")


class PlainForm:
    """An attrs class whose fields, but for those with `_`, are its plain form; times are ISO text."""

    __slots__ = ()

    def to_json(self) -> dict[str, object]:
        """Plain data: each field under its name. O(size)."""
        fields = attrs.fields(cast("type[attrs.AttrsInstance]", type(self)))
        names = [each.name for each in fields if not each.name.startswith("_")]
        return {name: plain_form(getattr(self, name)) for name in names}


def plain_form(value: object) -> object:
    """A value of an answer as plain data. O(size).

    >>> plain_form({"at": [datetime(2026, 11, 23)]})
    {'at': ['2026-11-23T00:00:00']}
    """
    if isinstance(value, PlainForm):
        return value.to_json()
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Mapping):
        return {str(name): plain_form(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [plain_form(each) for each in value]
    return value


class StaysHere:
    """The base of what is no data: it holds a graph, whose tasks are functions of this process.

    `pickle` is refused it; a copy of it is itself, since nothing about it can be changed.
    """

    __slots__ = ()
    _instead = ""
    """What can be sent instead, as text."""

    def __copy__(self: _Stays) -> _Stays:
        return self

    def __deepcopy__(self: _Stays, memo: object) -> _Stays:
        return self

    def __reduce_ex__(self, protocol: SupportsIndex) -> NoReturn:
        raise TypeError(
            f"a {type(self).__name__} cannot be pickled: it belongs to a graph, whose tasks are functions of this "
            f"process; {self._instead}"
        )
