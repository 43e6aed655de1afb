"""Runs that start each other out of bodies at one instant have a bound (R3)."""

from __future__ import annotations

from pathlib import Path

import pytest

import reactive_dag as rd
from reactive_dag.engine.facts import start
from reactive_dag.model.records import StartRequested
from tests.support.engines import live, of_kind

MOST = 40


@pytest.fixture(autouse=True)
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """A bound that is reached in milliseconds."""
    assert start.MOST_STARTS == 1_000
    monkeypatch.setattr(start, "MOST_STARTS", MOST)


def ended(engine: rd.Engine) -> tuple[int, list[str]]:
    """How many runs there are, and the errors of those that failed."""
    return len(engine.runs()), [run.error for run in engine.runs(state="failed")]


def itself() -> rd.Graph:
    graph = rd.Graph("loop")

    @graph.dag
    def job(run):
        run.start("job")

    return graph


def ring() -> rd.Graph:
    """`a` starts `b`, whose end fires `c`, which starts `a`."""
    graph = rd.Graph("loop")

    @graph.dag
    def a(run):
        run.start("b")

    @graph.dag
    def b(run):
        """Nothing."""

    @graph.dag(on=rd.completed("b"))
    def c(run):
        run.start("a")

    return graph


@pytest.mark.parametrize("durable", [False, True])
@pytest.mark.parametrize(("make", "first", "runs"), [(itself, "job", 1 + MOST), (ring, "a", None)])
def test_R3_starts_that_lead_to_each_other_at_one_instant_end(tmp_path: Path, make, first, runs, durable) -> None:
    graph, store = make(), tmp_path / "loop.db" if durable else None
    clock = rd.VirtualClock("2026-11-23T00:00Z")
    with live(graph, store, clock=clock) as engine:
        engine.start(first)
        engine.run_until_idle()
        count, (error,) = ended(engine)
        assert f"{MOST} runs were started by run.start() at this one instant" in error and "run.start(" in error
        assert max(each.depth for each in of_kind(engine, StartRequested)) == MOST
        assert runs is None or count == runs
    with live(graph, store, clock=clock) as engine:
        engine.run_until_idle()
        assert not durable or ended(engine)[0] == count


def test_R3_a_restart_goes_on_counting(tmp_path: Path) -> None:
    graph, store, clock = rd.Graph("loop"), tmp_path / "loop.db", rd.VirtualClock("2026-11-23T00:00Z")
    left = [MOST // 2]

    @graph.dag
    def job(run):
        left[0] -= 1
        if left[0]:
            run.start("job")

    with live(graph, store, clock=clock) as engine:
        engine.start("job")
        engine.run_until_idle()
        assert ended(engine) == (MOST // 2, [])
    with live(graph, store, clock=clock) as engine:
        engine.rerun(engine.runs("job", limit=1)[0])
        engine.run_until_idle()
        assert ended(engine)[0] == 1 + MOST and len(ended(engine)[1]) == 1


def test_R3_starts_between_which_time_passes_have_no_bound() -> None:
    graph = rd.Graph("later")

    @graph.dag(params={"left": MOST + 50}, retries=1, retry_delay="1s")
    def job(run, left):
        if run.attempt == 1:
            raise RuntimeError("not yet")
        if left:
            run.start("job", params={"left": left - 1})

    with live(graph) as engine:
        engine.start("job")
        engine.run_until_idle()
        assert ended(engine) == (MOST + 51, [])


def test_R3_many_starts_by_one_run_are_no_row() -> None:
    graph = rd.Graph("wide")

    @graph.dag
    def child(run):
        """Nothing."""

    @graph.dag
    def parent(run):
        for _ in range(MOST + 100):
            run.start("child")

    with live(graph) as engine:
        engine.start("parent")
        engine.run_until_idle()
        assert ended(engine) == (MOST + 101, [])
        assert {each.depth for each in of_kind(engine, StartRequested)} == {0, 1}
