"""`rops.exactly_once`: what a ledger has seen is not emitted again.

Owns the order of the two steps: the key is in the ledger, durably, before its item is emitted (law
`persist_before_emit`). So a crash between the two loses that emission and never repeats one. Invariant: of several
threads with one key, one emits. Cost: one entry of the ledger for an item.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from attrs import frozen
from reactivex import Observable, abc
from reactivex.disposable import CompositeDisposable, Disposable

from reactive_dag.streams.lane import Lane


class Seen(Protocol):
    """What a ledger must do."""

    def add(self, key: str, /) -> bool:
        """Enter a key; true if it is new. On return it is as safe as the ledger can make it."""
        ...


@frozen(eq=False)
class ExactlyOnce:
    """The operator: enters the key of each item in the ledger, and emits the item if the key was new."""

    key: Callable[[Any], object]
    ledger: Seen

    def __call__(self, source: abc.ObservableBase[Any]) -> Observable[Any]:
        """The observable of the items whose key is new. Cost: O(1) for each subscription."""

        def subscribe(
            observer: abc.ObserverBase[Any], scheduler: abc.SchedulerBase | None = None
        ) -> abc.DisposableBase:
            lane = Lane()

            def take(item: Any, now: int) -> None:
                try:
                    new = self.ledger.add(self.key(item))
                except Exception as error:
                    fail(error, now)
                    return
                if new:
                    observer.on_next(item)

            def fail(error: Exception, now: int) -> None:
                lane.queue.clear()
                observer.on_error(error)

            subscription = source.subscribe(
                lambda item: lane.submit(take, item, 0),
                lambda error: lane.submit(fail, error, 0),
                lambda: lane.submit(lambda what, now: observer.on_completed(), None, 0),
                scheduler=scheduler,
            )
            return CompositeDisposable(subscription, Disposable(lane.queue.clear))

        return Observable(subscribe)
