"""What a DAG was when a course played it; its declaration may change later.

Owns `PlayedDag`. Invariant: it never changes. O(tasks) to make.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from attrs import frozen

from reactive_dag.declare.internals import plan_of

if TYPE_CHECKING:
    from reactive_dag.declare.dag import Dag
    from reactive_dag.declare.plan import Plan
    from reactive_dag.declare.task import AnyTask


@frozen
class PlayedDag:
    """The tasks of a DAG, their order, and how many of its runs may be active."""

    tasks: dict[str, AnyTask]
    plan: Plan
    max_active_runs: int | None

    @classmethod
    def of(cls, dag: Dag) -> PlayedDag:
        """As the DAG is now. O(tasks)."""
        return cls(dict(dag.tasks), plan_of(dag), dag.max_active_runs)

    def needs(self, task: str) -> Iterator[str]:
        """The tasks that a task follows. O(their number)."""
        return (self.plan.ids[need] for need in self.plan.needs[self.plan.index[task]])
