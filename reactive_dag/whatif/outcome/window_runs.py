"""The runs of a window as answers name them: their tasks' nodes, what caused them, and their keys.

Owns `WindowRuns`, which follows from the structure alone and is made once for a window. Invariant: a key is that which
the reference gives the run (I4). O(nodes) to make, a key O(causes) once.
"""

from __future__ import annotations

from weakref import WeakKeyDictionary

import numpy as np

from reactive_dag.engine.items.identity import run_key
from reactive_dag.whatif.question.names import TaskName
from reactive_dag.whatif.window.arrays import END, SOURCE, Window

Cause = tuple[int, int, int]
"""What caused a run: the node, the number of the dataset whose event it was (-1: its end), the event's number."""


class WindowRuns:
    """A window's runs; `graph` is the id of its graph."""

    def __init__(self, window: Window, graph: str) -> None:
        self.window = window
        self.graph = graph
        self.kind = window.kind.tolist()
        self.run_of = window.run.tolist()
        self.subject = window.subject.tolist()
        self.run_dag: list[int] = window.run_dag.tolist()
        self.start = window.run_start.tolist()
        self.end = window.run_end.tolist()
        self.ptr = window.run_ptr.tolist()
        self.nodes: list[int] = window.run_nodes.tolist()
        self.first_task: dict[str, int] = {}
        for number, (dag, _) in enumerate(window.tasks):
            self.first_task.setdefault(dag, number)
        self._cause_ptr = window.cause_ptr.tolist()
        causes = window.cause_node, window.cause_dataset, window.cause_number
        self._causes = list(zip(*(each.tolist() for each in causes)))
        self.usual_numbers = self.event_numbers(np.arange(len(window.source_partition)))
        self._keys: dict[int, str] = {}

    @classmethod
    def of(cls, window: Window, graph: str) -> WindowRuns:
        """Those of a window. O(1) after the first time."""
        found = _known.get(window)
        if found is None:
            found = _known[window] = cls(window, graph)
        return found

    def tasks(self, run: int) -> list[int]:
        """The nodes of a run's tasks, in the order of the plan. O(tasks)."""
        return self.nodes[self.ptr[run] : self.ptr[run + 1]]

    def node(self, run: int, task: str) -> int | None:
        """The node of a task of a run; None if the DAG has none of that id. O(1)."""
        dag = self.window.dags[self.run_dag[run]]
        number = self.window.task_number.get((dag, task))
        return None if number is None else self.nodes[self.ptr[run] + number - self.first_task[dag]]

    def task(self, node: int) -> TaskName:
        """The task of a node. O(1)."""
        return self.window.tasks[self.subject[node]]

    def causes(self, run: int) -> list[Cause]:
        """What caused a run; nothing for one of a tick. O(causes)."""
        return self._causes[self._cause_ptr[run] : self._cause_ptr[run + 1]]

    def event_numbers(self, order: np.ndarray[tuple[int], np.dtype[np.int64]]) -> list[int]:
        """The number of each outside event in its dataset, if they come in this order. O(events)."""
        found, count = [0] * len(order), [0] * len(self.window.sources)
        for node in order.tolist():
            source = self.subject[node]
            found[node] = count[source]
            count[source] += 1
        return found

    def keys(self, numbers: list[int]) -> dict[int, str]:
        """The keys that are known where outside events have these numbers. O(events)."""
        return self._keys if numbers == self.usual_numbers else {}

    def key(self, run: int, numbers: list[int], known: dict[int, str]) -> str:
        """The key of a run (I4). O(causes) beside those that are not `known`."""
        waiting = [run]
        while waiting:
            each = waiting[-1]
            lacking = [
                cause for node, _, _ in self.causes(each) if (cause := self.run_of[node]) >= 0 and cause not in known
            ] if each not in known else []  # fmt: skip
            if lacking:
                waiting += lacking
                continue
            waiting.pop()
            if each not in known:
                known[each] = self._key(each, numbers, known)
        return known[run]

    def _key(self, run: int, numbers: list[int], known: dict[int, str]) -> str:
        window = self.window
        names = [self._identity(cause, numbers, known) for cause in self.causes(run)]
        tick = int(window.base[self.start[run]])
        names += [f"tick:{tick}"] if tick or not names else []
        return run_key(self.graph, window.dags[self.run_dag[run]], window.labels[window.run_label[run]], names)

    def _identity(self, cause: Cause, numbers: list[int], known: dict[int, str]) -> str:
        node, dataset, number = cause
        if self.kind[node] == SOURCE:
            return f"{self.window.sources[self.subject[node]]}#{numbers[node]}"
        task = "" if self.kind[node] == END else self.task(node)[1]
        made = f"{known[self.run_of[node]]}/{task}"
        return made if dataset < 0 else f"{made}/{self.window.datasets[dataset]}#{number}"


_known: WeakKeyDictionary[Window, WindowRuns] = WeakKeyDictionary()
