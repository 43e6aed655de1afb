"""Partitions of calendars that are given as dates and times (T19), wherever their texts are."""

from __future__ import annotations

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import numpy
import pytest

import reactive_dag as rd
from reactive_dag.testing import Scenario
from tests.support.engines import live

TOKYO, NEW_YORK = "Asia/Tokyo", "America/New_York"
DAY = date(2026, 11, 23)
SECOND_TWO = datetime(2026, 10, 25, 2, fold=1, tzinfo=ZoneInfo("Europe/Berlin"))
LATE = datetime(2026, 11, 22, 20, tzinfo=UTC)  # the 23rd in Tokyo, 15:00 of the 22nd in New York


def nothing(run):
    return None


def graph_of(partitions=None) -> rd.Graph:
    graph = rd.Graph("given")
    graph.dataset("d", partitions=partitions)
    return graph


@pytest.mark.parametrize(
    ("calendar", "given", "expected"),
    [
        (rd.day(TOKYO), DAY, "2026-11-23"),
        (rd.day(NEW_YORK), DAY, "2026-11-23"),
        (rd.day(TOKYO), LATE, "2026-11-23"),
        (rd.day(NEW_YORK), LATE, "2026-11-22"),
        (rd.day(NEW_YORK), numpy.datetime64("2026-11-23"), "2026-11-23"),
        (rd.hour(NEW_YORK), LATE, "2026-11-22T15-05:00"),
        (rd.hour("Europe/Berlin"), SECOND_TWO, "2026-10-25T02+01:00"),
        (rd.week(NEW_YORK), DAY, "2026-W48"),
        (rd.week(NEW_YORK, starts="sun"), DAY, "2026-11-22W"),
        (rd.month(NEW_YORK), date(2026, 12, 1), "2026-12"),
    ],
)  # fmt: skip
def test_T19_a_date_is_the_partition_of_a_calendar_wherever_a_text_is_one(calendar, given, expected):
    graph = graph_of(calendar)
    out = graph.dataset("out", partitions=calendar)

    @graph.dag(outlets=[out])
    def job(run):
        run.publish(out, partition=given)

    first, several, told = (graph.dag(id) for id in ("first", "several", "told"))
    first.wait_for(graph.datasets["d"], partition=given, timeout="1d", id="w")
    several.wait_for(graph.datasets["d"], partition=[given, expected], timeout="1d", id="w")
    plain = given if isinstance(given, date) else given.item()
    told.wait_for(graph.datasets["d"], partition=lambda when: plain, timeout="1d", id="w")
    with live(graph) as engine:
        assert engine.publish("d", partition=given).event.partition == expected
        engine.publish_many([("d", {"partition": given}), ("d", {"partition": expected})])
        assert [each.partition for each in engine.events("d")] == [expected] * 3
        run = engine.start("job", partition=given)
        waits = [engine.start(dag, logical_date="2026-01-01") for dag in (first, several, told)]
        engine.run_until_idle()
        assert run.partition == expected and run.logical_date == calendar_start(calendar, expected)
        assert [each.partition for each in engine.events("out")] == [expected]
        assert [each.state for each in waits] == ["success"] * 3
        assert [each["partition"] for each in waits[1].tasks["w"].output] == [expected]
    played = Scenario(graph, start="2026-11-23T00:00Z").at("01:00").publish("d", partition=given)
    played = played.at("02:00").start("job", partition=given).play()
    assert played.engine.runs("job")[0].partition == expected == played.engine.events("d")[0].partition


def calendar_start(calendar, partition):
    start = calendar.span(partition)[0]
    return datetime.fromtimestamp(start // 10**9, UTC)


@pytest.mark.parametrize(
    ("partitions", "given", "words"),
    [
        (None, DAY, "a dataset without partitions="),
        (rd.values("eu", "us"), DAY, "names no partition of rd.values"),
        (rd.day() * rd.values("eu", "us"), LATE, "names no partition of rd.day"),
        (rd.hour(), DAY, "names no hour of"),
        (rd.day(), datetime(2026, 11, 23), "has no zone"),
        (rd.day(), 20261123, "is no text"),
        (rd.day("Pacific/Apia"), date(2011, 12, 30), "clocks in Pacific/Apia skipped it"),
    ],
)
def test_T19_a_date_that_names_no_partition_is_refused(partitions, given, words):
    graph = graph_of(partitions)
    graph.dag("job", on=rd.updated("d").by("partition"))(nothing)
    with live(graph) as engine:
        for refused in [
            lambda: engine.publish("d", partition=given),
            lambda: engine.publish_many([("d", {"partition": given})]),
            lambda: graph.dag("late").wait_for(graph.datasets["d"], partition=[given]),
            lambda: engine.start("job", partition=given),
        ]:
            with pytest.raises(rd.InvalidValue, match=words):
                refused()
        if not isinstance(given, date):
            return
        graph.dag("told").wait_for(graph.datasets["d"], partition=lambda when: given, timeout="1d", id="w")
        run = engine.start("told", logical_date="2026-01-01")
        engine.run_until_idle()
        assert run.state == "failed" and run.tasks["w"].error
