"""Two moments: what a task publishes is recorded with its success, a run's completion when it ends (R3)."""

from __future__ import annotations

import pytest

import reactive_dag as rd
from reactive_dag.model.records import Published, RunFinished, TaskFinished
from tests.support.engines import kill, live, of_kind, offset_of, opened, outputs, parts, states


def two_steps(body=None, **options):
    graph = rd.Graph("outlets")
    a, b = graph.dataset("a"), graph.dataset("b")
    dag = graph.dag("job")
    dag.add(body or (lambda run: None), id="first", outlets=[a, b], **options)
    dag.add(lambda run: None, id="second", after=["first"])
    return graph


def kinds(engine):
    names = []
    for record in of_kind(engine, Published, TaskFinished, RunFinished):
        name = record.dataset if isinstance(record, Published) else getattr(record, "task", None) or record.dag
        names.append(f"{type(record).__name__} {name}")
    return names


def test_R3_an_outlets_event_comes_with_the_tasks_success_and_the_completion_with_the_runs_end():
    with live(two_steps()) as engine:
        run = engine.start("job")
        engine.run_until_idle()
        assert kinds(engine) == [
            "TaskFinished first", "Published a", "Published b", "TaskFinished second", "RunFinished job"
        ]  # fmt: skip
        event = engine.events("a")[0]
        assert (event.kind, event.extra, event.run, event.task, event.key) == ("updated", None, run.key, "first", None)


def test_R3_an_outlets_event_is_in_the_commit_of_the_success(tmp_path):
    engine = opened(two_steps(), tmp_path / "s.db")
    engine.start("job")
    commits = []
    flush = parts(engine).log._write_pending
    parts(engine).log._write_pending = lambda batch: (commits.append(list(batch.records)), flush(batch))
    engine.run_until_idle()
    holding = [commit for commit in commits if any(isinstance(record, Published) for record in commit)]
    assert len(holding) == 1
    assert any(isinstance(record, TaskFinished) and record.task == "first" for record in holding[0])
    engine.close()


def test_R3_n_calls_are_n_events_no_call_is_one_and_unchanged_is_none():
    def body(run):
        how = run.events[0].key
        if how == "calls":
            for n in range(3):
                run.publish("a", extra={"n": n})
            run.unchanged("b")
        elif how == "both":
            run.publish("a", kind="deleted", extra=[1])
            run.unchanged("a")

    with live(two_steps(body)) as engine:
        for how in ("calls", "both", "none"):
            engine.start("job", key=how)
        engine.run_until_idle()
        told = [(record.dataset, record.n, record.kind, record.extra) for record in of_kind(engine, Published)]
        assert told == [
            ("a", 0, "updated", {"n": 0}), ("a", 1, "updated", {"n": 1}), ("a", 2, "updated", {"n": 2}),
            ("a", 0, "deleted", [1]), ("b", 0, "updated", None),
            ("a", 0, "updated", None), ("b", 0, "updated", None),
        ]  # fmt: skip


@pytest.mark.parametrize("end", [rd.FailTask("x"), rd.SkipTask("x"), "late", "cancelled"], ids=str)
def test_R3_what_an_attempt_buffered_is_gone_unless_it_succeeds(end):
    def body(run):
        run.publish("a")
        if end == "late":
            parts(engine).fold.clock.advance_to(parts(engine).fold.clock.now() + 11 * 60 * 10**9)
        elif end == "cancelled":
            engine.cancel(run)
        else:
            raise end

    with live(two_steps(body, timeout="10m")) as engine:
        run = engine.start("job")
        engine.run_until_idle()
        assert run.state in ("failed", "skipped", "cancelled")
        assert engine.events("a") == engine.events("b") == []


def test_R3_only_the_attempt_that_succeeds_publishes():
    def body(run):
        run.publish("a", extra=run.attempt)
        if run.attempt < 3:
            raise ValueError("again")

    with live(two_steps(body, retries=2)) as engine:
        engine.start("job")
        engine.run_until_idle()
        assert [event.extra for event in engine.events("a")] == [3]


@pytest.mark.parametrize("call", ["publish", "unchanged"])
def test_R3_an_undeclared_outlet_fails_the_attempt(call):
    def body(run):
        getattr(run, call)("c")

    graph = two_steps(body)
    graph.dataset("c")
    with live(graph) as engine:
        run = engine.start("job")
        engine.run_until_idle()
        assert run.tasks["first"].state == "failed"
        assert "UndeclaredOutlet" in run.error and "outlets=['c']" in run.error


@pytest.mark.parametrize(
    "given",
    [{"partition": "north"}, {"kind": "made"}, {"key": 3}, {"extra": print}, {"logical_date": "2026-11-23T00:00"}],
)
def test_R3_a_wrong_publish_fails_the_attempt_and_records_nothing(given):
    graph = rd.Graph("outlets")
    a = graph.dataset("a", partitions=rd.day())

    @graph.dag(outlets=[a])
    def job(run):
        run.publish(a)
        run.publish(a, **given)

    with live(graph) as engine:
        run = engine.start(job, logical_date="now")
        engine.run_until_idle()
        assert run.state == "failed" and "InvalidValue" in run.error
        assert engine.events(a) == []


def test_R3_engine_publish_inside_a_body_is_an_outside_publish():
    def body(run):
        engine.publish("a", extra=run.attempt)
        if run.attempt == 1:
            raise ValueError("again")
        run.unchanged("a")

    with live(two_steps(body, retries=1)) as engine:
        engine.start("job")
        engine.run_until_idle()
        assert [(record.n, record.run) for record in of_kind(engine, Published)][:2] == [(0, -1), (1, -1)]
        assert len(engine.events("a")) == 2


@pytest.mark.parametrize("tasks", [1, 2])
def test_R3_the_outlets_of_a_dag_are_recorded_with_its_success(tasks):
    graph = rd.Graph("outlets")
    mart = graph.dataset("mart")
    dag = graph.dag("job", outlets=[mart])
    for n in range(tasks):
        dag.add(lambda run: run.events[0].extra and 1 / 0, id=f"t{n}")
    graph.dag("report", on=mart)(outputs_nothing)
    with live(graph) as engine:
        engine.start("job", logical_date="2026-11-23")
        engine.start("job", payload="fail")
        engine.run_until_idle()
        assert states(engine, "job") == ["success", "failed"]
        (event,) = engine.events(mart)
        assert (event.run, event.task) == (engine.runs("job", state="success")[0].key, None)
        assert states(engine, "report") == ["success"]
        order = [type(record).__name__ for record in of_kind(engine, RunFinished, Published)]
        assert order.index("RunFinished") < order.index("Published")


def outputs_nothing(run):
    return None


def test_R3_completions_carry_results_by_task():
    graph = two_steps(lambda run: 7)

    @graph.dag(on=rd.completed("job", task="first"))
    def early(run):
        return [run.results, run.events[0].kind, run.events[0].task]

    @graph.dag(on=rd.completed("job"))
    def late(run):
        return run.results

    with live(graph) as engine:
        engine.start("job")
        engine.run_until_idle()
        assert outputs(engine, "early") == [[{"job": {"first": 7}}, "completed", "first"]]
        assert outputs(engine, "late") == [{"job": {"first": 7, "second": None}}]
        early_run, late_run = engine.runs("early")[0], engine.runs("late")[0]
        assert early_run._offset < late_run._offset


def test_R3_a_retried_failure_is_no_completion_of_the_task():
    def body(run):
        if run.attempt < 3:
            raise ValueError("again")

    graph = two_steps(body, retries=2)
    graph.dag("any", on=rd.completed("job", task="first", states="any"))(outputs_nothing)
    with live(graph) as engine:
        engine.start("job")
        engine.run_until_idle()
        assert [run.events[0].state for run in engine.runs("any")] == ["success"]


def test_R3_upstream_failed_is_a_final_state_of_a_task():
    graph = rd.Graph("outlets")
    dag = graph.dag("job")
    dag.add(lambda run: 1 / 0, id="first")
    dag.add(lambda run: None, id="second", after=["first"])
    graph.dag("sorry", on=rd.completed("job", task="second", states="upstream_failed"))(outputs_nothing)
    with live(graph) as engine:
        engine.start("job")
        engine.run_until_idle()
        assert [run.events[0].state for run in engine.runs("sorry")] == ["upstream_failed"]


def test_R3_a_result_that_comes_after_a_crash_publishes_once(tmp_path):
    store = tmp_path / "s.db"
    engine = opened(two_steps(), store)
    engine.start("job")
    while parts(engine).turn.run():
        pass
    parts(engine).runner.run_next()  # the body has run, and its result is in no commit
    kill(engine)
    with live(two_steps(), store) as engine:
        engine.run_until_idle()
        assert len(engine.events("a")) == 1
        assert engine.runs("job")[0].tasks["first"].attempts[-1].number == 2


def test_nothing_of_a_body_can_be_asked_outside_of_it():
    with live(two_steps()) as engine:
        run = engine.start("job")
        before = offset_of(engine)
        for ask in (lambda: run.publish("a"), lambda: run.unchanged("a"), lambda: run.once("x", dict), lambda: run.log):
            with pytest.raises(rd.UsageError, match="body"):
                ask()
        assert offset_of(engine) == before
