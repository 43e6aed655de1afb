"""How long tasks take: fixed durations, or a function of the task's name.

Owns `DurationModel` (one given duration) and `Durations` (all that a simulation was given). Nothing here is measured:
what is given is an assumption of who gives it. Invariant: a duration is whole nanoseconds, zero or more, and a model
gives the same one for the same task. O(1) a task.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from hashlib import blake2b
from typing import TYPE_CHECKING, TypeAlias

from attrs import frozen

from reactive_dag.model.errors import InvalidValue
from reactive_dag.model.times import SECOND, GivenDuration, format_duration, parse_duration
from reactive_dag.whatif.question.names import GivenName, GraphNames, TaskName, given_name

if TYPE_CHECKING:
    from reactive_dag.declare.dag import Dag
    from reactive_dag.declare.graph import Graph
    from reactive_dag.declare.task import AnyTask

DurationOrFunction: TypeAlias = "GivenDuration | Callable[[str], GivenDuration]"
"""A duration, or a function of the task's name ("dag.task") that gives one."""

GivenDurations: TypeAlias = "Mapping[Dag | AnyTask | str, DurationOrFunction] | Callable[[str], GivenDuration] | None"

MOST_NAMED = 10
"""So many tasks without a duration are named in the error."""


@frozen(repr=False)
class DurationModel:
    """One given duration: fixed (ns), or what a function gives for each task's name."""

    fixed: int | None
    fn: Callable[[str], GivenDuration] | None = None

    def of(self, task: str) -> int:
        """The span (ns) of a task named "dag.task". O(1). Raises InvalidValue for what the function should not give."""
        if self.fn is None:
            assert self.fixed is not None
            return self.fixed
        if isinstance(self.fn, HashSpread):
            return self.fn.of(task)
        return parse_duration(self.fn(task), what=f"the duration of {task}", zero_ok=True)

    def __repr__(self) -> str:
        return repr(self.fn) if self.fixed is None else repr(format_duration(self.fixed))


AT_ONCE = DurationModel(0)
"""How long a task looks of which nothing is said: its first look sees something true (R29)."""


def duration_model(given: object, what: str) -> DurationModel:
    """A span out of what was given. O(1). Raises InvalidValue.

    >>> duration_model("20m", "default_duration").of("build.load") == 20 * 60 * SECOND
    True
    """
    if callable(given):
        return DurationModel(None, given)
    return DurationModel(parse_duration(given, what=what, zero_ok=True))  # type: ignore[arg-type]


@frozen(repr=False)
class HashSpread:
    """A function of a task's name: a whole number of seconds between two bounds, by a hash of the name."""

    low: int
    high: int

    def __repr__(self) -> str:
        return f"rd.spread_durations({format_duration(self.low)!r}, {format_duration(self.high)!r})"

    def __call__(self, task: str) -> str:
        """The span of a task, as text. O(length of the name)."""
        return format_duration(self.of(task))

    def of(self, task: str) -> int:
        """The span of a task (ns). O(length of the name)."""
        steps = (self.high - self.low) // SECOND + 1
        drawn = int.from_bytes(blake2b(task.encode(), digest_size=8).digest())
        return self.low + drawn % steps * SECOND


def spread_durations(low: GivenDuration, high: GivenDuration) -> HashSpread:
    """A stated assumption where nothing is known: each task takes from `low` to `high`, by a hash of its name. O(1).

    The same name gives the same span in every process. It says nothing about what tasks really take. Raises
    InvalidValue for what is no duration, or for `low` above `high`.

    >>> spread = spread_durations("1m", "30m")
    >>> spread("build_mart.load"), spread("build_mart.load"), spread("ingest.ingest")
    ('24m', '24m', '6m47s')
    """
    least, most = parse_duration(low, what="low", zero_ok=True), parse_duration(high, what="high", zero_ok=True)
    if least > most:
        raise InvalidValue(f"spread_durations({low!r}, {high!r}): low is above high")
    return HashSpread(least, most)


@frozen
class Durations:
    """What a simulation was given; the most exact name counts: the task, then its DAG, then the default."""

    given: tuple[tuple[GivenName, DurationModel], ...]
    default: DurationModel | None

    @classmethod
    def of(cls, durations: GivenDurations, default: DurationOrFunction | None) -> Durations:
        """Out of what a user wrote. O(n). Raises InvalidValue."""
        if durations is not None and not isinstance(durations, Mapping):
            if default is not None or not callable(durations):
                raise InvalidValue(f"durations={durations!r}: give a dict of names and durations")
            return cls((), duration_model(durations, "durations"))
        given = tuple(
            (given_name(name, "durations="), duration_model(span, f"the duration of {name!r}"))
            for name, span in (durations or {}).items()
        )
        return cls(given, None if default is None else duration_model(default, "default_duration"))

    @property
    def settled(self) -> bool:
        """Whether the same question has the same answer for ever: no user's function is asked. O(n)."""
        spans = [span for _, span in self.given] + ([] if self.default is None else [self.default])
        return all(span.fn is None or isinstance(span.fn, HashSpread) for span in spans)

    def resolve(self, graph: Graph, names: GraphNames) -> dict[TaskName, int]:
        """How long each task of the graph takes (ns). O(tasks). Raises UnknownId, InvalidValue.

        A task without duration, where no default is given, is an InvalidValue that names the first ten.
        """
        of_dags: dict[str, DurationModel] = {}
        of_tasks: dict[TaskName, DurationModel] = {}
        for name, span in self.given:
            whole = names.dag(name)
            if whole is not None:
                of_dags[whole] = span
            else:
                of_tasks[names.task(name, "durations=")] = span
        found: dict[TaskName, int] = {}
        missing: list[str] = []
        for dag_id, dag in graph.dags.items():
            usual = of_dags.get(dag_id, self.default)
            for task in dag.tasks.values():
                if task.kind == "wait":
                    continue
                place = dag_id, task.id
                otherwise = usual if task.kind == "task" else AT_ONCE
                chosen = of_tasks.get(place, otherwise) if of_tasks else otherwise
                if chosen is None:
                    missing.append(f"{dag_id}.{task.id}")
                else:
                    found[place] = chosen.of(f"{dag_id}.{task.id}")
        _refuse(missing)
        return found


def _refuse(missing: list[str]) -> None:
    if not missing:
        return
    more = f" and {len(missing) - MOST_NAMED} more" if len(missing) > MOST_NAMED else ""
    one = len(missing) == 1
    raise InvalidValue(
        f"{len(missing)} task{' has' if one else 's have'} no duration: {', '.join(missing[:MOST_NAMED])}{more}; "
        "give durations={...} or a default_duration="
    )
