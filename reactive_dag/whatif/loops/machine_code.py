"""Machine code of plain functions, by numba where it is there (extra `fast`); without it they run as they stand.

Owns `entry`, for what Python calls, and `inlined`, for what these call. Such a function allocates nothing: references
are not counted, which took four fifths of the time. All that an entry calls becomes a part of it, as arrays that are
passed on are copied, some 70 bytes each. numba keeps entries on disk and looks at the time of their own file and at
what they close over: let them close over the `hash_of` all files that they are made of.
"""

from __future__ import annotations

from collections.abc import Callable
from hashlib import blake2b
from importlib.util import find_spec
from pathlib import Path
from typing import Any, TypeVar, cast

HAS_NUMBA = find_spec("numba") is not None

if HAS_NUMBA:
    import numba

OPTIONS: dict[str, Any] = {"nogil": True, "_nrt": False, "error_model": "numpy"}
"""How numba compiles; without `_nrt`, its runtime, references to arrays are not counted."""

Function = TypeVar("Function", bound=Callable[..., object])


def inlined(function: Function) -> Function:
    """The function as a part of what calls it."""
    return cast("Function", numba.njit(**OPTIONS, forceinline=True)(function)) if HAS_NUMBA else function


def entry(function: Function) -> Function:
    """The function as machine code, compiled when it is first called on a machine.

    It is kept beside its file, else in the user's cache; where neither can be written, each process compiles it anew.
    """
    if not HAS_NUMBA:
        return function
    try:
        return cast("Function", numba.njit(**OPTIONS, cache=True)(function))
    except RuntimeError:  # numba finds no place to keep it
        return cast("Function", numba.njit(**OPTIONS)(function))


def hash_of(*files: str) -> int:
    """A number that is another when one of these files is. O(size)."""
    found = blake2b(b"".join([Path(file).read_bytes() for file in files]), digest_size=7)
    return int.from_bytes(found.digest())
