"""Ctrl-C or a KeyboardInterrupt that code raised: only the user stops an engine.

Owns how to tell: whatever else a user's code raises (SystemExit, CancelledError) fails what called it and no more.
"""

from __future__ import annotations

import signal
import threading
import traceback
from opcode import opmap
from types import CodeType, TracebackType

RAISE = opmap["RAISE_VARARGS"]


_TRACEBACK = vars(BaseException)["__traceback__"]


def traceback_of(error: BaseException) -> TracebackType | None:
    """The traceback of an exception, past a property of that name which a user's class may have. O(1)."""
    found: TracebackType | None = _TRACEBACK.__get__(error, type(error))
    return found


class CtrlC(KeyboardInterrupt):
    """The user's Ctrl-C, raised where an engine let it through."""


def is_ctrl_c(error: BaseException) -> bool:
    """Whether a signal's handler raised it, which only the main thread executes. O(frames).

    A handler in Python is in the traceback; Python's own leaves no frame, but interrupts something else than a `raise`.

    >>> is_ctrl_c(KeyboardInterrupt()), is_ctrl_c(SystemExit())
    (False, False)
    """
    if isinstance(error, CtrlC):
        return True
    if not isinstance(error, KeyboardInterrupt) or threading.current_thread() is not threading.main_thread():
        return False
    way = traceback_of(error)
    frames = list(traceback.walk_tb(way))
    handler = signal.getsignal(signal.SIGINT)
    if handler is signal.default_int_handler:
        return bool(frames) and not _raises(way)
    code = _code_of(handler)
    return any(frame.f_code is code for frame, _ in frames) if code else callable(handler)


def _raises(place: TracebackType | None) -> bool:
    """Whether the innermost frame of a traceback was executing a `raise`."""
    while place is not None and place.tb_next is not None:
        place = place.tb_next
    return place is not None and place.tb_frame.f_code.co_code[place.tb_lasti] == RAISE


def raise_ctrl_c(error: BaseException) -> None:
    """Raise an exception again if it is the user's Ctrl-C. O(frames)."""
    if is_ctrl_c(error):
        raise error


def _code_of(handler: object) -> CodeType | None:
    """The code of a function, a bound method or a partial of one; None for what has none."""
    inner = getattr(handler, "func", handler)
    code = getattr(getattr(inner, "__func__", inner), "__code__", None)
    return code if isinstance(code, CodeType) else None
