"""Waiting for another DAG, row by row of the table (mode push): how tasks end, and which dates."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest

import reactive_dag as rd
from tests.support.engines import live, parts
from tests.support.waiting import D, E, F, end, started, state_of, upstream, waiting

SKIPS = {"skipped_states": "skipped"}

# ---------------------------------------------------------------------------------------------- how tasks end


@pytest.mark.parametrize(
    ("ends", "options", "state", "why"),
    [
        ({"a": "failed", "b": "open"}, {"tasks": ["a", "b"]}, "failed", "up.a is failed"),
        ({"a": "skipped", "b": "open"}, {"tasks": ["a", "b"], **SKIPS}, "skipped", "up.a is skipped"),
        ({"a": "skipped", "b": "failed"}, {"tasks": ["a", "b"], **SKIPS}, "failed", "up.b is failed"),
        ({"a": "failed"}, {"task": "a", "soft_fail": True}, "skipped", "up.a is failed"),
        ({"a": "success", "b": "open"}, {"task": "a"}, "success", None),
        ({"a": "success", "b": "success"}, {"tasks": ["a", "b"]}, "success", None),
        ({"a": "success"}, {}, "success", None),
        ({"a": "failed"}, {}, "failed", "up is failed"),
        ({"a": "failed"}, {"states": "any", "failed_states": ()}, "success", None),
        ({"a": "failed", "b": "success"}, {"states": {"failed"}, "failed_states": {"cancelled"}}, "success", None),
    ],
)  # fmt: skip
def test_wait_ends_as_the_awaited_tasks_do(ends, options, state, why):
    engine = started(waiting(ends=ends, **options))
    assert state_of(engine) == state
    assert why is None or why in engine.runs("job")[0].tasks["up"].error
    engine.close()


def test_wait_a_final_state_that_is_in_no_set_goes_on_and_says_why():
    engine = started(waiting(ends={"a": "skipped", "b": "success"}, tasks=["a", "b"]))
    assert state_of(engine) == "waiting"
    (wait,) = engine.pending("job").waits
    assert (wait.task, wait.dag) == ("up", "up") and "up.a is skipped" in wait.why
    assert "up of run" in str(engine.pending("job"))
    engine.close()


def test_wait_what_follows_gets_the_awaited_run():
    engine = started(waiting(ends={"a": "success"}))
    (job,), (up,) = engine.runs("job"), engine.runs("up")
    assert job.tasks["after"].output == up.key and job.state == "success"
    engine.close()


# ----------------------------------------------------------------------------------------------------- dates


def test_wait_same_is_the_date_of_the_waiting_run():
    engine = started(waiting(ends={"a": "success"}), date=E)
    assert state_of(engine) == "waiting" and "no run yet" in engine.pending("job").waits[0].why
    engine.start("up", logical_date=D)
    engine.run_until_idle()
    assert state_of(engine) == "success"
    engine.close()


@pytest.mark.parametrize("spec", [timedelta(days=1), "1d"], ids=str)
def test_wait_an_offset_is_so_long_before(spec):
    engine = started(waiting(ends={"a": "success"}, logical_date=spec), date="2026-11-21")
    assert state_of(engine) == "success"
    engine.close()


def test_wait_dates_match_exactly_and_never_by_window():
    engine = started(waiting(ends={"a": "success"}, logical_date=timedelta(days=1)), date="2026-11-21T00:00:01Z")
    assert state_of(engine) == "waiting"
    engine.close()


@pytest.mark.parametrize(
    ("dates", "expected"), [([D], "waiting"), (["2026-11-21"], "waiting"), ([D, "2026-11-21"], "success")]
)
def test_wait_for_several_dates_needs_each(dates, expected):
    graph = waiting(ends={"a": "success"}, logical_date=lambda date: (date, date - timedelta(days=1)))
    with live(graph) as engine:
        for date in dates:
            engine.start("up", logical_date=date)
        engine.start("job", logical_date=D)
        engine.run_until_idle()
        assert state_of(engine) == expected
        if expected == "success":
            second, first = [run.key for run in reversed(engine.runs("up"))]
            assert engine.runs("job")[0].tasks["after"].output == [first, second], "a list, in ascending dates"


def test_wait_for_several_dates_fails_with_the_first_that_does():
    graph = rd.Graph("waits")

    @graph.dag("up")
    def a(run):
        if f"{run.logical_date:%d}" == "21":
            raise ValueError("broken")

    waiting(graph, logical_date=lambda date: [date, date - timedelta(days=1)])
    with live(graph) as engine:
        engine.start("job", logical_date=D)
        engine.start("up", logical_date="2026-11-21")
        engine.run_until_idle()
        assert state_of(engine) == "failed" and "2026-11-21" in engine.runs("job")[0].tasks["up"].error


@pytest.mark.parametrize(
    ("spec", "several"),
    [
        (lambda date: [date, date], True), (lambda date: iter([date]), True), (lambda date: {date}, True),
        (lambda date: date, False), (lambda date: date.isoformat(), False), ([D], True),
    ],
)  # fmt: skip
def test_wait_a_callable_gives_a_date_or_any_iterable(spec, several):
    engine = started(waiting(ends={"a": "success"}, logical_date=spec))
    key = engine.runs("up")[0].key
    assert engine.runs("job")[0].tasks["after"].output == ([key] if several else key)
    engine.close()


@pytest.mark.parametrize(
    ("spec", "why"),
    [
        (lambda date: [], "none at all"), (lambda date: 1 / 0, "ZeroDivisionError"), (lambda date: 3, "3"),
        (lambda date: date.replace(tzinfo=None), "has no zone"),
    ],
)  # fmt: skip
def test_wait_a_callable_that_gives_no_date_fails_the_wait_and_not_the_engine(spec, why):
    engine = started(waiting(ends={"a": "success"}, logical_date=spec))
    error = engine.runs("job")[0].tasks["up"].error
    assert state_of(engine) == "failed" and why in error
    assert re.match(r"job\.up: logical_date=lambda date: .* \(.*test_waits\.py:\d+\)", error), "which one, and where"
    engine.close()


def test_wait_same_day_is_the_newest_of_that_day_in_the_waiting_dags_zone():
    graph = rd.Graph("waits")
    upstream(graph, a="success")
    dag = graph.dag("job", tz="Europe/Berlin")
    up = dag.wait_for("up", id="up", match="same_day")
    dag.add(lambda up: f"{up.logical_date:%d %H:%M}", id="after")
    assert up.wait.match == "same_day"
    with live(graph) as engine:
        for date in ("2026-11-21T22:59Z", "2026-11-21T23:00Z", "2026-11-22T22:00Z", "2026-11-22T23:00Z"):
            engine.start("up", logical_date=date)
        engine.start("job", logical_date="2026-11-22T06:00Z")
        engine.run_until_idle()
        assert engine.runs("job")[0].tasks["after"].output == "22 22:00"


def test_wait_latest_is_at_or_before_and_awaited_if_it_has_not_ended():
    graph = rd.Graph("waits")
    dag = graph.dag("up")
    dag.add(
        lambda run: f"{run.logical_date:%d}" == "20" and run.attempt < 2 and 1 / 0, id="a", retries=1, retry_delay="1h"
    )
    waiting(graph, match="latest")
    with live(graph) as engine:
        for date in ("2026-11-19", "2026-11-20", "2026-11-25"):
            engine.start("up", logical_date=date)
        engine.start("job", logical_date=D)
        parts(engine).loop.settle()
        assert state_of(engine) == "waiting"
        engine.run_until_idle()
        assert engine.runs("job")[0].tasks["after"].output == engine.runs("up", logical_date="2026-11-20")[0].key


def test_wait_latest_of_an_upstream_on_a_clock_is_its_newest_tick_requested_or_not():
    graph = rd.Graph("waits")
    graph.dag("up", schedule="0 */6 * * *", paused=True)(end("success"))
    waiting(graph, match="latest")
    with live(graph) as engine:
        engine.start("job", logical_date="2026-11-23T07:00Z")
        engine.start("up", logical_date="2026-11-23T05:00Z")
        engine.advance("8h")
        assert state_of(engine) == "waiting", "the tick of 06:00 counts, though a pause holds it"
        engine.resume("up")
        engine.run_until_idle()
        assert state_of(engine) == "success"


def test_wait_an_upstream_started_by_data_is_matched_by_its_inherited_date():
    graph = rd.Graph("waits")
    a = graph.dataset("a", partitions=rd.day())
    graph.dag("up", on=a)(end("success"))
    waiting(graph)
    with live(graph) as engine:
        engine.start("job", logical_date=D)
        engine.publish(a, partition=D)
        engine.run_until_idle()
        assert state_of(engine) == "success"


# ------------------------------------------------------------------------------------------- without a date


def cascading(origin):
    graph = rd.Graph("waits")
    a, b = graph.dataset("a"), graph.dataset("b")
    graph.dag("up", on=a if origin == "same" else b, catchup="all")(end("success"))
    dag = graph.dag("job", on=a)
    up = dag.wait_for("up", id="up", timeout="9d")
    dag.add(lambda up: up.key, id="after", after=[up])
    return graph


def test_wait_without_a_date_it_is_the_run_of_the_same_cascade():
    with live(cascading("same")) as engine:
        engine.pause("up")
        for _ in range(2):
            engine.publish("a")
        engine.run_until_idle()
        assert [run.tasks["up"].state for run in engine.runs("job")] == ["waiting"] * 2
        assert "same cascade: no run yet" in engine.pending("job").waits[0].why
        engine.resume("up")
        engine.run_until_idle()
        assert [run.tasks["after"].output for run in engine.runs("job")] == [run.key for run in engine.runs("up")]


def test_wait_each_cascade_waits_for_its_own():
    with live(cascading("same")) as engine:
        for _ in range(3):
            engine.publish("a")
        engine.run_until_idle()
        ups = [run.key for run in engine.runs("up")]
        assert [run.tasks["after"].output for run in engine.runs("job")] == ups and len(set(ups)) == 3


def test_wait_without_a_date_and_a_common_origin_is_an_error_that_names_latest():
    with live(cascading("other")) as engine:
        engine.publish("a")
        engine.run_until_idle()
        assert state_of(engine) == "failed" and 'match="latest"' in engine.runs("job")[0].tasks["up"].error


def test_wait_without_a_date_for_a_dag_that_is_not_there_yet():
    graph = rd.Graph("waits")
    a = graph.dataset("a")
    graph.dag("job", on=a).wait_for("up", id="up", missing="wait", timeout="9d")
    with live(graph) as engine:
        engine.publish(a)
        engine.run_until_idle()
        assert state_of(engine) == "waiting"
        graph.dag("up", on=a)(end("success"))
        engine.publish(a)
        engine.run_until_idle()
        assert [run.tasks["up"].state for run in engine.runs("job")] == ["success", "waiting"]


def test_wait_without_a_date_an_offset_is_an_error_that_says_so():
    graph = waiting(ends={"a": "success"}, logical_date="1d")
    with live(graph) as engine:
        engine.start("job")
        engine.run_until_idle()
        error = engine.runs("job")[0].tasks["up"].error
        assert "no logical date, from which 1d before its own date" in error and 'match="latest"' in error


def test_wait_without_a_date_latest_is_the_newest_dated_run():
    graph = waiting(ends={"a": "success"}, match="latest")
    with live(graph) as engine:
        for date in (D, F, E):
            engine.start("up", logical_date=date)
        engine.start("job")
        engine.run_until_idle()
        assert engine.runs("job")[0].tasks["after"].output == engine.runs("up", logical_date=F)[0].key
