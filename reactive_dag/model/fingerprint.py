"""StaticValues and callables as plain JSON that is equal exactly when they mean the same, in every process.

Owns how a callable counts, and a default, a closure value, an argument of a partial, a field of a callable object (I7).
Invariant: nothing depends on addresses, hash seeds or the order of sets and dicts; a value without a stable identity is
refused, with the way to it. Cost: O(size of the value).
"""

from __future__ import annotations

import dataclasses
import datetime
import decimal
import enum
import fractions
import functools
import inspect
import json
import operator
import pathlib
import re
import uuid
import zoneinfo
from collections.abc import Mapping, Set
from types import BuiltinFunctionType, CellType, FunctionType, MethodDescriptorType, MethodType, ModuleType
from typing import Final, NoReturn

import attrs
import msgspec

from .errors import InvalidValue
from .records import Json
from .source import describe_code, source_tree
from .text import seen

_EXACT_BY_REPR: Final = (
    float, complex, decimal.Decimal, fractions.Fraction, uuid.UUID, pathlib.PurePath, zoneinfo.ZoneInfo, range, slice,
    datetime.datetime, datetime.date, datetime.time, datetime.timedelta, datetime.timezone,
)  # fmt: skip
_OPERATORS: Final = (operator.attrgetter, operator.itemgetter, operator.methodcaller)
_DESCRIPTORS: Final = (MethodDescriptorType, type(object.__init__), type(dict.__dict__["fromkeys"]))


@attrs.frozen
class ValuePath:
    """The way to a value, for messages; and the functions and classes that were entered on it."""

    place: str
    steps: tuple[str, ...] = ()
    entered: tuple[object, ...] = ()

    def into(self, step: str) -> ValuePath:
        """One step further. O(depth)."""
        return ValuePath(self.place, (*self.steps, step), self.entered)

    def enter(self, owner: object) -> ValuePath:
        """This way, with `owner` noted as entered. O(depth)."""
        return ValuePath(self.place, self.steps, (*self.entered, owner))

    def seen(self, owner: object) -> bool:
        """Whether the way already leads through `owner`. O(depth)."""
        return any(owner is other for other in self.entered)

    def where(self) -> str:
        """The way as the end of a sentence. O(depth)."""
        steps = ", ".join(self.steps)
        return (f" in {steps}" if steps else "") + (f" of {self.place}" if self.place else "")


def type_name(cls: type) -> str:
    """A class as "module.qualname" (a builtin one without its module). O(1).

    >>> type_name(int), type_name(datetime.date)
    ('int', 'datetime.date')
    """
    return cls.__qualname__ if cls.__module__ == "builtins" else f"{cls.__module__}.{cls.__qualname__}"


def describe_value(value: object, path: ValuePath) -> Json:
    """A value as plain JSON. O(its size). Raises `InvalidValue`, with the way to it, for one without stable identity.

    >>> describe_value((1, {"b", "a"}), ValuePath(""))
    {'tuple': [1, {'set': ['a', 'b']}]}
    """
    kind = type(value)
    if value is None or kind is bool or kind is str:
        return value
    if kind is int:
        return value if abs(value) < 2**53 else {"int": str(value)}  # type: ignore[arg-type]
    if path.seen(value):
        return {"again": type_name(kind)}
    if isinstance(value, enum.Enum):
        return {"enum": type_name(kind), "name": value.name}
    if kind in _EXACT_BY_REPR or isinstance(value, pathlib.PurePath):
        return {type_name(kind): repr(value)}
    if isinstance(value, list | tuple | Set | Mapping | bytes | bytearray):
        return _container(value, path.enter(value))
    return _thing(value, path)


def _container(value: object, path: ValuePath) -> Json:
    kind = type_name(type(value))
    if isinstance(value, bytes | bytearray):
        return {kind: value.hex()}
    if isinstance(value, list | tuple):
        return {kind: [describe_value(part, path.into(f"[{i}]")) for i, part in enumerate(value)]}
    if isinstance(value, Mapping):
        pairs = [[describe_value(k, path.into(f"key {k!r}")), describe_value(v, path.into(f"[{k!r}]"))]
                 for k, v in value.items()]  # fmt: skip
        return {kind: sorted(pairs, key=_order)}
    assert isinstance(value, Set)
    return {kind: sorted((describe_value(part, path.into("a member")) for part in value), key=_order)}


def _order(described: Json) -> str:
    return json.dumps(described, sort_keys=True)


def _thing(value: object, path: ValuePath) -> Json:
    kind = type(value)
    if isinstance(value, re.Pattern):
        return {"pattern": describe_value(value.pattern, path), "flags": value.flags}
    if isinstance(value, ModuleType):
        return {"module": value.__name__}
    if value is Ellipsis or value is NotImplemented:
        return {"constant": repr(value)}
    if kind.__module__.partition(".")[0] == "reactive_dag" and isinstance(own := getattr(value, "id", None), str):
        return {"object": type_name(kind), "id": own}  # wherever an id stands, the object does too
    if callable(value):
        return describe_callable(value, path)
    if attrs.has(kind) or dataclasses.is_dataclass(kind) or isinstance(value, msgspec.Struct):
        return {"object": type_name(kind), "fields": describe_fields(value, path)}
    raise InvalidValue(
        f"{seen(value)} ({type_name(kind)}) has no stable identity{path.where()}: use plain values (numbers, text, "
        "dates, tuples, dicts of those), or an attrs class or dataclass of them"
    )


def describe_fields(value: object, path: ValuePath) -> Json:
    """The fields of an attrs, dataclass or msgspec object that count in its equality. O(their size).

    >>> describe_fields(msgspec.defstruct("P", [("x", int)])(3), ValuePath(""))
    {'x': 3}
    """
    path = path.enter(value)
    return {name: describe_value(getattr(value, name), path.into(f".{name}")) for name in _field_names(value)}


def _field_names(value: object) -> list[str]:
    kind = type(value)
    if isinstance(value, msgspec.Struct):
        return list(kind.__struct_fields__)  # type: ignore[attr-defined]
    if attrs.has(kind):
        return [field.name for field in attrs.fields(kind) if field.eq]
    return [field.name for field in dataclasses.fields(value) if field.compare]  # type: ignore[arg-type]


def is_frozen_record(cls: type) -> bool:
    """Whether instances are attrs, dataclass or msgspec objects that cannot change. O(1).

    >>> is_frozen_record(ValuePath), is_frozen_record(dict)
    (True, False)
    """
    if issubclass(cls, msgspec.Struct):
        return bool(cls.__struct_config__.frozen)
    if attrs.has(cls):
        return getattr(cls.__setattr__, "__name__", "") == "_frozen_setattrs"
    return dataclasses.is_dataclass(cls) and bool(cls.__dataclass_params__.frozen)  # type: ignore[attr-defined]


# ---------------------------------------------------------------------------------------- descriptions


def describe_callable(fn: object, path: ValuePath) -> Json:
    """A callable as plain JSON (I7). O(its source and the values it holds). Raises `InvalidValue` with the way to it.

    >>> describe_callable(operator.attrgetter("kind"), ValuePath(""))
    {'ref': 'operator:attrgetter', 'args': ['kind']}
    """
    if isinstance(fn, FunctionType):
        return _function(fn, path)
    if isinstance(fn, functools.partial):
        keywords = {key: describe_value(fn.keywords[key], path.into(f"{key}=")) for key in sorted(fn.keywords)}
        args = [describe_value(arg, path.into(f"argument {i}")) for i, arg in enumerate(fn.args)]
        return {"partial": describe_callable(fn.func, path), "args": args, "keywords": keywords}
    if isinstance(fn, MethodType):
        return {
            "method": describe_callable(fn.__func__, path),
            "self": describe_value(fn.__self__, path.into("its object")),
        }
    if isinstance(fn, BuiltinFunctionType):
        return _builtin(fn, path)
    if isinstance(fn, type):
        return describe_class(fn, path)
    return _object(fn, path)


def _function(fn: FunctionType, path: ValuePath) -> Json:
    named: dict[str, Json] = {"ref": f"{fn.__module__}:{fn.__qualname__}"}
    if counts_by_name(fn):
        return named
    if path.seen(fn):
        return {"again": fn.__qualname__}  # a local function that closes over itself
    path = path.enter(fn)
    tree = source_tree(fn)
    named["source" if tree else "code"] = tree[0] if tree else describe_code(fn.__code__)
    if fn.__defaults__:
        named["defaults"] = [describe_value(v, path.into("a default")) for v in fn.__defaults__]
    if fn.__kwdefaults__:
        named["kwdefaults"] = {
            key: describe_value(fn.__kwdefaults__[key], path.into(f"default {key}="))
            for key in sorted(fn.__kwdefaults__)
        }
    if fn.__closure__:
        named["closure"] = {
            free: _cell(cell, path.into(f"closure variable {free!r}"))
            for free, cell in zip(fn.__code__.co_freevars, fn.__closure__, strict=True)
        }
    return named


def counts_by_name(fn: FunctionType) -> bool:
    """Whether module and name say all; a wrapper that took over the name of what it wraps is still local. O(1).

    >>> counts_by_name(type_name), counts_by_name(lambda: 1)
    (True, False)
    """
    written = getattr(fn.__code__, "co_qualname", fn.__qualname__)
    return fn.__module__ != "__main__" and not any("<" in text for text in (fn.__qualname__, written))


def _cell(cell: CellType, path: ValuePath) -> Json:
    try:
        held = cell.cell_contents
    except ValueError:
        return {"empty": True}  # not assigned yet
    return describe_value(held, path)


def _builtin(fn: BuiltinFunctionType, path: ValuePath) -> Json:
    owner = fn.__self__
    if owner is None or isinstance(owner, ModuleType):
        return {"ref": f"{fn.__module__}:{fn.__qualname__}"}
    return {
        "method": {"ref": f"{type(owner).__module__}:{fn.__qualname__}"},
        "self": describe_value(owner, path.into("its object")),
    }


def _object(fn: object, path: ValuePath) -> Json:
    if isinstance(fn, _DESCRIPTORS):
        return {"ref": ref_of(fn)}
    if isinstance(fn, staticmethod):
        return describe_callable(fn.__func__, path)
    if isinstance(fn, _OPERATORS):
        args = [describe_value(part, path) for part in fn.__reduce__()[1]]
        return {"ref": f"operator:{type(fn).__qualname__}", "args": args}
    if isinstance(fn, functools._lru_cache_wrapper):
        return {"cached": describe_callable(fn.__wrapped__, path)}
    if callable(fn) and is_frozen_record(type(fn)):
        return {"object": describe_class(type(fn), path), "fields": describe_fields(fn, path)}
    return _refuse(fn, path)


def _refuse(fn: object, path: ValuePath) -> NoReturn:
    if not callable(fn):
        raise InvalidValue(f"{fn!r} cannot be called: give a function{path.where()}")
    raise InvalidValue(
        f"a callable object of {type_name(type(fn))} has no stable identity{path.where()}: give a function, "
        "or make its class a frozen attrs class (@attrs.frozen) or a frozen dataclass"
    )


def describe_class(cls: type, path: ValuePath) -> Json:
    """A class by module and name; a local one or one of `__main__` also by its bases, fields and methods. O(its size).

    >>> describe_class(int, ValuePath("", ()))
    {'ref': 'builtins:int'}
    """
    named: dict[str, Json] = {"ref": f"{cls.__module__}:{cls.__qualname__}"}
    if (cls.__module__ != "__main__" and "<" not in cls.__qualname__) or path.seen(cls):
        return named
    path = path.enter(cls)
    named["bases"] = [describe_class(base, path) for base in cls.__bases__]
    named["fields"] = list(inspect.get_annotations(cls))
    named["methods"] = {
        key: _function(member, path)
        for key, member in sorted(vars(cls).items())
        # what attrs or dataclasses generated follows from the fields
        if isinstance(member, FunctionType) and member.__code__.co_qualname.endswith(f"{cls.__name__}.{key}")
    }
    return named


def ref_of(fn: object) -> str | None:
    """ "module:qualname" as the callable itself says it, or None. O(1).

    >>> ref_of(str.upper), ref_of(len)
    ('builtins:str.upper', 'builtins:len')
    """
    owner = getattr(fn, "__objclass__", fn)
    module, qualname = getattr(owner, "__module__", None), getattr(fn, "__qualname__", None)
    return f"{module}:{qualname}" if isinstance(module, str) and isinstance(qualname, str) else None
