"""The window as arrays: which runs and tasks a span of virtual time has, and what each of them follows.

Owns `Window` (structure: made once for a version of a graph, a span and sources), `NodeValues` (what a question says of
its nodes, for one future) and `Ends` (when each began and ended). A *node* is an outside event (SOURCE), the start of
a run (START), a task of it (TASK), a wait (WAIT) or its end (END), and begins at `max(base, ends of its needs) + delay`
and ends `span` later; a wait ends at the first `t = max(begin, end of a candidate)` that lies before the START of every
candidate of a higher date. Invariants: nodes are numbered level by level, so a node stands behind all that it follows;
times are whole nanoseconds, `BEYOND` for what does not happen. Some 100 bytes a node.
"""

from __future__ import annotations

from functools import cached_property
from itertools import pairwise
from typing import TypeAlias

import numpy as np
from attrs import Factory, frozen
from numpy.typing import NDArray

from reactive_dag.declare.settings.dag_settings import DagSettings
from reactive_dag.declare.settings.pool import Pool
from reactive_dag.declare.settings.task_settings import TaskSettings
from reactive_dag.declare.wait import Wait
from reactive_dag.whatif.question.names import TaskName

Ints: TypeAlias = NDArray[np.int64]
Numbers: TypeAlias = NDArray[np.int32]

BEYOND = 2**62
"""The instant of what does not happen: beyond all others, and a duration that is added to it does not overflow."""

SOURCE, START, TASK, WAIT, END, MET, LOST = range(7)
"""The kinds of nodes. MET is a wait that is over as it begins: what it awaits lies before the window. LOST is one that
fails as it begins: what it awaits never comes."""


@frozen(eq=False, slots=False)
class Window:
    """The structure of a span of time. Nodes are numbers; `x_ptr[n]:x_ptr[n + 1]` are node n's in `x_idx`.

    `subject` is a TASK's or wait's number in `tasks`, a SOURCE's in `sources`, a START's or END's in `dags`; `run` is
    the number of its run, -1 for a SOURCE. `base` is the tick of a SOURCE, and of a START by a clock, else 0. `need`
    are the nodes whose ends it awaits, `follow` the nodes that need it. A wait has candidates by ascending date: what
    it awaits, `candidate_idx`, and the START of its run, `candidate_start`; `watch` are the waits for which a node is
    either of these. `level_ptr` bounds the levels.

    Of each run: its DAG, its trigger's label (in `labels`), its date, its partition, the key under which
    its trigger fired (`run_group`), its START and END, and from
    `run_ptr` its task nodes in `run_nodes`, in the order of its DAG's plan. Runs of a DAG stand by date. `cause` are,
    for each run, the nodes that caused it, with the dataset whose event each was (in `datasets`, -1 for an end) and
    that event's number among those of its task. `settings` and `waits` are of `tasks`, `dag_settings` of `dags`;
    `rank` is the place of each of `dags` by height and id, as slots are given out in that order.
    `last_tick` is when a clock ticked last, which need not have caused a run. `on_failure` names, of
    DAGs that would have other runs if something failed, what hears that; `ruled` are the DAGs with tasks that may begin
    where others of their run failed.
    """

    begin: int
    until: int
    dags: tuple[str, ...]
    tasks: tuple[TaskName, ...]
    sources: tuple[str, ...]
    datasets: tuple[str, ...]
    labels: tuple[str, ...]
    pools: dict[str, Pool]
    kind: NDArray[np.int8]
    run: Numbers
    subject: Numbers
    base: Ints
    need_ptr: Ints
    need_idx: Numbers
    follow_ptr: Ints
    follow_idx: Numbers
    candidate_ptr: Ints
    candidate_idx: Numbers
    candidate_start: Numbers
    watch_ptr: Ints
    watch_idx: Numbers
    level_ptr: Ints
    run_dag: Numbers
    run_label: Numbers
    run_date: Ints
    run_partition: tuple[str | None, ...]
    run_group: tuple[tuple[object, ...] | None, ...]
    run_start: Numbers
    run_end: Numbers
    run_ptr: Ints
    run_nodes: Numbers
    cause_ptr: Ints
    cause_node: Numbers
    cause_dataset: Numbers
    cause_number: Numbers
    source_partition: tuple[str | None, ...]
    settings: tuple[TaskSettings, ...]
    waits: tuple[Wait | None, ...]
    dag_settings: tuple[DagSettings, ...]
    rank: Numbers
    last_tick: int
    on_failure: dict[str, str]
    ruled: frozenset[str]

    @property
    def size(self) -> int:
        """How many nodes there are. O(1)."""
        return len(self.kind)

    @property
    def runs(self) -> int:
        """How many runs there are. O(1)."""
        return len(self.run_dag)

    @cached_property
    def task_number(self) -> dict[TaskName, int]:
        """The number of each task. O(tasks) once."""
        return {name: number for number, name in enumerate(self.tasks)}

    @cached_property
    def dag_number(self) -> dict[str, int]:
        """The number of each DAG. O(DAGs) once."""
        return {name: number for number, name in enumerate(self.dags)}

    @cached_property
    def source_number(self) -> dict[str, list[int]]:
        """The numbers of the sources of each dataset. O(sources) once."""
        found: dict[str, list[int]] = {}
        for number, dataset in enumerate(self.sources):
            found.setdefault(dataset, []).append(number)
        return found

    @cached_property
    def dag_runs(self) -> Ints:
        """Where the runs of each DAG begin among all, and where the last one's end. O(runs) once."""
        found: Ints = np.searchsorted(self.run_dag, np.arange(len(self.dags) + 1)).astype(np.int64)
        return found

    @cached_property
    def first_task(self) -> dict[str, int]:
        """The number of each DAG's first task. O(tasks) once."""
        return {dag: number for number, (dag, _) in reversed([*enumerate(self.tasks)])}

    def nodes_of_task(self, task: TaskName) -> Numbers:
        """The nodes of a task, by the dates of their runs; none of one that does not run here. O(result)."""
        number, dag = self.task_number.get(task, -1), self.dag_number.get(task[0], -1)
        if number < 0:
            return self.run_nodes[:0]
        first, last = self.dag_runs[dag : dag + 2]
        return self.run_nodes[self.run_ptr[first:last] + (number - self.first_task[task[0]])]

    def starts_of_dag(self, dag: str) -> Numbers:
        """The STARTs of a DAG's runs, by date; none of one that does not run here. O(result)."""
        number = self.dag_number.get(dag, -1)
        return self.run_start[:0] if number < 0 else self.run_start[slice(*self.dag_runs[number : number + 2])]

    def events_of(self, dataset: str) -> Numbers:
        """The outside events of a dataset. O(events)."""
        events = self.subject[: len(self.source_partition)]  # sources stand in the first level, before all else
        return np.flatnonzero(np.isin(events, self.source_number.get(dataset, []))).astype(np.int32)

    @cached_property
    def needs(self) -> list[tuple[int, ...]]:
        """The needs of each node, for loops in plain Python, which read lists faster than arrays. O(edges) once."""
        return rows_of(self.need_ptr, self.need_idx)

    @cached_property
    def follows(self) -> list[tuple[int, ...]]:
        """The nodes that need each node. O(edges) once."""
        return rows_of(self.follow_ptr, self.follow_idx)

    @cached_property
    def watches(self) -> list[tuple[int, ...]]:
        """The waits that look at each node. O(nodes + candidates) once."""
        return rows_of(self.watch_ptr, self.watch_idx)

    @cached_property
    def candidates(self) -> list[tuple[tuple[int, int], ...] | None]:
        """The candidates of each wait, (awaited, START), highest date first; None for other nodes. O(nodes) once."""
        found: list[tuple[tuple[int, int], ...] | None] = [None] * self.size
        ptr = self.candidate_ptr.tolist()
        pairs = list(zip(self.candidate_idx.tolist(), self.candidate_start.tolist()))
        for node in np.flatnonzero(self.kind == WAIT).tolist():
            found[node] = tuple(pairs[ptr[node] : ptr[node + 1]][::-1])
        return found


def rows_of(ptr: Ints, idx: Numbers) -> list[tuple[int, ...]]:
    """The rows of a CSR as tuples. O(rows + entries)."""
    flat = tuple(idx.tolist())
    return [flat[low:high] for low, high in pairwise(ptr.tolist())]


@frozen(eq=False)
class NodeValues:
    """What a question says in one future: of each node its base, its delay and its span (ns), and the limits.

    `chance` are the chances with which attempts of tasks fail, by the task's number; those that are 0 are not in it.
    `capacity` are the slots of pools that are other than declared; `workers` bounds all attempts, None is no limit.
    """

    base: list[int]
    delay: list[int]
    span: list[int]
    chance: dict[int, float] = Factory(dict)
    capacity: dict[str, int] = Factory(dict)
    workers: int | None = None


@frozen(eq=False)
class Ends:
    """When each node began and ended in one future; BEYOND for what did not.

    `tie` is a wait for which the order of what happened at one instant decides, which arrays do not know; -1 without.
    `changed` are the nodes that are others than in the ends that these were made from; None where nobody kept them.
    """

    begin: list[int]
    end: list[int]
    tie: int = -1
    changed: list[int] | None = None
