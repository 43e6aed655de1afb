"""The lane: how several threads, timers and re-entrant calls reach one cell one after the other, without waiting.

Owns a queue and the right to serve it. Invariants: what is queued is served in order, by one thread at a time, and also
if it came while the server was leaving; nobody ever waits for anybody, so lanes cannot lock each other up; a call from
within is queued, so the stack stays flat. Cost: O(1) for each call, 0.03 µs where nobody is in the way.

The right to serve is a token in a list: to pop it is one step for the interpreter, so one thread gets it, and it is
several times cheaper than a lock, which nobody would ever wait for here.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from typing import Any


class Lane:
    """One queue into a cell: whoever finds it free serves it, everybody else leaves what he has and goes.

    An observer that raises does so to whoever serves; the rest of the queue is served first.
    """

    __slots__ = ("free", "queue")

    def __init__(self) -> None:
        self.free: list[None] = [None]
        self.queue: deque[tuple[Callable[[Any, int], None], Any, int]] = deque()

    def serve(self, handle: Callable[[Any, int], None], what: object, now: int) -> None:
        """The same as `submit`, and quicker where nobody is in the way."""
        queue, free = self.queue, self.free
        if queue or not free:
            self.submit(handle, what, now)
            return
        try:
            free.pop()
        except IndexError:  # another thread was quicker
            self.submit(handle, what, now)
            return
        try:
            handle(what, now)
        finally:
            free.append(None)
            if queue:
                self.drain()

    def submit(self, handle: Callable[[Any, int], None], what: object, now: int) -> None:
        """Have `handle(what, now)` called in its turn. Cost: O(1) and what is served."""
        self.queue.append((handle, what, now))
        self.drain()

    def drain(self) -> None:
        """Serve what is queued, unless somebody does already."""
        free, queue, failure = self.free, self.queue, None
        while queue and free:
            try:
                free.pop()
            except IndexError:  # somebody was quicker, and will look at the queue before he leaves
                break
            try:
                failure = _serve(queue) or failure
            finally:
                free.append(None)
        if failure is not None:
            raise failure


def _serve(queue: deque[tuple[Callable[[Any, int], None], Any, int]]) -> Exception | None:
    failure: Exception | None = None
    while queue:
        handle, what, now = queue.popleft()
        try:
            handle(what, now)
        except Exception as error:
            failure = failure or error
    return failure


def emit_all(emit: Callable[[Any], None], values: Sequence[object]) -> None:
    """Emit each of `values`, also where the observer raises for one of them; the first error is raised at the end."""
    failure: Exception | None = None
    for value in values:
        try:
            emit(value)
        except Exception as error:
            failure = failure or error
    if failure is not None:
        raise failure
