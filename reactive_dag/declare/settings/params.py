"""The parameters that a DAG's runs take.

Owns `Params`: the names, their defaults as plain JSON data, and the class that types them, if one was given. Reading a
class costs O(its fields), once.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, cast, get_type_hints

import attrs
import msgspec

from reactive_dag.model.callables import Call
from reactive_dag.model.errors import InvalidValue, said
from reactive_dag.model.payload import plain
from reactive_dag.model.records import Json
from reactive_dag.model.suggest import did_you_mean
from reactive_dag.model.text import exact, seen


@attrs.frozen
class Params:
    """What a DAG takes: every name, the defaults of those that have one, and the class that types them."""

    names: tuple[str, ...] = ()
    defaults: Mapping[str, Json] = attrs.field(factory=dict)
    type: Callable[..., object] | Call | None = None

    @property
    def required(self) -> list[str]:
        """The names that have no default, so that only a start can give them. O(params)."""
        return [name for name in self.names if name not in self.defaults]

    def merged(self, given: Mapping[str, object], where: str) -> dict[str, Json]:
        """The given values over the defaults, as plain data. O(params) and the size of the values.

        Raises InvalidValue for a name that the DAG has not, one that is missing, and a value that is no JSON (R8).

        >>> Params(("full", "day"), {"full": False}).merged({"day": "2026-11-23"}, "start('ingest')")
        {'full': False, 'day': '2026-11-23'}
        """
        for name in given:
            if name not in self.names:
                raise InvalidValue(f"{where}: there is no param {seen(name)}{did_you_mean(name, self.names)}")
        missing = [name for name in self.required if name not in given]
        if missing:
            raise InvalidValue(f"{where}: param {missing[0]!r} has no default, so give it in params=")
        found = {name: plain(value, f"param {seen(name)}") for name, value in given.items()}
        merged = {**self.defaults, **found}
        if self.type is not None and not (isinstance(self.type, Call) and not self.type.bound):
            self._check_typed(found, merged, where)
        return merged

    def _check_typed(self, given: Mapping[str, Json], merged: Mapping[str, Json], where: str) -> None:
        """Refuse, at the call, what the class would refuse in the body."""
        hints = _hints(self._class)
        for name, value in given.items():
            try:
                _converted(value, hints.get(name, Any))
            except msgspec.ValidationError as error:
                raise InvalidValue(f"{where}: param {name!r} is {seen(value)}: {error}") from None
        try:
            self.typed(dict(merged))
        except Exception as error:  # the class is the user's: it may refuse as it likes
            raise InvalidValue(f"{where}: params: {said(error)}") from None

    @property
    def _class(self) -> Callable[..., object] | None:
        return self.type.fn if isinstance(self.type, Call) else self.type

    def of_object(self, given: object) -> object:
        """What was given of params: the fields of an object of their class, by the names of its parameters."""
        cls = self._class
        if not (isinstance(cls, type) and isinstance(given, cls)):
            return given
        return {name: getattr(given, attribute) for name, attribute in _names(cls).items()}

    def typed(self, values: dict[str, Json]) -> Any:
        """An object of the class that types them, each value as its field says; without one the values. O(params).

        A default that is not as its field says is taken as it is. Raises whatever the class raises.
        """
        cls = self._class
        return values if cls is None else cls(**{name: self.typed_one(name, value) for name, value in values.items()})

    def typed_one(self, name: str, value: Json) -> Any:
        """One value as its field says. O(its size). Raises msgspec.ValidationError."""
        cls = self._class
        if cls is None:
            return value
        try:
            return _converted(value, _hints(cls).get(name, Any))
        except msgspec.ValidationError:
            if name in self.defaults and self.defaults[name] == value:
                return value
            raise


def _names(cls: type) -> dict[str, str]:
    """The names of a class's parameters, each with that of its attribute. O(fields)."""
    if attrs.has(cls):
        return {each.alias: each.name for each in attrs.fields(cls) if each.init}
    return {each.name: each.name for each in dataclasses.fields(cls) if each.init}


@cache
def _hints(cls: Callable[..., object] | None) -> dict[str, Any]:
    """The type of each parameter, where the class's annotations can be read. O(fields) once."""
    try:
        known = get_type_hints(cls, include_extras=True)
    except Exception:  # a name that only its module's checker knows
        return {}
    return {name: known.get(attribute, Any) for name, attribute in _names(cast("type", cls)).items()}


def _converted(value: Json, hint: Any) -> object:
    """Plain data as a type says: dates of text, enums of their values, classes of dicts; others stay. O(size).

    Raises msgspec.ValidationError for data that is no such thing.
    """
    try:
        return msgspec.convert(value, hint)
    except msgspec.ValidationError:
        raise
    except Exception:  # a type that has no plain form: its class makes of the value what it will
        return value


NO_PARAMS = Params()


def params_of(value: object, what: str) -> Params:
    """The params in a dict of defaults, or those of an attrs class or dataclass. O(params).

    Raises InvalidValue for anything else, for a name that is none, and for a default that is no JSON (R8).

    >>> params_of({"full": False}, "params")
    Params(names=('full',), defaults={'full': False}, type=None)
    """
    if value is None:
        return NO_PARAMS
    if isinstance(value, Params):
        return value
    if isinstance(value, type):
        return _of_class(value, what)
    if not isinstance(value, Mapping):
        raise InvalidValue(f"{what} must be a dict of defaults, an attrs class or a dataclass, not {seen(value)}")
    return _made(tuple(value), value, None, what)


def _of_class(cls: type, what: str) -> Params:
    if attrs.has(cls):
        return _of_attrs(cls, what)
    if dataclasses.is_dataclass(cls):
        return _of_dataclass(cls, what)
    raise InvalidValue(f"{what}: {cls.__qualname__} is neither an attrs class nor a dataclass")


def _of_attrs(cls: type, what: str) -> Params:
    found = [each for each in attrs.fields(cls) if each.init]
    defaults = {each.alias: _attrs_default(each.default) for each in found if each.default is not attrs.NOTHING}
    return _made(tuple(each.alias for each in found), defaults, cls, what)


def _attrs_default(default: object) -> object:
    if not isinstance(default, attrs.Factory):  # type: ignore[arg-type]
        return default
    made = cast("attrs.Attribute[object]", default)
    factory = cast("Callable[[], object]", made.factory)  # type: ignore[attr-defined]
    if made.takes_self:  # type: ignore[attr-defined]
        raise InvalidValue("a default that is made from other fields cannot be known beforehand; give a plain one")
    return factory()


def _of_dataclass(cls: type, what: str) -> Params:
    found = [each for each in dataclasses.fields(cls) if each.init]
    defaults: dict[str, object] = {}
    for each in found:
        if each.default is not dataclasses.MISSING:
            defaults[each.name] = each.default
        elif each.default_factory is not dataclasses.MISSING:
            defaults[each.name] = each.default_factory()
    return _made(tuple(each.name for each in found), defaults, cls, what)


def _made(names: tuple[str, ...], defaults: Mapping[str, object], cls: type | None, what: str) -> Params:
    return Params(
        tuple([_name(each, what) for each in names]),
        {_name(name, what): plain(value, f"{what}[{seen(name)}]") for name, value in defaults.items()},
        cls,
    )


def _name(given: object, what: str) -> str:
    """The name of a param, as a plain text. Raises InvalidValue."""
    name = exact(given) if isinstance(given, str) else ""
    if not name.isidentifier():
        raise InvalidValue(f"{what}: {seen(given)} is no name of a parameter; use letters, digits and _")
    if name == "run":
        raise InvalidValue(f"{what}: 'run' is the run's context; name the param otherwise")
    return name
