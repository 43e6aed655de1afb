"""Ctrl-C for tests: a real signal."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from linecache import getline
from types import FrameType
from typing import Any

from tests.house.source import PACKAGE

BLOCKS = "with ", "try:"
Trace = Callable[[FrameType, str, object], Any]


def ctrl_c() -> None:
    """Interrupt this process; the handler has run when this returns, if it returns."""
    os.kill(os.getpid(), signal.SIGINT)
    signal.sigtimedwait([], 0)


def interrupted(call: Callable[[], object], at: int) -> bool:
    """Call, with a Ctrl-C at line number `at` of the package's that the main thread comes to; whether it came there.

    The lines of `with` and `try` do not count: no signal comes there, behind no call and no jump. What a
    tracer raises there leaves a lock held.
    """
    count = 0

    def trace(frame: FrameType, event: str, arg: object) -> Trace | None:
        nonlocal count
        if not frame.f_code.co_filename.startswith(str(PACKAGE)):
            return None
        if event == "line" and not getline(frame.f_code.co_filename, frame.f_lineno).strip().startswith(BLOCKS):
            count += 1
            if count == at:
                signal.raise_signal(signal.SIGINT)
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        call()
    except KeyboardInterrupt:
        pass
    finally:
        sys.settrace(before)
    return count >= at
