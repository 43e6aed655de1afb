"""What follows from how tasks end: trigger rules, run states, cancellation (R4), priority (R5)."""

from __future__ import annotations

import pytest

import reactive_dag as rd
from tests.support.engines import live, outputs, parts, states

RULES = (
    "all_success",
    "all_done",
    "one_success",
    "one_failed",
    "none_failed",
    "all_failed",
    "none_failed_min_one_success",
)

EXPECTED = {
    # how the two needs end: the state of the task that follows, rule by rule, in the order of RULES
    ("success", "success"): "success success success skipped success skipped success",
    ("success", "failed"): "upstream_failed success success success upstream_failed upstream_failed upstream_failed",
    ("failed", "failed"): "upstream_failed success upstream_failed success upstream_failed success upstream_failed",
    ("success", "skipped"): "skipped success success skipped success skipped success",
    ("skipped", "skipped"): "skipped success skipped skipped success skipped skipped",
    ("failed", "skipped"): "upstream_failed success upstream_failed success upstream_failed upstream_failed "
    "upstream_failed",
}  # fmt: skip


def body(state):
    def work(run):
        if state == "failed":
            raise rd.FailTask("as asked")
        if state == "skipped":
            raise rd.SkipTask("as asked")
        return state

    return work


@pytest.mark.parametrize("ends", EXPECTED, ids="-".join)
def test_R4_every_trigger_rule(ends):
    graph = rd.Graph("rules")
    for rule in RULES:
        dag = graph.dag(rule)
        needs = [dag.add(body(state), id=f"need{n}") for n, state in enumerate(ends)]
        dag.add(lambda run: "went", id="then", after=needs, trigger_rule=rule)
    with live(graph) as engine:
        runs = [engine.start(rule) for rule in RULES]
        engine.run_until_idle()
        assert " ".join(run.tasks["then"].state for run in runs) == EXPECTED[ends]


def test_R4_what_needs_a_failed_task_is_upstream_failed_and_independent_branches_go_on():
    graph = rd.Graph("rules")
    dag = graph.dag("job")
    bad = dag.add(body("failed"), id="bad")
    good = dag.add(body("success"), id="good")
    dag.add(body("success"), id="after_bad", after=bad)
    dag.add(body("success"), id="behind", after="after_bad")
    dag.add(body("success"), id="after_good", after=good)
    with live(graph) as engine:
        run = engine.start("job")
        engine.run_until_idle()
        assert {id: task.state for id, task in run.tasks.items()} == {
            "bad": "failed", "good": "success", "after_bad": "upstream_failed", "behind": "upstream_failed",
            "after_good": "success",
        }  # fmt: skip
        assert run.state == "failed"
        assert run.error.startswith("bad: FailTask: as asked")


@pytest.mark.parametrize(
    ("last", "state"),
    [(("success", "skipped"), "success"), (("skipped", "skipped"), "skipped"), (("success",), "success")],
)
def test_R4_a_run_is_skipped_if_all_its_last_tasks_are(last, state):
    graph = rd.Graph("rules")
    dag = graph.dag("job")
    first = dag.add(body("success"), id="first")
    for n, each in enumerate(last):
        dag.add(body(each), id=f"last{n}", after=first)
    with live(graph) as engine:
        run = engine.start("job")
        engine.run_until_idle()
        assert run.state == state


def test_R4_a_failure_that_was_handled_is_still_a_failed_run():
    graph = rd.Graph("rules")
    dag = graph.dag("job")
    bad = dag.add(body("failed"), id="bad")
    dag.add(body("success"), id="clean_up", after=bad, trigger_rule="all_done")
    with live(graph) as engine:
        run = engine.start("job")
        engine.run_until_idle()
        assert (run.tasks["clean_up"].state, run.state) == ("success", "failed")


def test_R4_dependents_fire_for_the_states_that_they_name():
    graph = rd.Graph("rules")
    graph.dag("ok")(body("success"))
    graph.dag("bad")(body("failed"))
    graph.dag("skip")(body("skipped"))
    for dag in ("ok", "bad", "skip"):
        graph.dag(f"{dag}_good", on=rd.completed(dag))(body("success"))
        graph.dag(f"{dag}_failed", on=rd.completed(dag, states="failed"))(body("success"))
        graph.dag(f"{dag}_any", on=rd.completed(dag, states="any"))(body("success"))
    with live(graph) as engine:
        for dag in ("ok", "bad", "skip"):
            engine.start(dag)
        engine.run_until_idle()
        ran = sorted(run.dag for run in engine.runs() if "_" in run.dag)
        assert ran == ["bad_any", "bad_failed", "ok_any", "ok_good", "skip_any"]


def test_R4_a_cancelled_run_fires_for_cancelled_and_any():
    graph = rd.Graph("rules")
    dag = graph.dag("job", max_active_runs=1)
    dag.add(body("success"), id="first")
    up = dag.wait_for("never", missing="wait", match="latest", timeout="1d")
    dag.add(body("success"), id="then", after=[up])
    graph.dag("never")(body("success"))
    for states_, name in (("success", "good"), ("cancelled", "gone"), ("any", "every")):
        graph.dag(name, on=rd.completed("job", states=states_))(body("success"))
    with live(graph) as engine:
        run, queued = engine.start("job"), engine.start("job")
        engine.run_until_idle()
        assert (run.state, queued.state) == ("running", "queued")
        engine.cancel(queued, "not needed")
        engine.cancel(run, "enough")
        engine.run_until_idle()
        assert (run.state, queued.state) == ("cancelled", "cancelled")
        assert {id: task.state for id, task in run.tasks.items()} == {
            "first": "success", "wait_never": "cancelled", "then": "cancelled"
        }  # fmt: skip
        assert run.tasks["then"].error == "enough"
        assert sorted(run.dag for run in engine.runs() if run.dag != "job") == ["every", "every", "gone", "gone"]


def test_R4_a_run_that_is_cancelled_before_it_begins_never_begins():
    graph = rd.Graph("rules")
    seen = []

    @graph.dag
    def job(run):
        seen.append(run.key)

    with live(graph) as engine:
        run = engine.start(job)
        engine.cancel(run)
        engine.run_until_idle()
        assert (run.state, seen) == ("cancelled", [])
        engine.cancel(run)  # it has ended: nothing
        engine.run_until_idle()
        assert states(engine) == ["job cancelled"]


def test_R4_cancelling_a_queued_run_when_its_place_becomes_free():
    graph = rd.Graph("rules")
    seen = []

    @graph.dag(max_active_runs=1)
    def job(run):
        seen.append(run.events[0].key)

    with live(graph) as engine:
        runs = [engine.start(job, key=str(n)) for n in range(3)]
        engine.cancel(runs[1])
        engine.run_until_idle()
        assert [run.state for run in runs] == ["success", "cancelled", "success"]
        assert seen == ["0", "2"]


def test_R4_cancellation_runs_no_retries_and_nobody_waits_for_them():
    graph = rd.Graph("rules")

    @graph.dag(retries=3, retry_delay="1h")
    def job(run):
        raise ValueError("no")

    with live(graph) as engine:
        run = engine.start(job)
        parts(engine).loop.settle()
        assert run.tasks["job"].state == "retrying"
        engine.cancel(run)
        engine.run_until_idle(timeout=5)
        assert run.state == "cancelled"
        assert parts(engine).fold.clock.now() == parts(engine).log.last_at, "virtual time did not jump to the retry"
        assert len(run.tasks["job"].attempts) == 1


def test_R4_a_join_whose_other_part_failed_stays_pending():
    graph = rd.Graph("rules")
    a = graph.dataset("a")
    graph.dag("left", on=a)(body("success"))
    graph.dag("right", on=a)(body("failed"))
    graph.dag("merge", on=rd.completed("left") & rd.completed("right"))(body("success"))
    with live(graph) as engine:
        engine.publish(a, logical_date="2026-11-23")
        engine.run_until_idle()
        assert states(engine, "merge") == []
        why = engine.why("merge", logical_date="2026-11-23")
        assert len(why.missing) == 1 and "right" in why.missing[0]


def test_R5_higher_priority_goes_first_then_the_earlier_request():
    graph = rd.Graph("rules")
    order = []

    def noted(run):
        order.append((run.events[0].key, run.task))

    dag = graph.dag("job")
    first = dag.add(noted, id="first")
    dag.add(noted, id="low", after=first)
    dag.add(noted, id="high", after=first, priority=5)
    with live(graph) as engine:
        engine.start("job", key="a")
        engine.start("job", key="b")
        engine.run_until_idle()
    assert order == [("a", "first"), ("a", "high"), ("a", "low"), ("b", "first"), ("b", "high"), ("b", "low")]


def test_R5_priority_counts_across_dags():
    graph = rd.Graph("rules")
    order = []
    graph.dag("low")(lambda_task("low", order))
    graph.dag("high", priority=1)(lambda_task("high", order))
    with live(graph) as engine:
        engine.start("low")
        engine.start("high")
        engine.run_until_idle()
    assert order == ["high", "low"]


def lambda_task(name, order):
    def task(run):
        order.append(name)

    task.__name__ = name
    return task


def test_R8_followers_get_plain_json_of_their_own():
    graph = rd.Graph("rules")
    dag = graph.dag("job", params={"columns": ["a"]})

    @dag.task
    def rows(run):
        return ({"n": 1}, {"n": 2})

    @dag.task
    def one(rows, columns):
        rows.append("mine")
        columns.append("mine")
        return rows

    @dag.task(after=[one])
    def other(rows, columns, run):
        assert run.params == {"columns": ["a"]}
        return [rows, columns]

    with live(graph) as engine:
        run = engine.start(dag)
        engine.run_until_idle()
        assert run.tasks["rows"].output == [{"n": 1}, {"n": 2}]
        assert outputs(engine, "job", "other") == [[[{"n": 1}, {"n": 2}], ["a"]]]
