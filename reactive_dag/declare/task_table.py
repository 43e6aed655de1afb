"""The tasks of one DAG.

Owns `TaskTable`: the tasks by id, what each needs, the plan, and which ids were declared twice by mistake. Invariant:
the tasks are acyclic, and a task that is refused leaves the table as it was; `waiting` and `producing` name those that
wait for another DAG and those that have outlets, in order. Adding a task costs O(its parameters) unless an earlier one
waited for its name: then, and when a task is replaced, links are worked out anew, O(tasks).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from reactive_dag.declare.parameters import TaskLinks, links_of
from reactive_dag.declare.place import Place, note_twice
from reactive_dag.declare.plan import Plan, circle_of, plan_of
from reactive_dag.declare.settings.dag_settings import DagSettings
from reactive_dag.declare.settings.task_settings import TaskSettings
from reactive_dag.declare.task import AnyTask
from reactive_dag.model.errors import CycleError


class TaskTable:
    """The tasks of the DAG `dag_id`, in the order of declaration; `twice` is where an id was declared before."""

    __slots__ = (
        "_links",
        "_plan",
        "_settings",
        "_wanted",
        "dag_id",
        "declared",
        "producing",
        "tasks",
        "twice",
        "waiting",
    )

    def __init__(self, dag_id: str, settings: DagSettings) -> None:
        self.dag_id = dag_id
        self.tasks: dict[str, AnyTask] = {}
        self.declared: dict[str, Place] = {}
        """Where the tasks that were declared on their DAG were."""
        self.twice: dict[str, str] = {}
        self.waiting: dict[str, AnyTask] = {}
        self.producing: dict[str, AnyTask] = {}
        self._settings = settings
        self._wanted: set[str] = set()
        self._links: dict[str, TaskLinks] | None = None
        self._plan: Plan | None = None

    @property
    def defaults(self) -> TaskSettings | None:
        """What holds for a task that does not say otherwise. O(1)."""
        return self._settings.defaults

    # ----------------------------------------------------------------------------------------- being changed

    def put(self, task: AnyTask, stamp: int) -> tuple[AnyTask | None, bool]:
        """Add a task, declared at version `stamp`; the one that it replaces, and whether it changes no other's needs.

        Raises CycleError.
        """
        before = self.tasks.get(task.id)
        is_apart = before is None and task.id not in self._wanted
        task._join(self, stamp)
        self.tasks[task.id] = task
        self._sort(task, before)
        try:
            self._learn(task)
        except CycleError:
            self.take_back(task, before)
            raise
        return before, is_apart

    def _sort(self, task: AnyTask | None, before: AnyTask | None) -> None:
        """Keep which tasks wait and which have outlets, after a change of one. O(1), of one that was there O(tasks)."""
        if before is not None or task is None:
            rows = self.tasks.values()
            self.waiting = {each.id: each for each in rows if each.wait is not None}
            self.producing = {each.id: each for each in rows if each.outlets}
            return
        if task.wait is not None:
            self.waiting[task.id] = task
        if task.outlets:
            self.producing[task.id] = task

    def _learn(self, task: AnyTask) -> None:
        """Only a task whose name is asked for already, or by itself, changes what others need or closes a circle."""
        wanted = self._wanted
        was_wanted = task.id in wanted
        wanted.update(task.after, [each.name for each in task._parameters])
        wanted.update([each.output.task for each in task._parameters if each.output is not None])
        if task.map_over is not None:
            wanted.add(task.map_over)
        self._plan = None
        if was_wanted or self._links is None:
            self._links = None
        else:
            self._links[task.id] = self._links_of(task, self.tasks)
        if task.id in wanted:
            self._refuse_circle(task)

    def _refuse_circle(self, task: AnyTask) -> None:
        found = circle_of(self.tasks, self.all_links())
        if found is not None:
            path = tuple([f"{self.dag_id}.{each}" for each in found])
            raise CycleError(
                f"task {task.id!r} of DAG {self.dag_id!r} ({task.place}) closes a cycle: {' -> '.join(path)}; "
                "take one of these parameters or after= away",
                path,
            )

    def take_back(self, task: AnyTask, before: AnyTask | None) -> None:
        """Undo a `put` that gave `before`. O(1)."""
        task._leave()
        if before is None:
            del self.tasks[task.id]
        else:
            self.tasks[task.id] = before
        self._sort(None, before)
        self.forget()

    def note_replaced(self, before: AnyTask, task: AnyTask, checked: int) -> None:
        """The `put` that gave `before` stands: note it if declaring the id again was a mistake. O(1)."""
        before._leave()
        note_twice(self.twice, task.id, (before._place, before._stamp), task._place, checked)

    def forget(self) -> None:
        """Work links and plan out anew when they are asked for. O(1)."""
        self._links, self._plan = None, None

    def rebind(self, settings: DagSettings) -> None:
        """The functions among the DAG's settings are known now (G5). O(tasks)."""
        self._settings = settings
        for task in self.tasks.values():
            task._join(self, task._stamp)

    def copied(self) -> TaskTable:
        """A table that says the same, with tasks of its own. O(tasks)."""
        made = TaskTable(self.dag_id, self._settings)
        made.tasks = {each.id: each._copy() for each in list(self.tasks.values())}
        made.declared, made.twice, made._wanted = dict(self.declared), dict(self.twice), set(self._wanted)
        made._sort(None, None)
        made.rebind(self._settings)
        return made

    def keeper(self) -> Callable[[], None]:
        """What puts the tasks back as they are now. O(tasks)."""
        tasks, twice = dict(self.tasks), dict(self.twice)

        def restore() -> None:
            for task in self.tasks.values():
                task._leave()
            for task in tasks.values():
                task._join(self, task._stamp)
            self.tasks, self.twice = tasks, twice
            self._sort(None, None)
            self.forget()

        return restore

    # ------------------------------------------------------------------------------------------ what follows

    def links(self, task: str) -> TaskLinks:
        """What a task needs and where its parameters come from. O(1) after the first time."""
        return self.all_links()[task]

    def all_links(self) -> Mapping[str, TaskLinks]:
        """What each task needs and where its parameters come from. O(tasks) after a change, else O(1)."""
        found = self._links
        if found is None:
            tasks = dict(self.tasks)  # other threads may declare tasks meanwhile
            found = self._links = {each: self._links_of(task, tasks) for each, task in tasks.items()}
        return found

    def _links_of(self, task: AnyTask, tasks: Mapping[str, AnyTask]) -> TaskLinks:
        return links_of(task._parameters, task.after, tasks, self._settings.params.names, task.map_over)

    def plan(self) -> Plan:
        """Which task follows which, by number. O(tasks + edges) after a change, else O(1)."""
        found = self._plan
        if found is None or len(found.ids) != len(self.tasks):
            links = dict(self.all_links())
            simple = len(links) == 1 and self.tasks[next(iter(links))].kind == "task"
            found = self._plan = plan_of(links, simple)
        return found
