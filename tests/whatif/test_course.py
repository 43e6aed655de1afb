"""What happens in a course: what lies before its start, what after its end, sources, delays, failures, one seed."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import reactive_dag as rd
from reactive_dag.declare.internals import version_of
from reactive_dag.model.errors import UsageError
from reactive_dag.model.records import AnyRecord, Published
from tests.laws.test_same_graph import GraphSpec, graphs, played
from tests.support.profiles import examples

START = "2026-11-23T00:00Z"


def nothing() -> None:
    """A body."""


def play(graph: rd.Graph, **asked: object) -> rd.Simulation:
    options: dict[str, object] = {"start": START, "until": "1d", "default_duration": "10m"}
    return rd.simulate(graph, **(options | asked))  # type: ignore[arg-type]


def ran(course: rd.Simulation, dag: str) -> list[str]:
    """When the runs of a DAG began and ended, and how."""
    return [
        f"{run.started:%d %H:%M}-{run.ended:%d %H:%M} {run.state}" if run.ended is not None else run.state
        for run in course.runs_of(dag)
    ]


def records(course: rd.Simulation) -> list[AnyRecord]:
    log = course.trace.fold.log
    return log.read(0, log.next_offset)


def one_dag(schedule: str, **options: object) -> rd.Graph:
    graph = rd.Graph("one")
    graph.dag("a", schedule=schedule, **options)(nothing)  # type: ignore[arg-type]
    return graph


# ------------------------------------------------------------------------------------- before and after


def test_before_the_start_no_tick_is_missed() -> None:
    graph = one_dag("0 */6 * * *", start="2026-11-01", catchup="all")
    assert ran(play(graph), "a") == [f"23 {h:02}:00-23 {h:02}:10 success" for h in (0, 6, 12, 18)]


def test_a_tick_at_the_start_is_one_and_a_tick_at_the_end_is_none() -> None:
    course = play(one_dag("0 0 * * *"))
    assert ran(course, "a") == ["23 00:00-23 00:10 success"]
    assert course.runs[0].logical_date is not None and f"{course.runs[0].logical_date:%d %H:%M}" == "23 00:00"
    assert course.timeline()[0].start.microsecond == 0


def test_what_was_begun_goes_on_after_the_end_with_what_follows() -> None:
    graph = one_dag("50 23 * * *")
    graph.dag("b", on=rd.completed("a").batch(max_wait="1h"))(nothing)
    course = play(graph, default_duration="45m")
    assert ran(course, "a") == ["23 23:50-24 00:35 success"]
    assert ran(course, "b") == ["24 01:35-24 02:20 success"]


def test_a_retry_goes_on_after_the_end() -> None:
    graph = one_dag("50 23 * * *", retries=1, retry_delay="3h")
    assert ran(play(graph).what_if(rd.fail("a")), "a") == ["23 23:50-24 03:10 failed"]


def test_a_run_that_times_out_does_so_after_the_end() -> None:
    """Nothing else of it would end by itself: its wait has no timeout, its function never gives something true."""
    graph = one_dag("0 2 * * *")
    for name, options in (("waits", {"timeout": "30m"}), ("looks", {})):
        graph.dag(name, schedule="50 23 * * *", **options)  # type: ignore[arg-type]
    graph.dags["waits"].wait_for("a", logical_date="24h", id="w", missing="wait")
    graph.dags["looks"].wait_until(lambda: False, id="u", timeout="40m")
    course = play(graph, outputs={"u": False})
    assert ran(course, "waits") == ["23 23:50-24 00:20 failed"] and ran(course, "looks") == ["23 23:50-24 00:30 failed"]


def test_after_the_end_silence_is_none() -> None:
    graph = rd.Graph("silence")
    users = graph.dataset("users")
    graph.dag("seen", on=users)(nothing)
    graph.dag("quiet", on=rd.absent(users, for_="2h"))(nothing)
    graph.dag("quiet_at", on=rd.absent(users, at=rd.cron("15 1-23/2 * * *")))(nothing)
    course = play(graph, sources={users: rd.cron("30 0-20 * * *")})
    assert ran(course, "quiet") == ["23 22:30-23 22:40 success"]
    assert ran(course, "quiet_at") == ["23 23:15-23 23:25 success"]


def test_a_wait_for_an_earlier_date_succeeds_at_once() -> None:
    graph = one_dag("0 2 * * *")
    dag = graph.dag("b", schedule="0 3 * * *")
    dag.wait_for("a", logical_date="25h", id="w", timeout="1h")
    dag.add(nothing, "t", after=["w"])
    assert ran(play(graph), "b") == ["23 03:00-23 03:10 success"]


def test_a_wait_for_an_earlier_date_that_no_clock_has_never_ends() -> None:
    graph = one_dag("0 2 * * *")
    dag = graph.dag("b", schedule="0 3 * * *")
    dag.wait_for("a", logical_date="24h", id="w")
    course = play(graph)
    assert ran(course, "b") == ["running"]
    assert [(row.kind, row.task, row.why) for row in course.pending()] == [
        ("wait", "w", "awaits 2026-11-22T03:00:00Z: no run yet; the schedule awaited never has such a date")
    ]


@pytest.mark.parametrize("match", ["exact", "latest", "same_day"])
def test_a_producer_without_a_clock_counts_as_a_source(match: str) -> None:
    graph = rd.Graph("source")
    graph.dag("by_hand").add(nothing, "t")
    dag = graph.dag("b", schedule="0 3 * * *")
    dag.wait_for("by_hand", match=match, id="w")
    assert ran(play(graph), "b") == ["23 03:00-23 03:00 success"]


def test_a_wait_for_the_latest_run_of_a_dag_that_data_starts() -> None:
    graph = rd.Graph("latest")
    users = graph.dataset("users")
    graph.dag("fed", on=users)(nothing)
    for hour in (1, 5):
        graph.dag(f"b{hour}", schedule=f"30 {hour} * * *").wait_for("fed", match="latest", id="w", timeout="9h")
    course = play(graph, sources={users: rd.cron("20 5 * * *")}, durations={"fed": "1h"})
    assert ran(course, "b1") == ["23 01:30-23 01:30 success"]
    assert ran(course, "b5") == ["23 05:30-23 06:20 success"]


def test_an_undated_run_may_wait_for_the_latest_one() -> None:
    graph = one_dag("0 2 * * *")
    users = graph.dataset("users")
    dag = graph.dag("b", on=rd.absent(users, for_="90m"))
    dag.wait_for("a", match="latest", id="w", timeout="9h")
    assert ran(play(graph), "b") == ["23 01:30-23 01:30 success"]


# ------------------------------------------------------------------------------------------------ sources


def test_sources_publish_with_their_tick_as_date_and_its_partition() -> None:
    graph = rd.Graph("sources")
    users = graph.dataset("users", partitions=rd.day("Europe/Berlin"))
    graph.dag("a", on=users)(nothing)
    course = play(graph, sources={users: rd.cron("30 22,23 * * *") | rd.daily("23:30")})
    assert [(run.logical_date and f"{run.logical_date:%d %H:%M}", run.partition) for run in course.runs] == [
        ("23 22:30", "2026-11-23"),
        ("23 23:30", "2026-11-24"),
    ]


def test_sources_of_a_dataset_that_a_dag_publishes_too() -> None:
    graph = rd.Graph("sources")
    users = graph.dataset("users")
    graph.dag("a", schedule="0 1 * * *", outlets=[users])(nothing)
    graph.dag("b", on=users)(nothing)
    course = play(graph, sources={users: rd.cron("0 2 * * *")})
    assert len(course.runs_of("b")) == 2


def test_a_dataset_that_nothing_publishes_is_a_problem() -> None:
    graph = rd.Graph("lacks")
    graph.dag("a", on=rd.updated("orders") | rd.updated("users"))(nothing)
    assert [p.ids[0] for p in play(graph).problems() if p.kind == "no_producer"] == ["orders", "users"]
    course = play(graph, sources={"users": rd.every("6h")})
    assert [p.ids[0] for p in course.problems() if p.kind == "no_producer"] == ["orders"]
    assert len(course.runs) == 4


# ------------------------------------------------------------------------------------------------- delays


def test_delay_of_a_dag_moves_its_runs_and_no_date() -> None:
    course = play(one_dag("0 2 * * *"))
    late = course.what_if(rd.delay("a", "2h"))
    assert ran(late, "a") == ["23 04:00-23 04:10 success"]
    assert late.runs[0].key == course.runs[0].key
    assert late.runs[0].logical_date == course.runs[0].logical_date
    assert f"{late.runs[0].requested:%H:%M}" == "02:00"
    assert ran(late.what_if(rd.delay("a", "30m")), "a") == ["23 04:30-23 04:40 success"], "delays add up"


def test_delay_past_the_end_still_runs_what_was_requested_before() -> None:
    graph = one_dag("0 23 * * *")
    graph.dag("b", on=rd.completed("a"))(nothing)
    late = play(graph).what_if(rd.delay("a", "3h"))
    assert ran(late, "a") == ["24 02:00-24 02:10 success"] and ran(late, "b") == ["24 02:10-24 02:20 success"]
    assert not late.pending()


def test_delay_of_a_dag_keeps_its_limit_and_order() -> None:
    graph = one_dag("0 2,3 * * *", max_active_runs=1)
    late = play(graph, default_duration="90m").what_if(rd.delay("a", "1h"))
    assert ran(late, "a") == ["23 03:00-23 04:30 success", "23 04:30-23 06:00 success"]


def test_delay_of_a_task_moves_its_first_attempt_only() -> None:
    graph = rd.Graph("task")
    dag = graph.dag("a", schedule="0 2 * * *")
    dag.add(nothing, "one")
    dag.add(nothing, "two", after=["one"], retries=1, retry_delay="5m")
    late = play(graph).what_if(rd.delay("two", "1h"), rd.fail("two"))
    assert [(n.started and f"{n.started:%H:%M}") for n in late.runs[0].tasks["two"].attempts] == ["03:10", "03:25"]


def test_delay_of_a_wait_begins_it_later() -> None:
    graph = one_dag("0 2 * * *")
    dag = graph.dag("b", schedule="0 2 * * *")
    dag.wait_for("a", id="w", timeout="30m")
    course = play(graph, durations={"a": "40m"})
    assert ran(course, "b") == ["23 02:00-23 02:30 failed"]
    assert ran(course.what_if(rd.delay("b.w", "20m")), "b") == ["23 02:00-23 02:40 success"]


def test_delay_of_a_dataset_moves_outside_events_and_no_date() -> None:
    graph = rd.Graph("late")
    users = graph.dataset("users", partitions=rd.day())
    graph.dag("a", on=users)(nothing)
    late = play(graph, sources={users: rd.cron("0 23 * * *")}).what_if(rd.delay(users, "3h"))
    assert ran(late, "a") == ["24 02:00-24 02:10 success"]
    assert late.runs[0].partition == "2026-11-23"


def test_delay_of_nothing_changes_nothing() -> None:
    graph = one_dag("0 2 * * *")
    course = play(graph)
    assert records(course.what_if(rd.delay("a", "0"))) == records(course)


# -------------------------------------------------------------------------------------- durations, failures


def test_duration_replaces_what_was_given() -> None:
    graph = rd.Graph("task")
    dag = graph.dag("a", schedule="0 2 * * *")
    dag.add(nothing, "one")
    dag.add(nothing, "two", after=["one"])
    course = play(graph, durations={"a.one": "5m"})
    assert ran(course.what_if(rd.duration("a.one", "1h")), "a") == ["23 02:00-23 03:10 success"]
    both = course.what_if(rd.duration("a", "1h"), rd.duration(dag.tasks["two"], "2h"))
    assert ran(both, "a") == ["23 02:00-23 05:00 success"]


def test_fail_always_uses_up_the_retries() -> None:
    graph = one_dag("0 2 * * *", retries=2, retry_delay="1m", backoff="exponential")
    graph.dag("ok", on=rd.completed("a"))(nothing)
    graph.dag("alert", on=rd.completed("a", states="failed"))(nothing)
    bad = play(graph).what_if(rd.fail("a"))
    attempts = bad.runs_of("a")[0].tasks["nothing"].attempts
    assert [(a.number, a.state, f"{a.started:%H:%M}", f"{a.ended:%H:%M}") for a in attempts] == [
        (1, "failed", "02:00", "02:10"), (2, "failed", "02:11", "02:21"), (3, "failed", "02:23", "02:33"),
    ]  # fmt: skip
    assert ran(bad, "ok") == [] and ran(bad, "alert") == ["23 02:33-23 02:43 success"]
    assert ran(bad.what_if(rd.fail("a", p=0)), "a") == ["23 02:00-23 02:10 success"], "the last one counts"


def test_fail_makes_what_needs_it_upstream_failed_and_other_branches_go_on() -> None:
    graph = rd.Graph("branches")
    dag = graph.dag("a", schedule="0 2 * * *", outlets=["whole"])
    for name, after in (("one", []), ("two", ["one"]), ("other", [])):
        dag.add(nothing, name, after=after, outlets=[f"set_{name}"])
    bad = play(graph).what_if(rd.fail("a.one"))
    assert {id: task.state for id, task in bad.runs[0].tasks.items()} == {
        "one": "failed", "two": "upstream_failed", "other": "success",
    }  # fmt: skip
    assert [r.dataset for r in records(bad) if isinstance(r, Published)] == ["set_other"]
    row = next(row for row in bad.timeline() if row.task == "two")
    assert row.start == row.end and row.state == "upstream_failed"


def test_fail_by_chance_is_drawn_from_the_seed() -> None:
    graph = one_dag("*/5 * * * *")
    share = []
    for seed in (0, 1):
        bad = play(graph, seed=seed).what_if(rd.fail("a", p=0.3))
        again = play(graph, seed=seed).what_if(rd.fail("a", p=0.3))
        states = [run.state for run in bad.runs]
        assert states == [run.state for run in again.runs]
        share.append(states)
    assert share[0] != share[1]
    assert all(0.2 < states.count("failed") / len(states) < 0.4 for states in share)


def test_fail_by_chance_falls_on_the_same_attempts_whatever_else_changes() -> None:
    graph = one_dag("*/5 * * * *")
    graph.dag("b", schedule="*/7 * * * *")(nothing)

    def failed(course: rd.Simulation) -> set[str]:
        return {run.key for run in course.runs_of("a") if run.state == "failed"}

    bad = play(graph).what_if(rd.fail("a", p=0.3))
    other = bad.what_if(rd.fail("b", p=0.5), rd.delay("b", "3m"), rd.duration("a", "1m"))
    assert failed(bad) == failed(other)
    graph.dag("c", schedule="* * * * *")(nothing)
    assert failed(bad) == failed(play(graph).what_if(rd.fail("a", p=0.3)))
    assert failed(bad) < failed(play(graph).what_if(rd.fail("a", p=0.5))), "a higher chance takes those and more"


def test_a_timeout_ends_an_attempt() -> None:
    graph = one_dag("0 2 * * *", timeout="15m", retries=1, retry_delay="5m")
    course = play(graph, default_duration="15m")
    assert ran(course, "a") == ["23 02:00-23 02:35 failed"]
    assert [a.error for a in course.runs[0].tasks["nothing"].attempts] == ["timed out after 15m"] * 2
    assert ran(play(graph, default_duration="14m59s"), "a") == ["23 02:00-23 02:14 success"]


def test_a_function_that_raises_parks_its_items() -> None:
    graph = rd.Graph("fault")
    users = graph.dataset("users")
    graph.dag("a", on=rd.updated(users).where(lambda event: event.extra["rows"] > 0))(nothing)
    course = play(graph, sources={users: rd.every("8h")})
    (row,) = course.pending()
    assert (row.kind, row.why) == ("fault", "a function raised on 3 items: they are parked")


def test_W54_parked_items_are_none_that_a_trigger_holds() -> None:
    graph = rd.Graph("fault")
    users, orders = graph.dataset("users"), graph.dataset("orders")
    bad = rd.updated(users).where(lambda event: event.extra["rows"] > 0)
    graph.dag("a", on=bad & rd.updated(orders))(nothing)
    course = play(graph, sources={users: rd.every("8h"), orders: rd.every("12h")})
    held = f"holds 2 of {rd.updated(orders)!r}, nothing of {bad!r}"
    assert [row.why for row in course.pending()] == ["a function raised on 3 items: they are parked", held]
    stranded = [row.why for row in course.stranded() if row.event == "orders"]
    assert stranded == [f"waits for {bad!r}"] * 2


# ----------------------------------------------------------------------------------------------- courses


@settings(max_examples=examples(25), deadline=None)
@given(graphs(), st.integers(0, 3))
def test_law_the_same_question_gives_the_same_course(spec: GraphSpec, seed: int) -> None:
    """Record for record, bit for bit."""
    chance = rd.fail("d0.t0", p=0.5)
    one, two = (played(spec).what_if(chance) for _ in range(2))
    assert msgspec.msgpack.encode(records(one)) == msgspec.msgpack.encode(records(two))
    assert one.timeline().to_json() == two.timeline().to_json()
    assert one.compare().to_json() == two.compare().to_json()


def test_a_course_is_over() -> None:
    course = play(one_dag("0 2 * * *"))
    with pytest.raises(UsageError, match="nothing more happens in a finished course"):
        course.runs[0].wait()
    assert course.run(course.runs[0].key[:8]) == course.runs[0]
    assert "tick" in str(course.why(course.runs[0]))


def test_a_course_leaves_the_graph_as_it_was() -> None:
    graph = one_dag("0 2 * * *")
    before, version = graph.to_json(), version_of(graph)
    play(graph).what_if(rd.delay("a", "1h"), rd.fail("a")).compare()
    assert (graph.to_json(), version_of(graph)) == (before, version)


def test_what_if_is_named_and_knows_its_parent() -> None:
    base = play(one_dag("0 2 * * *"))
    late = base.what_if(rd.delay("a", "2h"), name="late")
    later = late.what_if(rd.delay("a", "1h"))
    assert (base.label, late.label, later.label) == ("base", "late", "rd.delay('a', '2h'), rd.delay('a', '1h')")
    assert later.parent is late and later.interventions == (rd.delay("a", "2h"), rd.delay("a", "1h"))
    assert repr(late).startswith(
        "<Simulation 'one' 'late' 2026-11-23T00:00:00Z to 2026-11-24T00:00:00Z, 1 run (incremental)>"
    )
    with pytest.raises(UsageError, match="came from no other"):
        base.compare()


def test_a_task_with_a_failed_need_does_not_begin_when_the_others_end_well() -> None:
    graph = rd.Graph("one")
    dag = graph.dag("a", schedule="0 2 * * *")
    for name, after in (("bad", []), ("good", []), ("long", []), ("last", ["bad", "good"])):
        dag.add(nothing, name, after=after)
    durations = {"bad": "5m", "good": "10m", "long": "1h", "last": "1m"}
    found = rd.simulate(graph, start="2026-11-23T00:00Z", until="1d", durations=durations).what_if(rd.fail("bad"))
    assert {id: task.state for id, task in found.runs[0].tasks.items()} == {
        "bad": "failed", "good": "success", "long": "success", "last": "upstream_failed",
    }  # fmt: skip


def test_R4_a_skip_beside_tasks_that_end_later() -> None:
    """What follows a skipped task and another is judged when the other has ended."""
    graph = rd.Graph("skip")
    dag = graph.dag("job", schedule="0 2 * * *")
    never = dag.wait_for("never", missing="wait", timeout="5m", soft_fail=True, id="never")
    dag.add(nothing, "first")
    dag.add(nothing, "slow", after=["first"])
    dag.add(nothing, "join", after=[never, "slow"])
    dag.add(nothing, "behind", after=["join", "first"])
    (run,) = play(graph).runs
    assert {id: task.state for id, task in run.tasks.items()} == {
        "never": "skipped", "first": "success", "slow": "success", "join": "skipped", "behind": "skipped",
    }  # fmt: skip
    assert f"{run.ended:%H:%M}" == "02:20"
