"""Distributions: quantiles and moments are SciPy's, values are frozen, nonsense is refused where it is written (W3)."""

from __future__ import annotations

from datetime import timedelta
from math import inf, nan

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

import reactive_dag as rd
from reactive_dag.model.errors import InvalidValue
from reactive_dag.model.times import MINUTE, SECOND
from reactive_dag.whatif.question.distribution_kinds import LONGEST_SPAN, Distribution
from reactive_dag.whatif.question.distributions import distribution_from_json, factor_of, span_of
from tests.whatif.test_draws import some

SAMPLES = ["7m", "9m", "9m", "40m"]
BOOKS = [
    (rd.uniform("5m", "9m"), stats.uniform(5, 4)),
    (rd.triangular("5m", "6m", "20m"), stats.triang(1 / 15, 5, 15)),
    (rd.triangular("5m", "5m", "20m"), stats.triang(0, 5, 15)),
    (rd.triangular("5m", "20m", "20m"), stats.triang(1, 5, 15)),
    (rd.lognormal("15m", 0.4), stats.lognorm(0.4, scale=15)),
    (rd.lognormal("15m", 2), stats.lognorm(2, scale=15)),
    (rd.exponential("10m"), stats.expon(scale=10)),
    (rd.weibull("10m", 0.7), stats.weibull_min(0.7, scale=10)),
    (rd.weibull("10m", 3), stats.weibull_min(3, scale=10)),
]
FACTORS = [
    rd.uniform(0.5, 2), rd.triangular(0, 1, 4), rd.lognormal(1, 0.3), rd.exponential(1.5), rd.weibull(2, 1.5),
    rd.empirical([1, 1.25, 3]),
]  # fmt: skip
ALL = [given for given, _ in BOOKS] + [rd.empirical(SAMPLES), *FACTORS]


def named(value: object) -> str:
    """Under which name a test stands."""
    return repr(value) if isinstance(value, Distribution) else ""


@pytest.mark.parametrize(("ours", "theirs"), BOOKS, ids=named)
def test_W3_quantiles_and_means_are_those_of_the_books(ours: Distribution, theirs: stats.rv_frozen) -> None:
    q = np.concatenate([np.linspace(0.0001, 0.9999, 999), [1e-9, 1 - 1e-9]])
    q = np.rint(q * 2.0**53) / 2.0**53  # as draws are: 1 - q is exact
    assert np.allclose(ours.quantile(q) / MINUTE, theirs.ppf(q), rtol=1e-11, atol=1e-10)
    assert ours.mean / MINUTE == pytest.approx(theirs.mean())


@pytest.mark.parametrize(("ours", "theirs"), BOOKS, ids=named)
def test_W3_draws_have_the_distribution(ours: Distribution, theirs: stats.rv_frozen) -> None:
    drawn = ours.quantile(some()) / MINUTE
    assert stats.kstest(drawn, theirs.cdf).pvalue > 0.001
    assert drawn.mean() == pytest.approx(theirs.mean(), abs=5 * theirs.std() / len(drawn) ** 0.5)


def test_W3_the_largest_of_several_lognormals_has_its_known_quantiles() -> None:
    drawn = np.array([rd.lognormal("15m", 0.4).quantile(some(20_000, seed)) for seed in range(8)]).max(axis=0)
    for q in (0.05, 0.5, 0.95):
        known = stats.lognorm(0.4, scale=15).ppf(q ** (1 / 8))  # all of 8 lie below it with chance q
        assert np.quantile(drawn, q) / MINUTE == pytest.approx(known, rel=0.02)


def test_W3_empirical_gives_each_sample_as_often_as_it_is_there() -> None:
    given = rd.empirical(SAMPLES)
    values, counts = np.unique(given.quantile(some(40_000)), return_counts=True)
    assert (values // MINUTE).tolist() == [7, 9, 40]
    assert counts / 40_000 == pytest.approx([0.25, 0.5, 0.25], abs=0.015)
    assert (given.quantile([0, 0.24, 0.26, 0.74, 0.76, 1]) // MINUTE).tolist() == [7, 7, 9, 9, 40, 40]
    assert given.mean == 65 / 4 * MINUTE


@pytest.mark.parametrize("given", ALL, ids=named)
def test_W3_quantiles_never_fall_and_never_are_negative(given: Distribution) -> None:
    found = given.quantile(np.concatenate([[0], np.sort(some(20_000)), [1]]))
    assert (np.diff(found) >= 0).all() and found[0] >= 0 and np.isfinite(found).all()


@pytest.mark.parametrize("given", ALL, ids=named)
def test_W3_values_of_distributions_are_frozen_equal_and_written_back(given: Distribution) -> None:
    again = eval(repr(given), {"rd": rd})
    assert again == given == distribution_from_json(given.to_json()) and hash(again) == hash(given)
    assert again != rd.uniform("1m", "2m")
    with pytest.raises(AttributeError):
        given.is_factor = True  # type: ignore[misc]


@pytest.mark.parametrize("given", ALL, ids=named)
def test_W3_a_value_of_a_number_is_that_of_an_array(given: Distribution) -> None:
    u = some(2000)
    assert [given.value(each) for each in u.tolist()] == given.draw(u).tolist()


def test_W3_durations_are_written_as_elsewhere() -> None:
    assert rd.uniform(timedelta(minutes=5), "9m").to_json() == {"distribution": "uniform", "low": "5m", "high": "9m"}
    assert rd.lognormal("90s", 0.5).to_json() == {"distribution": "lognormal", "median": "1m30s", "sigma": 0.5}
    with pytest.raises(InvalidValue, match="'distribution' is one of empirical, exponential, lognormal"):
        distribution_from_json({"distribution": "normal"})


def test_W3_numbers_and_lengths_of_time_of_numpy_and_pandas_are_as_pythons_own() -> None:
    assert repr(rd.lognormal(np.timedelta64(15, "m"), np.float64(0.4))) == "rd.lognormal('15m', 0.4)"
    assert repr(rd.uniform(np.int64(1), np.float32(1.5))) == "rd.uniform(1, 1.5)"
    measured = np.array([90, 30], "timedelta64[s]")
    assert rd.empirical(measured) == rd.empirical(pd.Series(measured)) == rd.empirical(["30s", "90s"])
    assert repr(rd.empirical(np.array([2, 1]))) == "rd.empirical([1, 2])"
    assert rd.uniform("1m", "3m").quantile(np.float32(0.5)) == 2 * MINUTE


def test_W3_quantiles_are_whole_nanoseconds_and_at_most_73_years() -> None:
    assert rd.lognormal("15m", 0).quantile([0.1, 0.5]).tolist() == [15 * MINUTE, 15 * MINUTE]
    assert rd.lognormal("15m", 5).quantile(1) == LONGEST_SPAN
    assert rd.uniform("3ns", "4ns").quantile(0.4) == 3
    assert rd.uniform(1, 3).quantile([0, 0.5, 1]).tolist() == pytest.approx([1, 2, 3])
    assert rd.weibull("1s", 0.1).quantile(1) == LONGEST_SPAN


@pytest.mark.parametrize("q", [-0.1, 1.1, nan, [0.5, 2], "half", None])
def test_W3_a_probability_is_from_0_to_1(q: object) -> None:
    with pytest.raises(InvalidValue, match="a probability is a number from 0 to 1"):
        rd.uniform("5m", "9m").quantile(q)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: rd.uniform("9m", "5m"), r"rd.uniform\(\): low='9m' is above high='5m'"),
        (lambda: rd.uniform("-1m", "5m"), "low '-1m' must be zero or more"),
        (lambda: rd.uniform("5m", 9), "durations alone, or numbers alone"),
        (lambda: rd.uniform(-1, 9), "low must be a number, zero or more, not -1"),
        (lambda: rd.uniform(1, inf), "high must be a number, zero or more, not inf"),
        (lambda: rd.uniform(1, nan), "high must be a number, zero or more, not nan"),
        (lambda: rd.uniform(1, 10**400), "high must be a number"),
        (lambda: rd.uniform(True, 2), "low must be a number"),
        (lambda: rd.uniform("5m", None), "high None has no unit"),
        (lambda: rd.triangular("5m", "4m", "9m"), "low='5m' is above mode='4m'"),
        (lambda: rd.triangular("5m", "9m", "8m"), "mode='9m' is above high='8m'"),
        (lambda: rd.lognormal("15m", -0.4), "sigma must be a number, zero or more, not -0.4"),
        (lambda: rd.lognormal("15m", nan), "sigma must be a number"),
        (lambda: rd.lognormal("15m", "0.4"), "sigma must be a number"),
        (lambda: rd.lognormal("0s", 0.4), "median '0s' must be more than zero"),
        (lambda: rd.lognormal(0, 0.4), "median must be more than zero"),
        (lambda: rd.lognormal("15m", 60), "its mean is longer than 73 years"),
        (lambda: rd.lognormal(1, 60), "its mean is too large"),
        (lambda: rd.exponential("0s"), "mean '0s' must be more than zero"),
        (lambda: rd.exponential("100000d"), "mean '100000d' is longer than"),
        (lambda: rd.weibull("10m", 0), "shape must be more than zero"),
        (lambda: rd.weibull("10m", 0.001), "its mean is longer than 73 years"),
        (lambda: rd.empirical([]), "give at least one sample"),
        (lambda: rd.empirical("9m"), "give a list of samples"),
        (lambda: rd.empirical(["9m", "-1m"]), "sample 1 '-1m' must be zero or more"),
        (lambda: rd.empirical(["9m", 3]), "durations alone, or numbers alone"),
        (lambda: span_of(rd.lognormal(1, 0.3), "x"), "x: .* has no unit; write durations"),
        (lambda: span_of("30000d", "x"), "x '30000d' is longer than 73 years"),
        (lambda: factor_of(rd.lognormal("15m", 0.3), "x"), "x: .* is of durations; a factor is a number"),
    ],
)
def test_W3_nonsense_is_refused_where_it_is_written(make: object, said: str) -> None:
    assert callable(make)
    with pytest.raises(InvalidValue, match=said):
        make()


@given(st.lists(st.integers(0, 10**6), min_size=1, max_size=20), st.lists(st.integers(0, 10**6), min_size=1))
def test_empirical_distributions_that_are_drawn_together_are_as_by_themselves(one: list[int], two: list[int]) -> None:
    both = [rd.empirical([timedelta(seconds=each) for each in samples]) for samples in (one, two)]
    together, numbers = both[0].merged(both)
    u = some(64)
    columns = [np.array(column)[:, None] for column in zip(*numbers)]
    assert (together.values(np.stack([u, u]), *columns) == np.stack([each.draw(u) for each in both])).all()
    assert both[0].draw(u).max() == max(one) * SECOND or len(one) > 20
