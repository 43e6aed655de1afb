"""Five measured workflow runs (wfcommons.json): what the simulator makes of their tasks' runtimes, against networkx.

The measured makespans hold more than the tasks' runtimes, so nothing is compared with them here; benchmarks/notes.md
does, and says what they hold.
"""

from __future__ import annotations

import json
from collections.abc import Generator, Mapping
from datetime import timedelta
from pathlib import Path
from random import Random
from typing import Any, TypeAlias

import networkx as nx
import pytest
import simpy

import reactive_dag as rd
from reactive_dag.whatif.outcome.outcome import Outcome

MEASURED: dict[str, Any] = {
    each["name"]: each for each in json.loads(Path(__file__).with_name("wfcommons.json").read_text("utf-8"))["runs"]
}

Wants: TypeAlias = Mapping[int, tuple[str | None, int, int]]
"""Pool, slots and priority of tasks."""
NOTHING: Wants = {}


def played(tasks: list[list[int]], pools: Mapping[str, int] | None = None, wants: Wants = NOTHING) -> rd.Simulation:
    """A run of a DAG with these tasks, workers without end; `wants` are pool, slots and priority of tasks."""
    graph = rd.Graph("measured")
    for pool, slots in (pools or {}).items():
        graph.pool(pool, slots)
    dag = graph.dag("run", schedule="0 0 * * *")
    for number, (_, *needs) in enumerate(tasks):
        pool, slots, priority = wants.get(number, (None, 1, 0))
        after = [f"t{need}" for need in needs]
        dag.add(lambda: None, f"t{number}", after=after, pool=pool, slots=slots, priority=priority)
    spans = {f"run.t{number}": timedelta(microseconds=span) for number, (span, *_) in enumerate(tasks)}
    return rd.simulate(graph, start="2026-11-23T00:00Z", until="1d", durations=spans)


def spans(course: rd.Simulation) -> dict[int, tuple[int, int]]:
    """When each task began and ended, in microseconds after the start; its records say the same as its answers."""
    found = [_spans(outcome) for outcome in (course.outcome, course.trace)]
    assert found[0] == found[1]
    return found[0]


def _spans(outcome: Outcome) -> dict[int, tuple[int, int]]:
    (run,) = outcome.runs
    began = outcome.row(run).requested
    found = {int(id[1:]): outcome.interval(run, id) for id in outcome.tasks(run)}
    assert outcome.state(run) == "success"
    return {number: ((a - began) // 1000, (b - began) // 1000) for number, (a, b) in found.items()}  # type: ignore[operator]


def makespan(course: rd.Simulation) -> int:
    """How long its run took, in microseconds."""
    return max(end for _, end in spans(course).values())


def network(tasks: list[list[int]]) -> nx.DiGraph:
    """The tasks as edges into each other that are as long as what is needed takes; the last edge leads to "end"."""
    found = nx.DiGraph()
    for number, (span, *needs) in enumerate(tasks):
        found.add_edge(number, "end", weight=span)
        for need in needs:
            found.add_edge(need, number, weight=tasks[need][0])
    return found


@pytest.mark.parametrize("name", MEASURED)
def test_the_critical_path_is_the_longest_path(name: str) -> None:
    tasks = MEASURED[name]["tasks"]
    course, longest = played(tasks), network(tasks)
    length = nx.dag_longest_path_length(longest)
    assert makespan(course) == length
    path = [int(step.name.partition(".t")[2]) for step in course.critical_path("run") if step.kind == "task"]
    assert nx.path_weight(longest, [*path, "end"], "weight") == length
    assert not course.critical_path("run").waited


@pytest.mark.parametrize("name", MEASURED)
def test_the_measured_cores_bound_the_makespan(name: str) -> None:
    """From the critical path to the sum; and Graham's bound for lists (1969): no core idles while a task may begin."""
    tasks, cores = MEASURED[name]["tasks"], MEASURED[name]["cores"]
    course = played(tasks)
    limited = makespan(course.what_if(rd.workers(cores)))
    longest, whole = makespan(course), sum(span for span, *_ in tasks)
    assert longest <= limited <= whole
    assert whole / cores <= limited <= whole / cores + longest * (1 - 1 / cores)
    assert makespan(course.what_if(rd.workers(1))) == whole


# ------------------------------------------------------------------------------------------------------------ SimPy

LAST = 9
"""Behind all else that SimPy does at an instant."""


class Queue:
    """Workers and pools of a SimPy model: who asks at an instant is served when all else there has happened.

    In order of priority, then of number; a pool that has no room for the next turns away all others that want it.
    """

    def __init__(self, env: simpy.Environment, workers: int, pools: Mapping[str, int], wants: Wants) -> None:
        self.env, self.wants = env, wants
        self.workers, self.free = workers, dict(pools)
        self.waiting: dict[int, simpy.Event] = {}
        self.is_called = False

    def ask(self, number: int) -> simpy.Event:
        """An event that happens when a task has its worker and its slots."""
        self.waiting[number] = self.env.event()
        self.call()
        return self.waiting[number]

    def give_back(self, number: int) -> None:
        """A task has ended."""
        pool, slots, _ = self.wants.get(number, (None, 1, 0))
        self.workers += 1
        if pool is not None:
            self.free[pool] += slots
        self.call()

    def call(self) -> None:
        """Serve at the end of this instant."""
        if not self.is_called:
            self.is_called = True
            event = self.env.event()
            event._ok, event._value, event.callbacks = True, None, [self.serve]
            self.env.schedule(event, priority=LAST)

    def serve(self, _: simpy.Event) -> None:
        """Serve who may go now."""
        self.is_called = False
        closed: set[str] = set()
        for number in sorted(self.waiting, key=lambda number: (-self.wants.get(number, (None, 1, 0))[2], number)):
            pool, slots, _priority = self.wants.get(number, (None, 1, 0))
            if not self.workers:
                break
            if pool is not None and (pool in closed or self.free[pool] < slots):
                closed.add(pool)
                continue
            self.workers -= 1
            if pool is not None:
                self.free[pool] -= slots
            self.waiting.pop(number).succeed()


def modelled(
    tasks: list[list[int]], workers: int, pools: Mapping[str, int], wants: Wants
) -> dict[int, tuple[int, int]]:
    """When each task begins and ends in a SimPy model, in microseconds."""
    env, found = simpy.Environment(), {}
    queue, ends = Queue(env, workers, pools, wants), [env.event() for _ in tasks]

    def task(number: int) -> Generator[simpy.Event, None, None]:
        span, *needs = tasks[number]
        yield env.all_of([ends[need] for need in needs])
        yield queue.ask(number)
        began = env.now
        yield env.timeout(span)
        queue.give_back(number)
        found[number] = began, env.now
        ends[number].succeed()

    for number in range(len(tasks)):
        env.process(task(number))
    env.run()
    return found


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("name", MEASURED)
def test_pools_workers_and_priorities_go_as_in_a_model_in_simpy(name: str, seed: int) -> None:
    """Each task begins and ends at the same microsecond; with runtimes in whole steps many do at once."""
    draw, step = Random(f"{name} {seed}"), (1, 1_000_000, 10_000_000)[seed]
    tasks = [[round(span / step) * step, *needs] for span, *needs in MEASURED[name]["tasks"]]
    pools = {"a": draw.randint(2, 4), "b": draw.randint(2, 9)}
    wants = {
        number: (draw.choice([None, "a", "b"]), draw.choice([1, 1, 2]), draw.choice([0, 0, 1, 2]))
        for number in range(len(tasks))
    }
    wants = {number: each if each[0] else (None, 1, each[2]) for number, each in wants.items()}
    free = draw.randint(3, 20)
    course = played(tasks, pools, wants).what_if(rd.workers(free))
    assert spans(course) == modelled(tasks, free, pools, wants)
