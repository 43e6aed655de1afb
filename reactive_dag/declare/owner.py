"""The owner of a task and of a DAG, and what they tell it.

Owns two protocols. A task is given its `TaskOwner` (the table of tasks of its DAG) when it joins one, a DAG its
`DagOwner` (the graph) when it is declared there; neither knows more of what stands above it.
"""

from __future__ import annotations

from typing import Protocol, TypeVar

from reactive_dag.declare.parameters import TaskLinks
from reactive_dag.declare.settings.task_settings import TaskSettings

D = TypeVar("D", contravariant=True)


class TaskOwner(Protocol):
    """The tasks of one DAG, as one of these tasks sees them."""

    @property
    def dag_id(self) -> str:
        """The id of that DAG. O(1)."""

    @property
    def defaults(self) -> TaskSettings | None:
        """What holds for a task that does not say otherwise. O(1)."""

    def links(self, task: str) -> TaskLinks:
        """What a task needs and where its parameters come from. O(1) after the first time."""

    def forget(self) -> None:
        """A task changed what it needs: work out links and plan again when they are asked for. O(1)."""


class DagOwner(Protocol[D]):
    """The graph, as one of its DAGs sees it. `version` is the graph's, `checked` the one that was last checked."""

    @property
    def id(self) -> str:
        """The id of the graph. O(1)."""

    @property
    def version(self) -> int:
        """How many changes the graph has had. O(1)."""

    @property
    def checked(self) -> int:
        """The version that was checked or run last; -1 where none was. O(1)."""

    def zone_of_origins(self, id: str) -> str | None:
        """The zone on which the origins of a DAG agree (R1). O(origins) amortised."""

    def admit(self, dag: D) -> None:
        """The DAG has its id now: take it in. O(its edges)."""

    def touch(self, dag: D) -> None:
        """The DAG is about to change. O(tasks) once in a bulk."""

    def changed(self, dag: D, task: str, is_apart: bool) -> None:
        """The DAG has a new task: take in its datasets and edges. Raises CycleError, GraphError.

        O(the task's edges) where the task changes what no other needs (`is_apart`), else O(the DAG's edges).
        """

    def tell(self, id: str | None) -> None:
        """The change stands: tell the graph's listeners. O(listeners)."""
