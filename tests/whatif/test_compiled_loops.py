"""The compiled event loop gives what the plain one gives, bit for bit."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import reactive_dag as rd
from reactive_dag.whatif.loops.compiled_play import CompiledPlan, CompiledPlay, knows
from reactive_dag.whatif.loops.loop_plan import LoopPlan
from reactive_dag.whatif.loops.machine_code import HAS_NUMBA
from reactive_dag.whatif.question.draws import future_keys
from reactive_dag.whatif.window.arrays import Window
from reactive_dag.whatif.window.white_list import NotStatic
from tests.support.loops import draws_of, limited_question, played, window_of
from tests.support.profiles import examples
from tests.support.windows import last_question

needs_numba = pytest.mark.skipif(not HAS_NUMBA, reason="numba is not installed (extra fast)")


def compiled_play(window: Window, simulation: rd.Simulation, futures: int, column: int) -> CompiledPlay:
    """One of several futures whose draws are made together, played by the compiled loop."""
    draws, effects = draws_of(window, simulation), simulation.effects
    keys = future_keys(simulation.question.seed, range(futures))
    delays = draws.delays(keys)
    capacity = [effects.capacities.get(name, pool.slots) for name, pool in window.pools.items()]
    plan = CompiledPlan(LoopPlan.of(window))
    attempts = draws.attempts(keys)
    return plan.play(np.array(delays.of(column)), attempts, draws.drawn.nodes, column, capacity, effects.workers)


def compared(simulation: rd.Simulation | None) -> str:
    """Whether one question is answered equally in two futures; else why it was not asked."""
    if simulation is None:
        return "refused"
    try:
        window = window_of(simulation)
    except NotStatic:
        return "not static"
    if not knows(LoopPlan.of(window)):
        return "runs are cancelled or skipped"
    for future in range(2):
        got, want = compiled_play(window, simulation, 3, future), played(window, simulation, future)
        assert (got.again, got.drawn) == (want.again, want.drawn)
        for about in ("begin", "end", "state", "attempts"):
            seen, meant = getattr(got, about), getattr(want, about)
            assert seen == meant, (about, [at for at in range(window.size) if seen[at] != meant[at]][:5])
    return "equal"


@needs_numba
@settings(max_examples=examples(80), deadline=None)
@given(seed=st.integers(0, 10**9))
def test_W44_the_compiled_loop_equals_the_plain_one(seed: int) -> None:
    compared(limited_question(seed))


@needs_numba
@settings(max_examples=examples(40), deadline=None)
@given(seed=st.integers(0, 10**9))
def test_W44_with_joins_sources_and_partitions(seed: int) -> None:
    simulation = last_question(seed)
    if simulation is not None:
        compared(simulation)


@needs_numba
def test_W44_many_drawn_questions_are_asked() -> None:
    found = Counter(compared(limited_question(seed)) for seed in range(60))
    assert found["equal"] > 15, found


@needs_numba
def test_W44_futures_are_the_same_with_and_without_it() -> None:
    graph = rd.Graph("pooled")
    graph.pool("p", slots=1)
    dag = graph.dag("d", schedule="0 0 * * *")
    for name in "abc":
        dag.add(lambda: None, id=name, pool="p", retries=1, retry_delay="5m")
    asked = rd.simulate(graph, start="2026-11-23T00:00Z", until="1d", default_duration=rd.lognormal("10m", 0.5))
    asked = asked.what_if(rd.fail("d.b", 0.4))
    many, few = asked.futures(100), asked.futures(20)
    assert many.method == few.method == "event loop"
    assert many.finish("d").ends[:20].tolist() == few.finish("d").ends.tolist()


@needs_numba
def test_W44_a_further_question_is_played_by_it_where_it_is_loaded() -> None:
    """It is loaded when plain plays of a window have taken as long; then a single question is played by it too."""
    graph = rd.Graph("long")
    dag = graph.dag("d", schedule="* * * * *")
    for name in "abcd":
        dag.add(lambda: None, id=name, retries=1)
    base = rd.simulate(graph, start="2026-11-23T00:00Z", until="7d", default_duration="10s")
    asked = [base.what_if(rd.fail("d.b", chance)) for chance in (0.1, 0.2, 0.3)]
    assert asked[-1].method.compiled and repr(asked[-1].method) == "event loop, compiled: tasks fail"
    window = window_of(asked[-1])
    plain, play = played(window, asked[-1]), asked[-1].answer.play
    assert play is not None
    assert (play.begin, play.end, play.again) == (plain.begin, plain.end, plain.again)


@needs_numba
def test_W44_a_wait_that_is_lost_and_tried_again_has_room() -> None:
    """Each retry leaves a timeout that is still to come among the events."""
    graph = rd.Graph("lost")
    graph.dag("up", schedule="0 0 1 1 *").add(lambda: None, id="t")
    dag = graph.dag("d", schedule="0 0 * * *")
    dag.wait_for("up", match="same_day", id="w", timeout="1h", retries=200)
    asked = rd.simulate(graph, start="2026-11-23T00:00Z", until="1d", default_duration="10m")
    assert compared(asked) == "equal"


@needs_numba
def test_W44_numbers_of_any_size_are_played() -> None:
    graph = rd.Graph("sized")
    graph.pool("p", slots=10**30)
    dag = graph.dag("d", schedule="0 0 * * *")
    for place, name in enumerate("abc"):
        dag.add(lambda: None, id=name, pool="p", priority=place * 10**30, slots=1 + place)
    asked = rd.simulate(graph, start="2026-11-23T00:00Z", until="1d", default_duration="10m").what_if(rd.workers(1))
    assert compared(asked) == compared(asked.what_if(rd.workers(10**30))) == "equal"
    assert compared(asked.what_if(rd.capacity("p", 10**40))) == "equal"
    dag.add(lambda: None, id="huge", pool="p", slots=2**31)
    larger = rd.simulate(graph, start="2026-11-23T00:00Z", until="1d", default_duration="10m")
    assert not knows(LoopPlan.of(window_of(larger)))
