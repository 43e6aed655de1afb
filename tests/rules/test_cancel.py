"""A run that is cancelled tells its bodies (R5): a coroutine is cancelled, a thread asks `run.cancelled`."""

from __future__ import annotations

import asyncio
import threading

import pytest

import reactive_dag as rd
from tests.support.engines import parts, states, verify

LONG = 3600


def sleeping(catch: bool = False):
    """A DAG of one coroutine that says that it began, and how it left; it would never end by itself."""
    graph, began, left = rd.Graph("cancel"), threading.Event(), []

    async def work(run):
        began.set()
        try:
            await asyncio.Event().wait()  # nobody sets it: only a cancellation ends this
        except asyncio.CancelledError:
            left.append(run.cancelled)
            if not catch:
                raise
        return "went on"

    graph.dag("job", retries=3)(work)
    return graph, began, left


@pytest.mark.parametrize("catch", [False, True])
def test_R5_a_coroutine_is_cancelled_at_its_next_await(catch):
    graph, began, left = sleeping(catch)
    with rd.Engine(graph, runner=rd.ThreadRunner(2)) as engine, engine.background():
        run = engine.start("job")
        assert began.wait(10)
        engine.cancel(run, "enough")
        engine.run_until_idle("10s")
        assert left == [True] and states(engine) == ["job cancelled"]
        assert [attempt.state for attempt in run.tasks["work"].attempts] == ["cancelled"]
        assert run.cancelled and parts(engine).turn.inflight == {}
        verify(engine)


def test_R5_a_coroutine_is_cancelled_while_the_driving_thread_waits_for_it():
    graph, began, left = sleeping()
    with rd.Engine(graph, runner=rd.InlineRunner()) as engine:
        run = engine.start("job")
        other = threading.Thread(target=lambda: began.wait(10) and engine.cancel(run))
        other.start()
        engine.run_until_idle("20s")
        other.join(10)
        assert left == [True] and states(engine) == ["job cancelled"]
        verify(engine)


def test_R5_a_coroutine_is_cancelled_before_it_begins():
    """The attempt is handed out, and cancelled before its thread calls the body."""
    graph, _, left = sleeping()
    with rd.Engine(graph, runner=rd.ThreadRunner(1)) as engine:
        executor = parts(engine).turn._executor
        execute = executor.execute

        def late(assignment, call):
            engine.cancel(run)
            return execute(assignment, call)

        executor.execute = late
        run = engine.start("job")
        engine.run_until_idle("10s")
        assert left in ([], [True]) and states(engine) == ["job cancelled"]
        verify(engine)


def test_R5_a_thread_is_told_that_its_run_was_cancelled():
    graph, told, go_on = rd.Graph("cancel"), [], threading.Event()

    @graph.dag
    def job(run):
        told.append(run.cancelled)
        engine.cancel(run)
        told.append(run.cancelled)

    with rd.Engine(graph, runner=rd.ThreadRunner(1)) as engine:
        engine.start(job)
        engine.run_until_idle("10s")
        assert told == [False, True] and states(engine) == ["job cancelled"]
        assert not go_on.is_set()


def test_R5_leaving_after_a_cancel_does_not_wait_for_the_coroutine():
    """`grace` is an hour, and the coroutine never ends by itself: only its cancellation lets the engine go."""
    graph, began, left = sleeping()

    async def main():
        async with rd.Engine(graph) as engine:
            run = engine.start("job")
            await asyncio.to_thread(began.wait, 10)
            engine.cancel(run)
            await asyncio.to_thread(parts(engine).close, LONG * 10**9)

    asyncio.run(asyncio.wait_for(main(), 60))
    assert left == [True]


def test_X5_a_coroutine_that_does_not_end_within_the_grace_is_cancelled_and_comes_again(tmp_path):
    graph, began, left = sleeping()
    with rd.Engine(graph, tmp_path / "s.db") as engine:
        with engine.background():
            engine.start("job")
            assert began.wait(10)
        threads = [thread for thread in threading.enumerate() if thread.name.startswith("reactive_dag")]
        engine.close(0)
    for thread in threads:
        thread.join(10)
    assert left == [False], "the engine was left, the run was not cancelled"
    with rd.Engine(graph, tmp_path / "s.db", runner=None) as engine:
        assert states(engine) == ["job running"]
