"""What can be picked in the what-if panel, and between which values each of its controls goes.

Owns `Choices`. Invariant: what is offered can be asked of the simulation: a dataset only where outside publishes it, a
chance to fail only of tasks that work. O(tasks).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import frozen

from reactive_dag.whatif.question.names import GraphNames

if TYPE_CHECKING:
    from reactive_dag.notebook.exploring.controls import ControlKind, Dragged
    from reactive_dag.whatif.simulation import Simulation

Range = tuple[float, float, float, float | None]
"""Of a control: the least value, the most, the step, and the one at which it changes nothing (None: no limit)."""

RANGES: dict[ControlKind, Range] = {
    "delay": (0, 12 * 3600, 300, 0), "times": (0.1, 4, 0.05, 1), "fail": (0, 1, 0.01, 0), "workers": (1, 64, 1, None),
}  # fmt: skip
SLOTS_AT_LEAST = 16
"""A pool can be dragged to so many slots at least, and to twice as many as it has."""


@frozen
class TaskChoice:
    """A task: whether it works (a wait does not), and whether how long it takes is assumed."""

    id: str
    works: bool
    assumed: bool


@frozen
class DagChoice:
    """A DAG, and whether it ran in the simulation."""

    id: str
    ran: bool
    tasks: tuple[TaskChoice, ...]


@frozen
class PoolChoice:
    """A pool: its slots, and the most of them that one task takes."""

    id: str
    slots: int
    least: int


@frozen
class Choices:
    """All that can be picked."""

    dags: tuple[DagChoice, ...]
    datasets: tuple[str, ...]
    pools: tuple[PoolChoice, ...]
    workers: int | None

    @classmethod
    def of(cls, simulation: Simulation) -> Choices:
        """Those of a simulation. O(tasks)."""
        graph, effects, ran = simulation.graph, simulation.effects, simulation.outcome.by_dag
        names = GraphNames(graph)
        dags = []
        for id, dag in graph.dags.items():
            works = {task for _, task in names.by_kind[id].get("task", ())}
            tasks = [
                TaskChoice(task, task in works, (id, task) in effects.usual and effects.duration((id, task)).is_assumed)
                for task in dag.tasks
            ]
            dags.append(DagChoice(id, id in ran, tuple(tasks)))
        pools = [
            PoolChoice(id, effects.capacities.get(id, pool.slots), max(names.most_slots(id)[0], 1))
            for id, pool in graph.pools.items()
        ]
        published = tuple([source.dataset for source in simulation.question.sources])
        return cls(tuple(dags), published, tuple(pools), effects.workers)

    def is_usual(self, setting: Dragged) -> bool:
        """Whether a value changes nothing. O(pools)."""
        if setting.kind == "slots":
            return any(pool.id == setting.subject.name and pool.slots == setting.value for pool in self.pools)
        return setting.value == (self.workers if setting.kind == "workers" else RANGES[setting.kind][3])

    def to_json(self) -> dict[str, object]:
        """Plain data. O(tasks)."""
        return {
            "controls": {kind: list(ends) for kind, ends in RANGES.items()}, "workers": self.workers,
            "dags": [
                [dag.id, dag.ran, [[task.id, task.works, task.assumed] for task in dag.tasks]] for dag in self.dags
            ],
            "datasets": list(self.datasets),
            "pools": [[pool.id, pool.slots, pool.least, max(2 * pool.slots, SLOTS_AT_LEAST)] for pool in self.pools],
        }  # fmt: skip
