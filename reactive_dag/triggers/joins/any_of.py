"""The disjunction: any part fires.

Owns `AnyOf`. Invariant: no two parts are equal and none is an `AnyOf` (T3). Making one costs O(parts).
"""

from __future__ import annotations

from typing import ClassVar

from attrs import frozen

from reactive_dag.triggers.base import Composite, Trigger


@frozen(cache_hash=True)
class AnyOf(Composite):
    """Fires whenever a part fires."""

    kind: ClassVar[str] = "any_of"

    def __attrs_post_init__(self) -> None:
        parts: dict[Trigger, None] = {}
        for part in self.parts:
            if type(part) is AnyOf:
                parts.update(dict.fromkeys(part.parts))
            else:
                parts[part] = None
        object.__setattr__(self, "parts", tuple(parts))

    def __repr__(self) -> str:
        return f"rd.any_of({', '.join(map(repr, self.parts))})"


def any_of(*parts: object) -> AnyOf:
    """Fire whenever a part fires, for each item (T3). O(parts).

    Equal parts count once, and an `any_of` is spliced in. Raises InvalidValue without parts.

    >>> from reactive_dag.triggers.leaves.dataset import updated
    >>> any_of(updated("a"), updated("b"))
    rd.any_of(rd.updated('a'), rd.updated('b'))
    """
    return AnyOf(parts)
