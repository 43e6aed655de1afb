"""How often each task is on the critical path, in many futures at once.

Owns no state. The path goes back from the end of a run through what ended last before each step could begin: of what it
needs, or what a wait saw; of what ended at one instant through what W56 names. Where an attempt waited for a slot the
path goes on through what the task needs. O(steps of the path * nodes on it) for all futures together.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from numpy.typing import NDArray

from reactive_dag.whatif.window.arrays import BEYOND, END, SOURCE, START

if TYPE_CHECKING:
    from reactive_dag.whatif.question.names import TaskName
    from reactive_dag.whatif.window.arrays import Ints, Window

RowsOfEnds: TypeAlias = "Sequence[Ints] | Ints"
"""When nodes end: a row a node, a column a future."""


def count_paths(window: Window, ends: RowsOfEnds, last: int) -> Counter[TaskName]:
    """In how many of these futures each task is on the path to the end of node `last`."""
    found: dict[TaskName, NDArray[np.bool_]] = {}
    at = {last: np.flatnonzero(ends[last] < BEYOND)}
    while at:
        node = max(at)  # all that it leads to have lower numbers
        columns = at.pop(node)
        if window.kind[node] not in (SOURCE, START, END):
            task = window.tasks[window.subject[node]]
            found.setdefault(task, np.zeros(len(ends[last]), np.bool_))[columns] = True  # once, in however many runs
        for before, which in _before(window, ends, node, columns):
            at[before] = np.concatenate((at[before], which)) if before in at else which
    return Counter({task: int(which.sum()) for task, which in found.items()})


def _before(window: Window, ends: RowsOfEnds, node: int, columns: Ints) -> list[tuple[int, Ints]]:
    """What a node followed, and in which of these futures."""
    above = sorted(window.needs[node], key=lambda each: _rank(window, node, each), reverse=True)
    seen = [awaited for awaited, _ in window.candidates[node] or ()]
    if not above and not seen:
        return []
    latest = np.array([ends[each][columns] for each in above] or [np.full(len(columns), -1)])
    chosen, by = np.array(above or [-1])[latest.argmax(axis=0)], latest.max(axis=0)
    for awaited in seen:  # what ended as the wait did, and after it had begun, is what it saw
        decided = (ends[awaited][columns] == ends[node][columns]) & (ends[awaited][columns] > by)
        chosen = np.where(decided, awaited, chosen)
    ticked = (by < window.base[node]) & np.isin(chosen, above)
    return [(int(each), columns[(chosen == each) & ~ticked]) for each in np.unique(chosen[~ticked]) if each >= 0]


def _rank(window: Window, node: int, before: int) -> tuple[int, int | str, int]:
    """Where something that a node followed stands among what ended at that instant: the highest is gone on with (W56).

    Of what a task needs its own past, then the later in the plan; of the causes of a run the last by name and date.
    """
    kind, run = window.kind[before], int(window.run[before])
    if window.kind[node] != START:
        past = kind not in (SOURCE, START) and run != window.run[node]
        return (0, 0, 0) if kind == START else (1 + past, int(window.subject[before]), 0)
    if kind == SOURCE:
        return 0, f"event of {window.sources[window.subject[before]]}", 0
    if kind in (START, END):
        return 0, window.dags[window.run_dag[run]], int(window.run_date[run])
    return 0, ".".join(window.tasks[window.subject[before]]), int(window.run_date[run])
