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
