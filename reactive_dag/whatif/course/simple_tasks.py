"""The tasks of a DAG as a course needs them, in arrays by number: durations, followers, and who listens to their ends.

Owns `SimpleTasks` and `ListenedTo`. A task is *simple* if it begins as soon as all that it needs succeeded, does not
depend on its past, is not mapped and no branch, has no timeout, no trigger listens to it, no output of it is given, and
no intervention delays it or makes it fail. Invariant: a `SimpleTasks` never changes, and courses share it.
O(tasks + edges) to make.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

from attrs import frozen

from reactive_dag.declare.internals import plan_of
from reactive_dag.triggers.leaves.completed import Completed
from reactive_dag.triggers.leaves.dataset import Updated
from reactive_dag.triggers.walks import walk

if TYPE_CHECKING:
    from reactive_dag.declare.dag import Dag
    from reactive_dag.declare.graph import Graph
    from reactive_dag.declare.task import AnyTask
    from reactive_dag.whatif.question.names import TaskName


@frozen
class ListenedTo:
    """Which datasets and tasks the triggers of a graph listen to, and which tasks its waits await."""

    datasets: frozenset[str]
    tasks: frozenset[TaskName]
    awaited: frozenset[TaskName]

    @classmethod
    def of(cls, graph: Graph) -> ListenedTo:
        """As the graph is now. O(triggers + waits)."""
        triggers = [trigger for id in graph.dags for trigger in graph.effective(id).values()]
        leaves = [part for trigger in triggers for part in walk(trigger)]
        waits = [wait for dag in graph.dags.values() for wait in dag.waits]
        return cls(
            frozenset(leaf.dataset.id for leaf in leaves if isinstance(leaf, Updated))
            | frozenset(wait.dataset.id for wait in waits if wait.dataset is not None),
            frozenset((leaf.dag, leaf.task) for leaf in leaves if isinstance(leaf, Completed) and leaf.task),
            frozenset((wait.dag, task) for wait in waits for task in wait.tasks),
        )


class SimpleTasks:
    """The tasks of one DAG by number, and which of them are simple.

    `followers[i]` are the simple tasks that follow task i, `other_followers[i]` those that are not. `pooled[i]` if it
    holds slots of a pool; `slotted[i]` if it, or one that follows it, does, so that the slots say what begins next.
    `priorities[i]` is negated, as the order of starts has it. A success of task i publishes `outlets[i]`; `listened[i]`
    if a trigger listens to one, or a calendar gives it a partition. `awaited[i]` is its name if a wait may be for it.
    `quiet[i]` if nothing but the start of simple tasks, or a wait, can follow from its end. `all_simple`: every task is
    simple.
    """

    __slots__ = (
        "all_simple", "awaited", "durations", "followers", "ids", "listened", "other_followers", "outlets", "pooled",
        "priorities", "quiet", "simple", "size", "slotted",
    )  # fmt: skip

    def __init__(self, dag: Dag, durations: list[int], listened: ListenedTo, touched: Collection[TaskName]) -> None:
        plan = plan_of(dag)
        tasks = [dag.tasks[id] for id in plan.ids]
        dated = any(outlet.partitions is not None for outlet in dag.outlets)
        engines = any(task.depends_on_past for task in tasks)  # whether such a run rests is the engine's to say (R14)
        engines |= dag.timeout is not None or dag.overlap == "replace"  # it may be stopped at any instant (R6, R17)
        names = [(dag.id, id) for id in plan.ids]
        self.ids = plan.ids
        self.size = len(tasks)
        self.durations = durations
        self.simple = [
            not (dated or engines) and _may_be_simple(task) and name not in touched and name not in listened.tasks
            for task, name in zip(tasks, names)
        ]
        self.all_simple = all(self.simple)
        self.pooled = [task.pool is not None for task in tasks]
        self.followers = [tuple([each for each in row if self.simple[each]]) for row in plan.followers]
        self.other_followers = [tuple([each for each in row if not self.simple[each]]) for row in plan.followers]
        self.slotted = [
            pooled or any(self.pooled[each] for each in row) for pooled, row in zip(self.pooled, self.followers)
        ]
        self.priorities = [-task.priority for task in tasks]
        self.outlets = [tuple([outlet.id for outlet in task.outlets]) for task in tasks]
        self.listened = [
            any(each.partitions is not None or each.id in listened.datasets for each in task.outlets) for task in tasks
        ]
        self.awaited = [name if name in listened.awaited else None for name in names]
        ordered = len(set(self.priorities)) > 1
        loud = zip(self.listened, self.other_followers, self.slotted)
        self.quiet = [not (ordered or heard or others or slotted) for heard, others, slotted in loud]


def _may_be_simple(task: AnyTask) -> bool:
    rule = task.trigger_rule == "all_success" and not task.depends_on_past
    dated = any(outlet.partitions is not None for outlet in task.outlets)  # its success depends on its run's date (R3)
    chooses = task.map_over is not None or task.branch
    return rule and not dated and task.kind == "task" and task.timeout is None and not chooses
