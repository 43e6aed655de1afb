"""The tour's section 3: why a run did not happen, in the cases that puzzle a newcomer."""

from __future__ import annotations

import pytest

import reactive_dag as rd
from tests.support.engines import live


def wrong(event):
    return len(event)


def nothing(run):
    return None


@pytest.fixture(params=["memory", "sqlite"])
def store(request, tmp_path):
    return None if request.param == "memory" else tmp_path / "tour.db"


def test_a_function_that_raised_is_named_with_its_place_and_what_to_do(store):
    graph = rd.Graph("reasons")
    a = graph.dataset("a")
    graph.dag("job", on=rd.updated(a).map(wrong))(nothing)
    with live(graph, store) as engine:
        engine.publish(a)
        engine.publish(a)
        engine.run_until_idle()
        (missing,) = engine.why("job").missing
        assert "wrong" in missing and "test_reasons.py:" in missing and "TypeError" in missing
        assert missing.endswith("mend it, then engine.retry_faults('job')")


def test_a_fault_of_a_named_trigger_is_told_under_its_name_alone(store):
    graph = rd.Graph("reasons")
    a, b = graph.dataset("a"), graph.dataset("b")
    graph.dag("job", on={"good": a, "bad": rd.updated(b).where(wrong)})(nothing)
    with live(graph, store) as engine:
        engine.publish(b)
        engine.run_until_idle()
        missing = engine.why("job").missing
        assert [text.partition(":")[0] for text in missing] == ["good", "bad"]
        assert "TypeError" in missing[1]


def test_a_name_that_is_neither_a_dag_nor_a_run_gets_the_nearest(store):
    graph = rd.Graph("reasons")
    graph.dag("report")(nothing)
    with live(graph, store) as engine, pytest.raises(rd.UnknownId, match=r"no run has key 'reprot'.*mean 'report'"):
        engine.why("reprot")


def test_a_fault_on_another_date_is_not_the_reason_of_this_one(store):
    graph = rd.Graph("reasons")
    a = graph.dataset("a", partitions=rd.day())
    graph.dag("job", on=rd.updated(a).where(wrong))(nothing)
    with live(graph, store) as engine:
        engine.publish(a, partition="2026-11-22")
        engine.run_until_idle()
        assert "TypeError" in str(engine.why("job", logical_date="2026-11-22"))
        assert "TypeError" not in str(engine.why("job", logical_date="2026-11-23"))


def test_a_dag_that_has_run_did_not_run_again(store):
    graph = rd.Graph("reasons")
    a = graph.dataset("a")
    graph.dag("job", on=a)(nothing)
    with live(graph, store) as engine:
        engine.run_until_idle()
        assert str(engine.why("job")) == "job did not run\n  missing: rd.updated('a')"
        engine.publish(a)
        engine.run_until_idle()
        newest = engine.runs("job")[0].key[:8]
        told = f"job did not run again since run job (success, {newest})\n  missing: rd.updated('a')"
        assert str(engine.why("job")) == told


def test_a_trigger_that_holds_something_of_each_part_says_what_it_waits_for(store):
    graph = rd.Graph("reasons")
    a, b = graph.dataset("a", partitions=rd.day()), graph.dataset("b", partitions=rd.day())
    graph.dag("join", on=(a & b).by("partition"))(nothing)
    graph.dag("count", on=rd.updated(a).batch(count=2))(nothing)
    graph.dag("window", on=rd.updated(a).batch(max_wait="5m"))(nothing)
    with live(graph, store) as engine:
        engine.publish(a, partition="2026-11-22")
        engine.publish(b, partition="2026-11-23")
        engine.run_until_idle()
        said = {dag: engine.why(dag).missing for dag in ("join", "count", "window")}
        assert said == {
            "join": [f"more of the same: {graph.dags['join'].triggers['']!r} did not fire with what is there"],
            "count": ["more of the same: rd.updated('a').batch(count=2) did not fire with what is there"],
            "window": ["the end of a window: 2026-11-23T00:05:00Z at the latest"],
        }


def test_who_asks_before_the_engine_was_driven_is_told_to_drive_it(store):
    graph = rd.Graph("reasons")
    a = graph.dataset("a")
    graph.dag("job", on=a)(nothing)
    with live(graph, store) as engine:
        engine.run_until_idle()
        assert engine.pending("job").undecided == 0
        engine.publish(a)
        assert engine.pending("job").undecided == 1
        assert "records not decided yet: 1; engine.run_until_idle()" in str(engine.pending("job"))
        assert engine.why("job").missing[-1] == "engine.run_until_idle: records not decided yet: 1"


def test_a_run_that_has_not_ended_says_what_it_waits_for(store):
    graph = rd.Graph("reasons")
    graph.pool("one", slots=1)
    job = graph.dag("job", max_active_runs=1)

    @job.task(retries=1, retry_delay="1h")
    def again(run):
        raise ValueError

    for id in ("holds", "waits"):
        job.add(nothing, id=id, pool="one")
    stubs = {"holds": rd.takes("2h")}
    with live(graph, store, runner=rd.ThreadRunner(2), stubs=stubs) as engine:
        run, queued = engine.start(job), engine.start(job)
        engine.advance("1m")
        assert engine.why(run).missing == [
            "waits: a slot of pool 'one' (1 of 1 taken)",
            "again: its next attempt at 2026-11-23T01:00:00Z",
            "holds: attempt 1 executes since 2026-11-23T00:00:00Z",
        ]
        assert engine.why(queued).missing == ["a place among its active runs (1 of 1 taken)"]
        engine.pause(job)
        engine.advance("3h")
        assert engine.why(run).missing == [] and run.state == "failed"
        assert engine.why(queued).missing == ["engine.resume: the DAG is paused"]
