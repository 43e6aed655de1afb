"""The rules by which the reader builds, on small estates: dates, orders and waits that are shared."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest

from reactive_dag.declare.graph import Graph
from reactive_dag.declare.wait import Wait
from reactive_dag.interop.estate import Estate, load_estate
from reactive_dag.interop.estate_dates import awaited, end_of_day, every_day, often
from reactive_dag.interop.examples import estate_path
from reactive_dag.model.callables import Call
from reactive_dag.model.schedule import CronSchedule, EverySchedule, Schedule, from_word
from reactive_dag.model.times import DAY, HOUR
from tests.support.estates import dag, small, task, wait
from tests.support.ticks import between

FROM = 1_767_225_600_000_000_000  # 2026-01-01 UTC


def waits(estate: Estate, dag: str) -> dict[str, Wait]:
    return {each.id: each for each in estate.graph.dags[dag].waits}


# ------------------------------------------------------------------------------------------------- dates


DAILY, LATER, WEEKLY, MONTHLY = map(CronSchedule, ("0 2 * * *", "0 22 * * *", "50 14 * * 7", "0 5 2 * *"))
HOURLY, THRICE, WEEKDAYS = map(CronSchedule, ("0 * * * *", "30 4,13,22 * * *", "0 6 * * 1-5"))
THREE_HOURS = EverySchedule(3 * HOUR)
BY_DAY = {"match": "latest", "logical_date": end_of_day}


@pytest.mark.parametrize(
    ("consumer", "producer", "expected"),
    [
        (DAILY, DAILY, {"match": "same_day"}),
        (DAILY, LATER, {"match": "same_day"}),
        (WEEKLY, DAILY, {"match": "same_day"}),
        (MONTHLY, DAILY, {"match": "same_day"}),
        (DAILY, EverySchedule(DAY), {"match": "same_day"}),
        (DAILY, WEEKLY, BY_DAY),
        (MONTHLY, WEEKLY, BY_DAY),
        (WEEKLY, WEEKLY, BY_DAY),
        (DAILY, WEEKDAYS, BY_DAY),
        (DAILY, EverySchedule(2 * DAY), BY_DAY),
        (DAILY, None, BY_DAY),
        (DAILY, HOURLY, {"match": "latest"}),
        (DAILY, THRICE, {"match": "latest"}),
        (MONTHLY, THREE_HOURS, {"match": "latest"}),
        (HOURLY, DAILY, {"match": "latest"}),
        (THRICE, MONTHLY, {"match": "latest"}),
        (THREE_HOURS, HOURLY, {"match": "latest"}),
        (HOURLY, None, {"match": "latest"}),
        (None, DAILY, {"match": "latest"}),
        (None, None, {"match": "latest"}),
    ],
)
def test_estate_dates_for_each_pair(consumer: Schedule | None, producer: Schedule | None, expected: object) -> None:
    assert awaited(consumer, producer) == expected


def ticks_a_day(schedule: Schedule) -> list[int]:
    """How many ticks each day of a year has, counted one by one."""
    days = [0] * 366
    for tick in between(schedule, FROM - 1, FROM + 366 * DAY):
        days[(tick - FROM) // DAY] += 1
    return days


def test_estate_dates_how_often_is_what_counting_says() -> None:
    words = {each["schedule"] for each in json.loads(estate_path("mozilla").read_text("utf-8"))["dags"]} - {"once"}
    odd = {"@daily", "0 0 * * */2", "0 0 1-31 * *", "0 5,6 15 * *", "0 0 29 2 *", "0 0 * 2-12 *", "23h", "1d", "36h"}
    for schedule in map(from_word, words | odd):
        days = ticks_a_day(schedule)
        assert often(schedule) == (max(days) > 1), schedule
        assert every_day(schedule) == (min(days) > 0), schedule


def test_estate_dates_the_end_of_a_day_is_that_of_its_utc_day() -> None:
    late = datetime(2026, 11, 24, 0, 30, tzinfo=timezone(timedelta(hours=1)))
    assert end_of_day(late) == datetime(2026, 11, 23, 23, 59, 59, 999_999, UTC)


def test_estate_dates_by_the_day_survive_saving(tmp_path: Path) -> None:
    data = {
        "dags": [dag("weekly", "50 14 * * 7"), dag("daily")],
        "tasks": [task("weekly", "a"), task("daily", "b", "lake.a")],
    }
    estate = load_estate(data)
    found = waits(estate, "daily")["wait_weekly_a"]
    assert found.match == "latest" and isinstance(found.logical_date, Call)
    assert str(found) == f"task 'a' of DAG 'weekly' at the dates of {found.logical_date} (latest)"
    estate.graph.save(tmp_path / "graph.json")
    loaded = Graph.load(tmp_path / "graph.json")
    loaded.bind()
    (again,) = loaded.dags["daily"].waits
    assert isinstance(again.logical_date, Call) and again.logical_date.fn is end_of_day


# ------------------------------------------------------------------------------------------- who follows whom


def test_estate_what_it_consumes_is_an_order_inside_and_a_wait_across() -> None:
    data = small()
    data["waits"] = []
    graph = load_estate(data).graph
    assert graph.dags["ingest"].tasks["clean"].needs == ("orders",)
    assert graph.dags["mart"].tasks["sales"].needs == ("wait_ingest_clean",)
    assert graph.upstream("mart") == {"ingest"}


def test_estate_a_declared_wait_overrides_the_day_and_adds_what_no_table_says() -> None:
    data = small()
    data["waits"] += [wait("mart.sales", "ingest.clean", 1_800), wait("mart.sales", "ingest.clean", 1_800)]
    estate = load_estate(data)
    found = waits(estate, "mart")
    assert {id: (each.match, each.logical_date) for id, each in found.items()} == {
        "wait_ingest_orders": ("exact", DAY + HOUR // 2),
        "wait_ingest_clean": ("exact", HOUR // 2),
    }
    assert estate.graph.dags["mart"].tasks["sales"].needs == tuple(found)
    assert not [problem for problem in estate.warnings if problem.kind == "no_such_date"]


def test_estate_a_wait_for_its_own_dag_is_an_order_or_an_earlier_date() -> None:
    data = small()
    data["waits"] = [wait("ingest.orders", "ingest.clean", 86_400), wait("ingest.clean", "ingest.orders")]
    graph = load_estate(data).graph
    assert graph.dags["ingest"].tasks["clean"].needs == ("orders",)
    (back,) = graph.dags["ingest"].waits
    assert (back.id, back.logical_date, back.looks_back) == ("wait_ingest_clean", DAY, True)


def test_estate_across_dags_no_offset_is_the_same_date() -> None:
    data = small()
    data["waits"] = [wait("mart.sales", "ingest.clean", 0)]
    estate = load_estate(data)
    (found,) = waits(estate, "mart").values()
    assert (found.match, found.logical_date) == ("exact", "same")
    assert [problem.ids for problem in estate.warnings] == [("mart", "mart.wait_ingest_clean", "ingest")]


def test_estate_tasks_of_one_dag_share_a_wait_for_the_same_date_only() -> None:
    data = small()
    data["tasks"] += [
        task("mart", "a", "lake.clean"),
        task("mart", "b", "lake.clean"),
        task("mart", "c", "lake.clean"),
        task("mart", "wait_ingest_orders"),
    ]
    data["waits"] += [wait("mart.b", "ingest.clean", 3_600), wait("mart.c", "ingest.clean", -3_600)]
    graph = load_estate(data).graph
    needs = {each: graph.dags["mart"].tasks[each].needs for each in ("sales", "a", "b", "c")}
    assert needs == {
        "sales": ("wait_ingest_orders_1d30m_before", "wait_ingest_clean"),
        "a": ("wait_ingest_clean",),
        "b": ("wait_ingest_clean_1h_before",),
        "c": ("wait_ingest_clean_1h_after",),
    }
    assert graph.dags["mart"].tasks["wait_ingest_orders"].kind == "task"


def test_estate_ids_that_meet_by_chance_are_told_apart() -> None:
    names = ["a_b.c", "a.b_c", "a_b.c_latest", "a.b_c_latest"]
    data = {
        "dags": [dag("a", "hourly"), dag("a_b", "hourly"), dag("z", "hourly")],
        "tasks": [task(*each.split(".")) for each in names],
    }
    data["tasks"].append(task("z", "z", *(f"lake.{each.split('.')[1]}" for each in names)))
    for at, each in enumerate(data["tasks"][:-1]):
        each["produces"] = [f"t{at}"]
    data["tasks"][-1]["consumes"] = ["t0", "t1", "t2", "t3"]
    assert [(each.id, each.dag) for each in load_estate(data).graph.dags["z"].waits] == [
        ("wait_a_b_c", "a_b"),
        ("wait_a_b_c_latest", "a"),
        ("wait_a_b_c_latest_latest", "a_b"),
        ("wait_a_b_c_latest_latest_2", "a"),
    ]


def test_estate_its_own_table_is_no_circle() -> None:
    data = small()
    data["tasks"][0]["consumes"].append("lake.orders")
    assert load_estate(data).graph.dags["ingest"].tasks["orders"].needs == ()


def test_estate_only_what_must_be_there_is_asked_for() -> None:
    found = load_estate(
        {"dags": [dag("a", "once")], "tasks": [task("a", "t"), task("a", "u", partition_offset_days=-7)]}
    )
    assert found.started_by_hand == ("a",) and found.sources == {} and found.assumed_on_time == ()
    assert found.graph.dags["a"].tasks["t"].retries == 0
    assert found.graph.datasets["lake.u"].metadata == {"partition_offset_days": -7}
    found.graph.check()
