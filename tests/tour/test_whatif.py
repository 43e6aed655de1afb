"""The tour's section 5, as far as it is here: simulate, what_if, compare, timeline, critical path."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

import reactive_dag as rd
from tests.support.sales import sales
from tests.support.shown import html


@pytest.fixture(scope="module")
def base() -> rd.Simulation:
    graph = sales()
    return rd.simulate(
        graph, start="2026-11-23T00:00Z", until="2d",
        sources={graph.datasets["s3://lake/users"]: rd.cron("30 1 * * *")},
        durations={"build_mart.load": "8m", "ingest": "15m"}, default_duration="5m", seed=0,
    )  # fmt: skip


@pytest.fixture(scope="module")
def late(base) -> rd.Simulation:
    return base.what_if(rd.delay("ingest", "2h"), rd.fail("build_mart.load", p=0.3), name="late")


def test_a_simulation_has_its_runs(base):
    assert [run.dag for run in base.runs].count("build_mart") == 2
    assert {run.state for run in base.runs} == {"success"}


def test_a_sources_event_has_the_tick_as_date_and_its_partition(base):
    event = next(event for run in base.runs for event in run.events if event.dataset == "s3://lake/users")
    assert (event.logical_date, event.partition) == (datetime(2026, 11, 23, 1, 30, tzinfo=UTC), "2026-11-23")


def test_a_timeline_says_what_ran_when(base):
    rows = [row for row in base.timeline() if row.task == "load"]
    assert [(row.end - row.start, row.waited_for) for row in rows] == [(timedelta(minutes=8), "build_mart.extract")] * 2


def test_the_critical_path_goes_back_to_what_came_from_outside(base):
    names = [step.name for step in base.critical_path("report")]
    assert names == ["event of s3://lake/users", "build_mart.extract", "build_mart.load", "report.render"]


def test_pending_and_problems_are_there(base):
    assert str(base.pending()) == "everything came to its end" and base.problems() == []


def test_a_dataset_that_nothing_publishes_is_listed():
    lonely = rd.simulate(sales(), start="2026-11-23T00:00Z", until="1d", default_duration="5m")
    assert [problem.ids[0] for problem in lonely.problems()] == ["s3://lake/users"]


def test_tasks_without_a_duration_are_named():
    with pytest.raises(rd.InvalidValue, match=r"5 tasks have no duration: ingest\.ingest, build_mart\.extract"):
        rd.simulate(sales(), start="2026-11-23T00:00Z", until="1d")


def test_compare_tells_what_is_later_by_how_much_and_why(base, late):
    found = late.compare(base)
    first = next(change for change in found if change.dag == "ingest")
    assert (first.kind, first.by) == ("later", timedelta(hours=2))
    build = next(change for change in found if change.dag == "build_mart")
    assert "ingest.ingest +2h (rd.delay('ingest', '2h')) → causes build_mart" in str(build.why)


def test_compare_is_a_table_and_a_drawing_and_takes_the_parent_unless_told(base, late):
    found = late.compare()
    assert found.to_json() == late.compare(base).to_json()
    assert str(found).startswith("late compared with base") and "<table" in html(found)


def test_what_is_missing_and_extra(base):
    found = base.what_if(rd.fail("load")).compare()
    kinds = {change.dag: change.kind for change in found}
    assert kinds["report"] == "missing" and kinds["alert"] == "extra"


@pytest.mark.parametrize(
    ("intervention", "by"),
    [
        (rd.delay("s3://lake/users", "1h"), 60),
        (rd.delay("extract", "20m"), 20),
        (rd.duration("build_mart.load", "9m"), 1),
    ],
    ids=repr,
)
def test_delay_and_duration(base, intervention, by):
    found = base.what_if(intervention).compare()
    assert next(change.by for change in found if change.dag == "build_mart") == timedelta(minutes=by)


def test_the_same_seed_gives_the_same_course(base, late):
    again = base.what_if(*late.interventions, name="late")
    assert [(run.key, run.state, run.ended) for run in again.runs] == [
        (run.key, run.state, run.ended) for run in late.runs
    ]


def test_interventions_are_frozen_values():
    delay = rd.delay("ingest", "2h")
    assert delay == rd.delay("ingest", timedelta(hours=2)) and len({delay, rd.delay("ingest", "2h")}) == 1
    with pytest.raises(AttributeError):
        delay.by = 3


def test_an_intervention_inside_a_body_is_refused():
    graph = rd.Graph("g")

    @graph.dag
    def job(run):
        rd.delay("job", "1h")

    with rd.Engine(graph, clock=rd.VirtualClock("2026-11-23T00:00Z")) as engine:
        assert "UsageError" in (engine.start(job).wait().error or "")
