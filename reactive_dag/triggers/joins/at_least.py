"""The threshold: n of the m parts have something pending.

Owns `AtLeast`. Invariant: 1 <= n <= m, and no two parts are equal (T3, T4). Making one costs O(parts).
"""

from __future__ import annotations

from typing import ClassVar

from attrs import field, frozen

from reactive_dag.model.errors import InvalidValue
from reactive_dag.triggers.base import Composite
from reactive_dag.triggers.checks import positive


@frozen(cache_hash=True)
class AtLeast(Composite):
    """Fires when `n` of its parts have something pending."""

    kind: ClassVar[str] = "at_least"

    n: int = field(kw_only=True)

    def __attrs_post_init__(self) -> None:
        positive(self.n, "n of at_least(n, ...)")
        if self.n > len(self.parts):
            raise InvalidValue(
                f"at_least({self.n}, ...) of {len(self.parts)} parts could never fire; n is at most the number of parts"
            )
        if len(set(self.parts)) < len(self.parts):
            twice = next(part for at, part in enumerate(self.parts) if part in self.parts[:at])
            raise InvalidValue(
                f"at_least({self.n}, ...): {twice!r} is there twice, so one event would count twice; give it once"
            )

    def __repr__(self) -> str:
        return f"rd.at_least({self.n}, {', '.join(map(repr, self.parts))})"


def at_least(n: int, *parts: object) -> AtLeast:
    """Fire when n of the m parts have something pending, with all that they have released (T4). O(parts).

    Raises InvalidValue for n outside 1..m, and for a part that is there twice.

    >>> from reactive_dag.triggers.leaves.dataset import updated
    >>> at_least(2, updated("a"), updated("b"), updated("c"))
    rd.at_least(2, rd.updated('a'), rd.updated('b'), rd.updated('c'))
    """
    return AtLeast(n=n, parts=parts)
