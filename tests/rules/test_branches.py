"""Branches choose which of those that follow them run; joins behind them still may (R7, R4)."""

from __future__ import annotations

import itertools

import pytest

import reactive_dag as rd
from tests.support.engines import kill, live, opened, parts


def branching(choice: object, **options: object) -> rd.Graph:
    """`pick` chooses among `left`, `right` and `join`; `behind` follows `left`, `join` follows the other two."""
    graph = rd.Graph("branches")
    dag = graph.dag("job")
    dag.add(choice if callable(choice) else lambda: choice, id="pick", branch=True, **options)
    dag.add(lambda: "l", id="left", after="pick")
    dag.add(lambda: "r", id="right", after="pick")
    dag.add(lambda left: left + "b", id="behind")
    dag.add(lambda: "j", id="join", after=["behind", "right"], trigger_rule="none_failed")
    return graph


def ended(graph: rd.Graph) -> tuple[str, dict[str, str], rd.Run]:
    with live(graph) as engine:
        run = engine.start("job")
        engine.run_until_idle()
        return run.state, {id: task.state for id, task in run.tasks.items()}, run


SKIPPED, SUCCESS = "skipped", "success"


@pytest.mark.parametrize(
    ("choice", "left", "right"),
    [
        ("left", SUCCESS, SKIPPED), (["left"], SUCCESS, SKIPPED), (["left", "right"], SUCCESS, SUCCESS),
        ("right", SKIPPED, SUCCESS), ([], SKIPPED, SKIPPED), (None, SKIPPED, SKIPPED),
    ],
)  # fmt: skip
def test_R7_what_a_branch_does_not_choose_is_skipped_and_a_join_still_runs(choice, left, right):
    state, states, _ = ended(branching(choice))
    assert states == {"pick": SUCCESS, "left": left, "right": right, "behind": left, "join": SUCCESS}
    assert state == SUCCESS


def test_R7_a_join_that_needs_all_is_skipped_with_them():
    graph = branching("left")
    graph.dags["job"].add(lambda: "all", id="all", after=["left", "right"])
    assert ended(graph)[1]["all"] == SKIPPED


def test_R7_a_choice_may_be_a_task_and_is_recorded_as_its_id():
    graph = branching(lambda: [tasks["right"]])
    tasks = graph.dags["job"].tasks
    with live(graph) as engine:
        run = engine.start("job")
        engine.run_until_idle()
        assert run.tasks["pick"].output == ["right"] and run.tasks["left"].error == "'pick' did not choose it"


@pytest.mark.parametrize("choice", ["lfet", "behind", 7, ["left", "lfet"], {"left": 1}])
def test_R7_an_unknown_choice_fails_naming_the_followers(choice):
    with live(branching(choice)) as engine:
        run = engine.start("job")
        engine.run_until_idle()
        assert run.state == "failed" and run.tasks["left"].state == "upstream_failed"
        assert "which is none of the tasks that follow it: 'left', 'right'" in run.error
        assert "branch 'job.pick' chose " in run.error
        assert ("did you mean 'left'" in run.error) == ("lfet" in str(choice))


def test_R7_an_unknown_choice_is_retried_as_any_failure():
    graph = branching(lambda run: "left" if run.attempt > 1 else "lfet", retries=1)
    assert ended(graph)[1]["left"] == SUCCESS


def test_R7_a_task_that_also_follows_a_chosen_one_goes_by_its_rule():
    graph = rd.Graph("branches")
    dag = graph.dag("job")
    dag.add(lambda: "left", id="pick", branch=True)
    dag.add(lambda: 1, id="left", after="pick")
    dag.add(lambda: 1, id="behind", after="left")
    dag.add(lambda: 1, id="directly", after=["pick", "left"])
    dag.add(lambda: 1, id="indirectly", after=["pick", "behind"])
    dag.add(lambda: 1, id="other", after="pick")
    dag.add(lambda: 1, id="with_other", after=["pick", "left", "other"])
    states = ended(graph)[1]
    assert states == {
        "pick": SUCCESS, "left": SUCCESS, "behind": SUCCESS, "directly": SUCCESS, "indirectly": SUCCESS,
        "other": SKIPPED, "with_other": SKIPPED,
    }  # fmt: skip


@pytest.mark.parametrize("rule", ["all_success", "all_done", "one_success", "none_failed", "one_failed", "all_failed"])
def test_R7_what_is_not_chosen_is_skipped_at_once_whatever_its_rule(rule):
    graph = rd.Graph("branches")
    dag = graph.dag("job")
    dag.add(lambda run: [], id="pick", branch=True, priority=5)
    dag.add(lambda run: seen.append(run.tasks["off"].state), id="slow")
    dag.add(lambda: 1, id="off", after=["pick", "slow"], trigger_rule=rule)
    seen: list[str] = []
    assert ended(graph)[1]["off"] == SKIPPED and seen == [SKIPPED]


def test_R7_each_of_two_branches_skips_what_it_does_not_choose():
    for first, second in itertools.product(["a", "b", ["a", "b"]], repeat=2):
        graph = rd.Graph("branches")
        dag = graph.dag("job")
        dag.add(lambda given=first: given, id="one", branch=True)
        dag.add(lambda given=second: given, id="two", branch=True)
        for id in "ab":
            dag.add(lambda: 1, id=id, after=["one", "two"])
        states = ended(graph)[1]
        for id in "ab":
            assert states[id] == (SUCCESS if id in first and id in second else SKIPPED), (first, second)


@pytest.mark.parametrize(("end", "state"), [(rd.SkipTask("no"), SKIPPED), (rd.FailTask("no"), "upstream_failed")])
def test_R7_a_branch_that_chose_nothing_since_it_did_not_succeed_leaves_it_to_the_rules(end, state):
    def pick():
        raise end

    assert ended(branching(pick))[1]["left"] == state


def test_R7_a_branch_may_choose_a_mapped_task_and_be_mapped_over():
    graph = rd.Graph("branches")
    dag = graph.dag("job")
    dag.add(lambda: [1, 2], id="rows")
    dag.add(lambda: "each", id="pick", branch=True)
    dag.add(lambda rows: rows, id="each", map_over="rows", after="pick")
    dag.add(lambda rows: rows, id="others", map_over="rows", after="pick")
    with live(graph) as engine:
        run = engine.start("job")
        engine.run_until_idle()
        assert run.tasks["each"].output == [1, 2] and run.tasks["others"].state == SKIPPED


def test_R7_what_is_not_chosen_waits_for_its_past_before_it_is_skipped():
    graph = rd.Graph("branches")
    dag = graph.dag("job")
    dag.add(lambda run: "off" if run.local_date.day == 1 else [], id="pick", branch=True)

    def off(run):
        raise ValueError("no")

    dag.add(off, after="pick", depends_on_past=True)
    with live(graph) as engine:
        engine.start("job", logical_date="2026-11-01")
        second = engine.start("job", logical_date="2026-11-02")
        engine.run_until_idle()
        assert second.tasks["off"].state == "waiting"


@pytest.mark.parametrize("snapshot", [False, True])
def test_R7_a_choice_holds_after_a_restart(tmp_path, snapshot):
    graph = branching("left")
    graph.dags["job"].add(lambda run: (run.attempt > 1 and run.task) or 1 / 0, id="slow", retries=1, retry_delay="5m")
    graph.dags["job"].add(lambda: 1, id="late", after=["pick", "slow", "left"], trigger_rule="all_done")
    graph.dags["job"].add(lambda: 1, id="off", after=["pick", "slow"], trigger_rule="all_done")
    store = f"sqlite:///{tmp_path / 's.db'}"
    engine = opened(graph, store)
    key = engine.start("job").key
    with parts(engine).loop.driving():
        parts(engine).loop.settle()
    if snapshot:
        parts(engine).turn.snapshot_at = -(10**9)
        engine.publish(graph.dataset("x"))
        with parts(engine).loop.driving():
            parts(engine).loop.settle()
    kill(engine)
    with live(graph, store) as again:
        again.run_until_idle()
        states = {id: task.state for id, task in again.run(key).tasks.items()}
        assert states["off"] == states["right"] == SKIPPED
        assert states["late"] == states["left"] == states["slow"] == SUCCESS


def test_R15_a_branch_that_nothing_follows_is_refused():
    graph = rd.Graph("branches")
    graph.dag("job").add(lambda: None, id="pick", branch=True)
    with pytest.raises(rd.GraphError, match=r"'job.pick' is a branch, and no task follows it"):
        graph.check()
    with pytest.raises(rd.InvalidValue, match="branch must be True or False, not 1"):
        rd.Dag("x").add(lambda: None, id="pick", branch=1)


def test_R7_a_branch_goes_through_json():
    graph = branching("left")
    assert rd.Graph.from_json(graph.to_json()).dags["job"].tasks["pick"].branch
