"""A mapped task of n items beside n plain tasks, in one run: in memory, in a store, and simulated (R7).

Run it with `python benchmarks/bench_mapped.py`. Both follow one task and are gathered by one; graphs are made outside
the clock, and the best of four counts. The goal of the project: at most 1.5 times the plain tasks.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import ExitStack

from harness import Line, folder, machine, show

import reactive_dag as rd

ITEMS = 10_000
GOAL = 1.5
START = "2026-11-23T00:00Z"


def plain() -> rd.Graph:
    """A task, n that follow it, and one that follows them."""
    graph = rd.Graph("plain")
    dag = graph.dag("job", schedule="0 1 * * *")
    dag.add(lambda: list(range(ITEMS)), id="rows")
    for at in range(ITEMS):
        dag.add(lambda at=at: at, id=f"t{at}", after="rows")
    dag.add(lambda: None, id="total", after=[f"t{at}" for at in range(ITEMS)])
    return graph


def mapped() -> rd.Graph:
    """A task, one that is mapped over it, and one that follows that."""
    graph = rd.Graph("mapped")
    dag = graph.dag("job", schedule="0 1 * * *")
    dag.add(lambda: list(range(ITEMS)), id="rows")
    dag.add(lambda rows: rows, id="t", map_over="rows")
    dag.add(lambda: None, id="total", after="t")
    return graph


def live(graph: rd.Graph, durable: bool) -> float:
    """Seconds that a run takes an engine in virtual time."""
    with ExitStack() as stack:
        store = f"sqlite:///{stack.enter_context(folder()) / 'store.db'}" if durable else None
        engine = stack.enter_context(rd.Engine(graph, store, clock=rd.VirtualClock(START)))
        engine.run_until_idle()
        begin = time.perf_counter()
        run = engine.start("job")
        engine.run_until_idle()
        took = time.perf_counter() - begin
        assert run.state == "success"
    return took


def simulated(graph: rd.Graph) -> float:
    """Seconds that a simulation of a run takes."""
    outputs = {"job.rows": list(range(ITEMS))}
    begin = time.perf_counter()
    base = rd.simulate(graph, start=START, until="2h", default_duration="5m", outputs=outputs)
    took = time.perf_counter() - begin
    assert base.runs[0].state == "success"
    return took


def lines(job: str, time_of: Callable[[rd.Graph], float]) -> list[Line]:
    """Both, in one job."""
    rounds = [(time_of(plain()), time_of(mapped())) for _ in range(4)]  # in turn, so that both have the same machine
    one, other = (min(times) * 1e6 / ITEMS for times in zip(*rounds))
    return [
        Line(job, f"{ITEMS:,} plain tasks", one, "µs a task"),
        Line(job, f"a mapped task of {ITEMS:,} items", other, "µs a task", one * GOAL, more=False),
    ]


if __name__ == "__main__":
    print(machine())
    found = lines("in memory", lambda graph: live(graph, False)) + lines("in a store", lambda graph: live(graph, True))
    show("mapped tasks", found + lines("simulated", simulated))
