"""What a course answers: timeline, critical path, what is unfinished; as text, HTML and JSON."""

from __future__ import annotations

import json
from itertools import pairwise

import pytest
from hypothesis import given, settings
from rich.console import Console

import reactive_dag as rd
from reactive_dag.model.errors import UnknownId
from reactive_dag.whatif.answers.critical_path import hops
from reactive_dag.whatif.outcome.points import Point
from tests.laws.test_same_graph import GraphSpec, graphs, played
from tests.support.profiles import examples
from tests.support.shown import html

START = "2026-11-23T00:00Z"


def nothing() -> None:
    """A body."""


def play(graph: rd.Graph, **asked: object) -> rd.Simulation:
    options: dict[str, object] = {"start": START, "until": "1d", "default_duration": "10m"}
    return rd.simulate(graph, **(options | asked))  # type: ignore[arg-type]


def path(course: rd.Simulation, dag: str) -> list[str]:
    """A critical path in short: link, name, begin-end, waiting time."""
    return [
        f"{step.link}: {step.name} {step.start:%H:%M}-{step.end:%H:%M} waited {step.waited}"
        for step in course.critical_path(dag)
        if step.start is not None and step.end is not None
    ]


def shop() -> rd.Graph:
    """ingest at 2 -> orders & users -> mart (extract, load) -> report in a batch; a waiter for ingest."""
    graph = rd.Graph("shop")
    orders, users, mart = (graph.dataset(uri) for uri in ("orders", "users", "mart"))
    graph.dag("ingest", schedule="0 2 * * *", outlets=[orders])(nothing)
    build = graph.dag("build", on=(orders & users))
    build.add(nothing, "extract")
    build.add(nothing, "quick")
    build.add(nothing, "load", after=["extract", "quick"], outlets=[mart])
    graph.dag("report", on=rd.updated(mart).batch(10, max_wait="5m"))(nothing)
    waiter = graph.dag("waiter", schedule="0 1 * * *")
    waiter.wait_for("ingest", match="same_day", id="w", timeout="6h")
    waiter.add(nothing, "go", after=["w"])
    return graph


def day(**asked: object) -> rd.Simulation:
    return play(shop(), sources={"users": rd.cron("30 1 * * *")}, durations={"quick": "1m", "load": "20m"}, **asked)


# ------------------------------------------------------------------------------------------ critical path


def test_critical_path_through_tasks_a_window_and_causes() -> None:
    assert path(day(), "report") == [
        ": tick 2026-11-23T02:00:00Z 02:00-02:00 waited 0:00:00",
        "caused by: ingest.nothing 02:00-02:10 waited 0:00:00",
        "caused by: build.extract 02:10-02:20 waited 0:00:00",
        "needs: build.load 02:20-02:40 waited 0:00:00",
        "window: report.nothing 02:45-02:55 waited 0:05:00",
    ]


def test_critical_path_through_a_wait() -> None:
    course = day()
    assert path(course, "waiter") == [
        ": tick 2026-11-23T02:00:00Z 02:00-02:00 waited 0:00:00",
        "caused by: ingest.nothing 02:00-02:10 waited 0:00:00",
        "awaits: waiter.w 01:00-02:10 waited 1:10:00",
        "needs: waiter.go 02:10-02:20 waited 0:00:00",
    ]
    steps = course.critical_path("waiter")
    assert [step.kind for step in steps] == ["tick", "task", "wait", "task"]
    assert steps[-1].run == course.runs_of("waiter")[0].key
    assert steps.waited.total_seconds() == 4200


def test_critical_path_of_a_wait_that_was_over_when_it_began() -> None:
    course = play(shop(), durations={"ingest": "1m"}, default_duration="5m").what_if(rd.delay("waiter", "5h"))
    assert path(course, "waiter") == [
        ": tick 2026-11-23T01:00:00Z 01:00-01:00 waited 0:00:00",
        "caused by: waiter.w 06:00-06:00 waited 0:00:00",
        "needs: waiter.go 06:00-06:05 waited 0:00:00",
    ]


def test_critical_path_from_an_event_from_outside() -> None:
    late = day().what_if(rd.delay("users", "5h"))
    assert path(late, "build")[0] == ": event of users 06:30-06:30 waited 0:00:00"


def test_critical_path_through_a_place_among_active_runs() -> None:
    graph = rd.Graph("slots")
    graph.dag("a", schedule="0 1-3 * * *", max_active_runs=1)(nothing)
    assert path(play(graph, default_duration="90m"), "a") == [
        ": tick 2026-11-23T01:00:00Z 01:00-01:00 waited 0:00:00",
        "caused by: a.nothing 01:00-02:30 waited 0:00:00",
        "slot: a.nothing 02:30-04:00 waited 0:00:00",
        "slot: a.nothing 04:00-05:30 waited 0:00:00",
    ]


def test_critical_path_through_the_past_of_a_task() -> None:
    graph = rd.Graph("past")
    dag = graph.dag("a", schedule="0 1,2 * * *")
    dag.add(nothing, "t", depends_on_past=True)
    assert path(play(graph, default_duration="90m"), "a") == [
        ": tick 2026-11-23T01:00:00Z 01:00-01:00 waited 0:00:00",
        "caused by: a.t 01:00-02:30 waited 0:00:00",
        "past: a.t 02:30-04:00 waited 0:00:00",
    ]


def test_critical_path_through_a_failed_wait_and_a_completed_task() -> None:
    graph = rd.Graph("failed")
    up = graph.dag("up", schedule="0 1 * * *")
    up.add(nothing, "one")
    up.add(nothing, "two", after=["one"])
    graph.dag("early", on=rd.completed("up", task="one"))(nothing)
    down = graph.dag("down", schedule="0 1 * * *")
    down.wait_for("up", task="one", id="w", timeout="6h")
    course = play(graph)
    assert path(course, "early")[1] == "caused by: up.one 01:00-01:10 waited 0:00:00"
    bad = course.what_if(rd.fail("up.one"))
    assert bad.runs_of("down")[0].state == "failed"
    assert path(bad, "down")[-2:] == [
        "caused by: up.one 01:00-01:10 waited 0:00:00",
        "awaits: down.w 01:00-01:10 waited 0:10:00",
    ]


def test_critical_path_of_a_delay_shows_as_waiting() -> None:
    late = day().what_if(rd.delay("build.load", "1h"))
    assert path(late, "build")[-1] == "needs: build.load 03:20-03:40 waited 1:00:00"


def test_critical_path_of_a_run_that_never_ends() -> None:
    graph = rd.Graph("never")
    graph.dag("a", schedule="0 3 * * *").wait_for("b", id="w")
    graph.dag("b", schedule="0 5 * * *").add(nothing, "t")
    steps = play(graph).critical_path("a")
    assert [(step.name, step.end is None) for step in steps] == [("tick 2026-11-23T03:00:00Z", False), ("a.w", True)]
    assert "critical path to a 2026-11-23T03:00Z, is running" in str(steps)


def test_critical_path_asks_by_dag_run_or_key() -> None:
    graph = rd.Graph("two")
    a = graph.dag("a", schedule="0 1,2 * * *")(nothing)
    graph.dag("b", on=rd.completed("a", states="failed"))(nothing)
    course = play(graph)
    first, last = course.runs_of("a")
    assert course.critical_path(a).run == course.critical_path("a").run == last
    assert course.critical_path(first).run == course.critical_path(first.key).run == first
    assert course.what_if(rd.delay("a", "1h")).critical_path(first).run.key == first.key
    with pytest.raises(UnknownId, match="DAG 'b' never ran in this course"):
        course.critical_path("b")
    with pytest.raises(UnknownId, match="no DAG 'c' in graph 'two'"):
        course.critical_path("c")


@settings(max_examples=examples(60), deadline=None)
@given(graphs())
def test_critical_path_law(spec: GraphSpec) -> None:
    """Each step ended by when the next went on, the last one is the run's end, and the first came from nowhere."""
    course = played(spec)
    for run, row in course.trace.rows.items():
        way = hops(course.trace, run)
        for before, after in pairwise(way):
            wait = after.link == "awaits"
            assert before.end is not None
            assert before.end <= ((after.end if wait else after.start) or before.end)
            assert after.waited >= 0
        assert way[0].point.kind in ("tick", "event", "silence")
        assert row.ended is None or not row.tasks or way[-1].end == row.ended
        assert len({hop.point for hop in way}) == len(way)


# ----------------------------------------------------------------------------------------------- timeline


def test_timeline_says_what_each_task_waited_for() -> None:
    rows = [
        (f"{row.dag}.{row.task}", f"{row.start:%H:%M}", f"{row.end:%H:%M}", row.state, row.waited_for)
        for row in day().timeline()
        if row.end is not None
    ]
    assert rows == [
        ("waiter.w", "01:00", "02:10", "success", "ingest"),
        ("ingest.nothing", "02:00", "02:10", "success", "tick 2026-11-23T02:00:00Z"),
        ("waiter.go", "02:10", "02:20", "success", "waiter.w"),
        ("build.extract", "02:10", "02:20", "success", "ingest.nothing"),
        ("build.quick", "02:10", "02:11", "success", "ingest.nothing"),
        ("build.load", "02:20", "02:40", "success", "build.extract"),
        ("report.nothing", "02:45", "02:55", "success", "build.load"),
    ]


def test_timeline_draws_bars() -> None:
    text = str(day().timeline("build"))
    lines = text.splitlines()
    assert lines[0] == "timeline of 3 tasks, 11-23 02:10 to 11-23 02:40 UTC"
    assert "██████████ " in lines[2] and lines[4].count("█") > 2 * lines[2].count("█") - 3
    picture = html(day().timeline())
    folded = picture[picture.index("<details>") :]
    assert folded.count("<tr>") == 8 and folded.count("<rect") == 7 and "<script" not in picture


def test_timeline_of_an_empty_course() -> None:
    course = play(rd.Graph("empty"))
    assert str(course.timeline()) == "timeline: nothing ran" and not course.timeline()
    assert html(course.timeline()) and not course.pending() and course.runs == []


def test_timeline_escapes_what_it_shows() -> None:
    graph = rd.Graph("escape")
    graph.dag("<b>", schedule="0 1 * * *")(nothing)
    picture = html(play(graph))
    assert "&lt;b&gt;" in picture and "<b>.nothing" not in picture


# ---------------------------------------------------------------------------------------------- unfinished


def test_pending_lists_waits_queues_pasts_and_triggers() -> None:
    graph = rd.Graph("stuck")
    users, orders = graph.dataset("users"), graph.dataset("orders")
    graph.dag("join", on=users & orders)(nothing)
    graph.dag("never", schedule="0 5 * * *", start="2026-12-01").add(nothing, "t")
    one = graph.dag("one", schedule="0 1,2 * * *", max_active_runs=1)
    one.wait_for("never", id="w")
    past = graph.dag("past", schedule="0 1,2 * * *")
    past.wait_for("never", id="w")
    past.add(nothing, "t", after=["w"], depends_on_past=True)
    late = graph.dag("late", schedule="0 3,4 * * *")
    late.add(nothing, "t", depends_on_past=True)
    graph.dag("held", schedule="0 6 * * *", paused=True)(nothing)
    course = play(graph, sources={users: rd.every("8h")}).what_if(rd.fail("late.t"))
    found = {(row.kind, row.dag, row.task, row.why) for row in course.pending()}
    assert found >= {
        ("wait", "one", "w", "awaits 2026-11-23T01:00:00Z: no run yet; the schedule awaited never has such a date"),
        ("queued", "one", "", "queued behind the DAG's active runs (max_active_runs=1)"),
        ("trigger", "join", "", "holds 3 of rd.updated('users'), nothing of rd.updated('orders')"),
        ("past", "late", "t", "waits for its own success in the run before (depends_on_past)"),
        ("queued", "held", "", "1 firing held: the DAG is paused"),
    }
    assert course.runs_of("late")[1].state == "running"
    assert [run.state for run in course.runs_of("one")] == ["running", "queued"]
    assert str(course.pending()).startswith(f"{len(course.pending())} unfinished\n")


def test_pending_of_a_course_in_which_all_ended() -> None:
    course = day()
    assert not course.pending() and str(course.pending()) == "everything came to its end"


# ----------------------------------------------------------------------------------------------------- show


def test_everything_can_be_shown_and_sent() -> None:
    course = day()
    late = course.what_if(rd.delay("ingest", "2h"))
    for shown in (course.timeline(), course.critical_path("report"), course.pending(), late.compare()):
        assert json.loads(json.dumps(shown.to_json())) is not None
        assert html(shown).startswith('<div class="rd">')
        console = Console(width=200, record=True, file=None, quiet=True)
        console.print(shown)
        assert shown.title.split()[0] in str(shown)
    rows = json.loads(json.dumps(course.timeline().to_json()))
    assert rows[0] == {
        "dag": "waiter", "run": course.runs_of("waiter")[0].key, "task": "w", "start": "2026-11-23T01:00:00Z",
        "end": "2026-11-23T02:10:00Z", "state": "success", "waited_for": "ingest",
        "assumed": False,
    }  # fmt: skip


def test_a_place_that_came_from_nowhere_has_nothing_before_it() -> None:
    trace = day().trace
    assert trace.before(Point("tick", 0)) is None


def test_rows_say_in_short_what_they_are() -> None:
    graph = rd.Graph("reprs")
    graph.dag("job", schedule="@daily").add(lambda: None, id="t")
    base = rd.simulate(graph, start="2026-11-23T00:00Z", until="1h", default_duration="10m")
    (row,), change = base.timeline(), base.what_if(rd.delay("job", "5m")).compare(base)[0]
    assert "task='t', start=2026-11-23T00:00:00Z, end=2026-11-23T00:10:00Z, state='success'" in repr(row)
    assert "logical_date=2026-11-23T00:00:00Z, kind='later', by=0:05:00" in repr(change)
    step = repr(base.critical_path(base.runs[0])[-1])
    assert "end=2026-11-23T00:10:00Z" in step and "datetime" not in step
