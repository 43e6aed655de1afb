"""What is queued when its DAG changes stands where it would after a restart (R11, R14); late ends leave nothing."""

from __future__ import annotations

import pytest

import reactive_dag as rd
from reactive_dag.model.records import Cancelled, RunStarted, TaskFinished
from reactive_dag.model.times import SECOND, format_time
from tests.support.engines import of_kind, parts
from tests.support.world import START, World

LIVES = ["same life", "next life", "restart before", "restart behind"]


class Changing:
    """A world with a DAG `job` that changes, in one of these lives."""

    def __init__(self, life: str, **options: object) -> None:
        self.life = life
        self.graph = rd.Graph("changing")
        self.graph.dataset("a")
        self.declare(**options)
        self.world = World(self.graph)

    def declare(self, on: rd.Trigger | None = None, **task: object) -> None:
        dag = rd.Dag("job", on=on, max_active_runs=1)
        dag.add(lambda run: self.world.body(run), id="t", **task)
        self.graph.register(dag, replace=True)

    def change(self, **options: object) -> None:
        world = self.world
        if self.life == "restart before":
            self.again()
        if self.life == "next life":
            world.die()
        self.declare(**options)
        if self.life == "next life":
            world.open()
        world.settle()
        if self.life == "restart behind":
            self.again()
        world.check()
        world.check_replay()

    def again(self) -> None:
        self.world.die()
        self.world.open()
        self.world.settle()

    def begun(self) -> list[str]:
        """The dates of the runs, in the order in which they begin from here on."""
        world, before = self.world, len(of_kind(self.world.engine, RunStarted))
        while world.runner.jobs:
            world.finish(0, lambda run: None)
            world.settle()
        world.check_replay()
        dates = [format_time(record.logical_date) for record in of_kind(world.engine, RunStarted)[before:]]
        world.close()
        return [date[5:13] for date in dates]


@pytest.mark.parametrize("snapshot", [False, True])
@pytest.mark.parametrize("life", LIVES)
def test_R14_the_order_of_requests_counts_again_when_no_task_waits_for_its_past_any_more(life, snapshot):
    changing = Changing(life, depends_on_past=True)
    world = changing.world
    for day in (25, 24, 20, 22):
        world.engine.start("job", logical_date=f"2026-11-{day}")
        world.settle()
    if snapshot:
        parts(world.engine).turn.snapshot_at = -(10**9)
    world.engine.start("job", logical_date="2026-11-21")
    world.settle()
    changing.change()
    assert changing.begun() == ["11-24T00", "11-20T00", "11-22T00", "11-21T00"]


@pytest.mark.parametrize("life", LIVES)
def test_R14_what_is_queued_is_put_in_order_of_date_when_a_task_waits_for_its_past_from_now_on(life):
    changing = Changing(life)
    for day in (25, 24, 20, 22):
        changing.world.engine.start("job", logical_date=f"2026-11-{day}")
        changing.world.settle()
    changing.change(depends_on_past=True)
    assert changing.begun() == ["11-20T00", "11-22T00", "11-24T00"]


@pytest.mark.parametrize("life", LIVES)
def test_R11_queued_runs_are_in_order_of_the_dates_that_they_have_under_the_definition_of_now(life):
    """A run of two dates has the later one, under a key of days the day's start (R1)."""
    pairs = rd.updated("a").batch(count=2)
    changing = Changing(life, on=pairs, depends_on_past=True)
    world = changing.world
    world.engine.start("job")
    world.settle()
    for hour in ("01", "23", "05", "05"):
        world.engine.publish("a", logical_date=f"2026-11-22T{hour}:00Z")
        world.settle()
    changing.change(on=pairs.by(rd.day()), depends_on_past=True)
    assert changing.begun() == ["11-22T00", "11-22T05"], "by the later date alone it would be the other way round"


def test_R26_a_backfill_that_is_cancelled_lets_a_run_go_that_began_and_whose_dag_is_gone_now():
    graph = rd.Graph("gone")
    graph.dag("job", on=rd.every("3s")).add(lambda run: None, id="t")
    world = World(graph)
    world.engine.backfill("job", "2026-11-22T23:59:57Z", START)
    world.settle()
    world.engine.cancel(world.engine.backfills()[0])
    world.die()
    graph.remove("job")
    world.open()
    world.settle()
    assert len(of_kind(world.engine, Cancelled)) == 1, "that of the backfill"
    assert {run.state for run in world.engine.runs("job")} == {"failed"}
    world.close()


def test_R5_the_end_of_a_body_whose_attempt_is_over_is_not_recorded():
    graph = rd.Graph("late")
    graph.dag("s").add(lambda run: None, id="t")
    graph.dag("job").add(lambda run: world.body(run), id="t", timeout="5s", retries=1, retry_delay="5s")
    world = World(graph)
    world.engine.pause("s")
    world.engine.start("job")
    world.settle()
    world.sit(0)
    world.clock.advance_to(world.clock.now() + 7 * SECOND)
    world.settle()
    assert [record.state for record in of_kind(world.engine, TaskFinished)] == ["failed"], "it timed out"
    world.finish(0, lambda run: None)
    world.settle()
    assert [record.state for record in of_kind(world.engine, TaskFinished)] == ["failed"]
    world.close()
