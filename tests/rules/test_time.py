"""Time in the engine: one time, timers in their order, downtime is log time (I1, I2), virtual time."""

from __future__ import annotations

import pytest

import reactive_dag as rd
from reactive_dag.model.records import Published, RunRequested, Tick
from tests.support.engines import dates, kill, live, ns, of_kind, opened, outputs, parts, states


def clocked() -> rd.Graph:
    graph = rd.Graph("time")

    @graph.dag(schedule="0 * * * *")
    def hourly(run):
        return None

    return graph


def test_I1_a_timer_steps_before_the_first_record_of_its_instant():
    graph = rd.Graph("time")
    a = graph.dataset("a")

    @graph.dag(on=rd.updated(a).batch(max_wait="1h"))
    def report(run):
        return [event.extra for event in run.events]

    with live(graph) as engine:
        engine.publish(a, extra=1)
        engine.run_until_idle()
        parts(engine).fold.clock.advance_to(ns("2026-11-23T01:00Z"))
        engine.publish(a, extra=2)  # at the closing instant: it opens the next window
        engine.run_until_idle()
        assert outputs(engine, "report") == [[1]]
        engine.advance("1h")
        assert outputs(engine, "report") == [[1], [2]]


def test_I1_a_tick_is_recorded_only_when_no_record_comes():
    with live(clocked()) as engine:
        a = engine.graph.dataset("a")
        parts(engine).fold.clock.advance_to(ns("2026-11-23T01:00Z"))
        engine.publish(a)
        engine.run_until_idle()
        assert dates(engine, "hourly") == ["2026-11-23T01:00Z"]
        assert not of_kind(engine, Tick), "the event said what time it was"
        engine.advance("1h")
        assert [tick.at for tick in of_kind(engine, Tick)] == [ns("2026-11-23T02:00Z")]
        assert len(states(engine, "hourly")) == 2


def test_I1_at_is_given_with_the_offset_and_never_goes_back():
    graph = rd.Graph("time")
    a = graph.dataset("a")
    with live(graph) as engine:
        engine.publish(a)
        parts(engine).fold.clock._now -= 10**9  # a clock that was set back
        engine.publish(a)
        first, second = of_kind(engine, Published)
        assert first.at == second.at == ns("2026-11-23T00:00Z")


def test_I1_timers_of_one_instant_step_by_height_id_and_label():
    graph = rd.Graph("time")
    day = rd.cron("0 2 * * *")
    low = graph.dag("z_low", on={"b": day, "a": day})
    graph.dag("y_low", on=day)
    graph.dag("a_high", on=day | rd.completed(low))
    with live(graph, runner=None) as engine:
        engine.advance("3h")
        asked = [(record.dag, record.label) for record in of_kind(engine, RunRequested)]
        assert asked == [("y_low", ""), ("z_low", "a"), ("z_low", "b"), ("a_high", "")]
        assert {record.at for record in of_kind(engine, RunRequested)} == {ns("2026-11-23T02:00Z")}


@pytest.mark.parametrize("dies", [False, True])
def test_I1_a_dag_that_is_gone_has_no_height_in_a_process_that_lives_on_either(tmp_path, dies: bool):
    def graph_of(declared: bool) -> rd.Graph:
        graph = rd.Graph("time")
        hour = rd.cron("0 1 * * *")
        low = graph.dag("low", on=rd.updated("a"))
        graph.dag("a_high", on=hour | rd.completed(low))
        if declared:
            graph.dag("b_high", on=hour | rd.completed(low))
        return graph

    engine = opened(graph_of(declared=True), tmp_path / "s.db", runner=None)
    engine.run_until_idle()
    if dies:
        kill(engine)
        engine = opened(graph_of(declared=False), tmp_path / "s.db", runner=None, start="2026-11-23T01:00:30Z")
    else:
        parts(engine).fold.clock.advance_to(ns("2026-11-23T01:00:30Z"))
        engine.graph.remove("b_high")
    engine.run_until_idle()
    assert [record.dag for record in of_kind(engine, RunRequested)] == ["b_high", "a_high"]
    engine.close()


def test_I1_earlier_timers_step_first_whenever_the_process_gets_there():
    graph = rd.Graph("time")
    graph.dag("b", on=rd.cron("0 1 * * *"))
    graph.dag("a", on=rd.cron("0 2 * * *"))
    graph.dag("c", on=rd.updated(graph.dataset("x")))
    with live(graph, runner=None) as engine:
        parts(engine).fold.clock.advance_to(ns("2026-11-23T05:00Z"))  # late: one wake for both
        engine.publish("x")
        engine.run_until_idle()
        asked = [(record.dag, record.at) for record in of_kind(engine, RunRequested)]
        assert asked == [
            ("b", ns("2026-11-23T01:00Z")), ("a", ns("2026-11-23T02:00Z")), ("c", ns("2026-11-23T05:00Z"))
        ]  # fmt: skip


def test_I1_downtime_is_log_time(tmp_path):
    def declared():
        graph = rd.Graph("time")
        a = graph.dataset("a")

        @graph.dag(on=rd.updated(a).batch(max_wait="1h"))
        def report(run):
            return len(run.events)

        return graph

    store = tmp_path / "s.db"
    engine = opened(declared(), store)
    engine.publish("a")
    engine.run_until_idle()
    kill(engine)
    with live(declared(), store, "2026-11-23T09:00Z") as engine:
        engine.publish("a")
        engine.run_until_idle()
        assert outputs(engine, "report") == [1], "the window closed while nobody was there, before the second event"
        asked = of_kind(engine, RunRequested)
        assert [record.at for record in asked] == [ns("2026-11-23T01:00Z")]
        assert engine.pending("report").parts[0].pending == 1


def test_I2_event_time_is_data():
    graph = rd.Graph("time")
    a = graph.dataset("a")

    @graph.dag(on=rd.updated(a).where(lambda e: e.time.hour == 5).batch(count=2, max_wait="1h"))
    def report(run):
        return [f"{event.time:%H:%M}" for event in run.events]

    with live(graph) as engine:
        engine.publish(a, time="2026-11-20T05:00Z")
        engine.publish(a, time="2026-11-20T06:00Z")
        engine.advance("59m")
        assert states(engine) == [], "no window reads a caller's time"
        engine.publish(a, time="2026-11-19T05:30Z")
        engine.run_until_idle()
        assert outputs(engine, "report") == [["05:00", "05:30"]]


def test_I2_a_late_fact_goes_to_its_key():
    graph = rd.Graph("time")
    day = rd.day()
    a, b = graph.dataset("a", partitions=day), graph.dataset("b", partitions=day)

    @graph.dag(on=(a & b).by("partition"))
    def report(run):
        return run.partition

    with live(graph) as engine:
        engine.publish(a, partition="2026-11-20")
        engine.advance("3d")
        engine.publish(a, partition="2026-11-23")
        engine.publish(b, partition="2026-11-20")
        engine.run_until_idle()
        assert outputs(engine, "report") == ["2026-11-20"]


def test_advance_stops_at_each_due_instant_and_at_the_end():
    with live(clocked()) as engine:
        engine.advance("3h")
        assert dates(engine, "hourly") == [f"2026-11-23T0{hour}:00Z" for hour in (1, 2, 3)]
        engine.advance(to="2026-11-23T04:30Z")
        assert len(states(engine, "hourly")) == 4
        assert parts(engine).log.last_at == ns("2026-11-23T04:30Z"), "that time got here is recorded"


def test_advance_refuses_what_cannot_be_meant():
    with live(clocked()) as engine:
        with pytest.raises(rd.UsageError, match="one of the two"):
            engine.advance()
        with pytest.raises(rd.UsageError, match="one of the two"):
            engine.advance("1h", to="2026-11-24")
        with pytest.raises(rd.UsageError, match="never goes back"):
            engine.advance(to="2026-11-22T00:00Z")
        with pytest.raises(rd.InvalidValue):
            engine.advance("-1h")
    with rd.Engine(clocked(), runner=None) as engine, pytest.raises(rd.UsageError, match="VirtualClock"):
        engine.advance("1h")


def test_run_until_idle_does_not_wait_for_the_ticks_to_come():
    with live(clocked()) as engine:
        engine.run_until_idle()
        assert states(engine) == []
        assert parts(engine).fold.clock.now() == ns("2026-11-23T00:00Z")


def test_run_until_idle_jumps_to_retries_and_past_what_is_due_on_the_way():
    graph = clocked()

    @graph.dag(retries=1, retry_delay="150m")
    def job(run):
        if run.attempt == 1:
            raise ValueError("not yet")
        return "done"

    with live(graph) as engine:
        engine.start("job")
        engine.run_until_idle()
        assert states(engine, "job") == ["success"]
        assert parts(engine).fold.clock.now() == ns("2026-11-23T02:30Z")
        assert dates(engine, "hourly") == ["2026-11-23T01:00Z", "2026-11-23T02:00Z"]
