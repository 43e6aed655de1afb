"""The datasets of a graph: one object for each uri, with one calendar.

Owns nothing; the graph holds the table. Each function costs O(datasets given).
"""

from __future__ import annotations

from collections.abc import Iterable

from reactive_dag.model.calendar import Calendar
from reactive_dag.model.errors import GraphError
from reactive_dag.triggers.leaves.dataset import Dataset


def owned(table: dict[str, Dataset], given: Iterable[Dataset], new: list[str]) -> tuple[Dataset, ...]:
    """The table's own object for each dataset given; those it had not are taken in, and their uris noted in `new`.

    Raises GraphError for one with other partitions than the table's.

    >>> table, new = {}, []
    >>> owned(table, [Dataset("x"), Dataset("x")], new), new
    ((rd.Dataset('x'), rd.Dataset('x')), ['x'])
    """
    found: list[Dataset] = []
    for each in given:
        own = table.get(each.uri)
        if own is None:
            own = table[each.uri] = each
            new.append(each.uri)
        refuse_other_partitions(own, each.partitions)
        found.append(own)
    return tuple(found)


def refuse_other_partitions(found: Dataset, partitions: Calendar | None) -> None:
    """A dataset has one calendar; not to name it is no contradiction. O(1). Raises GraphError."""
    if partitions is not None and partitions != found.partitions:
        raise GraphError(
            f"dataset {found.uri!r} is declared with partitions={found.partitions!r}, not {partitions!r}; "
            "a dataset has one calendar: use another uri, or change the first declaration"
        )
