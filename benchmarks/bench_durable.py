"""Durable work on SQLite with full sync: firings sustained over a million events, awaited single publishes, cascades.

Run it with `python benchmarks/bench_durable.py`. Beside it: DBOS on SQLite, one no-op workflow a firing, where it is
installed. `no-op runs` lets every firing's run execute, which adds its start, its end and its history row.
"""

from __future__ import annotations

import asyncio
import importlib.util
import threading
import time
from pathlib import Path

from bench_trigger import DATASETS, graph
from harness import Line, folder, machine, settled, show

import reactive_dag as rd

EVENTS = 1_000_000
CHUNK = 1_000
SINGLE = 4_000


def firings(store: str, events: int = EVENTS) -> float:
    """Firings a second of the trigger job, published in batches of 1,000, with snapshots on the way."""
    made, datasets = graph()
    with rd.Engine(made, store=store, runner=None) as engine:
        engine.run_until_idle()
        chunk = [(datasets[n % DATASETS], {}) for n in range(CHUNK)]
        began = time.perf_counter()
        for _ in range(events // CHUNK):
            engine.publish_many(chunk)
            engine.run_until_idle()
        return events * 3 / 10 / (time.perf_counter() - began)


def runs(store: str | None, chains: int, length: int, rounds: int = 1) -> float:
    """Runs a second of no-op DAGs in `chains` chains side by side, which one event starts.

    Every DAG has run before, so what is worked out once a DAG is no part of it.
    """
    made = rd.Graph("chains")
    begin = made.dataset("begin")
    with made.bulk():
        for chain in range(chains):
            for n in range(length):
                dag = made.dag(f"c{chain}-{n}", on=rd.completed(f"c{chain}-{n - 1}") if n else begin)
                dag.add(nothing, id="t")
    return chains * length * rounds / rounds_of(made, begin, store, rounds, chains * length)


def tasks(store: str | None, chains: int, length: int, rounds: int = 1) -> float:
    """No-op tasks a second in `chains` DAGs side by side, each a chain of `length` tasks, which one event starts."""
    made = rd.Graph("chains")
    begin = made.dataset("begin")
    with made.bulk():
        for chain in range(chains):
            dag = made.dag(f"c{chain}", on=begin)
            for n in range(length):
                dag.add(nothing, id=f"t{n}", after=[f"t{n - 1}"] if n else [])
    return chains * length * rounds / rounds_of(made, begin, store, rounds, chains)


def rounds_of(made: rd.Graph, begin: rd.Dataset, store: str | None, rounds: int, runs_each: int) -> float:
    """Seconds of so many rounds, each started by one event, after a first one."""
    with rd.Engine(made, store=store, runner=rd.InlineRunner()) as engine:
        settled(lambda: (engine.publish(begin), engine.run_until_idle()))
        began = time.perf_counter()
        for _ in range(rounds):
            engine.publish(begin)
            engine.run_until_idle()
        took = time.perf_counter() - began
        assert len(engine.runs(state="success")) == runs_each * (rounds + 1)
    return took


def nothing() -> None:
    """A task's body that does nothing."""


def awaited(store: str, threads: int) -> float:
    """Single publishes a second, each acknowledged before the next of its thread."""
    made, datasets = graph()
    with rd.Engine(made, store=store, runner=None) as engine, engine.background():

        def work(n: int) -> None:
            for _ in range(SINGLE // threads):
                engine.publish(datasets[n % DATASETS])

        workers = [threading.Thread(target=work, args=(n,)) for n in range(threads)]
        began = time.perf_counter()
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        return SINGLE / (time.perf_counter() - began)


def awaited_coroutines(store: str, coroutines: int) -> float:
    """The same by coroutines that await `apublish`."""
    made, datasets = graph()

    async def all_of_them() -> float:
        async with rd.Engine(made, store=store, runner=None) as engine:

            async def work(n: int) -> None:
                for _ in range(SINGLE // coroutines):
                    await engine.apublish(datasets[n % DATASETS])

            began = time.perf_counter()
            await asyncio.gather(*(work(n) for n in range(coroutines)))
            return SINGLE / (time.perf_counter() - began)

    return asyncio.run(all_of_them())


def dbos(place: Path, workflows: int = 500) -> float | None:
    """No-op workflows a second of DBOS on SQLite; None where it is not installed."""
    if importlib.util.find_spec("dbos") is None:
        return None
    from dbos import DBOS

    DBOS(config={"name": "bench", "system_database_url": f"sqlite:///{place / 'dbos.sqlite'}", "log_level": "ERROR"})

    @DBOS.workflow()
    def noop() -> int:
        return 1

    DBOS.launch()
    began = time.perf_counter()
    handles = [DBOS.start_workflow(noop) for _ in range(workflows)]
    for handle in handles:
        handle.get_result()
    took = time.perf_counter() - began
    DBOS.destroy()
    return workflows / took


def cascades(where: str, place: Path | None, goal: int) -> list[Line]:
    """1,000 chains side by side: of tasks within a DAG, and of DAGs with a task each, which is six records a run."""
    stores = [None if place is None else str(place / f"{name}.db") for name in "tr"]
    return [
        Line(f"1,000 chains {where}", "of 10 no-op tasks", tasks(stores[0], 1000, 10, 3), "tasks/s", goal),
        Line(f"1,000 chains {where}", "of 10 DAGs with one", runs(stores[1], 1000, 10, 3), "runs/s", goal),
    ]


def main() -> list[Line]:
    """Measure, print, and give the lines."""
    with folder() as place:
        lines = [
            Line(
                "durable firings",
                "reactive_dag, 1M events in batches",
                firings(str(place / "f.db")),
                "firings/s",
                75_000,
            ),
        ]
        peer = dbos(place)
        if peer is not None:
            lines.append(Line("durable firings", "DBOS on SQLite, no-op workflows", peer, "firings/s"))
        else:
            lines.append(
                Line(
                    "durable firings",
                    "DBOS on SQLite",
                    float("nan"),
                    "firings/s",
                    note="not installed: pip install '.[bench]'",
                )
            )
        lines += cascades("on SQLite", place, 20_000) + cascades("in memory", None, 40_000)
        one = runs(str(place / "o.db"), 1, 1000)
        lines.append(
            Line("one chain", "1,000 runs on SQLite", one, "runs/s", note="a commit a hop: the disk's sync rate")
        )
        lines.append(Line("one chain", "100,000 runs in memory", runs(None, 1, 100_000), "runs/s"))
        for threads in (1, 8, 64):
            lines.append(
                Line(
                    "awaited publishes",
                    f"{threads} threads",
                    awaited(str(place / f"t{threads}.db"), threads),
                    "events/s",
                )
            )
        lines.append(
            Line("awaited publishes", "64 coroutines", awaited_coroutines(str(place / "c.db"), 64), "events/s")
        )
    show(machine(), lines)
    return lines


if __name__ == "__main__":
    main()
