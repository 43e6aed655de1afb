"""Many futures of a simulation: what is drawn is drawn anew in each, by its key, so all share their random numbers.

Owns `Futures`. Invariant: future k of a seed is the simulation with that seed's k-th draws, whatever evaluates it and
on however many threads; future 0 of a simulation's own seed is the simulation itself. Each answer says its cost.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import TYPE_CHECKING

from reactive_dag.declare.dag import Dag
from reactive_dag.declare.internals import due_after
from reactive_dag.engine.inspect.run import Run
from reactive_dag.model.errors import UnknownId
from reactive_dag.model.payload import StaysHere
from reactive_dag.model.suggest import did_you_mean
from reactive_dag.model.times import from_datetime
from reactive_dag.whatif.answers.show import Answer
from reactive_dag.whatif.futures.course_futures import CourseFutures
from reactive_dag.whatif.futures.criticality import Criticality
from reactive_dag.whatif.futures.finish import FinishTime
from reactive_dag.whatif.futures.future_ends import EndsInCourses, EndsInWindow
from reactive_dag.whatif.futures.kept import KeptEnds
from reactive_dag.whatif.futures.landing import LandingRow
from reactive_dag.whatif.futures.window_futures import WindowFutures
from reactive_dag.whatif.loops.answering import window_of
from reactive_dag.whatif.loops.window_tools import tools_of
from reactive_dag.whatif.question.names import given_name
from reactive_dag.whatif.window.white_list import NotStatic

if TYPE_CHECKING:
    from reactive_dag.whatif.course.prepared import PreparedGraph
    from reactive_dag.whatif.question.effects import Effects
    from reactive_dag.whatif.question.question import Question


class Futures(Answer[LandingRow], StaysHere):
    """The futures of a question; made by `Simulation.futures`. `asked` were asked for, `n` were done.

    It is a table of when the last run of each DAG lands, in the order of time. `method` says what evaluated them, and
    why it was not a faster way.
    """

    columns = ("dag", "date", "p50", "p90", "p99", "fails")
    _row_type = LandingRow
    right = frozenset({"fails"})
    _instead = "pickle what it answers: .finish(...), .criticality(...), .to_json()"

    def __init__(
        self, question: Question, prepared: PreparedGraph, effects: Effects, n: int, seed: int, label: str,
        find_run: Callable[[str], Run], kept: KeptEnds, progress: bool | None = None, workers: int | None = None,
    ) -> None:  # fmt: skip
        self.question = question
        self.effects = self._effects = effects
        self._zone = effects.zone
        self.seed = seed
        self.asked = n
        self.label = label
        self._find_run = find_run
        self._names = prepared.names
        ends = kept.known(n, seed)
        if ends is None:
            courses = CourseFutures(question, prepared, effects, seed)
            try:
                tools = tools_of(question.graph, window_of(question))
                window = WindowFutures(tools, effects, seed, courses.answer)
                ends = EndsInWindow(window, n, workers, progress, kept.before(n, seed), courses)
            except NotStatic as why:
                ends = EndsInCourses(courses, str(why), n, workers, progress)
            kept.keep(n, seed, ends)
        self._ends = ends
        self.method = ends.method

    @property
    def n(self) -> int:
        """How many futures were done: fewer than asked for where Ctrl-C came. O(1)."""
        return self._ends.n

    def finish(self, what: Dag | Run | str) -> FinishTime:
        """When something ends with success: a DAG's last run (by date), a task of that ("dag.task"), a run by its key.

        O(futures). Raises UnknownId.
        """
        dag, date, partition, task = self._meant(what)
        found = self._ends.of(dag, date, partition, task)
        if found is None:
            raise UnknownId(f"DAG {dag!r} never ran in these futures")
        due = None if task else due_after(self.question.graph.dags[dag], found[0])
        return FinishTime(f"{dag}.{task}" if task else dag, *found, self.effects, due)

    def criticality(self, dag: Dag | str) -> Criticality:
        """Of each task the share of the futures in which it decides when the DAG's last run ends, the largest first.

        It is on the critical path: from the end back through what ended last before each step could begin. Futures in
        which the run does not succeed count as ones without a path. O(futures * steps). Raises UnknownId.
        """
        name, _, _, task = self._meant(dag)
        if task:
            raise UnknownId(f"{dag!r} is a task; the critical path is that of a DAG, {name!r}")
        found = self._ends.paths(name)
        if found is None:
            raise UnknownId(f"DAG {name!r} never ran in these futures")
        return Criticality(name, found, self.n, self.effects)

    def _meant(self, what: Dag | Run | str) -> tuple[str, int | None, str | None, str]:
        if isinstance(what, Run):
            date = None if what.logical_date is None else from_datetime(what.logical_date)
            return what.dag, date, what.partition, ""
        name = given_name(what, "finish()").text
        if name in self.question.graph.dags:
            return name, None, None, ""
        try:
            dag, task = self._names.task(given_name(name, "finish()"), "finish()")
            return dag, None, None, task
        except UnknownId:
            pass
        try:
            return self._meant(self._find_run(name))
        except UnknownId:
            hint = did_you_mean(name, self.question.graph.dags)
            raise UnknownId(f"no DAG, task or run {name!r} in graph {self.question.graph.id!r}{hint}") from None

    @cached_property
    def rows(self) -> list[LandingRow]:  # type: ignore[override]
        """When the last run of each DAG lands, the earliest median first. O(DAGs * futures log futures) once."""
        found = [(dag, self._ends.of(dag, None, None, "")) for dag in self.question.graph.dags]
        rows = [LandingRow.of(FinishTime(dag, *ends)) for dag, ends in found if ends is not None]
        return sorted(rows, key=lambda row: (row.p50 is None, row.p50 and row.p50.timestamp(), row.dag))

    @property
    def title(self) -> str:
        """How many futures of what."""
        return f"when the last run of each DAG lands: {self.label}, {self._count} futures"

    @property
    def _count(self) -> str:
        rest = "" if self.n == self.asked else f" of {self.asked} (interrupted)"
        return f"{self.n}{rest}"

    def _cells_of(self, rows: Sequence[LandingRow]) -> list[tuple[str, ...]]:
        return [row.cells() for row in rows]

    def to_json(self) -> dict[str, object]:
        """Plain data. O(DAGs * futures log futures)."""
        return {
            "name": self.label, "seed": self.seed, "asked": self.asked, "n": self.n, "method": self.method,
            "assumed": self.assumed, "rows": [row.to_json() for row in self.rows],
        }  # fmt: skip

    def __repr__(self) -> str:
        what = f"{self.question.graph.id!r} {self.label!r}"
        return f"<Futures of {what}: {self._count}, seed {self.seed} ({self.method})>"
