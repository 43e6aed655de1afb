"""R10: the next round of a run, and what becomes of the items that it makes."""

from __future__ import annotations

import pytest

import reactive_dag as rd
from reactive_dag.model.records import Published, RunRequested, TaskFinished
from tests.support.engines import kill, live, of_kind, opened, parts, records_of, states, verify


class Switch:
    """What bodies do: fail or give a number, as the test says."""

    def __init__(self) -> None:
        self.fails: set[str] = set()
        self.ran: list[str] = []
        self.given = 0

    def __call__(self, name: str) -> int:
        self.ran.append(name)
        if name in self.fails:
            raise ValueError(f"{name} fails")
        self.given += 1
        return self.given


def chain(switch: Switch) -> rd.Graph:
    """One DAG of three tasks in a row, started by hand."""
    graph = rd.Graph("rounds")
    dag = graph.dag("job")
    dag.add(lambda run: switch("a"), id="a")
    dag.add(lambda run: switch("b"), id="b", after=["a"])
    dag.add(lambda run: switch("c"), id="c", after=["b"])
    return graph


def rounds_of(run: rd.Run, task: str) -> list[tuple[int, int, str]]:
    return [(each.round, each.number, each.state) for each in run.tasks[task].attempts]


def test_R10_the_next_round_of_a_run_has_its_key_and_does_all_again() -> None:
    switch = Switch()
    with live(chain(switch)) as engine:
        run = engine.start("job", logical_date="2026-11-20").wait()
        key, date = run.key, run.logical_date
        assert engine.rerun(run) == run
        run.wait()
        assert (run.key, run.logical_date, run.round, run.state) == (key, date, 2, "success")
        assert switch.ran == ["a", "b", "c"] * 2
        assert rounds_of(run, "a") == [(1, 1, "success"), (2, 1, "success")]
        assert run.tasks["a"].output == 4
        assert len(engine.runs()) == 1 and len(of_kind(engine, RunRequested)) == 1


def test_R10_only_failed_keeps_recorded_successes() -> None:
    switch = Switch()
    switch.fails = {"b"}
    with live(chain(switch)) as engine:
        run = engine.start("job").wait()
        assert (run.state, run.tasks["c"].state) == ("failed", "upstream_failed")
        switch.fails = set()
        engine.rerun(run, only="failed").wait()
        assert (run.state, run.round, switch.ran) == ("success", 2, ["a", "b", "b", "c"])
        assert (rounds_of(run, "a"), run.tasks["a"].output) == ([(1, 1, "success")], 1)
        assert rounds_of(run, "b") == [(1, 1, "failed"), (2, 1, "success")]
        with pytest.raises(rd.UsageError, match="no task of it failed"):
            engine.rerun(run, only="failed")


def test_R10_a_skipped_task_is_done_again_only_behind_a_failed_one() -> None:
    switch, graph = Switch(), rd.Graph("rounds")
    dag = graph.dag("job")

    def skips() -> None:
        switch.ran.append("skips")
        raise rd.SkipTask("nothing there")

    dag.add(skips, id="skips")
    dag.add(lambda run: switch("behind"), id="behind", after=["skips"])
    dag.add(lambda run: switch("fails"), id="fails")
    dag.add(lambda run: switch("join"), id="join", after=["behind", "fails"], trigger_rule="all_failed")
    switch.fails = {"fails"}
    with live(graph) as engine:
        run = engine.start("job").wait()
        assert {task.id: task.state for task in run.tasks.values()} == {
            "skips": "skipped", "behind": "skipped", "fails": "failed", "join": "upstream_failed",
        }  # fmt: skip
        switch.fails, switch.ran = set(), []
        engine.rerun(run, only="failed").wait()
        assert switch.ran == ["fails"]
        assert run.tasks["join"].state == "skipped"


def test_R10_named_tasks_are_done_again_with_what_follows() -> None:
    switch = Switch()
    with live(chain(switch)) as engine:
        run = engine.start("job").wait()
        engine.rerun(run, tasks=["b"]).wait()
        assert switch.ran == ["a", "b", "c", "b", "c"]
        assert [rounds_of(run, task) for task in "ab"] == [[(1, 1, "success")], [(1, 1, "success"), (2, 1, "success")]]
        engine.rerun(run, tasks="c").wait()
        assert rounds_of(run, "c") == [(1, 1, "success"), (2, 1, "success"), (3, 1, "success")]
        assert (run.tasks["a"].output, run.round) == (1, 3)


def test_R10_a_follower_gets_what_was_kept() -> None:
    graph, seen = rd.Graph("rounds"), []
    dag = graph.dag("job")
    dag.add(lambda run: {"rows": [1, 2]}, id="a")

    @dag.task
    def b(a, run):
        seen.append((a, run.round, run.attempt))

    with live(graph) as engine:
        run = engine.start("job").wait()
        engine.rerun(run, tasks=[b]).wait()
        assert seen == [({"rows": [1, 2]}, 1, 1), ({"rows": [1, 2]}, 2, 1)]


def test_R10_a_rerun_of_a_run_that_has_not_ended_waits_until_it_has() -> None:
    switch = Switch()
    with live(chain(switch), runner=None) as engine:
        run = engine.start("job")
        engine.run_until_idle()
        engine.rerun(run)
        engine.run_until_idle()
        assert (run.state, run.round) == ("queued", 1)
    graph = rd.Graph("rounds")
    dag = graph.dag("job")

    @dag.task
    def a(run):
        switch("a")
        if run.round == 1:
            engine.rerun(run.key)
            assert engine.run(run.key).round == 1

    with live(graph) as engine:
        run = engine.start("job").wait()
        engine.run_until_idle()
        assert (run.round, run.state, switch.ran) == (2, "success", ["a", "a"])


def test_R10_rounds_that_are_asked_for_happen_one_after_the_other() -> None:
    switch = Switch()
    with live(chain(switch)) as engine:
        run = engine.start("job").wait()
        for _ in range(3):
            engine.rerun(run)
        run.wait()
        assert (run.round, switch.ran.count("a")) == (4, 4)


def test_R10_once_is_not_repeated_in_a_later_round() -> None:
    graph, done = rd.Graph("rounds"), []

    @graph.dag
    def job(run):
        return run.once("effect", lambda: done.append(run.round) or len(done))

    with live(graph) as engine:
        run = engine.start("job").wait()
        engine.rerun(run).wait()
        assert (done, run.tasks["job"].output) == ([1], 1)


def test_R10_a_round_takes_the_definition_of_its_start() -> None:
    switch = Switch()
    graph = chain(switch)
    with live(graph) as engine:
        run = engine.start("job").wait()
        graph.dags["job"].add(lambda run: switch("d"), id="d", after=["a"])
        switch.ran = []
        engine.rerun(run, tasks=["c"]).wait()
        assert sorted(switch.ran) == ["c", "d"]
        assert rounds_of(run, "d") == [(2, 1, "success")]


def test_R10_a_round_that_is_queued_can_be_cancelled_and_leaves_the_run_as_it_was() -> None:
    switch = Switch()
    graph = chain(switch)
    with live(graph) as engine:
        run = engine.start("job").wait()
        engine.pause("job")
        engine.rerun(run)
        engine.run_until_idle()
        assert (run.state, run.round, engine.runs(state="success"), engine.runs(state="queued")) == (
            "queued", 2, [], [run],
        )  # fmt: skip
        engine.cancel(run)
        engine.run_until_idle()
        assert (run.state, run.round, engine.runs(state="success")) == ("success", 1, [run])
        engine.rerun(run)
        engine.resume("job")
        run.wait()
        assert (run.state, run.round) == ("success", 2)


def test_R10_a_running_round_can_be_cancelled_and_done_again() -> None:
    graph = rd.Graph("rounds")

    @graph.dag
    def job(run):
        if run.round == 2:
            engine.cancel(run.key)
        return run.round

    with live(graph) as engine:
        run = engine.start("job").wait()
        engine.rerun(run).wait()
        assert (run.state, run.tasks["job"].state) == ("cancelled", "cancelled")
        engine.rerun(run, only="failed").wait()
        assert (run.state, run.tasks["job"].output) == ("success", 3)


def test_R10_a_round_takes_a_place_of_max_active_runs() -> None:
    graph = rd.Graph("rounds")

    @graph.dag(max_active_runs=1, schedule="0 * * * *")
    def job(run):
        return run.round

    with live(graph) as engine:
        engine.advance("2h")
        first = engine.runs("job")[-1]
        engine.rerun(first).wait()
        assert first.tasks["job"].output == 2 and states(engine, "job") == ["success"] * 2


@pytest.mark.parametrize(
    ("arguments", "error", "text"),
    [
        ({"only": "success"}, rd.InvalidValue, "only='success' is unknown"),
        ({"only": "failed", "tasks": ["a"]}, rd.UsageError, "not both"),
        ({"tasks": ["aa"]}, rd.UnknownId, "no task 'aa'.*did you mean 'a'"),
        ({"tasks": []}, rd.InvalidValue, "names none"),
        ({"downstream": "yes"}, rd.InvalidValue, "neither True nor False"),
        ({"only": "failed"}, rd.UsageError, "no task of it failed"),
    ],
)
def test_R10_nonsense_is_refused_at_the_call(arguments: dict, error: type, text: str) -> None:
    with live(chain(Switch())) as engine:
        run = engine.start("job").wait()
        before = len(records_of(engine))
        with pytest.raises(error, match=text):
            engine.rerun(run, **arguments)
        assert len(records_of(engine)) == before
        with pytest.raises(rd.UnknownId):
            engine.rerun("nothing")


def test_R10_a_run_of_a_removed_dag_has_no_next_round() -> None:
    graph = chain(Switch())
    with live(graph) as engine:
        run = engine.start("job").wait()
        graph.remove("job")
        with pytest.raises(rd.UsageError, match="not declared any more"):
            engine.rerun(run)


# ------------------------------------------------------------------------------------------------- items


def downstream(switch: Switch, on: object = None) -> rd.Graph:
    """A DAG that publishes, one that follows it, one that follows its dataset, one that follows its failure."""
    graph = rd.Graph("rounds")
    mart = graph.dataset("mart")

    @graph.dag(outlets=[mart])
    def make(run):
        rows = switch("make")
        run.publish(mart, extra={"rows": rows})

    graph.dag("after", on=rd.completed(make)).add(lambda run: switch("after"), id="t")
    graph.dag("reads", on=mart if on is None else on(mart)).add(lambda run: [e.extra for e in run.events], id="t")
    graph.dag("alarm", on=rd.completed(make, states="failed")).add(lambda run: switch("alarm"), id="t")
    return graph


def test_R10_what_was_consumed_is_not_delivered_again() -> None:
    with live(downstream(Switch())) as engine:
        run = engine.start("make").wait()
        engine.run_until_idle()
        engine.rerun(run).wait()
        engine.run_until_idle()
        assert [len(engine.runs(dag)) for dag in ("make", "after", "reads", "alarm")] == [1, 1, 1, 0]
        assert engine.pending("after").parts[0].delivered == engine.pending("reads").parts[0].delivered == 1


def test_R10_what_a_trigger_never_had_is_delivered() -> None:
    switch = Switch()
    switch.fails = {"make"}
    with live(downstream(switch)) as engine:
        run = engine.start("make").wait()
        engine.run_until_idle()
        assert [len(engine.runs(dag)) for dag in ("after", "reads", "alarm")] == [0, 0, 1]
        engine.rerun(run).wait()
        engine.run_until_idle()
        assert [len(engine.runs(dag)) for dag in ("after", "reads", "alarm")] == [0, 0, 1]
        switch.fails = set()
        for _ in range(2):
            engine.rerun(run, only=None).wait()
            engine.run_until_idle()
            assert [len(engine.runs(dag)) for dag in ("after", "reads", "alarm")] == [1, 1, 1]


def test_R10_what_a_trigger_still_holds_is_replaced() -> None:
    with live(downstream(Switch(), lambda mart: rd.updated(mart).batch(count=2))) as engine:
        run = engine.start("make").wait()
        engine.run_until_idle()
        engine.rerun(run).wait()
        engine.run_until_idle()
        part = engine.pending("reads").parts[0]
        assert (part.delivered, part.pending, [event.extra["rows"] for event in part.items]) == (1, 1, [3])
        engine.start("make").wait()
        engine.run_until_idle()
        (found,) = engine.runs("reads")
        assert found.tasks["t"].output == [{"rows": 3}, {"rows": 4}]


def test_R10_what_a_pause_holds_is_replaced() -> None:
    with live(downstream(Switch())) as engine:
        engine.pause("reads")
        run = engine.start("make").wait()
        engine.run_until_idle()
        engine.rerun(run).wait()
        engine.resume("reads")
        engine.run_until_idle()
        (found,) = engine.runs("reads")
        assert found.tasks["t"].output == [{"rows": 3}]


def test_R10_what_was_dropped_is_delivered_again() -> None:
    with live(downstream(Switch(), lambda mart: rd.updated(mart).where(lambda e: e.extra["rows"] > 2))) as engine:
        run = engine.start("make").wait()
        engine.run_until_idle()
        assert engine.runs("reads") == []
        engine.rerun(run).wait()
        engine.run_until_idle()
        (found,) = engine.runs("reads")
        assert found.tasks["t"].output == [{"rows": 3}]


def test_R10_keys_of_a_later_round_are_no_duplicates() -> None:
    graph = rd.Graph("rounds")
    mart = graph.dataset("mart")

    @graph.dag(outlets=[mart])
    def make(run):
        run.publish(mart, key="one", extra={"round": run.round})

    graph.dag("reads", on=rd.updated(mart).batch(count=2)).add(lambda run: len(run.events), id="t")
    with live(graph) as engine:
        first = engine.start("make").wait()
        other = engine.start("make").wait()
        engine.rerun(first).wait()
        engine.rerun(other).wait()
        events = of_kind(engine, Published)
        assert [(event.run, event.extra["round"]) for event in events] == [(first._offset, 1), (first._offset, 2)]
        part = engine.pending("reads").parts[0]
        assert (part.delivered, part.pending) == (1, 1)


def test_R10_a_join_that_a_failure_left_open_is_completed_by_a_rerun() -> None:
    switch, graph = Switch(), rd.Graph("rounds")
    for name in ("left", "right"):
        graph.dag(name, schedule="0 * * * *").add(lambda run, name=name: switch(name), id="t")
    graph.dag("merge", on=rd.completed("left") & rd.completed("right")).add(lambda run: switch("merge"), id="t")
    switch.fails = {"left"}
    with live(graph) as engine:
        engine.advance("1h")
        (failed,) = engine.runs("left")
        assert engine.runs("merge") == []
        switch.fails = set()
        engine.rerun(failed).wait()
        engine.run_until_idle()
        (merged,) = engine.runs("merge")
        assert merged.logical_date == failed.logical_date


# ------------------------------------------------------------------------------------------------- restarts


@pytest.mark.parametrize("store", [None, "sqlite"])
def test_R10_rounds_outlive_a_crash(store: str | None, tmp_path) -> None:
    switch = Switch()
    switch.fails = {"b"}
    graph, path = chain(switch), f"sqlite:///{tmp_path}/rounds.db"
    engine = opened(graph, path)
    run = engine.start("job").wait()
    engine.pause("job")
    engine.rerun(run, only="failed")
    engine.rerun(run, tasks=["c"])
    engine.run_until_idle()
    key = run.key
    kill(engine)
    switch.fails = set()
    with live(graph, path) as engine:
        run = engine.run(key)
        assert (run.state, run.round) == ("queued", 2)
        engine.resume("job")
        run.wait()
        assert (run.state, run.round, switch.ran) == ("success", 3, ["a", "b", "b", "c", "c"])
        assert rounds_of(run, "c") == [(2, 1, "success"), (3, 1, "success")]
        assert parts(engine).log.durable
        verify(engine)
    with live(graph, path) as engine:
        run = engine.run(key)
        assert [rounds_of(run, task) for task in "ab"] == [[(1, 1, "success")], [(1, 1, "failed"), (2, 1, "success")]]
        ended = [record for record in of_kind(engine, TaskFinished) if record.task == "a"]
        assert len(ended) == 1
