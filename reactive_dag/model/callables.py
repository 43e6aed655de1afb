"""Callables as values: what makes two functions the same one (I7).

Owns `fingerprint_of`, `digest_of` and `Call`, the frozen form in which triggers and tasks hold a callable. A function
counts as its module and qualified name; a lambda, a local function and one of `__main__` also by their source
expression (or their code, where there is no source), defaults and closure values; a partial or a bound method by its
parts. Invariant: a digest is the same in every process and under every hash seed, and is taken once, when the `Call` is
made. Cost: about 10 µs for a function with a name, 100 µs for a lambda; calling through `call.fn` costs nothing.
"""

from __future__ import annotations

import functools
import hashlib
import importlib
import inspect
import json
import sys
from collections.abc import Callable, Mapping
from types import BuiltinFunctionType, CodeType, FunctionType, MethodType, ModuleType
from typing import NoReturn, TypeAlias

import attrs

from .errors import GraphError, InvalidValue
from .fingerprint import ValuePath, counts_by_name, describe_callable, is_frozen_record, ref_of, type_name
from .records import Json
from .source import source_tree
from .text import seen

AnyCallable: TypeAlias = Callable[..., object]


def fingerprint_of(fn: AnyCallable) -> Json:
    """What a callable counts as: plain JSON that is equal for the same callable, in every process.

    Cost: O(its source and the values it holds). Raises `InvalidValue` for a callable object that is no frozen attrs
    class or dataclass, and for a default or closure value without a stable identity.

    >>> fingerprint_of(len)
    {'ref': 'builtins:len'}
    """
    return describe_callable(fn, ValuePath(place(fn)))


def digest_of(fn: AnyCallable) -> str:
    """The content hash of a callable: 32 hexadecimal digits. Cost and errors as `fingerprint_of`.

    >>> digest_of(lambda e: e.kind) == digest_of(lambda e: e.kind), digest_of(lambda e: 1) == digest_of(lambda e: 2)
    (True, False)
    """
    return _hash(fingerprint_of(fn))


def place(fn: AnyCallable) -> str:
    """Where a callable is written, as "file:line"; for one that Python code did not write, its name. O(1).

    >>> place(len)
    'builtins:len'
    """
    code = getattr(_innermost(fn), "__code__", None)
    if isinstance(code, CodeType):
        return f"{code.co_filename}:{code.co_firstlineno}"
    return ref_of(fn) or type_name(type(fn))


def short_name(fn: AnyCallable) -> str:
    """The short name of a callable for messages: its qualified name, else its type's. O(1).

    >>> short_name(len), short_name(functools.partial(len, [1]))
    ('len', 'len')
    """
    inner = _innermost(fn)
    return str(getattr(inner, "__qualname__", None) or type(inner).__qualname__)


def shown(value: object) -> str:
    """A value as a message shows it: a function with the place where it is written, never an address. O(its text).

    >>> shown(functools.partial(len, [1])), shown("load")
    ('functools.partial of len (builtins:len)', "'load'")
    """
    inner = _innermost(value) if callable(value) else value
    if isinstance(inner, FunctionType | BuiltinFunctionType):
        assert callable(value)
        of = "functools.partial of " if isinstance(value, functools.partial) else ""
        return f"{of}{short_name(value)} ({place(inner)})"
    return f"an object of {type_name(type(value))}" if type(value).__repr__ is object.__repr__ else seen(value)


def check_takes(fn: AnyCallable, arguments: tuple[str, ...], what: str) -> None:
    """Refuse a function whose signature can be read and does not take these arguments, by position. O(parameters).

    >>> check_takes(lambda event: 1, ("the event",), ".where()"), check_takes(dict, ("the event",), ".map()")
    (None, None)
    """
    try:
        signature = inspect.signature(fn)
    except (TypeError, ValueError):  # some builtins do not say what they take
        return
    try:
        signature.bind(*arguments)
    except TypeError as error:
        raise InvalidValue(
            f"{what}: {shown(fn)} is called with {' and '.join(arguments)} alone, which its parameters do not fit: "
            f"{error}"
        ) from None


def _hash(description: Json) -> str:
    text = json.dumps(description, sort_keys=True, separators=(",", ":"))
    return hashlib.blake2b(text.encode("ascii"), digest_size=16).hexdigest()


def _innermost(fn: AnyCallable) -> AnyCallable:
    while True:
        if isinstance(fn, functools.partial):
            fn = fn.func
        elif isinstance(fn, MethodType | staticmethod):
            fn = fn.__func__
        elif callable(fn) and is_frozen_record(type(fn)):
            fn = type(fn).__call__
        else:
            return fn


# ------------------------------------------------------------------------------------------------ Call


@attrs.frozen(eq=False, init=False, repr=False)
class Call:
    """A callable held as a value: equal and hashed by what it counts as (I7).

    `call.fn(...)` calls it. `digest` is its content hash; `ref` its importable name "module:qualname", or None;
    `source` its text where it has no such name; `place` "file:line"; `bound` is False for one that was read from JSON
    and not found yet: calling that raises `GraphError` naming it. Cost: as `fingerprint_of`, once.
    Raises `InvalidValue`.

    >>> Call(len) == Call(len), Call(len).ref, Call(len).fn("abc")
    (True, 'builtins:len', 3)
    """

    fn: AnyCallable
    digest: str
    ref: str | None
    source: str | None
    place: str
    bound: bool

    def __init__(self, fn: AnyCallable) -> None:
        where = place(fn)
        found = digest_of(fn)
        ref = importable_name(fn)
        text = None if ref else _text(fn)
        self.__attrs_init__(fn, found, ref, text, where, True)

    @classmethod
    def of(cls, fn: AnyCallable | Call) -> Call:
        """`fn` as a `Call`; one that already is comes back as it is. Cost and errors as making one.

        >>> Call.of(Call.of(len)) == Call(len)
        True
        """
        return fn if isinstance(fn, Call) else cls(fn)

    @property
    def text(self) -> str:
        """How it is written in an expression: a lambda's source, else its name. O(1)."""
        if self.source is not None and self.source.startswith("lambda"):
            return self.source
        return (
            self.ref.partition(":")[2]
            if self.ref
            else short_name(self.fn)
            if self.bound
            else self.source or self.digest
        )

    def __eq__(self, other: object) -> bool:
        return self.digest == other.digest if isinstance(other, Call) else NotImplemented

    def __hash__(self) -> int:
        return hash(self.digest)

    def __repr__(self) -> str:
        return self.text

    def to_json(self) -> Json:
        """Plain JSON: the importable name, else digest and source for reading (G5). O(1).

        >>> Call(len).to_json()
        {'ref': 'builtins:len'}
        """
        if self.ref is None:
            return {"digest": self.digest, "source": self.source}
        return (
            {"ref": self.ref} if self.digest == _hash({"ref": self.ref}) else {"ref": self.ref, "digest": self.digest}
        )

    @classmethod
    def from_json(cls, data: Json) -> Call:
        """A reference to a callable; imports nothing, see `bind`. O(1). Raises `InvalidValue` for other data.

        >>> Call.from_json({"ref": "builtins:len"}) == Call(len)
        True
        """
        ref, found, source = _fields(data)
        call = cls.__new__(cls)
        unbound = _Unbound(ref or f"{source or 'a callable'} (digest {found})")
        call.__attrs_init__(unbound, found, ref, source, "", False)
        return call

    def bind(self) -> Call:
        """This callable with its function, imported by name; itself if it is bound already.

        Cost: the import, once. Raises `GraphError` if there is no such name, saying what was looked for.

        >>> Call.from_json({"ref": "builtins:len"}).bind().fn([1, 2])
        2
        """
        if self.bound:
            return self
        if self.ref is None:
            raise GraphError(
                f"no function for {self.source or self.digest}: it has no importable name, bind it by hand"
            )
        return Call(_import(self.ref))


@attrs.frozen
class _Unbound:
    """Stands where a function is not there yet."""

    named: str

    def __call__(self, *_args: object, **_kwargs: object) -> NoReturn:
        raise GraphError(f"{self.named} is not bound to a function: import it with bind(), or give it by hand")


def _fields(data: Json) -> tuple[str | None, str, str | None]:
    if isinstance(data, Mapping):
        ref, found, source = data.get("ref"), data.get("digest"), data.get("source")
        if isinstance(ref, str) and ":" in ref and isinstance(found, str | None):
            return ref, found or _hash({"ref": ref}), None
        if ref is None and isinstance(found, str) and isinstance(source, str | None):
            return None, found, source
    raise InvalidValue(f"{seen(data)} is no callable: it needs a 'ref' like 'module:name', or a 'digest'")


def _text(fn: AnyCallable) -> str:
    inner = _innermost(fn)
    found = source_tree(inner) if isinstance(inner, FunctionType) else None
    text = found[1] if found else short_name(inner)
    return f"functools.partial({text}, ...)" if isinstance(fn, functools.partial) else text


def importable_name(fn: AnyCallable) -> str | None:
    """ "module:qualname" if importing that gives this callable, else None. Imports nothing. O(1).

    >>> importable_name(len), importable_name(lambda: 1)
    ('builtins:len', None)
    """
    ref = ref_of(fn)
    if ref is None or "<" in ref or ref.startswith("__main__:") or isinstance(fn, MethodType):
        return None
    if isinstance(fn, FunctionType) and counts_by_name(fn):
        return ref  # its module may still be running: the name is on its way
    module = sys.modules.get(ref.partition(":")[0])
    return ref if module is not None and _carried(_walk(module, ref), fn) is fn else None


def _walk(module: ModuleType, ref: str) -> object:
    found: object = module
    for part in ref.partition(":")[2].split("."):
        found = getattr(found, part, None)
    return found


def _carried(found: object, fn: object = None) -> object:
    """A decorator may have put a DAG or a task in the function's place: they carry it as `.fn`."""
    inner = getattr(found, "fn", None)
    return inner if inner is not None and found is not fn and not isinstance(found, FunctionType | type) else found


def _import(ref: str) -> AnyCallable:
    module, _, qualname = ref.partition(":")
    try:
        found = _carried(_walk(importlib.import_module(module), ref))
    except ImportError as error:
        raise GraphError(f"{ref} cannot be imported: {error}") from error
    if not callable(found):
        raise GraphError(f"module {module!r} has no function {qualname!r} (wanted as {ref})")
    return found
