"""What the courses of one version of a graph share: worked out once, kept with that version.

Owns `PreparedGraph`. Invariant: it follows from the declarations alone, and nothing of it changes while courses are
played. O(graph) the first time, then O(1); O(tasks) for each set of durations.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING

from reactive_dag.declare.analysis.date_overlap import has_no_such_date
from reactive_dag.declare.internals import analysis_of, deadline_of, version_of
from reactive_dag.engine.fold.hooks import GraphCaches
from reactive_dag.engine.runs.logical_dates import OutletCalendars
from reactive_dag.triggers.walks import walk
from reactive_dag.whatif.question.effects import Effects
from reactive_dag.whatif.question.names import GraphNames
from reactive_dag.whatif.question.outputs import assumed_outputs

if TYPE_CHECKING:
    from reactive_dag.declare.graph import Graph
    from reactive_dag.declare.task import AnyTask
    from reactive_dag.engine.runs.task_arrays import TaskArrays
    from reactive_dag.model.records import Registered
    from reactive_dag.model.schedule import Schedule
    from reactive_dag.whatif.question.durations import Durations, TaskDuration
    from reactive_dag.whatif.question.names import TaskName
    from reactive_dag.whatif.question.question import Question

TaskDurations = dict["TaskName", "TaskDuration"]
"""How long each task takes."""

Registrations = list[tuple["Registered", bool]]
"""The records that put triggers into force, and whether a clock is in each."""

KEPT_AS = "simulate"
"""The name under which a version of a graph keeps what was prepared for it."""

MOST_DURATIONS = 8
"""So many sets of durations at most are remembered."""


class PreparedGraph:
    """One version of a graph, ready to be played."""

    def __init__(self, graph: Graph) -> None:
        self._dags = dict(graph.dags)
        self.pools = {id: pool.slots for id, pool in graph.pools.items()}
        self.active = {id: dag.max_active_runs for id, dag in graph.dags.items()}
        self.analysis = analysis_of(graph)
        self._never: dict[TaskName, bool] = {}
        self.names = GraphNames(graph)
        self.caches = GraphCaches(calendars=OutletCalendars(version_of(graph)))
        self.outputs = assumed_outputs(self._dags.values())
        self._registered: Registrations | None = None
        self._durations: dict[Durations, TaskDurations] = {}

    @cached_property
    def played(self) -> dict[str, TaskArrays]:
        """The tasks of each DAG in arrays, for who plays it in this version. O(tasks) once."""
        return {id: self.caches.arrays.of(dag) for id, dag in self._dags.items()}

    @classmethod
    def of(cls, graph: Graph) -> PreparedGraph:
        """What was prepared for a graph as it is now. O(1), the first time O(graph)."""
        kept = analysis_of(graph).kept
        found = kept.get(KEPT_AS)
        if not isinstance(found, PreparedGraph):
            found = kept[KEPT_AS] = cls(graph)
        return found

    def task(self, dag: str, task: str) -> AnyTask:
        """The declaration of a task as it is in this version. O(1)."""
        return self._dags[dag].tasks[task]

    def never_comes(self, wait: TaskName) -> bool:
        """Whether what a wait awaits never has its date, by the schedules. O(a year of ticks) once."""
        if wait not in self._never:
            self._never[wait] = has_no_such_date(self.analysis, *wait)
        return self._never[wait]

    @cached_property
    def has_joins(self) -> bool:
        """Whether a trigger keeps items until others come. O(size of the triggers) once."""
        triggers = (trigger for dag in self._dags.values() for trigger in dag.triggers.values())
        return any(part.gathers or part.joins for trigger in triggers for part in walk(trigger))

    @cached_property
    def deadlines(self) -> dict[str, int | Schedule]:
        """The deadline of each DAG that has one: so long (ns) after a run's date, or a clock. O(DAGs) once."""
        found = ((id, deadline_of(dag)) for id, dag in self._dags.items())
        return {id: deadline for id, deadline in found if deadline is not None}

    def registered(self, make: Callable[[], Registrations]) -> Registrations:
        """The registrations of the graph's triggers; `make` gives them the first time. O(1) after that."""
        if self._registered is None:
            self._registered = make()
        return self._registered

    def effects(self, question: Question) -> Effects:
        """What a question means for the graph as it is now. O(tasks). Raises UnknownId, InvalidValue."""
        usual = self.durations(question.durations)
        return Effects.of(question, self.names, usual, self.outputs)

    def durations(self, durations: Durations) -> TaskDurations:
        """How long each task takes; what a user's function says is asked each time. O(tasks). Raises as `resolve`."""
        if not durations.settled:
            return durations.resolve(self.names)
        found = self._durations.get(durations)
        if found is None:
            if len(self._durations) >= MOST_DURATIONS:
                self._durations.clear()
            found = self._durations[durations] = durations.resolve(self.names)
        return found
