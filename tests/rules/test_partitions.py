"""An event of a dataset with a calendar has a partition (R1, R3): none vanishes because it has none."""

from __future__ import annotations

import pytest

import reactive_dag as rd
from reactive_dag.model.records import Published, StartRequested
from tests.support.engines import live, of_kind, offset_of


def days(graph, uri):
    return graph.dataset(uri, partitions=rd.day("Europe/Berlin"))


def nothing(run):
    return None


@pytest.mark.parametrize("kind", ["updated", "deleted"])
def test_R1_an_event_with_neither_partition_nor_date_is_refused(kind, tmp_path):
    graph = rd.Graph("partitions")
    a = days(graph, "a")
    with live(graph, tmp_path / "s.db") as engine:
        before = offset_of(engine)
        for call in (
            lambda: engine.publish(a, kind=kind),
            lambda: engine.publish("a", extra=1),
            lambda: engine.publish_many([(a, {"partition": "2026-11-23"}), (a, {})]),
            lambda: engine.publish_many([(a, {"partition": "2026-11-23"}), (a, {"partition": None, "kind": kind})]),
        ):
            with pytest.raises(rd.InvalidValue, match="needs partition= or logical_date="):
                call()
        assert offset_of(engine) == before
        engine.publish(a, logical_date="2026-11-22T23:30Z", kind=kind)
        engine.publish_many([(a, {"logical_date": "2026-11-24T12:00Z"}), (a, {"partition": "2026-11-25"})])
        assert [event.partition for event in engine.events(a)] == ["2026-11-25", "2026-11-24", "2026-11-23"]


def fanning(body=nothing, retries=0):
    """Two days are gathered into one run, which has no partition of its own."""
    graph = rd.Graph("partitions")
    a, b = days(graph, "a"), days(graph, "b")
    months = graph.dataset("months", partitions=rd.month("Europe/Berlin"))
    graph.dag("job", on=a.batch(count=2)).add(body, id="t", outlets=[b], retries=retries)
    graph.dag("last", on=rd.updated(b).by("partition"))(nothing)
    graph.dag("monthly", on=a.batch(count=2)).add(nothing, id="t", outlets=[months], retries=2)
    return graph


def gathered(engine):
    engine.publish_many([("a", {"partition": "2026-11-22"}), ("a", {"partition": "2026-11-23"})])
    engine.run_until_idle()


@pytest.mark.parametrize("body", [nothing, lambda run: run.publish("b", extra=1)])
@pytest.mark.parametrize("durable", [True, False])
def test_R3_a_run_of_several_partitions_gives_one_event_for_each_that_fits(body, durable, tmp_path):
    with live(fanning(body), tmp_path / "s.db" if durable else None) as engine:
        gathered(engine)
        (run,) = engine.runs("job")
        assert run.partition is None and run.partitions == ["2026-11-22", "2026-11-23"]
        told = [record for record in of_kind(engine, Published) if record.dataset == "b"]
        assert [(record.n, record.partition) for record in told] == [(0, "2026-11-22"), (1, "2026-11-23")]
        assert [run.partition for run in engine.runs("last")] == ["2026-11-23", "2026-11-22"]


def test_R3_an_undated_outlet_fails_the_attempt_without_a_retry():
    with live(fanning()) as engine:
        gathered(engine)
        (run,) = engine.runs("monthly")
        assert run.state == "failed" and len(run.tasks["t"].attempts) == 1
        assert "UndatedOutlet" in run.error and "run.publish('months', partition=...)" in run.error
        assert engine.events("months") == []


def test_R3_an_undated_outlet_that_says_its_partition_or_is_unchanged_is_none():
    def body(run):
        run.publish("b", partition="2026-11-01") if run.payload is not None else None

    with live(fanning(body)) as engine:
        gathered(engine)
        assert [event.partition for event in engine.events("b")] == ["2026-11-01"]
    with live(fanning(lambda run: run.unchanged("b"))) as engine:
        gathered(engine)
        assert engine.runs("job")[0].state == "success" and engine.events("b") == []


def test_R3_an_undated_outlet_with_a_key_for_several_partitions_is_refused():
    with live(fanning(lambda run: run.publish("b", key="k"), retries=2)) as engine:
        gathered(engine)
        assert "UndatedOutlet" in engine.runs("job")[0].error and engine.events("b") == []


def test_R3_the_undated_outlets_of_a_dag_with_many_tasks_are_judged_before_its_bodies():
    done = []
    graph = rd.Graph("partitions")
    dag = graph.dag("job", on=graph.dataset("free"), outlets=[days(graph, "b")])
    dag.add(lambda: done.append(1), id="first", retries=3)
    dag.add(lambda: done.append(2), id="second", after=["first"])
    with live(graph) as engine:
        engine.publish("free")
        engine.run_until_idle()
        assert engine.runs("job")[0].state == "failed" and not done
        assert len(engine.runs("job")[0].tasks["first"].attempts) == 1
        engine.publish("free", logical_date="2026-11-23")
        engine.run_until_idle()
        assert done == [1, 2] and [event.partition for event in engine.events("b")] == ["2026-11-23"]


def test_R3_an_undated_outlet_fails_in_a_simulation_too():
    graph = rd.Graph("partitions")
    graph.dag("quiet", on=rd.absent(graph.dataset("free"), for_="1h")).add(nothing, id="t", outlets=[days(graph, "b")])
    graph.dag("ticks", on=rd.every("1h")).add(nothing, id="t", outlets=[days(graph, "c")])
    sim = rd.simulate(graph, start="2026-11-23T00:00Z", until="3h", default_duration="1m")
    told = {(run.dag, run.state): run.error for run in sim.runs}
    assert set(told) == {("quiet", "failed"), ("ticks", "success")} and "UndatedOutlet" in told["quiet", "failed"]


@pytest.mark.parametrize("given", [{}, {"params": None}, {"key": "k"}])
def test_R3_a_start_with_neither_date_nor_partition_is_refused_where_an_outlet_needs_one(given):
    graph = rd.Graph("partitions")
    graph.dag("job").add(nothing, id="t", outlets=[days(graph, "b")])
    with live(graph) as engine:
        before = offset_of(engine)
        with pytest.raises(rd.InvalidValue, match=r"logical_date= .*now"):
            engine.start("job", **given)
        assert offset_of(engine) == before
        run = engine.start("job", logical_date="now", key="k")
        engine.run_until_idle()
        assert f"{run.logical_date:%Y-%m-%dT%H:%M}" == "2026-11-23T00:00"
        assert [event.partition for event in engine.events("b")] == ["2026-11-23"]


@pytest.mark.parametrize("where", ["outlet", "input", "key"])
def test_R1_a_starts_partition_is_one_of_the_dags_and_gives_date_and_data_interval(where):
    graph = rd.Graph("partitions")
    on, outlets = None, []
    if where == "outlet":
        outlets = [days(graph, "b")]
    elif where == "input":
        days(graph, "a")
        on = rd.updated("a")
    else:
        on = rd.updated(graph.dataset("free")).by(rd.day("Europe/Berlin"))
    graph.dag("job", on=on).add(nothing, id="t", outlets=outlets)
    with live(graph) as engine:
        for wrong in ("garbage", "2026-11", "2026-02-30", ""):
            with pytest.raises(rd.InvalidValue):
                engine.start("job", partition=wrong)
        assert not of_kind(engine, StartRequested)
        run = engine.start("job", partition="2026-10-25")
        engine.run_until_idle()
        start, end = run.data_interval
        assert run.state == "success" and run.partition == "2026-10-25" and run.logical_date == start
        assert (end - start).total_seconds() == 25 * 3600


def test_R1_a_dag_without_a_calendar_takes_any_text_as_partition():
    graph = rd.Graph("partitions")
    graph.dag("job", on=graph.dataset("free"))(nothing)
    with live(graph) as engine:
        run = engine.start("job", partition="north")
        engine.run_until_idle()
        assert (run.partition, run.logical_date, tuple(run.data_interval)) == ("north", None, (None, None))


def test_why_of_what_did_not_run_names_what_was_dropped_and_why():
    graph = rd.Graph("partitions")
    a, b = graph.dataset("a"), graph.dataset("b")
    graph.dag("join", on=(a & b).by("partition"))(nothing)
    graph.dag("big", on=a.where(lambda event: False))(nothing)
    with live(graph) as engine:
        engine.publish(a)
        engine.publish(b)
        engine.run_until_idle()
        text = str(engine.why("join"))
        assert "dropped: 1 of rd.updated('a') as no_key" in text and "no partition or date" in text
        assert "as filtered, its .where was false" in str(engine.why("big"))


def test_R1_a_dag_without_clocks_has_the_zone_of_its_outlets_calendars():
    graph = rd.Graph("zones")
    ingest = graph.dag("ingest")
    ingest.add(nothing, id="load", outlets=[days(graph, "a")])
    follows = graph.dag("follows", on=rd.completed("ingest"))
    follows.add(nothing, id="load")
    both = graph.dag("both", outlets=[days(graph, "b"), graph.dataset("c", partitions=rd.day("Asia/Tokyo"))])
    both.add(nothing, id="load")
    assert (ingest.tz, follows.tz, both.tz) == ("Europe/Berlin", "Europe/Berlin", "UTC")
    with live(graph) as engine:
        backfill = engine.backfill("ingest", start="2026-11-01", end="2026-11-02")
        engine.run_until_idle()
        assert [run.partition for run in backfill.runs] == ["2026-11-01", "2026-11-02"]
        assert engine.start("ingest", logical_date="2026-11-03").partition == "2026-11-03"
