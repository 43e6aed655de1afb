"""What the courses of one version of a graph share: worked out once, kept with that version.

Owns `Prepared`. Invariant: it follows from the declarations alone, and nothing of it changes while courses are played.
O(graph) the first time, then O(1); O(tasks) for each set of durations, and for each DAG that interventions touch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from reactive_dag.declare.internals import plan_of
from reactive_dag.engine.fold.hooks import GraphCaches
from reactive_dag.engine.runs.logical_dates import OutletCalendars
from reactive_dag.whatif.answers.trace import Shape
from reactive_dag.whatif.course.simple_tasks import Heard, Line
from reactive_dag.whatif.question.names import Names

if TYPE_CHECKING:
    from reactive_dag.declare.graph import Graph
    from reactive_dag.model.records import Registered
    from reactive_dag.whatif.question.durations import Durations
    from reactive_dag.whatif.question.names import TaskName
    from reactive_dag.whatif.question.scenario import Effects

Spans = dict["TaskName", int]
"""How long each task takes (ns)."""

KEPT = "simulate"
"""The name under which a version of a graph keeps what was prepared for it."""

MOST = 8
"""So many sets of durations at most are remembered."""


class Prepared:
    """One version of a graph, ready to be played."""

    def __init__(self, graph: Graph) -> None:
        self.dags = dict(graph.dags)
        self.names = Names(graph)
        self.looks = {id: Shape.of(dag) for id, dag in self.dags.items()}
        self.heard = Heard.of(graph)
        self.waits = frozenset((id, wait.id) for id, dag in self.dags.items() for wait in dag.waits)
        self.caches = GraphCaches(calendars=OutletCalendars(graph.version, self.dags.values()))
        self.registered: list[tuple[Registered, bool]] | None = None
        self._spans: dict[Durations, Spans] = {}
        self._lines: dict[int, tuple[Spans, dict[str, Line]]] = {}

    @classmethod
    def of(cls, graph: Graph) -> Prepared:
        """What was prepared for a graph as it is now. O(1), the first time O(graph)."""
        kept = graph.view.kept
        found = kept.get(KEPT)
        if not isinstance(found, Prepared):
            found = kept[KEPT] = cls(graph)
        return found

    def spans(self, graph: Graph, durations: Durations) -> Spans:
        """How long each task takes; what a user's function says is asked each time. O(tasks). Raises as `resolve`."""
        if not durations.settled:
            return durations.resolve(graph, self.names)
        found = self._spans.get(durations)
        if found is None:
            if len(self._spans) >= MOST:
                self._spans.clear()
            found = self._spans[durations] = durations.resolve(graph, self.names)
        return found

    def lines(self, effects: Effects) -> dict[str, Line]:
        """The lines of all DAGs, as interventions make them. O(tasks of the DAGs touched), the first time O(tasks)."""
        usual = self._usual(effects.usual)
        touched = effects.tasks.keys() | effects.fails.keys()
        dags = {dag for dag, _ in (*touched, *effects.changed)}
        if not dags:
            return usual
        spans = effects.usual | effects.changed
        return usual | {dag: self._line(dag, spans, touched) for dag in dags}

    def _usual(self, spans: Spans) -> dict[str, Line]:
        known = self._lines.get(id(spans))
        if known is None:
            if len(self._lines) >= MOST:
                self._lines.clear()
            known = self._lines[id(spans)] = spans, {dag: self._line(dag, spans, set()) for dag in self.dags}
        return known[1]

    def _line(self, id: str, spans: Spans, touched: set[TaskName]) -> Line:
        dag = self.dags[id]
        return Line(dag, [spans.get((id, task), 0) for task in plan_of(dag).ids], self.heard, touched)
