"""Clauses of the rules that no other test holds by itself: each was found by breaking it and seeing nothing fail."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest
from engines import live

import reactive_dag as rd


def test_R1_the_date_of_a_cause_counts_before_the_start_of_its_partition():
    graph = rd.Graph("clauses")
    a = graph.dataset("a", partitions=rd.day())
    graph.dag("job", on=a).add(lambda run: None, id="t")
    with live(graph) as engine:
        engine.publish(a, partition="2026-11-22", logical_date="2026-11-22T05:00Z")
        engine.run_until_idle()
        (run,) = engine.runs("job")
        assert (run.logical_date, run.partition) == (datetime(2026, 11, 22, 5, tzinfo=UTC), "2026-11-22")


@pytest.mark.parametrize("given", ["2026-11-23", date(2026, 11, 23)])
def test_R1_a_bare_date_that_a_body_publishes_is_midnight_in_the_dags_zone(given):
    graph = rd.Graph("clauses")
    a = graph.dataset("a", partitions=rd.day("Europe/Berlin"))

    @graph.dag(tz="Europe/Berlin", outlets=[a])
    def job(run):
        run.publish(a, logical_date=given)

    with live(graph) as engine:
        engine.start(job).wait()
        (event,) = engine.events(a)
        assert (event.logical_date, event.partition) == (datetime(2026, 11, 22, 23, tzinfo=UTC), "2026-11-23")


@pytest.mark.parametrize("spec", [lambda own: "2026-11-22", lambda own: [date(2026, 11, 22)], ["2026-11-22"]])
def test_wait_a_bare_date_is_midnight_in_the_waiting_dags_zone(spec):
    graph = rd.Graph("clauses")
    graph.dag("up", tz="Europe/Berlin").add(lambda run: 1, id="t")
    down = graph.dag("down", tz="Europe/Berlin")
    down.wait_for("up", logical_date=spec, timeout="1h")
    with live(graph) as engine:
        engine.start("up", logical_date="2026-11-22").wait()
        assert engine.start("down", logical_date="2026-11-23").wait().state == "success"
