"""Ctrl-C waits for the end of what must not be cut in half: a notebook's engine goes on after an interrupt.

Owns the handler of SIGINT while the main thread is inside a block, and only where it is Python's own: whoever set
another one (an event loop, a service) decides by that. Inside a block an interrupt is noted and raised at its end, or
where the block lets interrupts through (a window: bodies, waits); a second one does not wait. Invariant: outside of
blocks the handler is off, wherever an interrupt comes; one that was cut while it was set takes itself off. A block
costs 2 µs, one inside another 0.3 µs.
"""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]  # the public ones wrap it, and cost thirty times as much
import os
from signal import SIGINT, default_int_handler
from threading import get_ident, main_thread
from types import FrameType, TracebackType

from reactive_dag.model.ctrl_c import CtrlC


class _Main:
    """The identity of the main thread, which in a forked child is the thread that forked: asked for at each attempt."""

    __slots__ = ("ident",)

    def __init__(self) -> None:
        self.look()

    def look(self) -> None:
        """Ask which thread it is."""
        self.ident = main_thread().ident


_main = _Main()
os.register_at_fork(after_in_child=_main.look)


class Interrupts:
    """Holds interrupts back inside its blocks; blocks and windows of other threads do nothing.

    >>> interrupts = Interrupts()
    >>> with interrupts:
    ...     with interrupts.let_through():
    ...         interrupts.hit
    False
    """

    __slots__ = ("_depth", "_handler", "_outside", "hit")

    def __init__(self) -> None:
        self._depth = 0
        self._outside: list[int] = []
        """The depths around the windows that are open."""
        self._handler = self._note
        self.hit = False

    def __enter__(self) -> None:
        if get_ident() == _main.ident:
            if not self._depth and _signal.getsignal(SIGINT) is default_int_handler:
                _signal.signal(SIGINT, self._handler)
            self._depth += 1

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if get_ident() != _main.ident:
            return
        self._depth -= 1
        if self._depth:
            return
        if not self._outside:
            self._off()
        if self.hit:
            self.hit = False
            if error is None:
                raise CtrlC

    def let_through(self) -> OpenStretch:
        """A window: until its end an interrupt is raised at once, one that was noted at its beginning."""
        return OpenStretch(self)

    def check(self) -> None:
        """Raise an interrupt that was noted: here nothing is cut in half. O(1)."""
        if self.hit and get_ident() == _main.ident:
            self.hit = False
            raise CtrlC

    def _note(self, number: int, frame: FrameType | None) -> None:
        if self._depth and not self.hit:
            self.hit = True
            return
        self.hit = False
        if not self._depth:
            if self._outside:
                self._depth = self._outside.pop()  # what cleans up behind the window must not be cut in half
            else:
                self._off()
        raise CtrlC

    def _off(self) -> None:
        if _signal.getsignal(SIGINT) is self._handler:
            _signal.signal(SIGINT, default_int_handler)

    # --------------------------------------------------------------------------------------- for the windows

    def open_window(self) -> int:
        """Let interrupts through; how many windows were open before. -1 on another thread."""
        if get_ident() != _main.ident:
            return -1
        self.check()
        count = len(self._outside)
        self._outside.append(self._depth)
        self._depth = 0
        return count

    def close_window(self, count: int) -> None:
        """Hold them back again, unless an interrupt has seen to that."""
        if 0 <= count < len(self._outside):
            self._depth = self._outside[count]
            del self._outside[count:]


class OpenStretch:
    """A stretch of a block that interrupts may cut."""

    __slots__ = ("_count", "_interrupts")

    def __init__(self, interrupts: Interrupts) -> None:
        self._interrupts = interrupts
        self._count = -1

    def __enter__(self) -> None:
        self._count = self._interrupts.open_window()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._interrupts.close_window(self._count)


HELD = Interrupts()
"""The blocks of this process: its engines share one handler, as they share the main thread."""
