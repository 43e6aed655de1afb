"""Outputs that are no JSON: how a task's value is written beside the log, and read back for what follows (R21).

Owns `OutputFiles`, the frozen value behind `save=`. It names a directory and two functions; who writes and reads is the
engine. Making one costs what its two callables cost to be described.
"""

from __future__ import annotations

import os
import pickle
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import attrs

from reactive_dag.declare.settings.parquet import dump_table, load_table
from reactive_dag.model.callables import Call, check_takes, shown
from reactive_dag.model.errors import InvalidValue
from reactive_dag.model.records import Json
from reactive_dag.model.text import seen, text_in

Dump = Callable[[Any, Path], object]
Load = Callable[[Path], object]

_TAKES_A_FILE = frozenset(("pickle", "_pickle", "json", "marshal"))
"""Modules whose `dump` takes an open file."""


def dump_pickle(value: object, path: Path) -> None:
    """Write any object with pickle. O(size)."""
    path.write_bytes(pickle.dumps(value))


def load_pickle(path: Path) -> object:
    """The object that `dump_pickle` wrote. O(size)."""
    return pickle.loads(path.read_bytes())


@attrs.frozen(repr=False)
class OutputFiles:
    """Where and how the outputs of a task are kept: one file each, in `dir`, its name ending in `suffix`."""

    dir: str
    dump: Call
    load: Call
    suffix: str = ""

    @property
    def folder(self) -> Path:
        """The directory as it is now, absolute. O(its length)."""
        return Path(self.dir).expanduser().absolute()

    def to_json(self) -> Json:
        """Plain JSON data (G5). O(1)."""
        return {"dir": self.dir, "dump": self.dump.to_json(), "load": self.load.to_json(), "suffix": self.suffix}

    @classmethod
    def from_json(cls, data: Json) -> OutputFiles:
        """What `to_json` gave; its functions are named only, until they are bound. O(1). Raises InvalidValue."""
        if not isinstance(data, dict) or set(data) != {"dir", "dump", "load", "suffix"}:
            raise InvalidValue(f"{seen(data)} does not say how an output is saved: give dir, dump, load and suffix")
        dump, load = Call.from_json(data["dump"]), Call.from_json(data["load"])
        return cls(_dir(data["dir"]), dump, load, _suffix(data["suffix"]))

    def __repr__(self) -> str:
        if self.dump == _PARQUET:
            return f"rd.parquet({self.dir!r})"
        suffix = f", suffix={self.suffix!r}" if self.suffix else ""
        if self.dump == _PICKLE:
            return f"rd.files({self.dir!r}{suffix})"
        return f"rd.files({self.dir!r}, dump={self.dump}, load={self.load}{suffix})"


_PARQUET, _PICKLE = Call(dump_table), Call(dump_pickle)


def parquet(dir: str | os.PathLike[str]) -> OutputFiles:
    """Keep a task's table (of pandas, polars or pyarrow) in a parquet file; what follows gets the same kind back (R21).

    Needs pyarrow: `pip install 'reactive-dag[parquet]'`. O(1). Raises InvalidValue for what is no directory's name.

    >>> parquet("lake/tmp")
    rd.parquet('lake/tmp')
    """
    return OutputFiles(_dir(dir), _PARQUET, Call(load_table), ".parquet")


def files(
    dir: str | os.PathLike[str], *, dump: Dump | None = None, load: Load | None = None, suffix: str = ""
) -> OutputFiles:
    """Keep a task's value in a file, written by `dump(value, path)` and read by `load(path)`; without both, by pickle.

    `path` is a `pathlib.Path` that ends in `suffix` and does not exist; `dump` may make a directory of it. O(1).
    Raises InvalidValue for one function without the other, and for what is no directory's name.

    >>> files("models", suffix=".pkl")
    rd.files('models', suffix='.pkl')
    """
    if (dump is None) != (load is None):
        raise InvalidValue("rd.files() takes dump= and load= both, or none of them (then it pickles)")
    if dump is None or load is None:
        return OutputFiles(_dir(dir), _PICKLE, Call(load_pickle), _suffix(suffix))
    return OutputFiles(_dir(dir), _call(dump, "dump"), _call(load, "load"), _suffix(suffix))


def save_of(value: object, what: str) -> OutputFiles | None:
    """What `save=` was given. O(1). Raises InvalidValue."""
    if value is None or isinstance(value, OutputFiles):
        return value
    raise InvalidValue(f"{what} must be rd.parquet(dir) or rd.files(dir, dump=..., load=...), not {shown(value)}")


def _call(given: object, what: str) -> Call:
    if isinstance(given, Call):
        return given
    if not callable(given):
        raise InvalidValue(f"rd.files({what}=) must be a function, not {shown(given)}")
    if getattr(given, "__module__", "") in _TAKES_A_FILE:
        raise InvalidValue(
            f"rd.files({what}={given.__module__}.{getattr(given, '__name__', what)}) would get a path, and takes an "
            "open file; give dump=lambda value, path: ... and load=lambda path: ..., or none of them: then it pickles"
        )
    check_takes(given, ("the value", "a path") if what == "dump" else ("a path",), f"rd.files({what}=)")
    return Call(given)


def _dir(value: object) -> str:
    found = os.fspath(value) if isinstance(value, os.PathLike) else value
    if not isinstance(found, str) or not found or "\0" in found:
        raise InvalidValue(f"the directory of saved outputs must be a path, not {seen(value)}")
    if "://" in found:
        raise InvalidValue(f"the directory of saved outputs must be one of this machine's, not {found!r}; mount it")
    return text_in(found, "the directory of saved outputs")


def _suffix(value: object) -> str:
    if not isinstance(value, str) or not re.fullmatch(r"(\.[\w.+-]{1,31})?", value):
        raise InvalidValue(f"rd.files(suffix=) must be the end of a file's name, such as '.pkl', not {seen(value)}")
    return text_in(value, "suffix")
