"""What a run needs to know of its DAG, as arrays: the plan, and what each task was told, by number.

Owns `Shape`, made once for each plan of a DAG and shared by its runs. Invariant: it never changes; a DAG whose tasks
change has another plan, and so another shape. O(tasks) to make, O(1) to find.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

if TYPE_CHECKING:
    from reactive_dag.declare.dag import Dag
    from reactive_dag.declare.parameters import Binding
    from reactive_dag.declare.plan import Plan
    from reactive_dag.declare.task import AnyTask


@attrs.frozen(eq=False)
class Shape:
    """The tasks of a DAG by number.

    `direct[i]` says that task i is an ordinary one that goes as soon as all it needs succeeded, and asks for nothing
    else: no other rule, no past, no wait. `zeros` is never written to.
    """

    plan: Plan
    index: dict[str, int]
    ids: tuple[str, ...]
    tasks: list[AnyTask]
    rules: list[str]
    waits: list[bool]
    direct: list[bool]
    priorities: list[int]
    timeouts: list[int | None]
    outlets: list[bool]
    prioritized: bool
    bindings: list[tuple[Binding, ...]]
    size: int
    zeros: list[int]

    @classmethod
    def of(cls, dag: Dag) -> Shape:
        """The shape of a DAG as it is now. O(tasks)."""
        plan = dag.plan()
        tasks = [dag.tasks[id] for id in plan.ids]
        told = [task.settings for task in tasks]
        direct = [
            task.kind == "task" and settings.trigger_rule == "all_success" and not settings.depends_on_past
            for task, settings in zip(tasks, told)
        ]
        priorities = [-settings.priority for settings in told]
        return cls(
            plan, plan.index, plan.ids, tasks, [settings.trigger_rule for settings in told],
            [task.kind == "wait" for task in tasks], direct, priorities, [settings.timeout for settings in told],
            [bool(task.outlets) for task in tasks], any(priorities), [task.bindings for task in tasks],
            len(tasks), [0] * len(tasks),
        )  # fmt: skip


class Shapes:
    """The shapes of one engine's DAGs."""

    __slots__ = ("_known",)

    def __init__(self) -> None:
        self._known: dict[str, Shape] = {}

    def of(self, dag: Dag) -> Shape:
        """The shape of a DAG as it is now. O(1) while its tasks stay as they are, else O(tasks)."""
        found = self._known.get(dag.id)
        if found is None or found.plan is not dag.plan():
            found = self._known[dag.id] = Shape.of(dag)
        return found
