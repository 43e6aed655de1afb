"""Clauses of the rules that no other test holds by itself: each was found by breaking it and seeing nothing fail."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

import reactive_dag as rd
from reactive_dag.model.records import TaskFinished, TaskStarted
from tests.support.engines import live, now_is, of_kind, parts
from tests.support.interrupts import ctrl_c
from tests.support.world import World


def test_R1_the_date_of_a_cause_counts_before_the_start_of_its_partition():
    graph = rd.Graph("clauses")
    a = graph.dataset("a", partitions=rd.day())
    graph.dag("job", on=a).add(lambda run: None, id="t")
    with live(graph) as engine:
        engine.publish(a, partition="2026-11-22", logical_date="2026-11-22T05:00Z")
        engine.run_until_idle()
        (run,) = engine.runs("job")
        assert (run.logical_date, run.partition) == (datetime(2026, 11, 22, 5, tzinfo=UTC), "2026-11-22")


@pytest.mark.parametrize("given", ["2026-11-23", date(2026, 11, 23)])
def test_R1_a_bare_date_that_a_body_publishes_is_midnight_in_the_dags_zone(given):
    graph = rd.Graph("clauses")
    a = graph.dataset("a", partitions=rd.day("Europe/Berlin"))

    @graph.dag(tz="Europe/Berlin", outlets=[a])
    def job(run):
        run.publish(a, logical_date=given)

    with live(graph) as engine:
        engine.start(job, logical_date="now").wait()
        (event,) = engine.events(a)
        assert (event.logical_date, event.partition) == (datetime(2026, 11, 22, 23, tzinfo=UTC), "2026-11-23")


@pytest.mark.parametrize("spec", [lambda own: "2026-11-22", lambda own: [date(2026, 11, 22)], ["2026-11-22"]])
def test_wait_a_bare_date_is_midnight_in_the_waiting_dags_zone(spec):
    graph = rd.Graph("clauses")
    graph.dag("up", tz="Europe/Berlin").add(lambda run: 1, id="t")
    down = graph.dag("down", tz="Europe/Berlin")
    down.wait_for("up", logical_date=spec, timeout="1h")
    with live(graph) as engine:
        engine.start("up", logical_date="2026-11-22").wait()
        assert engine.start("down", logical_date="2026-11-23").wait().state == "success"


def test_R1_an_event_has_its_runs_partition_even_where_the_date_is_of_another():
    graph = rd.Graph("clauses")
    a = graph.dataset("a", partitions=rd.day())

    @graph.dag(outlets=[a])
    def job(run): ...

    with live(graph) as engine:
        engine.start(job, partition="2026-11-22", logical_date="2026-11-23T05:00Z").wait()
        (event,) = engine.events(a)
        assert (event.partition, event.logical_date) == ("2026-11-22", datetime(2026, 11, 23, 5, tzinfo=UTC))


def test_R2_a_fast_branch_that_ends_twice_before_the_slow_one_mixes_nothing():
    graph = rd.Graph("clauses")
    a = graph.dataset("a")
    world = World(graph)
    graph.dag("root", on=a).add(world.body, id="t")
    for branch in ("fast", "slow"):
        graph.dag(branch, on=rd.completed("root")).add(world.body, id="t")
    graph.dag("merge", on=rd.completed("fast") & rd.completed("slow")).add(world.body, id="t")

    def end(dag):
        """The attempt of this DAG that was handed out first ends."""
        order = [parts(engine).fold.run_of(attempt.run).dag for attempt in under_way(engine)]
        assert world.finish(order.index(dag), lambda run: None) is not None
        world.settle()

    engine = world.engine
    for _ in range(2):
        engine.publish(a)
        world.settle()
        end("root")
    for dag in ("fast", "fast", "slow", "slow"):
        end(dag)
    roots = [{engine.run(event.run)._causes for event in run.events} for run in engine.runs("merge")]
    assert len(roots) == 2 and all(len(each) == 1 for each in roots) and roots[0] != roots[1]
    world.check()
    world.close()


def under_way(engine):
    """The attempts that were handed out and have not ended, in that order."""
    ended = {(r.run, r.task) for r in of_kind(engine, TaskFinished)}
    return [record for record in of_kind(engine, TaskStarted) if (record.run, record.task) not in ended]


def test_R5_lost_attempts_use_no_retry_lengthen_no_delay_and_count_only_in_a_row():
    graph = rd.Graph("clauses")
    ends = ["lost", "failed", "lost", "lost", "failed", "success"]

    @graph.dag(retries=2, retry_delay="1m", backoff="exponential")
    def job(run):
        end = ends[run.attempt - 1]
        if end == "lost":
            ctrl_c()
        if end == "failed":
            raise ConnectionError("no")

    with live(graph) as engine:
        run = engine.start(job)
        for _ in range(ends.count("lost")):
            with pytest.raises(KeyboardInterrupt):
                engine.run_until_idle()
        engine.run_until_idle()
        assert [attempt.state for attempt in run.tasks["job"].attempts] == ends
        assert now_is(engine) == "2026-11-23T00:03:00Z"


@pytest.mark.parametrize("cancel", [False, True])
def test_R14_a_cancelled_past_keeps_the_next_run_waiting(cancel):
    graph = rd.Graph("clauses")

    @graph.dag(schedule="0 0 * * *", retries=1, retry_delay="1h", depends_on_past=True)
    def job(run):
        if run.logical_date.day == 24 and run.attempt == 1:
            raise ConnectionError("no")

    with live(graph) as engine:
        engine.advance("24h")
        (first,) = engine.runs("job")
        if cancel:
            engine.cancel(first)
        engine.advance("25h")
        expected = ("cancelled", "running") if cancel else ("success", "success")
        assert (first.state, engine.runs("job")[0].state) == expected
