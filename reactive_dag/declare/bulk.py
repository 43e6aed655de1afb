"""A bulk of declarations: what it changed, and how to take all of it back.

Owns `Bulk`. Cost: O(DAGs) to begin one, O(what it changed) to take it back.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from attrs import define, field

if TYPE_CHECKING:
    from reactive_dag.declare.dag import Dag
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
            self._touched[id(dag)] = (dag, dag.keeper())

    def restore(self) -> None:
        """Put every DAG that was touched back as it was. O(their tasks)."""
        for _, restore in self._touched.values():
            restore()
