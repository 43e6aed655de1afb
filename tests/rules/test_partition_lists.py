"""Which partitions of a dataset there should be, which are there, and which run made each (T19)."""

from __future__ import annotations

import pytest

import reactive_dag as rd
from tests.support.engines import live
from tests.support.shown import html

BERLIN = "Europe/Berlin"
DAY = rd.day(BERLIN)
REGION = rd.values("eu", "us", name="region")
NOON = "2026-11-05T12:00+01:00"


def nothing(run):
    return None


def fails_on_the_second(run):
    if run.partition.startswith("2026-11-02"):
        raise ValueError("a bad day\nand more")


def states(found):
    return [(row.partition, row.state) for row in found]


@pytest.fixture(params=["memory", "sqlite"])
def store(request, tmp_path):
    return None if request.param == "memory" else tmp_path / "s.db"


# ------------------------------------------------------------------------------------- which there should be


@pytest.mark.parametrize(
    ("of", "start", "end", "expected"),
    [
        (DAY, "2026-11-01", "2026-11-03", ["2026-11-01", "2026-11-02", "2026-11-03"]),
        (DAY, "2026-11-01T12:00+01:00", "2026-11-03T00:00+01:00", ["2026-11-02", "2026-11-03"]),
        (rd.week(BERLIN), "2026-W52", "2027-W01", ["2026-W52", "2026-W53", "2027-W01"]),
        (rd.week(BERLIN, "sun"), "2026-11-01", "2026-11-08", ["2026-11-01W", "2026-11-08W"]),
        (rd.month(), "2026-11", "2027-01-15", ["2026-11", "2026-12", "2027-01"]),
        (REGION, None, None, ["eu", "us"]),
        (
            REGION * DAY,
            "2026-11-01",
            "2026-11-02",
            ["eu|2026-11-01", "us|2026-11-01", "eu|2026-11-02", "us|2026-11-02"],
        ),
    ],
)
def test_T19_a_graph_says_which_partitions_there_should_be(of, start, end, expected):
    graph = rd.Graph("g")
    orders = graph.dataset("orders", partitions=of)
    assert graph.partitions(orders, start, end) == graph.partitions("orders", start, end) == expected


@pytest.mark.parametrize(("text", "hours"), [("2026-03-29", 23), ("2026-10-25", 25), ("2026-11-22", 24)])
def test_T19_a_day_has_the_hours_that_it_has(text, hours):
    graph = rd.Graph("g")
    graph.dataset("hourly", partitions=rd.hour(BERLIN))
    assert len(graph.partitions("hourly", text, text)) == hours


def test_T19_what_cannot_be_listed_is_refused():
    graph = rd.Graph("g")
    graph.dataset("days", partitions=DAY)
    graph.dataset("regions", partitions=REGION)
    graph.dataset("hours", partitions=rd.hour())
    graph.dataset("plain")
    for call, error, said in (
        (lambda: graph.partitions("dais", "2026-11-01", "2026-11-02"), rd.UnknownId, "did you mean 'days'"),
        (lambda: graph.partitions("plain"), rd.UsageError, "is not partitioned"),
        (lambda: graph.partitions("days"), rd.InvalidValue, "give start and end"),
        (lambda: graph.partitions("days", "2026-11-02", "2026-11-01"), rd.InvalidValue, "lies before start"),
        (lambda: graph.partitions("days", "2026-11", "2026-11-01"), rd.InvalidValue, "start"),
        (lambda: graph.partitions("regions", "2026-11-01"), rd.InvalidValue, "has no dates"),
        (lambda: graph.partitions("hours", "2000-01-01", "2026-01-01"), rd.InvalidValue, "more than 100000"),
    ):
        with pytest.raises(error, match=said):
            call()


# ------------------------------------------------------------------------------------- which are there


def daily(of=DAY, body=fails_on_the_second):
    graph = rd.Graph("lists")
    graph.dataset("raw", partitions=of)
    graph.dataset("mart", partitions=of)
    graph.dag("build", on=rd.updated("raw")).add(body, id="t", outlets=["mart"])
    return graph


def published(engine, *partitions):
    for each in partitions:
        engine.publish("raw", partition=each)
    engine.run_until_idle()


def test_T19_an_engine_says_which_are_there_missing_and_failed(store):
    with live(daily(), store, NOON) as engine:
        assert list(engine.partitions("mart")) == [] and str(engine.partitions("mart")) == "mart: no partitions"
        published(engine, "2026-11-01", "2026-11-02", "2026-11-04")
        found = engine.partitions("mart")
        assert states(found) == [
            ("2026-11-01", "there"), ("2026-11-02", "failed"), ("2026-11-03", "missing"), ("2026-11-04", "there"),
        ]  # fmt: skip
        assert (found.missing, found.failed) == (["2026-11-02", "2026-11-03"], ["2026-11-02"])
        by = {run.partition: run for run in engine.runs("build")}
        assert [row.run for row in found] == [by[row.partition].key if row.partition in by else None for row in found]
        assert found[0].dag == "build" and found[0].at == by["2026-11-01"].ended
        assert "a bad day" in found[1].error and found[1].dimensions == {"day": "2026-11-02"}
        assert engine.partitions("raw")[0].run is None, "it was published from outside"
        assert states(engine.partitions("mart", "2026-11-02", "2026-11-03")) == states(found)[1:3]
        assert states(engine.partitions("mart", start="2026-11-04")) == states(found)[3:]
        assert states(engine.partitions("mart", end="2026-11-01")) == states(found)[:1]
        assert engine.partitions("mart", "2026-11-05", "2026-11-06").missing == ["2026-11-05", "2026-11-06"]


def test_T19_a_list_draws_itself(store):
    with live(daily(), store, NOON) as engine:
        published(engine, "2026-11-02", "2026-11-03", "2026-11-04")
        found = engine.partitions("mart")
        assert repr(found) == "<Partitions of mart: 2 there, 1 failed>" and found.rows == list(found)
        lines = str(found).splitlines()
        assert lines[0] == "mart: 2 there, 1 failed"
        assert lines[1].split() == ["partition", "state", "at", "dag", "run", "error"]
        assert "failed" in lines[2] and "a bad day" in lines[2] and "and more" not in lines[2]
        picture = html(found)
        assert picture.count("<tr>") == 4 and "2026-11-03" in picture
        (first, *_), rows = found.to_json(), found.rows
        assert first == {
            "partition": "2026-11-02", "state": "failed", "at": None, "run": rows[0].run, "dag": "build",
            "error": rows[0].error, "dimensions": {"day": "2026-11-02"},
        }  # fmt: skip


def test_T19_a_deleted_partition_is_not_there_and_a_later_event_brings_it_back(store):
    with live(daily(body=nothing), store, NOON) as engine:
        published(engine, "2026-11-04")
        engine.publish("mart", partition="2026-11-04", kind="deleted")
        assert states(engine.partitions("mart")) == [("2026-11-04", "missing")]
        engine.publish("mart", partition="2026-11-04")
        assert states(engine.partitions("mart")) == [("2026-11-04", "there")]


def test_T19_a_rerun_that_succeeds_makes_it_there_and_one_that_fails_leaves_it(store):
    def flaky(run):
        if run.round != 2:
            raise ValueError("no")

    with live(daily(body=flaky), store, NOON) as engine:
        published(engine, "2026-11-04")
        (run,) = engine.runs("build")
        assert states(engine.partitions("mart")) == [("2026-11-04", "failed")]
        engine.rerun(run)
        engine.run_until_idle()
        assert states(engine.partitions("mart")) == [("2026-11-04", "there")]
        engine.rerun(run)
        engine.run_until_idle()
        assert run.state == "failed" and states(engine.partitions("mart")) == [("2026-11-04", "there")]


def test_T19_a_run_that_goes_on_or_waits_is_running(store):
    with live(daily(body=nothing), store, NOON) as engine:
        engine.pause("build")
        engine.start("build", partition="2026-11-04")
        engine.run_until_idle()
        (row,) = engine.partitions("mart")
        assert (row.partition, row.state, row.run) == ("2026-11-04", "running", engine.runs("build")[0].key)
        engine.resume("build")
        engine.run_until_idle()
        assert states(engine.partitions("mart")) == [("2026-11-04", "there")]


def test_T19_products_and_static_values_are_listed_by_time_and_value(store):
    graph = daily(REGION * DAY, nothing)
    graph.dataset("regions", partitions=REGION)
    graph.dataset("free")
    graph.dag("clock", schedule="0 2 * * *", tz=BERLIN).add(nothing, id="t", outlets=["mart"])
    with live(graph, store, "2026-11-02T12:00+01:00") as engine:
        engine.publish("regions", partition="us")
        engine.publish("free", partition="x")
        published(engine, "us|2026-11-02")
        engine.advance(to="2026-11-04T01:00+01:00")
        found = engine.partitions("mart")
        assert states(found) == [
            ("eu|2026-11-02", "missing"), ("us|2026-11-02", "there"), ("eu|2026-11-03", "failed"),
            ("us|2026-11-03", "failed"),
        ]  # fmt: skip
        assert found[2].dimensions == {"region": "eu", "day": "2026-11-03"} and found[2].dag == "clock"
        assert states(engine.partitions("regions")) == [("eu", "missing"), ("us", "there")]
        assert states(engine.partitions("free")) == [("x", "there")]
        with pytest.raises(rd.InvalidValue, match="has no dates"):
            engine.partitions("regions", "2026-11-01")
        with pytest.raises(rd.InvalidValue, match="is not partitioned"):
            engine.partitions("free", "2026-11-01")
        with pytest.raises(rd.UnknownId, match="did you mean 'mart'"):
            engine.partitions("marts")


def test_T19_a_dag_that_has_a_start_is_expected_from_it():
    graph = rd.Graph("lists")
    graph.dataset("mart", partitions=DAY)
    task = {"id": "t", "outlets": ["mart"]}
    graph.dag("build", schedule="0 2 * * *", tz=BERLIN, start="2026-11-02", catchup="none").add(nothing, **task)
    with live(graph, None, NOON) as engine:
        assert engine.partitions("mart").missing == ["2026-11-02", "2026-11-03", "2026-11-04"]


def test_T19_a_list_is_the_same_after_a_restart_and_for_who_looks(tmp_path):
    with live(daily(), tmp_path / "s.db", NOON) as engine:
        published(engine, "2026-11-01", "2026-11-02", "2026-11-04")
        before = engine.partitions("mart").to_json()
    with live(daily(), tmp_path / "s.db", "2026-11-05T13:00+01:00") as engine:
        assert engine.partitions("mart").to_json() == before
        with rd.Engine(daily(), store=tmp_path / "s.db", read_only=True) as reader:
            assert reader.partitions("mart", end="2026-11-04").to_json() == before
