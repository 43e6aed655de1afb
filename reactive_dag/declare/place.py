"""Where something was declared: the file and line that an error message names.

Owns nothing. A place is kept as the code object and the instruction that ran, and becomes "file:line" only when
somebody reads it: taking one costs some 0.2 µs, writing it O(lines of that function) the first time.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from functools import lru_cache
from types import CodeType, FrameType
from typing import TypeAlias

Place: TypeAlias = tuple[CodeType, int, object] | str
"""A code object, the offset of an instruction in it (-1: its first line) and a token of the call that executed it, None
where nobody asks; or text that says it all."""

_INTERACTIVE = ("<", "ipykernel", "ipython-input")


class _Calls(threading.local):
    """The calls on this thread that declared something and go on, each with its token; ended ones until the next."""

    def __init__(self) -> None:
        self.known: dict[FrameType, object] = {}

    def enter(self, frame: FrameType) -> object:
        """The token of a call that has none, once those that ended are forgotten. O(depth)."""
        going: set[FrameType] = set()
        each: FrameType | None = frame
        while each is not None:
            going.add(each)
            each = each.f_back
        self.known = {call: token for call, token in self.known.items() if call in going}
        token = self.known[frame] = object()
        return token


_CALLS = _Calls()


def forget_calls() -> None:
    """Let go of the calls of this thread that declared something: what they declared is in use. O(1)."""
    _CALLS.known = {}


def in_one_loop(first: Place, second: Place) -> bool:
    """Whether two declarations were made by one line of one call that goes on: a loop, not a cell run again. O(1).

    >>> here = [caller_place(0) for _ in range(2)]
    >>> in_one_loop(*here), in_one_loop(here[0], "a.py:1")
    (True, False)
    """
    if isinstance(first, str) or isinstance(second, str) or first[2] is None or first[2] is not second[2]:
        return False
    return place_text(first) == place_text(second)


def caller_place(depth: int = 1) -> Place:
    """Where the caller's caller stands; one further out for each `depth` more. O(depth)."""
    frame = sys._getframe(depth + 1)
    return frame.f_code, frame.f_lasti, _CALLS.known.get(frame) or _CALLS.enter(frame)


def place_of(fn: Callable[..., object]) -> Place | None:
    """Where a function begins, or None for what has no code. O(1)."""
    code = getattr(fn, "__code__", None)
    return (code, -1, None) if isinstance(code, CodeType) else None


def place_text(place: Place) -> str:
    """A place as "file:line".

    >>> place_text("estate.json: dags[3]")
    'estate.json: dags[3]'
    >>> place_text((compile("1", "a.py", "eval"), -1, None))
    'a.py:1'
    """
    if isinstance(place, str):
        return place
    code, instruction, _ = place
    return f"{code.co_filename}:{_line(code, instruction)}"


@lru_cache(maxsize=256)
def _line(code: CodeType, instruction: int) -> int:
    for start, end, line in code.co_lines():
        if start <= instruction < end and line is not None:
            return line
    return code.co_firstlineno


def is_interactive(place: Place) -> bool:
    """Whether the place is a prompt or a notebook's cell, where declaring again means editing. O(1).

    >>> is_interactive((compile("1", "<stdin>", "eval"), -1, None)), is_interactive("a.py:3")
    (True, False)
    """
    file = place if isinstance(place, str) else place[0].co_filename
    return file.startswith(_INTERACTIVE[0]) or any(mark in file for mark in _INTERACTIVE[1:])


def declared_twice(before: tuple[Place, int], place: Place, checked: int, *, loop: bool = False) -> bool:
    """Whether two declarations of one id are a mistake, and not a change. O(1).

    `before` is the place of the first one and the version of the graph that it made. The second is a change if the
    first was checked or run meanwhile (`checked` is that version), if it stands at a prompt or in a notebook's cell, or
    at the same place; with `loop` the same place is a mistake too.
    """
    first, version = before
    if version <= checked or is_interactive(first) or is_interactive(place):
        return False
    return loop or place_text(first) != place_text(place)


def note_twice(twice: dict[str, str], id: str, before: tuple[Place, int], place: Place, checked: int) -> None:
    """Keep in `twice` where an id was declared before, if declaring it again was a mistake. O(1)."""
    if declared_twice(before, place, checked):
        twice[id] = place_text(before[0])
    else:
        twice.pop(id, None)
