"""What all records share: items, plain data, the instant. No state."""

from __future__ import annotations

from typing import Any, TypeAlias

import msgspec

Json: TypeAlias = Any
"""Plain JSON data: None, bool, int, float, str, list and dict of those."""


class Mark(msgspec.Struct, frozen=True, gc=False, array_like=True, omit_defaults=True):
    """An item that no fact stands behind: a clock's tick, or a silence.

    `due` is its instant and, for a tick, its identity. `by` is the identity of what armed a silence. `after` is the
    offset of the last fact before it: it serves the order of `run.events` and is no part of the identity (I3).
    """

    kind: str
    due: int
    after: int = -1
    by: str = ""
    part: int = 0

    @property
    def logical_date(self) -> int | None:
        """The due time of a tick; a silence has none."""
        return self.due if self.kind == "tick" else None

    @property
    def partition(self) -> str | None:
        """A mark has no partition."""
        return None

    @property
    def cascade(self) -> str:
        """A mark belongs to no cascade of its own."""
        return ""


Item: TypeAlias = int | Mark
"""What a trigger holds: the offset of a fact, or a mark."""


class Record(msgspec.Struct, frozen=True, gc=False, array_like=True, omit_defaults=True):
    """What all records share."""

    at: int
