"""`rd.aiter`: an observable as an async iterator.

Owns a buffer between whoever emits and one coroutine. Invariants: items come out in the order in which they were
emitted, each once; an error comes after the items before it; the end of the iteration, its `aclose` or the loss of the
last reference to it ends the subscription. Cost: O(1) an item; the event loop is woken only where it waits.

Back pressure: a buffer that is full makes a thread that emits *wait* until the coroutine has taken an item. The thread
of the event loop itself must not wait for itself: there the iteration ends with `Overflow`, after what was buffered.
`overflow="error"` does that for every thread. Nothing is ever dropped in silence.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from contextlib import suppress
from typing import Generic, TypeVar

from reactivex import abc

from reactive_dag.model.errors import InvalidValue, Overflow
from reactive_dag.model.text import counted
from reactive_dag.triggers.checks import positive

T = TypeVar("T")


class _Buffer(Generic[T]):
    """What the emitting threads and the coroutine share. It does not know the iterator, which may so be collected."""

    __slots__ = ("_block", "_condition", "_items", "_loop", "_loop_thread", "_size", "_waiter", "ended", "error")

    def __init__(self, size: int, block: bool) -> None:
        self._size, self._block = size, block
        self._items: deque[T] = deque()
        self._condition = (
            threading.Condition()
        )  # re-entrant: the collector may end an iterator in the middle of a `put`
        self._loop = asyncio.get_running_loop()
        self._loop_thread = threading.get_ident()
        self._waiter: asyncio.Future[None] | None = None
        self.ended = False
        self.error: Exception | None = None

    def put(self, item: T) -> None:
        """Append an item; wait for room, or end the iteration where waiting is not possible. O(1)."""
        with self._condition:
            full = len(self._items) >= self._size
            if full and self._block and threading.get_ident() != self._loop_thread:
                self._condition.wait_for(lambda: self.ended or len(self._items) < self._size)
                full = False
            if self.ended:
                return
            if full:
                self._end(
                    Overflow(f"{counted(self._size, 'item')} waiting already in rd.aiter(…); give it a larger buffer=")
                )
                return
            self._items.append(item)
            self._wake()

    def end(self, error: Exception | None = None) -> None:
        """Note that nothing more comes, because of `error` or of completion. O(1)."""
        with self._condition:
            if not self.ended:
                self._end(error)

    def drop(self) -> None:
        """Drop what is buffered: the coroutine takes nothing more. O(buffered)."""
        self.end()
        self._items.clear()

    async def take(self) -> T:
        """The next item; raises the source's error, or `StopAsyncIteration`, after the last one."""
        while True:
            with self._condition:
                if self._items:
                    self._condition.notify()
                    return self._items.popleft()
                if self.ended:
                    error, self.error = self.error, None
                    raise error or StopAsyncIteration
                waiter = self._waiter = self._loop.create_future()
            await waiter

    def _end(self, error: Exception | None) -> None:
        self.ended, self.error = True, error
        self._condition.notify_all()
        self._wake()

    def _wake(self) -> None:
        waiter, self._waiter = self._waiter, None
        if waiter is not None:
            with suppress(RuntimeError):  # the loop was closed: nobody waits any more
                self._loop.call_soon_threadsafe(_ring, waiter)


def _ring(waiter: asyncio.Future[None]) -> None:
    if not waiter.done():
        waiter.set_result(None)


class AsyncItems(Generic[T]):
    """The items of an observable, for `async for`; for one coroutine at a time. Also an async context manager."""

    __slots__ = ("_buffer", "_subscription")

    def __init__(self, observable: abc.ObservableBase[T], size: int, block: bool) -> None:
        self._buffer = buffer = _Buffer[T](size, block)
        self._subscription = observable.subscribe(buffer.put, buffer.end, buffer.end)

    def __aiter__(self) -> AsyncItems[T]:
        return self

    async def __anext__(self) -> T:
        try:
            return await self._buffer.take()
        except (StopAsyncIteration, Overflow):
            self._subscription.dispose()
            raise

    async def aclose(self) -> None:
        """End the subscription; what is buffered is dropped, and a thread that waits for room goes on. Cost: O(1)."""
        self._close()

    async def __aenter__(self) -> AsyncItems[T]:
        return self

    async def __aexit__(self, *error: object) -> None:
        self._close()

    def _close(self) -> None:
        self._buffer.drop()
        self._subscription.dispose()

    def __del__(self) -> None:
        if hasattr(self, "_subscription"):
            self._close()


def aiter(observable: abc.ObservableBase[T], buffer: int = 1000, *, overflow: str = "block") -> AsyncItems[T]:
    """Iterate over what `observable` emits, in a coroutine; it is subscribed at once.

    At most `buffer` items wait. Then `overflow="block"` makes the emitting thread wait (on the loop's own thread: ends
    the iteration with `Overflow`), `"error"` ends it so on every thread. Outside a running loop: `RuntimeError`.
    Cost: O(1) an item.

    >>> import reactivex
    >>> async def main():
    ...     return [item async for item in aiter(reactivex.of(1, 2, 3))]
    >>> asyncio.run(main())
    [1, 2, 3]
    """
    buffer = positive(buffer, "rd.aiter(buffer=)")
    if overflow not in ("block", "error"):
        raise InvalidValue(f'rd.aiter(overflow={overflow!r}): it is "block" or "error"')
    return AsyncItems(observable, buffer, overflow == "block")
