"""The conjunction: all parts have something pending.

Owns `AllOf` and the splicing that it shares with `AnyOf` (T3). Invariant: no two parts are equal and none is an
`AllOf` with the same `consume`. Making one costs O(parts).
"""

from __future__ import annotations

from typing import ClassVar, Literal, TypeAlias

from attrs import frozen

from reactive_dag.triggers.base import Composite, Trigger
from reactive_dag.triggers.checks import choice_of

Consume: TypeAlias = Literal["all", "latest", "each"]
"""What one firing takes of what is pending (T2)."""

CONSUMES = ("all", "latest", "each")


@frozen(cache_hash=True)
class AllOf(Composite):
    """Fires when each part has something pending since it last fired."""

    kind: ClassVar[str] = "all_of"

    consume: Consume = "all"

    def __attrs_post_init__(self) -> None:
        if self.consume != "all":
            choice_of(self.consume, CONSUMES, "consume of all_of()")
        parts: dict[Trigger, None] = {}
        for part in self.parts:
            if type(part) is AllOf and part.consume == self.consume:
                parts.update(dict.fromkeys(part.parts))
            else:
                parts[part] = None
        object.__setattr__(self, "parts", tuple(parts))

    def __repr__(self) -> str:
        consume = "" if self.consume == "all" else f", consume={self.consume!r}"
        return f"rd.all_of({', '.join(map(repr, self.parts))}{consume})"


def all_of(*parts: object, consume: Consume = "all") -> AllOf:
    """Fire when each part has something pending; `consume` says what one firing takes of it (T2). O(parts).

    "all" takes everything, "latest" the newest of each part, "each" the oldest one of each. Equal parts count once,
    and an `all_of` with the same `consume` is spliced in (T3). Raises InvalidValue without parts.

    >>> from reactive_dag.triggers.leaves.dataset import updated
    >>> all_of(updated("a") & updated("b"), updated("a"), updated("c"))
    rd.all_of(rd.updated('a'), rd.updated('b'), rd.updated('c'))
    """
    return AllOf(parts, consume)
