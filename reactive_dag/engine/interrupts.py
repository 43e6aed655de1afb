"""Ctrl-C waits for the end of what must not be cut in half: a notebook's engine goes on after an interrupt.

Owns nothing but the handler of SIGINT while a block runs, on the main thread, and only where it is Python's own:
whoever set another one (an event loop, a service) decides by that. A second Ctrl-C does not wait. Some 2 µs a block.
"""

from __future__ import annotations

import signal
import threading
from types import FrameType, TracebackType


class Uninterrupted:
    """Until the end of the block the first Ctrl-C is held back; then it raises KeyboardInterrupt.

    >>> with Uninterrupted() as block:
    ...     block.hit
    False
    """

    __slots__ = ("_held", "hit")

    def __init__(self) -> None:
        self._held = False
        self.hit = False

    def __enter__(self) -> Uninterrupted:
        if threading.current_thread() is threading.main_thread():
            self._held = signal.getsignal(signal.SIGINT) is signal.default_int_handler
            if self._held:
                signal.signal(signal.SIGINT, self._note)
        return self

    def _note(self, number: int, frame: FrameType | None) -> None:
        if self.hit:
            raise KeyboardInterrupt
        self.hit = True

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._held:
            signal.signal(signal.SIGINT, signal.default_int_handler)
            if self.hit and error is None:
                raise KeyboardInterrupt
