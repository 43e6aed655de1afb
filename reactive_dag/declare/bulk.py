"""A bulk of declarations, and the datasets of a graph: one object for each uri, with one calendar.

Owns `Bulk`: what many declarations changed, and how to take all of it back. Cost: O(DAGs) to begin one, O(what it
changed) to take it back; the functions on datasets cost O(datasets given).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from attrs import define, field

from reactive_dag.declare.dag import Dag
from reactive_dag.model.calendar import Calendar
from reactive_dag.model.errors import GraphError
from reactive_dag.triggers.leaves.dataset import Dataset


@define
class Bulk:
    """What was there before, the DAGs that were touched since, and those whose edges are still to be laid."""

    dags: dict[str, Dag]
    datasets: dict[str, Dataset]
    twice: dict[str, str]
    _touched: dict[int, tuple[Dag, Callable[[], None]]] = field(factory=dict)
    pending: dict[str, None] = field(factory=dict)

    def touch(self, dag: Dag) -> None:
        """Remember how a DAG is before it changes. O(tasks) once."""
        if id(dag) not in self._touched:
            self._touched[id(dag)] = (dag, dag._keeper())

    def restore(self) -> None:
        """Put every DAG that was touched back as it was. O(their tasks)."""
        for _, restore in self._touched.values():
            restore()


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
