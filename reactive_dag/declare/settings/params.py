"""The parameters that a DAG's runs take.

Owns `Params`: the names, their defaults as plain JSON data, and the class that types them, if one was given. Reading a
class costs O(its fields), once.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import cast

import attrs

from reactive_dag.model.callables import Call
from reactive_dag.model.errors import InvalidValue
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

    def merged(self, given: Mapping[str, object], where: str) -> dict[str, Json]:
        """The given values over the defaults, as plain data. O(params) and the size of the values.

        Raises InvalidValue for a name that the DAG has not, one that is missing, and a value that is no JSON (R8).

        >>> Params(("full", "day"), {"full": False}).merged({"day": "2026-11-23"}, "start('ingest')")
        {'full': False, 'day': '2026-11-23'}
        """
        for name in given:
            if name not in self.names:
                raise InvalidValue(f"{where}: there is no param {seen(name)}{did_you_mean(name, self.names)}")
        missing = [name for name in self.names if name not in given and name not in self.defaults]
        if missing:
            raise InvalidValue(f"{where}: param {missing[0]!r} has no default, so give it in params=")
        return {**self.defaults, **{name: plain(value, f"param {seen(name)}") for name, value in given.items()}}


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
