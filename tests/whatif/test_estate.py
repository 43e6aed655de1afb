"""A day of Mozilla's estate: what ended, what waits and why, what a late DAG does; and how long it takes to know."""

from __future__ import annotations

from time import process_time

import pytest

import reactive_dag as rd
from reactive_dag.interop.estate import load_estate
from reactive_dag.whatif.question.durations import spread_durations
from tests.support.places import ROOT

ESTATE = ROOT / "examples" / "mozilla-bigquery-etl.json"
NEVER = {
    f"wait_bqetl_accounts_db_accounts_db_external__{name}__v1"
    for name in ("fxa_accounts", "fxa_emails", "fxa_security_events")
}


@pytest.fixture(scope="module")
def day() -> rd.Simulation:
    """The day, with durations that are an assumption."""
    graph = load_estate(ESTATE).graph
    return rd.simulate(graph, start="2026-11-23T00:00Z", until="1d", default_duration=spread_durations("1m", "15m"))


def test_estate_everything_ends_but_three_waits_for_dates_that_never_come(day: rd.Simulation) -> None:
    assert len(day.runs) == 608
    assert [run.dag for run in day.runs if run.state != "success"] == ["bqetl_accounts_derived"]
    assert {row.task for row in day.pending()} == NEVER
    assert {row.why for row in day.pending()} == {
        "awaits 2026-11-22T06:30:00Z: no run yet; the schedule awaited never has such a date"
    }
    named = {problem.ids[1].split(".")[1] for problem in day.problems() if problem.kind == "no_such_date"}
    assert named == NEVER


def test_estate_circles_of_dags_are_no_circles_of_tasks(day: rd.Simulation) -> None:
    path = day.critical_path("bqetl_newtab")
    assert [(step.kind, step.link) for step in path] == [
        ("tick", ""), ("wait", "caused by"), ("task", "needs"), ("wait", "awaits"), ("task", "needs"),
    ]  # fmt: skip
    assert {step.name.split(".")[0] for step in path[1:]} == {"bqetl_newtab", "bqetl_newtab_late_morning"}


def test_estate_each_daily_dag_runs_once_and_hourly_ones_24_times(day: rd.Simulation) -> None:
    assert len(day.runs_of("bqetl_main_summary")) == 1
    hourly = [dag for dag in day.graph.dags.values() if repr(dag.triggers.get("")) == "rd.cron('0 * * * *')"]
    assert hourly and all(len(day.runs_of(dag)) == 24 for dag in hourly)


def test_estate_an_early_dag_two_hours_late(day: rd.Simulation) -> None:
    found = day.what_if(rd.delay("bqetl_main_summary", "2h")).compare()
    assert found.counts == {"later": len(found)} and len(found) == 13
    assert found.unchanged == len(day.runs) - 13
    for change in found:
        assert change.by is not None and 0 < change.by.total_seconds() <= 7200
        first = next(iter(change.why))
        assert first.dag == "bqetl_main_summary" and "rd.delay('bqetl_main_summary', '2h')" in first.note


def test_estate_a_failed_task_leaves_behind_what_needs_it(day: rd.Simulation) -> None:
    bad = day.what_if(rd.fail("bqetl_main_summary.telemetry_derived__clients_daily__v6"))
    found = bad.compare()
    failed = {change.dag for change in found if change.after == "failed"}
    assert "bqetl_main_summary" in failed and len(failed) > 3
    for change in found:
        if change.kind == "state":
            assert next(iter(change.why)).name == "bqetl_main_summary.telemetry_derived__clients_daily__v6", change


def test_estate_takes_less_than_three_seconds_of_the_processor() -> None:
    began = process_time()
    graph = load_estate(ESTATE).graph
    day = rd.simulate(graph, start="2026-11-23T00:00Z", until="1d", default_duration=spread_durations("1m", "15m"))
    assert len(day.timeline()) == 3912
    assert process_time() - began < 3
