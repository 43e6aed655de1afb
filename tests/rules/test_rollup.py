"""Rollups: one run of a coarse partition when all finer ones are there (T18)."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import pytest

import reactive_dag as rd
from reactive_dag.model.partitions.nesting import inside
from reactive_dag.triggers.base import Trigger
from tests.support.engines import kill, live, opened, part

BERLIN = "Europe/Berlin"
HOUR, DAY = rd.hour(BERLIN), rd.day(BERLIN)
SUMMER, WINTER = "2026-03-29", "2026-10-25"
"""The days of 23 and of 25 hours."""


def nothing(run):
    return None


def tells(run):
    """What a body sees of its rollup."""
    return {"partition": run.partition, "missing": run.missing, "correction": run.correction, "events": len(run.events)}


def hourly(trigger_of=None, finer=HOUR, **options) -> rd.Graph:
    """A DAG "daily" on the dataset "hours"; without a trigger, on its rollup to days."""
    graph = rd.Graph("rollups")
    hours = graph.dataset("hours", partitions=finer)
    graph.dataset("more", partitions=finer)
    on = rd.updated(hours).rollup(DAY) if trigger_of is None else trigger_of(rd.updated(hours))
    graph.dag("daily", on=on, **options)(tells)
    return graph


def publish(engine: rd.Engine, partitions, uri: str = "hours") -> None:
    engine.publish_many([(uri, {"partition": each}) for each in partitions])
    engine.run_until_idle()


def told(engine: rd.Engine, dag: str = "daily") -> list[tuple]:
    """Of each run, oldest first: partition, number of events, number of missing ones, whether it is a correction."""
    runs = reversed(engine.runs(dag))
    return [(run.partition, len(run.events), len(run.missing), run.correction) for run in runs]


# -------------------------------------------------------------------------------------------- completeness


@pytest.mark.parametrize(("day", "count"), [("2026-11-23", 24), (SUMMER, 23), (WINTER, 25)])
def test_T18_a_day_is_complete_with_all_its_hours(day, count):
    hours = inside(HOUR, DAY, day)
    assert len(hours) == count
    with live(hourly(), start=f"{day}T00:00Z") as engine:
        publish(engine, hours[1:])
        assert told(engine) == [] and part(engine, "daily").pending == count - 1
        publish(engine, hours[:1])
        assert told(engine) == [(day, count, 0, False)]
        (run,) = engine.runs("daily")
        assert run.tasks["tells"].output == {"partition": day, "missing": [], "correction": False, "events": count}


@pytest.mark.parametrize(
    ("finer", "coarse", "period", "expected"),
    [
        (DAY, rd.week(BERLIN), "2026-W44", [f"2026-10-{n}" for n in (26, 27, 28, 29, 30, 31)] + ["2026-11-01"]),
        (DAY, rd.month(BERLIN), "2026-02", [f"2026-02-{n:02}" for n in range(1, 29)]),
        (rd.week(BERLIN), rd.month(BERLIN), "2026-11", [f"2026-W{n}" for n in range(45, 50)]),
        (rd.hour("UTC"), rd.day("Asia/Tokyo"), "2026-01-02", None),
        (DAY, rd.week("Europe/Paris"), "2026-W44", None),
    ],
)
def test_T18_a_finer_one_belongs_to_the_coarse_one_in_which_it_starts(finer, coarse, period, expected):
    found = list(inside(finer, coarse, period))
    assert expected is None or found == expected
    assert {coarse.of(finer.start(each)) for each in found} == {period}
    with live(hourly(lambda hours: hours.rollup(coarse), finer)) as engine:
        publish(engine, found[:-1])
        assert told(engine) == []
        publish(engine, [finer.next(found[-1]), found[-1]])
        assert told(engine) == [(period, len(found), 0, False)]


def test_T18_repeats_ride_along_and_periods_are_apart():
    hours, other = inside(HOUR, DAY, "2026-11-23"), inside(HOUR, DAY, "2026-11-24")
    with live(hourly()) as engine:
        publish(engine, [*hours[:5], *hours[:5], *other[:20]])
        publish(engine, hours[5:])
        publish(engine, other[20:])
        assert told(engine) == [("2026-11-23", 29, 0, False), ("2026-11-24", 24, 0, False)]


def test_T18_its_run_has_the_coarse_partition_and_its_start():
    out = rd.Dataset("days", partitions=DAY)
    graph = hourly(outlets=[out])
    graph.dag("next", on=(rd.updated("days") & rd.updated("users")).by(DAY))(nothing)
    with live(graph, start="2026-11-25T00:00Z") as engine:
        publish(engine, inside(HOUR, DAY, "2026-11-23"))
        (run,) = engine.runs("daily")
        assert (run.partition, run.local_date) == ("2026-11-23", date(2026, 11, 23))
        assert [f"{at:%d %H:%M}" for at in run.data_interval] == ["22 23:00", "23 23:00"]
        assert run.partitions == list(inside(HOUR, DAY, "2026-11-23"))
        assert [event.partition for event in engine.events("days")] == ["2026-11-23"]


def test_T18_a_period_without_an_item_never_fires():
    with live(hourly(lambda hours: hours.rollup(DAY, wait="1h"))) as engine:
        engine.advance("5d")
        assert engine.runs("daily") == [] and engine.pending("daily").gathering == []


# ---------------------------------------------------------------------------------------------- the wait


def test_T18_wait_counts_from_the_end_of_the_period():
    hours = inside(HOUR, DAY, "2026-11-23")
    with live(hourly(lambda hours: hours.rollup(DAY, wait="30m")), start="2026-11-22T23:00Z") as engine:
        publish(engine, hours[:22])
        engine.advance(to="2026-11-23T23:29:59Z")
        assert told(engine) == []
        engine.advance("1s")
        assert told(engine) == [("2026-11-23", 22, 2, False)]
        (run,) = engine.runs("daily")
        assert run.missing == ["2026-11-23T22+01:00", "2026-11-23T23+01:00"]
        assert run.requested.isoformat() == "2026-11-23T23:30:00+00:00"


def test_T18_wait_counts_from_the_first_item_where_that_comes_later():
    hours = inside(HOUR, DAY, "2026-11-20")
    with live(hourly(lambda hours: hours.rollup(DAY, wait="30m")), start="2026-11-23T10:00Z") as engine:
        publish(engine, hours[:3])
        engine.advance("20m")
        publish(engine, hours[3:5])
        engine.advance("9m")
        assert told(engine) == []
        engine.advance("1m")
        assert told(engine) == [("2026-11-20", 5, 19, False)]


def test_T18_what_comes_at_the_instant_of_the_wait_comes_after_it():
    hours = inside(HOUR, DAY, "2026-11-20")
    with live(hourly(lambda hours: hours.rollup(DAY, wait="30m")), start="2026-11-23T10:00Z") as engine:
        publish(engine, hours[:23])
        engine.publish("hours", partition=hours[22])
        engine.advance("30m")
        publish(engine, hours[23:])
        assert told(engine) == [("2026-11-20", 24, 1, False), ("2026-11-20", 1, 0, True)]


def test_T18_the_end_of_a_month_of_weeks_is_that_of_its_last_week():
    month, week = rd.month(), rd.week()
    graph = hourly(lambda hours: hours.rollup(month, wait="1h"), week)
    with live(graph, start="2026-11-02T00:00Z") as engine:
        publish(engine, ["2026-W45"])
        engine.advance(to="2026-12-07T00:59Z")
        assert told(engine) == []
        engine.advance("1m")
        assert told(engine) == [("2026-11", 1, 4, False)]


# -------------------------------------------------------------------------------------------- late items


def test_T18_each_later_item_is_a_correction():
    hours = inside(HOUR, DAY, "2026-11-20")
    with live(hourly(lambda hours: hours.rollup(DAY, wait="30m"))) as engine:
        publish(engine, hours[:21])
        engine.advance("1h")
        publish(engine, [hours[22], hours[0], hours[21]])
        assert told(engine) == [("2026-11-20", 21, 3, False)] + [("2026-11-20", 1, left, True) for left in (2, 2, 1)]
        runs = list(reversed(engine.runs("daily")))
        assert [run.events[0].partition for run in runs[1:]] == [hours[22], hours[0], hours[21]]
        assert runs[-1].missing == [hours[23]] and len({run.key for run in runs}) == 4
        assert {run.logical_date for run in runs} == {runs[0].logical_date}


def test_T18_late_items_can_be_dropped():
    hours = inside(HOUR, DAY, "2026-11-20")
    with live(hourly(lambda hours: hours.rollup(DAY, late="drop"))) as engine:
        publish(engine, hours)
        publish(engine, hours[:2])
        assert told(engine) == [("2026-11-20", 24, 0, False)]
        assert part(engine, "daily").dropped == {"late": 2}


def test_T18_fired_periods_are_remembered_within_max_keys():
    days = ["2026-11-18", "2026-11-19", "2026-11-20"]
    with live(hourly(lambda hours: hours.rollup(DAY, max_keys=2))) as engine:
        for day in days:
            publish(engine, inside(HOUR, DAY, day))
        publish(engine, [inside(HOUR, DAY, days[1])[0], inside(HOUR, DAY, days[0])[0]])
        assert told(engine)[3:] == [(days[1], 1, 0, True)]
        (gathering,) = engine.pending("daily").gathering
        assert (gathering.partition, gathering.there, len(gathering.missing)) == (days[0], 1, 23)


def test_T18_the_period_opened_first_goes_for_one_too_many():
    with live(hourly(lambda hours: hours.rollup(DAY, max_keys=1))) as engine:
        publish(engine, [*inside(HOUR, DAY, "2026-11-19")[:3], *inside(HOUR, DAY, "2026-11-20")])
        assert told(engine) == [("2026-11-20", 24, 0, False)]
        assert part(engine, "daily").dropped == {"expired": 3}


def test_T18_reset_drops_what_is_half_gathered_and_keeps_what_has_fired():
    hours, other = inside(HOUR, DAY, "2026-11-20"), inside(HOUR, DAY, "2026-11-21")
    with live(hourly(lambda hours: hours.rollup(DAY).reset(at=rd.every("1h")))) as engine:
        publish(engine, [*hours, *other[:10]])
        engine.advance("1h")
        assert part(engine, "daily").dropped == {"reset": 10}
        publish(engine, [*hours[:1], *other[10:]])
        assert told(engine) == [("2026-11-20", 24, 0, False), ("2026-11-20", 1, 0, True)]
        publish(engine, other[:10])
        assert told(engine)[2:] == [("2026-11-21", 24, 0, False)]


# ------------------------------------------------------------------------------------ what stands before


def test_T18_a_join_below_is_by_finer_partition():
    hours = inside(HOUR, DAY, "2026-11-20")
    graph = rd.Graph("joined")
    one, two = graph.dataset("hours", partitions=HOUR), graph.dataset("more", partitions=HOUR)
    graph.dag("daily", on=(one & two).rollup(DAY))(tells)
    with live(graph) as engine:
        publish(engine, [*hours, hours[0]])
        publish(engine, hours[:-1], "more")
        assert told(engine) == [] and engine.pending("daily").gathering[0].there == 23
        publish(engine, hours[-1:], "more")
        assert told(engine) == [("2026-11-20", 49, 0, False)]


def test_T18_a_window_below_is_of_a_finer_partition():
    hours = inside(HOUR, DAY, "2026-11-20")
    with live(hourly(lambda hours: hours.batch(count=2).rollup(DAY))) as engine:
        publish(engine, hours)
        assert told(engine) == []
        publish(engine, hours)
        assert told(engine) == [("2026-11-20", 48, 0, False)]


def test_T18_completions_are_gathered_by_their_date():
    graph = rd.Graph("completions")
    graph.dag("ingest", schedule="0 * * * *", tz=BERLIN)(nothing)
    graph.dag("daily", on=rd.completed("ingest").rollup(DAY, of=HOUR))(tells)
    with live(graph, start="2026-10-24T23:00+02:00") as engine:
        engine.advance(to="2026-10-26T00:00+01:00")
        assert [event.dag for event in engine.runs("daily")[0].events] == ["ingest"] * 25
        assert told(engine)[-1] == (WINTER, 25, 0, False)


def test_T18_ticks_are_gathered_by_their_time():
    graph = rd.Graph("ticks")
    graph.dag("daily", on=rd.every("1h").rollup(rd.day(), of=rd.hour()))(tells)
    with live(graph) as engine:
        engine.advance("2d")
        assert told(engine) == [("2026-11-24", 24, 0, False)], "the tick at the start is none"


def test_T18_rollups_of_rollups():
    month = rd.month(BERLIN)
    graph = hourly(lambda hours: hours.rollup(DAY, wait="1h").rollup(month))
    days = inside(DAY, month, "2026-02")
    with live(graph) as engine:
        for day in days[:-1]:
            publish(engine, inside(HOUR, DAY, day))
        publish(engine, inside(HOUR, DAY, days[-1])[:20])
        assert told(engine) == [] and engine.pending("daily").gathering[0].missing == ["2026-02-28"]
        engine.advance("1h")
        assert told(engine) == [("2026-02", 27 * 24 + 20, 0, False)]
        publish(engine, inside(HOUR, DAY, days[-1])[20:21])
        assert told(engine)[1:] == [("2026-02", 1, 0, True)]


def test_T18_of_says_what_is_gathered_where_the_datasets_do_not():
    graph = rd.Graph("of")
    free = graph.dataset("hours")
    graph.dag("daily", on=rd.updated(free).rollup(rd.week(), of=rd.day()))(tells)
    with live(graph) as engine:
        publish(engine, [f"2026-11-{n}" for n in range(16, 22)])
        publish(engine, ["whatever"])
        assert part(engine, "daily").dropped == {"no_key": 1}
        engine.publish("hours", logical_date="2026-11-22T12:00Z")
        engine.run_until_idle()
        assert told(engine) == [("2026-W47", 7, 0, False)]


def test_T18_a_finer_dataset_counts_for_what_it_starts_in():
    with live(hourly(lambda hours: hours.rollup(rd.week(BERLIN), of=DAY))) as engine:
        publish(engine, [f"2026-11-{n}T05+01:00" for n in range(16, 23)])
        assert told(engine) == [("2026-W47", 7, 0, False)]


def test_T18_what_it_fires_counts_as_one_cause_beside_others():
    graph = rd.Graph("beside")
    hours, users = graph.dataset("hours", partitions=HOUR), graph.dataset("users", partitions=DAY)
    graph.dag("daily", on=(hours.rollup(DAY) & users).by(DAY))(tells)
    graph.dag("plain", on=hours.rollup(DAY) & users)(tells)
    with live(graph) as engine:
        publish(engine, inside(HOUR, DAY, "2026-11-20"))
        publish(engine, ["2026-11-21", "2026-11-20"], "users")
        assert told(engine) == [("2026-11-20", 25, 0, False)]
        (plain,) = engine.runs("plain")
        assert (plain.partition, plain.local_date) == (None, date(2026, 11, 20))


def test_T18_a_window_behind_it_takes_several_periods():
    with live(hourly(lambda hours: hours.rollup(DAY, wait="1m").batch(count=2))) as engine:
        publish(engine, inside(HOUR, DAY, "2026-11-20")[:23])
        engine.advance("1m")
        publish(engine, inside(HOUR, DAY, "2026-11-21"))
        (run,) = engine.runs("daily")
        assert (run.partition, run.local_date, run.correction) == (None, date(2026, 11, 21), False)
        assert run.missing == ["2026-11-20T23+01:00"] and len(run.events) == 47


def test_T18_by_behind_it_keeps_more_apart():
    graph = hourly(lambda hours: hours.rollup(DAY).by(lambda event: event.extra))
    with live(graph) as engine:
        for one in "ab":
            engine.publish_many(
                [("hours", {"partition": hour, "extra": one}) for hour in inside(HOUR, DAY, "2026-11-20")]
            )
        engine.run_until_idle()
        assert told(engine) == [("2026-11-20", 24, 0, False)] * 2


# -------------------------------------------------------------------------------------------- refused


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda hours: hours.rollup(HOUR), "an hour is no part of a hour"),
        (lambda hours: hours.rollup(rd.day("Asia/Kolkata")), "their zones differ"),
        (lambda hours: hours.rollup("day"), "takes a calendar"),
        (lambda hours: hours.rollup(DAY, of="hour"), "takes a calendar"),
        (lambda hours: hours.rollup(DAY, of=rd.values("eu", "us")), "has no calendar"),
        (lambda hours: hours.rollup(DAY, late="never"), "late of .rollup"),
        (lambda hours: hours.rollup(DAY, wait="0s"), "wait of .rollup"),
        (lambda hours: hours.rollup(DAY, max_keys=0), "max_keys of .rollup"),
        (lambda hours: hours.rollup(DAY, of=rd.month()), "a month is no part of a day"),
    ],
)
def test_T18_what_could_never_be_complete_is_refused(make, text):
    hours = rd.updated(rd.Dataset("hours", partitions=HOUR))
    with pytest.raises(rd.InvalidValue, match=text):
        make(hours)


@pytest.mark.parametrize(
    ("trigger", "text"),
    [
        (lambda: rd.updated("free").rollup(DAY), "has no partitions="),
        (lambda: rd.updated("hours").rollup(rd.day("Asia/Kolkata")), "not finer"),
        (lambda: (rd.updated("hours") & rd.updated("days")).rollup(rd.week(BERLIN)), "give the rollup of="),
        (lambda: rd.completed("daily").rollup(DAY), "gathers no dataset's events"),
        (lambda: rd.updated("weeks").rollup(DAY), "a week is no part of a day"),
        (lambda: rd.updated("hours").rollup(DAY).by("partition"), "'partition' keeps apart what one day needs"),
        (lambda: rd.updated("hours").rollup(DAY).by("logical_date"), "'logical_date' keeps apart"),
        (lambda: rd.updated("hours").rollup(DAY).by("hour"), "'hour' keeps apart"),
        (lambda: rd.updated("hours").rollup(DAY, wait="1h").batch(count=2).by(HOUR), "keeps apart"),
        (lambda: (rd.updated("hours").rollup(DAY) & rd.updated("days")).by(rd.day("UTC")), "keeps apart"),
        (lambda: rd.updated("hours").rollup(rd.week(BERLIN)).by(rd.month(BERLIN)), "keeps apart what one week needs"),
        (lambda: rd.updated("days").rollup(rd.week(BERLIN)).rollup(rd.month(BERLIN)).by("day"), "'day' keeps apart"),
        (lambda: rd.updated("regional").rollup(DAY).by("region", "hour"), "'hour' keeps apart"),
    ],
)
def test_T18_what_the_graph_shows_to_be_wrong_is_refused_at_its_place(trigger, text):
    graph = hourly()
    graph.dataset("free")
    graph.dataset("regional", partitions=HOUR * rd.values("eu", "us", name="region"))
    graph.dataset("days", partitions=DAY)
    graph.dataset("weeks", partitions=rd.week(BERLIN))
    with pytest.raises(rd.GraphError, match=text) as caught:
        graph.dag("bad", on=trigger())(nothing)
    assert "test_rollup.py:" in str(caught.value) and "bad" not in graph.dags


def test_T18_rollup_is_data(tmp_path):
    trigger = rd.updated("hours").rollup(DAY, late="drop", wait="30h", of=HOUR, max_keys=7)
    again = Trigger.from_json(trigger.to_json())
    assert again == trigger and again.digest == trigger.digest and repr(again) == repr(trigger)
    options = """late='drop', wait='1d6h', of=rd.hour("Europe/Berlin"), max_keys=7"""
    assert repr(trigger) == f"""rd.updated('hours').rollup(rd.day("Europe/Berlin"), {options})"""
    graph = hourly()
    graph.save(tmp_path / "graph.json")
    loaded = rd.Graph.load(tmp_path / "graph.json")
    assert loaded.dags["daily"].triggers == graph.dags["daily"].triggers
    assert loaded.to_json() == graph.to_json()


# --------------------------------------------------------------------------------------------- its life


@pytest.mark.parametrize("snapshot", [False, True])
def test_T18_a_restart_in_the_middle_changes_nothing(tmp_path: Path, snapshot):
    store, hours = f"sqlite:///{tmp_path}/rollup.db", inside(HOUR, DAY, WINTER)
    graph = hourly(lambda hours: hours.rollup(DAY, wait="2h"))
    engine = opened(graph, store, start="2026-10-25T23:00Z")
    publish(engine, [*hours[:10], *inside(HOUR, DAY, "2026-10-24")])
    if snapshot:
        engine.close()
    else:
        kill(engine)
    with live(graph, store, start="2026-10-26T00:30Z") as engine:
        publish(engine, hours[10:20])
        assert told(engine) == [("2026-10-24", 24, 0, False)]
        engine.advance(to="2026-10-26T01:00Z")
        assert told(engine)[1:] == [(WINTER, 20, 5, False)], "the wait counts from before the restart"
    with live(graph, store, start="2026-10-26T02:00Z") as engine:
        publish(engine, hours[20:22])
        assert told(engine)[2:] == [(WINTER, 1, 4, True), (WINTER, 1, 3, True)]


def test_T11_a_changed_rollup_knows_what_has_fired():
    hours, other = inside(HOUR, DAY, "2026-11-20"), inside(HOUR, DAY, "2026-11-21")
    graph = hourly(lambda hours: hours.rollup(DAY))
    with live(graph) as engine:
        publish(engine, [*hours, *other[:10]])
        graph.dag("daily", on=rd.updated("hours").rollup(DAY, wait="1h"))(tells)
        publish(engine, hours[:1])
        assert told(engine)[1:] == [("2026-11-20", 1, 0, True)]
        assert engine.pending("daily").gathering[0].there == 10
        engine.advance("1h")
        assert told(engine)[2:] == [("2026-11-21", 10, 14, False)]


def test_T11_a_firing_that_a_pause_holds_is_gathered_anew():
    hours = inside(HOUR, DAY, "2026-11-20")
    graph = hourly()
    with live(graph) as engine:
        engine.pause("daily")
        publish(engine, hours)
        assert engine.pending("daily").held == 1
        graph.dag("daily", on=rd.updated("hours").rollup(DAY, wait="1h"))(tells)
        engine.run_until_idle()
        engine.resume("daily")
        engine.run_until_idle()
        assert told(engine) == [("2026-11-20", 24, 0, False)]


def test_T11_other_calendars_begin_again():
    hours = inside(HOUR, DAY, "2026-11-20")
    graph = hourly()
    with live(graph) as engine:
        publish(engine, hours)
        graph.dag("daily", on=rd.updated("hours").rollup(rd.week(BERLIN)))(tells)
        publish(engine, hours[:1])
        assert engine.pending("daily").gathering[0].partition == "2026-W47"


def test_T12_a_resume_gives_one_run_a_period():
    hours = inside(HOUR, DAY, "2026-11-20")
    with live(hourly(lambda hours: hours.rollup(DAY, wait="1h"))) as engine:
        publish(engine, hours[:23])
        engine.pause("daily")
        engine.advance("1h")
        publish(engine, [hours[23], *inside(HOUR, DAY, "2026-11-21")])
        assert engine.pending("daily").held == 3
        engine.resume("daily")
        engine.run_until_idle()
        assert told(engine) == [("2026-11-20", 24, 0, False), ("2026-11-21", 24, 0, False)]


def test_T18_pending_and_why_say_what_is_missing():
    hours = inside(HOUR, DAY, "2026-11-20")
    with live(hourly(lambda hours: hours.rollup(DAY, wait="30m"))) as engine:
        publish(engine, hours[3:])
        text = (
            "2026-11-20: 21 of 24 there, missing 2026-11-20T00+01:00, 2026-11-20T01+01:00, 2026-11-20T02+01:00; "
            "without at 2026-11-23T00:30:00Z"
        )
        assert text in str(engine.pending("daily")) and text in str(engine.why("daily"))
        assert engine.pending("daily").to_json()["gathering"][0]["missing"] == list(hours[:3])
        assert text in str(engine.why("daily", logical_date="2026-11-19T23:00Z"))
        assert text not in str(engine.why("daily", logical_date="2026-11-20T23:00Z"))
        engine.advance("30m")
        why = str(engine.why(engine.runs("daily")[0]))
        assert "without 3" in why and "missing: 2026-11-20T01+01:00" in why
        publish(engine, hours[:1])
        assert "correction" in str(engine.why(engine.runs("daily")[0]))


def test_T18_a_simulation_rolls_up():
    graph = rd.Graph("simulated")
    hours = graph.dataset("hours", partitions=HOUR)
    graph.dag("ingest", schedule="0 * * * *", tz=BERLIN, outlets=[hours])(nothing)
    graph.dag("daily", on=hours.rollup(DAY, wait="2h"))(nothing)
    base = rd.simulate(graph, start=f"{WINTER}T00:00+02:00", until="60h", default_duration="5m")
    daily = [run for run in base.runs if run.dag == "daily"]
    assert sorted((run.partition, len(run.events), len(run.missing)) for run in daily) == [
        (WINTER, 25, 0), ("2026-10-26", 24, 0),
    ]  # fmt: skip
    assert any("2026-10-27" in row.why and "missing" in row.why for row in base.pending())
    late = base.what_if(rd.fail("ingest"))
    assert [run for run in late.runs if run.dag == "daily"] == []


def test_T18_a_simulation_does_not_miss_what_lies_beyond_its_end():
    graph = rd.Graph("simulated")
    hours = graph.dataset("hours", partitions=rd.hour())
    graph.dag("daily", on=hours.rollup(rd.day(), wait="1h"))(nothing)
    graph.dag("long", on=hours)(nothing)
    base = rd.simulate(
        graph, start="2026-11-23T00:00Z", until="10h", sources={hours: rd.every("1h")},
        durations={"daily": "1m", "long": "3d"},
    )  # fmt: skip
    assert [run for run in base.runs if run.dag == "daily"] == []


def test_R26_the_dates_of_a_rollup_are_its_periods():
    with live(hourly(), start="2026-11-24T12:00Z") as engine:
        backfill = engine.backfill("daily", start="2026-11-21", end="2026-11-22").wait()
        assert [run.partition for run in backfill.runs] == ["2026-11-21", "2026-11-22"]
        assert [run.data_interval.end - run.data_interval.start for run in backfill.runs] == [timedelta(days=1)] * 2


def test_G3_no_warning_guesses_the_dates_of_a_rollup():
    graph = hourly()
    graph.dag("ingest", schedule="5 * * * *", tz=BERLIN, outlets=[graph.dataset("hours")])(nothing)
    waits = graph.dag("report", schedule="0 0 * * *", tz=BERLIN)
    waits.wait_for("daily", timeout="1d")
    kinds = {problem.kind for problem in graph.problems()}
    assert not kinds & {"no_such_date", "never_meets", "undated_part"}
    graph.dag("undated", on=rd.updated("free").rollup(DAY, of=HOUR))(nothing)
    assert [problem.ids for problem in graph.problems() if problem.kind == "undated_part"] == [("undated",)]


# ---------------------------------------------------------------------------------------------- products

REGIONS = rd.values("eu", "us", name="region")


def regional(trigger_of, **options):
    return hourly(trigger_of, HOUR * REGIONS, **options)


def test_T18_a_product_needs_all_combinations():
    every = inside(HOUR * REGIONS, DAY, WINTER)
    assert len(every) == 50 and every[:2] == (f"{WINTER}T00+02:00|eu", f"{WINTER}T00+02:00|us")
    with live(regional(lambda hours: hours.rollup(DAY, wait="1h"))) as engine:
        publish(engine, every[:-1])
        assert told(engine) == [] and engine.pending("daily").gathering[0].missing == [every[-1]]
        publish(engine, every[-1:])
        assert told(engine) == [(WINTER, 50, 0, False)]


def test_T18_by_a_dimension_behind_it_needs_those_of_that_one():
    out = rd.Dataset("days", partitions=DAY * REGIONS)
    every = inside(HOUR * REGIONS, DAY, SUMMER)
    european = [each for each in every if each.endswith("|eu")]
    graph = regional(lambda hours: hours.rollup(DAY, wait="1h").by("region"), outlets=[out])
    with live(graph, start="2026-04-01T00:00Z") as engine:
        publish(engine, [*european, every[1]])
        (run,) = engine.runs("daily")
        assert run.dimensions == {"day": SUMMER, "region": "eu"} and len(run.events) == 23
        assert [event.partition for event in engine.events("days")] == [f"{SUMMER}|eu"]
        assert str(engine.pending("daily").gathering[0]).startswith(f"us / {SUMMER}: 1 of 23 there")
        engine.advance("1h")
        (late, _) = engine.runs("daily")
        assert late.dimensions["region"] == "us" and len(late.missing) == 22
        assert (late.local_date, late.data_interval.end - late.data_interval.start) == (
            date(2026, 3, 29), timedelta(hours=23),
        )  # fmt: skip


def test_T18_a_key_that_a_whole_period_shares_may_stand_behind_it():
    graph = regional(lambda hours: hours.rollup(DAY))
    hours = rd.updated("hours")
    for key in (DAY, rd.week(BERLIN), rd.month(BERLIN), "region", None, len):
        graph.dag(f"by_{key}".replace("|", ""), on=hours.rollup(DAY).by(key))(nothing)
    graph.dag("before", on=hours.by("partition").rollup(DAY))(nothing)
    graph.check()


MORE, LESS = (rd.values(*texts, name="region") for texts in (("as", "eu", "us"), ("eu",)))
EUROPE = [each for each in inside(HOUR * REGIONS, DAY, "2026-11-20") if each.endswith("|eu")]


@pytest.mark.parametrize("values", [MORE, LESS])
@pytest.mark.parametrize("life", ["live", "restart", "snapshot"])
def test_T18_a_period_has_fired_whatever_values_there_are_by_then(tmp_path: Path, values, life):
    """Without a key a whole day of both regions less one hour of each, under the region the day of one of them."""

    def changed(graph, regions):
        given = rd.updated("hours")
        graph.dag("daily", on=given.rollup(DAY, wait="1h", of=HOUR * regions))(tells)
        graph.dag("apart", on=given.rollup(DAY, of=HOUR * regions).by("region"))(tells)
        return graph

    def first(engine):
        publish(engine, [*EUROPE[1:], "2026-11-20T07+01:00|us"])
        engine.advance("1d")
        assert told(engine) == [("2026-11-20", 24, 24, False)]
        publish(engine, EUROPE[:1])
        assert told(engine)[1:] == [("2026-11-20", 1, 23, True)]
        assert [run[1:] for run in told(engine, "apart")] == [(24, 0, False)]

    def then(engine):
        publish(engine, EUROPE[3:4])
        assert told(engine)[2:] == [("2026-11-20", 1, 0 if values is LESS else 23, True)]
        assert [run[1:] for run in told(engine, "apart")[1:]] == [(1, 0, True)]
        if values is MORE:
            publish(engine, ["2026-11-20T07+01:00|as"])
            assert told(engine)[3:] == [("2026-11-20", 1, 23, True)]
            gathering = [str(each) for each in engine.pending("apart").gathering]
            assert sorted(each.partition(":")[0] for each in gathering) == ["as / 2026-11-20", "us / 2026-11-20"]

    def of(regions):
        graph = rd.Graph("values")
        graph.dataset("hours", partitions=HOUR * (MORE if life == "live" else regions))
        return changed(graph, regions)

    graph = of(REGIONS)
    if life == "live":
        with live(graph, start="2026-11-20T12:00Z") as engine:
            first(engine)
            changed(graph, values)
            then(engine)
        return
    store = f"sqlite:///{tmp_path}/values.db"
    engine = opened(graph, store, start="2026-11-20T12:00Z")
    first(engine)
    if life == "snapshot":
        engine.close()
    else:
        kill(engine)
    with live(of(values), store, start="2026-11-22T00:00Z") as engine:
        then(engine)


def test_T11_another_dimension_begins_again():
    day = inside(HOUR, DAY, "2026-11-20")
    graph = rd.Graph("values")
    graph.dataset("hours")
    with live(graph) as engine:
        graph.dag("daily", on=rd.updated("hours").rollup(DAY, of=HOUR))(tells)
        publish(engine, day)
        graph.dag("daily", on=rd.updated("hours").rollup(DAY, of=HOUR * REGIONS))(tells)
        publish(engine, EUROPE[:1])
        assert engine.pending("daily").gathering[0].there == 1


def test_T18_a_calendar_of_a_product_is_judged_and_saved():
    with pytest.raises(rd.InvalidValue, match="a month is no part of a day"):
        rd.updated("x").rollup(DAY, of=rd.month() * REGIONS)
    trigger = rd.updated("x").rollup(DAY, of=HOUR * REGIONS)
    assert Trigger.from_json(trigger.to_json()) == trigger
