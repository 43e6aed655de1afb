"""Whether the order of what happened at one instant may decide something that the course of a rest does not know.

Owns no state. A course of the rest plays what ends on the border in the order of a course of the whole, but for what is
given to it (requests by data, ends of waits) and for tasks without duration, each of which takes a turn of its own at
its instant (W20). So where a DAG of the rest sees one of these, and something else at the same instant, it is not
certain which it sees first. O(what the rest hears and awaits, sorted).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from operator import itemgetter
from typing import TYPE_CHECKING

import numpy as np

from reactive_dag.declare.internals import analysis_of
from reactive_dag.triggers.leaves.completed import Completed
from reactive_dag.triggers.leaves.dataset import Updated
from reactive_dag.triggers.walks import walk
from reactive_dag.whatif.loops.states import UPSTREAM_FAILED
from reactive_dag.whatif.outcome.loop_outcome import LoopOutcome
from reactive_dag.whatif.window.arrays import BEYOND, TASK
from reactive_dag.whatif.window.firings import makers_of

if TYPE_CHECKING:
    from reactive_dag.declare.graph import Graph
    from reactive_dag.whatif.outcome.trace import Trace
    from reactive_dag.whatif.outcome.window_outcome import WindowOutcome
    from reactive_dag.whatif.parts.static_part import StaticPart

Seen = tuple[int, object, str]
"""An instant, what was seen at it, and the DAG of which it is not certain when at it that came; "" where it is."""


class OrderOfInstants:
    """Judges the order in which the rest of a graph saw what happened; `trace` is the course of the rest.

    `turns` are the instants at which a static task took no time.
    """

    def __init__(
        self, part: StaticPart, static: WindowOutcome, trace: Trace, graph: Graph, turns: frozenset[int]
    ) -> None:
        self.part = part
        self.static = static
        self.trace = trace
        self.graph = graph
        self._turns = turns
        self._together: dict[str, frozenset[int]] = {}
        self.analysis = analysis_of(graph)

    def uncertain(self) -> tuple[str, str] | None:
        """A DAG of the rest for which the order may decide, and the static one of which it is not certain."""
        for dag in self.part.rest:
            seen = set(self._seen_by(dag))  # what two parts of a trigger hear is there once
            at = Counter([instant for instant, _, _ in seen])
            for instant, _, of in sorted(seen, key=itemgetter(0, 2)):
                if of and at[instant] > 1:
                    return dag, of
        return None

    # ------------------------------------------------------------------------------------- what is seen

    def _seen_by(self, id: str) -> Iterator[Seen]:
        """The instants at which a DAG of the rest saw something that may come before or after other things."""
        for trigger, _ in self.analysis.effective(id).values():
            for part in walk(trigger):
                if isinstance(part, Updated):
                    yield from self._of_dataset(part.dataset.uri)
                elif isinstance(part, Completed) and part.dag == "*":
                    for dag in self.analysis.heard(id, part.tags):
                        yield from self._ends(dag, None)
                elif isinstance(part, Completed):
                    yield from self._ends(part.dag, part.task)
        waits = [task.wait for task in self.graph.dags[id].tasks.values() if task.wait is not None]
        for wait in waits:
            if wait.dataset is not None:
                yield from self._of_dataset(wait.dataset.uri)
            else:
                for task in wait.task_ids or (None,):
                    yield from self._ends(wait.dag, task)
                yield from self._requests(wait.dag)
        yield from (seen for wait in waits for seen in self._begins(id, wait.id))

    def _of_dataset(self, uri: str) -> Iterator[Seen]:
        for node in self.static.window.events_of(uri).tolist():
            yield self.static.end[node], node, ""
        for dag, task in makers_of(self.graph, uri):
            yield from self._ends(dag, task)

    def _ends(self, dag: str, task: str | None) -> Iterable[Seen]:
        if dag not in self.part.dags:
            return self._ends_of_rest(dag, task)
        window, of = self.static.window, self.static.of
        if task is not None:
            nodes = window.nodes_of_task((dag, task)).tolist()
            return [(at, node, self._doubt(dag, node)) for node in nodes if (at := self.static.end[node]) < BEYOND]
        found = []
        for run in self.static.runs_of(dag):
            end = self.static.end[of.end[run]]
            if end < BEYOND:
                last = [node for node in of.tasks(run) if self.static.end[node] == end]
                found.append((end, of.end[run], max([self._doubt(dag, node) for node in last], default=dag)))
        return found

    def _ends_of_rest(self, dag: str, task: str | None) -> Iterator[Seen]:
        for run in self.trace.by_dag.get(dag, ()):
            ended = self.trace.ended(run) if task is None else self.trace.interval(run, task)[1]
            if ended is not None:
                yield ended, ("end", run, task), dag if ended in self._turns else ""

    def _requests(self, dag: str) -> Iterator[Seen]:
        """The requests of a DAG by data; those by a clock come before all else at their instant."""
        if dag in self.part.dags:
            for run in self.static.runs_of(dag):
                if self.static.of.causes(run):
                    start = self.static.of.start[run]
                    yield self.static.begin[start], start, dag

    def _begins(self, dag: str, task: str) -> Iterator[Seen]:
        for run in self.trace.by_dag.get(dag, ()):
            begun = self.trace.interval(run, task)[0]
            if begun is not None:
                yield begun, ("begin", run, task), ""

    # ------------------------------------------------------------------------------------- what is not certain

    def _doubt(self, dag: str, node: int) -> str:
        """The DAG, where it is not certain when at its instant a node ended; else ""."""
        static = self.static
        if static.of.kind[node] != TASK or static.of.run_of[node] in self._requested_together(dag):
            return dag
        last = static.began_last(node)
        return dag if last == static.end[node] or last in self._turns or static.end[node] in self._turns else ""

    def _requested_together(self, dag: str) -> frozenset[int]:
        """The runs of a DAG that data requested at one instant with others of it. O(its runs) once."""
        found = self._together.get(dag)
        if found is None:
            static = self.static
            runs = [run for run in static.runs_of(dag) if static.of.causes(run)]
            begun = Counter([static.begin[static.of.start[run]] for run in runs])
            several = [run for run in runs if begun[static.begin[static.of.start[run]]] > 1]
            found = self._together[dag] = frozenset(several)
        return found


def turns_of(static: WindowOutcome) -> frozenset[int]:
    """The instants at which a static task took no time, and so a turn. O(nodes)."""
    begin, end = np.array(static.begin, np.int64), static.ends
    at_once = (static.window.kind == TASK) & (begin == end) & (end < BEYOND)
    found = set[int]()
    if isinstance(static, LoopOutcome):
        at_once &= np.array(static.states) != UPSTREAM_FAILED
        found = {at for node in static.play.again for at, until in static.spans(node) if at == until}
    return frozenset(found | set(begin[at_once].tolist()))
