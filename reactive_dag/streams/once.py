"""`rops.exactly_once`: what a ledger has seen is not emitted again.

Owns the order of the two steps: the key is in the ledger, durably, before its item is emitted (law
`persist_before_emit`). So a crash between the two loses that emission and never repeats one. Invariants: of several
threads with one key one emits; each thread's own order stands. A thread waits for its own entry only, so several share
a ledger's commits, and a slow ledger slows who emits and fills no queue. Cost: one entry of the ledger for an item.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol, cast

from attrs import field, frozen
from reactivex import Observable, abc
from reactivex.disposable import CompositeDisposable, Disposable

from reactive_dag.log.ledger import Ledger
from reactive_dag.model.errors import InvalidValue
from reactive_dag.streams.serializer import Serializer
from reactive_dag.streams.timing import timing


class LedgerLike(Protocol):
    """What `exactly_once` needs of a ledger; `rd.Ledger` has it."""

    def add(self, key: object, now: int | None = None) -> bool:
        """Enter a key; true if it is new. On return it is as safe as the ledger can make it. `now` is in ns."""
        ...


def _callable(given: Any) -> Callable[[Any], object]:
    if not callable(given):
        raise InvalidValue(f"key={given!r} of exactly_once() cannot be called; give a function of the item")
    return cast("Callable[[Any], object]", given)


def _ledger(given: Any) -> LedgerLike | None:
    if given is not None and not callable(getattr(given, "add", None)):
        raise InvalidValue(f"ledger={given!r} of exactly_once() is no ledger; give rd.Ledger(...), or None for memory")
    return cast("LedgerLike | None", given)


@frozen(eq=False)
class ExactlyOnce:
    """The operator: enters the key of each item in the ledger, and emits the item if the key was new."""

    key: Callable[[Any], object] = field(converter=_callable)
    ledger: LedgerLike | None = field(converter=_ledger)
    scheduler: abc.SchedulerBase | None
    text: str

    def __call__(self, source: abc.ObservableBase[Any]) -> Observable[Any]:
        """The observable of the items whose key is new. Cost: O(1) for each subscription."""

        def subscribe(
            observer: abc.ObserverBase[Any], scheduler: abc.SchedulerBase | None = None
        ) -> abc.DisposableBase:
            run = _Subscription(self, observer, self.scheduler or scheduler)
            subscription = source.subscribe(run.take, run.fail, run.complete, scheduler=scheduler)
            return CompositeDisposable(subscription, Disposable(run.serializer.queue.clear))

        return Observable(subscribe)

    def __repr__(self) -> str:
        return self.text


class _Subscription:
    """One subscription; without a ledger it has one of its own, in memory."""

    __slots__ = ("_key", "_ledger", "_now", "_observer", "serializer")

    def __init__(self, once: ExactlyOnce, observer: abc.ObserverBase[Any], scheduler: abc.SchedulerBase | None) -> None:
        self._key, self._observer = once.key, observer
        self._ledger: LedgerLike = Ledger() if once.ledger is None else once.ledger
        # Without a scheduler the ledger reads the time itself, if it has to.
        self._now: Callable[[], int | None] = (lambda: None) if scheduler is None else timing(scheduler).now_ns
        self.serializer = Serializer()

    def take(self, item: Any) -> None:
        """Enter the key of an item in the ledger, and emit the item if it is new. One entry of the ledger."""
        try:
            new = self._ledger.add(self._key(item), self._now())
        except Exception as error:
            self.fail(error)
            return
        if new:
            self.serializer.serve(self._emit, item, 0)

    def fail(self, error: Exception) -> None:
        """Emit the error of the source, of the key's function or of the ledger. O(1)."""
        self.serializer.submit(self._fail, error, 0)

    def complete(self) -> None:
        """Complete: the source has ended. O(1)."""
        self.serializer.submit(lambda what, now: self._observer.on_completed(), None, 0)

    def _emit(self, item: object, now: int) -> None:
        self._observer.on_next(item)

    def _fail(self, error: Exception, now: int) -> None:
        self._observer.on_error(error)
