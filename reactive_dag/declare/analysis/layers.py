"""A table that never changes: that of a later version is made of the one before and of what changed.

Owns `Layers`: rows in layers, the newest first. Invariant: each layer has at least twice as many rows as the one above
it, and is shared by all versions that have it. Cost: a version O(changes * log n) amortised, whatever n is; a look-up
O(1) in a table made at once, up to O(log n) after many versions; the whole table O(n).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import pairwise
from typing import Any, Final, TypeVar, overload

V = TypeVar("V")
D = TypeVar("D")

_GONE: Final = object()


class Layers(Mapping[str, V]):
    """Rows by id. `rows` must not be changed by others from now on.

    >>> before = Layers({"a": 1, "b": 2})
    >>> after = before.after({"c": 3}, gone=["a"])
    >>> dict(before), dict(after)
    ({'a': 1, 'b': 2}, {'b': 2, 'c': 3})
    """

    __slots__ = ("_count", "_layers")

    def __init__(self, rows: dict[str, V] | None = None) -> None:
        self._layers: tuple[dict[str, Any], ...] = () if not rows else (rows,)
        self._count = len(rows or ())

    def after(self, rows: Mapping[str, V], gone: Iterable[str] = ()) -> Layers[V]:
        """The table with these rows, and without those that are gone. O(those * log n) amortised."""
        new: dict[str, Any] = {**dict.fromkeys(gone, _GONE), **rows}
        if not new:
            return self
        made: Layers[V] = Layers()
        made._count = self._count - sum(id in self for id in new) + sum(row is not _GONE for row in new.values())
        layers = self._layers
        while layers and 2 * len(new) > len(layers[0]):
            new, layers = {**layers[0], **new}, layers[1:]
        if not layers:
            new = {id: row for id, row in new.items() if row is not _GONE}
        made._layers = (new, *layers)
        return made

    def flat(self) -> Mapping[str, V]:
        """The whole table, to be read. O(n), O(1) where it was made at once."""
        if len(self._layers) == 1:
            return self._layers[0]
        found: dict[str, Any] = {}
        for layer in reversed(self._layers):
            found.update(layer)
        return {id: row for id, row in found.items() if row is not _GONE}

    @overload
    def get(self, key: str, /) -> V | None: ...

    @overload
    def get(self, key: str, default: V | D, /) -> V | D: ...

    def get(self, key: str, default: object = None, /) -> object:
        """The row of an id, or `default`. O(layers)."""
        for layer in self._layers:
            if key in layer:
                row = layer[key]
                return default if row is _GONE else row
        return default

    def __getitem__(self, key: str) -> V:
        row = self.get(key, _GONE)
        if row is _GONE:
            raise KeyError(key)
        return row  # type: ignore[return-value]

    def __contains__(self, key: object) -> bool:
        return isinstance(key, str) and self.get(key, _GONE) is not _GONE

    def __iter__(self) -> Iterator[str]:
        return iter(self.flat())

    def __len__(self) -> int:
        return self._count

    def __repr__(self) -> str:
        return f"Layers({dict(self.flat())!r})"

    def _check(self) -> None:
        sizes = [len(layer) for layer in self._layers]
        assert all(2 * small <= large for small, large in pairwise(sizes)), sizes
        assert self._count == len(dict(self))
        assert not self._layers or _GONE not in self._layers[-1].values()
