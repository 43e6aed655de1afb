"""What a run needs to know of its DAG, as arrays: the plan, and what each task says of itself, by number.

Owns `TaskArrays`, made once for each plan of a DAG and shared by its runs. Invariant: what is shared never changes; a
DAG whose tasks change has another plan, and so other arrays. A run with mapped tasks has a copy of its own, to whose
end the instances are added. O(tasks) to make, O(1) to find.
"""

from __future__ import annotations

from hashlib import blake2b
from typing import TYPE_CHECKING, Any

import attrs
import msgspec

from reactive_dag.declare.internals import bindings_of, dag_settings_of, plan_of, settings_of
from reactive_dag.declare.parameters import TaskLinks
from reactive_dag.declare.plan import plan_of as plan_from
from reactive_dag.declare.task import Task
from reactive_dag.model.errors import TaskGone
from reactive_dag.model.records import PlanDeclared, TaskPlan

if TYPE_CHECKING:
    from collections.abc import Sequence

    from reactive_dag.declare.dag import Dag
    from reactive_dag.declare.parameters import Binding
    from reactive_dag.declare.plan import Plan
    from reactive_dag.declare.settings.files import OutputFiles
    from reactive_dag.declare.settings.looking import Until
    from reactive_dag.declare.task import AnyTask


@attrs.define(eq=False)
class TaskArrays:
    """The tasks of a DAG by number, and how many runs of it may be active.

    `overlap` is what becomes of other runs where that is not to wait, `run_timeout` (ns) how long a run may take.
    `direct[i]` says that task i is an ordinary one that goes as soon as all it needs succeeded, and asks for nothing
    else: no other rule, no past, no wait, no items; `prompt[i]` that its time begins when it is handed out, `waits[i]`
    that it waits, and `untils[i]` how it looks if it has a function that does; `names` are for people ("dag.task").
    `zeros` is never written to.
    `overs[i]` is the task that task i maps over, -1 if it is not mapped. `size` counts the tasks of the plan; in a
    run's own arrays the instances of mapped tasks stand behind them: `mapped_of` has their tasks.
    """

    plan: Plan
    index: dict[str, int]
    ids: Sequence[str]
    limit: int | None
    size: int
    zeros: list[int]
    tasks: list[AnyTask] = attrs.Factory(list)
    names: list[str] = attrs.Factory(list)
    rules: list[str] = attrs.Factory(list)
    waits: list[bool] = attrs.Factory(list)
    untils: list[Until | None] = attrs.Factory(list)
    direct: list[bool] = attrs.Factory(list)
    priorities: list[int] = attrs.Factory(list)
    timeouts: list[int | None] = attrs.Factory(list)
    prompt: list[bool] = attrs.Factory(list)
    saves: list[OutputFiles | None] = attrs.Factory(list)
    outlets: list[bool] = attrs.Factory(list)
    bindings: list[tuple[Binding, ...]] = attrs.Factory(list)
    retries: list[int] = attrs.Factory(list)
    past: list[bool] = attrs.Factory(list)
    overs: list[int] = attrs.Factory(list)
    branches: list[bool] = attrs.Factory(list)
    teardowns: list[bool] = attrs.Factory(list)
    has_past: bool = False
    pools: list[str | None] = attrs.Factory(list)
    slots: list[int] = attrs.Factory(list)
    has_pools: bool = False
    mapped_of: list[int] | None = None
    _shared: TaskArrays | None = None
    overlap: str = ""
    run_timeout: int | None = None
    _declared: PlanDeclared | None = None
    _last: tuple[int, ...] | None = None

    @classmethod
    def of(cls, dag: Dag) -> TaskArrays:
        """The arrays of a DAG as it is now. O(tasks)."""
        plan = plan_of(dag)
        arrays = cls._empty(dag, plan)
        for id in plan.ids:
            task = dag.tasks[id]
            arrays._take(dag, task, _planned(task, plan))
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
            arrays._take(dag, task, each, bindings)
        arrays._declared = declared
        return arrays

    @classmethod
    def _empty(cls, dag: Dag, plan: Plan) -> TaskArrays:
        size = len(plan.ids)
        settings = dag_settings_of(dag)
        arrays = cls(plan, plan.index, plan.ids, settings.max_active_runs, size, [0] * size)
        arrays.run_timeout = settings.timeout
        if settings.overlap in ("skip", "replace"):
            arrays.overlap = settings.overlap
        return arrays

    def declared(self, dag: str) -> PlanDeclared:
        """The record of this plan, but for its instant. O(1), the first time O(tasks + edges)."""
        if self._declared is None:
            tasks = [
                TaskPlan(
                    id, _kind(self.tasks[at]), self.plan.needs[at], self.rules[at], self.retries[at], self.past[at],
                    self.overs[at], self.branches[at], self.teardowns[at],
                )
                for at, id in enumerate(self.ids)
            ]  # fmt: skip
            digest = blake2b(msgspec.msgpack.encode(tasks), digest_size=8).hexdigest()
            self._declared = PlanDeclared(0, dag, digest, tasks)
        return self._declared

    @property
    def last(self) -> tuple[int, ...]:
        """The tasks that nothing follows; a teardown is none, and follows nothing, unless there is nothing else (R18).

        O(1), the first time O(tasks + edges).
        """
        if self._last is None:
            torn, followers = self.teardowns, self.plan.followers
            kept = [at for at in range(self.size) if not torn[at] and all(torn[each] for each in followers[at])]
            self._last = tuple(kept) if any(torn) and kept else self.plan.last
        return self._last

    # ------------------------------------------------------------------------------------- instances (R7)

    @property
    def shared(self) -> TaskArrays:
        """Those that the runs of one plan share. O(1)."""
        return self._shared or self

    def own(self) -> TaskArrays:
        """A copy for one run, which instances may be added to. O(tasks)."""
        plan = attrs.evolve(
            self.plan, ids=[*self.ids], index={**self.index}, needs=[*self.plan.needs],
            followers=[*self.plan.followers], counts=[*self.plan.counts],
        )  # fmt: skip
        about: dict[str, Any] = {name: [*getattr(self, name)] for name in ("zeros", *_BY_NUMBER)}
        about |= {"plan": plan, "index": plan.index, "ids": plan.ids, "shared": self, "mapped_of": []}
        return attrs.evolve(self, **about)

    def add_instances(self, index: int, count: int) -> range:
        """Give task `index` of a run's own arrays so many instances; their numbers. O(instances)."""
        first, plan = len(self.zeros), self.plan
        numbers, id, name = range(first, first + count), self.ids[index], self.names[index]
        for each in _BY_NUMBER:
            row = getattr(self, each)
            row.extend([row[index]] * count)
        self.names[first:] = [f"{name}[{at}]" for at in range(count)]
        self.past[first:] = self.branches[first:] = self.outlets[first:] = [False] * count
        self.overs[first:] = [-1] * count
        assert isinstance(self.ids, list) and self.mapped_of is not None
        rows: tuple[tuple[Any, object], ...] = (
            (self.zeros, 0), (plan.needs, ()), (plan.followers, ()), (plan.counts, 0)
        )  # fmt: skip
        self.ids.extend([f"{id}[{at}]" for at in range(count)])
        self.index.update(zip(self.ids[first:], numbers))
        self.mapped_of.extend([index] * count)
        for row, none in rows:
            row.extend([none] * count)
        return numbers

    def _take(self, dag: Dag, task: AnyTask, planned: TaskPlan, bindings: tuple[Binding, ...] | None = None) -> None:
        settings, waits = settings_of(task), task.kind != "task"
        direct = planned.rule == "all_success" and planned.over < 0
        self.tasks.append(task)
        self.names.append(f"{dag.id}.{task.id}")
        self.rules.append(planned.rule)
        self.retries.append(planned.retries)
        self.past.append(planned.past)
        self.overs.append(planned.over)
        self.branches.append(planned.branch)
        self.teardowns.append(planned.teardown)
        self.has_past = self.has_past or planned.past
        self.waits.append(waits)
        self.untils.append(task.until)
        self.direct.append(direct and not waits and not planned.past)
        self.priorities.append(-settings.priority)
        self.pools.append(settings.pool)
        self.slots.append(settings.slots)
        self.has_pools = self.has_pools or settings.pool is not None
        self.timeouts.append(settings.timeout)
        self.prompt.append(waits or settings.timeout is not None)
        self.saves.append(settings.save)
        self.outlets.append(bool(task.outlets))
        self.bindings.append(bindings_of(task) if bindings is None else bindings)


_NOT_BY_NUMBER = ("zeros", "mapped_of")
_BY_NUMBER = tuple([
    each.name for each in attrs.fields(TaskArrays) if str(each.type).startswith("list[")
    and each.name not in _NOT_BY_NUMBER
])  # fmt: skip
"""The arrays that have an entry for each task."""


def _planned(task: AnyTask, plan: Plan) -> TaskPlan:
    """What of a task, as it is declared, stands in the plan. O(1)."""
    settings = settings_of(task)
    over = -1 if settings.map_over is None else plan.index[settings.map_over]
    needs = plan.needs[plan.index[task.id]]
    about = settings.trigger_rule, settings.retries, settings.depends_on_past, over, settings.branch, settings.teardown
    return TaskPlan(task.id, _kind(task), needs, *about)


_KINDS = {"wait": "a wait for runs", "until": "a wait for a condition"}
"""Kinds whose names are no words of a message."""


def _kind(task: AnyTask) -> str:
    """Of which kind a task is: what a wait for runs began with (dates) says nothing to one for a dataset. O(1)."""
    return "wait for a dataset" if task.wait is not None and task.wait.dataset is not None else task.kind


def _lacking(dag: str, planned: TaskPlan, ids: list[str], task: AnyTask | None) -> str:
    """Why a task, as it is declared now, cannot be executed in a recorded plan; "" if it can. O(parameters)."""
    what = f"task {planned.id!r} of DAG {dag!r}"
    if task is None:
        return f"{what} is not declared any more, so nothing can execute it"
    if _kind(task) != planned.kind:
        is_now, was = (_KINDS.get(kind, f"a {kind}") for kind in (_kind(task), planned.kind))
        return f"{what} is {is_now} now, and was {was} when this run began"
    over = ids[planned.over] if planned.over >= 0 else None
    if settings_of(task).map_over != over:
        now = settings_of(task).map_over
        was, is_now = (f"mapped over {each!r}" if each else "not mapped" for each in (over, now))
        return f"{what} is {is_now} now, and was {was} when this run began"
    needs = {ids[need] for need in planned.needs}
    for binding in bindings_of(task):
        if binding.kind in ("task", "item") and binding.ref not in needs:
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
