"""The order: parts that fire one after the other.

Owns `Sequence`. Equal parts are different stages, so `sequence(a, a)` needs two (T4); nothing is spliced, since a
nested sequence is one stage. Making one costs O(parts).
"""

from __future__ import annotations

from typing import ClassVar

from attrs import frozen

from reactive_dag.triggers.base import Composite


@frozen(cache_hash=True)
class Sequence(Composite):
    """Fires when its parts have fired in this order."""

    kind: ClassVar[str] = "sequence"

    def __repr__(self) -> str:
        return f"rd.sequence({', '.join(map(repr, self.parts))})"


def sequence(*parts: object) -> Sequence:
    """Fire when the parts have fired in this order (T4). O(parts). Raises InvalidValue without parts.

    >>> from reactive_dag.triggers.leaves.dataset import updated
    >>> sequence(updated("a"), updated("b"))
    rd.sequence(rd.updated('a'), rd.updated('b'))
    """
    return Sequence(parts)
