"""The counts of a trigger: what each leaf part was given, and where it went (T1).

Owns `Counters`. Invariant, with what is pending: delivered = consumed + pending + dropped, for each part. Nothing here
is computed from the rest: a consumed item is counted when its firing is made, so that the law can fail. O(1) an item.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec


class Count(msgspec.Struct, frozen=True):
    """The counts of one leaf part; `dropped` by the name of the policy."""

    text: str
    delivered: int
    consumed: int
    pending: int
    dropped: dict[str, int]


class Counters:
    """Counters for `parts` leaf parts. `rounds` are firings that took one item of every part; `save` adds them up."""

    __slots__ = ("consumed", "delivered", "dropped", "rounds")

    def __init__(self, parts: int) -> None:
        self.delivered = [0] * parts
        self.consumed = [0] * parts
        self.rounds = [0]
        self.dropped: list[dict[str, int]] = [{} for _ in range(parts)]

    def consume(self, parts: Iterable[int]) -> None:
        """A firing took an item of each of these parts. O(parts)."""
        consumed = self.consumed
        for part in parts:
            consumed[part] += 1

    def drop(self, policy: str, part: int, count: int = 1) -> None:
        """Items of a part went without a firing. O(1)."""
        dropped = self.dropped[part]
        dropped[policy] = dropped.get(policy, 0) + count

    def recount(self, policy: str, parts: Sequence[int]) -> None:
        """What a firing took was dropped after all. O(parts)."""
        for part in parts:
            self.consumed[part] -= 1
            self.drop(policy, part)

    def save(self) -> list[list[Any]]:
        """Plain data."""
        self.consumed[:] = [consumed + self.rounds[0] for consumed in self.consumed]
        self.rounds[0] = 0
        return [
            list(self.delivered),
            list(self.consumed),
            [{k: n for k, n in sorted(each.items()) if n} for each in self.dropped],
        ]

    def load(self, plain: list[list[Any]]) -> None:
        """What `save` wrote; the lists stay the same ones, since compiled closures hold them."""
        self.delivered[:], self.consumed[:], self.rounds[0] = plain[0], plain[1], 0
        self.dropped[:] = [dict(each) for each in plain[2]]
