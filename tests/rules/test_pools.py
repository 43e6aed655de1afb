"""Pools (R16): slots that tasks of all DAGs share; live, after a crash, as they change, simulated, and refused."""

from __future__ import annotations

from pathlib import Path
from threading import Event, Lock

import pytest

import reactive_dag as rd
from reactive_dag.engine.drive import turn as turn_module
from reactive_dag.engine.kept import look_at
from reactive_dag.model.records import TaskFinished, TaskStarted
from reactive_dag.model.times import HOUR
from tests.support.engines import kill, live, of_kind, opened, parts, records_of

START = "2026-11-23T00:00Z"


def nothing() -> None:
    """A body."""


def settle(engine: rd.Engine) -> list[str]:
    """Do all that can be done now, and give the tasks that began so far."""
    with parts(engine).loop.driving():
        parts(engine).loop.settle()
    return [record.task for record in of_kind(engine, TaskStarted)]


class Gate:
    """A body that waits until it is let go."""

    def __init__(self) -> None:
        self.open = Event()

    def __call__(self) -> None:
        assert self.open.wait(60)


def order(records: list[object]) -> list[str]:
    """The tasks as they begin (+) and end (-)."""
    found = [record for record in records if isinstance(record, TaskStarted | TaskFinished)]
    return [f"{'+' if isinstance(record, TaskStarted) else '-'}{record.task}" for record in found]


def warehouse(*needs: int, slots: int = 2) -> rd.Graph:
    """A DAG of tasks t0, t1, … that need so many slots each, and one that needs none."""
    graph = rd.Graph("pools")
    graph.pool("warehouse", slots)
    dag = graph.dag("load", schedule="0 1 * * *", defaults={"pool": "warehouse"})
    for at, need in enumerate(needs):
        dag.add(nothing, id=f"t{at}", slots=need)
    dag.add(nothing, id="free", pool=None)
    return graph


@pytest.mark.parametrize("runner", [rd.InlineRunner(), rd.ThreadRunner(4)], ids=["inline", "threads"])
def test_R16_no_more_slots_are_taken_than_the_pool_has(runner: rd.InlineRunner | rd.ThreadRunner) -> None:
    graph, lock, now, most = rd.Graph("most"), Lock(), [0], [0]
    graph.pool("warehouse", slots=3)
    dag = graph.dag("load")

    def body(slots: int) -> None:
        with lock:
            now[0] += slots
            most[0] = max(most[0], now[0])
        with lock:
            now[0] -= slots

    for at in range(20):
        slots = 1 + at % 3
        dag.add(lambda slots=slots: body(slots), id=f"t{at}", pool="warehouse", slots=slots)
    with live(graph, runner=runner) as engine:
        run = engine.start("load")
        engine.run_until_idle()
        assert run.state == "success"
        assert most[0] <= 3
        held = 0
        for record in records_of(engine):
            if isinstance(record, TaskStarted):
                held += graph.dags["load"].tasks[record.task].slots
            elif isinstance(record, TaskFinished):
                held -= graph.dags["load"].tasks[record.task].slots
            assert held <= 3


def test_R16_a_task_that_needs_many_slots_is_not_overtaken_in_its_pool_and_holds_nothing_else_up() -> None:
    found = rd.simulate(warehouse(1, 2, 1, 1), start=START, until="1d", default_duration="10m")
    log = found.trace.fold.log
    expected = ["+t0", "+free", "-t0", "-free", "+t1", "-t1", "+t2", "+t3", "-t2", "-t3"]
    assert order(log.read(0, log.next_offset)) == expected
    with live(warehouse(1, 2, 1, 1)) as engine:
        engine.advance("1h")
        assert [each for each in order(records_of(engine)) if each[0] == "+"] == [e for e in expected if e[0] == "+"]


def test_R16_priority_goes_first_within_a_pool() -> None:
    graph = warehouse(1, 1, slots=1)
    graph.dags["load"].add(nothing, id="urgent", priority=1)
    with live(graph) as engine:
        engine.advance("1h")
        pooled = [record.task for record in of_kind(engine, TaskStarted) if record.task != "free"]
        assert pooled == ["urgent", "t0", "t1"]


def test_R16_pools_are_shared_by_dags_and_apart_from_each_other() -> None:
    graph = rd.Graph("apart")
    graph.pool("one", 1), graph.pool("two", 1)
    for dag, pool in (("a", "one"), ("b", "one"), ("c", "two")):
        graph.dag(dag, schedule="0 1 * * *", defaults={"pool": pool}).add(nothing, id=dag)
    found = rd.simulate(graph, start=START, until="1d", default_duration="10m")
    log = found.trace.fold.log
    assert order(log.read(0, log.next_offset)) == ["+a", "+c", "-a", "-c", "+b", "-b"]
    (step,) = [step for step in found.critical_path("b") if step.name == "b.b"]
    assert step.link == "slot" and [each.name for each in found.critical_path("b")][-2:] == ["a.a", "b.b"]


def test_R16_slots_are_free_between_attempts_and_after_a_timeout() -> None:
    graph, tries = rd.Graph("between"), []
    graph.pool("one", 1)

    @graph.dag(schedule="0 1 * * *", retries=1, retry_delay="10m", pool="one")
    def flaky(run: rd.Run) -> None:
        tries.append(run.attempt)
        if run.attempt == 1:
            raise ConnectionError("not now")

    graph.dag("other", schedule="5 1 * * *", defaults={"pool": "one"}).add(nothing, id="t")
    with live(graph) as engine:
        engine.advance("67m")
        assert engine.runs("other")[0].state == "success" and tries == [1]
        engine.advance("10m")
        assert tries == [1, 2]
    late = rd.Graph("late")
    late.pool("one", 1)
    late.dag("a", schedule="0 1 * * *").add(nothing, id="long", pool="one", timeout="5m")
    late.dag("b", schedule="1 1 * * *").add(nothing, id="next", pool="one")
    log = rd.simulate(late, start=START, until="1d", default_duration="10m").trace.fold.log
    begun = {record.task: record.at for record in log.read(0, log.next_offset) if isinstance(record, TaskStarted)}
    assert begun["next"] - begun["long"] == 300 * 10**9


def test_R16_a_body_that_goes_on_after_its_end_holds_its_slots() -> None:
    graph, gate = rd.Graph("goes on"), Gate()
    graph.pool("one", 1)
    graph.dag("a").add(gate.__call__, id="slow", pool="one")
    graph.dag("b").add(nothing, id="next", pool="one")
    with live(graph, runner=rd.ThreadRunner(2)) as engine:
        run, other = engine.start("a"), engine.start("b")
        assert settle(engine) == ["slow"]
        engine.cancel(run)
        assert settle(engine) == ["slow"] and run.state == "cancelled" and other.state == "running"
        assert [wait.why for wait in engine.pending("b").waits] == ["a slot of pool 'one' (1 of 1 taken)"]
        gate.open.set()
        engine.run_until_idle()
        assert other.state == "success"


@pytest.mark.parametrize("by", ["cancel", "timeout"])
def test_R16_a_body_that_waited_goes_on_in_its_pool_though_its_attempt_is_over(by: str) -> None:
    order, begun, gate = [], Event(), Event()

    def parent(run: rd.Run) -> None:
        try:
            run.start("child").wait()
        finally:
            order.append("parent")

    def long() -> None:
        begun.set()
        assert gate.wait(60)
        order.append("long")

    graph, clock = rd.Graph("over"), rd.VirtualClock(START)
    graph.pool("one", 1)
    graph.dag("child", paused=True).add(nothing, id="t")
    graph.dag("parent").add(parent, id="t", pool="one", timeout="1h" if by == "timeout" else None)
    graph.dag("long").add(long, id="t", pool="one")
    with live(graph, runner=rd.ThreadRunner(4), clock=clock) as engine:
        run, waiting = engine.start("parent"), parts(engine).turn.waiting
        while not waiting.bodies:
            settle(engine)
        engine.start("long")
        settle(engine)
        assert begun.wait(60), "the pool is full"
        if by == "cancel":
            engine.cancel(run)
        else:
            clock.advance_to(clock.now() + 2 * HOUR)
        settle(engine)
        assert run.state == ("cancelled" if by == "cancel" else "failed")
        assert len(waiting.bodies) == 1, "it has no slot yet"
        gate.set()
        engine.run_until_idle()
        while waiting.bodies or waiting.lent or parts(engine).turn.inflight:
            settle(engine)
        assert order == ["long", "parent"]


def test_R16_pending_says_what_is_waited_for() -> None:
    graph, gate = rd.Graph("pending"), Gate()
    graph.pool("warehouse", 3)
    dag = graph.dag("load", defaults={"pool": "warehouse", "slots": 2})
    dag.add(gate.__call__, id="first")
    dag.add(nothing, id="second")
    with live(graph, runner=rd.ThreadRunner(4)) as engine:
        run = engine.start("load")
        settle(engine)
        (wait,) = engine.pending("load").waits
        assert (wait.task, wait.why) == ("second", "2 slots of pool 'warehouse' (2 of 3 taken)")
        assert f"second of run {run.key[:8]} waits: 2 slots of pool 'warehouse'" in str(engine.pending("load"))
        gate.open.set()
        engine.run_until_idle()
        assert run.state == "success" and not engine.pending("load").waits


def test_R16_a_pool_that_changes_is_another_one_from_then_on() -> None:
    graph, gate = rd.Graph("changes"), Gate()
    graph.pool("warehouse", 1)
    dag = graph.dag("load", defaults={"pool": "warehouse"})
    for at in range(3):
        dag.add(gate.__call__, id=f"t{at}")
    with live(graph, runner=rd.ThreadRunner(4)) as engine:
        run = engine.start("load")
        assert settle(engine) == ["t0"]
        graph.pool("warehouse", 2)
        assert settle(engine) == ["t0", "t1"]
        gate.open.set()
        engine.run_until_idle()
        assert run.state == "success"


def test_R16_what_needs_more_than_the_pool_has_by_now_goes_when_the_pool_is_empty() -> None:
    graph = warehouse(2, 1, 2)
    with live(graph) as engine:
        graph.pool("warehouse", 1)
        engine.advance("2h")
        assert engine.runs("load")[0].state == "success"


def test_R16_a_task_whose_pool_is_not_declared_yet_waits_for_it() -> None:
    graph = warehouse(1)
    with live(graph) as engine:
        graph.dags["load"].add(nothing, id="new", pool="soon")
        engine.advance("2h")
        assert [wait.why for wait in engine.pending("load").waits] == ["pool 'soon', which is not declared"]
        graph.pool("soon", 1)
        engine.run_until_idle()
        assert engine.runs("load")[0].state == "success"


@pytest.mark.parametrize("every", [50_000, 1])
def test_R16_slots_are_given_out_anew_after_a_crash(
    tmp_path: Path, every: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(turn_module, "SNAPSHOT_EVERY", every)
    graph = rd.Graph("crash")
    graph.pool("one", 1)
    gate = Gate()
    dag = graph.dag("load", defaults={"pool": "one"})
    for at in range(3):
        dag.add(gate.__call__, id=f"t{at}")
    first = opened(graph, tmp_path / "s.db", runner=rd.ThreadRunner(4))
    key = first.start("load").key
    assert settle(first) == ["t0"]
    kill(first)
    gate.open.set()
    with live(graph, tmp_path / "s.db") as engine:
        engine.run_until_idle()
        assert engine.run(key).state == "success"
        states = [(record.task, record.state) for record in of_kind(engine, TaskFinished)]
        assert states == [("t0", "lost"), ("t0", "success"), ("t1", "success"), ("t2", "success")]


def test_R16_what_is_wrong_with_pools_is_said_where_it_stands() -> None:
    graph = rd.Graph("wrong")
    with pytest.raises(rd.InvalidValue, match="pool 'w': slots must be at least 1, not 0"):
        graph.pool("w", 0)
    with pytest.raises(rd.InvalidValue, match="slots must be at least 1"):
        graph.dag("d", defaults={"slots": 0})
    dag = graph.dag("load", defaults={"pool": "warehouse"})
    dag.add(nothing, id="many", slots=3)
    dag.add(nothing, id="none", pool=None, slots=2)
    kinds = {problem.kind: problem for problem in graph.problems() if problem.severity == "error"}
    assert kinds.keys() == {"unknown_pool", "slots_without_pool"}
    assert kinds["unknown_pool"].ids == ("load", "load.many", "warehouse")
    assert "graph.pool('warehouse', slots=...)" in kinds["unknown_pool"].text
    graph.pool("warehouse", 2)
    text = "task 'load.many' takes 3 slots of pool 'warehouse', which has 2: it could never run"
    assert text in [problem.text for problem in graph.problems()]
    with pytest.raises(rd.GraphError, match="takes 3 slots of pool 'warehouse', which has 2"):
        rd.Engine(graph)
    graph.pool("warehouse", 3)
    assert {problem.kind for problem in graph.problems() if problem.severity == "error"} == {"slots_without_pool"}
    with pytest.raises(rd.GraphError, match=r"'load\.none' takes slots=2 of no pool"):
        rd.simulate(graph, start=START, until="1d", default_duration="1m")


def test_R16_a_pool_goes_through_json_and_into_the_store(tmp_path: Path) -> None:
    graph = warehouse(2)
    pool = graph.pool("warehouse", 2)
    graph.dags["load"].add(nothing, id="by object", pool=pool)
    again = rd.Graph.from_json(graph.to_json())
    assert again.to_json() == graph.to_json() and again.pools == {"warehouse": pool}
    assert (again.dags["load"].tasks["t0"].pool, again.dags["load"].tasks["t0"].slots) == ("warehouse", 2)
    data = graph.to_json()
    data["pools"][0]["slots"] = "many"
    with pytest.raises(rd.InvalidValue, match=r"graph: pools\[0\]: pool 'warehouse': slots must be a whole number"):
        rd.Graph.from_json(data)
    with opened(graph, tmp_path / "s.db"):
        pass
    with look_at(str(tmp_path / "s.db")) as engine:
        assert engine.graph.pools == {"warehouse": pool}


def test_R16_a_bulk_that_fails_takes_its_pools_back() -> None:
    graph = rd.Graph("bulk")
    graph.pool("one", 1)
    with pytest.raises(ZeroDivisionError), graph.bulk():
        graph.pool("one", 2), graph.pool("two", 2)
        _ = 1 / 0
    assert [repr(pool) for pool in graph.pools.values()] == ["Pool(id='one', slots=1)"]
