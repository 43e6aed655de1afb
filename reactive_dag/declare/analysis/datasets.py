"""The datasets of a graph: one object for each uri, partitioned in one way, for all that name it.

Owns no state. O(datasets given). Raises GraphError for one with other partitions than the graph's.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from reactive_dag.model.errors import GraphError
from reactive_dag.triggers.leaves.dataset import Dataset

if TYPE_CHECKING:
    from reactive_dag.declare.task import AnyTask
    from reactive_dag.model.partitions.products import Partitions


def take_own(task: AnyTask, table: dict[str, Dataset], new: list[str]) -> None:
    """Give a task the table's own objects for what it writes and waits for. Raises GraphError as `owned`."""
    task._take_outlets(owned(table, task.outlets, new))
    if task.wait is not None and task.wait.dataset is not None:
        task._take_awaited(owned(table, (task.wait.dataset,), new)[0])


def owned(table: dict[str, Dataset], given: Iterable[Dataset], new: list[str]) -> tuple[Dataset, ...]:
    """The table's own object for each dataset given; those it had not are taken in, and their uris noted in `new`.

    Raises GraphError for one with other partitions than the table's.
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


def refuse_other_partitions(found: Dataset, partitions: Partitions | None) -> None:
    """A dataset is partitioned in one way; not to say how is no contradiction. O(1). Raises GraphError."""
    if partitions is not None and partitions != found.partitions:
        raise GraphError(
            f"dataset {found.uri!r} is declared with partitions={found.partitions!r}, not {partitions!r}; "
            "a dataset is partitioned in one way: use another uri, or change the first declaration"
        )
