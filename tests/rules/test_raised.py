"""Whatever a user's code raises, wherever it is called, on whatever runner: it fails that task, that trigger or that
observer (R4, T10, R12), and the engine goes on. Only the user's Ctrl-C stops an engine.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable

import pytest

import reactive_dag as rd
from reactive_dag.model.records import ObserverFault, TriggerFault
from tests.support.engines import of_kind, parts, verify
from tests.support.interrupts import ctrl_c
from tests.support.raised import OBSERVERS, RAISED, RUNS, TRIGGERS, A, nothing, raising

DAY = "2026-11-23"


def inline(graph: rd.Graph, story: Callable[[rd.Engine], None]) -> None:
    with rd.Engine(graph, runner=rd.InlineRunner()) as engine:
        for step in story(engine):
            engine.run_until_idle("30s")
            step()


def threads(graph: rd.Graph, story: Callable[[rd.Engine], None]) -> None:
    with rd.Engine(graph, runner=rd.ThreadRunner(2)) as engine, engine.background():
        for step in story(engine):
            engine.run_until_idle("30s")
            step()


def on_a_loop(graph: rd.Graph, story: Callable[[rd.Engine], None]) -> None:
    async def main():
        async with rd.Engine(graph, runner=rd.ThreadRunner(2)) as engine:
            for step in story(engine):
                await engine.idle("30s")
                step()

    asyncio.run(main())


RUNNERS = (inline, threads, on_a_loop)


def declared(place=None) -> rd.Graph:
    """A DAG of a place for each thing that is raised, and a bystander, all started by the same event."""
    graph = rd.Graph("raised")
    graph.dataset("a")
    graph.dataset("b")
    for name in RAISED if place else ():
        place(graph, name, raising(name))
    graph.dag("bystander", on=A).add(nothing, id="only")
    return graph


def checked(engine: rd.Engine, check: Callable[[], None]):
    """Publish twice; each time the bystander ran, and at the end `check()` holds."""
    for count in (1, 2):
        engine.publish("a", logical_date=DAY)
        yield lambda count=count: ran(engine, count)
    check()
    verify(engine)


def ran(engine: rd.Engine, count: int) -> None:
    assert [run.state for run in engine.runs("bystander")] == ["success"] * count
    assert parts(engine).turn.inflight == {}


@pytest.mark.parametrize("runner", RUNNERS)
@pytest.mark.parametrize("place", RUNS)
def test_R4_whatever_is_raised_fails_its_task_and_nothing_else(place, runner):
    def failed(engine):
        for name in RAISED:
            runs = engine.runs(name)
            assert [run.state for run in runs] == [end_of(place, name)] * 2, name
            task = next(iter(runs[0].tasks.values()))
            assert name == "own_retry" or task.error or run_of_a_wait(place), name

    runner(declared(place), lambda engine: checked(engine, lambda: failed(engine)))


def end_of(place, name: str) -> str:
    body = place.__name__ not in ("generator_body", "retry_delay", "date_of_a_wait", "dates_of_a_wait")
    return "skipped" if name == "own_skip" and body else "failed"


def run_of_a_wait(place) -> bool:
    return place.__name__.endswith("wait")


@pytest.mark.parametrize("runner", RUNNERS)
@pytest.mark.parametrize("place", TRIGGERS)
def test_T10_whatever_is_raised_parks_its_item_and_nothing_else(place, runner):
    def parked(engine):
        faults = [fault.dag for fault in of_kind(engine, TriggerFault)]
        for name in RAISED:
            assert faults.count(name) == 2, name
            part = engine.pending(name).parts[0]
            assert (part.delivered, part.pending, engine.runs(name)) == (2, 2, []), name

    runner(declared(place), lambda engine: checked(engine, lambda: parked(engine)))


@pytest.mark.parametrize("runner", RUNNERS)
@pytest.mark.parametrize("name", RAISED)
def test_R12_whatever_an_observer_raises_is_recorded_and_nothing_else(name, runner):
    seen = []

    def story(engine):
        for observer in OBSERVERS:
            observer(engine, raising(name))
        engine.updates("a").subscribe(seen.append)
        yield from checked(engine, lambda: None)
        assert len(seen) == 2 and len(of_kind(engine, ObserverFault)) > 4

    hook, threading.excepthook = threading.excepthook, raising("exit")  # it is a user's, too
    try:
        runner(declared(), story)
    finally:
        threading.excepthook = hook


@pytest.mark.parametrize("name", RAISED)
def test_X2_whatever_an_effect_raises_is_its_callers_and_the_next_call_runs(name):
    async def effect():
        raising(name)()

    with rd.Engine(rd.Graph("raised")) as engine:
        for fn in (raising(name), effect):
            with pytest.raises(BaseException) as error:
                engine.once("k", fn)
            assert isinstance(error.value, (type(RAISED[name]()), RuntimeError))
        assert engine.once("k", lambda: "done") == "done"


def test_a_task_of_a_coroutine_that_exits_ends_no_loop():
    """A task that a body began for itself, and does not await, calls sys.exit(): asyncio ends its loop by that."""
    graph = declared()

    async def body(run):
        async def inner():
            raise SystemExit(1)

        task = asyncio.create_task(inner())
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        return task.done()

    graph.dag("job", on=A).add(body, id="only")
    hook, threading.excepthook = threading.excepthook, lambda told: None
    try:
        with rd.Engine(graph) as engine:
            for _ in range(2):
                engine.publish("a")
                engine.run_until_idle("30s")
            assert [run.tasks["only"].output for run in engine.runs("job")] == [True, True]
    finally:
        threading.excepthook = hook


@pytest.mark.parametrize("place", RUNS[:3])
def test_only_the_users_ctrl_c_stops_an_engine(place):
    graph, hits = declared(), []

    def interrupted():
        if not hits:
            hits.append(0)
            ctrl_c()

    place(graph, "job", interrupted)
    with rd.Engine(graph, runner=rd.InlineRunner()) as engine:
        engine.publish("a")
        with pytest.raises(KeyboardInterrupt):
            engine.run_until_idle()
        engine.run_until_idle("30s")
        assert [run.state for run in engine.runs()] == ["success", "success"]
        verify(engine)
