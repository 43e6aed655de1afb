"""Virtual time: a DAG of 1,000 tasks and the estate's day, beside SimPy and a plain loop over a heap.

Run it with `python benchmarks/bench_simulate.py`. All play the same tasks with the same durations and must end each of
them at the same instants. Ours plays a course with every record (two a task, its events, four a run), so retries,
waits, triggers and reasons are there. The graph is declared and was played before, as when a course is asked again with
something different; each round plays it anew from its first record. The plain loop knows nothing but the order. SimPy
comes in two forms: `AllOf` as its documentation writes it (the goal's peer), and processes awaited one after the other,
which is the fastest that it can do here. Of the estate's day the peers get what ours worked out: which attempt of which
task of which run waits for which; they resolve no trigger, no tick and no date. Processor time, best of the rounds in
which all take turns.
"""

from __future__ import annotations

import gc
import heapq
import random
import time
from collections.abc import Callable

import simpy
from harness import Line, machine, show

import reactive_dag as rd
from reactive_dag.interop.examples import open_example
from reactive_dag.model.times import SECOND
from reactive_dag.whatif.outcome.points import Point

TASKS = 1_000
GOAL = 5
"""So many times the tasks a second of SimPy's AllOf."""
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


Node = tuple[float, float, list[int]]
"""When a task may begin at the earliest, how long it takes (both in seconds), and the numbers of what it needs."""


def course(made: rd.Graph, until: str) -> rd.Simulation:
    """One course."""
    return rd.simulate(made, start=START, until=until, default_duration=SPANS)


def flat(found: rd.Simulation) -> list[Node]:
    """A course as bare nodes: what the peers play."""
    trace = found.trace
    rows = [row for row in trace.rows.values() if row.started is not None]
    ended = [
        (row.run, task) for row in rows for task in trace.tasks(row.run) if trace.interval(row.run, task)[1] is not None
    ]
    number = {place: n for n, place in enumerate(ended)}
    origin = min(row.started or 0 for row in rows)
    nodes: list[Node] = []
    for run, task in ended:
        start, end = trace.interval(run, task)
        row = trace.rows[run]
        needs = [(run, need) for need in trace.needs(Point("task", run, task))]
        awaited = trace.awaited(Point("task", run, task))
        if awaited is not None:
            needs.append((awaited.point.of, awaited.point.task))
        waits = trace.task(Point("task", run, task)).wait is not None
        span = 0.0 if waits else ((end or 0) - (start or 0)) / SECOND
        nodes.append((((row.started or 0) - origin) / SECOND, span, [number[need] for need in needs]))
    return nodes


def ends_of(found: rd.Simulation) -> list[float]:
    """When each task ended, in seconds from the first start, in order."""
    began = min(row.start for row in found.timeline())
    return sorted((row.end - began).total_seconds() for row in found.timeline() if row.end is not None)


def with_all_of(nodes: list[Node]) -> list[float]:
    """SimPy: a process a task, which waits for the events of all that it needs at once."""
    world = simpy.Environment()
    done = [world.event() for _ in nodes]
    ends: list[float] = []

    def task(n: int) -> object:
        first, span, needs = nodes[n]
        if first:
            yield world.timeout(first)
        if needs:
            yield simpy.AllOf(world, [done[m] for m in needs])
        yield world.timeout(span)
        ends.append(world.now)
        done[n].succeed()

    for n in range(len(nodes)):
        world.process(task(n))
    world.run()
    return sorted(ends)


def one_by_one(nodes: list[Node]) -> list[float]:
    """SimPy: a process a task, which waits for the processes that it needs, one after the other."""
    world = simpy.Environment()
    processes: list[simpy.Process] = []
    ends: list[float] = []

    def task(n: int) -> object:
        first, span, needs = nodes[n]
        if first:
            yield world.timeout(first)
        for m in needs:
            yield processes[m]
        yield world.timeout(span)
        ends.append(world.now)

    for n in range(len(nodes)):
        processes.append(world.process(task(n)))
    world.run()
    return sorted(ends)


def with_heap(nodes: list[Node]) -> list[float]:
    """A heap of ends, and nothing else."""
    left = [len(needs) for _, _, needs in nodes]
    ready = [first for first, _, _ in nodes]
    followers: list[list[int]] = [[] for _ in nodes]
    for n, (_, _, needs) in enumerate(nodes):
        for m in needs:
            followers[m].append(n)
    heap = [(first + span, n) for n, (first, span, needs) in enumerate(nodes) if not needs]
    heapq.heapify(heap)
    ends: list[float] = []
    while heap:
        now, n = heapq.heappop(heap)
        ends.append(now)
        for m in followers[n]:
            left[m] -= 1
            if not left[m]:
                heapq.heappush(heap, (max(now, ready[m]) + nodes[m][1], m))
    return ends


def beside(job: str, made: rd.Graph, until: str, rounds: int) -> list[Line]:
    """One job by all, in turns; all must give the same ends."""
    found = course(made, until)
    nodes, wanted = flat(found), ends_of(found)
    ways: dict[str, Callable[[], object]] = {
        "reactive_dag": lambda: course(made, until),
        "SimPy, AllOf": lambda: with_all_of(nodes),
        "SimPy, one by one": lambda: one_by_one(nodes),
        "a plain heap": lambda: with_heap(nodes),
    }
    best: dict[str, float] = {}
    for _ in range(rounds):
        for name, way in ways.items():
            gc.collect()
            began = time.process_time()
            given = way()
            best[name] = min(best.get(name, 1e9), time.process_time() - began)
            ends = ends_of(given) if isinstance(given, rd.Simulation) else given
            assert ends == wanted, (name, job)
    goals = {"reactive_dag": len(nodes) * GOAL / best["SimPy, AllOf"]}
    return [
        Line(job, name, len(nodes) / took, "tasks/s", goals.get(name),
             note=f"{took * 1e3:.1f} ms for {len(nodes):,} tasks")
        for name, took in best.items()
    ]  # fmt: skip


def main() -> list[Line]:
    """Measure, print, and give the lines."""
    estate = open_example("mozilla").graph
    lines = [*beside("1,000 tasks", graph(), "1m", 100), *beside("the estate's day", estate, "1d", 20)]
    show(machine(), lines)
    return lines


if __name__ == "__main__":
    main()
