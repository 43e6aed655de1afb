"""Draws and distributions: the same whatever the order, and those of the books (W1 to W4)."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from scipy.special import ndtri

import reactive_dag as rd
from reactive_dag.whatif.question.draws import (
    DURATION,
    FAILURE,
    draw_key,
    draw_keys,
    folded,
    folded_arrays,
    future_keys,
    mix,
    mix_array,
    text_key,
    uniform_of,
    uniforms,
)
from reactive_dag.whatif.question.elementary import exp, log, normal_quantile
from reactive_dag.whatif.question.identity import clocked_identities, outside_identity, run_identity, tick_identity

WORDS = st.integers(0, 2**64 - 1)
TRIES = 200_000


def some(tries: int = TRIES, seed: int = 0) -> np.ndarray:
    """Draws of one key in many futures."""
    return uniforms(draw_keys(1, text_key("load"), DURATION), future_keys(seed, range(tries)))[0]


# ---------------------------------------------------------------------------------------------------------- numbers


@given(st.lists(WORDS, min_size=1, max_size=5))
def test_hashes_of_arrays_are_those_of_numbers(numbers: list[int]) -> None:
    assert mix_array(np.array(numbers, np.uint64)).tolist() == [mix(each) for each in numbers]
    columns = [np.array([each], np.uint64) for each in numbers]
    assert folded_arrays(*columns).tolist() == folded_arrays(*numbers).tolist() == [folded(*numbers)]


def test_hashes_mix_as_splitmix64_does() -> None:
    assert mix(0x9E3779B97F4A7C15) == 0xE220A8397B1DCDAF, "the first number of splitmix64 from seed 0"


def test_draws_are_the_same_one_by_one_and_in_any_order() -> None:
    keys = draw_keys(np.arange(50, dtype=np.uint64), np.uint64(3) * np.arange(50, dtype=np.uint64), DURATION)
    whole = uniforms(keys, future_keys(7, range(20)))
    assert whole.shape == (50, 20)
    for future in (19, 0, 7):
        assert (uniforms(keys[::-1], future_keys(7, range(future, future + 1)))[::-1, 0] == whole[:, future]).all()


def test_draws_differ_by_whatever_is_in_their_key() -> None:
    keys = [
        draw_keys(identity, text_key(task), purpose, attempt)
        for identity in (1, 2)
        for task in ("load", "load[1]")
        for purpose in (DURATION, FAILURE)
        for attempt in (1, 2)
    ]
    futures = np.concatenate([future_keys(seed, range(3)) for seed in (0, 1, -1, 2**70)])
    drawn = uniforms(np.concatenate(keys), futures)
    assert len(np.unique(drawn)) == drawn.size == 16 * 12


def test_draws_are_uniform_and_independent() -> None:
    keys = draw_keys(np.arange(200, dtype=np.uint64), text_key("load"), DURATION)
    drawn = uniforms(keys, future_keys(0, range(1000)))
    assert drawn.min() > 0 and drawn.max() < 1
    assert stats.kstest(drawn.ravel(), "uniform").pvalue > 0.001
    for rows in (drawn, drawn.T):
        between = np.corrcoef(rows)[np.triu_indices(len(rows), 1)] * np.sqrt(rows.shape[1])
        assert abs(between.mean()) < 4 / np.sqrt(between.size) and abs(between.std() - 1) < 0.02


# ------------------------------------------------------------------------------------------- elementary functions


def probabilities() -> np.ndarray:
    """Many draws, and the smallest and largest."""
    small = 10.0 ** -np.arange(1, 15.9, 0.01)
    return np.concatenate([some(), small, 1 - small, [2.0**-53, 1 - 2.0**-53]])


def test_normal_quantiles_are_scipys() -> None:
    u = probabilities()
    assert np.allclose(normal_quantile(u), ndtri(u), rtol=4e-15, atol=1e-15)


def test_exp_and_log_are_numpys_within_some_last_places() -> None:
    x = (some() - 0.5) * 1398
    assert np.allclose(exp(x), np.exp(x), rtol=1e-15, atol=0)
    assert exp(np.array([-1e9, 1e9])).tolist() == exp(np.array([-700.0, 700.0])).tolist()
    u = probabilities()
    assert np.allclose(log(u), np.log(u), rtol=1e-15, atol=0)
    big = exp(x)
    assert np.allclose(log(big), x, rtol=1e-15, atol=1e-15)


@pytest.mark.parametrize("function", [normal_quantile, exp, log])
def test_elementary_functions_are_the_same_in_arrays_of_any_size(function: object) -> None:
    u = some(1000)
    assert callable(function)
    whole = function(u)
    for size in (1, 2, 3, 7, 64):
        assert (np.concatenate([function(u[at : at + size]) for at in range(0, 1000, size)]) == whole).all()
    assert (function(u.reshape(50, 20)) == whole.reshape(50, 20)).all()


@pytest.mark.parametrize("function", [normal_quantile, exp, log])
def test_elementary_functions_of_numbers_are_those_of_arrays(function: object) -> None:
    u = probabilities()[::23]
    assert callable(function)
    for x in (u, np.exp(100 * (u - 0.5))) if function is log else (u, 2e3 * (u - 0.5))[: 2 if function is exp else 1]:
        assert [function(each) for each in x.tolist()] == function(x).tolist()


def test_draws_of_numbers_are_those_of_arrays() -> None:
    keys, futures = draw_keys(5, text_key("load"), FAILURE, 2), future_keys(7, range(100))
    assert draw_key(5, text_key("load"), FAILURE, 2) == keys[0]
    assert [uniform_of(int(keys[0]), each) for each in futures.tolist()] == uniforms(keys, futures)[0].tolist()


@pytest.mark.parametrize("function", [normal_quantile, exp, log])
def test_elementary_functions_never_fall(function: object) -> None:
    assert callable(function)
    assert (np.diff(function(np.sort(probabilities()))) >= 0).all()


def test_W2_draws_are_the_same_on_every_machine_and_in_every_version() -> None:
    run = run_identity("a", "", 0, "eu", [tick_identity(7), outside_identity("d", 3, None)])
    drawn = uniforms(draw_keys(run, text_key("load[2]"), DURATION, 3), future_keys(-5, range(2)))
    assert run == 245537847949664972
    assert drawn.tolist() == [[0.38533103669673274, 0.3982255943535319]]
    given = rd.lognormal("15m", 0.4), rd.weibull("3m", 1.5), rd.triangular("1m", "2m", "9m"), rd.exponential("1h")
    assert [each.quantile(drawn).tolist() for each in given] == [
        [[800944110102, 811770539880]],
        [[111368679757, 114580062020]],
        [[187981161013, 191693066135]],
        [[1752017137730, 1828341523287]],
    ]


def test_draws_load_numpy_and_the_library_alone_does_not() -> None:
    code = (
        "import sys, reactive_dag as rd; assert 'numpy' not in sys.modules; rd.Graph('g').dag('a'); "
        "assert 'numpy' not in sys.modules; rd.uniform('1m', '2m'); assert 'numpy' in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


RUNS = st.tuples(
    st.text(), st.text(), st.integers(-(2**62), 2**62), st.none() | st.text(), st.integers(-(2**62), 2**62)
)


@given(st.lists(RUNS, min_size=1, max_size=5))
def test_W2_runs_of_clocks_are_known_in_arrays_as_one_by_one(
    runs: list[tuple[str, str, int, str | None, int]],
) -> None:
    texts = [np.array([text_key(run[place]) for run in runs], np.uint64) for place in (0, 1, 3)]
    dates, due = (np.array([run[place] for run in runs]).astype(np.uint64) for place in (2, 4))
    found = clocked_identities(texts[0], texts[1], dates, texts[2], due)
    assert found.tolist() == [
        run_identity(dag, label, date, partition, [tick_identity(tick)]) for dag, label, date, partition, tick in runs
    ]
