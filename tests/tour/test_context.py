"""The tour's section 1: what a body may ask, say and raise."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

import reactive_dag as rd
from tests.support.engines import live

MIDNIGHT = datetime(2026, 11, 22, 23, tzinfo=UTC)


def seen(body, **publish):
    """What a body gives that runs for one event of a partitioned dataset."""
    graph = rd.Graph("context")
    a = graph.dataset("a", partitions=rd.day("Europe/Berlin"))
    found = []

    @graph.dag(on=rd.updated(a).by("partition"), tz="Europe/Berlin", params={"full": False})
    def job(run):
        found.append(body(run))

    with live(graph) as engine:
        engine.publish(a, partition="2026-11-23", **publish)
        engine.run_until_idle()
        (run,) = engine.runs("job")
        assert run.state == "success", run.error
        return found[0]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("dag", "job"), ("task", "job"), ("attempt", 1), ("round", 1), ("logical_date", MIDNIGHT),
        ("local_date", date(2026, 11, 23)), ("partition", "2026-11-23"), ("group", "2026-11-23"),
        ("params", {"full": False}), ("results", {}), ("previous", None),
    ],
)  # fmt: skip
def test_a_run_has_what_the_tour_names(name, value):
    assert seen(lambda run: getattr(run, name)) == value


def test_a_run_has_its_key_interval_events_payload_and_log():
    def body(run):
        start, end = run.data_interval
        run.log.info("here")
        return run.key, (start, end), run.events[0] == run.payload

    key, (start, end), same = seen(body)
    assert len(key) == 32 and same
    assert (start, (end - start).total_seconds()) == (MIDNIGHT, 86400)


def test_an_event_has_what_the_tour_names():
    event = seen(lambda run: run.events[0], key="k", kind="created", extra={"n": 1}, time="2026-11-22T10:00+01:00")
    assert (event.kind, event.key, event.dataset, event.partition, event.extra) == (
        "created", "k", "a", "2026-11-23", {"n": 1},
    )  # fmt: skip
    assert event.at == datetime(2026, 11, 23, tzinfo=UTC) and event.time == datetime(2026, 11, 22, 9, tzinfo=UTC)
    assert [event.dag, event.state, event.logical_date, event.source, event.run] == [None] * 5


def test_a_completion_carries_its_dag_state_run_and_results():
    graph = rd.Graph("context")

    @graph.dag
    def first(run):
        return {"rows": 10}

    @graph.dag(on=rd.completed(first))
    def then(run):
        (event,) = run.events
        return [event.kind, event.dag, event.state, event.run, run.results["first"]["first"]]

    with live(graph) as engine:
        key = engine.start(first).key
        engine.run_until_idle()
        assert engine.runs(then)[0].tasks["then"].output == ["completed", "first", "success", key, {"rows": 10}]


@pytest.mark.parametrize(
    ("error", "state", "attempts"),
    [
        (rd.SkipTask("no rows"), "skipped", 1),
        (rd.FailTask("bad file"), "failed", 1),
        (rd.RetryTask(after="5m"), "failed", 3),
    ],
    ids=["skip", "fail", "retry"],
)
def test_a_body_may_raise_what_becomes_of_it(error, state, attempts):
    graph = rd.Graph("context")

    @graph.dag(retries=2)
    def job(run):
        raise error

    with live(graph) as engine:
        run = engine.start(job).wait()
        assert (run.state, len(run.tasks["job"].attempts)) == (state, attempts)


def test_what_a_run_did_once_is_not_done_again_by_a_retry():
    graph = rd.Graph("context")
    sent = []

    @graph.dag(retries=1)
    def job(run):
        run.once("notify", lambda: sent.append(run.attempt))
        if run.attempt == 1:
            raise ConnectionError("after the mail")

    with live(graph) as engine:
        assert engine.start(job).wait().state == "success"
        assert sent == [1]


@pytest.mark.parametrize("unchanged", [False, True])
def test_unchanged_says_that_there_is_no_event(unchanged):
    graph = rd.Graph("context")
    mart = graph.dataset("mart")

    @graph.dag(outlets=[mart])
    def job(run):
        if unchanged:
            run.unchanged(mart)

    with live(graph) as engine:
        engine.start(job).wait()
        assert len(engine.events(mart)) == (0 if unchanged else 1)
