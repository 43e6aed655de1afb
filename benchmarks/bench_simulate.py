"""Virtual time: a DAG of 1,000 tasks and the estate's day, beside SimPy and a plain loop over a heap.

Run it with `python benchmarks/bench_simulate.py`. All play the same 1,000 tasks (up to 3 needs each) with the same
durations and must end at the same instant. Ours writes every record of the run (four a task and more) and runs the
engine's own fold, so retries, waits, triggers and reasons are there; the plain loop knows nothing but the order.
Processor time, best of five rounds in which all take turns.
"""

from __future__ import annotations

import heapq
import random
import time
from collections.abc import Callable

import simpy
from harness import Line, machine, show

import reactive_dag as rd
from reactive_dag.interop.examples import open_example

TASKS = 1_000
ROUNDS = 5
START = "2026-11-23T00:00Z"
SPANS = rd.spread_durations("5m", "40m")


def needs(seed: int = 3) -> list[list[int]]:
    """What each task needs: up to three of the hundred before it."""
    draw = random.Random(seed)
    return [sorted({draw.randrange(max(0, n - 100), n) for _ in range(3)}) if n else [] for n in range(TASKS)]


def nothing() -> None:
    """A task's body: never called, since a simulation needs none."""


def graph() -> rd.Graph:
    """The DAG, started by one tick."""
    made = rd.Graph("thousand")
    dag = made.dag("dag", on=rd.at("2026-11-23T00:00:01Z"))
    for n, row in enumerate(needs()):
        dag.add(nothing, id=f"t{n}", after=[f"t{m}" for m in row])
    return made


def seconds() -> list[float]:
    """The duration of each task, as the simulator spreads it."""
    found = rd.simulate(graph(), start=START, until="1m", default_duration=SPANS)
    spans = {row.task: (row.end - row.start).total_seconds() for row in found.timeline() if row.end is not None}
    return [spans[f"t{n}"] for n in range(TASKS)]


def ours(made: rd.Graph) -> tuple[float, float]:
    """Processor seconds, and the makespan in virtual seconds."""
    began = time.process_time()
    found = rd.simulate(made, start=START, until="1m", default_duration=SPANS)
    took = time.process_time() - began
    run = found.runs[0]
    assert run.ended is not None and run.started is not None
    return took, (run.ended - run.started).total_seconds()


def with_simpy(rows: list[list[int]], spans: list[float]) -> tuple[float, float]:
    """The same with SimPy: a process a task, which waits for the events of what it needs."""
    began = time.process_time()
    world = simpy.Environment()
    done = [world.event() for _ in rows]

    def task(n: int) -> object:
        if rows[n]:
            yield simpy.AllOf(world, [done[m] for m in rows[n]])
        yield world.timeout(spans[n])
        done[n].succeed()

    for n in range(len(rows)):
        world.process(task(n))
    world.run()
    return time.process_time() - began, float(world.now)


def with_heap(rows: list[list[int]], spans: list[float]) -> tuple[float, float]:
    """The same with a heap of ends, and nothing else."""
    began = time.process_time()
    left = [len(row) for row in rows]
    followers: list[list[int]] = [[] for _ in rows]
    for n, row in enumerate(rows):
        for m in row:
            followers[m].append(n)
    heap = [(spans[n], n) for n in range(len(rows)) if not rows[n]]
    heapq.heapify(heap)
    now = 0.0
    while heap:
        now, n = heapq.heappop(heap)
        for m in followers[n]:
            left[m] -= 1
            if not left[m]:
                heapq.heappush(heap, (now + spans[m], m))
    return time.process_time() - began, now


def estate() -> tuple[float, int]:
    """Processor seconds of the estate's day, and how many tasks and waits it played."""
    made = open_example("mozilla").graph
    began = time.process_time()
    found = rd.simulate(made, start=START, until="1d", default_duration=SPANS)
    took = time.process_time() - began
    return took, len(found.timeline())


def main() -> list[Line]:
    """Measure, print, and give the lines."""
    rows, spans, made = needs(), seconds(), graph()
    jobs: dict[str, Callable[[], tuple[float, float]]] = {
        "reactive_dag, full records": lambda: ours(made),
        "SimPy": lambda: with_simpy(rows, spans),
        "a plain heap": lambda: with_heap(rows, spans),
    }
    best: dict[str, float] = {}
    ends = set()
    for _ in range(ROUNDS):
        for name, job in jobs.items():
            took, end = job()
            best[name] = min(best.get(name, 1e9), took)
            ends.add(round(end, 3))
    assert len(ends) == 1, ends
    peer = TASKS / best["SimPy"]
    lines = [Line("1,000 tasks", jobs_name, TASKS / took, "tasks/s", 5 * peer if "reactive" in jobs_name else None)
             for jobs_name, took in best.items()]  # fmt: skip
    took, played = min(estate() for _ in range(ROUNDS))
    lines.append(Line("the estate's day", "reactive_dag, full records", played / took, "tasks/s", note=f"{took:.2f} s"))
    show(machine(), lines)
    return lines


if __name__ == "__main__":
    main()
