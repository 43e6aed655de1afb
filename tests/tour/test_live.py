"""The tour's section 3, line by line, on its graph: in memory and on SQLite."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import pytest

import reactive_dag as rd
from tests.support.engines import live, now_is, opened, parts
from tests.support.sales import sales
from tests.support.shown import html

MORNING = "2026-11-23T08:00+01:00"


@pytest.fixture(params=["memory", "sqlite"])
def engine(request, tmp_path):
    store = None if request.param == "memory" else f"sqlite:///{tmp_path / 'sales.db'}"
    with live(sales(), store, MORNING) as engine:
        yield engine


def built(engine, *days):
    """Runs of build_mart, one for each day, newest first."""
    for day in days or ("2026-11-23",):
        engine.publish("s3://lake/orders", partition=day)
        engine.publish("s3://lake/users", partition=day)
    engine.run_until_idle()
    return engine.runs("build_mart")


def test_a_publish_is_a_durable_record_and_its_key_counts_once(engine):
    orders = engine.graph.datasets["s3://lake/orders"]
    given = {"partition": "2026-11-23", "extra": {"rows": 10}, "key": "orders/2026-11-23"}
    first, second = (engine.publish(orders, **given) for _ in range(2))
    assert (first.duplicate, second.duplicate) == (False, True)
    assert first.event == second.event and first.event.extra == {"rows": 10}
    assert len(engine.events(orders, limit=10)) == 1


def test_publish_many_records_all_at_once(engine):
    orders, begun = engine.graph.datasets["s3://lake/orders"], parts(engine).log.committed
    told = engine.publish_many([(orders, {"partition": p}) for p in ("2026-11-21", "2026-11-22", "2026-11-23")])
    assert len(told) == 3 and not any(receipt.duplicate for receipt in told)
    assert not parts(engine).log.durable or parts(engine).log.committed == begun + 3
    assert [event.partition[-2:] for event in engine.events(orders)] == ["23", "22", "21"]


def test_a_start_gives_the_run_that_can_be_waited_for(engine):
    run = engine.start("ingest", params={"full": True}, key="manual-1", logical_date="2026-11-23")
    assert run.wait("10m").state == "success" and run.params == {"full": True}
    assert run.logical_date == datetime(2026, 11, 22, 23, tzinfo=UTC)
    assert engine.run("manual-1") == engine.run(run.key) == run


def test_a_start_can_be_awaited(engine):
    async def awaited():
        return (await engine.start("ingest", logical_date="now")).state

    assert asyncio.run(awaited()) == "success"


def test_runs_are_the_newest_first(engine):
    built(engine, "2026-11-22", "2026-11-23")
    found = engine.runs("build_mart", state="success", limit=10)
    assert [run.partition for run in found] == ["2026-11-23", "2026-11-22"]
    assert "build_mart" in html(found) and list(engine.runs()) == found


def test_a_run_tells_its_state_date_attempts_and_outputs(engine):
    run = built(engine)[0]
    assert (run.state, run.tasks["load"].output) == ("success", 3)
    assert run.logical_date == datetime(2026, 11, 22, 23, tzinfo=UTC)
    assert [(attempt.number, attempt.state) for attempt in run.tasks["load"].attempts] == [(1, "success")]


def test_why_is_the_tree_of_causes(engine):
    run = built(engine)[0]
    engine.advance("5m")
    report = engine.why(engine.runs("report")[0])
    assert report.run.dag == "report" and report.causes[0].event.dataset == "s3://lake/mart"
    assert report.causes[0].causes[0].run == run and "updated s3://lake/users" in str(report)


def test_why_of_a_run_that_did_not_happen_names_what_is_missing(engine):
    engine.publish("s3://lake/orders", partition="2026-11-23")
    engine.run_until_idle()
    (missing,) = engine.why("build_mart", logical_date="2026-11-22T23:00Z").missing
    assert missing.startswith("rd.updated('s3://lake/users')")


def test_why_of_a_window_that_is_open_says_until_when(engine):
    built(engine)
    (missing,) = engine.why("report").missing
    assert missing == "the end of a window: 2026-11-23T07:05:00Z at the latest"
    engine.advance("5m")
    assert engine.why("report").missing == ["rd.updated('s3://lake/mart')"]


def test_pending_shows_what_a_trigger_holds(engine):
    built(engine)
    found = engine.pending("report")
    (part,) = found.parts
    assert (part.delivered, part.consumed, part.pending, part.dropped) == (1, 0, 1, {})
    assert part.items[0].extra == {"rows": 3}
    assert (found.joins, found.held, found.waits) == ({"": ""}, 0, [])


def test_a_run_can_be_cancelled(engine):
    engine.pause("ingest")
    run = engine.start("ingest", logical_date="now")
    engine.cancel(run)
    engine.run_until_idle()
    assert run.state == "cancelled"


def test_a_dag_can_be_paused_and_resumed(engine):
    engine.pause("build_mart")
    assert built(engine) == [] and engine.pending("build_mart").held == 1
    engine.resume("build_mart")
    engine.run_until_idle()
    assert [run.state for run in engine.runs("build_mart")] == ["success"]


def test_everything_is_a_stream(engine):
    seen = {name: [] for name in ("records", "replayed", "updates", "completions", "firings", "ready")}
    streams = [
        engine.records, engine.records_from(0), engine.updates("s3://lake/orders"),
        engine.completions("build_mart", task="load"), engine.firings("report"), engine.ready,
    ]  # fmt: skip
    for stream, heard in zip(streams, seen.values(), strict=True):
        stream.subscribe(heard.append)
    begun = parts(engine).log.next_offset
    built(engine)
    engine.advance("5m")
    assert [entry.offset for entry in seen["records"]] == list(range(begun, parts(engine).log.next_offset))
    assert [entry.offset for entry in seen["replayed"]] == list(range(parts(engine).log.next_offset))
    assert [event.partition for event in seen["updates"]] == ["2026-11-23"]
    assert [(event.dag, event.task, event.state) for event in seen["completions"]] == [
        ("build_mart", "load", "success")
    ]
    assert [(firing.dag, firing.events[0].extra) for firing in seen["firings"]] == [("report", {"rows": 3})]
    assert seen["ready"][0] == {"ingest"} and all(isinstance(each, frozenset) for each in seen["ready"])


def test_advance_takes_a_span_or_a_time(engine):
    engine.advance("1h")
    engine.advance(to="2026-11-24T03:00+01:00")
    (run,) = engine.runs("ingest")
    assert run.logical_date == datetime(2026, 11, 24, 1, tzinfo=UTC) and run.started == run.logical_date


def test_run_until_idle_jumps_to_retries_and_counts_no_timer_of_a_trigger_to_come(engine):
    failing = iter([ConnectionError("no"), None])

    @engine.graph.dag(retries=1, retry_delay="10m")
    def job(run):
        if error := next(failing):
            raise error

    run = engine.start("job")
    engine.run_until_idle(timeout="10s")
    assert run.state == "success" and now_is(engine) == "2026-11-23T07:10:00Z"


def test_a_task_is_retrying_or_waiting_while_its_run_is_running(engine):
    @engine.graph.dag(retries=1, retry_delay="1h")
    def job(run):
        raise ConnectionError("no")

    build = engine.graph.dag("build")
    build.wait_for("ingest", match="latest", timeout="6h", id="up")
    runs = engine.start("job"), engine.start("build", logical_date="2026-11-25")
    engine.advance("1m")
    (retrying,), (waiting,) = (run.tasks.values() for run in runs)
    assert [run.state for run in runs] == ["running", "running"]
    assert (retrying.state, retrying.attempts[0].state) == ("retrying", "failed")
    assert (waiting.state, waiting.attempts[0].state, waiting.attempts[0].ended) == ("waiting", "waiting", None)


def test_what_does_not_become_idle_in_time_is_named():
    with live(sales(), clock=None, runner=rd.ThreadRunner(1)) as engine:

        @engine.graph.dag(retries=1, retry_delay="1h")
        def job(run):
            raise ConnectionError("no")

        engine.start("job")
        with pytest.raises(rd.NotIdle, match=r"job\.job is tried again at"):
            engine.run_until_idle(timeout="200ms")


def test_an_engine_runs_on_the_loop_that_is_there():
    async def main():
        graph = rd.Graph("g")

        @graph.dag
        async def job(run):
            await asyncio.sleep(0)
            return id(asyncio.get_running_loop())

        async with rd.Engine(graph) as engine:
            run = engine.start(job)
            await engine.apublish(graph.dataset("a"))
            await engine.idle()
            return run.tasks["job"].output == id(asyncio.get_running_loop())

    assert asyncio.run(main())


def test_an_engine_runs_on_a_thread_of_its_own():
    with live(sales(), clock=None) as engine, engine.background():
        assert engine.start("ingest", logical_date="now").wait("10s").state == "success"


def test_a_read_only_engine_looks_and_runs_nothing(tmp_path):
    store = tmp_path / "sales.db"
    with live(sales(), store, MORNING) as engine:
        key = built(engine)[0].key
        with opened(sales(), store, MORNING, read_only=True) as looking:
            assert looking.run(key).state == "success"
            with pytest.raises(rd.UsageError, match="read_only"):
                looking.start("ingest", logical_date="now")


@pytest.mark.parametrize("runner", [rd.ThreadRunner(2), rd.InlineRunner()])
def test_runners_execute(runner):
    with live(sales(), runner=runner) as engine:
        assert engine.start("ingest", logical_date="now").wait("10s").state == "success"


def test_without_a_runner_runs_stay_queued():
    with live(sales(), runner=None) as engine:
        run = engine.start("ingest", logical_date="now")
        engine.run_until_idle()
        assert run.state == "queued"
