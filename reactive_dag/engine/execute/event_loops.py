"""Where coroutines run: the event loop that the engine was opened on, else one of the engine's own on a thread.

Invariants: the thread that waits for a coroutine is never the one whose loop runs it; what a coroutine raises is its
result and ends no loop; who waited returns only when the coroutine has ended, cancelled or not.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any

from reactive_dag.model.ctrl_c import raise_ctrl_c
from reactive_dag.streams.scheduler import report_uncaught

Work = Coroutine[Any, Any, object]
Cancel = Callable[[], None]
"""Cancels a coroutine at its next `await`; from any thread, as often as one likes."""

LOOK = 1.0
"""Seconds after which whoever waits for a coroutine looks whether its event loop is still there."""


class EventLoops:
    """The event loop of one engine; its own thread is started when it is first needed."""

    def __init__(self) -> None:
        self._home: asyncio.AbstractEventLoop | None = None
        self._own: OwnLoop | None = None
        self._calls: set[_Call] = set()
        self._lock = threading.Lock()

    def use_running_loop(self) -> None:
        """Run coroutines on the event loop of the calling thread from now on. Raises RuntimeError where none runs."""
        self._home = asyncio.get_running_loop()

    @property
    def run_here(self) -> bool:
        """Whether the calling thread is the one that runs the coroutines: it must not wait for them. O(1)."""
        here = _running_loop()
        return here is not None and (here is self._home or (self._own is not None and here is self._own.loop))

    def run(self, work: Work, timeout: float | None, begun: Callable[[Cancel], None] | None = None) -> object:
        """Run a coroutine to its end; its result. `begun` is told how to cancel it.

        Raises what the coroutine raises, TimeoutError when it was cancelled after `timeout` seconds. An interrupt of
        the thread that waits (Ctrl-C) cancels it too.
        """
        if _running_loop() is None:
            return self._wait(_Call(work, self._loop()), timeout, begun)
        apart = OwnLoop()
        try:
            return self._wait(_Call(work, apart.loop), timeout, begun)
        finally:
            apart.stop()

    def _wait(self, call: _Call, timeout: float | None, begun: Callable[[Cancel], None] | None) -> object:
        self._calls.add(call)
        try:
            call.begin()
            if begun is not None:
                begun(call.cancel)
            if call.ended(timeout):
                return call.result()
            raise TimeoutError
        finally:
            if not call.over:
                call.cancel()
                call.ended()
            self._calls.discard(call)

    def _loop(self) -> asyncio.AbstractEventLoop:
        if self._home is not None and not self._home.is_closed():
            return self._home
        with self._lock:
            if self._own is None:
                self._own = OwnLoop()
            return self._own.loop

    def close(self) -> None:
        """Cancel what still runs, and stop the engine's own loop."""
        for call in list(self._calls):
            call.cancel()
        with self._lock:
            own, self._own = self._own, None
        if own is not None:
            own.stop()


class OwnLoop:
    """An event loop on a daemon thread, until `stop`: whatever a callback raises, it runs on."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self._stopping = False
        threading.Thread(target=self._serve, name="reactive_dag loop", daemon=True).start()

    def stop(self) -> None:
        """Cancel what still runs on it, and let it end."""
        self._stopping = True
        self.loop.call_soon_threadsafe(self.loop.stop)

    def _serve(self) -> None:
        asyncio.set_event_loop(self.loop)
        while not self._stopping:
            try:
                self.loop.run_forever()
            except BaseException as error:  # a task that a body began for itself called sys.exit()
                report_uncaught(error)
        left = asyncio.all_tasks(self.loop)
        for task in left:
            task.cancel()
        if left:
            self.loop.run_until_complete(asyncio.wait(left))
        self.loop.close()


class _Call:
    """One coroutine on an event loop, as threads see it: begun, cancelled, ended."""

    def __init__(self, work: Work, loop: asyncio.AbstractEventLoop) -> None:
        self._work = work
        self._loop = loop
        self._task: asyncio.Task[None] | None = None
        self._done = threading.Event()
        self._result: object = None
        self._error: BaseException | None = None

    def begin(self) -> None:
        """Have it run, in the context of the calling thread."""
        self._loop.call_soon_threadsafe(self._begin)

    def _begin(self) -> None:
        self._task = self._loop.create_task(self._guarded())
        self._task.add_done_callback(self._end)

    async def _guarded(self) -> None:
        try:
            self._result = await self._work
        except BaseException as error:  # SystemExit would end the loop, and every coroutine on it
            self._error = error
            raise_ctrl_c(error)

    def _end(self, task: asyncio.Task[None]) -> None:
        if task.cancelled():  # before its first step
            self._error = asyncio.CancelledError()
            self._work.close()
        self._done.set()

    def cancel(self) -> None:
        """Cancel it at its next `await`; one that has ended stays as it is."""
        with suppress(RuntimeError):  # its loop is closed
            self._loop.call_soon_threadsafe(self._cancel)

    def _cancel(self) -> None:
        if self._task is not None:
            self._task.cancel()

    @property
    def over(self) -> bool:
        """Whether it has ended. O(1)."""
        return self._done.is_set()

    def ended(self, timeout: float | None = None) -> bool:
        """Wait up to `timeout` seconds for its end; whether it has ended. A loop that was closed has ended it."""
        if timeout is not None:
            return self._done.wait(timeout)
        while not self._done.wait(LOOK):
            if self._loop.is_closed():
                self._error = RuntimeError("the event loop was closed under this coroutine")
                self._done.set()
        return True

    def result(self) -> object:
        """What it returned. Raises what it raised."""
        if self._error is not None:
            raise self._error
        return self._result


def _running_loop() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None
