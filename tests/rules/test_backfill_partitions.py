"""Backfills of partitions (R26): a run for each of a product, of static values; and for what is missing."""

from __future__ import annotations

import pytest

import reactive_dag as rd
from reactive_dag import testing
from tests.support.engines import kill, live, opened

BERLIN = "Europe/Berlin"
DAY = rd.day(BERLIN)
REGION = rd.values("eu", "us", name="region")
NOON = "2026-11-05T12:00+01:00"
DAYS = {"start": "2026-11-01", "end": "2026-11-02"}


def nothing(run):
    return None


def of(outlet, on=None, body=nothing, **options):
    """A DAG `job` that writes `mart`, and what else it hears."""
    graph = rd.Graph("past")
    graph.dataset("mart", partitions=outlet)
    for uri, partitions in (("raw", DAY * REGION), ("users", REGION), ("days", DAY)):
        graph.dataset(uri, partitions=partitions)
    graph.dag("job", on=on, **options).add(body, id="t", outlets=["mart"])
    return graph


def asked(engine):
    """What its runs are for, oldest first."""
    return [run.partition for run in reversed(engine.runs("job"))]


@pytest.fixture(params=["memory", "sqlite"])
def store(request, tmp_path):
    return None if request.param == "memory" else tmp_path / "s.db"


def test_R26_a_product_has_a_run_for_each_partition(store):
    with live(of(DAY * REGION, rd.updated("raw")), store, NOON) as engine:
        backfill = engine.backfill("job", **DAYS, max_active_runs=1).wait()
        expected = ["2026-11-01|eu", "2026-11-01|us", "2026-11-02|eu", "2026-11-02|us"]
        assert asked(engine) == expected == backfill.partitions and backfill.state == "success"
        assert [f"{date:%d}" for date in backfill.dates] == ["31", "31", "01", "01"], "in UTC"
        run = backfill.runs[1]
        assert run.dimensions == {"day": "2026-11-01", "region": "us"} and run.events[0].kind == "tick"
        assert run.logical_date.isoformat() == "2026-10-31T23:00:00+00:00"
        assert (run.data_interval.end - run.data_interval.start).total_seconds() == 86_400
        assert "partition 2026-11-01|us (backfill 1)" in str(engine.why(run))
        assert [event.partition for event in reversed(engine.events("mart"))] == expected
        assert "2026-11-01|eu to 2026-11-02|us success, 4 of 4 ended" in repr(backfill)
        again = engine.backfill("job", **DAYS).wait()
        assert again.progress == {"dates": 4, "had_run": 4, "left": 0} and len(engine.runs("job")) == 4
        assert len(engine.backfill("job", **DAYS, again=True).wait().runs) == 4 and run.round == 2


def reading(key=None):
    """A DAG that reads days and writes nothing that is partitioned."""
    graph = rd.Graph("past")
    days = graph.dataset("days", partitions=DAY)
    graph.dag("job", on=rd.updated(days) if key is None else rd.updated(days).by(key)).add(nothing, id="t")
    return graph


@pytest.mark.parametrize("key", [None, "partition", "day", DAY])
def test_R26_the_run_of_a_calendars_partition_is_that_of_its_event(store, key):
    with live(reading(key), store, NOON) as engine:
        engine.publish("days", partition="2026-11-01")
        engine.run_until_idle()
        backfill = engine.backfill("job", **DAYS).wait()
        assert backfill.partitions == ["2026-11-01", "2026-11-02"] and len(backfill.dates) == 2
        assert [run.partition for run in backfill.skipped] == ["2026-11-01"]
        (made,), like = backfill.runs, backfill.skipped[0]
        assert (made.partition, made.dimensions) == ("2026-11-02", {"day": "2026-11-02"})
        assert made.logical_date.isoformat() == "2026-11-01T23:00:00+00:00"
        assert made.data_interval.start == like.data_interval.end == made.logical_date
        assert engine.runs("job", partition="2026-11-02") == [made]


def test_R26_a_run_of_its_date_alone_is_one_of_a_calendars_partition(store):
    with live(reading(), store, NOON) as engine:
        by_date = engine.start("job", logical_date="2026-11-01T00:00+01:00")
        by_both = engine.start("job", logical_date="2026-11-02T08:00+01:00", partition="2026-11-02")
        engine.run_until_idle()
        assert (by_date.partition, by_both.partition) == (None, "2026-11-02")
        assert engine.backfill("job", start="2026-11-01", end="2026-11-03").wait().skipped == [by_date, by_both]
        engine.start("job", logical_date="2026-11-02T09:00+01:00")
        engine.run_until_idle()
        assert engine.backfill("job", start="2026-11-02", end="2026-11-02").wait().skipped == [by_both]
        engine.pause("job")
        queued = engine.start("job", logical_date="2026-11-05T00:00+01:00")
        backfill = engine.backfill("job", start="2026-11-04", end="2026-11-05")
        engine.run_until_idle()
        assert backfill.skipped == [queued] and asked(engine)[-1] == "2026-11-04"


@pytest.mark.parametrize("every", [1, 50_000])
def test_R26_a_backfill_of_a_calendar_goes_on_after_a_crash(tmp_path, every, monkeypatch):
    monkeypatch.setattr("reactive_dag.engine.drive.turn.SNAPSHOT_EVERY", every)
    engine = opened(reading(), tmp_path / "s.db", clock=rd.VirtualClock(NOON), runner=None)
    engine.backfill("job", **DAYS, max_active_runs=1)
    engine.run_until_idle()
    kill(engine)
    with live(reading(), tmp_path / "s.db", NOON) as engine:
        engine.run_until_idle()
        assert asked(engine) == ["2026-11-01", "2026-11-02"] == engine.backfills()[0].partitions
        engine.publish("days", partition="2026-11-02")
        engine.run_until_idle()
        assert engine.backfill("job", **DAYS).wait().progress == {"dates": 2, "had_run": 2, "left": 0}


def test_R26_a_scenario_backfills_partitions_of_a_calendar():
    told = testing.Scenario(reading(), start=NOON).at("1h").backfill("job", **DAYS).play()
    assert [run.partition for run in reversed(told.runs("job"))] == ["2026-11-02", "2026-11-01"]


def test_R26_static_values_have_a_run_each_and_no_dates(store):
    with live(of(REGION, rd.updated("users")), store, NOON) as engine:
        with pytest.raises(rd.InvalidValue, match="has no dates; leave start and end out"):
            engine.backfill("job", **DAYS)
        backfill = engine.backfill("job").wait()
        assert asked(engine) == ["eu", "us"] == backfill.partitions and backfill.dates == []
        run = backfill.runs[0]
        assert (run.logical_date, run.dimensions, run.data_interval) == (None, {"region": "eu"}, (None, None))
        assert (run.events[0].kind, run.events[0].partition) == ("backfill", "eu")
        assert "backfill 1, partition eu" in str(engine.why(run))
        assert backfill.to_json()["left"] == [] and "eu to us success" in repr(backfill)
        assert engine.backfill("job").wait().progress == {"dates": 2, "had_run": 2, "left": 0}


def test_R26_a_partition_that_an_event_had_run_is_skipped(store):
    with live(of(DAY * REGION, rd.updated("raw")), store, NOON) as engine:
        engine.publish("raw", partition="2026-11-01|us")
        engine.run_until_idle()
        backfill = engine.backfill("job", **DAYS).wait()
        assert [run.partition for run in backfill.skipped] == ["2026-11-01|us"] and len(backfill.runs) == 3


@pytest.mark.parametrize("of_days", [DAY, DAY * REGION], ids=["calendar", "product"])
def test_R26_a_partition_has_run_whatever_the_date_of_its_run(store, of_days):
    """A nightly DAG that writes the day before: what follows has its date, which lies outside of the partition."""
    graph = rd.Graph("past")
    raw = graph.dataset("raw", partitions=of_days)
    names = [f"2026-11-04{each}" for each in ([""] if of_days is DAY else ["|eu", "|us"])]
    nightly = graph.dag("nightly", schedule="0 2 * * *", tz=BERLIN)
    nightly.add(lambda run: [run.publish(raw, partition=name) for name in names] and None, id="t", outlets=[raw])
    graph.dag("job", on=rd.updated(raw).by("partition")).add(nothing, id="t")
    with live(graph, store, NOON) as engine:
        engine.start("nightly", logical_date="2026-11-05T02:00+01:00")
        engine.run_until_idle()
        assert sorted(asked(engine)) == names
        backfill = engine.backfill("job", start="2026-11-04", end="2026-11-04").wait()
        assert sorted(run.partition for run in backfill.skipped) == names and not backfill.runs


def test_R26_the_keys_of_a_dag_say_what_its_runs_are_for(store):
    on = (rd.updated("raw") & rd.updated("users")).by("region")
    graph = of(DAY * REGION, on, body=lambda run: run.publish("mart", partition=f"2026-11-01|{run.partition}"))
    graph.dag("daily", on=rd.updated("raw").by(DAY).where(lambda event: False)).add(nothing, id="t")
    with live(graph, store, NOON) as engine:
        assert engine.backfill("job").wait().partitions == ["eu", "us"] and asked(engine) == ["eu", "us"]
        daily = engine.backfill("daily", **DAYS).wait()
        assert [run.partition for run in daily.runs] == ["2026-11-01", "2026-11-02"], "its .where asks about events"


def test_R26_backfills_of_partitions_go_on_after_a_restart(tmp_path):
    def graph():
        made = of(DAY * REGION, rd.updated("raw"))
        made.dag("static", on=rd.updated("users")).add(nothing, id="t")
        return made

    with live(graph(), tmp_path / "s.db", NOON) as engine:
        first = engine.backfill("job", **DAYS, max_active_runs=1)
        engine.backfill("static", max_active_runs=1)
        engine.pause("job")
        engine.run_until_idle()
        assert first.left == first.partitions[1:] and not first.done, "it is on its way"
    with live(graph(), tmp_path / "s.db", NOON) as engine:
        engine.resume("job")
        engine.run_until_idle()
        first, second = reversed(engine.backfills())
        assert [run.partition for run in first.runs] == first.partitions and first.state == "success"
        assert [run.partition for run in second.runs] == ["eu", "us"] and second.left == []
        assert engine.backfill("job", **DAYS).wait().progress["had_run"] == 4


# ------------------------------------------------------------------------------------- what is missing


def fails_first(run):
    if run.round == 1 and run.partition.endswith("02|us"):
        raise ValueError("a bad day")


def test_R26_missing_alone_asks_for_what_is_missing_of_the_outlets(store):
    with live(of(DAY * REGION, rd.updated("raw"), fails_first), store, NOON) as engine:
        for partition in ("2026-11-01|eu", "2026-11-02|us", "2026-11-03|us", "2026-11-04|us"):
            engine.publish("raw", partition=partition)
        engine.run_until_idle()
        engine.publish("mart", partition="2026-11-03|eu")
        lacking = engine.partitions("mart").missing
        assert lacking == ["2026-11-01|us", "2026-11-02|eu", "2026-11-02|us", "2026-11-04|eu"]
        backfill = engine.backfill("job", only="missing").wait()
        assert backfill.partitions == lacking and backfill.state == "success"
        assert [run.round for run in backfill.runs] == [1, 1, 2, 1], "the run that failed has its next round"
        assert engine.partitions("mart").missing == []
        nothing_left = engine.backfill("job", only="missing").wait()
        assert (nothing_left.state, nothing_left.progress["dates"], nothing_left.dates) == ("success", 0, [])
        assert "success, 0 of 0 ended" in repr(nothing_left)


def test_R26_missing_alone_asks_a_clock_for_its_ticks(store):
    bad = {3}

    def body(run):
        if run.local_date.day in bad:
            raise ValueError("a bad day")

    graph = of(DAY, rd.cron("0 2,14 * * *", tz=BERLIN), body, start="2026-11-02", catchup="none")
    with live(graph, store, "2026-11-03T00:00+01:00") as engine:
        engine.advance(to=NOON)
        assert engine.partitions("mart").missing == ["2026-11-02", "2026-11-03"]
        bad.clear()
        backfill = engine.backfill("job", only="missing").wait()
        assert [f"{date:%d %H}" for date in backfill.dates] == ["02 01", "02 13", "03 01", "03 13"]
        assert engine.partitions("mart").missing == [] and len(backfill.runs) == 4


def test_R26_missing_alone_of_other_partitions_than_the_runs_have(store):
    """A run a month makes days; a day that is missing is one of its month."""
    graph = rd.Graph("past")
    graph.dataset("days", partitions=DAY)
    months = graph.dataset("months", partitions=rd.month(BERLIN))

    def body(run):
        for text in graph.partitions("days", f"{run.partition}-01", f"{run.partition}-02"):
            run.publish("days", partition=text)

    graph.dag("job", on=rd.updated(months).by(rd.month(BERLIN))).add(body, id="t", outlets=["days"])
    with live(graph, store, "2026-11-03T00:00+01:00") as engine:
        engine.publish("days", partition="2026-10-31")
        backfill = engine.backfill("job", only="missing").wait()
        assert [run.partition for run in backfill.runs] == ["2026-11"]
        assert engine.partitions("days").missing == []


@pytest.mark.parametrize(
    ("graph", "given", "error", "said"),
    [
        (of(DAY, rd.updated("days")), {}, rd.InvalidValue, "give start and end, or only='missing'"),
        (of(DAY, rd.updated("days")), {"start": "2026-11-01"}, rd.InvalidValue, "give start and end"),
        (of(None, rd.cron("@daily")), {"only": "missing"}, rd.UsageError, "nothing that it writes is partitioned, so"),
        (of(REGION, rd.cron("@daily")), {"only": "missing"}, rd.UsageError, "is partitioned by time"),
        (of(None), {}, rd.UsageError, "it runs on no clock"),
        (of(REGION, rd.updated("users")), {"only": "all"}, rd.InvalidValue, "is unknown"),
    ],
)
def test_R26_what_asks_for_nothing_that_is_known_is_refused(graph, given, error, said):
    with live(graph, None, NOON) as engine, pytest.raises(error, match=said):
        engine.backfill("job", **given)


def test_R26_what_was_deleted_since_its_run_succeeded_is_made_again(store):
    with live(of(DAY * REGION, rd.updated("raw")), store, NOON) as engine:
        engine.backfill("job", **DAYS).wait()
        engine.backfill("job", only="missing").wait()
        assert engine.partitions("mart").missing == []
        engine.publish("mart", partition="2026-11-02|eu", kind="deleted")
        assert engine.partitions("mart").missing == ["2026-11-02|eu"]
        backfill = engine.backfill("job", only="missing").wait()
        assert backfill.progress["success"] == 1 and backfill.runs[0].round == 2
        assert engine.partitions("mart").missing == []
        assert engine.backfill("job", only="missing").wait().dates == []
        engine.publish("mart", partition="2026-11-02|us", kind="deleted")
        kept = engine.backfill("job", **DAYS, only="missing").wait()
        assert kept.progress == {"dates": 4, "had_run": 4, "left": 0}, "with dates it asks for what did not succeed"
