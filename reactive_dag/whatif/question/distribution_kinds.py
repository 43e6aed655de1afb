"""Distributions: how long something takes, or by which factor it is multiplied, where it is not always the same.

Owns the six kinds, each a frozen value (distributions.py makes them). A value is drawn by the quantile of a number
between 0 and 1. Invariants: the quantile never falls where that number grows, and is never negative; the same number
gives the same value on every machine. Spans are nanoseconds; one beyond `LONGEST` is cut to it. O(size) to draw.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Hashable, Iterable
from math import exp as e_to
from math import gamma, inf
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt
from attrs import frozen

from reactive_dag.model.errors import InvalidValue
from reactive_dag.model.records import Json
from reactive_dag.model.text import seen
from reactive_dag.model.times import format_duration
from reactive_dag.whatif.question.elementary import Floats, exp, log, normal_quantile

Spans: TypeAlias = npt.NDArray[np.int64]

LONGEST: Final = 2**61
"""The longest span that is simulated (ns), some 73 years: an end stays below 2**62, which stands for never."""

_LEAST = 2.0**-53
_MOST = 1 - _LEAST


@frozen(repr=False)
class Distribution:
    """What is drawn anew for each attempt, event or future. `is_factor`: of plain numbers, not of spans (ns)."""

    is_factor: bool

    @property
    @abstractmethod
    def numbers(self) -> tuple[float, ...]:
        """What `values` needs of it."""

    @property
    @abstractmethod
    def mean(self) -> float:
        """Its mean (ns, or a factor)."""

    @property
    def family(self) -> Hashable:
        """Those of one family are drawn together, by the `values` of one of them."""
        return self._name

    @abstractmethod
    def values(self, u: Floats, *numbers: Floats | float) -> Floats:
        """The quantiles (ns, not yet whole, or factors) of distributions of this family. O(size).

        A row of `u` for each distribution, `numbers` as columns.
        """

    @property
    @abstractmethod
    def arguments(self) -> dict[str, Json]:
        """What makes it, by the parameters' names, as plain data."""

    def draw(self, u: Floats) -> Floats:
        """Its quantiles (ns, not yet whole, or factors) of numbers between 0 and 1. O(size)."""
        return self.values(u, *self.numbers)

    def quantile(self, q: float | Iterable[float] | Floats) -> Spans | Floats:
        """Its quantiles: spans in whole nanoseconds, or factors. O(size).

        Raises InvalidValue for a probability outside 0 to 1. At 0 and 1 it is the nearest that can be drawn.

        >>> int(LogNormal(False, 60e9, 0.4).quantile(0.5)) == 60 * 10**9
        True
        """
        given = np.asarray(q if isinstance(q, float | int | np.ndarray) else list(q), np.float64)
        if not ((given >= 0) & (given <= 1)).all():
            raise InvalidValue(f"quantile({seen(q)}): a probability is a number from 0 to 1")
        found = self.draw(np.clip(given.reshape(-1), _LEAST, _MOST)).reshape(given.shape)
        return found if self.is_factor else whole_spans(found)

    def to_json(self) -> dict[str, Json]:
        """Plain data: its kind and what makes it; spans as text. O(size)."""
        return {"distribution": self._name, **self.arguments}

    def _plain(self, value: float) -> Json:
        return value if self.is_factor else format_duration(round(value))

    @property
    def _name(self) -> str:
        return type(self).__name__.lower()

    def __repr__(self) -> str:
        return f"rd.{self._name}({', '.join(map(repr, self.arguments.values()))})"


@frozen(repr=False)
class Uniform(Distribution):
    """Every value between two bounds alike."""

    low: float
    high: float

    @property
    def numbers(self) -> tuple[float, ...]:
        return self.low, self.high - self.low

    @property
    def mean(self) -> float:
        return (self.low + self.high) / 2

    @property
    def arguments(self) -> dict[str, Json]:
        return {"low": self._plain(self.low), "high": self._plain(self.high)}

    def values(self, u: Floats, *numbers: Floats | float) -> Floats:
        low, width = numbers
        return low + u * width


@frozen(repr=False)
class Triangular(Distribution):
    """Values between two bounds, most often near the mode."""

    low: float
    mode: float
    high: float

    @property
    def numbers(self) -> tuple[float, ...]:
        return self.low, self.mode - self.low, self.high - self.mode, self.high

    @property
    def mean(self) -> float:
        return (self.low + self.mode + self.high) / 3

    @property
    def arguments(self) -> dict[str, Json]:
        return {"low": self._plain(self.low), "mode": self._plain(self.mode), "high": self._plain(self.high)}

    def values(self, u: Floats, *numbers: Floats | float) -> Floats:
        low, rising, falling, high = numbers
        width = rising + falling
        rises = low + np.sqrt(u * (width * rising))
        falls = high - np.sqrt((1.0 - u) * (width * falling))
        return np.where(u * width < rising, rises, falls)


@frozen(repr=False)
class LogNormal(Distribution):
    """The logarithm is normal: often near the median, now and then much longer, never negative."""

    median: float
    sigma: float

    @property
    def numbers(self) -> tuple[float, ...]:
        return self.median, self.sigma

    @property
    def mean(self) -> float:
        return _bounded(lambda: self.median * e_to(self.sigma * self.sigma / 2))

    @property
    def arguments(self) -> dict[str, Json]:
        return {"median": self._plain(self.median), "sigma": self.sigma}

    def values(self, u: Floats, *numbers: Floats | float) -> Floats:
        median, sigma = numbers
        found = normal_quantile(u)
        found *= sigma
        found = exp(found)
        found *= median
        return found


@frozen(repr=False)
class Exponential(Distribution):
    """The time between events that come at random: memoryless."""

    usual: float

    @property
    def numbers(self) -> tuple[float, ...]:
        return (self.usual,)

    @property
    def mean(self) -> float:
        return self.usual

    @property
    def arguments(self) -> dict[str, Json]:
        return {"mean": self._plain(self.usual)}

    def values(self, u: Floats, *numbers: Floats | float) -> Floats:
        return -log(1.0 - u) * numbers[0]


@frozen(repr=False)
class Weibull(Distribution):
    """The time to a failure: with a shape below 1 many short and few long ones, above 1 most near the scale."""

    scale: float
    shape: float

    @property
    def numbers(self) -> tuple[float, ...]:
        return self.scale, 1 / self.shape

    @property
    def mean(self) -> float:
        return _bounded(lambda: self.scale * gamma(1 + 1 / self.shape))

    @property
    def arguments(self) -> dict[str, Json]:
        return {"scale": self._plain(self.scale), "shape": self.shape}

    def values(self, u: Floats, *numbers: Floats | float) -> Floats:
        scale, power = numbers
        return exp(log(-log(1.0 - u)) * power) * scale


@frozen(repr=False)
class Empirical(Distribution):
    """One of the samples, each as often as the others."""

    samples: tuple[float, ...]

    @property
    def numbers(self) -> tuple[float, ...]:
        return ()

    @property
    def family(self) -> Hashable:
        return self

    @property
    def mean(self) -> float:
        return sum(self.samples) / len(self.samples)

    @property
    def arguments(self) -> dict[str, Json]:
        return {"samples": [self._plain(each) for each in self.samples]}

    def values(self, u: Floats, *numbers: Floats | float) -> Floats:
        return np.array(self.samples).take((u * len(self.samples)).astype(np.int64))


def whole_spans(values: Floats) -> Spans:
    """Spans in whole nanoseconds, from 0 to `LONGEST`. O(size).

    >>> whole_spans(np.array([1.5, 1e30])).tolist() == [2, LONGEST]
    True
    """
    return np.clip(np.rint(values), 0, float(LONGEST)).astype(np.int64)


def _bounded(value: Callable[[], float]) -> float:
    try:
        return value()
    except OverflowError:
        return inf
