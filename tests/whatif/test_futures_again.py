"""Many futures of a further question are made from those of the one before, and are those of all evaluated anew."""

from __future__ import annotations

from collections import Counter
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import reactive_dag as rd
from reactive_dag.interop.examples import open_example
from reactive_dag.model.errors import UsageError
from reactive_dag.whatif.futures import again, kept
from reactive_dag.whatif.futures.finish import FinishTime
from reactive_dag.whatif.futures.future_ends import EndsInWindow
from reactive_dag.whatif.futures.futures import Futures
from reactive_dag.whatif.futures.window_futures import WindowFutures
from reactive_dag.whatif.loops.window_tools import WindowTools
from reactive_dag.whatif.question.distributions import lognormal, uniform
from reactive_dag.whatif.question.interventions import shared
from reactive_dag.whatif.simulation import Simulation
from reactive_dag.whatif.window.arrays import BEYOND
from tests.support.loops import window_of
from tests.support.profiles import examples
from tests.support.windows import intervention, nothing, question

START = "2026-11-23T00:00Z"


@pytest.fixture(autouse=True)
def not_compiled(monkeypatch: pytest.MonkeyPatch) -> None:
    """How much is worth evaluating again depends on whether another test loaded the compiled levels."""
    monkeypatch.setattr(WindowFutures, "compiles", lambda futures, n: False)


def same(one: Futures, other: Futures) -> None:
    """Both say the same of each node in each future, and of what they are asked."""
    left, right = one._ends, other._ends
    assert one.n == other.n
    if isinstance(left, EndsInWindow):
        assert isinstance(right, EndsInWindow)
        assert np.array_equal(np.array(left.rows), np.array(right.rows))
    assert one.to_json()["rows"] == other.to_json()["rows"]
    for dag in one.question.graph.dags:
        ends = left.of(dag, None, None, "")
        if ends is not None:
            late, anew = FinishTime(dag, *ends), one.finish(dag)
            assert late.ends.tolist() == anew.ends.tolist() == other.finish(dag).ends.tolist()
            assert one.criticality(dag).rows == other.criticality(dag).rows


def compared(seed: int, monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How the futures of a chain of questions were evaluated, each equal to those of the question asked anew."""
    monkeypatch.setattr(again, "WIDE", 1)  # however few the futures are
    r, found = Random(seed), Counter[str]()
    drawn = question(r)
    if drawn is None:
        return Counter({"refused": 1})
    simulation, n, of_seed = drawn[0], r.choice([1, 2, 5, 20]), r.randrange(3)
    first = simulation.futures(n, of_seed)
    if "reference" in first.method:
        return Counter({"reference": 1})
    distributions = r.random() < 0.5
    held = [first]
    for _ in range(r.choice([1, 2, 3])):
        more = [intervention(r, simulation.graph, distributions) for _ in range(r.choice([1, 1, 2]))]
        try:
            simulation = simulation.what_if(*more)  # type: ignore[arg-type]
        except rd.ReactiveDagError:
            return found
        if r.random() < 0.25:
            continue  # the next one follows on the one before that
        held.append(simulation.futures(n, of_seed))
        found[held[-1].method] += 1
        same(held[-1], Simulation(simulation.question).futures(n, of_seed))
    return found


@settings(max_examples=examples(60), deadline=None)
@given(seed=st.integers(0, 10**9))
def test_W32_many_futures_of_a_further_question_are_those_asked_anew(seed: int) -> None:
    with pytest.MonkeyPatch.context() as monkeypatch:
        compared(seed, monkeypatch)


def test_W32_many_are_made_from_those_before(monkeypatch: pytest.MonkeyPatch) -> None:
    found = sum((compared(seed, monkeypatch) for seed in range(25)), Counter[str]())
    assert found["incremental"] > 10 and found["levels"] + found["event loop"] > 0, found


def sales() -> rd.Simulation:
    """A DAG of two tasks side by side and one behind them each hour, and one that follows."""
    graph = rd.Graph("sales")
    dag = graph.dag("ingest", schedule="0 * * * *")
    dag.add(nothing, id="orders")
    dag.add(nothing, id="prices")
    dag.add(nothing, id="load", after=["orders", "prices"])
    report = graph.dag("report", on=rd.completed("ingest"))
    report.add(nothing, id="draw")
    report.wait_for("ingest", id="wait", match="latest", task="load")
    report.add(nothing, id="send", after=["draw", "wait"])
    graph.dag("aside", schedule="0 5 * * *")(nothing)
    spans = {"orders": lognormal("20m", 0.5), "prices": uniform("0s", "50m"), "send": lognormal("3m", 1.0)}
    return rd.simulate(graph, start=START, until="1d", durations=spans, default_duration="10m")  # type: ignore[arg-type]


CHANGES = [
    rd.delay("ingest", "7m"),
    rd.delay("report.wait", uniform("0s", "9m")),
    rd.delay("ingest.load", uniform("1m", "2m")),
    rd.duration("ingest.orders", times=1.3),
    rd.duration("ingest.prices", "30m"),
    rd.duration("report.draw", lognormal("5m", 0.4)),
    shared("warehouse", lognormal(1.0, 0.3), tasks=["ingest.load", "ingest.orders"]),
]


@pytest.mark.parametrize("change", CHANGES, ids=repr)
@pytest.mark.parametrize("n", [1, 300])
def test_W32_each_change_of_many_futures(change: object, n: int) -> None:
    base = sales()
    before = base.futures(n, seed=4)
    one = base.what_if(change)  # type: ignore[arg-type]
    two = one.what_if(rd.delay("aside", "1h"))
    assert before.method == "levels" and (n < 300 or two.futures(n, seed=4).method == "incremental")
    same(two.futures(n, seed=4), Simulation(two.question).futures(n, seed=4))
    same(one.futures(n, seed=4), Simulation(one.question).futures(n, seed=4))


def test_W32_other_futures_are_not_made_from_those_before() -> None:
    base = sales()
    base.futures(300)
    late = base.what_if(rd.delay("ingest", "7m"))
    assert [late.futures(300, seed=1).method, late.futures(299).method] == ["levels", "levels"]
    assert late.futures(300).method == "incremental"


def test_W32_a_change_that_reaches_much_of_few_futures_is_evaluated_anew() -> None:
    base = sales()
    assert base.futures(2).method == "levels"
    late = base.what_if(rd.delay("ingest", "7m"))
    assert late.futures(2).method == "levels"
    assert base.what_if(rd.delay("aside", "7m")).futures(2).method == "incremental"


def test_W32_what_fails_or_is_held_back_is_evaluated_anew() -> None:
    base = sales()
    base.futures(20)
    assert base.what_if(rd.fail("send", 0.5)).futures(20).method == "event loop"
    few = base.what_if(rd.workers(1))
    assert few.futures(20).method == "event loop"
    again = few.what_if(rd.workers(None), rd.delay("aside", "1m")).futures(20)
    same(again, Simulation(few.what_if(rd.workers(None), rd.delay("aside", "1m")).question).futures(20))
    many = base.what_if(rd.workers(1000), rd.delay("aside", "1m"))
    assert many.futures(20).method == "incremental"


def test_W32_what_never_ended_may_end() -> None:
    graph = rd.Graph("ages")
    dag = graph.dag("ingest", schedule="0 2 * * *")
    dag.add(nothing, id="first")
    dag.add(nothing, id="second", after=["first"])
    dag.add(nothing, id="third", after=["second"])
    ages = f"{365 * 70}d"
    base = rd.simulate(graph, start=START, until="1d", default_duration=ages)
    assert base.futures(3).finish("ingest.second").ends.tolist() == [BEYOND] * 3
    found = base.what_if(rd.duration("first", "1h")).futures(3)
    assert found.method == "incremental"
    assert found.finish("ingest.second").succeeded == 1 and found.finish("ingest.third").succeeded == 0


def test_W41_the_number_of_threads_decides_nothing_of_what_follows() -> None:
    base = sales()
    late = base.what_if(rd.duration("ingest.orders", times=1.3))
    tools = WindowTools(window_of(base))
    ends = []
    for workers in (1, 2):
        before = EndsInWindow(WindowFutures(tools, base.effects, 0, lambda future: {}), 300, workers)
        futures = WindowFutures(tools, late.effects, 0, lambda future: {})
        found = EndsInWindow(futures, 300, workers, before=(before, late.effects.touched))
        assert found.method == "incremental"
        ends.append(np.array(found.rows))
    assert np.array_equal(*ends)


def test_W32_the_last_futures_are_kept_and_larger_ones_only_while_they_are_held(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    base = sales()
    late = base.what_if(rd.delay("aside", "7m"))
    ends = base.futures(10)._ends
    assert base.futures(10)._ends is ends
    del ends
    assert late.futures(10).method == "incremental"
    monkeypatch.setattr(kept, "MOST_BYTES", 1000)
    held = base.futures(11)
    late.futures(11)
    assert held.method == "levels" and base.what_if(rd.delay("aside", "9m")).futures(11).method == "incremental"
    del held
    assert late.futures(11).method == "levels"


def test_W32_futures_are_refused_once_the_graph_has_changed() -> None:
    base = sales()
    base.futures(5)
    base.graph.dag("new", schedule="0 * * * *")(nothing)
    with pytest.raises(UsageError, match=r"graph 'sales' has changed since this simulation, so there are no futures"):
        base.futures(5)
    assert base.what_if(rd.duration("new", "1m")).futures(5).method == "levels"


def test_W32_many_futures_of_the_estate() -> None:
    estate = open_example("mozilla").graph
    spans = {dag: lognormal("15m", 0.4) for dag in estate.dags}
    base = rd.simulate(estate, start=START, until="1d", durations=spans)  # type: ignore[arg-type]
    base.futures(256)
    r = Random(2)
    dags = [dag.id for dag in estate.dags.values() if dag.triggers]
    for dag in r.sample(dags, examples(4, nightly=60)):
        late = base.what_if(rd.delay(dag, f"{r.randrange(1, 600)}m"), rd.duration(dag, times=r.choice([0.5, 1.2])))
        found, anew = late.futures(256), Simulation(late.question).futures(256)
        assert (found.method, anew.method) == ("incremental", "levels")
        same(found, anew)
