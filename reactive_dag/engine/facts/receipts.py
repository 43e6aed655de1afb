"""What `publish` gives back: the durable record, read only when somebody looks."""

from __future__ import annotations

from collections.abc import Iterator

import attrs
import msgspec

from reactive_dag.engine.items.events import event_of
from reactive_dag.engine.items.identity import Identities
from reactive_dag.model import pictures
from reactive_dag.model.event import Event
from reactive_dag.model.text import counted


class Receipt(msgspec.Struct, frozen=True, eq=False):
    """One published event: its attributes are those of `rd.Event`, and `duplicate` says that its key was there already.

    `offset` is its place in this log, for `engine.records_from` and nothing else: it names no event (I3).
    """

    _identities: Identities
    offset: int
    duplicate: bool

    @property
    def event(self) -> Event:
        """The record as an event. O(1)."""
        return event_of(self._identities, self.offset)

    def to_json(self) -> dict[str, object]:
        """Plain data: the event, and whether its key was there already. O(its size)."""
        return {**self.event.to_json(), "duplicate": self.duplicate}

    def __getattr__(self, name: str) -> object:
        if name.startswith("_"):
            raise AttributeError(name)
        return getattr(self.event, name)

    def _repr_mimebundle_(self, **_: object) -> dict[str, str]:
        return pictures.bundle("Receipt", self)

    def __repr__(self) -> str:
        return f"<Receipt{' duplicate' if self.duplicate else ''} {self.event!r}>"


@attrs.frozen
class Offsets:
    """Where events went: either `count` offsets from `first` on, or each in `places` with its duplicate flag."""

    first: int
    count: int
    places: list[tuple[int, bool]] | None = None

    @property
    def last(self) -> int:
        """The highest offset; -1 if there is none."""
        if self.places is None:
            return self.first + self.count - 1 if self.count else -1
        return max((offset for offset, _ in self.places), default=-1)


class Receipts:
    """The receipts of one `publish_many`, in order; made when looked at. O(1) each."""

    __slots__ = ("_identities", "_offsets")

    def __init__(self, identities: Identities, offsets: Offsets) -> None:
        self._identities = identities
        self._offsets = offsets

    def __len__(self) -> int:
        return self._offsets.count

    def __getitem__(self, index: int) -> Receipt:
        if not -len(self) <= index < len(self):
            raise IndexError(f"there is no number {index} among {counted(len(self), 'event')}")
        index %= len(self)
        if self._offsets.places is None:
            return Receipt(self._identities, self._offsets.first + index, False)
        return Receipt(self._identities, *self._offsets.places[index])

    def __iter__(self) -> Iterator[Receipt]:
        return (self[index] for index in range(len(self)))

    def __repr__(self) -> str:
        return f"<Receipts of {counted(len(self), 'event')}>"
