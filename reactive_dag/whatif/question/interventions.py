"""Interventions: what is to be different in a simulation, as frozen values.

Owns the kinds there are and the functions that make them. Invariant: one that exists is right, but for the names in it,
which the graph of a simulation judges; none is made inside a task's body, where it could change nothing. They combine
by being given together: delays of one thing add up, `times=` multiply what was there, of all else about one thing the
last one counts (W6). Making one costs some 2 µs.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeAlias

from attrs import field, frozen

from reactive_dag.declare.dag import Dag
from reactive_dag.declare.settings.parsers import limit
from reactive_dag.declare.settings.pool import Pool
from reactive_dag.declare.task import AnyTask
from reactive_dag.engine.execute.current_body import current_body
from reactive_dag.model.errors import InvalidValue, UsageError
from reactive_dag.model.times import GivenDuration, format_duration
from reactive_dag.triggers.leaves.dataset import Dataset
from reactive_dag.whatif.question.distribution_kinds import Distribution
from reactive_dag.whatif.question.distributions import number_of, pythons_number, span_of
from reactive_dag.whatif.question.durations import DurationModel, DurationOrFunction, duration_model
from reactive_dag.whatif.question.names import GivenName, given_name
from reactive_dag.whatif.question.shared_factors import SharedFactor


@frozen(repr=False)
class Delay:
    """Each run of a DAG, the first attempt of a task, or each outside event of a dataset comes `by` (ns) later."""

    what: GivenName
    by: int | Distribution

    def __repr__(self) -> str:
        return f"rd.delay({self.what}, {_shown(self.by)})"


@frozen(repr=False)
class Duration:
    """A task, or each task of a DAG, takes so long; or `times` as long as it did."""

    what: GivenName
    span: DurationModel | None
    times: float = 1.0

    def __repr__(self) -> str:
        said = f"times={self.times:g}" if self.span is None else repr(self.span)
        return f"rd.duration({self.what}, {said})"


@frozen(repr=False)
class Fail:
    """Each attempt of a task fails at its end, with chance `p`."""

    what: GivenName
    p: float = field()

    @p.validator
    def _chance(self, _: object, value: object) -> None:
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
            raise InvalidValue(f"rd.fail({self.what}, p={value!r}): p is a chance from 0 to 1")

    def __repr__(self) -> str:
        return f"rd.fail({self.what})" if self.p == 1 else f"rd.fail({self.what}, p={self.p:g})"


@frozen(repr=False)
class Capacity:
    """A pool has so many slots."""

    pool: str
    slots: int

    def __repr__(self) -> str:
        return f"rd.capacity({self.pool!r}, {self.slots})"


@frozen(repr=False)
class Workers:
    """So many attempts at once run at most; None is no limit."""

    slots: int | None

    def __repr__(self) -> str:
        return f"rd.workers({self.slots})"


Intervention: TypeAlias = Delay | Duration | Fail | Capacity | Workers | SharedFactor


def delay(what: Dag | AnyTask | Dataset | str, by: GivenDuration | Distribution) -> Delay:
    """Let each run of a DAG, the first attempt of a task, or each outside event of a dataset come later. O(1).

    Dates stay as they are. A distribution is drawn for each run, first attempt or event. Raises InvalidValue for what
    is no duration, UsageError inside a task's body.

    >>> delay("ingest", "2h")
    rd.delay('ingest', '2h')
    """
    _outside("rd.delay")
    return Delay(given_name(what, "rd.delay()"), span_of(by, "rd.delay(): by"))


def duration(
    task: Dag | AnyTask | str, span: DurationOrFunction | None = None, *, times: float | None = None
) -> Duration:
    """Let a task, or each task of a DAG, take so long, or `times` as long as it did. O(1).

    A distribution is drawn for each attempt. Raises InvalidValue for what is no duration, or no factor, UsageError
    inside a task's body.

    >>> duration("build_mart.load", "20m"), duration("ingest", times=1.2)
    (rd.duration('build_mart.load', '20m'), rd.duration('ingest', times=1.2))
    """
    _outside("rd.duration")
    name = given_name(task, "rd.duration()")
    if (span is None) == (times is None):
        raise InvalidValue(f"rd.duration({name}): give a duration, or times= and a number, one of them")
    if times is not None:
        return Duration(name, None, number_of(times, f"rd.duration({name}): times="))
    return Duration(name, duration_model(span, "rd.duration(): span"))


def fail(task: Dag | AnyTask | str, p: float = 1.0) -> Fail:
    """Let each attempt of a task fail at its end, with chance `p`. O(1).

    Which ones fail is drawn from the simulation's seed, for each attempt by itself. A DAG stands for its only task.
    Raises InvalidValue for a chance that is none, UsageError inside a task's body.

    >>> fail("build_mart.load", p=0.3)
    rd.fail('build_mart.load', p=0.3)
    """
    _outside("rd.fail")
    return Fail(given_name(task, "rd.fail()"), pythons_number(p))  # type: ignore[arg-type]


def capacity(pool: Pool | str, slots: int) -> Capacity:
    """Let a pool have so many slots. O(1). Raises InvalidValue for fewer than one, UsageError inside a task's body.

    >>> capacity("warehouse", 4)
    rd.capacity('warehouse', 4)
    """
    _outside("rd.capacity")
    found = Pool.of(pool.id if isinstance(pool, Pool) else pool, slots)
    return Capacity(found.id, found.slots)


def workers(slots: int | None) -> Workers:
    """Let so many attempts at once run at most, as an engine with so many workers; None is no limit. O(1).

    Raises InvalidValue for fewer than one, UsageError inside a task's body.

    >>> workers(8)
    rd.workers(8)
    """
    _outside("rd.workers")
    return Workers(limit(slots, "rd.workers(): slots"))


def shared(name: str, factor: Distribution | float, tasks: Iterable[Dag | AnyTask | str]) -> SharedFactor:
    """Let these tasks share a factor, drawn once a future: one slow system makes them all slow. O(tasks).

    It multiplies the duration of each of their attempts, whatever gives that. It stands in `durations=` or is given as
    an intervention, where it takes the place of one of the same name. Raises InvalidValue, UsageError inside a task's
    body.

    >>> shared("warehouse", 1.5, tasks=["build_mart.load", "report"])
    rd.shared('warehouse', 1.5, tasks=['build_mart.load', 'report'])
    """
    _outside("rd.shared")
    return SharedFactor.of(name, factor, tasks)


def _shown(span: int | Distribution) -> str:
    return repr(span) if isinstance(span, Distribution) else repr(format_duration(span))


def _outside(what: str) -> None:
    body = current_body()
    if body:
        raise UsageError(
            f"{what}() inside the body of {body} changes nothing: make interventions where the simulation is asked for"
        )
