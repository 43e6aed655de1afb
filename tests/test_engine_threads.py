"""Many threads at one engine: publishing, declaring, pausing, cancelling, asking, while it runs in the background."""

from __future__ import annotations

import threading
from collections import Counter

import pytest
from engines import verify

import reactive_dag as rd


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
        assert seen == list(range(seen[0], engine._log.committed))
        verify(engine)
