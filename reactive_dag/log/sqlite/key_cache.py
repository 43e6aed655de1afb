"""The keys that were committed lately, so that a key that comes again soon costs no query.

Owns at most twice `limit` keys: what is here is in the store; what is not here may be. Cost: O(1).
"""

from __future__ import annotations


class KeyCache:
    """Keys that were committed lately, in two generations: O(1), bounded at twice `limit`, no lock.

    >>> cache = KeyCache(limit=1)
    >>> for n in range(3): cache.add({("s", str(n)): n})
    >>> cache.get(("s", "0")), cache.get(("s", "2"))
    (None, 2)
    """

    __slots__ = ("_limit", "_new", "_old")

    def __init__(self, limit: int = 50_000) -> None:
        self._limit = limit
        self._new: dict[tuple[str, str], int] = {}
        self._old: dict[tuple[str, str], int] = {}

    def add(self, keys: dict[tuple[str, str], int]) -> None:
        """Take keys up; the older generation goes when the newer is full. One thread at a time."""
        if len(self._new) >= self._limit:
            self._old, self._new = self._new, {}
        self._new.update(keys)

    def get(self, key: tuple[str, str]) -> int | None:
        """The offset of a key, if it is here."""
        found = self._new.get(key)
        return self._old.get(key) if found is None else found
