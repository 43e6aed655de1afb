"""What a run needs to know of its DAG, as arrays: the plan, and what each task says of itself, by number.

Owns `TaskArrays`, made once for each plan of a DAG and shared by its runs. Invariant: they never change; a DAG whose
tasks change has another plan, and so other arrays. O(tasks) to make, O(1) to find.
"""

from __future__ import annotations

from hashlib import blake2b
from typing import TYPE_CHECKING

import attrs
import msgspec

from reactive_dag.declare.internals import bindings_of, plan_of, settings_of
from reactive_dag.declare.parameters import TaskLinks
from reactive_dag.declare.plan import plan_of as plan_from
from reactive_dag.declare.task import Task
from reactive_dag.model.errors import TaskGone
from reactive_dag.model.records import PlanDeclared, TaskPlan

if TYPE_CHECKING:
    from reactive_dag.declare.dag import Dag
    from reactive_dag.declare.parameters import Binding
    from reactive_dag.declare.plan import Plan
    from reactive_dag.declare.settings.files import OutputFiles
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
    saves: list[OutputFiles | None] = attrs.Factory(list)
    outlets: list[bool] = attrs.Factory(list)
    bindings: list[tuple[Binding, ...]] = attrs.Factory(list)
    retries: list[int] = attrs.Factory(list)
    past: list[bool] = attrs.Factory(list)
    has_past: bool = False
    pools: list[str | None] = attrs.Factory(list)
    slots: list[int] = attrs.Factory(list)
    has_pools: bool = False
    _declared: PlanDeclared | None = None

    @classmethod
    def of(cls, dag: Dag) -> TaskArrays:
        """The arrays of a DAG as it is now. O(tasks)."""
        plan = plan_of(dag)
        arrays = cls._empty(dag, plan)
        for id in plan.ids:
            task = dag.tasks[id]
            settings = settings_of(task)
            arrays._take(dag, task, settings.trigger_rule, settings.retries, settings.depends_on_past)
        return arrays

    @classmethod
    def recorded(cls, dag: Dag, declared: PlanDeclared, before: TaskArrays | None = None) -> TaskArrays:
        """The arrays of a recorded plan, with the tasks that the DAG has now, their outlets and timeouts too. O(tasks).

        One that it has no more, or that cannot be called in this plan, is that of the arrays `before`, which this
        process began with; else its attempts fail.
        """
        ids = [each.id for each in declared.tasks]
        links = {each.id: TaskLinks(needs=tuple([ids[need] for need in each.needs])) for each in declared.tasks}
        arrays = cls._empty(dag, plan_from(links, simple=False))
        for at, each in enumerate(declared.tasks):
            task = dag.tasks.get(each.id)
            lacking = _lacking(dag.id, each, ids, task)
            bindings = None
            if lacking and before is not None:
                task, bindings = before.tasks[at], before.bindings[at]
            elif lacking or task is None:
                task = _gone(each.id, lacking)
            arrays._take(dag, task, each.rule, each.retries, each.past, bindings)
        arrays._declared = declared
        return arrays

    @classmethod
    def _empty(cls, dag: Dag, plan: Plan) -> TaskArrays:
        size = len(plan.ids)
        return cls(plan, plan.index, plan.ids, dag.max_active_runs, size, [0] * size)

    def declared(self, dag: str) -> PlanDeclared:
        """The record of this plan, but for its instant. O(1), the first time O(tasks + edges)."""
        if self._declared is None:
            tasks = [
                TaskPlan(id, self.tasks[at].kind, self.plan.needs[at], self.rules[at], self.retries[at], self.past[at])
                for at, id in enumerate(self.ids)
            ]
            digest = blake2b(msgspec.msgpack.encode(tasks), digest_size=8).hexdigest()
            self._declared = PlanDeclared(0, dag, digest, tasks)
        return self._declared

    def _take(
        self, dag: Dag, task: AnyTask, rule: str, retries: int, past: bool,
        bindings: tuple[Binding, ...] | None = None,
    ) -> None:  # fmt: skip
        settings, waits = settings_of(task), task.kind == "wait"
        self.tasks.append(task)
        self.names.append(f"{dag.id}.{task.id}")
        self.rules.append(rule)
        self.retries.append(retries)
        self.past.append(past)
        self.has_past = self.has_past or past
        self.waits.append(waits)
        self.direct.append(not waits and rule == "all_success" and not past)
        self.priorities.append(-settings.priority)
        self.pools.append(settings.pool)
        self.slots.append(settings.slots)
        self.has_pools = self.has_pools or settings.pool is not None
        self.timeouts.append(settings.timeout)
        self.saves.append(settings.save)
        self.outlets.append(bool(task.outlets))
        self.bindings.append(bindings_of(task) if bindings is None else bindings)


def _lacking(dag: str, planned: TaskPlan, ids: list[str], task: AnyTask | None) -> str:
    """Why a task, as it is declared now, cannot be executed in a recorded plan; "" if it can. O(parameters)."""
    what = f"task {planned.id!r} of DAG {dag!r}"
    if task is None:
        return f"{what} is not declared any more, so nothing can execute it"
    if task.kind != planned.kind:
        return f"{what} is a {task.kind} now, and was a {planned.kind} when this run began"
    needs = {ids[need] for need in planned.needs}
    for binding in bindings_of(task):
        if binding.kind == "task" and binding.ref not in needs:
            return f"{what} takes the output of {binding.ref!r} now, which it does not follow in the plan of this run"
    return ""


def _gone(id: str, lacking: str) -> AnyTask:
    """Stands for a task that cannot be executed any more: its attempt fails."""

    def gone() -> None:
        raise TaskGone(lacking)

    return Task(gone, id=id)


class TaskArraysByDag:
    """The arrays of one engine's DAGs, as they are, and those of recorded plans that differ from them."""

    __slots__ = ("_known", "_recorded")

    def __init__(self) -> None:
        self._known: dict[str, TaskArrays] = {}
        self._recorded: dict[str, tuple[TaskArrays, dict[str, TaskArrays]]] = {}

    def of(self, dag: Dag) -> TaskArrays:
        """The arrays of a DAG as it is now. O(1) while its tasks stay as they are, else O(tasks)."""
        found = self._known.get(dag.id)
        if found is None or found.plan is not plan_of(dag):
            found = self._known[dag.id] = TaskArrays.of(dag)
        return found

    def of_plan(self, dag: Dag, declared: PlanDeclared, before: TaskArrays | None = None) -> TaskArrays:
        """The arrays of a recorded plan of a DAG: those of the DAG if it is its own. O(1), a new one O(tasks).

        What is not to be had any more is that of `before`.
        """
        own = self.of(dag)
        if own.declared(dag.id).digest == declared.digest:
            return own
        known = self._recorded.get(dag.id)
        if known is None or known[0] is not own:
            known = self._recorded[dag.id] = own, {}
        found = known[1].get(declared.digest)
        if found is None:
            found = known[1][declared.digest] = TaskArrays.recorded(dag, declared, before)
        return found
