"""Deadlines of DAGs (R13)."""

from __future__ import annotations

import pytest

import reactive_dag as rd
from reactive_dag.engine.drive import turn as turn_module
from reactive_dag.model.records import DeadlineMissed
from reactive_dag.model.times import format_time
from tests.support.engines import dates, kill, live, of_kind, opened, outputs, parts, states

DAY = "2026-11-23"


def alerts(deadline, on=None, minutes=30, **options) -> rd.Graph:
    """A DAG with a deadline, and one that says what was missed. A date that stands in `FAILING` fails."""
    graph = rd.Graph("late")
    graph.dataset("orders")
    report = graph.dag("report", on=rd.cron("0 2 * * *") if on is None else on, deadline=deadline, **options)

    @report.task
    def render(run):
        clock.advance_to(clock.now() + minutes * 60 * 10**9)
        if run.logical_date is not None and f"{run.logical_date:%d}" in FAILING:
            raise ValueError

    @graph.dag(on=rd.missed(report))
    def alert(run):
        (event,) = run.events
        return [f"{event.at:%d %H:%M}", event.run is not None]

    clock = rd.VirtualClock(f"{DAY}T00:00Z")
    graph_clocks[graph] = clock
    return graph


FAILING: set[str] = set()
graph_clocks: dict = {}


def missed(engine) -> list[str]:
    """What was recorded as missed: when, and the date of the run, or - without one."""
    found = []
    for record in of_kind(engine, DeadlineMissed):
        date = "" if record.logical_date is None else format_time(record.logical_date)[8:13]
        found.append(f"{format_time(record.at)[8:16]} {'run' if record.key else 'none'} {date}".strip())
    return found


def days(engine, count: int) -> None:
    engine.advance(f"{count}d")


@pytest.fixture(autouse=True)
def nothing_fails():
    FAILING.clear()


def opened_late(graph, store=None):
    return live(graph, store, clock=graph_clocks[graph])


def test_R13_a_run_that_succeeds_in_time_is_not_missed():
    with opened_late(alerts("4h")) as engine:
        days(engine, 3)
        assert states(engine, "report") == ["success"] * 3 and not missed(engine) and not engine.runs("alert")
        assert engine.runs("report")[0].deadline.isoformat() == "2026-11-25T06:00:00+00:00"
        assert not parts(engine).fold.deadlines.open


def test_R13_a_duration_counts_from_the_logical_date_and_is_missed_at_the_deadline_not_at_the_failure():
    FAILING.add("23")
    with opened_late(alerts("4h")) as engine:
        engine.advance(to=f"{DAY}T05:59Z")
        assert states(engine, "report") == ["failed"] and not missed(engine)
        assert engine.pending("report").deadline.isoformat() == f"{DAY}T06:00:00+00:00"
        assert f"a deadline at {DAY}T06:00:00Z" in str(engine.pending("report"))
        engine.advance(to=f"{DAY}T06:00Z")
        assert missed(engine) == ["23T06:00 run 23T02"]
        (alert,) = engine.runs("alert")
        report = engine.runs("report")[0]
        assert (alert.logical_date, alert.events[0].run) == (report.logical_date, report.key)
        assert alert.events[0].kind == "missed" and alert.events[0].dag == "report"
        days(engine, 1)
        assert len(missed(engine)) == 1


def test_R13_the_run_that_is_late_goes_on():
    with opened_late(alerts("10m")) as engine:
        days(engine, 1)
        assert states(engine, "report") == ["success"]
        assert missed(engine) == ["23T02:10 run 23T02"]
        assert "missed deadline 2026-11-23T02:10:00Z: run report for 2026-11-23T02:00:00Z (success" in str(
            engine.why(engine.runs("alert")[0])
        )


def test_R13_an_undated_run_counts_from_the_step_that_requested_it():
    with opened_late(alerts("10m", on=rd.updated("orders").debounce("5m"))) as engine:
        engine.publish("orders")
        engine.advance("1h")
        assert missed(engine) == ["23T00:15 run"]


def test_R13_a_run_that_is_requested_after_its_deadline_is_missed_at_once():
    graph = alerts("1h", on=rd.updated("orders"))
    with opened_late(graph) as engine:
        engine.advance("3h")
        engine.publish("orders", logical_date=f"{DAY}T01:00Z")
        engine.run_until_idle()
        assert missed(engine) == ["23T03:00 run 23T01"] and states(engine, "alert") == ["success"]


def test_R13_what_is_asked_for_by_hand_after_its_deadline_has_none():
    with opened_late(alerts("1h", on=rd.updated("orders"))) as engine:
        engine.advance("3h")
        old = engine.start("report", logical_date=f"{DAY}T01:00Z")
        new = engine.start("report", logical_date=f"{DAY}T02:50Z")
        assert (old.deadline, new.deadline.isoformat()) == (None, f"{DAY}T03:50:00+00:00")
        engine.advance("2h")
        assert missed(engine) == ["23T03:50 run 23T02"]


def test_R13_of_a_clock_the_newest_tick_must_have_succeeded_by_the_next_tick_of_the_deadline():
    FAILING.add("24")
    with opened_late(alerts(rd.cron("0 6 * * *"))) as engine:
        days(engine, 4)
        assert states(engine, "report") == ["success", "failed", "success", "success"]
        assert missed(engine) == ["24T06:00 run 24T02"]
        assert outputs(engine, "alert") == [["24 06:00", True]]
        assert dates(engine, "alert") == ["2026-11-24T02:00Z"]


def test_R13_none_at_all_since_the_deadline_before_is_missed_too():
    with opened_late(alerts(rd.cron("0 6 * * *"), on=rd.updated("orders"))) as engine:
        engine.publish("orders")
        days(engine, 3)
        assert missed(engine) == ["24T06:00 none", "25T06:00 none"]
        assert outputs(engine, "alert") == [["24 06:00", False], ["25 06:00", False]]
        assert "no run of report" in str(engine.why(engine.runs("alert")[0]))


def test_R13_of_a_dag_on_a_clock_nothing_is_missed_where_no_tick_was_due():
    monday = alerts(rd.cron("0 6 * * *"), on=rd.weekly("mon", "02:00"))
    with opened_late(monday) as engine:
        days(engine, 8)
        assert states(engine, "report") == ["success"] * 2 and not missed(engine)


def test_R13_a_tick_at_the_instant_of_the_deadline_belongs_to_the_next_one():
    with opened_late(alerts(rd.cron("0 2 * * *"))) as engine:
        days(engine, 3)
        assert states(engine, "report") == ["success"] * 3 and not missed(engine)


def test_R13_a_run_that_came_for_another_date_does_not_count():
    with opened_late(alerts(rd.cron("0 6 * * *"), on=rd.cron("0 2 * * *") | rd.updated("orders"))) as engine:
        FAILING.add("23")
        engine.advance(to=f"{DAY}T03:00Z")
        engine.publish("orders", logical_date="2026-11-20T00:00Z")
        engine.publish("orders", logical_date=None)
        engine.advance(to=f"{DAY}T07:00Z")
        assert missed(engine) == ["23T06:00 run 23T02"]


def test_R13_a_paused_dag_has_no_run_to_come():
    with opened_late(alerts(rd.cron("0 6 * * *"))) as engine:
        engine.pause("report")
        days(engine, 2)
        assert not missed(engine)
        engine.resume("report")
        days(engine, 1)
        assert not missed(engine) and states(engine, "report") == ["success"] * 2


def test_R13_a_deadline_that_is_changed_counts_from_then_on_and_goes_with_the_dag():
    graph = alerts("1d")
    with opened_late(graph) as engine:
        FAILING.update({"23", "24"})
        engine.advance(to=f"{DAY}T12:00Z")
        graph.dag("report", on=rd.cron("0 2 * * *"), deadline=rd.cron("0 6 * * *")).task(lambda run: 1 / 0, id="render")
        engine.advance(to="2026-11-24T12:00Z")
        assert missed(engine) == ["24T06:00 run 24T02"]
        graph.remove("alert")
        graph.remove("report")
        days(engine, 3)
        assert len(missed(engine)) == 1 and not parts(engine).fold.deadlines.of_dag


def mixed() -> rd.Graph:
    graph = rd.Graph("late")
    graph.dataset("orders")

    @graph.dag(on=rd.cron("0 2 * * *"), deadline=rd.cron("0 6 * * *"))
    def daily(run):
        if run.logical_date.day % 2:
            raise ValueError

    @graph.dag(on=rd.completed(daily, states="any"), deadline="3h")
    def after(run):
        if run.logical_date.day % 2 == 0:
            raise ValueError

    @graph.dag(on=rd.updated("orders"), deadline=rd.daily("05:00"))
    def never(run): ...

    @graph.dag(on=(rd.missed(daily) | rd.missed(after) | rd.missed(never)).batch(count=3, max_wait="2h"))
    def alert(run):
        return sorted(f"{event.dag} {event.at:%d %H:%M}" for event in run.events)

    return graph


@pytest.mark.parametrize("every", [1, 50_000])
def test_R13_deadlines_are_the_same_after_crashes_and_downtime(every, tmp_path, monkeypatch):
    with live(mixed()) as engine:
        engine.advance(to="2026-11-27T12:00Z")
        expected, told = missed(engine), outputs(engine, "alert")
        assert len(expected) > 7
    monkeypatch.setattr(turn_module, "SNAPSHOT_EVERY", every)
    clock = rd.VirtualClock(f"{DAY}T00:00Z")
    for to in ("23T02:00", "23T05:30", "24T03:00", "24T06:00", "26T05:59", "26T07:00"):
        engine = opened(mixed(), tmp_path / "s.db", clock=clock)
        engine.advance(to=f"2026-11-{to}Z")
        kill(engine)
    with live(mixed(), tmp_path / "s.db", clock=clock) as engine:
        engine.advance(to="2026-11-27T12:00Z")
        assert missed(engine) == expected and outputs(engine, "alert") == told


def test_R13_what_was_due_while_nobody_was_there_steps_at_its_instant(tmp_path):
    with live(mixed(), tmp_path / "s.db") as engine:
        engine.advance(to=f"{DAY}T03:00Z")
    with live(mixed(), tmp_path / "s.db", start="2026-11-24T12:00Z") as engine:
        engine.run_until_idle()
        found = [text for text in missed(engine) if text.startswith("23")]
        assert found == ["23T05:00 none", "23T06:00 run 23T02"]
        assert outputs(engine, "alert")[0] == ["daily 23 06:00", "never 23 05:00"]


def test_R13_in_a_simulation():
    graph = mixed()
    graph.dataset("orders")
    base = rd.simulate(
        graph, start=f"{DAY}T00:00Z", until="3d", default_duration="10m",
        sources={graph.dataset("orders"): rd.daily("04:55")},
    )  # fmt: skip
    assert [f"{run.requested:%d %H:%M}" for run in base.runs_of("alert")] == ["23 07:00", "24 07:00", "25 07:00"]
    assert {event.dag for run in base.runs_of("alert") for event in run.events} == {"never"}  # 5 minutes late, each day
    late = base.what_if(rd.delay("daily", "5h"))
    causes = [(event.dag, f"{event.at:%d %H:%M}") for run in late.runs_of("alert") for event in run.events]
    assert ("daily", "23 06:00") in causes and ("after", "23 07:10") in causes
    assert all(at < "26" for _, at in causes)


# --------------------------------------------------------------------------------------------- declared


@pytest.mark.parametrize("given", ["-1h", "0s", 5, "0 6 * * *", rd.updated("a"), object()])
def test_R13_a_deadline_that_is_none_is_refused(given):
    with pytest.raises(rd.InvalidValue, match=r"DAG 'd' \(.*test_deadlines.py:\d+\): deadline.*rd.cron"):
        rd.Dag("d", deadline=given)


@pytest.mark.parametrize("given", ["4h", rd.cron("0 6 * * *", tz="Europe/Berlin"), rd.every("1d")])
def test_R13_a_deadline_goes_through_json(given, tmp_path):
    graph = rd.Graph("late")
    graph.dag("d", on=rd.cron("0 2 * * *"), deadline=given, start="2026-11-01").task(lambda run: None, id="t")
    graph.dag("alert", on=rd.missed("d")).task(lambda run: None, id="t")
    again = rd.Graph.from_json(graph.to_json())
    assert again.dags["d"].deadline == graph.dags["d"].deadline and again.to_json() == graph.to_json()
    assert again.dags["alert"].triggers == graph.dags["alert"].triggers
    graph.save(tmp_path / "g.json")
    assert rd.Graph.load(tmp_path / "g.json").to_json() == graph.to_json()


def test_R13_a_deadline_in_json_that_is_no_clock_is_refused_with_its_place():
    graph = rd.Graph("late")
    graph.dag("d", deadline="4h").task(lambda run: None, id="t")
    data = graph.to_json()
    for wrong in ({"kind": "updated", "dataset": "a"}, {"kind": "clockk"}, "no"):
        data["dags"][0]["deadline"] = wrong
        with pytest.raises(rd.InvalidValue, match="deadline"):
            rd.Graph.from_json(data)


def test_R13_missed_names_a_dag_that_has_a_deadline():
    graph = rd.Graph("late")
    graph.dag("d").task(lambda run: None, id="t")
    graph.dag("a", on=rd.missed("d") | rd.missed("dd")).task(lambda run: None, id="t")
    found = {problem.kind: problem.text for problem in graph.problems() if problem.severity == "error"}
    assert "rd.missed('d') never fires; give 'd'" in found["never_fires"]
    assert "did you mean 'd'" in found["unknown_dag"]
    with pytest.raises(rd.GraphError, match="2 problems"):
        graph.check()
    for wrong in (None, 3, "", "*", rd.updated("a")):
        with pytest.raises(rd.InvalidValue, match="missed"):
            rd.missed(wrong)


def test_R13_missed_makes_no_cycle_and_no_height_and_is_drawn():
    graph = rd.Graph("late")
    first = graph.dag("first", on=rd.cron("0 2 * * *") | rd.missed("second"), deadline="4h")
    first.task(lambda run: None, id="t")
    graph.dag("second", on=rd.completed(first), deadline="5h").task(lambda run: None, id="t")
    graph.check()
    assert (graph.height("first"), graph.height("second")) == (0, 1)
    assert ("missed", "second", "first") in [(edge.kind, edge.source, edge.target) for edge in graph.edges]
    assert graph.upstream("first") == {"second"} and graph.origins("first") == {"first"}


@pytest.mark.parametrize("again", [False, True])
def test_R13_a_backfilled_run_whose_deadline_has_not_passed_has_it(tmp_path, again):
    graph = alerts("3h")
    FAILING.add("23")
    with opened(graph, tmp_path / "s.db", clock=rd.VirtualClock(f"{DAY}T03:00Z"), runner=None) as engine:
        backfill = engine.backfill("report", start="2026-11-22", end=DAY)
        engine.run_until_idle()
        assert [run.deadline and f"{run.deadline:%d %H:%M}" for run in backfill.runs] == [None, "23 05:00"]
        if again:
            kill(engine)
    with opened(graph, tmp_path / "s.db", clock=graph_clocks[graph]) as engine:
        engine.run_until_idle()
        engine.advance("6h")
        assert missed(engine) == ["23T05:00 run 23T02"]


def is_even_day(tick):
    return tick.logical_date.day % 2 == 0


def test_R13_of_ticks_that_a_where_turns_away_no_run_is_due(tmp_path):
    graph = rd.Graph("filtered")
    on = rd.cron("0 2 * * *").where(is_even_day)
    graph.dag("job", on=on, deadline=rd.cron("0 6 * * *"))(idle_body)
    graph.dag("alert", on=rd.missed("job"))(idle_body)
    store, clock = tmp_path / "store.db", rd.VirtualClock("2026-11-23T01:00Z")
    for hours in (3, 25, 49):
        with live(graph, store, clock=clock, runner=None) as engine:
            engine.advance(f"{hours}h")
            found = [f"{run.logical_date:%d}" for run in reversed(engine.runs("alert"))]
    assert found == ["24", "26"], "nothing ran; on the odd days nothing was to run"


def test_R13_a_tick_that_one_clock_turns_away_is_due_by_another():
    graph = rd.Graph("filtered")
    on = rd.cron("0 2 * * *").where(is_even_day) | rd.cron("0 2 * * mon")
    graph.dag("job", on=on, deadline=rd.cron("0 6 * * *"))(idle_body)
    graph.dag("alert", on=rd.missed("job"))(idle_body)
    with live(graph, start="2026-11-23T01:00Z", runner=None) as engine:
        engine.advance("3d")
        assert [f"{run.logical_date:%d}" for run in reversed(engine.runs("alert"))] == ["23", "24"]


@pytest.mark.parametrize("first", ["job", "alert"])
def test_R13_of_what_a_catch_up_misses_hears_who_was_registered_before(first):
    graph = rd.Graph("caught")

    def job():
        on = rd.cron("0 2 * * *")
        graph.dag("job", on=on, start="2026-11-20", catchup="all", deadline="1h")(idle_body)

    def alert():
        graph.dag("alert", on=rd.missed("job"))(idle_body)

    for declare in (job, alert) if first == "job" else (alert, job):
        declare()
    with live(graph, runner=None) as engine:
        engine.advance("1m")
        assert missed(engine) == [f"{day}T03:00 run {day}T02" for day in (20, 21, 22)]
        heard = [f"{run.logical_date:%d}" for run in engine.runs("alert")]
        assert heard == ([] if first == "job" else ["22", "21", "20"])
        engine.advance("1d")
        assert [f"{run.logical_date:%d}" for run in engine.runs("alert")][:1] == ["23"]


def idle_body(run):
    pass
