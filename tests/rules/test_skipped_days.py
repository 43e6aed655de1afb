"""Days that a zone's clocks skipped, and hours in gaps: no calendar has them, and no given date is one (T19)."""

from __future__ import annotations

from datetime import date

import pytest

import reactive_dag as rd
from reactive_dag.model.partitions.nesting import inside
from reactive_dag.model.times import zone
from tests.support.engines import live, offset_of

APIA, BERLIN = "Pacific/Apia", "Europe/Berlin"
SKIPPED = ["2011-12-30", " 2011-12-30 ", date(2011, 12, 30)]
DAYS = rd.day(APIA)


def nothing(run):
    return None


def graph_of() -> rd.Graph:
    graph = rd.Graph("skipped")
    days = graph.dataset("days", partitions=DAYS)
    both = graph.dataset("both", partitions=DAYS * rd.values("a", "b"))
    graph.dataset("hours", partitions=rd.hour(APIA))
    graph.dag("ticks", schedule="0 5 * * *", tz=APIA)(nothing)
    graph.dag("reads", on=rd.updated(days).by("partition"))(nothing)
    graph.dag("hand", outlets=[graph.dataset("made", partitions=DAYS)])(nothing)
    graph.dag("pair", on=rd.updated(both).by("partition"))(nothing)
    return graph


@pytest.mark.parametrize("given", SKIPPED, ids=["text", "spaces", "date"])
def test_T19_a_day_that_clocks_skipped_is_refused_wherever_a_date_is_given(given):
    graph = graph_of()
    words = r"2011-12-30\D.*(Pacific/Apia skipped it, at 2011-12-31T00:00:00\+14:00|which this DAG reads or writes)"
    with live(graph, start="2012-01-05T00:00Z") as engine:
        before = offset_of(engine)
        for refused in [
            lambda: rd.at(given, tz=APIA),
            lambda: rd.at(["2011-12-29", given], tz=APIA),
            lambda: rd.cron("0 5 * * *", tz=APIA, skip=[given]),
            lambda: graph.dag("new", schedule="0 5 * * *", tz=APIA, start=given),
            lambda: graph.dag("new", schedule="0 5 * * *", tz=APIA, end=given),
            lambda: engine.start("hand", logical_date=given),
            lambda: engine.start("ticks", logical_date=given),
            lambda: engine.backfill("ticks", start=given, end="2012-01-01"),
            lambda: engine.backfill("ticks", start="2011-12-29", end=given),
            lambda: engine.backfill("reads", start=given, end=given),
            lambda: engine.backfill("pair", start="2011-12-29", end=given),
            lambda: graph.partitions("days", given, "2012-01-01"),
            lambda: graph.partitions("both", "2011-12-29", given),
            lambda: graph.partitions("hours", given, given),
            lambda: engine.partitions("days", given, "2012-01-01"),
            lambda: engine.partitions("both", "2011-12-29", given),
            lambda: engine.runs("ticks", logical_date=given),
            lambda: engine.why("ticks", logical_date=given),
        ]:  # fmt: skip
            with pytest.raises(rd.InvalidValue, match=words):
                refused()
        assert offset_of(engine) == before and "new" not in graph.dags


def test_T19_a_partition_of_a_day_that_clocks_skipped_is_refused():
    graph = graph_of()
    with live(graph, start="2012-01-05T00:00Z") as engine:
        for refused in [
            lambda: engine.publish("days", partition="2011-12-30"),
            lambda: engine.publish("both", partition="2011-12-30|a"),
            lambda: engine.publish("hours", partition="2011-12-30T05-10:00"),
            lambda: engine.publish("hours", partition="2011-12-30T05+14:00"),
            lambda: engine.start("hand", partition="2011-12-30"),
            lambda: engine.start("pair", partition="2011-12-30|a"),
            lambda: graph.dag("late").wait_for(graph.datasets["days"], partition="2011-12-30"),
            lambda: DAYS.between("2011-12-30", "2012-01-01"),
        ]:
            with pytest.raises(rd.InvalidValue, match=r"2011-12-30"):
                refused()


def test_T19_no_span_of_days_has_one_that_clocks_skipped():
    graph = graph_of()
    assert DAYS.between("2011-12-29", "2011-12-31") == ["2011-12-29", "2011-12-31"]
    assert (DAYS.next("2011-12-29"), DAYS.previous("2011-12-31")) == ("2011-12-31", "2011-12-29")
    assert graph.partitions("days", "2011-12-29", "2012-01-01") == ["2011-12-29", "2011-12-31", "2012-01-01"]
    assert len(graph.partitions("hours", "2011-12-29", "2011-12-31")) == 48
    week, month = inside(DAYS, rd.week(APIA), "2011-W52"), inside(DAYS, rd.month(APIA), "2011-12")
    assert (len(week), len(month)) == (6, 30) and "2011-12-30" not in (*week, *month)
    assert rd.week(APIA, starts="fri").between("2011-12-23W", "2012-01-06W") == [
        "2011-12-23W", "2011-12-30W", "2012-01-06W",
    ]  # fmt: skip
    assert len(inside(DAYS, rd.week(APIA, starts="fri"), "2011-12-30W")) == 6
    with live(graph, start="2012-01-05T00:00Z") as engine:
        found = engine.backfill("reads", start="2011-12-29", end="2012-01-01")
        engine.run_until_idle()
        assert [f"{each.astimezone(zone(APIA)):%Y-%m-%d}" for each in found.dates] == [
            "2011-12-29", "2011-12-31", "2012-01-01",
        ]  # fmt: skip


def test_T19_an_hour_that_clocks_leave_out_is_none():
    hours = rd.hour(BERLIN)
    around = ["2026-03-29T01+01:00", "2026-03-29T03+02:00"]
    assert hours.between(*around) == around
    for text in ("2026-03-29T02+01:00", "2026-03-29T02+02:00"):
        with pytest.raises(rd.InvalidValue, match="in that zone this hour is"):
            hours.check(text)
