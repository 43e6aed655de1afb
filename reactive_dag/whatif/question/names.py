"""Names of DAGs, tasks and datasets, as interventions and durations give them, and what they mean in a graph.

Owns `GivenName` and `GraphNames`. A text is, in this order: a DAG's id, `"dag.task"`, a dataset's uri, a task's id
where only one DAG has a task of that id. Invariant: a name means one thing, or is refused with what it could have been.
O(1) each after O(tasks) once.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property
from typing import TYPE_CHECKING, Literal, TypeAlias

from attrs import frozen

from reactive_dag.declare.dag import Dag
from reactive_dag.declare.task import Task
from reactive_dag.model.errors import InvalidValue, UnknownId
from reactive_dag.model.suggest import did_you_mean
from reactive_dag.triggers.leaves.dataset import Dataset

if TYPE_CHECKING:
    from reactive_dag.declare.graph import Graph

NamedKind: TypeAlias = Literal["dag", "task", "dataset", "any"]
TaskName: TypeAlias = tuple[str, str]
"""A DAG's id and the id of a task of it."""


@frozen(repr=False)
class GivenName:
    """A name as it was given; `kind` is "any" where only a text was given."""

    kind: NamedKind
    text: str

    def __repr__(self) -> str:
        return repr(self.text)


def given_name(value: object, what: str) -> GivenName:
    """The name of an object, or of a text. O(1). Raises InvalidValue for anything else.

    >>> given_name("build.load", "rd.delay()"), given_name(Dataset("orders"), "rd.delay()").kind
    ('build.load', 'dataset')
    """
    if isinstance(value, Dataset):
        return GivenName("dataset", value.uri)
    if isinstance(value, Dag):
        return GivenName("dag", value.id)
    if isinstance(value, Task):
        return GivenName("task", value.id if value.dag is None else f"{value.dag}.{value.id}")
    if isinstance(value, str) and value.strip():
        return GivenName("any", value)
    raise InvalidValue(f"{what} takes a DAG, a task, a dataset, or the name of one, not {value!r}")


class GraphNames:
    """What the names of one graph mean."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph

    @cached_property
    def _whole(self) -> dict[str, list[TaskName]]:
        found: dict[str, list[TaskName]] = {}
        for dag in self.graph.dags.values():
            for task in dag.tasks:
                found.setdefault(f"{dag.id}.{task}", []).append((dag.id, task))
        return found

    @cached_property
    def _bare(self) -> dict[str, list[TaskName]]:
        found: dict[str, list[TaskName]] = {}
        for dag in self.graph.dags.values():
            for task in dag.tasks:
                found.setdefault(task, []).append((dag.id, task))
        return found

    @cached_property
    def by_kind(self) -> dict[str, dict[str, tuple[TaskName, ...]]]:
        """The tasks of each DAG by their kind ("task", "wait", "until"). O(tasks) once."""
        found: dict[str, dict[str, tuple[TaskName, ...]]] = {}
        for dag in self.graph.dags.values():
            kinds: dict[str, list[TaskName]] = {}
            for task in dag.tasks.values():
                kinds.setdefault(task.kind, []).append((dag.id, task.id))
            found[dag.id] = {kind: tuple(tasks) for kind, tasks in kinds.items()}
        return found

    @cached_property
    def _most_slots(self) -> dict[str, tuple[int, TaskName]]:
        found: dict[str, tuple[int, TaskName]] = {}
        for dag in self.graph.dags.values():
            for task in dag.tasks.values():
                if task.pool is not None:
                    found[task.pool] = max(found.get(task.pool, (0, ("", ""))), (task.slots, (dag.id, task.id)))
        return found

    def most_slots(self, pool: str) -> tuple[int, TaskName]:
        """The most slots of a pool that one task takes, and that task; 0 where none does. O(1)."""
        return self._most_slots.get(pool, (0, ("", "")))

    def dag(self, name: GivenName) -> str | None:
        """The DAG that is meant, if it is one. O(1)."""
        return name.text if name.kind in ("any", "dag") and name.text in self.graph.dags else None

    def dataset(self, name: GivenName) -> str | None:
        """The dataset that is meant, if it is one. O(1)."""
        if name.kind == "any" and (name.text in self.graph.dags or name.text in self._whole):
            return None
        return name.text if name.kind in ("any", "dataset") and name.text in self.graph.datasets else None

    def task(self, name: GivenName, what: str) -> TaskName:
        """The task that is meant. O(1). Raises UnknownId, InvalidValue for a name that several have."""
        if name.kind in ("any", "task"):
            found = self._whole.get(name.text) or self._bare.get(name.text) or []
            if len(found) == 1:
                return found[0]
            if found:
                raise InvalidValue(f"{what}: {_listed(found)} are all called {name}; write 'dag.task', or the task")
        raise self.unknown(name, what)

    def no_wait(self, task: TaskName, what: str) -> TaskName:
        """A task that is no wait. O(1). Raises InvalidValue for one."""
        if self.graph.dags[task[0]].tasks[task[1]].kind == "wait":
            raise InvalidValue(
                f"{what}: {'.'.join(task)!r} is a wait, which lasts until what it awaits is there; "
                "delay it with rd.delay(), or name a task"
            )
        return task

    def tasks(self, name: GivenName, what: str) -> list[TaskName]:
        """The tasks that are meant: one, or all of a DAG, waits left out. O(tasks). Raises as `task`."""
        dag = self.dag(name)
        if dag is None:
            return [self.task(name, what)]
        return [*self.by_kind[dag].get("task", ())]

    def working(self, given: Iterable[GivenName], what: str) -> list[TaskName]:
        """The tasks that are meant by one name or several, no waits among them. O(tasks).

        Raises as `task`, InvalidValue for a wait, and where nothing but waits is meant.
        """
        asked = [*given]
        found = [self.no_wait(task, what) for name in asked for task in self.tasks(name, what)]
        if not found:
            raise InvalidValue(f"{what}: DAG {', '.join(map(repr, asked))} has no tasks but waits")
        return found

    def only_task(self, name: GivenName, what: str) -> TaskName:
        """The task that is meant; a DAG stands for its only one. O(tasks). Raises as `task`."""
        found = self.tasks(name, what)
        if not found:
            raise InvalidValue(f"{what}: DAG {name} has no tasks but waits")
        if len(found) != 1:
            raise InvalidValue(f"{what}: DAG {name} has {len(found)} tasks ({_listed(found)}); name one of them")
        return found[0]

    def unknown(self, name: GivenName, what: str, wanted: NamedKind = "any") -> UnknownId:
        """The error for a name that means nothing here, or no DAG or dataset where one is `wanted`. O(names)."""
        if wanted in ("dag", "dataset"):
            kind, table = ("DAG", self.graph.dags) if wanted == "dag" else ("dataset", self.graph.datasets)
            others = {"dag": self.graph.dags, "task": self._whole, "dataset": self.graph.datasets}
            is_other = next((each for each in others if each != wanted and name.text in others[each]), "")
            hint = (
                f"; it is a {'DAG' if is_other == 'dag' else is_other}" if is_other else did_you_mean(name.text, table)
            )
            return UnknownId(f"{what}: graph {self.graph.id!r} has no {kind} {name}{hint}")
        known = [*self.graph.dags, *self._whole, *self.graph.datasets, *self._bare]
        return UnknownId(
            f"{what}: graph {self.graph.id!r} has no DAG, task or dataset {name}{did_you_mean(name.text, known)}"
        )


def _listed(tasks: Iterable[TaskName]) -> str:
    names = [f"{dag}.{task}" for dag, task in tasks]
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
