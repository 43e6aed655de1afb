"""How long tasks take: fixed durations, distributions, functions of the task's name; and factors that tasks share.

Owns `DurationModel` (one given duration), `TaskDuration` (that of one task) and `Durations` (all that a simulation was
given). Nothing here is measured: what is given is an assumption of who gives it. Invariant: a duration is whole
nanoseconds, zero or more; what is drawn of it is drawn by its key (draws.py). O(1) a task.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from hashlib import blake2b
from typing import TYPE_CHECKING, TypeAlias

from attrs import frozen

from reactive_dag.model.errors import InvalidValue
from reactive_dag.model.times import SECOND, GivenDuration, format_duration, parse_duration
from reactive_dag.whatif.question.distribution_kinds import Distribution
from reactive_dag.whatif.question.distributions import span_of
from reactive_dag.whatif.question.names import GivenName, GraphNames, TaskName, given_name
from reactive_dag.whatif.question.shared_factors import SharedFactor

if TYPE_CHECKING:
    from reactive_dag.declare.dag import Dag
    from reactive_dag.declare.task import AnyTask

GivenSpan: TypeAlias = "GivenDuration | Distribution"
"""A duration, or a distribution of durations."""

DurationOrFunction: TypeAlias = "GivenSpan | Callable[[str], GivenSpan]"
"""A span, or a function of the task's name ("dag.task") that gives one."""

DurationsByName: TypeAlias = "Mapping[Dag | AnyTask | str, DurationOrFunction]"

DurationsPart: TypeAlias = "DurationsByName | Callable[[str], GivenSpan] | SharedFactor"

GivenDurations: TypeAlias = "DurationsPart | Sequence[DurationsPart] | None"

MOST_NAMED = 10
"""So many tasks without a duration are named in the error."""


@frozen(repr=False)
class DurationModel:
    """One given duration: fixed (ns), drawn, or what a function gives for each task's name."""

    span: int | Distribution | None
    fn: Callable[[str], GivenSpan] | None = None

    @property
    def is_spread(self) -> bool:
        """Whether it is an assumption about tasks of which nothing is known. O(1)."""
        return isinstance(self.fn, HashSpread)

    def of(self, task: str) -> int | Distribution:
        """The span of a task named "dag.task". O(1). Raises InvalidValue for what the function should not give."""
        if self.fn is None:
            assert self.span is not None
            return self.span
        if isinstance(self.fn, HashSpread):
            return self.fn.of(task)
        return span_of(self.fn(task), f"the duration of {task}")

    def __repr__(self) -> str:
        return repr(self.fn or (format_duration(self.span) if isinstance(self.span, int) else self.span))


@frozen
class TaskDuration:
    """How long each attempt of a task takes: `span` (ns) or a draw of it, `factor` times.

    `is_assumed`: nothing was said of this task or its DAG, so it has what is assumed of all; or a spread was.
    """

    span: int | Distribution
    factor: float = 1.0
    is_assumed: bool = False


AT_ONCE = TaskDuration(0, is_assumed=True)
"""How long a task looks of which nothing is said: its first look sees something true (R29)."""


def duration_model(given: object, what: str) -> DurationModel:
    """A span out of what was given. O(1). Raises InvalidValue.

    >>> duration_model("20m", "default_duration").of("build.load") == 20 * 60 * SECOND
    True
    """
    if callable(given):
        return DurationModel(None, given)
    return DurationModel(span_of(given, what))


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
    shared: tuple[SharedFactor, ...] = ()

    @classmethod
    def of(cls, durations: GivenDurations, default: DurationOrFunction | None) -> Durations:
        """Out of what a user wrote. O(n). Raises InvalidValue."""
        given: dict[GivenName, DurationModel] = {}
        shared: dict[str, SharedFactor] = {}
        usual = None if default is None else duration_model(default, "default_duration")
        for each in _parts(durations):
            if isinstance(each, SharedFactor):
                shared[each.name] = each
            elif isinstance(each, Mapping):
                for name, span in each.items():
                    place = given_name(name, "durations=")
                    given.pop(place, None)  # so that it stands last: a DAG has two names, its id and itself
                    given[place] = duration_model(span, f"the duration of {name!r}")
            elif callable(each) and usual is None:
                usual = duration_model(each, "durations")
            else:
                raise InvalidValue(
                    f"durations={durations!r}: give a dict of names and durations, one function of a task's name where "
                    "there is no default_duration, rd.shared(...), or a list of these"
                )
        return cls(tuple(given.items()), usual, tuple(shared.values()))

    @property
    def settled(self) -> bool:
        """Whether the same question has the same answer for ever: no user's function is asked. O(n)."""
        spans = [span for _, span in self.given] + ([] if self.default is None else [self.default])
        return all(span.fn is None or isinstance(span.fn, HashSpread) for span in spans)

    def resolve(self, names: GraphNames) -> dict[TaskName, TaskDuration]:
        """How long each task of a graph takes. O(tasks). Raises UnknownId, InvalidValue.

        A task without duration, where no default is given, is an InvalidValue that names the first ten.
        """
        of_dags: dict[str, DurationModel] = {}
        of_tasks: dict[TaskName, DurationModel] = {}
        for name, span in self.given:
            whole = names.dag(name)
            if whole is not None:
                of_dags[whole] = span
            else:
                of_tasks[names.no_wait(names.task(name, "durations="), "durations=")] = span
        found: dict[TaskName, TaskDuration] = {}
        missing: list[TaskName] = []
        for dag, kinds in names.by_kind.items():
            given = of_dags.get(dag)
            usual = self.default if given is None else given
            tasks = kinds.get("task", ())
            if usual is None:
                missing += [task for task in tasks if task not in of_tasks]
            elif usual.span is not None:  # the same for all
                found.update(dict.fromkeys(tasks, TaskDuration(usual.span, is_assumed=given is None)))
            else:
                for task in tasks:
                    if task not in of_tasks:
                        found[task] = TaskDuration(
                            usual.of(".".join(task)), is_assumed=given is None or usual.is_spread
                        )
            found.update(dict.fromkeys(kinds.get("until", ()), AT_ONCE))
        found.update(
            (task, TaskDuration(span.of(".".join(task)), is_assumed=span.is_spread)) for task, span in of_tasks.items()
        )
        _refuse([".".join(task) for task in missing])
        return found


def _parts(durations: GivenDurations) -> Iterable[object]:
    if durations is None:
        return ()
    return durations if isinstance(durations, list | tuple) else (durations,)


def _refuse(missing: list[str]) -> None:
    if not missing:
        return
    more = f" and {len(missing) - MOST_NAMED} more" if len(missing) > MOST_NAMED else ""
    one = len(missing) == 1
    raise InvalidValue(
        f"{len(missing)} task{' has' if one else 's have'} no duration: {', '.join(missing[:MOST_NAMED])}{more}; "
        "give durations={...} or a default_duration="
    )
