"""What a run needs to know of its DAG, as arrays: the plan, and what each task says of itself, by number.

Owns `TaskArrays`, made once for each plan of a DAG and shared by its runs. Invariant: they never change; a DAG whose
tasks change has another plan, and so other arrays. O(tasks) to make, O(1) to find.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from reactive_dag.declare.internals import bindings_of, plan_of, settings_of

if TYPE_CHECKING:
    from reactive_dag.declare.dag import Dag
    from reactive_dag.declare.parameters import Binding
    from reactive_dag.declare.plan import Plan
    from reactive_dag.declare.task import AnyTask


@attrs.define(eq=False)
class TaskArrays:
    """The tasks of a DAG by number.

    `direct[i]` says that task i is an ordinary one that goes as soon as all it needs succeeded, and asks for nothing
    else: no other rule, no past, no wait; `names` are for people ("dag.task"). `zeros` is never written to.
    """

    plan: Plan
    index: dict[str, int]
    ids: tuple[str, ...]
    limit: int | None
    size: int
    zeros: list[int]
    tasks: list[AnyTask] = attrs.Factory(list)
    names: list[str] = attrs.Factory(list)
    rules: list[str] = attrs.Factory(list)
    waits: list[bool] = attrs.Factory(list)
    direct: list[bool] = attrs.Factory(list)
    priorities: list[int] = attrs.Factory(list)
    timeouts: list[int | None] = attrs.Factory(list)
    outlets: list[bool] = attrs.Factory(list)
    bindings: list[tuple[Binding, ...]] = attrs.Factory(list)
    prioritized: bool = False

    @classmethod
    def of(cls, dag: Dag) -> TaskArrays:
        """The arrays of a DAG as it is now. O(tasks)."""
        plan = plan_of(dag)
        size = len(plan.ids)
        arrays = cls(plan, plan.index, plan.ids, dag.max_active_runs, size, [0] * size)
        for id in plan.ids:
            arrays._take(dag, dag.tasks[id])
        return arrays

    def _take(self, dag: Dag, task: AnyTask) -> None:
        settings, waits = settings_of(task), task.kind == "wait"
        rule = settings.trigger_rule
        self.tasks.append(task)
        self.names.append(f"{dag.id}.{task.id}")
        self.rules.append(rule)
        self.waits.append(waits)
        self.direct.append(not waits and rule == "all_success" and not settings.depends_on_past)
        self.priorities.append(-settings.priority)
        self.timeouts.append(settings.timeout)
        self.outlets.append(bool(task.outlets))
        self.bindings.append(bindings_of(task))
        if settings.priority:
            self.prioritized = True


class TaskArraysByDag:
    """The arrays of one engine's DAGs."""

    __slots__ = ("_known",)

    def __init__(self) -> None:
        self._known: dict[str, TaskArrays] = {}

    def of(self, dag: Dag) -> TaskArrays:
        """The arrays of a DAG as it is now. O(1) while its tasks stay as they are, else O(tasks)."""
        found = self._known.get(dag.id)
        if found is None or found.plan is not plan_of(dag):
            found = self._known[dag.id] = TaskArrays.of(dag)
        return found
