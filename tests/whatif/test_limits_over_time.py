"""Deadlines kept and missed, events that no run took, the use of limits over time; and all of it as frames."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

import reactive_dag as rd
from tests.support.shown import html
from tests.whatif.test_answers import day, nothing, play


def at(hour: int, minute: int = 0) -> datetime:
    """An instant of the day that is played."""
    return datetime(2026, 11, 23, hour, minute, tzinfo=UTC)


def minutes(count: int) -> timedelta:
    """So many."""
    return timedelta(minutes=count)


# ----------------------------------------------------------------------------------------------- deadlines


def test_W53_deadlines_kept_and_missed_and_by_how_much() -> None:
    graph = rd.Graph("due")
    graph.dag("quick", schedule="0 1 * * *", deadline="25m")(nothing)
    graph.dag("slow", schedule="0 1 * * *", deadline="5m")(nothing)
    graph.dag("exact", schedule="0 1 * * *", deadline="10m")(nothing)
    graph.dag("broken", schedule="0 1 * * *", deadline="1h")(nothing)
    found = play(graph).what_if(rd.fail("broken")).deadlines()
    assert [(row.dag, row.state, row.slack, row.ended) for row in found] == [
        ("broken", "missed", None, None), ("slow", "missed", minutes(-5), at(1, 10)),
        ("exact", "missed", minutes(0), at(1, 10)), ("quick", "kept", minutes(15), at(1, 10)),
    ]  # fmt: skip
    assert found.title == "deadlines: 3 missed, 1 kept" and len(found.missed) == 3
    assert found.to_json()[1]["slack_s"] == -300.0


def test_W53_a_deadline_for_which_no_run_came() -> None:
    graph = rd.Graph("due")
    users = graph.dataset("users")
    graph.dag("fed", on=users, deadline=rd.cron("0 6 * * *"))(nothing)
    (row,) = play(graph).deadlines()
    assert (row.dag, row.run, row.state, row.due, row.slack) == ("fed", "", "missed", at(6), None)
    assert "no run came" in str(play(graph).deadlines())
    assert str(day().deadlines()) == "no deadlines"


def test_W53_the_engine_records_the_same_misses() -> None:
    graph = rd.Graph("due")
    graph.dag("a", schedule="0 1 * * *", deadline="15m")(nothing)
    graph.dag("b", on=rd.completed("a"), deadline="15m")(nothing)
    graph.dag("alarm", on=rd.missed("a") | rd.missed("b"))(nothing)
    course = play(graph)
    assert [row.dag for row in course.deadlines().missed] == ["b"]
    assert [event.dag for run in course.runs_of("alarm") for event in run.events] == ["b"]


# ------------------------------------------------------------------------------------------ stranded events


def test_W54_events_that_no_run_took_and_why() -> None:
    graph = rd.Graph("stranded")
    users, orders = graph.dataset("users"), graph.dataset("orders")
    graph.dag("join", on=users & orders)(nothing)
    graph.dag("few", on=rd.updated(users).where(lambda event: event.logical_date.hour > 8))(nothing)
    graph.dag("many", on=rd.updated(users).batch(count=3))(nothing)
    graph.dag("held", on=users, paused=True)(nothing)
    course = play(graph, sources={users: rd.every("8h")})
    found = [(row.dag, row.event, row.at, row.count, row.why) for row in course.stranded()]
    waits = "waits for rd.updated('orders')"
    assert [row for row in found if row[0] == "join"] == [("join", "users", at(n), 1, waits) for n in (0, 8, 16)]
    assert [row for row in found if row[0] == "few"] == [("few", "", None, 2, "dropped: filtered")]
    assert [row for row in found if row[0] == "many"] == []
    assert [row for row in found if row[0] == "held"] == [
        ("held", "users", at(n), 1, "the DAG is paused") for n in (0, 8, 16)
    ]
    assert course.stranded().title == "8 events that no run took"


def test_W54_a_window_that_had_not_closed_and_an_event_that_is_parked() -> None:
    graph = rd.Graph("stranded")
    users = graph.dataset("users")
    graph.dag("many", on=rd.updated(users).batch(count=3))(nothing)
    graph.dag("bad", on=rd.updated(users).where(lambda event: event.no_such_field))(nothing)
    found = play(graph, sources={users: rd.every("12h")}).stranded()
    assert sorted((row.dag, row.why) for row in found) == [
        ("bad", "a function raised on it: it is parked"), ("bad", "a function raised on it: it is parked"),
        ("many", "its window had not closed"), ("many", "its window had not closed"),
    ]  # fmt: skip


def test_W54_what_a_silence_heard_is_not_stranded() -> None:
    graph = rd.Graph("heard")
    users = graph.dataset("users")
    graph.dag("alarm", on=rd.absent(users, for_="2h"))(nothing)
    assert str(play(graph, sources={users: rd.every("8h")}).stranded()) == "every event was taken by a run"


# --------------------------------------------------------------------------------------------------- usage


def busy(slots: int = 2, **asked: object) -> rd.Simulation:
    """Five tasks of ten minutes at one o'clock, in a pool."""
    graph = rd.Graph("busy")
    graph.pool("warehouse", slots=slots)
    for number in range(5):
        graph.dag(f"d{number}", schedule="0 1 * * *").add(nothing, "t", pool="warehouse")
    return play(graph, **asked)


def test_W55_use_of_a_pool_and_of_workers() -> None:
    usage = {row.limit: row for row in busy().usage()}
    pool, workers = usage["warehouse"], usage["workers"]
    assert (pool.slots, pool.most, round(pool.mean, 3), round(pool.busy or 0, 3)) == (2, 2, 1.667, 0.833)
    assert (pool.waits, pool.waited, pool.longest) == (3, minutes(40), minutes(20))
    assert (workers.slots, workers.most, workers.busy, workers.waits) == (None, 2, None, 0)


def test_W55_over_time_in_use_and_waiting() -> None:
    assert busy().usage().over_time("warehouse") == [
        (at(1), 2, 3), (at(1, 10), 2, 1), (at(1, 20), 1, 0), (at(1, 30), 0, 0),
    ]  # fmt: skip
    with pytest.raises(KeyError):
        busy().usage().over_time("nothing")


def test_W55_waiting_by_dag() -> None:
    found = busy().usage().waiting
    assert [(row.waits, row.waited, row.longest) for row in found] == [
        (1, minutes(20), minutes(20)), (1, minutes(10), minutes(10)), (1, minutes(10), minutes(10)),
    ]  # fmt: skip
    assert found.title == "waiting for limits, 40m in all" and len({row.dag for row in found}) == 3
    assert str(busy(slots=5).usage().waiting) == "nothing waited for a limit"


def test_W55_runs_that_wait_for_a_place_and_delays_that_are_no_waiting() -> None:
    graph = rd.Graph("places")
    graph.dag("a", schedule="0 1-3 * * *", max_active_runs=1)(nothing)
    usage = {row.limit: row for row in play(graph, default_duration="90m").usage()}
    assert (usage["runs of a"].slots, usage["runs of a"].most, usage["runs of a"].busy) == (1, 1, 1.0)
    assert (usage["runs of a"].waits, usage["runs of a"].waited) == (2, minutes(90))
    late = play(graph).what_if(rd.delay("a", "20m"), rd.delay("a.nothing", "10m")).usage()
    assert all(row.waits == 0 for row in late)


def test_W55_tasks_of_several_slots_and_waits_that_poke() -> None:
    graph = rd.Graph("slots")
    graph.pool("warehouse", slots=4)
    graph.dag("big", schedule="0 1 * * *").add(nothing, "t", pool="warehouse", slots=3)
    down = graph.dag("down", schedule="0 1 * * *")
    down.wait_for("big", match="same_day", mode="poke", poll="1m", id="w")
    quiet = graph.dag("quiet", schedule="0 1 * * *")
    quiet.wait_for("big", match="same_day", id="w")
    usage = {row.limit: row for row in play(graph).usage()}
    assert (usage["warehouse"].most, usage["workers"].most) == (3, 2)


def test_W55_it_draws_what_is_in_use() -> None:
    text, picture = str(busy().usage()), html(busy().usage())
    assert text.splitlines()[-2].endswith("█" * 32 + "▄" * 16)
    assert "<svg" in picture and "<polygon" in picture and "<script" not in picture
    assert str(play(rd.Graph("empty")).usage()).startswith("use of limits: nothing ran")


# -------------------------------------------------------------------------------------------------- frames


def test_W57_every_answer_becomes_a_frame_with_real_times() -> None:
    pandas = pytest.importorskip("pandas")
    course = day()
    late = course.what_if(rd.delay("ingest", "2h"))
    timeline = course.timeline().to_pandas()
    assert timeline["start"].dtype.kind == "M" and str(timeline["start"].dt.tz) == "UTC"
    assert list(timeline["task"]) == [row.task for row in course.timeline()]
    changes = late.compare().to_pandas()
    assert set(changes["by"]) == {pandas.Timedelta(hours=2)}
    assert changes["why"].str.contains("rd.delay").all()
    assert list(course.critical_path("report").to_pandas()["link"])[-1] == "window"
    for answer in (course.slack(), course.usage(), course.usage().waiting, course.deadlines(), course.stranded()):
        assert len(answer.to_pandas()) == len(answer)
    assert course.slack().to_pandas()["slack"].dtype.kind == "m"
