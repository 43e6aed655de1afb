"""Distributions as they are written: `rd.lognormal("15m", 0.4)`, of durations, or `rd.lognormal(1, 0.3)`, a factor.

Owns the six functions that make them (distribution_kinds.py says what they mean), and the parsing of spans and factors.
Invariant: one that exists is right: nothing in it is negative, infinite or no number, and its mean is finite; what is
wrong is refused where it is written. O(1), O(n log n) of samples.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from itertools import pairwise
from sys import float_info
from typing import TypeAlias, TypeVar

from reactive_dag.model.errors import InvalidValue
from reactive_dag.model.records import Json
from reactive_dag.model.scalars import own
from reactive_dag.model.text import seen
from reactive_dag.model.times import GivenDuration, parse_duration
from reactive_dag.whatif.question.distribution_kinds import (
    LONGEST_SPAN,
    Distribution,
    Empirical,
    Exponential,
    LogNormal,
    Triangular,
    Uniform,
    Weibull,
)

Given: TypeAlias = "GivenDuration | float"
"""A duration, or a plain number where a factor is meant."""

_LARGEST = float_info.max
"""The largest number that is finite."""

AnyKind = TypeVar("AnyKind", bound=Distribution)


def uniform(low: Given, high: Given) -> Uniform:
    """Every value from `low` to `high` alike. O(1).

    Takes two durations, or two numbers for a factor, as all of these do. Raises InvalidValue.

    >>> uniform("5m", "9m")
    rd.uniform('5m', '9m')
    """
    return _right(_ordered(Uniform, "rd.uniform()", low=low, high=high))


def triangular(low: Given, mode: Given, high: Given) -> Triangular:
    """Values from `low` to `high`, most often near `mode`: what is known of a task where three guesses are. O(1).

    Raises InvalidValue.

    >>> triangular("5m", "6m", "20m")
    rd.triangular('5m', '6m', '20m')
    """
    return _right(_ordered(Triangular, "rd.triangular()", low=low, mode=mode, high=high))


def lognormal(median: Given, sigma: float) -> LogNormal:
    """A value whose logarithm is normal, with deviation `sigma`; half of the values lie below `median`. O(1).

    Raises InvalidValue.

    >>> lognormal("15m", 0.4)
    rd.lognormal('15m', 0.4)
    """
    is_factor, middle = _positive("rd.lognormal(): median", median)
    return _right(LogNormal(is_factor, middle, number_of(sigma, "rd.lognormal(): sigma")))


def exponential(mean: Given) -> Exponential:
    """A memoryless value: what is left of it does not depend on how long it has lasted. O(1). Raises InvalidValue.

    >>> exponential("10m")
    rd.exponential('10m')
    """
    return _right(Exponential(*_positive("rd.exponential(): mean", mean)))


def weibull(scale: Given, shape: float) -> Weibull:
    """The time to a failure; with shape 1 it is exponential with mean `scale`. O(1). Raises InvalidValue.

    >>> weibull("10m", 1.5)
    rd.weibull('10m', 1.5)
    """
    is_factor, size = _positive("rd.weibull(): scale", scale)
    return _right(Weibull(is_factor, size, number_of(shape, "rd.weibull(): shape", zero_ok=False)))


def empirical(samples: Iterable[Given]) -> Empirical:
    """One of these samples, each as often as the others; one that is there twice, twice as often. O(n log n).

    Raises InvalidValue.

    >>> empirical(["9m", "7m", "40m"])
    rd.empirical(['7m', '9m', '40m'])
    """
    if isinstance(samples, str | bytes) or not isinstance(samples, Iterable):
        raise InvalidValue(f"rd.empirical({seen(samples)}): give a list of samples")
    given = {f"sample {number}": each for number, each in enumerate(samples)}
    if not given:
        raise InvalidValue("rd.empirical(): give at least one sample")
    is_factor, found = _alike("rd.empirical()", given)
    return _right(Empirical(is_factor, tuple(sorted(found))))


_MAKERS: Mapping[str, Callable[..., Distribution]] = {
    make.__name__: make for make in (uniform, triangular, lognormal, exponential, weibull, empirical)
}


def distribution_from_json(data: dict[str, Json]) -> Distribution:
    """The distribution that `to_json` wrote. O(size). Raises InvalidValue.

    >>> distribution_from_json(uniform("5m", "9m").to_json())
    rd.uniform('5m', '9m')
    """
    given = dict(data)
    make = _MAKERS.get(given.pop("distribution", ""))
    if make is None:
        raise InvalidValue(f"{seen(data)} is no distribution: 'distribution' is one of {', '.join(sorted(_MAKERS))}")
    return make(**given)


def span_of(given: object, what: str) -> int | Distribution:
    """A span as given: a duration (ns), or a distribution of durations. O(1). Raises InvalidValue."""
    if isinstance(given, Distribution):
        if given.is_factor:
            raise InvalidValue(f"{what}: {given!r} has no unit; write durations, as in rd.uniform('5m', '9m')")
        return given
    return _fixed(given, what)


def factor_of(given: object, what: str) -> float | Distribution:
    """A factor as given: a number, or a distribution of numbers. O(1). Raises InvalidValue."""
    if isinstance(given, Distribution):
        if not given.is_factor:
            raise InvalidValue(f"{what}: {given!r} is of durations; a factor is a number, as in rd.lognormal(1, 0.3)")
        return given
    return number_of(given, what)


# ------------------------------------------------------------------------------------------------------------ checks


def _alike(what: str, given: Mapping[str, Given]) -> tuple[bool, list[float]]:
    """Whether plain numbers were given, and what: all numbers, or all durations."""
    numbers = [isinstance(pythons_number(each), int | float) for each in given.values()]
    if all(numbers):
        return True, [number_of(each, f"{what}: {name}") for name, each in given.items()]
    if any(numbers):
        raise InvalidValue(
            f"{what}: give durations alone, or numbers alone for a factor, not {seen([*given.values()])}"
        )
    return False, [float(_fixed(each, f"{what}: {name}")) for name, each in given.items()]


def _ordered(kind: Callable[..., AnyKind], what: str, **given: Given) -> AnyKind:
    is_factor, found = _alike(what, given)
    for (one, low), (other, high) in pairwise(zip(given, found)):
        if low > high:
            raise InvalidValue(f"{what}: {one}={seen(given[one])} is above {other}={seen(given[other])}")
    return kind(is_factor, *found)


def _fixed(given: object, what: str, zero_ok: bool = True) -> int:
    found = parse_duration(given, what=what, zero_ok=zero_ok)  # type: ignore[arg-type]
    if found > LONGEST_SPAN:
        raise InvalidValue(f"{what} {seen(given)} is longer than 73 years")
    return found


def _positive(what: str, given: Given) -> tuple[bool, float]:
    if isinstance(pythons_number(given), int | float):
        return True, number_of(given, what, zero_ok=False)
    return False, float(_fixed(given, what, zero_ok=False))


def number_of(given: object, what: str, zero_ok: bool = True) -> float:
    """A number as given, of numpy too, not negative and not infinite. O(1). Raises InvalidValue."""
    found = pythons_number(given)
    if isinstance(found, bool) or not isinstance(found, int | float) or not 0 <= found <= _LARGEST:
        raise InvalidValue(
            f"{what} must be a number, {'zero or more' if zero_ok else 'more than zero'}, not {seen(given)}"
        )
    if not found and not zero_ok:
        raise InvalidValue(f"{what} must be more than zero")
    return found


def pythons_number(given: object) -> object:
    """A number of numpy as Python's own; all else as it is. O(1)."""
    found = own(given)
    is_float = isinstance(found, float) or getattr(getattr(found, "dtype", None), "kind", "") == "f"
    return float(found) if is_float and getattr(found, "shape", ()) == () else found


def _right(made: AnyKind) -> AnyKind:
    """What was made, if its mean can be simulated."""
    if made.mean > LONGEST_SPAN:
        raise InvalidValue(f"{made!r}: its mean is {'too large' if made.is_factor else 'longer than 73 years'}")
    return made
