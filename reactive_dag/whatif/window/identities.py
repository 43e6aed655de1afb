"""Who the runs and the outside events of a window are for draws: the same numbers as from a course's records.

Owns no state. What a run came from follows from the window's structure alone (question/identity.py). O(runs + causes).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from reactive_dag.whatif.question.draws import text_key
from reactive_dag.whatif.question.identity import (
    clocked_identities,
    end_identity,
    event_identity,
    outside_identity,
    run_identity,
    tick_identity,
)
from reactive_dag.whatif.window.arrays import END, SOURCE

if TYPE_CHECKING:
    from reactive_dag.whatif.question.draws import DrawKeys
    from reactive_dag.whatif.window.arrays import Window


def run_identities(window: Window) -> DrawKeys:
    """The identity of each run. O(runs + causes)."""
    found = _of_ticks(window)
    known = found.tolist()
    causes = _Causes(window, known)
    has_causes = np.diff(window.cause_ptr) > 0
    has_causes |= np.fromiter(map(bool, window.run_group), np.bool_, window.runs)
    order = np.argsort(window.run_start)  # each behind all that caused it
    for run in order[has_causes[order]].tolist():
        dag, label = window.dags[window.run_dag[run]], window.labels[window.run_label[run]]
        date, partition, group = int(window.run_date[run]), window.run_partition[run], window.run_group[run]
        known[run] = run_identity(dag, label, date, partition, causes.of(run), group)
    return np.array(known, np.uint64)


def _of_ticks(window: Window) -> DrawKeys:
    """The identity that each run has if a tick alone started it. O(runs), in arrays."""
    dags, labels, partitions = (
        np.fromiter(map(text_key, texts), np.uint64, len(texts))
        for texts in (window.dags, window.labels, window.run_partition)
    )
    dates, due = window.run_date.astype(np.uint64), window.base[window.run_start].astype(np.uint64)
    return clocked_identities(dags[window.run_dag], labels[window.run_label], dates, partitions, due)


def source_identities(window: Window) -> DrawKeys:
    """The identity of each outside event: of the nodes from 0 on. O(events)."""
    causes = _Causes(window, [])
    return np.array([causes.outside(node) for node in range(len(window.source_partition))], np.uint64)


class _Causes:
    """Reads the identities of what caused the runs of a window; those of runs stand in `known`."""

    def __init__(self, window: Window, known: list[int]) -> None:
        self.window = window
        self.known = known
        self._ptr = window.cause_ptr.tolist()
        self._ticks = window.base[window.run_start].tolist()

    def of(self, run: int) -> list[int]:
        """Those of one run, its tick among them if it has one. O(causes)."""
        found = [self._of_cause(at) for at in range(self._ptr[run], self._ptr[run + 1])]
        return [*found, tick_identity(self._ticks[run])] if self._ticks[run] or not found else found

    def outside(self, node: int) -> int:
        """That of an event from outside. O(1)."""
        window = self.window
        dataset, tick = window.sources[window.subject[node]], int(window.base[node])
        return outside_identity(dataset, tick, window.source_partition[node])

    def _of_cause(self, at: int) -> int:
        window = self.window
        node, dataset = int(window.cause_node[at]), int(window.cause_dataset[at])
        if window.kind[node] == SOURCE:
            return self.outside(node)
        run = self.known[window.run[node]]
        task = "" if window.kind[node] == END else window.tasks[window.subject[node]][1]
        if dataset < 0:
            return end_identity(run, task)
        return event_identity(run, task, window.datasets[dataset], int(window.cause_number[at]))
