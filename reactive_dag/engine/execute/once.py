"""`once`: an effect whose recorded result is never computed again (X2).

Invariant: at most one caller of a (scope, name) runs its function at a time in this process, and none once a result is
recorded. A look-up costs O(log n), a first call one commit.
"""

from __future__ import annotations

import inspect
import threading
from collections.abc import Callable
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar, cast

from reactive_dag.model.payload import plain
from reactive_dag.model.records import OnceDone

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reactive_dag.engine.engine import Engine

T = TypeVar("T")
SCOPE = "once"
"""The scope of these names in the log's index of keys."""


class Turns:
    """One lock a name, kept only while somebody uses it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._held: dict[str, tuple[threading.RLock, int]] = {}

    @contextmanager
    def of(self, name: str) -> Iterator[None]:
        """Wait until nobody else has the turn of this name."""
        with self._lock:
            lock, users = self._held.get(name, (threading.RLock(), 0))
            self._held[name] = lock, users + 1
        try:
            with lock:
                yield
        finally:
            with self._lock:
                lock, users = self._held[name]
                if users == 1:
                    del self._held[name]
                else:
                    self._held[name] = lock, users - 1


def call_once(engine: Engine, scope: str, name: str, fn: Callable[..., T], ttl: int | None) -> T:
    """The recorded result of (scope, name), or that of `fn`, recorded before it is returned.

    An exception is not recorded. What is returned is plain JSON data.
    """
    full = f"{scope}\x1f{name}"
    with engine.turns.of(full):
        number, found = _recorded(engine, full)
        if found is not None:
            return cast(T, found.value)
        value = plain(_call(engine, fn, full), f"the result of once({name!r})")
        _record(engine, scope, name, f"{full}~{number}", value, ttl)
        return cast(T, value)


def _recorded(engine: Engine, full: str) -> tuple[int, OnceDone | None]:
    """The generation of a name (one more each time its ttl passed), and its record while that holds."""
    log = engine.core.log
    number = _generations(lambda n: log.find(SCOPE, f"{full}~{n}") is not None)
    if number == 0:
        return 0, None
    offset = log.find(SCOPE, f"{full}~{number - 1}")
    assert offset is not None
    record = log.record(offset)
    assert isinstance(record, OnceDone)
    holds = record.expires is None or engine.core.clock.now() < record.expires
    return number, record if holds else None


def _generations(there: Callable[[int], bool]) -> int:
    """How many generations there are, which are numbered from 0 without a gap. O(log n) looks.

    >>> [_generations(lambda n: n < count) for count in (0, 1, 2, 7)]
    [0, 1, 2, 7]
    """
    step = 1
    while there(step - 1):
        step *= 2
    low, high = step // 2, step - 1
    while low < high:
        middle = (low + high) // 2
        if there(middle):
            low = middle + 1
        else:
            high = middle
    return low


def _record(engine: Engine, scope: str, name: str, key: str, value: object, ttl: int | None) -> None:
    log = engine.core.log
    with log.lock:
        at = engine.core.stamp()
        offset = log.push(OnceDone(at, scope, name, value, None if ttl is None else at + ttl))
        log.note_key(SCOPE, key, offset)
    engine.acknowledging.durable(offset)


def _call(engine: Engine, fn: Callable[..., T], key: str) -> object:
    value = fn(key=key.replace("\x1f", "/")) if _takes_key(fn) else fn()
    if inspect.isawaitable(value):
        return engine.loops.run(_awaited(value), None)
    return value


def _takes_key(fn: Callable[..., object]) -> bool:
    try:
        return "key" in inspect.signature(fn).parameters
    except (TypeError, ValueError):  # some builtins do not say what they take
        return False


async def _awaited(value: Any) -> object:
    return await value
