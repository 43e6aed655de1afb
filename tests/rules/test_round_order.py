"""R10: the place of a later round among the runs that wait."""

from __future__ import annotations

import pytest

import reactive_dag as rd
from reactive_dag.model.records import RunStarted
from reactive_dag.model.times import SECOND
from tests.support.engines import live, of_kind
from tests.support.world import World


@pytest.mark.parametrize("overlap", ["queue", "replace"])
def test_R10_the_place_of_a_round_is_by_the_instant_at_which_it_was_asked_for(overlap: str) -> None:
    graph = rd.Graph("rounds")
    order: list[tuple[str, int]] = []
    graph.dag("job", max_active_runs=1, overlap=overlap).add(lambda run: order.append((run.key, run.round)), id="t")
    with live(graph) as engine:
        first = engine.start("job").wait()
        engine.pause("job")
        second = engine.start("job")
        engine.rerun(second)
        engine.rerun(first)
        engine.run_until_idle()
        engine.cancel(second)
        third = engine.start("job")
        engine.resume("job")
        engine.run_until_idle()
        rounds = [(second.key, 2), (first.key, 2)]
        assert order[1:] == ([*rounds, (third.key, 1)] if overlap == "queue" else [(third.key, 1), *rounds])


def test_R10_what_was_ready_in_an_earlier_round_is_no_sooner_in_a_later_one() -> None:
    graph = rd.Graph("rounds")
    graph.pool("one", slots=1)
    graph.dag("job").add(lambda run: world.body(run), id="t", pool="one")
    world = World(graph)
    holding, first, second = (world.engine.start("job") for _ in range(3))
    world.advance(SECOND)
    world.engine.cancel(first)  # it waits for the pool
    world.engine.rerun(first)
    world.settle()
    for _ in range(3):
        world.finish(0, lambda run: None)
        world.settle()
    assert world.ran == [(holding.key, "t", 1), (second.key, "t", 1), (first.key, "t", 1)]
    world.close()


def test_R10_a_run_that_was_cancelled_in_the_queue_keeps_its_cascade_in_a_later_round() -> None:
    graph = rd.Graph("rounds")
    graph.dag("job").add(lambda: None, id="t")
    with live(graph) as engine:
        engine.pause("job")
        run = engine.start("job")
        engine.cancel(run)
        engine.rerun(run)
        engine.resume("job")
        engine.run_until_idle()
        assert [(each.round, each.cascade) for each in of_kind(engine, RunStarted)] == [(2, run.key)]
