"""Waiting for another DAG: the rows of the table that are judged when a wait is written down."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from reactive_dag.declare.dag import Dag
from reactive_dag.declare.graph import Graph
from reactive_dag.declare.internals import plan_of
from reactive_dag.declare.wait import FAILED_STATES
from reactive_dag.model.calendar import day
from reactive_dag.model.callables import Call
from reactive_dag.model.errors import DuplicateError, InvalidValue
from reactive_dag.model.records import FINAL_RUN_STATES, FINAL_TASK_STATES
from reactive_dag.model.times import DAY, HOUR, MINUTE, parse_time
from reactive_dag.triggers.leaves.dataset import Dataset, updated


@pytest.fixture
def build() -> Dag:
    return Graph("g").dag("build")


def test_defaults(build):
    wait = build.wait_for("ingest").wait
    assert (wait.id, wait.dag, wait.tasks, wait.states, wait.failed_states) == (
        *("wait_ingest", "ingest", (), {"success"}),
        FAILED_STATES,
    )
    assert (wait.skipped_states, wait.logical_date, wait.match, wait.timeout) == (frozenset(), "same", "exact", None)
    assert (wait.poll, wait.mode, wait.soft_fail, wait.since, wait.missing) == (MINUTE, "push", False, None, "error")
    assert build.tasks["wait_ingest"].kind == "wait" and not plan_of(build).simple


def test_everything_said(build):
    ingest = Dag("ingest")
    load = ingest.add(lambda run: 1, id="load")
    task = build.wait_for(
        ingest,
        task=load,
        states="any",
        failed_states=(),
        logical_date=timedelta(days=1),
        match="same_day",
        timeout="1h",
        poll="30s",
        soft_fail=True,
        since="start",
        missing="wait",
        after=[build.add(lambda run: 1, id="first")],
    )
    wait = task.wait
    assert (task.id, wait.tasks, wait.states, wait.failed_states) == (
        *("wait_ingest_load", ("load",), FINAL_TASK_STATES),
        frozenset(),
    )
    assert (wait.logical_date, wait.timeout, wait.poll, wait.after) == (DAY, HOUR, MINUTE // 2, ("first",))
    assert task.needs == ("first",) and str(wait) == "task 'load' of DAG 'ingest' 1d before its own date (same day)"
    assert build.wait_for(load, id="w").wait.tasks == ("load",)  # a task knows its DAG
    assert build.wait_for("x", tasks=["a", load]).id == "wait_x" and build.wait_for("x", id="y").id == "y"


def test_what_follows_a_wait_names_it(build):
    up = build.wait_for("ingest")

    @build.task
    def load(wait_ingest): ...

    @build.task(after=[up])
    def other(run): ...

    assert load.needs == ("wait_ingest",) == other.needs


def test_states_take_each_other_out_where_nothing_is_said(build):
    wait = build.wait_for("ingest", states={"failed", "success"}, skipped_states="cancelled").wait
    assert wait.failed_states == {"upstream_failed"} and wait.skipped_states == {"cancelled"}
    assert build.wait_for("x", states="any").wait.states == FINAL_RUN_STATES


def test_dates(build):
    late, early = datetime(2026, 11, 24, tzinfo=UTC), "2026-11-23T00:00Z"
    wait = build.wait_for("a", logical_date=[late, early, early]).wait
    assert wait.logical_date == (parse_time(early), parse_time("2026-11-24T00:00Z"))
    assert build.wait_for("b", logical_date="1d").wait.logical_date == DAY
    assert build.wait_for("c", logical_date=timedelta(hours=-1)).wait.logical_date == -HOUR
    assert isinstance(build.wait_for("d", logical_date=lambda date: [date]).wait.logical_date, Call)
    assert build.wait_for("e", logical_date=iter([early])).wait.logical_date == (parse_time(early),)
    berlin = Dag("berlin", tz="Europe/Berlin").wait_for("a", logical_date=["2026-11-23"]).wait
    assert berlin.logical_date == (parse_time("2026-11-22T23:00Z"),)


@pytest.mark.parametrize(
    ("what", "options", "text"),
    [
        ("ingest", {"tasks": ["a", "b", "a"]}, "'a' is there twice in tasks"),
        ("ingest", {"task": "a", "tasks": ["b"]}, r"give tasks=\[\.\.\.\]"),
        ("ingest", {"tasks": []}, "nothing to wait for"),
        ("ingest", {"tasks": "load"}, r"task='load' or tasks=\['load'\]"),
        ("ingest", {"states": "failed", "failed_states": "failed"}, "'failed' stands in both states and failed_states"),
        ("ingest", {"skipped_states": "success"}, "both states and skipped_states"),
        ("ingest", {"failed_states": "skipped", "skipped_states": "skipped"}, "both failed_states and skipped_states"),
        ("ingest", {"states": "sucess"}, "did you mean 'success'"),
        ("ingest", {"states": "running"}, "none of"),
        ("ingest", {"states": "upstream_failed"}, "none of"),
        ("ingest", {"states": ()}, "empty"),
        ("ingest", {"failed_states": "fail"}, "did you mean 'failed'"),
        ("ingest", {"logical_date": []}, "names no date"),
        ("ingest", {"logical_date": "yesterday"}, "none of 'same'"),
        ("ingest", {"logical_date": 5}, "not 5"),
        ("ingest", {"logical_date": datetime(2026, 1, 1, tzinfo=UTC)}, r"write \[that date\]"),
        ("ingest", {"logical_date": [datetime(2026, 1, 1)]}, "no zone"),
        ("ingest", {"match": "newest"}, "match is 'newest'"),
        ("ingest", {"timeout": "-1h"}, "timeout"),
        ("ingest", {"poll": 5}, "no unit"),
        ("ingest", {"mode": "pok"}, "did you mean 'poke'"),
        ("ingest", {"pool": "one"}, "pool= is of mode='poke'.*mode='push' holds nothing"),
        ("ingest", {"mode": "reschedule", "slots": 2}, "mode='reschedule' holds nothing"),
        ("ingest", {"priority": 3}, "priority= is of mode='poke'"),
        ("ingest", {"retries": -1}, "retries must be at least 0"),
        ("ingest", {"mode": "poke", "slots": 0}, "slots must be at least 1"),
        ("ingest", {"soft_fail": 1}, "True or False"),
        ("ingest", {"since": "begin"}, "since is 'begin'"),
        ("ingest", {"missing": "ignore"}, "missing is 'ignore'"),
        ("ingest", {"id": "a[3]"}, "brackets"),
        ("*", {}, "one DAG"),
        (3, {}, "an id"),
        (updated("orders"), {}, r"for a DAG or its id, or for a dataset, not for rd\.updated\('orders'\)"),
        (Dataset("orders"), {"task": "a"}, "a dataset has no tasks"),
        (Dataset("orders"), {"partition": []}, "names no partition"),
        (Dataset("orders"), {"partition": 5}, "partition must be 'same', a text"),
        (Dataset("orders"), {"partition": datetime(2026, 1, 1, tzinfo=UTC)}, "is a date, which names no partition of"),
        (Dataset("orders", day()), {"partition": "2026-13-01"}, "2026-13-01"),
        (Dataset("orders", day()), {"partition": ["2026-11-01", "x"]}, "'x'"),
        (Dataset("orders"), {"pool": "one"}, "pool= is of mode='poke'"),
    ],
)
def test_refused_when_written_down(build, what, options, text):
    with pytest.raises(InvalidValue, match=text) as caught:
        build.wait_for(what, **options)
    assert "DAG 'build' (" in str(caught.value) and "test_wait.py:" in str(caught.value)
    assert not build.tasks


def test_unknown_options_name_the_nearest(build):
    with pytest.raises(TypeError, match="no option 'time_out'; did you mean 'timeout'"):
        build.wait_for("ingest", time_out="1h")
    with pytest.raises(TypeError, match="partition"):
        build.wait_for("ingest", partition="same")


def test_two_waits_of_one_name_need_names(build):
    build.wait_for("ingest")
    with pytest.raises(DuplicateError, match=r"'wait_ingest' already.*id="):
        build.wait_for("ingest", logical_date="1d")
    for days in (1, 2):
        build.wait_for("ingest", logical_date=timedelta(days=days), id=f"wait_{days}")
    build.wait_for("ingest")  # the very same
    assert list(build.tasks) == ["wait_ingest", "wait_1", "wait_2"]


def test_looking_back_is_broken_by_time(build):
    assert build.wait_for("a", logical_date="1d").wait.looks_back
    assert not build.wait_for("b").wait.looks_back
    assert not build.wait_for("c", logical_date=timedelta(days=-1)).wait.looks_back
    assert not build.wait_for("d", logical_date="1d", match="latest").wait.looks_back
