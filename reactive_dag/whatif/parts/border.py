"""What the reference is told of a static part, so that it need not play it: requests of runs, ends of waits.

Owns `GivenRun`, `GivenWait`, `Border` and how they are read from the static part's outcome. Of a DAG on the border its
clocks and tasks are played as they are; what data requested, and what its waits await, may lie outside. Invariant: two
borders that are equal lead to the same course. O(runs and waits of the border + what caused those runs).
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

import numpy as np
from attrs import field, frozen

from reactive_dag.whatif.loops.states import WORDS
from reactive_dag.whatif.outcome.loop_outcome import LoopOutcome
from reactive_dag.whatif.outcome.window_outcome import OrderDecides
from reactive_dag.whatif.window.arrays import BEYOND, LOST, MET, SOURCE, WAIT
from reactive_dag.whatif.window.identities import run_identities
from reactive_dag.whatif.window.white_list import NotStatic

if TYPE_CHECKING:
    from reactive_dag.declare.graph import Graph
    from reactive_dag.model.records import Json
    from reactive_dag.whatif.outcome.window_outcome import WindowOutcome
    from reactive_dag.whatif.parts.static_part import StaticPart
    from reactive_dag.whatif.window.arrays import Window


@frozen
class GivenRun:
    """A run that data requested at an instant, and what it says of itself; `number` is that in the window."""

    at: int
    dag: str
    label: str
    date: int
    partition: str | None
    cascade: str
    key: str
    number: int


@frozen
class GivenWait:
    """How a wait ended, and when; BEYOND for one that did not."""

    end: int
    state: str
    output: Json


@frozen
class Border:
    """What a course of the rest is told. `dags` are the static DAGs that it plays too.

    `runs` are those that data requested, in order; `waits` the waits of all runs of these DAGs, by the run's number and
    the place in the plan. `numbers` has the number of each run by its identity. `instants` are all at which something
    of the static part happened from the question's end on.
    """

    dags: frozenset[str]
    runs: tuple[GivenRun, ...]
    waits: dict[tuple[int, int], GivenWait]
    instants: tuple[int, ...]
    identities: tuple[int, ...] = field(eq=False)
    numbers: dict[int, int] = field(eq=False)


def border_of(part: StaticPart, static: WindowOutcome, graph: Graph) -> Border:
    """What the rest is to be told. O(runs of the border). Raises NotStatic where arrays do not say what a wait saw."""
    window, of = part.window, static.of
    dags = part.played(_ended(static) if part.stars else {})
    identities = _identities_of(window)
    waits: dict[tuple[int, int], GivenWait] = {}
    runs: list[int] = []
    for dag in sorted(dags):
        for run in static.runs_of(dag):
            runs.append(run)
            for place, node in enumerate(of.tasks(run)):
                if of.kind[node] in (WAIT, MET, LOST) and static.begin[node] < BEYOND:
                    waits[run, place] = _wait(static, node, dag in part.awaited)
    cascades = _Cascades(static, graph)
    given = [_run(static, run, cascades) for run in runs if of.causes(run)]
    given.sort(key=lambda run: (run.at, window.rank[window.dag_number[run.dag]], run.date))
    return Border(
        dags, tuple(given), waits, _instants(static, window.until), identities,
        {identities[run]: run for run in runs},
    )  # fmt: skip


def _identities_of(window: Window) -> tuple[int, ...]:
    """The identity of each run of a window. O(1) after the first time."""
    found = _known.get(window)
    if found is None:
        found = _known[window] = tuple(run_identities(window).tolist())
    return found


def _ended(static: WindowOutcome) -> dict[str, set[str]]:
    """The states in which runs of each DAG ended. O(runs)."""
    found: dict[str, set[str]] = {}
    for run in static.runs:
        if static.ended(run) is not None:
            found.setdefault(static.dag(run), set()).add(static.state(run))
    return found


def _wait(static: WindowOutcome, node: int, is_seen: bool) -> GivenWait:
    """How a wait ended; what it gave is said where a wait of the rest may see it."""
    state = WORDS[static.states[node]] if isinstance(static, LoopOutcome) else "success"
    if not is_seen:
        return GivenWait(static.end[node], state, None)
    try:
        output = static.outputs_of([node]).get(static.of.task(node)[1])
    except OrderDecides:
        dag, task = static.of.task(node)
        raise NotStatic(f"what {dag}.{task} saw depends on what happened first at one instant", dag) from None
    return GivenWait(static.end[node], state, output)


def _run(static: WindowOutcome, run: int, cascades: _Cascades) -> GivenRun:
    head = static.head(run)
    assert head.requested is not None and head.logical_date is not None, head
    return GivenRun(
        head.requested, head.dag, head.label, head.logical_date, head.partition, cascades.of(run), head.key, run
    )  # fmt: skip


def _instants(static: WindowOutcome, until: int) -> tuple[int, ...]:
    """When something happened from an instant on. O(nodes)."""
    found = np.concatenate((static.ends, np.array(static.begin, np.int64)))
    return tuple(np.unique(found[(found >= until) & (found < BEYOND)]).tolist())


class _Cascades:
    """To which cascade each run belongs (R1): what a wait or a join without a date goes by. O(causes) a run."""

    def __init__(self, static: WindowOutcome, graph: Graph) -> None:
        self.static = static
        self.graph = graph
        self._known: dict[int, str] = {}
        self._begins: dict[str, bool] = {}

    def of(self, run: int) -> str:
        """The cascade of a run; its key for one that is the first of its own."""
        waiting = [run]
        while waiting:
            each = waiting[-1]
            makers = [
                maker for node, _, _ in self.static.of.causes(each) if (maker := self.static.of.run_of[node]) >= 0
            ]
            lacking = [maker for maker in makers if maker not in self._known]
            if lacking:
                waiting += lacking
            else:
                self._known[waiting.pop()] = self._of(each)
        return self._known[run]

    def _of(self, run: int) -> str:
        static, dag = self.static, self.static.dag(run)
        found = {self._of_node(node) for node, _, _ in static.of.causes(run)}
        if int(static.window.base[static.of.start[run]]):
            found.add("")  # a tick belongs to none
        agreed = found.pop() if len(found) == 1 else ""
        return static.key(run) if not agreed or self._is_first(dag) else agreed

    def _of_node(self, node: int) -> str:
        of = self.static.of
        if of.kind[node] == SOURCE:
            dataset, number = self.static.event_of(node)
            return f"{dataset}#{number}"
        return self._known[of.run_of[node]]

    def _is_first(self, dag: str) -> bool:
        if dag not in self._begins:
            self._begins[dag] = dag in self.graph.origins(dag)
        return self._begins[dag]


_known: WeakKeyDictionary[Window, tuple[int, ...]] = WeakKeyDictionary()
