"""A body starts runs of other DAGs and waits for them (R3); live, in virtual time, after a crash, and refused."""

from __future__ import annotations

from pathlib import Path
from threading import Event, Lock

import pytest

import reactive_dag as rd
from reactive_dag.engine.tasks.flow import MOST_LOST
from reactive_dag.model.records import StartRequested, TaskFinished
from tests.support.engines import kill, live, of_kind, opened, parts


def nothing() -> None:
    """A body."""


def settle(engine: rd.Engine) -> None:
    """Do all that can be done now."""
    with parts(engine).loop.driving():
        parts(engine).loop.settle()


def family(body: object, **options: object) -> rd.Graph:
    """A DAG `parent` of one function, and a DAG `child` that doubles a number."""
    graph = rd.Graph("family")
    child = graph.dag("child", params={"n": 1})
    child.add(lambda n: 2 * n, id="double")
    graph.dag("parent", **options).add(body, id="parent")
    return graph


def test_R3_run_start_is_immediate_and_the_child_inherits_date_partition_and_cascade() -> None:
    def parent(run: rd.Run) -> list[str]:
        return [run.start("child", params={"n": 5}).key, run.start("child").key]

    graph = family(parent)
    orders = graph.dataset("orders")
    graph.dag("undated", on=orders).add(parent, id="parent")
    with live(graph) as engine:
        run = engine.start("parent", logical_date="2026-11-20", partition="x")
        engine.run_until_idle()
        children = engine.runs("child")[::-1]
        assert [child.key for child in children] == run.tasks["parent"].output
        assert [child.tasks["double"].output for child in children] == [10, 2]
        assert {(child.logical_date, child.partition) for child in children} == {(run.logical_date, "x")}
        (start, _), at = of_kind(engine, StartRequested)[1:], of_kind(engine, TaskFinished)[0].at
        assert start.at <= at and start.key == f"{run.key}/parent#0"
        (event,) = children[0].events
        assert (event.kind, event.run, event.task) == ("start", run.key, "parent")
        assert "started by parent" in str(engine.why(children[0])) and run.key[:8] in str(engine.why(children[0]))
        engine.publish(orders)
        engine.run_until_idle()
        (cause,) = engine.runs("undated")
        cascades = {row._row.cascade for row in (*engine.runs("child")[:2], cause)}
        assert len(cascades) == 1 and engine.runs("child")[0].logical_date is None


def test_R3_run_start_again_gives_the_same_child_in_retries_and_rounds() -> None:
    def parent(run: rd.Run) -> None:
        keys = [run.start("child", params={"n": 1}).key, run.start("child", key="mine").key]
        found.append(keys)
        if run.attempt == 1:
            raise ConnectionError("not now")

    found: list[list[str]] = []
    with live(family(parent, defaults={"retries": 1})) as engine:
        run = engine.start("parent")
        engine.run_until_idle()
        assert len(found) == 2 and found[0] == found[1] and len(engine.runs("child")) == 2
        engine.rerun(run)
        engine.run_until_idle()
        assert found[2] == found[0] and len(engine.runs("child")) == 2
        assert engine.start("child", key="mine").key == found[0][1], "a key of its own is the DAG's (I5)"


def test_R3_run_start_after_a_crash_gives_the_same_child_whose_success_stands(tmp_path: Path) -> None:
    gate, done = Event(), []

    def parent(run: rd.Run) -> int:
        child = run.start("child", params={"n": 4})
        if not gate.is_set():
            began.set()
            gate.wait(60)
        return child.wait().tasks["double"].output

    began = Event()
    graph = family(parent)
    graph.dags["child"].add(lambda double: done.append(double), id="once")
    first = opened(graph, tmp_path / "s.db", runner=rd.ThreadRunner(2))
    key = first.start("parent").key
    settle(first)
    assert began.wait(60)
    while not done:
        settle(first)
    child = first.runs("child")[0].key
    kill(first)
    gate.set()
    with live(graph, tmp_path / "s.db", runner=rd.ThreadRunner(2)) as engine:
        engine.run_until_idle()
        run = engine.run(key)
        assert (run.state, run.tasks["parent"].output) == ("success", 8)
        assert [attempt.state for attempt in run.tasks["parent"].attempts] == ["lost", "success"]
        assert [each.key for each in engine.runs("child")] == [child]


def test_R3_run_start_waiting_gives_worker_and_pool_slots_back() -> None:
    def parent(run: rd.Run) -> int:
        return sum(run.start("child", params={"n": n}).wait().tasks["double"].output for n in range(3))

    graph = rd.Graph("pool")
    graph.pool("one", 1)
    graph.dag("child", params={"n": 0}).add(lambda n: 2 * n, id="double", pool="one")
    graph.dag("parent").add(parent, id="parent", pool="one")
    with live(graph, runner=rd.ThreadRunner(1)) as engine:
        runs = [engine.start("parent") for _ in range(3)]
        engine.run_until_idle()
        assert [run.tasks["parent"].output for run in runs] == [6, 6, 6]
        assert not parts(engine).turn.waiting.bodies and parts(engine).turn.waiting.lent == 0


def test_R3_run_start_a_body_has_its_slots_back_before_what_has_not_begun() -> None:
    order, gate = [], Event()

    def parent(run: rd.Run) -> None:
        run.start("child").wait()
        order.append("parent")

    graph = rd.Graph("order")
    graph.pool("two", 2)
    graph.dag("child", paused=True).add(nothing, id="t")
    graph.dag("parent").add(parent, id="t", pool="two", slots=2)
    graph.dag("long").add(lambda: gate.wait(60) and None, id="t", pool="two")
    graph.dag("late").add(lambda: order.append("late"), id="t", pool="two")
    with live(graph, runner=rd.ThreadRunner(4)) as engine:
        engine.start("parent")
        while not parts(engine).turn.waiting.bodies:
            settle(engine)
        engine.start("long")
        settle(engine)
        engine.resume("child")
        while engine.runs("child")[0].state != "success":
            settle(engine)
        late = engine.start("late")
        settle(engine)
        assert "t" not in late.tasks, "one slot is free, and the body that waited needs two"
        gate.set()
        engine.run_until_idle()
        assert order == ["parent", "late"]


def test_R3_run_start_no_more_bodies_execute_than_there_are_workers() -> None:
    lock, now, most = Lock(), [0], [0]

    def busy(change: int) -> None:
        with lock:
            now[0] += change
            most[0] = max(most[0], now[0])

    def parent(run: rd.Run) -> None:
        busy(1)
        for _ in range(2):
            child = run.start("child")
            busy(-1)
            child.wait()
            busy(1)
        busy(-1)

    def child() -> None:
        busy(1)
        busy(-1)

    graph = rd.Graph("workers")
    graph.dag("child").add(child, id="child")
    graph.dag("parent").add(parent, id="parent")
    with live(graph, runner=rd.ThreadRunner(2)) as engine:
        for _ in range(8):
            engine.start("parent")
        engine.run_until_idle()
        assert {run.state for run in engine.runs()} == {"success"}
        assert most[0] <= 2


def test_R3_run_start_time_moves_while_a_body_waits() -> None:
    def parent(run: rd.Run) -> str:
        return run.start("child").wait().state

    graph = rd.Graph("virtual")

    @graph.dag(retries=1, retry_delay="1h")
    def child(run: rd.Run) -> None:
        if run.attempt == 1:
            raise ConnectionError("not now")

    graph.dag("parent").add(parent, id="parent")
    with live(graph, runner=rd.ThreadRunner(1)) as engine:
        run = engine.start("parent")
        engine.run_until_idle()
        assert run.tasks["parent"].output == "success" and (run.ended - run.started).total_seconds() == 3600
        other = engine.start("parent")
        engine.advance("2h")
        assert other.state == "success"


def test_R3_run_start_a_body_that_waits_for_what_is_held_back_keeps_no_engine_busy() -> None:
    def parent(run: rd.Run) -> str:
        return run.start("child").wait().state

    with live(family(parent), runner=rd.ThreadRunner(1)) as engine:
        engine.pause("child")
        run = engine.start("parent")
        engine.run_until_idle()
        assert run.state == "running" and engine.runs("child")[0].state == "queued"
        engine.resume("child")
        engine.run_until_idle()
        assert run.tasks["parent"].output == "success"


def test_R3_run_start_a_wait_has_an_end() -> None:
    def parent(run: rd.Run) -> None:
        run.start("child").wait(0.001)

    with live(family(parent), runner=rd.ThreadRunner(1)) as engine:
        engine.pause("child")
        run = engine.start("parent")
        while run.state != "failed":
            settle(engine)
        assert "NotIdle: parent.parent waited 1ms, and run 'child' has not ended" in run.tasks["parent"].error


def test_R3_run_start_a_cancelled_body_waits_no_longer() -> None:
    left = Event()

    def parent(run: rd.Run) -> None:
        child = run.start("child")
        try:
            child.wait()
        finally:
            left.set()

    with live(family(parent), runner=rd.ThreadRunner(1)) as engine:
        engine.pause("child")
        run = engine.start("parent")
        engine.run_until_idle()
        engine.cancel(run)
        engine.run_until_idle()
        assert left.wait(60) and run.state == "cancelled"


def test_R3_run_start_a_body_that_waits_as_the_engine_closes_is_made_again(tmp_path: Path) -> None:
    def parent(run: rd.Run) -> str:
        return run.start("child").wait().state

    graph = family(parent)
    engine = opened(graph, tmp_path / "s.db", runner=rd.ThreadRunner(1))
    engine.pause("child")
    key = engine.start("parent").key
    for _ in range(MOST_LOST + 1):
        engine.run_until_idle()
        engine.close()
        engine = opened(graph, tmp_path / "s.db", runner=rd.ThreadRunner(1))
    engine.close()
    with live(graph, tmp_path / "s.db", runner=rd.ThreadRunner(1)) as engine:
        engine.resume("child")
        engine.run_until_idle()
        run = engine.run(key)
        assert run.tasks["parent"].output == "success"
        lost = ["lost"] * (MOST_LOST + 1)
        assert [attempt.state for attempt in run.tasks["parent"].attempts] == [*lost, "success"]


def test_R3_run_start_a_coroutine_awaits_its_children() -> None:
    import asyncio

    async def parent(run: rd.Run) -> list[str]:
        children = [run.start("child", params={"n": n}) for n in range(3)]
        await asyncio.gather(*children)
        return [child.state for child in children]

    with live(family(parent), runner=rd.ThreadRunner(1)) as engine:
        run = engine.start("parent")
        engine.run_until_idle()
        assert run.tasks["parent"].output == ["success"] * 3
        assert parts(engine).turn.waiting.lent == 0


def test_R3_run_start_waiting_under_an_inline_runner_is_a_usage_error() -> None:
    def parent(run: rd.Run) -> None:
        run.start("child").wait()

    with live(family(parent), runner=rd.InlineRunner()) as engine:
        run = engine.start("parent")
        engine.run_until_idle()
        assert "UsageError: parent.parent waits for run 'child': an inline runner" in run.error
        assert engine.runs("child")[0].state == "success"


@pytest.mark.parametrize(
    ("dag", "given", "text"),
    [
        ("chid", {}, "UnknownId: no DAG 'chid' in graph 'family'; did you mean 'child'?"),
        ("child", {"params": {"m": 1}}, "there is no param 'm'"),
        ("child", {"params": 3}, "run.start('child') in parent.parent: params=3 must be a dict"),
        ("child", {"payload": object()}, "run.start('child') in parent.parent: payload"),
        ("child", {"logical_date": "soon"}, "logical_date"),
        ("child", {"key": ""}, "key"),
        ("daily", {"partition": "2026-W47"}, "partition='2026-W47' is none of"),
    ],
)
def test_R3_run_start_of_what_is_not_right_fails_the_task(dag: str, given: dict[str, object], text: str) -> None:
    graph = family(lambda run: run.start(dag, **given) and None)
    graph.dag("daily", outlets=[graph.dataset("mart", partitions=rd.day("UTC"))]).add(nothing, id="t")
    with live(graph) as engine:
        run = engine.start("parent")
        engine.run_until_idle()
        assert run.state == "failed" and text in run.error and not engine.runs("child")
        with pytest.raises(rd.UsageError, match=r"run\.start belongs into a task's body"):
            run.start("child")


def test_R3_run_start_inherits_a_partition_only_where_the_childs_calendar_has_it() -> None:
    graph = rd.Graph("calendars")
    mart = graph.dataset("mart", partitions=rd.day("UTC"))
    graph.dag("daily", outlets=[mart]).add(nothing, id="t")
    graph.dag("parent").add(lambda run: run.start("daily").key, id="t")
    with live(graph) as engine:
        for partition, date in (("2026-11-20", "2026-11-20"), ("EU", "2026-11-21")):
            run = engine.start("parent", partition=partition, logical_date=date)
            engine.run_until_idle()
            child = engine.run(run.tasks["t"].output)
            assert (child.partition, f"{child.logical_date:%Y-%m-%d}", child.state) == (date, date, "success")


def circle(limits: dict[str, int | None], starts: dict[str, str], **options: object) -> rd.Graph:
    """DAGs of which each starts a run of another, and waits for it, as long as `depth` is left."""
    graph = rd.Graph("circles")

    def body(run: rd.Run) -> str:
        if not run.params["depth"]:
            return "the end"
        return run.start(starts[run.dag], params={"depth": run.params["depth"] - 1}).wait().state

    for id, limit in limits.items():
        graph.dag(id, params={"depth": 0}, max_active_runs=limit, **options).add(body, id="t")
    return graph


@pytest.mark.parametrize("store", ["memory", "sqlite"])
def test_R3_run_start_a_run_that_waits_for_one_behind_itself_is_refused(store: str, tmp_path: Path) -> None:
    graph = circle({"job": 1}, {"job": "job"})
    with live(graph, None if store == "memory" else tmp_path / "s.db", runner=rd.ThreadRunner(2)) as engine:
        run = engine.start("job", params={"depth": 1})
        engine.run_until_idle("60s")
        assert run.state == "failed"
        assert (
            "UsageError: job.t waits for run 'job', which begins when a run of 'job' has ended (max_active_runs=1), "
            "and this is one: that would never end; start it without waiting for it" in run.error
        )
        assert [each.state for each in engine.runs("job")] == ["success", "failed"]
        assert not parts(engine).turn.waiting.bodies and parts(engine).turn.waiting.lent == 0


def test_R3_run_start_the_wait_that_closes_a_longer_circle_is_refused() -> None:
    graph = circle({"a": 1, "b": 1, "c": None}, {"a": "b", "b": "c", "c": "a"})
    with live(graph, runner=rd.ThreadRunner(1)) as engine:
        run = engine.start("a", params={"depth": 3})
        engine.run_until_idle("60s")
        (c,) = engine.runs("c")
        assert "c.t waits for run 'a', which begins or ends only when others do that wait for this run" in c.error
        assert [each.state for each in engine.runs("a")] == ["success", "success"]
        assert (run.tasks["t"].output, engine.runs("b")[0].tasks["t"].output) == ("success", "failed")


def test_R3_run_start_a_run_waits_for_one_of_its_dag_as_long_as_there_is_room() -> None:
    with live(circle({"job": 3}, {"job": "job"}), runner=rd.ThreadRunner(1)) as engine:
        run = engine.start("job", params={"depth": 2})
        engine.run_until_idle("60s")
        assert [each.state for each in engine.runs("job")] == ["success"] * 3 and run.state == "success"
        deep = engine.start("job", params={"depth": 3})
        engine.run_until_idle("60s")
        assert deep.tasks["t"].output == "success"
        assert sorted(each.state for each in engine.runs("job")) == ["failed", *["success"] * 6]


def test_R3_run_start_a_wait_for_a_run_behind_others_that_go_on_is_not_refused() -> None:
    held, began = Event(), Event()

    def other(run: rd.Run) -> None:
        began.set()
        held.wait(60)

    graph = rd.Graph("circles")
    graph.dag("child", max_active_runs=1).add(other, id="t")
    graph.dag("parent").add(lambda run: run.start("child").wait().state, id="t")
    with live(graph, runner=rd.ThreadRunner(3)) as engine:
        engine.start("child")
        settle(engine)
        assert began.wait(60)
        runs = [engine.start("parent") for _ in range(2)]
        while len(parts(engine).turn.waiting.bodies) < 2:
            settle(engine)
        settle(engine)
        held.set()
        engine.run_until_idle("60s")
        assert [run.tasks["t"].output for run in runs] == ["success", "success"]


@pytest.mark.parametrize("overlap", ["skip", "replace"])
def test_R3_run_start_a_child_that_is_skipped_or_takes_the_place_ends_the_wait(overlap: str) -> None:
    graph = circle({"job": 1}, {"job": "job"}, overlap=overlap)
    with live(graph, runner=rd.ThreadRunner(2)) as engine:
        run = engine.start("job", params={"depth": 1})
        engine.run_until_idle("60s")
        assert run.state == ("success" if overlap == "skip" else "cancelled")


def test_R3_run_start_a_wait_with_an_end_is_not_refused() -> None:
    def body(run: rd.Run) -> str:
        if run.params["depth"]:
            run.start("job").wait(0.001)
        return "the end"

    graph = rd.Graph("circles")
    graph.dag("job", params={"depth": 0}, max_active_runs=1).add(body, id="t")
    with live(graph, runner=rd.ThreadRunner(1)) as engine:
        run = engine.start("job", params={"depth": 1})
        while run.state != "failed":
            settle(engine)
        assert "NotIdle" in run.error


@pytest.mark.parametrize("workers", [1, 2])
def test_R3_waiting_for_a_backfill_gives_the_worker_back(workers):
    graph, engines = rd.Graph("waiting"), []
    graph.pool("one", slots=1)
    graph.dag("past", schedule="@daily", start="2026-11-20").add(lambda run: None, id="t", pool="one")

    def waits(run):
        return engines[0].backfill("past", "2026-11-20", "2026-11-21", max_active_runs=1).wait().progress

    graph.dag("waits").add(waits, id="t", pool="one")
    with live(graph, runner=rd.ThreadRunner(workers)) as engine:
        engines.append(engine)
        run = engine.start("waits")
        engine.run_until_idle("60s")
        assert run.tasks["t"].output == {"dates": 2, "had_run": 0, "left": 0, "success": 2}
    with live(graph) as engine:
        engines[0] = engine
        run = engine.start("waits")
        engine.run_until_idle()
        assert "waits for backfill 1 of 'past': an inline runner executes one body at a time" in str(run.error)
