"""Many threads at one engine: publishing, declaring, pausing, cancelling, asking, while it runs in the background."""

from __future__ import annotations

import asyncio
import threading
from collections import Counter

import pytest

import reactive_dag as rd
from tests.support.engines import parts, verify


def body(run):
    return len(run.events)


def unlucky(run):
    if run.attempt == 1 and run.events[0].extra % 5 == 0:
        raise ValueError("again")
    return run.events[0].extra


def estate() -> rd.Graph:
    graph = rd.Graph("threads")
    a, b = graph.dataset("a"), graph.dataset("b")
    graph.dag("one", on=a, retries=1, timeout="1h", outlets=[b])(unlucky)
    graph.dag("two", on=rd.completed("one") & rd.updated(b))(body)
    graph.dag("batched", on=rd.updated(b).batch(count=7, max_wait="10ms"), max_active_runs=1)(body)
    dag = graph.dag("waits", on=rd.completed("one"))
    dag.add(body, id="after", after=[dag.wait_for("one", timeout="1h")])

    @graph.dag(on=rd.updated(a).throttle("5ms"))
    async def throttled(run):
        return len(run.events)

    return graph


def publisher(engine, number):
    def work():
        for n in range(30):
            if n % 3:
                engine.publish("a", extra=n, key=f"{number}/{n}")
            else:
                engine.publish_many([("a", {"extra": n, "key": f"{number}/{n}"}), ("b", {})])

    return work


def declarer(engine):
    def work():
        graph = engine.graph
        for n in range(15):
            graph.dag("batched", on=rd.updated("b").batch(count=3 + n % 4, max_wait="10ms"), max_active_runs=2)(body)
            graph.dag(f"x{n % 3}", on=rd.updated("a").batch(count=2 + n % 2))(body)
            if n % 4 == 3:
                graph.remove(f"x{n % 3}")

    return work


def meddler(engine):
    def work():
        for n in range(20):
            engine.pause("one")
            engine.resume("one")
            runs = engine.runs("one", limit=3)
            if runs and n % 5 == 0:
                engine.cancel(runs[0])
            for run in runs:
                assert engine.why(run).causes and run.tasks is not None
            assert engine.pending("two").dag == "two"
            engine.once(f"k{n % 4}", lambda: "done")

    return work


@pytest.mark.parametrize("store", ["memory", "file"])
def test_many_threads_at_one_engine(store, tmp_path):
    failed, seen = [], []

    def guarded(work):
        def run():
            try:
                work()
            except BaseException as error:
                failed.append(error)

        return threading.Thread(target=run)

    with rd.Engine(estate(), tmp_path / "s.db" if store == "file" else None, runner=rd.ThreadRunner(4)) as engine:
        engine.records.subscribe(lambda entry: seen.append(entry.offset))
        works = [*(publisher(engine, n) for n in range(3)), declarer(engine), meddler(engine)]
        with engine.background():
            threads = [guarded(work) for work in works]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join(60)
            engine.run_until_idle("60s")
        assert failed == []
        engine.run_until_idle("60s")
        runs = engine.runs()
        assert max(Counter(run.key for run in runs).values()) == 1
        assert {run.state for run in runs if run.dag in ("one", "two")} <= {"success", "cancelled"}
        told = Counter(event.key for run in engine.runs("one") for event in run.events)
        assert len(told) == 90 and set(told.values()) == {1}, "each event was consumed once, held by a pause or not"
        assert seen == list(range(seen[0], parts(engine).log.committed))
        verify(engine)


@pytest.mark.parametrize("runner", [rd.InlineRunner, lambda: rd.ThreadRunner(2)], ids=["inline", "threads"])
def test_an_engine_is_driven_inside_a_running_loop_as_in_a_notebook(runner):
    graph = rd.Graph("threads")

    @graph.dag
    async def job(run):
        await asyncio.sleep(0)
        return engine.once("k", effect)

    async def effect():
        return "sent"

    async def cell():
        engine.start(job)
        engine.run_until_idle("20s")
        return engine.runs(job)[0].tasks["job"].output

    with rd.Engine(graph, clock=rd.VirtualClock("2026-11-23T00:00Z"), runner=runner()) as engine:
        assert asyncio.run(cell()) == "sent"


def test_with_threads_the_clock_moves_only_when_no_attempt_executes():
    graph = rd.Graph("threads")
    began, release, times = threading.Event(), threading.Event(), []

    @graph.dag(schedule="0 * * * *")
    def job(run):
        times.append(parts(engine).fold.clock.now())
        began.set()
        assert release.wait(10)
        times.append(parts(engine).fold.clock.now())

    with rd.Engine(graph, clock=rd.VirtualClock("2026-11-23T00:30Z"), runner=rd.ThreadRunner(2)) as engine:
        helper = threading.Thread(target=lambda: began.wait(10) and release.set())
        helper.start()
        engine.advance("2h")
        helper.join(10)
        assert times[0] == times[1] and times[2] == times[3] == times[0] + 3600 * 10**9
        verify(engine)
