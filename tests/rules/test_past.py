"""`depends_on_past`: a task waits for its own success in the run before (R14)."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import reactive_dag as rd
from reactive_dag.model.records import RunStarted, TaskStarted
from tests.support.engines import kill, live, of_kind, opened, states, verify
from tests.support.profiles import examples


def nothing(run):
    return None


# ------------------------------------------------------------------------------------------------------ R14


def past(**options):
    graph = rd.Graph("runs")
    fail_on = options.pop("fail_on", ())

    @graph.dag(schedule="0 0 * * *", depends_on_past=True, **options)
    def job(run):
        if f"{run.logical_date:%d}" in fail_on:
            raise rd.SkipTask("no rows") if options.get("description") else ValueError("broken")

    return graph


def test_R14_the_first_run_is_exempt_and_each_waits_for_the_one_before():
    with live(past()) as engine:
        engine.advance("3d")
        assert states(engine, "job") == ["success"] * 3


def test_R14_a_failed_past_is_waited_for_while_the_run_is_running():
    with live(past(fail_on=["25"])) as engine:
        engine.advance("4d")
        assert states(engine, "job") == ["success", "failed", "running", "running"]
        assert [run.tasks["job"].state for run in engine.runs("job")[:2]] == ["waiting"] * 2


def test_R14_a_skipped_past_satisfies():
    with live(past(fail_on=["25"], description="skips")) as engine:
        engine.advance("4d")
        assert states(engine, "job") == ["success", "skipped", "success", "success"]


def test_R14_a_success_of_the_past_lets_the_next_go_on():
    graph = rd.Graph("runs")
    dag = graph.dag("job", schedule="0 0 * * *")
    up = dag.wait_for("gate", timeout="30d")
    dag.add(nothing, id="work", after=[up], depends_on_past=True)
    gate = graph.dag("gate")
    gate.add(nothing, id="open")
    with live(graph) as engine:
        engine.advance("2d")
        engine.start("gate", logical_date="2026-11-25")
        engine.run_until_idle()
        assert states(engine, "job") == ["running", "running"], "the second could go, and the first has not yet"
        engine.start("gate", logical_date="2026-11-24")
        engine.run_until_idle()
        assert states(engine, "job") == ["success", "success"]
        first, second = reversed(engine.runs("job"))
        assert first._offset < second._offset


def test_R14_queued_runs_start_in_order_of_date():
    graph = rd.Graph("runs")
    dag = graph.dag("job", max_active_runs=1)
    dag.add(nothing, id="work", depends_on_past=True)
    with live(graph) as engine:
        engine.pause("job")
        for day in ("2026-11-25", "2026-11-20", "2026-11-24"):
            engine.start("job", logical_date=day)
        engine.run_until_idle()
        engine.resume("job")
        engine.run_until_idle()
        begun = [record.logical_date for record in of_kind(engine, RunStarted)]
        assert begun == sorted(begun) and states(engine, "job") == ["success"] * 3


def test_R14_a_run_that_is_only_requested_counts():
    graph = rd.Graph("runs")
    dag = graph.dag("job", max_active_runs=1)
    up = dag.wait_for("gate", timeout="30d", missing="wait", logical_date=["2026-01-01"])
    dag.add(nothing, id="strict", after=[up], depends_on_past=True)
    graph.dag("gate").add(nothing, id="open")
    with live(graph) as engine:
        late = engine.start("job", logical_date="2026-11-25")
        engine.run_until_idle()
        early = engine.start("job", logical_date="2026-11-24")
        engine.run_until_idle()
        assert (late.state, early.state) == ("running", "queued"), "a wait under way holds the place"
        engine.start("gate", logical_date="2026-01-01")
        engine.run_until_idle()
        ends = [run.tasks["strict"].attempts[0].ended for run in (early, late)]
        assert states(engine, "job") == ["success"] * 2 and ends == sorted(ends)
        order = [record.run for record in of_kind(engine, TaskStarted) if record.task == "strict"]
        assert order == [early._offset, late._offset]


def failing_on(days, **options):
    graph = rd.Graph("runs")

    @graph.dag(schedule="0 0 * * *", depends_on_past=True, **options)
    def job(run):
        if f"{run.logical_date:%d}" in days:
            raise ValueError("broken")

    return graph


@pytest.mark.parametrize("restart", [False, True])
def test_R14_gives_its_place_back_so_that_the_cure_can_run(restart, tmp_path):
    """One failure; what waits for it holds no place, and a start of its date lets all go on, in order."""
    days = ["25"]
    store, clock = tmp_path / "s.db", rd.VirtualClock("2026-11-23T00:00Z")
    engine = opened(failing_on(days, max_active_runs=1), store, clock=clock)
    engine.advance("5d")
    assert states(engine, "job") == ["success", "failed", "running", "running", "running"]
    if restart:
        kill(engine)
        engine = opened(failing_on(days, max_active_runs=1), store, clock=clock)
        engine.run_until_idle()
        assert states(engine, "job")[2:] == ["running"] * 3
    days.clear()
    cure = engine.start("job", logical_date="2026-11-25")
    engine.run_until_idle()
    assert cure.state == "success" and states(engine, "job") == ["success", "failed", *["success"] * 4]
    dates = {run._offset: run.logical_date for run in engine.runs("job")}
    order = [dates[record.run] for record in of_kind(engine, TaskStarted)]
    assert order == sorted(order), "nothing overtakes"
    verify(engine)
    engine.close()


def test_R14_gives_its_place_back_only_where_nothing_executes():
    graph = rd.Graph("runs")
    dag = graph.dag("job", max_active_runs=1)
    dag.add(fails_on_the_20th, id="strict", depends_on_past=True)
    dag.wait_for("gate", id="slow", timeout="30d", missing="wait")
    with live(graph) as engine:
        for day in ("2026-11-20", "2026-11-21"):
            engine.start("job", logical_date=day)
        engine.run_until_idle()
        assert states(engine, "job") == ["running", "queued"], "a wait is under way in the first"
        engine.cancel(engine.runs("job")[1])
        engine.start("job", logical_date="2026-11-22")
        engine.run_until_idle()
        assert states(engine, "job") == ["cancelled", "running", "queued"], "one in the second too"


def fails_on_the_20th(run):
    if f"{run.logical_date:%d}" == "20":
        raise ValueError("broken")


def test_R14_pending_why_and_tasks_name_what_is_waited_for():
    with live(failing_on(["25"])) as engine:
        engine.advance("4d")
        last, waiting, failed, _ = engine.runs("job")
        text = f"waits for its own success in the run of 2026-11-25T00:00:00Z (failed, {failed.key[:8]})"
        assert waiting.tasks["job"].state == "waiting" and text in waiting.tasks["job"].error
        assert [wait.run for wait in engine.pending("job").waits] == [waiting.key, last.key]
        assert text in str(engine.pending("job")) and text in str(engine.why(waiting))
        assert f"(running, {waiting.key[:8]})" in last.tasks["job"].error


def test_R14_waits_before_it_is_skipped_too_and_a_skipped_one_passes_the_question_on():
    graph = rd.Graph("runs")
    dag = graph.dag("job")

    def first(run):
        if f"{run.logical_date:%d}" == "21":
            raise rd.SkipTask("no rows")
        if f"{run.logical_date:%d}" == "20":
            raise ValueError("broken")

    dag.add(first, id="first")
    dag.add(nothing, id="strict", after=["first"], depends_on_past=True)
    with live(graph) as engine:
        for day in ("2026-11-20", "2026-11-21", "2026-11-22"):
            engine.start("job", logical_date=day)
        engine.run_until_idle()
        assert states(engine, "job") == ["failed", "running", "running"]
        assert [run.tasks["strict"].state for run in engine.runs("job")[:2]] == ["waiting", "waiting"]


def test_R14_upstream_failed_does_not_wait_and_undated_runs_are_exempt():
    graph = rd.Graph("runs")
    dag = graph.dag("job")
    dag.add(fails_always, id="first")
    dag.add(nothing, id="strict", after=["first"], depends_on_past=True)
    with live(graph) as engine:
        for day in ("2026-11-20", "2026-11-21", None):
            engine.start("job", logical_date=day)
        engine.run_until_idle()
        assert states(engine, "job") == ["failed"] * 3


def fails_always(run):
    raise ValueError("broken")


@settings(deadline=None, max_examples=examples(40))
@given(
    st.lists(st.tuples(st.integers(10, 16), st.sampled_from(["success", "success", "failed", "skipped"])), max_size=10),
    st.sampled_from([None, 1, 2]), st.lists(st.booleans(), min_size=1, max_size=4),
)  # fmt: skip
def test_R14_nothing_overtakes_and_nothing_hangs(starts, limit, settled):
    """Whatever is started in whatever order: each run that ran the task had its past well, and all others wait."""
    graph = rd.Graph("runs")
    outcome, ran = {}, []

    @graph.dag(depends_on_past=True, max_active_runs=limit)
    def job(run):
        ran.append(run.key)
        if outcome[run.key] == "failed":
            raise ValueError("broken")
        if outcome[run.key] == "skipped":
            raise rd.SkipTask("no rows")

    with live(graph) as engine:
        for number, (day, end) in enumerate(starts):
            run = engine.start("job", logical_date=f"2026-11-{day}")
            outcome[run.key] = end
            if settled[number % len(settled)]:
                engine.run_until_idle()
        engine.run_until_idle()
        runs = list(reversed(engine.runs("job")))
        newest = {run.logical_date: run for run in runs}
        for run in runs:
            assert run.state != "queued"
            below = sorted(date for date in newest if date < run.logical_date)
            while below and newest[below[-1]].state == "skipped":
                below.pop()
            well = not below or newest[below[-1]].state == "success"
            assert run.done or not well, "it could go on"
            assert run.done == (run.key in ran)
