"""`simulate` and `Simulation`: a course of events in virtual time, and the questions that it answers.

Owns one finished course and its question. Invariant: it never changes; one question of one version of a graph always
gives the same course, record for record. Playing costs O(records); each answer says its own cost.
"""

from __future__ import annotations

from datetime import timedelta
from functools import cached_property
from typing import TYPE_CHECKING

from reactive_dag.declare.analysis.problem import Problem
from reactive_dag.declare.dag import Dag
from reactive_dag.declare.internals import version_of
from reactive_dag.declare.settings.parsers import whole
from reactive_dag.engine.inspect.run import Run
from reactive_dag.engine.inspect.run_list import RunList
from reactive_dag.engine.inspect.why import why_run
from reactive_dag.model import pictures
from reactive_dag.model.errors import InvalidValue, UsageError
from reactive_dag.model.payload import StaysHere
from reactive_dag.model.text import counted, seen
from reactive_dag.model.times import GivenTime, format_time
from reactive_dag.whatif.answers.critical_path import CriticalPath, hops, steps_of
from reactive_dag.whatif.answers.deadlines import DeadlinesTable, deadlines_of
from reactive_dag.whatif.answers.inspector import inspector_of
from reactive_dag.whatif.answers.meant_runs import MeantRuns
from reactive_dag.whatif.answers.slack import Slack, slack_of
from reactive_dag.whatif.answers.stranded import StrandedEvents
from reactive_dag.whatif.answers.timeline import Timeline, timeline_of
from reactive_dag.whatif.answers.unfinished import UnfinishedWork
from reactive_dag.whatif.answers.usage import WORKERS, Usage, usage_of
from reactive_dag.whatif.answers.window_host import Recorded, WindowHost
from reactive_dag.whatif.comparison.compare import Comparison, compared
from reactive_dag.whatif.course.player import CoursePlayer
from reactive_dag.whatif.course.prepared import PreparedGraph
from reactive_dag.whatif.futures.futures import Futures
from reactive_dag.whatif.futures.kept import KeptEnds
from reactive_dag.whatif.futures.so_far import FuturesSoFar, futures_so_far
from reactive_dag.whatif.loops.answering import Method, WindowAnswer, answer
from reactive_dag.whatif.outcome.of_answer import outcome_of
from reactive_dag.whatif.outcome.trace import Trace
from reactive_dag.whatif.outcome.window_outcome import WindowOutcome
from reactive_dag.whatif.parts.answering import PartsAnswer, answer_in_parts
from reactive_dag.whatif.question.binding import bind_all_but_bodies
from reactive_dag.whatif.question.durations import DurationOrFunction, GivenDurations
from reactive_dag.whatif.question.interventions import Intervention
from reactive_dag.whatif.question.outputs import GivenOutputs
from reactive_dag.whatif.question.question import GivenSources, Question, question_of
from reactive_dag.whatif.records.record_host import RecordHost
from reactive_dag.whatif.records.written import WrittenRecords
from reactive_dag.whatif.window.white_list import NotStatic

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from reactive_dag.declare.graph import Graph
    from reactive_dag.engine.host import Host
    from reactive_dag.engine.inspect.queries import Queries
    from reactive_dag.engine.inspect.why import Why
    from reactive_dag.model.records import AnyRecord
    from reactive_dag.whatif.outcome.outcome import Outcome
    from reactive_dag.whatif.question.effects import Effects


def simulate(
    graph: Graph, *, start: GivenTime, until: timedelta | GivenTime, sources: GivenSources | None = None,
    durations: GivenDurations = None, default_duration: DurationOrFunction | None = None,
    outputs: GivenOutputs | None = None, seed: int = 0,
) -> Simulation:  # fmt: skip
    """Play a graph in virtual time, with durations instead of bodies. O(records).

    `start` is included, `until` (an instant, or so long after it) is not; what was begun goes on to its end. `sources`
    says when outside publishes which datasets, `durations` how long tasks take: by `"dag.task"`, a task's id or a
    DAG's, a duration, a distribution (`rd.lognormal("15m", 0.4)`) or a function of the task's name; a list may hold
    several of these and `rd.shared(...)`. `outputs` says what tasks return, by the same names: which items
    are mapped over (one, None, where it is not given), which tasks a branch chooses (all). Each success publishes one
    event for each outlet. What lies before the start counts as done in time. Raises GraphError if `graph.check()` does,
    InvalidValue for values that cannot be used and for tasks without a duration, UnknownId.

    >>> from reactive_dag.declare.graph import Graph
    >>> graph = Graph("sales")
    >>> orders = graph.dataset("orders")
    >>> @graph.dag(schedule="0 2 * * *", outlets=[orders])
    ... def ingest(run): ...
    >>> @graph.dag(on=orders)
    ... def report(run): ...
    >>> base = simulate(graph, start="2026-11-23T00:00Z", until="1d", default_duration="10m")
    >>> [(run.dag, run.state, f"{run.ended:%H:%M}") for run in base.runs]
    [('ingest', 'success', '02:10'), ('report', 'success', '02:20')]
    """
    graph.check()
    bind_all_but_bodies(graph)
    return Simulation(question_of(graph, start, until, sources, durations, default_duration, seed, outputs))


NO_RECORDS = "which had no records yet: simulate it anew, or read .why() and .run() before the change"


class Simulation(StaysHere):
    """A finished course of events; made by `simulate` and by `what_if`."""

    _instead = "pickle what it answers: .timeline(), .slack(), .compare(), .to_json()"

    def __init__(self, question: Question, name: str = "", parent: Simulation | None = None) -> None:
        self.question = question
        self.name = name
        self.parent = parent
        self._prepared, self._version = PreparedGraph.of(question.graph), version_of(question.graph)
        before = parent if parent is not None and parent._prepared is self._prepared else None
        self.effects = self._effects(before)
        self._kept: KeptEnds = KeptEnds(self.effects, None if before is None else before._kept)
        self.answer: WindowAnswer | None = None
        self.parts: PartsAnswer | None = None
        self.method = self._answer(before)

    def _effects(self, before: Simulation | None) -> Effects:
        """What the question means; after one of the same version of the graph only what is new is worked out."""
        if before is None:
            return self._prepared.effects(self.question)
        more = self.question.interventions[len(before.question.interventions) :]
        return before.effects.with_more(more, self.question, self._prepared.names)

    def _answer(self, before: Simulation | None) -> Method:
        """Ask the window, or the window of the static part and the reference for the rest, else the reference."""
        whole, parts = (None, None) if before is None else (before.answer, before.parts)
        try:
            self.answer = answer(self.question, self.effects, whole)
            return self.answer.method
        except NotStatic as why:
            reason = why
        try:
            self.parts = answer_in_parts(self.question, self.effects, self._prepared, parts, lambda: self.trace, reason)
            return self.parts.method
        except NotStatic as why:
            self.trace  # noqa: B018  # what is wrong with a question is said now
            return Method("reference", str(why))

    @cached_property
    def trace(self) -> Trace:
        """The course of the reference, played when it is first read. O(records) once.

        Raises UsageError where the graph was changed before that: what it was cannot be played any more.
        """
        self._refuse_changed(NO_RECORDS)
        player = CoursePlayer(self.question, self._prepared, self.effects)
        return Trace(player.run(), self._prepared.played, player.draws)

    def _refuse_changed(self, what: str) -> None:
        if self._version != version_of(self.graph):
            raise UsageError(f"graph {self.graph.id!r} has changed since this simulation, {what}")

    @cached_property
    def outcome(self) -> Outcome:
        """What all answers are read from: the window's arrays, or the course of the reference. O(1)."""
        if self.answer is not None:
            return outcome_of(self.answer, self.graph.id, self.effects, self._prepared, lambda: self.trace)
        return self.trace if self.parts is None else self.parts.outcome

    @cached_property
    def _meant(self) -> MeantRuns:
        return MeantRuns(self.graph, self.outcome)

    @cached_property
    def _inspector(self) -> Queries:
        return inspector_of(self.trace.fold)

    @cached_property
    def _host(self) -> Host:
        if self.method.evaluator == "reference":
            return self._inspector.host
        return WindowHost(self.graph, self.outcome, lambda: self._recorded)

    @cached_property
    def _written(self) -> WrittenRecords | None:
        """The records that a pass over a window tells, made when they are first read; None: the reference plays them.

        O(records) once. Raises UsageError where the graph was changed before that.
        """
        if self.answer is None or self.answer.play is not None:
            return None
        self._refuse_changed(NO_RECORDS)
        assert isinstance(self.outcome, WindowOutcome), self.outcome
        try:
            return WrittenRecords(self.question, self._prepared, self.outcome)
        except NotStatic:
            return None

    @cached_property
    def _recorded(self) -> Recorded:
        """Who answers by records: by those that arrays tell, else by the reference's. O(records) once."""
        written, outcome = self._written, self.outcome
        if written is None:
            trace = self.trace
            return Recorded(
                self._inspector.host, lambda run: trace.by_key[outcome.key(run)],
                lambda offset: outcome.by_key[trace.key(offset)],
            )  # fmt: skip
        host = RecordHost(self.graph, self._prepared, written)
        return Recorded(host, written.requests.__getitem__, written.numbers.__getitem__)

    # ------------------------------------------------------------------------------------- what happened

    @property
    def graph(self) -> Graph:
        """The graph that was played."""
        return self.question.graph

    @property
    def interventions(self) -> tuple[Intervention, ...]:
        """All interventions of this course, those of its parents included."""
        return self.question.interventions

    @property
    def runs(self) -> RunList:
        """Every run, in the order in which they were requested. O(runs)."""
        return RunList(self._run(run) for run in self.outcome.runs)

    def runs_of(self, dag: Dag | str) -> RunList:
        """The runs of one DAG, in the order of their requests. O(runs of the DAG). Raises UnknownId."""
        return RunList(self._run(run) for run in self._meant.of_dag(dag))

    def run(self, key: Run | str) -> Run:
        """A run by its key, or by the first digits of it. Raises UnknownId."""
        return self._run(self._meant.of_key(key))

    def why(self, what: Run | Dag | str, *, logical_date: GivenTime | None = None) -> Why:
        """Why a run happened, or why a DAG did not run: as `Engine.why`. O(causes). Raises UnknownId."""
        key = what.key if isinstance(what, Run) else what
        if self.answer is None or not isinstance(key, str) or key in self.graph.dags:
            return self._inspector.why(key, logical_date=logical_date)
        return why_run(self._host, self.run(key))

    @property
    def records(self) -> Sequence[AnyRecord]:
        """All that an engine would have recorded, in the order of its log; offsets are places here. O(records) once.

        Raises UsageError where the graph was changed before they were first read.
        """
        if self._written is not None:
            return self._written.records
        log = self.trace.fold.log
        return log.read(0, log.next_offset)

    def _run(self, number: int) -> Run:
        return Run(self._host, number)

    def timeline(self, *dags: Dag | str) -> Timeline:
        """Every task of every run (of these DAGs), with what it waited for; of a mapped one each instance.

        O(tasks + edges). Raises UnknownId.
        """
        if not dags:
            return timeline_of(self.outcome, self.outcome.runs)
        return timeline_of(self.outcome, [run for dag in dags for run in self._meant.of_dag(dag)])

    def critical_path(self, dag_or_run: Dag | Run | str) -> CriticalPath:
        """What decided when a run ended, back to a tick or an event from outside; of a DAG, its last run. O(steps).

        Raises UnknownId for a DAG that is not here, or that never ran.
        """
        run = self._meant.last_of(dag_or_run)
        return CriticalPath(self._run(run), steps_of(self.outcome, hops(self.outcome, run)), self.effects)

    def pending(self) -> UnfinishedWork:
        """What is unfinished at the end of the course, and why. O(live runs + items pending)."""
        return UnfinishedWork(self.outcome.unfinished())

    def stranded(self) -> StrandedEvents:
        """The events that no run took, and why: pending at the end, parked, held, dropped. O(items pending)."""
        return StrandedEvents(self.outcome.left(), self.effects.zone)

    def deadlines(self) -> DeadlinesTable:
        """The deadlines kept and missed, and by how much. O(runs)."""
        return deadlines_of(self.outcome)

    def slack(self, dag_or_run: Dag | Run | str | None = None) -> Slack:
        """How much later each task may end until the whole ends later (or the run meant), or a deadline is missed.

        O(tasks + edges). Raises UnknownId as `critical_path`.
        """
        return slack_of(self.outcome, None if dag_or_run is None else self._meant.last_of(dag_or_run))

    def usage(self) -> Usage:
        """The use of workers, pools and active runs over time, and who waited for them. O(attempts log attempts)."""
        limits = {WORKERS: self.effects.workers, **self._prepared.pools, **self.effects.capacities}
        return usage_of(self.outcome, limits, self._prepared.active)

    def problems(self) -> list[Problem]:
        """The graph's problems, without datasets that an outside source publishes here. O(graph) the first time."""
        published = {source.dataset for source in self.question.sources}
        return [
            problem for problem in self.graph.problems()
            if problem.kind != "no_producer" or problem.ids[0] not in published
        ]  # fmt: skip

    # ------------------------------------------------------------------------------------- what if

    def what_if(self, *interventions: Intervention, name: str = "") -> Simulation:
        """Ask this again with interventions: `rd.delay`, `rd.duration`, `rd.fail`, `rd.shared`, `rd.capacity`, ...

        They are added to those of this course, and asked of the graph as it is now. O(what they reach) where the graph
        is static, else O(records). Raises InvalidValue for what is no intervention, UnknownId.
        """
        if not isinstance(name, str):
            raise InvalidValue(f"what_if(name={seen(name)}): give a text")
        return Simulation(self.question.with_more(interventions), name, self)

    def futures(self, n: int, seed: int | None = None, progress: bool | None = None) -> Futures:
        """Futures 0 to n - 1 of a seed (that of the question): what is drawn is drawn anew in each. O(n * nodes).

        On all cores; with progress where somebody looks (or as `progress` says). Ctrl-C gives what is done by then, and
        `.n` says how many. A simulation keeps its last futures, up to 64 MB, and knows others as long as somebody holds
        them: a what-if of it, asked for as many of that seed, costs O(n * nodes that the change reaches). Raises
        InvalidValue for a number that cannot be, and for more than fit in 4 GB; UsageError where the graph was changed
        since.

        >>> from reactive_dag.declare.graph import Graph
        >>> from reactive_dag.whatif.question.distributions import uniform
        >>> graph = Graph("sales")
        >>> task = graph.dag("ingest", schedule="0 2 * * *").add(lambda: None, id="load")
        >>> base = simulate(graph, start="2026-11-23T00:00Z", until="1d", default_duration=uniform("5m", "25m"))
        >>> finish = base.futures(400, seed=1).finish("ingest")
        >>> f"{finish.quantile(0.5):%H:%M}", round(finish.probability(before="02:20"), 1)
        ('02:15', 0.7)
        """
        asked, chosen = self._asked_for(n, seed)
        return Futures(
            self.question, self._prepared, self.effects, asked, chosen, self.label, self.run, self._kept, progress
        )  # fmt: skip

    def _asked_for(self, n: int, seed: int | None) -> tuple[int, int]:
        asked, chosen = whole(n, "n", 1), self.question.seed if seed is None else whole(seed, "seed")
        self._refuse_changed("so there are no futures of it: simulate it anew")
        return asked, chosen

    def futures_so_far(self, n: int, seed: int | None = None) -> Iterator[FuturesSoFar]:
        """As `futures`, on this thread, a part after the other: each has the first `.n` of `.asked`. O(n * nodes).

        Whoever stops to ask stops the work. Raises InvalidValue, UsageError as `futures`.
        """
        asked, chosen = self._asked_for(n, seed)
        return futures_so_far(self.question, self._prepared, self.effects, self._kept, asked, chosen)

    def compare(self, base: Simulation | None = None) -> Comparison:
        """Which runs are later, missing, extra or end otherwise than in `base` (or the parent), and why.

        A note says where the graph was changed between the two. O(runs + changes * path). Raises UsageError without a
        base, for one that has no parent; InvalidValue for what is no simulation.
        """
        other = self.parent if base is None else base
        if other is None:
            raise UsageError("this simulation came from no other: write .compare(base), or .what_if(...).compare()")
        if not hasattr(other, "outcome"):
            raise InvalidValue(f"compare({seen(other)}): give a simulation")
        return compared(
            other.outcome,
            self.outcome,
            other.effects,
            self.effects,
            self.label,
            other.label,
            self.question.graph,
            self._version == other._version or self.graph is not other.graph,
        )

    def to_json(self) -> dict[str, object]:
        """Plain data: runs, timeline, what is unfinished, the critical path to the last end. O(tasks + edges)."""
        ended = [run for run in self.outcome.runs if self.outcome.ended(run) is not None]
        last = max(ended, key=lambda run: self.outcome.ended(run) or 0, default=None)
        return {
            "name": self.label, "runs": self.runs.to_json(), "timeline": self.timeline().to_json(),
            "pending": self.pending().to_json(),
            "critical_path": None if last is None else self.critical_path(self._run(last)).to_json(),
        }  # fmt: skip

    @property
    def label(self) -> str:
        """Its name, else its interventions, else "base". O(interventions)."""
        return self.name or ", ".join(map(repr, self.interventions)) or "base"

    def __repr__(self) -> str:
        begin, end = format_time(self.question.start), format_time(self.question.until)
        runs = counted(len(self.outcome.runs), "run")
        return f"<Simulation {self.graph.id!r} {self.label!r} {begin} to {end}, {runs} ({self.method})>"

    def _repr_mimebundle_(self, **_: object) -> dict[str, str]:
        return pictures.bundle("Simulation", self)
