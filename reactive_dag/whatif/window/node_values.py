"""What a question says of each node of a window in one future: delays and durations, drawn or not.

Owns `QuestionValues`, the values of one question with what they were made from. Invariant: those of a further question
are those that it would have by itself; only what it touched is worked out. O(nodes + tasks), for a further question
O(what it touched), and copies of lists, some 2 ns a node.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from attrs import evolve, frozen

from reactive_dag.whatif.question.draws import DURATION, DrawKeys, draw_keys, future_keys, text_key
from reactive_dag.whatif.question.duration_table import DurationTable
from reactive_dag.whatif.window.arrays import TASK, Ints, NodeValues, Numbers, Window
from reactive_dag.whatif.window.identities import run_identities, source_identities

if TYPE_CHECKING:
    from reactive_dag.whatif.question.effects import Effects
    from reactive_dag.whatif.question.elementary import Floats
    from reactive_dag.whatif.question.lateness import Lateness
    from reactive_dag.whatif.question.names import TaskName


class OneFuture:
    """What is drawn for the nodes of a window in one future of a seed; what is fixed is drawn nowhere."""

    def __init__(self, window: Window, seed: int, future: int = 0) -> None:
        self.window = window
        self.keys = future_keys(seed, range(future, future + 1))

    @cached_property
    def _runs(self) -> DrawKeys:
        return run_identities(self.window)

    @cached_property
    def _events(self) -> DrawKeys:
        return source_identities(self.window)

    @cached_property
    def _ids(self) -> DrawKeys:
        return np.array([text_key(task) for _, task in self.window.tasks], np.uint64)

    def plain(self, table: DurationTable, nodes: Ints | Numbers) -> Floats:
        """What is drawn of the durations of these tasks' first attempts, before any factor. O(nodes)."""
        if table.is_fixed:
            return np.zeros(len(nodes))
        tasks = self.window.subject[nodes]
        keys = draw_keys(self._runs[self.window.run[nodes]], self._ids[tasks], DURATION)
        return table.plain(tasks, keys, self.keys)

    def lateness(self, given: Lateness | None, nodes: Ints | Numbers, task: str | None = None) -> list[int]:
        """How much later (ns) these runs, first attempts of a task, or outside events come. O(nodes)."""
        if given is None or not given.drawn or not len(nodes):
            return [0 if given is None else given.fixed] * len(nodes)
        run = self.window.run[nodes]
        identities = self._events[nodes] if run[0] < 0 else self._runs[run]
        found: list[int] = given.spans(identities, self.keys, task)[:, 0].tolist()
        return found


@frozen(eq=False)
class QuestionValues:
    """The values of a question's nodes in one future. `changed` are the nodes that its last interventions touched.

    `plain` is what was drawn of the durations, by node: who is asked with other factors draws nothing.
    """

    effects: Effects
    table: DurationTable
    future: OneFuture
    values: NodeValues
    plain: Floats
    changed: list[int]

    @classmethod
    def of(cls, window: Window, effects: Effects, seed: int, future: int = 0) -> QuestionValues:
        """Worked out anew. O(nodes + tasks)."""
        drawn, table = OneFuture(window, seed, future), DurationTable.of(window.tasks, effects)
        span, plain = np.zeros(window.size, np.int64), np.zeros(window.size)
        nodes = np.flatnonzero(window.kind == TASK)
        plain[nodes] = drawn.plain(table, nodes)
        span[nodes] = table.stretched(window.subject[nodes], plain[nodes], drawn.keys)
        delay = [0] * window.size
        _delay(drawn, effects, (effects.tasks, effects.dags, effects.datasets), delay)
        values = _limited(NodeValues(window.base.tolist(), delay, span.tolist()), effects, window)
        return cls(effects, table, drawn, values, plain, [])

    def further(self, effects: Effects) -> QuestionValues:
        """Those of a question with more interventions, which `effects.touched` names. O(what they touched + nodes)."""
        window, drawn, touched = self.future.window, self.future, effects.touched
        table, span, delay, changed = self.table, self.values.span, self.values.delay, list[int]()
        plain = self.plain
        tasks = [task for task in touched.durations if task in window.task_number]
        if tasks:
            table = table.with_changes([window.task_number[task] for task in tasks], tasks, effects)
            nodes = np.concatenate([window.nodes_of_task(task) for task in tasks])
            numbers, changed, span = window.subject[nodes], nodes.tolist(), span.copy()
            if not table.draws_as(self.table, numbers):
                plain = plain.copy()
                plain[nodes] = drawn.plain(table, nodes)
            for node, length in zip(changed, table.stretched(numbers, plain[nodes], drawn.keys).tolist()):
                span[node] = length
        if touched.delays or touched.dags or touched.datasets:
            delay = delay.copy()
            changed += _delay(drawn, effects, (touched.delays, touched.dags, touched.datasets), delay)
        values = _limited(NodeValues(self.values.base, delay, span), effects, window)
        return QuestionValues(effects, table, drawn, values, plain, changed)


def _delay(
    drawn: OneFuture, effects: Effects, late: tuple[Iterable[TaskName], Iterable[str], Iterable[str]], delay: list[int]
) -> list[int]:
    """Write how much later these tasks, DAGs and datasets come into `delay`; the nodes of theirs. O(result)."""
    tasks, dags, datasets = late
    window, found = drawn.window, list[int]()
    rows: list[tuple[Lateness | None, Numbers, str | None]] = []
    rows += [(effects.tasks.get(task), window.nodes_of_task(task), task[1]) for task in tasks]
    rows += [(effects.dags.get(dag), window.starts_of_dag(dag), None) for dag in dags]
    rows += [(effects.datasets.get(dataset), window.events_of(dataset), None) for dataset in datasets]
    for given, nodes, id in rows:
        for node, later in zip(nodes.tolist(), drawn.lateness(given, nodes, id)):
            delay[node] = later
            found.append(node)
    return found


def _limited(values: NodeValues, effects: Effects, window: Window) -> NodeValues:
    """Values with the chances and limits of a question. O(those)."""
    if not (effects.fails or effects.capacities or effects.workers is not None):
        return values
    numbers = window.task_number
    chance = {numbers[task]: p for task, p in effects.fails.items() if p and task in numbers}
    return evolve(values, chance=chance, capacity=effects.capacities, workers=effects.workers)
