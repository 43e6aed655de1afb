"""An engine on an event loop: async tasks, `apublish`, and coroutines that share commits (tour, section 3)."""

from __future__ import annotations

import asyncio
import threading

import pytest

import reactive_dag as rd
from tests.support.engines import driven, fails_first, opened, outputs, parts, states


def test_async_with_runs_on_the_loop_that_is_there():
    graph = driven()
    threads = []

    @graph.dag(on=rd.completed("job"))
    async def after(run):
        threads.append(threading.current_thread())
        await asyncio.sleep(0)
        return "async"

    async def main():
        async with rd.Engine(graph) as engine:
            receipt = await engine.apublish("a", extra=1, key="k")
            assert not receipt.duplicate and receipt.extra == 1
            await engine.idle("20s")
            assert outputs(engine, "after") == ["async"]
            run = await engine.start("job")
            assert run.state == "success"
            return engine

    engine = asyncio.run(main())
    assert parts(engine).closed and set(threads) == {threading.main_thread()}


def test_apublish_does_not_block_the_loop(tmp_path):
    async def main():
        engine = rd.Engine(driven(), tmp_path / "s.db")
        ticks = 0
        inside, go_on = threading.Event(), threading.Event()
        commit = parts(engine).log.commit
        parts(engine).log.commit = lambda: (inside.set(), go_on.wait(10), commit())[2]
        publishing = asyncio.ensure_future(engine.apublish("a"))
        while not inside.is_set():
            ticks += 1
            await asyncio.sleep(0)
        go_on.set()
        await publishing
        del parts(engine).log.commit
        engine.close()
        return ticks

    assert asyncio.run(main()) > 0


def test_coroutines_that_publish_at_one_time_share_commits_and_take_no_threads(tmp_path, monkeypatch):
    async def main():
        async with rd.Engine(driven(), tmp_path / "s.db", runner=None) as engine:
            pushed, commit, commits = threading.Event(), parts(engine).log.commit, []
            parts(engine).log.commit = lambda: (pushed.wait(10), commits.append(0), commit())[2]
            monkeypatch.setattr(asyncio, "to_thread", None)
            publishing = [asyncio.ensure_future(engine.apublish("a")) for _ in range(50)]
            while parts(engine).fold.publishing.counted.get("a", 0) < 50:
                await asyncio.sleep(0)
            pushed.set()
            receipts = await asyncio.gather(*publishing)
            monkeypatch.undo()
            del parts(engine).log.commit
            assert [receipt.key for receipt in receipts] == [None] * 50
            assert len({receipt.offset for receipt in receipts}) == 50
            assert all(receipt.offset < parts(engine).log.committed for receipt in receipts)
            return len(commits)

    assert asyncio.run(main()) <= 3


def test_a_coroutine_commits_by_itself_when_the_background_ends(tmp_path, monkeypatch):
    async def main():
        engine = rd.Engine(driven(), tmp_path / "s.db", runner=None)
        with engine.background():
            await asyncio.to_thread(parts(engine).drive.until, lambda: not parts(engine).loop.busy, 10**10, "rest")
            monkeypatch.setattr(parts(engine).turn, "run", lambda: False)
            publishing = asyncio.ensure_future(engine.apublish("a"))
            while not parts(engine).commits.coroutines:
                await asyncio.sleep(0)
            assert not publishing.done()
            parts(engine).drive.stopping = True
            parts(engine).driving_thread.wake()
            receipt = await asyncio.wait_for(publishing, 10)
            assert parts(engine).log.committed > receipt.offset
            monkeypatch.undo()
        engine.close()

    asyncio.run(main())


def test_async_tasks_run_side_by_side_on_one_loop():
    graph = rd.Graph("driving")
    meeting = []

    async def main():
        both = asyncio.Event()

        @graph.dag
        async def job(run):
            meeting.append(run.key)
            if len(meeting) == 2:
                both.set()
            await asyncio.wait_for(both.wait(), 10)

        async with rd.Engine(graph) as engine:
            await asyncio.gather(engine.start(job), engine.start(job))
            return states(engine)

    assert asyncio.run(main()) == ["job success"] * 2


def test_idle_of_a_virtual_clock_on_the_loop_jumps_to_retries():
    graph = rd.Graph("driving")
    graph.dag("job", retries=1, retry_delay="1h")(fails_first)

    async def main():
        async with opened(graph) as engine:
            engine.start("job")
            await engine.idle("10s")
            await asyncio.to_thread(engine.advance, "1h")
            return states(engine)

    assert asyncio.run(main()) == ["job success"]


@pytest.mark.parametrize("clock", [None, "2026-11-23T00:00Z"])
def test_a_call_that_would_block_the_loop_is_refused_and_names_what_does_not(clock):
    graph = driven()
    graph.dag("slow", on=rd.completed("job"))(an_async_body)
    calls = {
        "await engine.idle\\(\\)": lambda engine, run: engine.run_until_idle(),
        "await engine.idle\\(\\), or await the run": lambda engine, run: run.wait(),
        "await asyncio.to_thread\\(engine.advance": lambda engine, run: engine.advance("1h"),
        "leave the `async with` block": lambda engine, run: engine.close(),
    }

    async def main():
        async with rd.Engine(graph, clock=clock and rd.VirtualClock(clock)) as engine:
            run = engine.start("job")
            for words, call in calls.items():
                if clock or "advance" not in words:
                    with pytest.raises(rd.UsageError, match=words):
                        call(engine, run)
            assert (await run).state == "success"
            await engine.idle("10s")
            assert states(engine) == ["job success", "slow success"]

    asyncio.run(main())


async def an_async_body(run):
    await asyncio.sleep(0)


@pytest.mark.parametrize("runner", [rd.InlineRunner, rd.ThreadRunner])
@pytest.mark.parametrize("is_async", [False, True])
def test_closing_an_engine_in_its_own_body_is_refused(is_async, runner):
    graph, errors = rd.Graph("driving"), []

    def attempt(run):
        with pytest.raises(rd.UsageError, match=r"in the body of job.body would wait for itself") as error:
            engine.close()
        errors.append(error)

    def body(run):
        attempt(run)

    async def abody(run):
        await asyncio.sleep(0)
        attempt(run)

    graph.dag("job").add(abody if is_async else body, id="body")
    with rd.Engine(graph, runner=runner()) as engine:
        run = engine.start("job").wait("10s")
        assert run.state == "success" and len(errors) == 1 and not parts(engine).closed


def test_a_body_may_drive_and_close_another_engine():
    graph = rd.Graph("driving")

    @graph.dag
    def job(run):
        with rd.Engine(driven(), runner=rd.InlineRunner()) as other:
            other.publish("a", extra=7)
            other.run_until_idle()
            return outputs(other, "job", "gives_extra")

    with rd.Engine(graph) as engine:
        assert engine.start(job).wait("10s").tasks["job"].output == [7]


def test_X3_a_read_only_engine_in_async_with_drives_nothing(tmp_path):
    with rd.Engine(driven(), tmp_path / "s.db", runner=None) as engine:
        engine.start("job")

    async def main():
        async with rd.Engine(driven(), tmp_path / "s.db", read_only=True) as engine:
            assert parts(engine).drive._thread is None and states(engine) == ["job queued"]

    asyncio.run(main())
