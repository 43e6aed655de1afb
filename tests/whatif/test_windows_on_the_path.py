"""What decided when a window closed and when a silence began stands on the critical path."""

from __future__ import annotations

import pytest

import reactive_dag as rd

START = "2026-11-23T00:00Z"


def nothing() -> None:
    """A body."""


Told = list[tuple[str, str, str, str]]
"""A critical path: link, name, begin, timer of each step."""


def path(trigger: rd.Trigger, graph: rd.Graph, until: str = "1d", **sources: rd.Trigger) -> Told:
    """The critical path to the DAG of a trigger."""
    graph.dag("down", on=trigger)(nothing)
    course = rd.simulate(graph, start=START, until=until, default_duration="10m", sources=sources)
    return [(step.link, step.name, f"{step.start:%H:%M}", step.detail) for step in course.critical_path("down")]


@pytest.mark.parametrize(
    ("window", "opened", "began", "timer"),
    [
        (lambda of: of.batch(max_wait="1h"), "01:00", "02:00", ".batch(max_wait='1h')"),
        (lambda of: of.batch(3, max_wait="5h"), "01:20", "01:20", ""),
        (lambda of: of.debounce("30m"), "01:20", "01:50", ".debounce('30m')"),
        (lambda of: of.debounce("30m", max_wait="40m"), "01:00", "01:40", ".debounce(max_wait='40m')"),
    ],
)
def test_W50_what_set_the_timer_of_a_window_is_on_the_path(window, opened, began, timer) -> None:
    graph = rd.Graph("windows")
    users = graph.dataset("users")
    link = "window" if timer else "caused by"
    found = path(window(rd.updated(users)), graph, users=rd.cron("0,10,20 1 * * *"))
    assert found == [("", "event of users", opened, ""), (link, "down.nothing", began, timer)]


def test_W50_the_period_of_a_throttle_goes_back_to_the_run_that_opened_it() -> None:
    graph = rd.Graph("windows")
    users = graph.dataset("users")
    assert path(rd.updated(users).throttle("1h"), graph, users=rd.cron("0,10,20 1 * * *")) == [
        ("", "event of users", "01:00", ""), ("window", "down.nothing", "02:00", ".throttle('1h')"),
    ]  # fmt: skip


def test_W50_a_rollup_that_fired_without_what_is_missing_waited_from_the_end_of_its_period() -> None:
    graph = rd.Graph("windows")
    users = graph.dataset("users", partitions=rd.hour())
    found = path(rd.updated(users).rollup(rd.day(), wait="2h"), graph, until="1d3h", users=rd.cron("0 1,2 * * *"))
    assert found == [
        ("", "tick 2026-11-24T00:00:00Z", "00:00", ""), ("window", "down.nothing", "02:00", ".rollup(wait='2h')"),
    ]  # fmt: skip


def test_W51_a_silence_goes_back_to_what_was_heard_last() -> None:
    graph = rd.Graph("silence")
    users = graph.dataset("users")
    assert path(rd.absent(users, for_="3h"), graph, users=rd.cron("0 1,2 * * *")) == [
        ("", "event of users", "02:00", ""),
        ("silence", "silence 2026-11-23T05:00:00Z", "05:00", ""),
        ("caused by", "down.nothing", "05:00", ""),
    ]


def test_W51_a_silence_of_a_dag_goes_back_to_its_last_run() -> None:
    graph = rd.Graph("silence")
    graph.dag("up", schedule="0 1 * * *")(nothing)
    found = path(rd.absent(rd.completed("up"), for_="3h"), graph)
    assert [each[:2] for each in found] == [
        ("", "tick 2026-11-23T01:00:00Z"), ("caused by", "up.nothing"),
        ("silence", "silence 2026-11-23T04:10:00Z"), ("caused by", "down.nothing"),
    ]  # fmt: skip


def test_W51_a_silence_in_which_nothing_was_ever_heard_comes_from_nowhere() -> None:
    graph = rd.Graph("silence")
    users = graph.dataset("users")
    found = path(rd.absent(users, for_="3h"), graph)
    assert [each[:2] for each in found] == [("", "silence 2026-11-23T03:00:00Z"), ("caused by", "down.nothing")]


def test_W50_the_chain_of_a_later_run_goes_through_the_windows_opener() -> None:
    graph = rd.Graph("windows")
    users = graph.dataset("users")
    graph.dag("down", on=rd.updated(users).batch(max_wait="1h"))(nothing)
    base = rd.simulate(graph, start=START, until="1d", default_duration="10m", sources={"users": rd.cron("0 1 * * *")})
    (change,) = base.what_if(rd.delay("users", "20m")).compare()
    assert str(change.why) == "event of users +20m (rd.delay('users', '20m')) → opens the window of down"
