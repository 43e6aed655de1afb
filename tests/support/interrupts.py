"""Ctrl-C for tests: a real signal."""

from __future__ import annotations

import os
import signal


def ctrl_c() -> None:
    """Interrupt this process; the handler has run when this returns, if it returns."""
    os.kill(os.getpid(), signal.SIGINT)
    signal.sigtimedwait([], 0)
