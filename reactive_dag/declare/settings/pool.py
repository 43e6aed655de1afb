"""A pool: a named number of slots that tasks of all DAGs share (R16).

Owns `Pool`. O(1).
"""

from __future__ import annotations

from collections.abc import Mapping

from attrs import frozen

from reactive_dag.declare.settings.parsers import valid_name, whole
from reactive_dag.model.records import Json


@frozen
class Pool:
    """A pool and how many slots it has. `graph.pool(...)` declares one.

    >>> Pool.of("warehouse", 16)
    Pool(id='warehouse', slots=16)
    """

    id: str
    slots: int

    @classmethod
    def of(cls, id: object, slots: object) -> Pool:
        """A pool of that name. O(1). Raises InvalidValue for a name or a number that cannot be.

        >>> Pool.of("warehouse", 0)
        Traceback (most recent call last):
        reactive_dag.model.errors.InvalidValue: pool 'warehouse': slots must be at least 1, not 0
        """
        name = valid_name(id, "the id of a pool")
        return cls(name, whole(slots, f"pool {name!r}: slots", 1))

    def to_json(self) -> dict[str, Json]:
        """Plain data. O(1)."""
        return {"id": self.id, "slots": self.slots}


NO_POOLS: Mapping[str, Pool] = {}
