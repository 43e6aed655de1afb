"""`once`: an effect whose recorded result is never computed again (X2).

Invariant: at most one caller of a (scope, name) runs its function at a time in this process, and none once a result is
recorded. A look-up costs O(log n), a first call one commit.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, TypeVar, cast

from reactive_dag.engine.execute.event_loops import EventLoops
from reactive_dag.engine.execute.named_locks import NamedLocks
from reactive_dag.engine.fold.fold import Fold
from reactive_dag.model.payload import plain
from reactive_dag.model.records import OnceDone
from reactive_dag.model.text import text_in

T = TypeVar("T")
SCOPE = "once"
"""The scope of these names in the log's index of keys."""


class OnceCalls:
    """The `once` of one engine. `durable` returns when the record at an offset is durable."""

    def __init__(self, fold: Fold, event_loops: EventLoops, durable: Callable[[int], None]) -> None:
        self._fold = fold
        self._event_loops = event_loops
        self._durable = durable
        self.locks = NamedLocks()

    def call(self, scope: str, name: str, fn: Callable[..., T], ttl: int | None) -> T:
        """The recorded result of (scope, name), or that of `fn`, recorded before it is returned.

        An exception is not recorded. What is returned is plain JSON data. O(log n), a first call one commit.
        """
        name = text_in(name, "the name of once()")
        full = f"{scope}\x1f{name}"
        with self.locks.holding(full):
            number, found = self._recorded(full)
            if found is not None:
                return cast(T, found.value)
            value = plain(self._run(fn, full), f"the result of once({name!r})")
            self._record(scope, name, f"{full}~{number}", value, ttl)
            return cast(T, value)

    def _recorded(self, full: str) -> tuple[int, OnceDone | None]:
        """The generation of a name (one more each time its ttl passed), and its record while that holds."""
        log = self._fold.log
        number = _generations(lambda n: log.find(SCOPE, f"{full}~{n}") is not None)
        if number == 0:
            return 0, None
        offset = log.find(SCOPE, f"{full}~{number - 1}")
        assert offset is not None
        record = log.record(offset)
        assert isinstance(record, OnceDone)
        holds = record.expires is None or self._fold.clock.now() < record.expires
        return number, record if holds else None

    def _record(self, scope: str, name: str, key: str, value: object, ttl: int | None) -> None:
        log = self._fold.log
        with log.lock:
            at = self._fold.outbox.stamp()
            offset = log.push(OnceDone(at, scope, name, value, None if ttl is None else at + ttl))
            log.note_key(SCOPE, key, offset)
        self._durable(offset)

    def _run(self, fn: Callable[..., object], key: str) -> object:
        value = fn(key=key.replace("\x1f", "/")) if takes_key(fn) else fn()
        if inspect.isawaitable(value):
            return self._event_loops.run(_awaited(value), None)
        return value


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


def takes_key(fn: Callable[..., object]) -> bool:
    """Whether an effect takes its key. O(parameters)."""
    try:
        return "key" in inspect.signature(fn).parameters
    except (TypeError, ValueError):  # some builtins do not say what they take
        return False


async def _awaited(value: Any) -> object:
    return await value
