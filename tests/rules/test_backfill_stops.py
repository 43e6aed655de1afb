"""R26: a backfill that stops cancels what has not begun of it, and that alone."""

from __future__ import annotations

import reactive_dag as rd
from tests.support.engines import live


def slow(**options: object) -> rd.Graph:
    """A DAG each day at 02:00 whose first attempt fails, so that a run takes an hour."""
    graph = rd.Graph("past")

    @graph.dag(schedule="0 2 * * *", retries=1, retry_delay="1h", **options)
    def ingest(run: rd.Run) -> None:
        if run.attempt == 1:
            raise ConnectionError("not now")

    return graph


def test_R26_a_round_behind_the_one_that_runs_has_not_begun_and_is_cancelled() -> None:
    with live(slow()) as engine:
        engine.advance("2h")
        (run,) = engine.runs("ingest")
        backfill = engine.backfill("ingest", start="2026-11-23", end="2026-11-23", again=True)
        engine.advance("1m")
        engine.cancel(backfill)
        engine.advance("5h")
        assert (run.round, run.state, backfill.state) == (1, "success", "cancelled")


def test_R26_a_round_that_somebody_else_asked_for_goes_on() -> None:
    with live(slow()) as engine:
        engine.advance("4h")
        (run,) = engine.runs("ingest")
        engine.pause("ingest")
        engine.rerun(run)
        backfill = engine.backfill("ingest", start="2026-11-23", end="2026-11-23", again=True)
        engine.advance("1m")
        engine.cancel(backfill)
        engine.advance("1m")
        engine.resume("ingest")
        engine.advance("5h")
        assert (run.round, run.state, backfill.state) == (2, "success", "cancelled")


def test_R26_it_ends_when_its_dag_is_removed_before_the_round_that_it_awaits_could_begin() -> None:
    graph = slow()
    with live(graph) as engine:
        engine.advance("2h")
        (run,) = engine.runs("ingest")
        backfill = engine.backfill("ingest", start="2026-11-23", end="2026-11-23", again=True)
        engine.advance("1m")
        graph.remove("ingest")
        engine.advance("5h")
        assert (run.round, run.state, backfill.state) == (1, "success", "cancelled")


def test_R26_what_a_cancelled_backfill_left_is_missing_and_has_a_run_all_the_same() -> None:
    days = {"start": "2026-11-20", "end": "2026-11-22"}
    with live(slow(max_active_runs=1)) as engine:
        stopped = engine.backfill("ingest", **days, max_active_runs=2)
        engine.advance("1m")
        engine.cancel(stopped)
        engine.run_until_idle()
        assert [(run.round, run.state) for run in stopped.runs] == [(1, "success"), (1, "cancelled")]
        plain = engine.backfill("ingest", **days, max_active_runs=2)
        engine.run_until_idle()
        assert [f"{run.logical_date:%d} {run.state}" for run in plain.runs] == ["22 success"]
        assert [f"{run.logical_date:%d} {run.state}" for run in plain.skipped] == ["20 success", "21 cancelled"]
        rest = engine.backfill("ingest", **days, only="missing")
        engine.run_until_idle()
        assert [(f"{run.logical_date:%d}", run.round, run.state) for run in rest.runs] == [("21", 2, "success")]
        assert (len(rest.skipped), rest.state) == (2, "success")
