"""The payload: what the run receives instead of the events' own.

Owns `Map` (T13). It never changes which events a firing carries. O(1) to make but for reading the function's source
where it has no importable name.
"""

from __future__ import annotations

from typing import ClassVar

from attrs import field, frozen

from reactive_dag.model.callables import Call
from reactive_dag.triggers.base import Modifier
from reactive_dag.triggers.functions.where import as_call


@frozen(cache_hash=True)
class Map(Modifier):
    """Fires as its part does; `fn` makes the payload out of the payload so far."""

    kind: ClassVar[str] = "map"

    fn: Call = field(converter=as_call)

    def __repr__(self) -> str:
        return f"{self.part!r}.map({self.fn.text})"
