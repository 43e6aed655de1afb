"""What happens in a scenario, as data: at which instant, what, about what; and how an engine is made to do it.

Owns `Happening` and `Stage`. Invariant: what a user wrote stays as it is, however often it is played.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from attrs import frozen

from reactive_dag.declare.graph import Graph
from reactive_dag.declare.internals import version_of
from reactive_dag.engine.engine import Engine
from reactive_dag.engine.execute.runners import Runner
from reactive_dag.engine.inspect.run import Run
from reactive_dag.log.memory import MemoryLog
from reactive_dag.model.errors import InvalidValue, UnknownId, UsageError
from reactive_dag.model.text import seen
from reactive_dag.model.times import format_time
from reactive_dag.streams.clock import VirtualClock
from reactive_dag.testing.bodies import Behaviour, scripted
from reactive_dag.triggers.functions.passed_ticks import PassedTicks, ticks_of_all


@frozen
class Happening:
    """One thing that happens at an instant (ns), or at each tick of clocks from that instant on.

    `about` is the dataset, DAG or name that it is about.
    """

    at: int
    verb: str
    about: Any
    fields: Mapping[str, Any]
    place: str
    clocks: tuple[PassedTicks, ...] = ()

    def until(self, end: int) -> Iterator[Happening]:
        """It once for each instant up to one, included; what a tick publishes or starts has its date. O(result).

        Raises InvalidValue where a function of a `.where` raises.
        """
        if not self.clocks:
            yield self
            return
        for tick in ticks_of_all(self.clocks, self.at, end):
            undated = self.verb in ("publish", "start") and not {"partition", "logical_date"} & self.fields.keys()
            fields = {**self.fields, "logical_date": format_time(tick)} if undated else self.fields
            yield Happening(tick, self.verb, self.about, fields, self.place)

    def __str__(self) -> str:
        given = [seen(self.about)] if self.about is not None else []
        fields = {**self.fields, **self.fields.get("which", {})}
        given += [
            f"{name}={seen(each)}"
            for name, each in fields.items()
            if name not in ("which", "graph") and each not in (None, "")
        ]
        return f"{self.verb}({', '.join(given)}), {self.place}"


class KeptLog(MemoryLog):
    """A log in memory that outlives its engine, so that another one can be opened on it."""

    def close(self) -> None:
        """Nothing: the next engine goes on with it."""


class Stage:
    """Where a scenario is played: an engine on a virtual clock, which may be closed and opened again."""

    def __init__(
        self, graph: Graph, start: int, behaviours: Iterable[Behaviour], make_runner: Callable[[], Runner],
        changes: bool,
    ) -> None:  # fmt: skip
        """It plays a copy of a graph that it `changes`. O(graph). Raises GraphError for a graph that is not right."""
        self._given = self._graph = graph
        if changes:
            self._graph = Graph(graph.id)
            self._graph.include(graph)
        self._make_runner = make_runner
        self._clock = VirtualClock(start)
        self._stubs = scripted(graph, behaviours, self._clock.now)
        self._log = KeptLog()
        self.engine = self._open()

    def _open(self) -> Engine:
        return Engine(self._graph, self._log, clock=self._clock, runner=self._make_runner(), stubs=self._stubs)

    @property
    def now(self) -> int:
        """The instant at which it is."""
        return self._clock.now()

    def move_to(self, instant: int) -> None:
        """Let time pass, and do all that is due, the instant included."""
        self.engine.advance(to=format_time(instant))

    def do(self, happening: Happening) -> None:
        """Make one thing happen, and all that follows at this instant. Raises what the engine raises, with the place.

        Raises InvalidValue while no engine is open.
        """
        now = self._clock.now()
        try:
            if happening.at < now:
                raise InvalidValue(
                    f"no engine is open at {format_time(happening.at)}: it is opened at {format_time(now)}"
                )
            if happening.at > now:
                self.move_to(happening.at)
            getattr(self, f"_{happening.verb}")(happening.about, **happening.fields)
            self.move_to(self._clock.now())
        except Exception as error:
            error.add_note(f"in the scenario: .at({format_time(happening.at)!r}).{happening}")
            raise

    # ---------------------------------------------------------------------------------------------- verbs

    def _publish(self, dataset: Any, **fields: Any) -> None:
        self.engine.publish(dataset, **fields)

    def _start(self, dag: Any, **fields: Any) -> None:
        self.engine.start(dag, **fields)

    def _pause(self, dag: Any) -> None:
        self.engine.pause(dag)

    def _resume(self, dag: Any) -> None:
        self.engine.resume(dag)

    def _cancel(self, dag: Any, which: Mapping[str, Any], reason: str) -> None:
        self.engine.cancel(self._newest(dag, which), reason)

    def _rerun(self, dag: Any, which: Mapping[str, Any], **options: Any) -> None:
        self.engine.rerun(self._newest(dag, which), **options)

    def _mark(self, dag: Any, which: Mapping[str, Any], task: Any, state: str, reason: str) -> None:
        self.engine.mark(self._newest(dag, which), task, state, reason)

    def _backfill(self, dag: Any, **fields: Any) -> None:
        self.engine.backfill(dag, **fields)

    def _set(self, name: str, value: object) -> None:
        self.engine.set(name, value)

    def _restart(self, about: None, until: int | None) -> None:
        self.engine.close()
        if until is not None:
            self._clock.advance_to(until)
        self.engine = self._open()

    def _do(self, action: Callable[[Engine], object]) -> None:
        graph = self._given
        with graph.bulk():  # which takes a change of it back
            before = version_of(graph)
            action(self.engine)
            if version_of(graph) != before:
                raise UsageError(
                    f"do() changed graph {graph.id!r} itself, and a scenario plays a copy of it: change engine.graph, "
                    "the graph of the engine that the callable gets"
                )

    def _newest(self, dag: Any, which: Mapping[str, Any]) -> Run:
        found = self.engine.runs(dag, limit=1, **which)
        if not found:
            raise UnknownId(f"there is no such run of {dag!r} at this instant")
        return found[0]
