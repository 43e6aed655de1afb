"""Whether a KeyboardInterrupt is the user's Ctrl-C or was raised by code (R12): only the former stops an engine."""

from __future__ import annotations

import signal
import threading
import traceback
from types import CodeType


def is_ctrl_c(error: BaseException) -> bool:
    """Whether a signal's handler raised it: then the handler is in its traceback. O(frames).

    Python's own handler, which leaves no frame, counts as the user's: on the main thread nobody else interrupts.

    >>> is_ctrl_c(KeyboardInterrupt()), is_ctrl_c(SystemExit())
    (False, False)
    """
    if not isinstance(error, KeyboardInterrupt) or threading.current_thread() is not threading.main_thread():
        return False
    handler = signal.getsignal(signal.SIGINT)
    if handler is signal.default_int_handler:
        return error.__traceback__ is not None
    code = _code_of(handler)
    return code is None or any(frame.f_code is code for frame, _ in traceback.walk_tb(error.__traceback__))


def _code_of(handler: object) -> CodeType | None:
    """The code of a function, a bound method or a partial of one; None for what has none."""
    inner = getattr(handler, "func", handler)
    code = getattr(getattr(inner, "__func__", inner), "__code__", None)
    return code if isinstance(code, CodeType) else None
