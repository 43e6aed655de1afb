"""`rops.by` around any reactivex operator: one stream for each key.

Owns the keys' streams, for operators that are not ours and so cannot say whether they still hold something (ours go
through `KeyedCell`). Invariants: what is emitted carries its key, and is emitted by one thread at a time; there are at
most `max_keys` streams, the one opened first is completed for a new one; with `ttl` a stream is completed that long
after it was opened, so that its operator gives what it holds. A stream whose operator completed stays among the keys,
which so have ended for good (within `max_keys` and `ttl`). Cost: O(1) an item beside the operator's own.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any

from attrs import frozen
from reactivex import Observable, abc
from reactivex.disposable import CompositeDisposable, Disposable, SingleAssignmentDisposable
from reactivex.subject import Subject

from reactive_dag.model.times import NEVER
from reactive_dag.streams.serializer import Serializer
from reactive_dag.streams.timing import Timing, timing


@frozen(eq=False)
class ByStream:
    """The operator: a stream for each key, each piped through `operator`."""

    key: Callable[[Any], Any]
    operator: Callable[[Observable[Any]], Observable[Any]]
    max_keys: int
    ttl: int | None
    scheduler: abc.SchedulerBase | None
    dropped: Callable[[str, Any], object]
    text: str

    def __call__(self, source: abc.ObservableBase[Any]) -> Observable[Any]:
        """The observable of pairs of key and value. Cost: O(1) for each subscription."""

        def subscribe(
            observer: abc.ObserverBase[Any], scheduler: abc.SchedulerBase | None = None
        ) -> abc.DisposableBase:
            streams = _Streams(self, observer, self.scheduler or scheduler)
            return CompositeDisposable(
                Disposable(streams.stop),
                source.subscribe(
                    lambda item: streams.serializer.submit(streams.take, item, 0),
                    lambda error: streams.serializer.submit(streams.fail, error, 0),
                    lambda: streams.serializer.submit(streams.complete, None, 0),
                    scheduler=scheduler,
                ),
            )

        return Observable(subscribe)

    def __repr__(self) -> str:
        return self.text


class _Stream:
    """One key's: the subject that is fed, and the subscription to what its operator makes of it."""

    __slots__ = ("expires", "subject", "subscription")

    def __init__(self, expires: int) -> None:
        self.subject: Subject[Any] = Subject()
        self.subscription = SingleAssignmentDisposable()
        self.expires = expires


class _Streams:
    """One subscription: the streams in the order in which they were opened, and one timer for the first to expire.

    A stream whose key is gone may still have something to give: `_alive` has those too.
    """

    __slots__ = ("_alive", "_by", "_ended", "_keys", "_observer", "_scheduler", "_timer", "_timing", "serializer")

    def __init__(self, by: ByStream, observer: abc.ObserverBase[Any], scheduler: abc.SchedulerBase | None) -> None:
        self._by, self._observer, self._scheduler = by, observer, scheduler
        self._keys: dict[Hashable, _Stream] = {}
        self._alive: set[_Stream] = set()
        self._timing: Timing = timing(scheduler)
        self._timer: abc.DisposableBase | None = None
        self._ended = False
        self.serializer = Serializer()

    def take(self, item: Any, now: int) -> None:
        """An item came: hand it to the stream of its key; streams that are due to end do so before."""
        self._expire()
        try:
            key = self._by.key(item)
            keys = list(dict.fromkeys(key)) or [None] if type(key) is list else [key]
            hash(tuple(keys))
        except Exception as error:
            self.fail(error, now)
            return
        for each in keys:
            if each is None:
                self._by.dropped("no_key", item)
            elif not self._ended:
                (self._keys.get(each) or self._open(each)).subject.on_next(item)

    def fail(self, error: Exception, now: int) -> None:
        """The source, a stream or the key's function failed."""
        if not self._ended:
            self.stop()
            self._observer.on_error(error)

    def complete(self, what: object, now: int) -> None:
        """The source has ended: so do the streams, and when the last one has, this."""
        self._ended = True
        self._stop_timer()
        for stream in list(self._keys.values()):
            stream.subject.on_completed()
        self._finish()

    def stop(self) -> None:
        """Nothing more is emitted, and neither a stream nor a timer is left."""
        self._ended = True
        self._stop_timer()
        self.serializer.queue.clear()
        streams, self._alive, self._keys = self._alive, set(), {}
        for stream in streams:
            stream.subscription.dispose()

    def _open(self, key: Hashable) -> _Stream:
        if len(self._keys) >= self._by.max_keys:
            self._close(next(iter(self._keys)))
        ttl = self._by.ttl
        stream = self._keys[key] = _Stream(NEVER if ttl is None else self._timing.now_ns() + ttl)
        self._alive.add(stream)
        submit = self.serializer.submit
        stream.subscription.disposable = self._by.operator(stream.subject).subscribe(
            lambda value: submit(self._emit, (key, value), 0),
            lambda error: submit(self.fail, error, 0),
            lambda: submit(self._closed, stream, 0),
            scheduler=self._scheduler,
        )
        self._arm()
        return stream

    def _close(self, key: Hashable) -> None:
        """Complete a stream; what it still gives is emitted, a new one may take its place at once."""
        self._keys.pop(key).subject.on_completed()

    def _closed(self, stream: Any, now: int) -> None:
        """What a key's operator makes has ended; the key's later items reach nobody."""
        self._alive.discard(stream)
        self._finish()

    def _finish(self) -> None:
        if self._ended and not self._alive:
            self._observer.on_completed()

    def _emit(self, pair: object, now: int) -> None:
        self._observer.on_next(pair)

    def _arm(self) -> None:
        if self._timer is None and self._keys and not self._ended and self._by.ttl is not None:
            self._timer = self._timing.call_at(
                self._first().expires, lambda: self.serializer.submit(self._ring, None, 0)
            )

    def _first(self) -> _Stream:
        return next(iter(self._keys.values()))

    def _ring(self, what: object, now: int) -> None:
        self._timer = None
        self._expire()
        self._arm()

    def _expire(self) -> None:
        now = 0 if self._by.ttl is None else self._timing.now_ns()
        while self._keys and self._first().expires <= now:
            self._close(next(iter(self._keys)))

    def _stop_timer(self) -> None:
        timer, self._timer = self._timer, None
        if timer is not None:
            timer.dispose()
