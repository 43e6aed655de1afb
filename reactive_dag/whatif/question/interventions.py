"""Interventions: what is to be different in a simulation, as frozen values.

Owns the three kinds of this version and the functions that make them. Invariant: one that exists is right, but for the
names in it, which the graph of a simulation judges; none is made inside a task's body, where it could change nothing.
They combine by being given together: delays of one thing add up, of durations and failures of one task the last one
counts. Making one costs some 2 µs.
"""

from __future__ import annotations

from typing import TypeAlias

from attrs import field, frozen

from reactive_dag.declare.dag import Dag
from reactive_dag.declare.task import AnyTask
from reactive_dag.engine.execute.current_body import current_body
from reactive_dag.model.errors import InvalidValue, UsageError
from reactive_dag.model.times import GivenDuration, format_duration, parse_duration
from reactive_dag.triggers.leaves.dataset import Dataset
from reactive_dag.whatif.question.durations import DurationModel, duration_model
from reactive_dag.whatif.question.names import GivenName, given_name


@frozen(repr=False)
class Delay:
    """Each run of a DAG, the first attempt of a task, or each outside event of a dataset comes `by` ns later."""

    what: GivenName
    by: int

    def __repr__(self) -> str:
        return f"rd.delay({self.what}, {format_duration(self.by)!r})"


@frozen(repr=False)
class Duration:
    """A task, or each task of a DAG, takes so long."""

    what: GivenName
    span: DurationModel

    def __repr__(self) -> str:
        return f"rd.duration({self.what}, {self.span})"


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


Intervention: TypeAlias = Delay | Duration | Fail


def delay(what: Dag | AnyTask | Dataset | str, by: GivenDuration) -> Delay:
    """Let each run of a DAG, the first attempt of a task, or each outside event of a dataset come later. O(1).

    Dates stay as they are. Raises InvalidValue for what is no positive duration, UsageError inside a task's body.

    >>> delay("ingest", "2h")
    rd.delay('ingest', '2h')
    """
    _outside("rd.delay")
    return Delay(given_name(what, "rd.delay()"), parse_duration(by, what="rd.delay(): by", zero_ok=True))


def duration(task: Dag | AnyTask | str, span: GivenDuration) -> Duration:
    """Let a task, or each task of a DAG, take so long. O(1).

    Raises InvalidValue for what is no duration, UsageError inside a task's body.

    >>> duration("build_mart.load", "20m")
    rd.duration('build_mart.load', '20m')
    """
    _outside("rd.duration")
    return Duration(given_name(task, "rd.duration()"), duration_model(span, "rd.duration(): span"))


def fail(task: Dag | AnyTask | str, p: float = 1.0) -> Fail:
    """Let each attempt of a task fail at its end, with chance `p`. O(1).

    Which ones fail is drawn from the simulation's seed, for each attempt by itself. A DAG stands for its only task.
    Raises InvalidValue for a chance that is none, UsageError inside a task's body.

    >>> fail("build_mart.load", p=0.3)
    rd.fail('build_mart.load', p=0.3)
    """
    _outside("rd.fail")
    return Fail(given_name(task, "rd.fail()"), p)


def _outside(what: str) -> None:
    body = current_body()
    if body:
        raise UsageError(
            f"{what}() inside the body of {body} changes nothing: make interventions where the simulation is asked for"
        )
