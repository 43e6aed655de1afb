"""Where coroutines run: the event loop that the engine was opened on, else one of the engine's own on a thread.

Invariant: the thread that waits for a coroutine is never the one whose loop runs it.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as FutureTimeout
from contextvars import copy_context
from typing import Any


class EventLoops:
    """The event loop of one engine; its own thread is started when it is first needed."""

    def __init__(self) -> None:
        self._home: asyncio.AbstractEventLoop | None = None
        self._own: asyncio.AbstractEventLoop | None = None
        self._lock = threading.Lock()

    def use_running_loop(self) -> None:
        """Run coroutines on the event loop of the calling thread from now on. Raises RuntimeError where none runs."""
        self._home = asyncio.get_running_loop()

    def run(self, work: Coroutine[Any, Any, object], timeout: float | None) -> object:
        """Run a coroutine to its end; its result. Raises TimeoutError after `timeout` seconds, cancelling it."""
        if _runs_here():
            return _apart(work, timeout)
        future = asyncio.run_coroutine_threadsafe(work, self._loop())
        try:
            return future.result(timeout)
        except FutureTimeout:
            future.cancel()
            raise

    def _loop(self) -> asyncio.AbstractEventLoop:
        if self._home is not None and not self._home.is_closed():
            return self._home
        with self._lock:
            if self._own is None:
                self._own = asyncio.new_event_loop()
                threading.Thread(target=self._own.run_forever, name="reactive_dag loop", daemon=True).start()
            return self._own

    def close(self) -> None:
        """Stop the engine's own loop."""
        with self._lock:
            if self._own is not None:
                self._own.call_soon_threadsafe(self._own.stop)
                self._own = None


def _runs_here() -> bool:
    """Whether this thread is inside a loop, which waiting here would block."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


def _apart(work: Coroutine[Any, Any, object], timeout: float | None) -> object:
    """Run a coroutine on a thread and a loop of its own."""
    context = copy_context()
    with ThreadPoolExecutor(1, "reactive_dag loop") as pool:
        return pool.submit(context.run, asyncio.run, asyncio.wait_for(work, timeout)).result()
