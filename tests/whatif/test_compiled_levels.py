"""Compiled levels say what NumPy's say, bit for bit: the draws, the ends, the begins, the ties."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import reactive_dag as rd
from reactive_dag.whatif.futures.future_ends import EndsInWindow
from reactive_dag.whatif.futures.window_futures import WindowFutures
from reactive_dag.whatif.loops.machine_code import HAS_NUMBA, entry
from reactive_dag.whatif.loops.window_tools import WORTH_LOADING, WindowTools, tools_of
from reactive_dag.whatif.question.draws import FIRST_FACTOR, SECOND_FACTOR, future_keys, mix, uniforms
from reactive_dag.whatif.window.white_list import NotStatic
from tests.support.loops import limited_question, window_of
from tests.support.profiles import examples
from tests.support.windows import last_question

if HAS_NUMBA:
    from reactive_dag.whatif.loops import compiled_levels
    from reactive_dag.whatif.loops.compiled_levels import CompiledLevels

pytestmark = pytest.mark.skipif(not HAS_NUMBA, reason="numba is not installed (extra fast)")

START = "2026-11-23T00:00Z"
ALL_BITS = 2**64 - 1
DISTRIBUTIONS = (
    rd.uniform("0s", "25m"), rd.uniform("7m", "7m"), rd.triangular("1m", "2m", "1h"), rd.triangular("2m", "2m", "2m"),
    rd.lognormal("15m", 0.4), rd.lognormal("15m", 0), rd.lognormal("1ns", 8), rd.exponential("20m"),
    rd.weibull("1s", 0.12), rd.weibull("10m", 3), rd.empirical(["1m", "5m", "2h"]), rd.empirical(["3m"]),
)  # fmt: skip


def futures_of(simulation: rd.Simulation, seed: int = 5) -> WindowFutures:
    """The futures of a question. Raises NotStatic."""
    return WindowFutures(WindowTools(window_of(simulation)), simulation.effects, seed, lambda future: {})


def compared(simulation: rd.Simulation | None, n: int = 7) -> str:
    """Whether compiled and other levels say the same of a question's first futures; else why it was not asked."""
    if simulation is None:
        return "refused"
    try:
        futures = futures_of(simulation)
    except NotStatic:
        return "not static"
    keys, shape = future_keys(5, range(n)), (futures.window.size, n)
    begins, meant = np.zeros(shape, np.int64), np.zeros(shape, np.int64)
    want, tied = futures._leveled(keys, meant)
    ends, ties = CompiledLevels(futures.draws).evaluate(keys, begins)
    assert (ends == want).all(), np.argwhere(ends != want)[:5]
    assert (begins == meant).all() and (ties == tied).all()
    assert (CompiledLevels(futures.draws).evaluate(keys)[0] == want).all()
    return "tied" if ties.any() else "equal"


@settings(max_examples=examples(60), deadline=None)
@given(seed=st.integers(0, 10**9))
def test_W45_compiled_levels_equal_those_of_numpy(seed: int) -> None:
    compared(last_question(seed))


@settings(max_examples=examples(30), deadline=None)
@given(seed=st.integers(0, 10**9))
def test_W45_with_delays_and_shared_factors(seed: int) -> None:
    compared(limited_question(seed))


def test_W45_ties_and_waits_are_met() -> None:
    found = Counter(compared(last_question(seed)) for seed in range(120))
    assert found["equal"] > 40 and found["tied"] > 0, found


def of_all_kinds() -> rd.Simulation:
    """A DAG with a task of each distribution, some of them slow together."""
    graph = rd.Graph("kinds")
    dag = graph.dag("d", schedule="0 * * * *")
    names = [f"t{number}" for number in range(len(DISTRIBUTIONS))]
    for name in [*names, "plain", "same"]:
        dag.add(lambda: None, id=name)
    spans = {f"d.{name}": each for name, each in zip(names, DISTRIBUTIONS)}
    base = rd.simulate(graph, start=START, until="1d", durations=spans, default_duration="10m", seed=3)
    slow = rd.shared("disk", rd.lognormal(1.0, 0.3), tasks=["d.t0", "d.t4", "d.plain"])
    return base.what_if(
        slow, rd.shared("net", rd.uniform(1.0, 2.0), tasks=["d.t4"]), rd.duration("d.t7", times=1.37),
        rd.delay("d", rd.exponential("5m")), rd.delay("d.t2", "3m"),
    )  # fmt: skip


def test_W45_each_distribution_is_drawn_alike() -> None:
    assert compared(of_all_kinds(), 300) == "equal"


def unmixed(number: int) -> int:
    """The number that `mix` makes this one of."""
    for shift, factor in ((31, SECOND_FACTOR), (27, FIRST_FACTOR), (30, 1)):
        found = number
        for _ in range(64 // shift):
            found = number ^ (found >> shift)
        number = (found * pow(factor, -1, 2**64)) & ALL_BITS
    return number


@pytest.mark.parametrize("drawn", [0, 1, 7 << 12, 2**63, ALL_BITS, ALL_BITS - (9 << 12), 2**62, 75 << 57])
def test_W45_numbers_near_both_ends_are_drawn_alike(drawn: int) -> None:
    key = unmixed(drawn)
    assert mix(key) == drawn
    simulation = of_all_kinds()
    futures = futures_of(simulation)
    first = futures.draws.drawn.first_keys
    for row in range(0, len(first), 29):
        keys = np.array([(key - int(first[row])) & ALL_BITS] * 3, np.uint64)
        assert uniforms(first[row : row + 1], keys)[0, 0] == ((drawn >> 12) + 0.5) * 2.0**-52
        want, _ = futures._leveled(keys, None)
        assert (CompiledLevels(futures.draws).evaluate(keys)[0] == want).all()


def test_W45_futures_are_the_same_on_any_number_of_threads() -> None:
    simulation = of_all_kinds()
    ends = [EndsInWindow(futures_of(simulation), 300, workers, False) for workers in (1, 3)]
    plain = futures_of(simulation)
    want = np.concatenate([plain.chunk(range(at, at + 100)).ends for at in range(0, 300, 100)], axis=1)
    for each in ends:
        assert each._futures._compiled_levels is not None
        assert (np.concatenate(each._ends, axis=1) == want).all()


def test_W45_numba_is_loaded_where_that_is_worth_it(monkeypatch: pytest.MonkeyPatch) -> None:
    simulation = of_all_kinds()
    tools, draws = tools_of(simulation.graph, window_of(simulation)), futures_of(simulation).draws
    assert tools.compiled_levels(draws, 1) is not None  # it is loaded
    monkeypatch.delitem(sys.modules, compiled_levels.__name__)
    assert tools.compiled_levels(draws, 64) is None
    assert tools.compiled_levels(draws, WORTH_LOADING) is not None


def test_W45_each_function_is_compiled_once() -> None:
    compared(of_all_kinds()), compared(last_question(1))
    for function in (compiled_levels.draw, compiled_levels.evaluate):
        assert len(function.signatures) == 1  # type: ignore[attr-defined]  # numba's


def test_W45_what_cannot_be_kept_is_compiled_all_the_same() -> None:
    made: dict[str, Callable[[int], int]] = {}
    exec("def next_of(x): return x + 1", made)  # its file is nowhere
    assert entry(made["next_of"])(2) == 3
