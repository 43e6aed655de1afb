"""What a run is: its date, partition and interval (R1), diamonds (R2), queues (R6), inputs (R8), its past (R14)."""

from __future__ import annotations

from datetime import UTC, date, datetime

import attrs
import pytest

import reactive_dag as rd
from tests.support.engines import dates, live, offset_of, outputs, parts, states


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def nothing(run):
    return None


def daily(graph, name, tz="UTC"):
    return graph.dataset(name, partitions=rd.day(tz))


# ------------------------------------------------------------------------------------------------------- R1


def test_R1_the_logical_date_is_the_newest_among_the_causes():
    graph = rd.Graph("runs")
    a = graph.dataset("a")
    graph.dag("job", on=rd.updated(a).batch(count=3))(nothing)
    with live(graph) as engine:
        engine.publish(a, logical_date="2026-11-20")
        engine.publish(a, logical_date="2026-11-22")
        engine.publish(a)
        engine.run_until_idle()
        (run,) = engine.runs("job")
        assert run.logical_date == utc("2026-11-22")
        assert (run.partition, run.local_date) == (None, date(2026, 11, 22))


def test_R1_a_tick_is_dated_by_its_due_time_and_a_start_by_its_caller():
    graph = rd.Graph("runs")
    graph.dag("job", schedule="30 2 * * *")(nothing)
    with live(graph) as engine:
        engine.advance("3h")
        engine.start("job", logical_date="2026-11-01")
        engine.start("job")
        engine.run_until_idle()
        assert dates(engine, "job") == ["2026-11-23T02:30Z", "2026-11-01T00:00Z", ""]


def test_R1_a_bare_date_is_midnight_in_the_dags_zone():
    graph = rd.Graph("runs")
    graph.dag("job", tz="Europe/Berlin")(nothing)
    with live(graph) as engine:
        run = engine.start("job", logical_date="2026-11-23")
        assert engine.runs("job", state="queued") == [run], "requested, though nobody has decided anything yet"
        assert run.logical_date == utc("2026-11-22T23:00")
        assert run.local_date == date(2026, 11, 23)
        assert engine.runs("job", logical_date="2026-11-23") == [run]


def test_R1_without_a_date_it_is_the_start_of_the_partition_on_which_the_causes_agree():
    graph = rd.Graph("runs")
    a = daily(graph, "a", "Europe/Berlin")
    graph.dag("job", on=rd.updated(a).batch(count=2))(nothing)
    with live(graph) as engine:
        engine.publish_many([(a, {"partition": "2026-11-20"}), (a, {"partition": "2026-11-20"})])
        engine.publish_many([(a, {"partition": "2026-11-20"}), (a, {"partition": "2026-11-21"})])
        engine.run_until_idle()
        disagree, agree = engine.runs("job")
        assert (agree.partition, agree.logical_date) == ("2026-11-20", utc("2026-11-19T23:00"))
        assert (disagree.partition, disagree.logical_date) == (None, None)
        assert disagree.partitions == ["2026-11-20", "2026-11-21"]
        assert tuple(agree.data_interval) == (utc("2026-11-19T23:00"), utc("2026-11-20T23:00"))


def test_R1_a_dag_with_partitioned_outlets_has_the_partition_of_its_date():
    graph = rd.Graph("runs")
    out = daily(graph, "out", "Europe/Berlin")

    @graph.dag(schedule="0 2 * * *", tz="Europe/Berlin", outlets=[out])
    def job(run):
        return run.partition

    with live(graph) as engine:
        engine.advance("2d")
        assert outputs(engine, "job") == ["2026-11-23", "2026-11-24"]
        assert [event.partition for event in engine.events(out)] == ["2026-11-24", "2026-11-23"]


def test_R1_a_partition_that_is_none_of_the_outlets_calendar_dates_nothing():
    graph = rd.Graph("runs")
    a, out = graph.dataset("a"), daily(graph, "out")
    graph.dag("job", on=a, outlets=[out])(nothing)
    with live(graph) as engine:
        engine.publish(a, partition="north")
        engine.run_until_idle()
        (run,) = engine.runs("job")
        assert (run.partition, run.logical_date, run.state) == ("north", None, "failed")
        assert "UndatedOutlet" in run.error and engine.events(out) == []


def test_R1_an_event_has_its_runs_partition_and_date_unless_given():
    graph = rd.Graph("runs")
    a, b, c = daily(graph, "a"), daily(graph, "b"), graph.dataset("c", partitions=rd.month())

    @graph.dag(on=a, outlets=[b, c])
    def job(run):
        run.publish(b)
        run.publish(b, partition="2026-11-01")
        run.publish(b, logical_date="2026-11-05T07:00Z")
        run.publish(c)

    with live(graph) as engine:
        engine.publish(a, partition="2026-11-23")
        engine.run_until_idle()
        told = [(event.partition, event.logical_date) for event in reversed(engine.events(b))]
        assert told == [
            ("2026-11-23", utc("2026-11-23")),
            ("2026-11-01", utc("2026-11-23")),
            ("2026-11-05", utc("2026-11-05T07:00")),
        ]
        assert engine.events(c)[0].partition == "2026-11"


def test_R1_the_interval_goes_from_the_schedules_own_tick_before():
    graph = rd.Graph("runs")
    graph.dag("job", schedule="0 6 * * mon-fri", tz="Europe/Berlin")(nothing)
    graph.dag("after", on=rd.completed("job"))(nothing)
    with live(graph) as engine:
        engine.advance("1d")
        for dag in ("job", "after"):
            (run,) = engine.runs(dag)
            start, end = run.data_interval
            assert (start, end) == (utc("2026-11-20T05:00"), utc("2026-11-23T05:00")), dag


def test_R1_results_are_the_outputs_of_the_newest_such_cause():
    graph = rd.Graph("runs")
    up = graph.dag("up")
    up.add(lambda run: run.events[0].key, id="first")
    up.add(lambda first: first + "!", id="second")
    graph.dag("whole", on=rd.completed("up").batch(count=2))(lambda_results)
    graph.dag("part", on=rd.completed("up", task="first"))(lambda_results)
    with live(graph) as engine:
        engine.start("up", key="a")
        engine.start("up", key="b")
        engine.run_until_idle()
        assert outputs(engine, "whole", "lambda_results") == [{"up": {"first": "b", "second": "b!"}}]
        assert outputs(engine, "part", "lambda_results") == [{"up": {"first": "a"}}, {"up": {"first": "b"}}]


def lambda_results(run):
    return run.results


def test_R1_previous_is_the_run_of_the_newest_lower_date():
    graph = rd.Graph("runs")
    graph.dag("job", schedule="0 * * * *")(nothing)
    with live(graph) as engine:
        engine.advance("3h")
        runs = engine.runs("job")
        assert runs[0].previous == runs[1] and runs[1].previous == runs[2] and runs[2].previous is None


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        (("partition",), "2026-11-20"), (("logical_date",), utc("2026-11-23T05:00")), ((), None),
        ((rd.month("UTC"), "partition"), ("2026-11", "2026-11-20")), ((lambda e: e.extra,), 7),
    ],
)  # fmt: skip
def test_R1_the_group_is_the_key_under_which_the_items_met(keys, expected):
    graph = rd.Graph("runs")
    a, b = daily(graph, "a"), daily(graph, "b")
    both = a & b
    seen = []
    graph.dag("job", on=both.by(*keys) if keys else both)(lambda_group(seen))
    with live(graph) as engine:
        for dataset in (a, b):
            engine.publish(dataset, partition="2026-11-20", logical_date="2026-11-23T05:00Z", extra=7)
        engine.run_until_idle()
    assert seen == [expected]


def lambda_group(seen):
    def job(run):
        seen.append(run.group)

    return job


# ------------------------------------------------------------------------------------------------------- R2


@pytest.mark.parametrize("dated", [True, False])
def test_R2_a_diamond_merges_once_for_each_root(dated):
    graph = rd.Graph("runs")
    a = graph.dataset("a")

    @graph.dag(on=a)
    def root(run):
        return run.events[0].extra

    @graph.dag(on=rd.completed(root))
    def fast(run):
        return run.results["root"]["root"]

    slow = graph.dag("slow", on=rd.completed(root))
    for n in range(3):  # more hops than the fast branch has
        slow.add(lambda run: run.results["root"]["root"], id=f"t{n}", after=[f"t{n - 1}"] if n else [])

    @graph.dag(on=rd.completed(fast) & rd.completed(slow))
    def merge(run):
        return [run.results["fast"]["fast"], run.results["slow"]["t2"]]

    with live(graph) as engine:
        for n in range(5):
            engine.publish(a, extra=n, **({"logical_date": f"2026-11-0{n + 1}"} if dated else {}))
        engine.run_until_idle()
        assert sorted(outputs(engine, "merge")) == [[n, n] for n in range(5)]


# ------------------------------------------------------------------------------------------------------- R6


def test_R6_a_queue_is_kept_in_order_and_leaves_nothing_behind(tmp_path):
    graph = rd.Graph("runs")
    seen, most = [], []

    @graph.dag(max_active_runs=2)
    def job(run):
        seen.append(run.events[0].key)
        most.append(len(engine.runs("job", state="running")))

    with live(graph, tmp_path / "s.db") as engine:
        for n in range(7):
            engine.start(job, key=str(n))
        engine.run_until_idle()
        assert seen == [str(n) for n in range(7)]
        assert max(most) == 2 and set(states(engine, "job")) == {"success"}


def test_R6_a_run_that_retries_is_active():
    graph = rd.Graph("runs")

    @graph.dag(max_active_runs=1, retries=1, retry_delay="1h")
    def job(run):
        if run.attempt == 1 and run.events[0].key == "a":
            raise ValueError("again")

    with live(graph) as engine:
        first, second = engine.start(job, key="a"), engine.start(job, key="b")
        parts(engine).loop.settle()
        assert (first.state, second.state) == ("running", "queued")
        engine.run_until_idle()
        assert first.ended <= second.started


def test_R6_a_limit_that_is_raised_lets_go_at_once():
    graph = rd.Graph("runs")

    def declared(limit):
        dag = graph.dag("job", max_active_runs=limit)
        dag.wait_for("never", missing="wait", timeout="9d")

    declared(1)
    with live(graph) as engine:
        for _ in range(5):
            engine.start("job", logical_date="2026-11-23")
        engine.run_until_idle()
        assert states(engine, "job").count("running") == 1
        declared(3)
        engine.run_until_idle()
        assert states(engine, "job") == ["running"] * 3 + ["queued"] * 2


# ------------------------------------------------------------------------------------------------------- R8


@attrs.frozen
class Options:
    full: bool = False
    day: str = "today"


def test_R8_params_are_the_defaults_with_what_the_start_gave():
    graph = rd.Graph("runs")

    @graph.dag(params={"full": False, "limit": 10})
    def job(run, full, limit):
        return [full, limit, dict(run.params)]

    with live(graph) as engine:
        engine.start(job)
        engine.start(job, params={"full": True})
        engine.run_until_idle()
        assert outputs(engine, "job") == [
            [False, 10, {"full": False, "limit": 10}], [True, 10, {"full": True, "limit": 10}]
        ]  # fmt: skip


def test_R8_params_of_a_class_are_typed():
    graph = rd.Graph("runs")

    @graph.dag(params=Options)
    def job(run, full):
        assert isinstance(run.params, Options)
        return [run.params.full, run.params.day, full]

    with live(graph) as engine:
        engine.start(job, params={"full": True})
        engine.start(job, params=Options(day="monday"))
        engine.run_until_idle()
        assert outputs(engine, "job") == [[True, "today", True], [False, "monday", False]]


@pytest.mark.parametrize(
    "given",
    [
        {"params": {"nope": 1}}, {"params": 3}, {"params": {"full": print}}, {"payload": {"a": [print]}},
        {"logical_date": "2026-11-23T00:00"}, {"logical_date": datetime(2026, 11, 23)}, {"partition": 3},
        {"key": 3}, {"key": ""}, {"payload": "x" * 2_000_000}, {"payload": float("nan")}, {"key": "\ud800"},
        {"partition": "\ud800"},
    ],
    ids=lambda given: "-".join(given),
)  # fmt: skip
def test_R8_a_start_that_is_wrong_writes_nothing(given):
    graph = rd.Graph("runs")
    graph.dag("job", params={"full": False})(nothing)
    with live(graph) as engine:
        before = offset_of(engine)
        with pytest.raises((rd.InvalidValue, rd.UnknownId)) as refused:
            engine.start("job", **given)
        assert offset_of(engine) == before
        assert "job" in str(refused.value) or "logical_date" in str(refused.value)


def test_R8_an_output_that_is_no_json_fails_its_task_with_the_path():
    graph = rd.Graph("runs")

    @graph.dag
    def job(run):
        return {"rows": [1, {"f": print}]}

    @graph.dag
    def large(run):
        return "x" * 2_000_000

    with live(graph) as engine:
        first, second = engine.start(job), engine.start(large)
        engine.run_until_idle()
        assert "['rows'][1]['f']" in first.error and "1,048,576" in second.error


def test_R8_a_payload_comes_with_the_start():
    graph = rd.Graph("runs")
    graph.dag("job")(lambda_payload)
    with live(graph) as engine:
        engine.start("job", payload={"rows": 1})
        engine.start("job")
        engine.run_until_idle()
        assert outputs(engine, "job", "lambda_payload")[0] == {"rows": 1}


def lambda_payload(run):
    return run.payload if isinstance(run.payload, dict) else run.payload.kind


def test_R5_attempts_and_tasks_say_in_short_what_they_are():
    graph = rd.Graph("reprs")

    @graph.dag(retries=1, retry_delay="5m")
    def job(run):
        if run.attempt == 1:
            raise ValueError("no")
        return run.attempt

    with live(graph) as engine:
        run = engine.start("job")
        engine.run_until_idle()
        first, second = map(repr, run.tasks["job"].attempts)
        assert first.startswith(
            "Attempt(number=1, state='failed', started=2026-11-23T00:00:00Z, ended=2026-11-23T00:00"
        )
        assert second == (
            "Attempt(number=2, state='success', started=2026-11-23T00:05:00Z, ended=2026-11-23T00:05:00Z)"
        )
        assert repr(run.tasks["job"]) == "TaskView(id='job', state='success', attempts=<2>, output=2)"
        engine.rerun(run)
        engine.run_until_idle()
        assert repr(run.tasks["job"].attempts[-1]).endswith(", round=2)")
        assert repr(run.data_interval) == "DataInterval()"
