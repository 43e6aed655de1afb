"""Clocks with a `.where`: what asks of their ticks knows which are turned away (R9, T8, G3)."""

import pytest

import reactive_dag as rd
from reactive_dag.model.errors import InvalidValue
from reactive_dag.model.records import Registered
from reactive_dag.testing import Scenario
from tests.support.engines import live, of_kind

BERLIN = "Europe/Berlin"
ASKED = []


def nothing(run):
    """A body."""


def is_weekday(event):
    """No Saturday and no Sunday; keeps what it was asked."""
    ASKED.append(event.at)
    return event.logical_date.weekday() < 5


def is_weekend(event):
    """Saturdays and Sundays."""
    return event.logical_date.weekday() >= 5


def raises(event):
    """Cannot say."""
    raise LookupError("no calendar of holidays")


def is_never(event):
    """Turns all away."""
    return False


def joined(first, second):
    graph = rd.Graph("joins")
    graph.dag("a", on=first)(nothing)
    graph.dag("b", on=second)(nothing)
    graph.dag("c", on=rd.completed("a") & rd.completed("b"))(nothing)
    return {each.kind: each.text for each in graph.problems()}.get("never_meets")


@pytest.mark.parametrize(
    ("first", "second", "meet"),
    [
        (rd.cron("0 2 * * *").where(is_weekday), rd.cron("0 2 * * *").where(is_weekend), False),
        (rd.cron("0 2 * * *").where(is_weekday), rd.cron("0 2 * * *"), True),
        (rd.cron("0 2 * * *").where(is_weekday).where(is_weekend), rd.cron("0 2 * * *"), True),  # it may begin later
        (rd.cron("0 2 * * 6").where(raises), rd.cron("0 2 * * *").where(is_weekday), False),
        (rd.cron("0 2 * * *").where(raises), rd.cron("0 2 * * *").where(is_weekday), True),
        (rd.every("1d").where(is_weekday), rd.every("12h").where(is_weekend), False),
        (rd.every("1d").where(is_weekday), rd.cron("0 0 * * *", tz="UTC").where(is_weekend), False),
        (rd.every("1d").where(is_weekday), rd.every("1d", anchor="1970-01-01T01:00Z"), False),
        (rd.at(["2031-11-22", "2031-11-23"]).where(is_weekday), rd.cron("0 0 * * *"), False),
        (rd.at(["2031-11-22", "2031-11-24"]).where(is_weekday), rd.cron("0 0 * * *"), True),
        (rd.cron("0 0 * * *"), rd.at(["2019-11-22", "2019-11-23"]).where(is_weekend), True),
        (rd.cron("0 2 * * *").where(is_weekday) | rd.cron("0 3 * * *"), rd.cron("0 2 * * 0"), False),
        ((rd.cron("0 2 * * *") | rd.cron("0 3 * * *")).where(is_never), rd.cron("0 2 * * 0"), True),
        ((rd.cron("0 2 * * *") | rd.cron("0 3 * * *")).where(all), rd.cron("0 3 * * 1"), True),
        ((rd.cron("0 2 * * *") | rd.cron("0 3 * * *")).where(all), rd.cron("0 4 * * *"), False),
    ],
)  # fmt: skip
def test_T8_clocks_whose_where_leaves_no_common_tick(first, second, meet):
    for text in (joined(first, second), joined(second, first)):
        assert (text is None) is meet, text
        assert text is None or ".where(" in text or "1970-01-01T01" in text or "0 4 * * *" in text


def test_T8_a_where_that_is_true_from_a_later_year_on_is_no_reason_to_warn():
    assert joined(rd.cron("0 2 * * *").where(lambda e: e.logical_date.year > 2040), rd.cron("0 2 * * *")) is None


def test_G3_a_where_is_asked_of_a_bounded_number_of_ticks():
    ASKED.clear()
    assert joined(rd.every("1s").where(is_weekday), rd.every("1s").where(is_never)) is None
    assert len(ASKED) <= 20_000


def waiting(up, own=None, **options):
    graph = rd.Graph("waits")
    graph.dag("up", on=up)(nothing)
    after = graph.dag("after", on=rd.cron("0 3 * * *") if own is None else own)
    after.wait_for("up", id="wait", timeout="5d", **options)
    return {each.kind: each.text for each in graph.problems()}


def test_wait_problems_name_the_dates_that_the_upstreams_where_turns_away():
    found = waiting(rd.cron("0 2 * * *").where(is_weekday), logical_date="1h")
    assert "such dates, the first 2026-01-03T02:00:00+00:00" in found["not_every_date"]
    found = waiting(rd.cron("0 2 * * 6").where(is_weekday), own=rd.cron("0 3 * * 6"), logical_date="1h")
    assert not found.keys() & {"no_such_date", "not_every_date"}, "it never has a tick, as far as is known"
    found = waiting(rd.cron("0 2 * * 5,6").where(is_weekday), own=rd.cron("0 3 * * 6"), logical_date="1h")
    assert "never has that date" in found["no_such_date"]


def test_wait_problems_leave_out_the_dates_that_the_own_where_turns_away():
    own = rd.cron("0 3 * * *").where(is_weekday)
    assert not waiting(rd.cron("0 2 * * 1-5"), own, logical_date="1h").keys() & {"no_such_date", "not_every_date"}
    found = waiting(rd.cron("0 2 * * 1-4"), own, logical_date="1h")
    assert "such dates, the first 2026-01-02T02:00:00+00:00" in found["not_every_date"]
    graph = rd.Graph("wall")
    graph.dag("up", schedule="0 2 * * 6", tz=BERLIN)(nothing)
    graph.dag("after", on=rd.cron("0 2 * * *", tz=BERLIN).where(is_weekday)).wait_for(
        "up", logical_date="7d", timeout="1d"
    )
    assert "no_such_date" in {each.kind for each in graph.problems()}


def test_wait_problems_do_not_guess_what_a_where_says_that_raises():
    for own, up in [(raises, is_weekday), (is_weekday, raises), (raises, raises)]:
        found = waiting(rd.cron("0 2 * * *").where(up), rd.cron("0 3 * * *").where(own), logical_date="1h")
        assert not found.keys() & {"no_such_date", "not_every_date"}


def test_R9_a_source_of_a_simulation_has_the_ticks_that_its_where_lets_pass():
    graph = rd.Graph("sim")
    d = graph.dataset("d", partitions=rd.day())
    graph.dag("job", on=rd.updated(d))(nothing)

    def dates(clock):
        made = rd.simulate(graph, start="2026-11-27T00:00Z", until="4d", sources={d: clock}, default_duration="1m")
        return [f"{run.logical_date:%a %H}" for run in sorted(made.runs, key=lambda run: run.logical_date)]

    assert dates(rd.cron("0 2 * * *").where(is_weekday)) == ["Fri 02", "Mon 02"]
    assert dates(rd.cron("0 2 * * *").where(is_weekday) | rd.cron("0 5 * * *").where(is_weekend)) == [
        "Fri 02", "Sat 05", "Sun 05", "Mon 02",
    ]  # fmt: skip
    assert dates(rd.cron("0 2 * * *").where(is_never)) == []
    place = r"raises \(.*test_clock_filters.py:\d+\), asked of the tick 2026-11-27T02:00:00Z: LookupError: no calendar"
    with pytest.raises(InvalidValue, match=rf"sources=: the .where of 'd' raised: .*{place}"):
        dates(rd.cron("0 2 * * *").where(raises))
    with pytest.raises(InvalidValue, match=r"each with its own \.where"):
        dates((rd.cron("0 2 * * *") | rd.cron("0 3 * * *")).where(is_weekday))


def test_R31_the_clock_of_a_scenario_has_the_ticks_that_its_where_lets_pass():
    graph = rd.Graph("told")
    d = graph.dataset("d", partitions=rd.day())
    graph.dag("job", on=rd.updated(d))(nothing)
    told = Scenario(graph, start="2026-11-27T00:00Z").until("4d")
    played = told.each(rd.cron("0 2 * * *").where(is_weekday)).publish(d).play()
    assert [run.partition for run in reversed(played.engine.runs("job"))] == ["2026-11-27", "2026-11-30"]
    with pytest.raises(InvalidValue, match="asked of the tick 2026-11-27T02:00:00Z: LookupError"):
        told.each(rd.cron("0 2 * * *").where(raises)).publish(d).play()


def test_G5_a_loaded_where_that_is_not_bound_is_taken_to_let_all_pass(tmp_path):
    graph = rd.Graph("joins")
    graph.dag("a", on=rd.cron("0 2 * * *").where(lambda e: e.logical_date.weekday() < 5))
    graph.dag("b", on=rd.cron("0 2 * * *").where(lambda e: e.logical_date.weekday() > 4))
    graph.dag("c", on=rd.completed("a") & rd.completed("b"))
    assert "never_meets" in {each.kind for each in graph.problems()}
    graph.save(tmp_path / "graph.json")
    assert "never_meets" not in {each.kind for each in rd.Graph.load(tmp_path / "graph.json").problems()}


def on_weekdays(events):
    """Of what joined clocks fire a function is asked as a whole: a list of ticks."""
    return events[0].logical_date.weekday() < 5


BOTH = (rd.cron("0 2 * * *", tz=BERLIN) | rd.cron("0 14 * * *", tz=BERLIN)).where(on_weekdays)


def test_wait_problems_know_both_of_joined_clocks():
    graph = rd.Graph("waits")
    graph.dag("up", on=BOTH)(nothing)
    graph.dag("plain", on=BOTH.part)(nothing)
    for id, clock in (("night", "0 2 * * *"), ("noon", "0 14 * * *"), ("never", "0 3 * * *"), ("some", "0 2,3 * * *")):
        graph.dag(id, on=rd.cron(clock, tz=BERLIN)).wait_for("up", timeout="1h")
    graph.dag("joined", on=rd.cron("0 2 * * *", tz=BERLIN) | rd.cron("0 3 * * *", tz=BERLIN)).wait_for(
        "plain", timeout="1h"
    )
    found = {each.ids[0]: each.kind for each in graph.problems()}
    assert found == {"never": "no_such_date", "some": "not_every_date", "joined": "not_every_date"}


def test_R1_the_data_interval_of_joined_clocks_is_from_the_tick_before_of_either():
    graph = rd.Graph("intervals")
    graph.dag("job", on=BOTH, tz=BERLIN)(nothing)
    with live(graph, start="2026-11-20T00:00+01:00") as engine:
        engine.advance(to="2026-11-23T15:00+01:00")
        found = [(f"{run.logical_date:%a %H}", run.data_interval) for run in reversed(engine.runs("job"))]
        assert [name for name, _ in found] == ["Fri 01", "Fri 13", "Mon 01", "Mon 13"]
        assert [(of.end - of.start).total_seconds() / 3600 for _, of in found] == [12, 12, 12, 12]
        assert len(engine.backfill("job", start="2026-11-20", end="2026-11-23").wait().skipped) == 4
    made = rd.simulate(graph, start="2026-11-21T00:00+01:00", until="3d", default_duration="1m")
    assert [f"{run.logical_date:%d %H}" for run in made.runs] == ["23 01", "23 13"]


@pytest.mark.parametrize("zone", ["outlets", "origins", "own"])
def test_R9_an_interval_counts_from_the_start_of_its_dags_zone_wherever_that_comes_from(zone, tmp_path):
    graph = rd.Graph("starts")
    if zone == "origins":
        graph.dag("up", on=rd.cron("30 0 1 1 *", tz="Asia/Kolkata"))(nothing)
    on = rd.every("6h") | rd.completed("up") if zone == "origins" else rd.every("6h")
    options = {"tz": "Asia/Kolkata"} if zone == "own" else {}
    job = graph.dag("job", on=on, start="2026-11-20", **options)
    job.add(nothing, id="task", outlets=[graph.dataset("made", partitions=rd.day("Asia/Kolkata"))])
    assert job.tz == "Asia/Kolkata" and "2026-11-19T18:30" in repr(job.triggers[""])
    assert rd.Graph.from_json(graph.to_json()).effective("job")[""].digest == graph.effective("job")[""].digest
    for store, lives in ((None, 1), (tmp_path / "s.db", 1), (tmp_path / "s.db", 2)):
        with live(graph, store, start=f"2026-11-{19 + lives}T10:00Z") as engine:
            engine.advance(to=f"2026-11-{19 + lives}T19:00Z")
            assert [f"{run.logical_date:%H:%M}" for run in engine.runs("job")[:2]] == ["18:30", "12:30"]
            assert len(of_kind(engine, Registered)) == len(graph.dags)
            if lives == 2:
                dates = engine.backfill("job", start="2026-11-20", end="2026-11-20").wait().dates
                assert [f"{date:%H:%M}" for date in dates] == ["18:30", "00:30", "06:30", "12:30"]
    found = rd.simulate(graph, start="2026-11-20T10:00Z", until="6h", default_duration="1m")
    assert [f"{run.logical_date:%H:%M}" for run in found.runs if run.dag == "job"] == ["12:30"]


def test_T8_a_run_of_another_cascade_waits_for_ever_and_problems_say_that_it_may():
    graph = rd.Graph("cascades")
    first, second = graph.dataset("first"), graph.dataset("second")
    graph.dag("up", on=first)(nothing)
    graph.dag("down", on=first | second).wait_for("up", id="wait", timeout="1h")
    (warned,) = [each for each in graph.problems() if each.kind == "other_cascade"]
    assert (
        warned.ids == ("down", "down.wait", "up") and "goes back to 'second'" in warned.text and ".py:" in warned.place
    )
    with live(graph) as engine:
        engine.publish(first)
        engine.publish(second)
        engine.publish(second, logical_date="2026-11-23")
        engine.run_until_idle()
        states = [run.tasks["wait"].state for run in reversed(engine.runs("down"))]
        assert states == ["success", "waiting", "waiting"], "a date may still come"


@pytest.mark.parametrize(
    "options", [{"match": "latest"}, {"logical_date": "1d"}, {"logical_date": ["2026-11-23"]}]
)  # fmt: skip
def test_G3_no_cascade_is_awaited_where_a_date_is(options):
    graph = rd.Graph("cascades")
    days = graph.dataset("second", partitions=rd.day())
    graph.dag("up", on=graph.dataset("first"))(nothing)
    graph.dag("down", on=rd.updated("first") | days).wait_for("up", timeout="1h", **options)
    graph.dag("dated", on=days).wait_for("up", timeout="1h")
    graph.dag("clock", on=rd.cron("0 2 * * *")).wait_for("up", timeout="1h")
    assert not [each for each in graph.problems() if each.kind == "other_cascade"]
