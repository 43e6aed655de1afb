"""Distributions: how long something takes, or by which factor it is multiplied, where it is not always the same.

Owns the six kinds, each a frozen value (distributions.py makes them). A value is drawn by the quantile of a number
between 0 and 1. Invariants: the quantile never falls where that number grows, and is never negative; the same number
gives the same value on every machine. Spans are nanoseconds; one beyond `LONGEST_SPAN` is cut to it. O(size) to draw.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterable, Sequence
from functools import cached_property
from math import exp as e_to
from math import gamma, inf
from typing import Any, Final, TypeAlias, cast

import numpy as np
import numpy.typing as npt
from attrs import fields, frozen

from reactive_dag.model.errors import InvalidValue
from reactive_dag.model.records import Json
from reactive_dag.model.text import seen
from reactive_dag.model.times import format_duration
from reactive_dag.whatif.question.elementary import Floats, exp, log, normal_quantile

Spans: TypeAlias = npt.NDArray[np.int64]

LONGEST_SPAN: Final = 2**61
"""The longest span that is simulated (ns), some 73 years: an end stays below 2**62, which stands for never."""

PURE_NUMBERS = ("sigma", "shape")
"""The parameters that are numbers even of a distribution of spans."""

_LEAST = 2.0**-53
_MOST = 1 - _LEAST


@frozen(repr=False)
class Distribution:
    """What is drawn anew for each attempt, event or future. `is_factor`: of plain numbers, not of spans (ns)."""

    is_factor: bool

    @property
    @abstractmethod
    def mean(self) -> float:
        """Its mean (ns, or a factor)."""

    @abstractmethod
    def values(self, u: Floats, *numbers: Floats | float) -> Floats:
        """The quantiles (ns, not yet whole, or factors) of distributions of this family. O(size).

        A row of `u` for each distribution, `numbers` as columns.
        """

    @property
    @abstractmethod
    def numbers(self) -> tuple[float, ...]:
        """What `values` needs of it: its parameters, spans in ns."""

    @classmethod
    def merged(cls, alike: Sequence[Distribution]) -> tuple[Distribution, list[tuple[float, ...]]]:
        """One that draws for all of these, which are of one family, and the numbers of each. O(n)."""
        return alike[0], [each.numbers for each in alike]

    def draw(self, u: Floats) -> Floats:
        """Its quantiles (ns, not yet whole, or factors) of numbers between 0 and 1. O(size)."""
        return self.values(u, *self.numbers)

    def value(self, u: float) -> float:
        """One quantile (ns, not yet whole, or a factor): that of `draw`, in plain Python. O(1)."""
        return float(self.values(cast(Floats, u), *self.numbers))  # what is written for arrays does for numbers

    def quantile(self, q: float | Iterable[float] | Floats) -> Spans | Floats:
        """Its quantiles: spans in whole nanoseconds, or factors. O(size).

        Raises InvalidValue for a probability outside 0 to 1. At 0 and 1 it is the nearest that can be drawn.

        >>> int(LogNormal(False, 60e9, 0.4).quantile(0.5)) == 60 * 10**9
        True
        """
        try:
            given = np.asarray(list(q) if isinstance(q, Iterable) else q, np.float64)
            in_range = bool(((given >= 0) & (given <= 1)).all())
        except (TypeError, ValueError):
            in_range = False
        if not in_range:
            raise InvalidValue(f"quantile({seen(q)}): a probability is a number from 0 to 1")
        found = self.draw(np.clip(given.reshape(-1), _LEAST, _MOST)).reshape(given.shape)
        return found if self.is_factor else whole_spans(found)

    def to_json(self) -> dict[str, Json]:
        """Plain data: its kind and its parameters by their names; spans as text. O(size)."""
        given = {each.name: getattr(self, each.name) for each in fields(type(self)) if each.name != "is_factor"}
        return {"distribution": self.kind, **{name: self._plain(name, value) for name, value in given.items()}}

    def _plain(self, name: str, value: Any) -> Json:
        if isinstance(value, tuple):
            return [self._plain(name, each) for each in value]
        return value if self.is_factor or name in PURE_NUMBERS else format_duration(round(value))

    @property
    def kind(self) -> str:
        """The name of what makes it, without `rd.`."""
        return type(self).__name__.lower()

    def __repr__(self) -> str:
        kind, *given = self.to_json().values()
        return f"rd.{kind}({', '.join(map(repr, given))})"


@frozen(repr=False)
class Uniform(Distribution):
    """Every value between two bounds alike."""

    low: float
    high: float

    @property
    def numbers(self) -> tuple[float, ...]:
        """Its parameters."""
        return self.low, self.high

    @property
    def mean(self) -> float:
        """Halfway between the bounds."""
        return (self.low + self.high) / 2

    def values(self, u: Floats, *numbers: Floats | float) -> Floats:
        """Linear in `u`. O(size)."""
        low, high = numbers
        return low + u * (high - low)


@frozen(repr=False)
class Triangular(Distribution):
    """Values between two bounds, most often near the mode."""

    low: float
    mode: float
    high: float

    @property
    def numbers(self) -> tuple[float, ...]:
        """Its parameters."""
        return self.low, self.mode, self.high

    @property
    def mean(self) -> float:
        """The mean of the three."""
        return (self.low + self.mode + self.high) / 3

    def values(self, u: Floats, *numbers: Floats | float) -> Floats:
        """By square roots, from the lower bound up to the mode and from the upper down. O(size)."""
        low, mode, high = numbers
        width = high - low
        rises = low + np.sqrt(u * (width * (mode - low)))
        falls = high - np.sqrt((1.0 - u) * (width * (high - mode)))
        return np.where(u * width < mode - low, rises, falls)


@frozen(repr=False)
class LogNormal(Distribution):
    """The logarithm is normal: often near the median, now and then much longer, never negative."""

    median: float
    sigma: float

    @property
    def numbers(self) -> tuple[float, ...]:
        """Its parameters."""
        return self.median, self.sigma

    @property
    def mean(self) -> float:
        """Above the median: median * e**(sigma**2 / 2)."""
        return _bounded(lambda: self.median * e_to(self.sigma * self.sigma / 2))

    def values(self, u: Floats, *numbers: Floats | float) -> Floats:
        """The exponential of a normal quantile. O(size)."""
        median, sigma = numbers
        found = normal_quantile(u)
        found *= sigma
        found = exp(found)
        found *= median
        return found


@frozen(repr=False)
class Exponential(Distribution):
    """The time between events that come at random: memoryless."""

    mean: float

    @property
    def numbers(self) -> tuple[float, ...]:
        """Its mean."""
        return (self.mean,)

    def values(self, u: Floats, *numbers: Floats | float) -> Floats:
        """By the logarithm. O(size)."""
        return -log(1.0 - u) * numbers[0]


@frozen(repr=False)
class Weibull(Distribution):
    """The time to a failure: with a shape below 1 many short and few long ones, above 1 most near the scale."""

    scale: float
    shape: float

    @property
    def numbers(self) -> tuple[float, ...]:
        """Its parameters."""
        return self.scale, self.shape

    @property
    def mean(self) -> float:
        """By the gamma function: scale * gamma(1 + 1 / shape)."""
        return _bounded(lambda: self.scale * gamma(1 + 1 / self.shape))

    def values(self, u: Floats, *numbers: Floats | float) -> Floats:
        """By a power of the logarithm. O(size)."""
        scale, shape = numbers
        return exp(log(-log(1.0 - u)) / shape) * scale


@frozen(repr=False)
class Empirical(Distribution):
    """One of the samples, each as often as the others."""

    samples: tuple[float, ...]

    @property
    def numbers(self) -> tuple[float, ...]:
        """Where its samples begin, and how many there are."""
        return 0, len(self.samples)

    @classmethod
    def merged(cls, alike: Sequence[Distribution]) -> tuple[Distribution, list[tuple[float, ...]]]:
        """One that has the samples of all, one after the other. O(samples)."""
        found: list[float] = []
        numbers: list[tuple[float, ...]] = []
        for each in alike:
            assert isinstance(each, Empirical)
            numbers.append((len(found), len(each.samples)))
            found += each.samples
        return cls(alike[0].is_factor, tuple(found)), numbers

    @property
    def mean(self) -> float:
        """The mean of the samples."""
        return sum(self.samples) / len(self.samples)

    def values(self, u: Floats, *numbers: Floats | float) -> Floats:
        """A sample by its number, the smallest first. O(size)."""
        first, count = numbers
        return self._array.take((np.floor(u * count) + first).astype(np.int64))

    @cached_property
    def _array(self) -> Floats:
        return np.array(self.samples, np.float64)


def whole_spans(values: Floats) -> Spans:
    """Spans in whole nanoseconds, from 0 to `LONGEST_SPAN`. O(size).

    >>> whole_spans(np.array([1.5, 1e30])).tolist() == [2, LONGEST_SPAN]
    True
    """
    return np.clip(np.rint(values), 0, float(LONGEST_SPAN)).astype(np.int64)


def whole_span(value: float) -> int:
    """`whole_spans` of one number. O(1)."""
    return round(min(max(value, 0), LONGEST_SPAN))


def _bounded(value: Callable[[], float]) -> float:
    try:
        return value()
    except OverflowError:
        return inf
