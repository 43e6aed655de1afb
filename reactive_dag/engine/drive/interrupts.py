"""Ctrl-C waits for the end of what must not be cut in half: a notebook's engine goes on after an interrupt.

Owns the handler of SIGINT while the main thread drives an engine, and only where it is Python's own: whoever set
another one (an event loop, a service) decides by that. Installing costs some 10 µs a drive, a block 0.1 µs. Outside of
a block an interrupt is raised at once; inside it is raised at the block's end, and a second one does not wait.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType, TracebackType


class Interrupts:
    """Holds interrupts back inside its blocks while `caught` is on; blocks of other threads do nothing.

    >>> interrupts = Interrupts()
    >>> with interrupts.caught(), interrupts:
    ...     interrupts.hit
    False
    """

    __slots__ = ("_depth", "_thread", "hit")

    def __init__(self) -> None:
        self._thread = 0
        self._depth = 0
        self.hit = False

    @contextmanager
    def caught(self) -> Iterator[None]:
        """Until the end of the block interrupts of this thread come here: on the main thread, if no handler is set."""
        main = threading.current_thread() is threading.main_thread()
        if not main or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
            yield
            return
        before, self._thread = self._thread, threading.get_ident()
        signal.signal(signal.SIGINT, self._note)
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, signal.default_int_handler)
            self._thread = before

    def _note(self, number: int, frame: FrameType | None) -> None:
        if self.hit or not self._depth:
            self.hit = False
            raise KeyboardInterrupt
        self.hit = True

    def __enter__(self) -> None:
        if self._thread == threading.get_ident():
            self._depth += 1

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._thread == threading.get_ident():
            self._depth -= 1
            if self.hit and not self._depth:
                self.hit = False
                if error is None:
                    raise KeyboardInterrupt
