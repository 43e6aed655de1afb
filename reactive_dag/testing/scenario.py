"""`Scenario`: a graph and a timeline of what happens to it, as a value; `play` and `expect` show what follows.

Owns `Scenario` and `Moment`, an instant of one at which something happens. Invariant: both are frozen, so a scenario
that several tests share is the same in each: every verb gives a new one. What is said in it is judged
when it is written, what only its course shows by the engine when it is played. O(what happens) each time that something
is added.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from attrs import evolve, field, frozen

from reactive_dag.declare.dag import Dag
from reactive_dag.declare.graph import Graph
from reactive_dag.declare.place import caller_place, place_text
from reactive_dag.declare.settings.parsers import flag, whole
from reactive_dag.declare.task import AnyTask
from reactive_dag.engine.engine import Engine
from reactive_dag.engine.execute.stubs import check_stub
from reactive_dag.model.errors import InvalidValue
from reactive_dag.model.payload import plain
from reactive_dag.model.scalars import own
from reactive_dag.model.text import counted, seen, text_in
from reactive_dag.model.times import NEVER, GivenDuration, GivenTime, format_time, parse_duration
from reactive_dag.notebook.streams.frames import LineNames
from reactive_dag.testing.bodies import Behaviour, BehaviourKind
from reactive_dag.testing.happenings import Happening, Stage
from reactive_dag.testing.judged import (
    error_of,
    judge_backfill,
    judge_failing,
    judge_mark,
    judge_publish,
    judge_rerun,
    judge_start,
    which_run,
)  # fmt: skip
from reactive_dag.testing.marbles import Letters, fields_of, letters_of, lines_of
from reactive_dag.testing.moments import Moments
from reactive_dag.testing.played import Played
from reactive_dag.testing.workers import InlineWorkers
from reactive_dag.triggers.base import Trigger
from reactive_dag.triggers.checks import text_of
from reactive_dag.triggers.functions.passed_ticks import PassedTicks, clocks_of
from reactive_dag.triggers.leaves.dataset import Dataset
from reactive_dag.whatif.question.names import GraphNames, given_name


class Behaviours(ABC):
    """What may be said of tasks: from the start of a scenario on, or from an instant of it."""

    @abstractmethod
    def _change(self, task: Any, kind: BehaviourKind, value: object = None, **more: Any) -> Scenario:
        """The scenario in which a task does something else."""

    def fails(
        self, task: Dag | AnyTask | str, *, times: int | None = None, error: BaseException | str | None = None,
        partition: str | None = None,
    ) -> Scenario:  # fmt: skip
        """From now on each attempt of the task fails, or so many `times`; `error` is what it raises.

        With `partition` only in runs that have it. A DAG stands for its only task. Raises UnknownId, InvalidValue.
        """
        if times is not None:
            times = whole(times, "fails(): times", 1)
        if partition is not None:
            text_in(partition, "fails(): partition")
        return self._change(task, "fails", error_of(error), times=times, partition=partition)

    def succeeds(self, task: Dag | AnyTask | str) -> Scenario:
        """From now on the task fails no more. Raises UnknownId, InvalidValue."""
        return self._change(task, "fails")

    def takes(self, task: Dag | AnyTask | str, duration: GivenDuration) -> Scenario:
        """From now on each attempt that begins takes so long, and holds its worker and slots meanwhile.

        Raises UnknownId, InvalidValue.
        """
        return self._change(task, "takes", parse_duration(duration, what="takes(): the duration", zero_ok=True))

    def returns(self, task: Dag | AnyTask | str, value: object) -> Scenario:
        """From now on the task returns this; a callable is called, with those of the task's arguments that it names.

        Raises UnknownId, InvalidValue.
        """
        return self._change(task, "returns", value)

    def executes(self, task: Dag | AnyTask | str) -> Scenario:
        """From now on the task's own body is executed. Raises UnknownId, InvalidValue."""
        return self._change(task, "body")


@frozen(repr=False)
class Scenario(Behaviours):
    """A graph and what happens to it, in virtual time. Frozen: each verb gives a new scenario, so use what it returns.

    `start` is an aware time, or a date of `tz`; times of day are in `tz`, else in the start's own offset. `frame` is
    what a character of a marble line stands for. Bodies are not executed: each task succeeds at once and publishes its
    outlets, unless the scenario says something else of it; with `bodies=True` all are. So many `workers` execute. The
    other arguments are what the verbs keep. Raises InvalidValue.
    """

    graph: Graph
    start: GivenTime
    tz: str | None = field(default=None, kw_only=True)
    frame: GivenDuration = field(default="1h", kw_only=True)
    bodies: bool = field(default=False, kw_only=True)
    workers: int = field(default=8, kw_only=True, converter=own)
    _happenings: tuple[Happening, ...] = field(default=(), kw_only=True)
    _changes: tuple[Behaviour, ...] = field(default=(), kw_only=True)
    _letters: Letters = field(default=(), kw_only=True)
    _end: int | None = field(default=None, kw_only=True)
    _moments: Moments = field(init=False)

    def __attrs_post_init__(self) -> None:
        """Judge what was given."""
        if not isinstance(self.graph, Graph):
            raise InvalidValue(f"a scenario takes a graph, not {seen(self.graph)}")
        flag(self.bodies, "bodies")
        whole(self.workers, "workers", 1)
        parse_duration(self.frame, what="frame")

    @_moments.default
    def _(self) -> Moments:
        return Moments(self.start, self.tz)

    # ---------------------------------------------------------------------------------------- what happens

    def at(self, when: GivenTime | GivenDuration) -> Moment:
        """An instant of it: a time of day (the first from the start on), a date and time, or a time after the start.

        Raises InvalidValue for what is none, or lies before the start.
        """
        return Moment(self, self._instant(when, "at()"))

    def each(self, clock: Trigger) -> Moment:
        """Each tick of a clock, up to `until`: `rd.cron(…)`, `rd.every(…)`, with `.where`, or several joined by `|`.

        What is published or started there has the tick as its date, unless it is given one, or a partition. Raises
        InvalidValue for what is no clock.
        """
        clocks = clocks_of(clock)
        if clocks is None:
            raise InvalidValue(
                f"each() takes a clock such as rd.every('1h'), or several joined by |, not {seen(clock)}"
            )
        return Moment(self, self._moments.start, clocks)

    def until(self, when: GivenTime | GivenDuration) -> Scenario:
        """Go on to an instant, included; else a scenario ends when nothing is left to do after all that happens in it.

        Raises InvalidValue.
        """
        return evolve(self, end=self._instant(when, "until()"))

    def letters(self, **letters: str | Mapping[str, Any]) -> Scenario:
        """What the letters of marble lines stand for: a partition, or the fields of an event: `a="2026-11-23"`.

        Any other letter is the partition of that name, and `o` something without one. Raises InvalidValue.
        """
        return evolve(self, letters=(*self._letters, *letters_of(letters)))

    def marbles(self, text: str) -> Scenario:
        """Marble lines as what happens: of a dataset publishes, of a DAG starts by hand; a character a `frame`.

        Raises UnknownId, InvalidValue.
        """
        place, names = place_text(caller_place()), LineNames(self.graph)
        found: list[Happening] = []
        for line in lines_of(text):
            dag, id = names.of(line.name, "marbles()")
            for number, mark in line.marks:
                fields = fields_of(mark, self._letters)
                if dag:
                    judge_start(self.graph, self.graph.dags[id], fields)
                else:
                    judge_publish(self.graph.datasets[id], fields)
                at = self._moments.start + number * self._frame_length
                found.append(Happening(at, "start" if dag else "publish", id, fields, place))
        return evolve(self, happenings=(*self._happenings, *found))

    def _change(self, task: Any, kind: BehaviourKind, value: object = None, **more: Any) -> Scenario:
        return self._with_change(self._moments.start, task, kind, value, **more)

    def _with_change(self, at: int, task: Any, kind: BehaviourKind, value: object, **more: Any) -> Scenario:
        name = GraphNames(self.graph).only_task(given_name(task, f"{kind}()"), f"{kind}()")
        if self.graph.dags[name[0]].tasks[name[1]].kind == "wait":
            raise InvalidValue(f"{kind}(): {'.'.join(name)!r} is a wait, which no body decides")
        if more.get("partition") is not None:
            judge_failing(self.graph, self.graph.dags[name[0]], more["partition"])
        if kind == "returns" and callable(value):
            check_stub(value, ".".join(name), self.graph.dags[name[0]].tasks[name[1]])
        return evolve(self, changes=(*self._changes, Behaviour(at, name, kind, value, **more)))

    def _with_happening(self, happening: Happening) -> Scenario:
        return evolve(self, happenings=(*self._happenings, happening))

    def _instant(self, when: GivenTime | GivenDuration, what: str) -> int:
        found = self._moments.parse(when, what)
        if found < self._moments.start:
            raise InvalidValue(f"{what}: {seen(when)} lies before the start, {format_time(self._moments.start)}")
        return found

    # ---------------------------------------------------------------------------------------- what follows

    @property
    def _frame_length(self) -> int:
        """How long a frame of a marble line is, in ns."""
        return parse_duration(self.frame)

    def play(self) -> Played:
        """Play it from its start, in virtual time; what happened. Raises what the engine raises, with the place.

        O(records), some milliseconds: nothing sleeps, and nothing is written.
        """
        changes = any(happening.verb == "do" for happening in self._happenings)
        stage = Stage(self.graph, self._moments.start, self._all_changes(), self._runner, changes)
        for happening in sorted(self._all_happenings(), key=lambda happening: happening.at):
            stage.do(happening)
        if self._end is None:
            stage.engine.run_until_idle()
        else:
            stage.move_to(self._end)
        return Played(stage.engine, self._moments, self._frame_length, self._letters, stage.now)

    def expect(self, text: str, *, dags: Iterable[Dag | str] | None = None) -> Played:
        """Play it, and compare what happened with a table or marble lines: see `Played.expect`."""
        __tracebackhide__ = True
        return self.play().expect(text, dags=dags)

    def _runner(self) -> InlineWorkers:
        return InlineWorkers(self.workers)

    def _all_happenings(self) -> Iterator[Happening]:
        """What happens, once for each instant. Raises InvalidValue for what lies behind the end, or has none."""
        for happening in self._happenings:
            if happening.clocks and self._end is None:
                raise InvalidValue(f".each(…).{happening}: it goes on for ever; say .until(…) of the scenario")
            if self._end is not None and happening.at > self._end:
                raise InvalidValue(f"{happening} lies behind the scenario's end, {format_time(self._end)}")
            yield from happening.until(happening.at if self._end is None else self._end)

    def _all_changes(self) -> tuple[Behaviour, ...]:
        """The changes, where bodies are executed from the start on before all others."""
        if not self.bodies:
            return self._changes
        tasks = [(dag.id, id) for dag in self.graph.dags.values() for id in dag.tasks]
        return (*[Behaviour(self._moments.start, name, "body") for name in tasks], *self._changes)

    def __repr__(self) -> str:
        start, count = format_time(self._moments.start), len(self._happenings) + len(self._changes)
        return f"<Scenario of {self.graph.id!r} from {start}: {counted(count, 'thing')} said>"


@frozen(repr=False)
class Moment(Behaviours):
    """An instant of a scenario, or each tick of a clock: what happens then. Each verb gives the scenario again."""

    _scenario: Scenario
    _at: int
    _clocks: tuple[PassedTicks, ...] = ()

    def _change(self, task: Any, kind: BehaviourKind, value: object = None, **more: Any) -> Scenario:
        if self._clocks:
            raise InvalidValue(f"each(…).{kind}(): a task does something else from an instant on; say at(…)")
        return self._scenario._with_change(self._at, task, kind, value, **more)

    def _happens(self, verb: str, about: Any, fields: Mapping[str, Any]) -> Scenario:
        place = place_text(caller_place(2))
        return self._scenario._with_happening(Happening(self._at, verb, about, fields, place, self._clocks))

    @property
    def _tick(self) -> int | None:
        """A date such as what happens at a tick has; None at an instant."""
        return self._at if self._clocks else None

    def _dag(self, dag: Dag | str, what: str) -> Dag:
        names, name = GraphNames(self._scenario.graph), given_name(dag, what)
        if (found := names.dag(name)) is None:
            raise names.unknown(name, what, "dag")
        return self._scenario.graph.dags[found]

    def publish(self, dataset: Dataset | str, **fields: Any) -> Scenario:
        """A dataset changes: the fields are those of `engine.publish`. Raises UnknownId, InvalidValue."""
        names, name = GraphNames(self._scenario.graph), given_name(dataset, "publish()")
        if (found := names.dataset(name)) is None:
            raise names.unknown(name, "publish()", "dataset")
        judge_publish(self._scenario.graph.datasets[found], fields, self._tick)
        return self._happens("publish", found, fields)

    def start(self, dag: Dag | str, **fields: Any) -> Scenario:
        """A run is started by hand: the fields are those of `engine.start`. Raises UnknownId, InvalidValue."""
        found = self._dag(dag, "start()")
        judge_start(self._scenario.graph, found, fields, self._tick)
        return self._happens("start", found.id, fields)

    def pause(self, dag: Dag | str) -> Scenario:
        """A DAG is paused. Raises UnknownId."""
        return self._happens("pause", self._dag(dag, "pause()").id, {})

    def resume(self, dag: Dag | str) -> Scenario:
        """A DAG goes on. Raises UnknownId."""
        return self._happens("resume", self._dag(dag, "resume()").id, {})

    def cancel(
        self, dag: Dag | str, *, partition: str | None = None, logical_date: GivenTime | None = None, reason: str = ""
    ) -> Scenario:
        """The newest run of a DAG (of a partition or date) is cancelled. Raises UnknownId, InvalidValue."""
        found = self._dag(dag, "cancel()")
        text_in(reason, "cancel(): the reason")
        fields = {"which": which_run(found, partition, logical_date), "reason": reason}
        return self._happens("cancel", found.id, fields)

    def rerun(
        self, dag: Dag | str, *, partition: str | None = None, logical_date: GivenTime | None = None, **options: Any
    ) -> Scenario:
        """The newest run of a DAG (of a partition or date) has another round; options as of `engine.rerun`.

        Raises UnknownId, InvalidValue.
        """
        found = self._dag(dag, "rerun()")
        judge_rerun(found, options)
        return self._happens("rerun", found.id, {"which": which_run(found, partition, logical_date), **options})

    def mark(
        self, dag: Dag | str, task: AnyTask | str | None, state: str, reason: str = "", *,
        partition: str | None = None, logical_date: GivenTime | None = None,
    ) -> Scenario:  # fmt: skip
        """A task of the newest run of a DAG (of a partition or date) is given a state by hand; without one the run.

        Raises UnknownId, InvalidValue.
        """
        found = self._dag(dag, "mark()")
        judge_mark(found, task, state, reason)
        which = which_run(found, partition, logical_date)
        return self._happens("mark", found.id, {"which": which, "task": task, "state": state, "reason": reason})

    def backfill(self, dag: Dag | str, **fields: Any) -> Scenario:
        """Runs of past dates are asked for: the fields are those of `engine.backfill`.

        Raises UnknownId, InvalidValue.
        """
        found = self._dag(dag, "backfill()")
        judge_backfill(self._scenario.graph, found, fields, NEVER if self._clocks else self._at)
        return self._happens("backfill", found.id, fields)

    def set(self, name: str, value: object) -> Scenario:
        """A value that DAGs share is set. Raises InvalidValue."""
        plain(value, f"set({text_of(name, 'set(): the name')!r})")
        return self._happens("set", name, {"value": value})

    def restart(self, until: GivenTime | GivenDuration | None = None) -> Scenario:
        """The engine is closed, and opened again at once, or at a later instant: what it missed is up to the graph.

        Raises InvalidValue.
        """
        end = None if until is None else self._scenario._instant(until, "restart(until=)")
        if end is not None and end < self._at:
            raise InvalidValue(f"restart(until={until!r}): it lies before the instant at which the engine is closed")
        return self._happens("restart", None, {"until": end})

    def do(self, action: Callable[[Engine], object]) -> Scenario:
        """Anything else: a callable is called with the engine that plays the scenario.

        What it changes of `engine.graph` it changes of a copy of the graph, which is gone with this play.
        """
        if not callable(action):
            raise InvalidValue(f"do() takes a callable, not {seen(action)}")
        return self._happens("do", action, {})

    def __repr__(self) -> str:
        return f"<{format_time(self._at)} of {self._scenario!r}>"
