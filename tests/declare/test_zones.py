"""The zone of a DAG: given, of its clocks, of its origins, UTC (R1)."""

from __future__ import annotations

from datetime import date

import pytest

import reactive_dag as rd
from reactive_dag.model.times import format_time, parse_time, to_datetime
from tests.support.engines import dates, live

BERLIN, TOKYO = "Europe/Berlin", "Asia/Tokyo"
NIGHTLY = rd.cron("0 2 * * *", tz=BERLIN)


def nothing(run):
    return None


def zone_of(on, **options):
    return rd.Dag("job", on=on, **options).tz


def with_origins():
    graph = rd.Graph("zones")
    graph.dag("berlin", on=NIGHTLY)(nothing)
    graph.dag("tokyo", schedule="0 2 * * *", tz=TOKYO)(nothing)
    graph.dag("hand")(nothing)
    graph.dataset("daily", partitions=rd.day(BERLIN))
    graph.dataset("plain")
    return graph


@pytest.mark.parametrize(
    ("on", "expected"),
    [
        (NIGHTLY, BERLIN), (NIGHTLY | rd.cron("0 3 * * *", tz=BERLIN), BERLIN), (NIGHTLY & rd.updated("a"), BERLIN),
        ({"x": NIGHTLY, "y": rd.updated("a")}, BERLIN), (rd.daily("02:00", tz=BERLIN).batch(count=2), BERLIN),
        (NIGHTLY | rd.every("1h"), BERLIN), (NIGHTLY | rd.cron("0 2 * * *"), "UTC"),
        (NIGHTLY | rd.cron("0 2 * * *", tz=TOKYO), "UTC"), (rd.cron("0 2 * * *"), "UTC"), (rd.every("1h"), "UTC"),
        (rd.absent(rd.updated("a"), at=NIGHTLY), "UTC"), (rd.updated("a").batch(count=2).reset(at=NIGHTLY), "UTC"),
        (rd.updated("a").with_latest(NIGHTLY), "UTC"), (None, "UTC"),
    ],
)  # fmt: skip
def test_R1_the_zone_is_that_on_which_the_clock_parts_agree(on, expected):
    assert zone_of(on) == expected


def test_R1_the_zone_that_is_given_counts_first():
    assert zone_of(NIGHTLY, tz=TOKYO) == TOKYO
    assert zone_of(NIGHTLY, tz="UTC") == "UTC"


@pytest.mark.parametrize(
    ("on", "expected"),
    [
        (rd.completed("berlin"), BERLIN), (rd.completed("berlin") | rd.completed("tokyo"), "UTC"),
        (rd.completed("berlin") | rd.completed("hand"), BERLIN), (rd.completed("hand"), "UTC"),
        (rd.updated("daily"), BERLIN), (rd.updated("daily") | rd.completed("berlin"), BERLIN),
        (rd.updated("daily") | rd.completed("tokyo"), "UTC"), (rd.updated("plain"), "UTC"),
        (rd.completed("berlin") | rd.every("1h"), BERLIN), (rd.completed("berlin") | rd.cron("0 2 * * *"), "UTC"),
    ],
)  # fmt: skip
def test_R1_the_zone_of_a_dag_without_clocks_is_that_on_which_its_origins_agree(on, expected):
    graph = with_origins()
    graph.dag("first", on=on)(nothing)
    graph.dag("job", on=rd.completed("first"))(nothing)
    assert graph.dags["first"].tz == expected
    assert graph.dags["job"].tz == expected


def test_R1_the_zone_of_the_origins_follows_the_graph():
    graph = with_origins()
    job = graph.dag("job", on=rd.completed("berlin"))
    assert job.tz == BERLIN
    graph.dag("berlin", on=rd.cron("0 2 * * *", tz=TOKYO))(nothing)
    assert job.tz == TOKYO
    graph.remove("berlin")
    assert job.tz == "UTC"


def test_R1_the_zone_outlives_a_file(tmp_path):
    graph = with_origins()
    graph.dag("utc", on=NIGHTLY, tz="UTC")(nothing)
    graph.dag("job", on=rd.completed("berlin"))(nothing)
    graph.save(tmp_path / "graph.json")
    again = rd.Graph.load(tmp_path / "graph.json")
    assert {id: dag.tz for id, dag in again.dags.items()} == {id: dag.tz for id, dag in graph.dags.items()}
    assert again.dags["utc"].tz == "UTC" and again.dags["job"].tz == BERLIN
    assert again.to_json() == graph.to_json()


def test_R1_bare_dates_of_a_dag_are_read_in_the_zone_of_its_clock():
    dag = rd.Dag("job", on=NIGHTLY, start="2026-11-01", end="2026-12-01")
    assert (format_time(dag.start), format_time(dag.end)) == ("2026-10-31T23:00:00Z", "2026-11-30T23:00:00Z")
    wait = dag.wait_for("other", logical_date=["2026-11-23"], timeout="1h").wait
    assert [format_time(each) for each in wait.logical_date] == ["2026-11-22T23:00:00Z"]


@pytest.mark.parametrize("on", [NIGHTLY, rd.completed("berlin"), rd.updated("daily")])
def test_R1_bare_dates_of_calls_are_read_in_the_dags_zone(on):
    graph = with_origins()
    graph.dag("job", on=on)(nothing)
    with live(graph) as engine:
        engine.start("job", logical_date="2026-11-23")
        engine.run_until_idle()
        assert dates(engine, "job") == ["2026-11-22T23:00Z"]
        (run,) = engine.runs("job", logical_date="2026-11-23")
        assert run.local_date == date(2026, 11, 23)


def test_R1_the_same_day_is_that_of_the_zone_of_the_clock():
    """01:00 in Berlin is another day in UTC: the wait finds the run of its own day there."""
    graph = rd.Graph("zones")
    graph.dag("early", on=rd.cron("0 0 * * *", tz=BERLIN))(nothing)
    late = graph.dag("late", on=rd.cron("0 1 * * *", tz=BERLIN))
    late.wait_for("early", match="same_day", timeout="1h")
    with live(graph, start="2026-11-22T12:00Z") as engine:
        engine.advance("13h")
        (run,) = engine.runs("late")
        assert run.state == "success" and run.local_date == date(2026, 11, 23)


# ----------------------------------------------------------------------- bare dates, where datasets give the zone

ZONES = pytest.mark.parametrize("tz", [BERLIN, "America/New_York"])


def midnight(tz, day):
    return parse_time(day, tz)


def writer(zone, **options):
    graph = rd.Graph("bare")
    days = graph.dataset("days", partitions=rd.day(zone))
    return graph, graph.dag("writer", outlets=[days], start="2026-11-01", end=date(2026, 11, 3), **options)


@ZONES
def test_R1_bare_dates_of_a_dag_are_read_in_the_zone_of_its_outlets(tz):
    graph, dag = writer(tz)
    dag.add(nothing, id="t")
    assert (dag.start, dag.end) == (midnight(tz, "2026-11-01"), midnight(tz, "2026-11-03"))
    assert writer(tz, tz="UTC")[1].start == midnight("UTC", "2026-11-01")
    again = rd.Graph.from_json(graph.to_json()).dags["writer"]
    assert (again.start, again.end, again.to_json()) == (dag.start, dag.end, dag.to_json())
    with live(graph, start="2026-11-02T12:00Z") as engine:
        assert engine.partitions("days").missing == ["2026-11-01"]
        assert engine.backfill("writer", only="missing").wait().dates == [to_datetime(midnight(tz, "2026-11-01"))]
    with live(graph, start="2026-11-06T12:00Z") as engine:
        backfill = engine.backfill("writer", start="2026-10-30", end="2026-11-05").wait()
        assert backfill.dates == [to_datetime(midnight(tz, f"2026-11-0{day}")) for day in (1, 2, 3)]


@ZONES
def test_R1_bare_dates_of_a_dag_are_read_in_the_zone_of_its_tasks_outlets_and_origins(tz):
    graph = rd.Graph("bare")
    days = graph.dataset("days", partitions=rd.day(tz))
    task = graph.dag("of_task", on=rd.completed("a"), start="2026-11-01", deadline=rd.every("1d"))
    of_origin = graph.dag("of_origin", on=rd.completed("first"), end="2026-11-01")
    assert task.start == of_origin.end == midnight("UTC", "2026-11-01")
    task.add(nothing, id="t", outlets=[days])
    graph.dag("first", on=rd.updated(graph.dataset("outside", partitions=rd.day(tz))))(nothing)
    assert task.start == of_origin.end == midnight(tz, "2026-11-01")
    assert task.deadline.schedule.anchor == task.start and of_origin.start is None


@ZONES
def test_R1_an_every_counts_from_the_bare_start_in_the_zone_of_the_outlets(tz):
    _, dag = writer(tz, on=rd.every("1d"))
    assert dag.triggers[""].schedule.anchor == dag.start == midnight(tz, "2026-11-01")


@ZONES
def test_R1_bare_dates_of_a_wait_are_read_in_the_zone_of_its_dag(tz):
    _, dag = writer(tz)
    assert dag.wait_for("other", logical_date=["2026-11-23"], timeout="1h").wait.logical_date == (
        midnight(tz, "2026-11-23"),
    )


def test_R1_a_bare_date_that_the_zone_skipped_is_refused_with_the_place():
    graph = rd.Graph("bare")
    dag = graph.dag("writer", outlets=[graph.dataset("days", partitions=rd.day("Pacific/Apia"))], end="2012-01-01")
    dag.add(nothing, id="t")
    other = graph.dag("other", on=rd.completed("writer"), start="2011-12-30")
    other.add(nothing, id="t")
    with pytest.raises(rd.InvalidValue, match=r"DAG 'other' \(.*test_zones.py:\d+\): start '2011-12-30' is no day"):
        graph.check()


@ZONES
@pytest.mark.parametrize("given", ["2026-11-23", date(2026, 11, 23)])
def test_R1_bare_dates_of_an_event_are_read_in_the_zone_of_its_datasets_calendar(tz, given):
    graph = rd.Graph("bare")
    days = graph.dataset("days", partitions=rd.day(tz))
    product = graph.dataset("product", partitions=rd.day(tz) * rd.values("eu", name="region"))
    plain = graph.dataset("plain")

    def body(run):
        run.publish(days, logical_date=given, time=given)

    graph.dag("hears", on=rd.updated(days))(nothing)
    graph.dag("asks", tz=TOKYO).add(body, id="t", outlets=[days])
    with live(graph) as engine:
        event = engine.publish(days, logical_date=given, time=given).event
        assert (event.partition, event.logical_date.timestamp()) == ("2026-11-23", midnight(tz, "2026-11-23") / 1e9)
        assert event.time == event.logical_date
        assert engine.publish(product, partition="2026-11-23|eu", logical_date=given).event.logical_date == event.time
        assert engine.publish(plain, logical_date=given).event.logical_date.hour == 0
        engine.start("asks", logical_date="2026-11-24")
        engine.run_until_idle()
        assert len(engine.runs("hears", partition=date(2026, 11, 23))) == 2
        assert [run.partition for run in engine.runs("hears")] == ["2026-11-23"] * 2
        assert (
            {each.logical_date for each in engine.events(days)}
            == {event.time}
            == {each.time for each in engine.events(days)}
        )
