"""What a course needs to know of each DAG's tasks, as arrays by number: how long they take, who goes next, who listens.

Owns `Line` and `Heard`. A task is *quick* if nothing about its attempts can be out of the ordinary: it goes as soon as
all it needs went well, looks at no past, has no timeout, no trigger listens to it and no intervention is on it.
Invariant: a line never changes, and courses share it. O(tasks + edges) to make.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

from attrs import frozen

from reactive_dag.declare.internals import plan_of
from reactive_dag.triggers.base import walk
from reactive_dag.triggers.leaves.completed import Completed
from reactive_dag.triggers.leaves.dataset import Updated

if TYPE_CHECKING:
    from reactive_dag.declare.dag import Dag
    from reactive_dag.declare.graph import Graph
    from reactive_dag.declare.task import AnyTask
    from reactive_dag.whatif.question.names import TaskName


@frozen
class Heard:
    """Which datasets and tasks the triggers of a graph listen to, and which tasks its waits await."""

    datasets: frozenset[str]
    tasks: frozenset[TaskName]
    awaited: frozenset[TaskName]

    @classmethod
    def of(cls, graph: Graph) -> Heard:
        """As the graph is now. O(triggers + waits)."""
        triggers = [trigger for id in graph.dags for trigger in graph.effective(id).values()]
        leaves = [part for trigger in triggers for part in walk(trigger)]
        waits = [wait for dag in graph.dags.values() for wait in dag.waits]
        return cls(
            frozenset(leaf.dataset.id for leaf in leaves if isinstance(leaf, Updated)),
            frozenset((leaf.dag, leaf.task) for leaf in leaves if isinstance(leaf, Completed) and leaf.task),
            frozenset((wait.dag, task) for wait in waits for task in wait.tasks),
        )


class Line:
    """The tasks of one DAG by number.

    `nexts[i]` are the quick tasks that follow task i, `others[i]` the rest of those that do; `ranks[i]` is its place
    among those that begin at one instant. A success of task i publishes `outlets[i]`; `heard[i]` if somebody listens to
    one, or a calendar gives it a partition. `awaited[i]` is its name if a wait may be for it. `simple[i]` if no more
    than a wait can follow from it at once. `sure`: no task is anything but quick.
    """

    __slots__ = (
        "awaited", "heard", "ids", "nexts", "others", "outlets", "quick", "ranks", "simple", "size", "spans", "sure",
    )  # fmt: skip

    def __init__(self, dag: Dag, spans: list[int], heard: Heard, touched: Collection[TaskName]) -> None:
        plan = plan_of(dag)
        tasks = [dag.tasks[id] for id in plan.ids]
        names = [(dag.id, id) for id in plan.ids]
        self.ids = plan.ids
        self.size = len(tasks)
        self.spans = spans
        self.quick = [
            _is_ordinary(task) and name not in touched and name not in heard.tasks for task, name in zip(tasks, names)
        ]
        self.sure = all(self.quick)
        self.nexts = [tuple([each for each in row if self.quick[each]]) for row in plan.followers]
        self.others = [tuple([each for each in row if not self.quick[each]]) for row in plan.followers]
        self.ranks = [-task.priority for task in tasks]
        self.outlets = [tuple([outlet.id for outlet in task.outlets]) for task in tasks]
        self.heard = [
            any(each.partitions is not None or each.id in heard.datasets for each in task.outlets) for task in tasks
        ]
        self.awaited = [name if name in heard.awaited else None for name in names]
        ranked = len(set(self.ranks)) > 1
        self.simple = [not (ranked or told or others) for told, others in zip(self.heard, self.others)]


def _is_ordinary(task: AnyTask) -> bool:
    rule = task.trigger_rule == "all_success" and not task.depends_on_past
    return rule and task.kind == "task" and task.timeout is None
