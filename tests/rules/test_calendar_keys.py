"""Runs of triggers that one calendar keys: their partition, date and data interval (R1)."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import reactive_dag as rd
from reactive_dag.model.times import SECOND
from reactive_dag.triggers.walks import leaves
from tests.support.engines import kill, live, opened, parts
from tests.support.profiles import examples
from tests.support.strategies import DATASETS
from tests.support.twins import Twins

BERLIN = rd.day("Europe/Berlin")


def nothing(run):
    return None


def joined(trigger_of, **options):
    graph = rd.Graph("calendars")
    graph.dataset("hourly", partitions=rd.hour("Europe/Berlin"))
    graph.dataset("daily", partitions=BERLIN)
    graph.dataset("undated")
    both = rd.updated("hourly") & rd.updated("daily")
    graph.dag("job", on=trigger_of(both), outlets=[graph.dataset("out", partitions=BERLIN)], **options)(nothing)
    return graph


def told(engine):
    return [(run.partition, f"{run.logical_date:%d %H:%M}") for run in reversed(engine.runs("job"))]


def publish(engine, *named):
    for name, partition in named:
        engine.publish(name, partition=partition)
    engine.run_until_idle()


HOURS = [("hourly", "2026-11-22T05+01:00"), ("hourly", "2026-11-22T06+01:00")]
MET = [*HOURS, ("daily", "2026-11-22")]


def test_R1_a_calendar_key_is_the_partition_of_its_runs():
    with live(joined(lambda both: both.by(BERLIN))) as engine:
        publish(engine, *MET)
        (run,) = engine.runs("job")
        assert told(engine) == [("2026-11-22", "21 23:00")]
        assert tuple(f"{at:%d %H:%M}" for at in run.data_interval) == ("21 23:00", "22 23:00")
        assert run.partitions == ["2026-11-22T05+01:00", "2026-11-22T06+01:00", "2026-11-22"]
        assert engine.events("out")[0].partition == "2026-11-22"


def test_R1_a_calendar_key_meets_the_next_join():
    graph = joined(lambda both: both.by(BERLIN))
    graph.dag("next", on=(rd.updated("out") & rd.updated("daily")).by(BERLIN))(nothing)
    with live(graph) as engine:
        publish(engine, *MET)
        assert [run.partition for run in engine.runs("next")] == ["2026-11-22"]


@pytest.mark.parametrize(
    "trigger_of",
    [
        lambda both: both.by(BERLIN).batch(count=1),
        lambda both: both.by(BERLIN).debounce("1m"),
        lambda both: both.by(BERLIN).map(str),
        lambda both: both.by(BERLIN).with_latest(rd.updated("undated").where(bool)),
        lambda both: rd.updated("hourly").by(BERLIN).batch(count=2),
        lambda both: (rd.updated("hourly") | rd.updated("daily")).batch(count=3).by(BERLIN),
        lambda both: both.by(BERLIN).reset(at=rd.cron("0 0 * * *")),
    ],
)
def test_R1_a_calendar_key_counts_behind_windows_too(trigger_of):
    with live(joined(trigger_of)) as engine:
        engine.publish("undated")
        publish(engine, *MET)
        engine.advance("2m")
        assert told(engine) == [("2026-11-22", "21 23:00")]


def test_R1_a_calendar_key_of_several_days_is_none():
    with live(joined(lambda both: rd.updated("hourly").by(BERLIN).batch(count=2))) as engine:
        publish(engine, HOURS[0], ("hourly", "2026-11-23T05+01:00"))
        (run,) = engine.runs("job")
        assert (run.partition, run.logical_date) == (None, None)


def test_R1_a_calendar_key_and_the_dates_of_its_causes():
    """The date on which the dated causes agree, else the start of the partition."""
    with live(joined(lambda both: both.by(BERLIN))) as engine:
        engine.publish("daily", partition="2026-11-22", logical_date="2026-11-22T12:00Z")
        publish(engine, HOURS[0])
        for hour in ("05:00Z", "07:00Z"):
            engine.publish("daily", partition="2026-11-23", logical_date=f"2026-11-23T{hour}")
        publish(engine, ("hourly", "2026-11-23T05+01:00"))
        assert told(engine) == [("2026-11-22", "22 12:00"), ("2026-11-23", "22 23:00")]


def test_R1_a_calendar_key_of_what_arrived():
    with live(
        joined(lambda both: (rd.updated("undated") & rd.cron("0 6 * * *")).by(BERLIN, undated="arrival"))
    ) as engine:
        engine.publish("undated")
        engine.advance("7h")
        assert told(engine) == [("2026-11-23", "23 06:00")]


def test_R1_a_calendar_key_counts_before_what_the_causes_agree_on():
    graph = rd.Graph("calendars")
    graph.dataset("a", partitions=rd.hour("UTC"))
    graph.dag("job", on=rd.updated("a").by(rd.day("UTC")))(nothing)
    with live(graph) as engine:
        publish(engine, ("a", "2026-11-22T05+00:00"))
        assert told(engine) == [("2026-11-22", "22 00:00")]


def test_R1_a_calendar_key_is_not_that_of_a_start_or_of_another_label():
    graph = rd.Graph("calendars")
    graph.dataset("a", partitions=rd.hour("UTC"))
    graph.dag("job", on={"day": rd.updated("a").by(rd.day("UTC")), "plain": rd.updated("a")})(nothing)
    with live(graph) as engine:
        engine.start("job", logical_date="2026-11-20")
        publish(engine, ("a", "2026-11-22T05+00:00"))
        found = sorted((run.partition or "", f"{run.logical_date:%d %H}") for run in engine.runs("job"))
        assert found == [("", "20 00"), ("2026-11-22", "22 00"), ("2026-11-22T05+00:00", "22 05")]


def test_R1_a_calendar_key_outlives_a_restart(tmp_path):
    engine = opened(joined(lambda both: both.by(BERLIN)), tmp_path / "s.db", runner=None)
    publish(engine, *MET)
    kill(engine)
    with live(joined(lambda both: both.by(BERLIN)), tmp_path / "s.db") as engine:
        engine.run_until_idle()
        assert told(engine) == [("2026-11-22", "21 23:00")]
        assert parts(engine).log.runs("job")[0].partition == "2026-11-22"


def test_T7_what_a_task_ended_arrives_when_it_ended():
    graph = rd.Graph("arrival")
    graph.dataset("a")
    work = graph.dag("work", on=rd.updated("a"))
    work.task(id="t", retries=1, retry_delay="3h")(fails_first)
    graph.dag("job", on=rd.completed(work, task="t").by(rd.hour(), undated="arrival"))(nothing)
    with live(graph) as engine:
        engine.publish("a")
        engine.run_until_idle()
        assert told(engine) == [("2026-11-23T03+00:00", "23 03:00")]


def fails_first(run):
    if run.attempt == 1:
        raise ValueError("again")


FIELDS = st.fixed_dictionaries(
    {},
    optional={
        "partition": st.sampled_from(["2026-11-22", "2026-11-23T05+00:00", "north"]),
        "logical_date": st.sampled_from(["2026-11-22", "2026-11-23", "2026-11-23T07:00Z"]),
    },
)
A, B = rd.updated(DATASETS[0]), rd.updated(DATASETS[1])
TRIGGERS = st.sampled_from(
    [
        (A & B).by(rd.day(), undated="arrival"), (A | B).by(rd.day()).batch(count=2), A.by(rd.hour()).debounce("3s"),
        (A | rd.every("7s")).by(rd.day()), A.by(rd.day()).with_latest(B),
        (A.by(rd.day()) | B.by(rd.day())).batch(count=3),
        A.by(rd.day()) | B, (A & B).by(rd.day(), "partition"), rd.absent(A, for_="3s").by(rd.day(), undated="arrival"),
    ]
)  # fmt: skip
STEPS = st.one_of(
    st.tuples(st.just("publish"), st.sampled_from("ab"), FIELDS),
    st.sampled_from([("advance", 4 * SECOND), ("settle",), ("die",)]),
)


@given(TRIGGERS, st.lists(STEPS, min_size=2, max_size=12))
@settings(max_examples=examples(60), deadline=None)
def test_R1_a_calendar_key_gives_what_the_model_says(trigger, steps):
    twins = Twins()
    twins.redefine("x1", trigger)
    for name, *arguments in [*steps, ("settle",)]:
        getattr(twins, name)(*arguments)
        twins.compare()
    twins.close()


def test_T7_a_dataset_that_is_only_named_has_the_calendar_of_its_declaration():
    """`rd.updated("hourly")` hears the graph's dataset, so its partitions are periods of that calendar."""
    graph = rd.Graph("calendars")
    graph.dataset("hourly", partitions=rd.hour("Europe/Berlin"))
    made = rd.Dag("job", on=(rd.updated("hourly") & rd.absent(rd.updated("hourly"), for_="1h")).by(BERLIN))
    digest = made.triggers[""].digest
    assert graph.register(made).triggers[""].digest == digest
    assert {leaf.partitions for leaf in leaves(made.triggers[""])} == {rd.hour("Europe/Berlin")}
