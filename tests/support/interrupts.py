"""Ctrl-C for tests: a real signal."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from functools import cache
from linecache import getline
from types import CodeType, FrameType
from typing import Any

from tests.house.source import PACKAGE

BLOCKS = "with ", "try:"
OURS = str(PACKAGE)
Trace = Callable[[FrameType, str, object], Any]


def ctrl_c() -> None:
    """Interrupt this process; the handler has run when this returns, if it returns."""
    os.kill(os.getpid(), signal.SIGINT)
    signal.sigtimedwait([], 0)


@cache
def counted(code: CodeType) -> frozenset[int]:
    """The lines of a piece of code at which a signal may come."""
    numbers = {number for _, _, number in code.co_lines() if number}
    return frozenset(n for n in numbers if not getline(code.co_filename, n).strip().startswith(BLOCKS))


def interrupted(call: Callable[[], object], at: int) -> bool:
    """Call, with a Ctrl-C at line number `at` of the package's that the main thread comes to; whether it came there.

    The lines of `with` and `try` do not count: no signal comes there, behind no call and no jump. What a
    tracer raises there leaves a lock held.
    """
    count = 0

    def trace(frame: FrameType, event: str, arg: object) -> Trace | None:
        if not frame.f_code.co_filename.startswith(OURS):
            return None
        numbers = counted(frame.f_code)

        def line(frame: FrameType, event: str, arg: object) -> Trace:
            nonlocal count
            if event == "line" and frame.f_lineno in numbers:
                count += 1
                if count == at:
                    signal.raise_signal(signal.SIGINT)
            return line

        return line

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        call()
    except KeyboardInterrupt:
        pass
    finally:
        sys.settrace(before)
    return count >= at
