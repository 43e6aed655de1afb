"""No failure is silent: logs, summaries, reasons, and an error column wherever runs are shown."""

from __future__ import annotations

import logging

import pytest

import reactive_dag as rd
from reactive_dag.cli.tables import run_rows, runs_table
from reactive_dag.engine.facts.outbox import FAILED_ROWS
from tests.support.engines import live, opened, parts
from tests.support.shown import html


def broken(run):
    raise ValueError("no rows\nin the second line")


class Unprintable(Exception):
    def __str__(self):
        raise RuntimeError("not even that")


def declared(body=broken, retries=0):
    graph = rd.Graph("told")
    graph.dag("job", on=graph.dataset("a")).add(body, id="first", retries=retries)
    graph.dag("after", on=rd.completed("job", states="any")).add(lambda run: None, id="only")
    return graph


@pytest.mark.parametrize("error", [ValueError("no rows"), rd.FailTask("no rows"), SystemExit("no rows"), Unprintable()])
def test_a_body_that_raises_is_logged(error, caplog):
    def body(run):
        raise error

    with live(declared(body, retries=1)) as engine, caplog.at_level(logging.DEBUG, "reactive_dag.run"):
        engine.publish("a")
        engine.run_until_idle()
        key = engine.runs("job")[0].key
    attempts = 1 if isinstance(error, rd.FailTask) else 2
    warnings = [record for record in caplog.records if record.levelno == logging.WARNING]
    assert [(record.dag, record.task, record.run, record.attempt) for record in warnings] == [
        ("job", "first", key, attempt) for attempt in range(1, attempts + 1)
    ]
    wanted = f"{type(error).__name__}: {'(its text' if isinstance(error, Unprintable) else 'no rows'}"
    assert f"job.first failed in attempt 1 (run {key[:8]}): {wanted}" in warnings[0].getMessage()
    traces = [record for record in caplog.records if record.levelno == logging.DEBUG]
    assert [record.exc_info[1] for record in traces] == [error] * attempts


def test_an_attempt_that_takes_too_long_is_logged(caplog):
    graph = rd.Graph("told")

    @graph.dag(timeout="1m")
    def job(run):
        parts(engine).fold.clock.advance_to(parts(engine).fold.clock.now() + 61 * 10**9)

    with live(graph) as engine:
        engine.start(job)
        engine.run_until_idle()
    assert "job.job failed in attempt 1" in caplog.text and "timeout" in caplog.text


def test_a_log_handler_that_raises_loses_no_attempt():
    class Broken(logging.Handler):
        def handle(self, record):
            raise ZeroDivisionError

    handler, logger = Broken(), logging.getLogger("reactive_dag.run")
    logger.addHandler(handler)
    try:
        with live(declared()) as engine:
            engine.publish("a")
            engine.run_until_idle()
            assert engine.runs("job")[0].state == "failed"
    finally:
        logger.removeHandler(handler)


def test_a_skip_and_a_success_are_no_failures(caplog):
    def skip(run):
        raise rd.SkipTask("nothing there")

    with live(declared(skip)) as engine:
        engine.publish("a")
        assert repr(engine.run_until_idle()) == "2 runs ended: 1 success, 1 skipped"
    assert not caplog.records


def test_driving_tells_what_ended_how():
    with live(declared()) as engine:
        assert repr(engine.run_until_idle()) == "no run ended" and engine.advance("1h").states == {}
        engine.publish("a")
        told = engine.run_until_idle()
        assert told.states == {"success": 1, "failed": 1} and [run.dag for run in told.failed] == ["job"]
        key = told.failed[0].key[:8]
        assert repr(told) == f"2 runs ended: 1 success, 1 failed\n  failed: job ({key}): first: ValueError: no rows"
        assert engine.run_until_idle().states == {}
    assert "no rows" in repr(told), "a summary is told after the engine is closed, too"


def test_advancing_tells_what_ended_how():
    graph = rd.Graph("told")
    graph.dag("job", schedule="0 * * * *").add(broken, id="first")
    with live(graph) as engine:
        told = engine.advance("30h")
        assert told.states == {"failed": 30} and len(told.failed) == FAILED_ROWS
        assert told.failed[0].logical_date.isoformat() == "2026-11-24T06:00:00+00:00"
        assert "job for 2026-11-24T06:00:00Z" in repr(told)
        assert repr(told).endswith(f'  … and {30 - FAILED_ROWS} more: engine.runs(state="failed")')


def test_a_run_that_failed_without_a_failed_task_is_told():
    graph = rd.Graph("told")
    graph.dag("job").wait_for("other", timeout="1m", missing="wait")
    with live(graph) as engine:
        engine.start("job", logical_date="2026-11-22")
        assert "failed: job for 2026-11-22T00:00:00Z" in repr(engine.advance("5m"))


def test_summaries_count_nothing_that_was_replayed(tmp_path):
    with live(declared(), tmp_path / "s.db") as engine:
        engine.publish("a")
        engine.run_until_idle()
    with live(declared(), tmp_path / "s.db") as engine:
        assert engine.run_until_idle().states == {}


def test_the_reason_of_a_failed_run_shows_its_error():
    with live(declared()) as engine:
        engine.publish("a")
        engine.run_until_idle()
        why = engine.why(engine.runs("job")[0])
        assert why.error.startswith("first: ValueError: no rows")
        assert "\n  first: ValueError: no rows\n  in the second line\n" in str(why)
        assert why.to_json()["error"] == why.error
        below = engine.why(engine.runs("after")[0])
        assert below.error is None and below.causes[0].error == why.error
        assert "\n     first: ValueError: no rows\n" in str(below)


@pytest.mark.parametrize("store", ["memory", "file"])
def test_every_table_of_runs_has_an_error_column(store, tmp_path):
    engine = opened(declared(), tmp_path / "s.db" if store == "file" else None)
    engine.publish("a")
    engine.run_until_idle()
    runs = engine.runs("job")
    assert runs.rows()[0]["error"].startswith("first: ValueError: no rows")
    assert ">error</th>" in html(runs) and "no rows" in html(runs)
    assert list(runs.to_pandas()["error"]) == [runs[0].error]
    assert repr(runs[0]).endswith(": first: ValueError: no rows>")
    assert run_rows(runs)[0]["error"] == runs[0].error
    table = runs_table(runs)
    assert table.columns[-1] == "error" and "no rows" in table.cells()[0][-1]
    engine.close()
