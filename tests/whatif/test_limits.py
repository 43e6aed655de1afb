"""Slots in a course: who gets them when all that is due at an instant is decided, and what had them on the path."""

from __future__ import annotations

import reactive_dag as rd

START = "2026-11-23T00:00Z"


def nothing() -> None:
    """A body."""


def play(graph: rd.Graph, **asked: object) -> rd.Simulation:
    options: dict[str, object] = {"start": START, "until": "1d", "default_duration": "10m"}
    return rd.simulate(graph, **(options | asked))  # type: ignore[arg-type]


def spans(course: rd.Simulation) -> dict[str, str]:
    """When each task was, by name."""
    return {f"{row.dag}.{row.task}": f"{row.start:%H:%M}-{row.end:%H:%M}" for row in course.timeline() if row.end}


def test_W20_slots_are_given_out_when_all_that_is_due_at_an_instant_is_decided() -> None:
    """At 02:10 `first` ends, a clock ticks, and outside publishes: of the three that want its slot the highest goes."""
    graph = rd.Graph("slots")
    graph.pool("one", 1)
    users = graph.dataset("users")
    graph.dag("first", schedule="0 2 * * *").add(nothing, "t", pool="one")
    graph.dag("behind", on=rd.completed("first")).add(nothing, "t", pool="one", priority=1)
    graph.dag("ticking", schedule="10 2 * * *").add(nothing, "t", pool="one")
    graph.dag("outside", on=users).add(nothing, "t", pool="one", priority=2)
    course = play(graph, sources={users: rd.cron("10 2 * * *")})
    assert spans(course) == {
        "first.t": "02:00-02:10", "outside.t": "02:10-02:20", "behind.t": "02:20-02:30", "ticking.t": "02:30-02:40",
    }  # fmt: skip


def test_W20_what_takes_no_time_ends_after_slots_were_given_out() -> None:
    """It takes a turn of its own: `late`, which waits for its end, comes after `other`, though it goes before it."""
    graph = rd.Graph("turns")
    graph.pool("one", 1)
    dag = graph.dag("job", schedule="0 2 * * *")
    dag.add(nothing, "at_once")
    dag.add(nothing, "late", after=["at_once"], pool="one", priority=9)
    dag.add(nothing, "other", pool="one")
    assert spans(play(graph, durations={"at_once": "0"})) == {
        "job.at_once": "02:00-02:00", "job.other": "02:00-02:10", "job.late": "02:10-02:20",
    }  # fmt: skip


def test_W21_a_delay_counts_from_when_an_attempt_could_begin_and_holds_no_slot() -> None:
    graph = rd.Graph("late")
    graph.pool("one", 1)
    dag = graph.dag("job", schedule="0 2 * * *")
    dag.add(nothing, "first", pool="one", priority=1)
    dag.add(nothing, "second", pool="one")
    late = play(graph).what_if(rd.delay("first", "5m"))
    assert spans(late) == {"job.second": "02:00-02:10", "job.first": "02:10-02:20"}


def test_W21_each_instance_of_a_mapped_task_is_delayed() -> None:
    graph = rd.Graph("mapped")
    dag = graph.dag("job", schedule="0 2 * * *")
    dag.add(nothing, "list")
    dag.add(nothing, "each", after=["list"], map_over="list")
    late = play(graph, outputs={"list": [1, 2]}).what_if(rd.delay("each", "5m"))
    assert spans(late) == {"job.list": "02:00-02:10", "job.each[0]": "02:15-02:25", "job.each[1]": "02:15-02:25"}


def test_an_instance_that_had_the_slot_is_on_the_critical_path() -> None:
    graph = rd.Graph("mapped")
    graph.pool("one", 1)
    dag = graph.dag("job", schedule="0 2 * * *")
    dag.add(nothing, "list")
    dag.add(nothing, "each", after=["list"], map_over="list", pool="one")
    graph.dag("other", schedule="15 2 * * *").add(nothing, "t", pool="one")
    course = play(graph, outputs={"list": [1, 2]})
    path = course.critical_path("other")
    assert [(step.name, step.link) for step in path] == [
        (f"tick {START[:10]}T02:00:00Z", ""), ("job.list", "caused by"), ("job.each[0]", "needs"),
        ("job.each[1]", "slot"), ("other.t", "slot"),
    ]  # fmt: skip
    assert [f"{step.end:%H:%M}" for step in path] == ["02:00", "02:10", "02:20", "02:30", "02:40"]
    moved = course.what_if(rd.duration("each", "15m")).compare().rows
    assert [str(row.why) for row in moved if row.dag == "other"]
