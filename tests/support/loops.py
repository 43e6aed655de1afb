"""What a loop over a window says of each instance of a task, and what the reference says: state and attempts too."""

from __future__ import annotations

from random import Random
from typing import TypeAlias

import reactive_dag as rd
from reactive_dag.model.errors import ReactiveDagError
from reactive_dag.whatif.loops.attempts import AttemptLists
from reactive_dag.whatif.loops.drawn import DrawnNodes, WindowDraws
from reactive_dag.whatif.loops.event_loop import EventLoop
from reactive_dag.whatif.loops.loop_plan import LoopPlan
from reactive_dag.whatif.loops.states import NEVER_BEGUN, READY, SUCCESS, WORDS
from reactive_dag.whatif.question import distributions as drawn
from reactive_dag.whatif.question import interventions as made
from reactive_dag.whatif.question.draws import future_keys
from reactive_dag.whatif.question.duration_table import DurationTable
from reactive_dag.whatif.window.arrays import BEYOND, END, LOST, MET, TASK, WAIT, Window
from reactive_dag.whatif.window.compile import compile_window
from tests.support.limited_graphs import limited_graph

Key: TypeAlias = tuple[str, int | None, str | None, str]
"""DAG, date, partition, task; "" for the run itself."""

Seen: TypeAlias = tuple[int | None, int | None, str, int]
"""Begin, end, state, attempts."""

START = "2026-11-23T00:00Z"


def window_of(simulation: rd.Simulation) -> Window:
    """The window of a simulation's question. Raises NotStatic."""
    asked = simulation.question
    return compile_window(asked.graph, asked.start, asked.until, asked.sources)


def draws_of(window: Window, simulation: rd.Simulation) -> WindowDraws:
    """What a simulation's question draws for the nodes of its window."""
    effects = simulation.effects
    return WindowDraws(DrawnNodes(window), effects, DurationTable.of(window.tasks, effects))


def played(window: Window, simulation: rd.Simulation, future: int = 0) -> EventLoop:
    """One future of a question, played by the event loop."""
    draws, effects = draws_of(window, simulation), simulation.effects
    keys = future_keys(simulation.question.seed, range(future, future + 1))
    attempts = AttemptLists.of(draws.attempts(keys), draws.drawn.nodes, window.size)
    capacity = [effects.capacities.get(name, pool.slots) for name, pool in window.pools.items()]
    delays = draws.delays(keys).of(0)
    loop = EventLoop(LoopPlan.of(window), window.base.tolist(), delays, attempts, capacity, effects.workers)
    loop.play()
    return loop


def of_loop(window: Window, loop: EventLoop) -> dict[Key, Seen]:
    """Each instance that began, and each run that was requested."""
    found: dict[Key, Seen] = {}
    for node, (kind, run, subject) in enumerate(zip(window.kind, window.run.tolist(), window.subject.tolist())):
        if run < 0:
            continue
        about = int(window.run_date[run]), window.run_partition[run]
        state, attempts = WORDS[loop.state[node]], loop.attempts[node]
        if kind in (TASK, WAIT, MET, LOST):
            dag, task = window.tasks[subject]
            if loop.state[node] not in (NEVER_BEGUN, READY) and loop.begin[node] < BEYOND:
                found[dag, *about, task] = _seen(loop.begin[node]), _seen(loop.end[node]), state, attempts
        elif kind == END and loop.begin[start := int(window.run_start[run])] < BEYOND:
            begun = loop.end[start] if loop.state[start] == SUCCESS else BEYOND
            found[window.dags[subject], *about, ""] = _seen(begun), _seen(loop.end[node]), state, 0
    return found


def of_course(simulation: rd.Simulation) -> dict[Key, Seen]:
    """The same, as the reference played it."""
    trace, found = simulation.trace, dict[Key, Seen]()
    for row in trace.rows.values():
        about = row.logical_date, row.partition
        found[row.dag, *about, ""] = row.started, row.ended, row.state if row.ended is not None else "", 0
        for task, each in trace.tasks(row.run).items():
            begin, end = trace.interval(row.run, task)
            if begin is not None:
                found[row.dag, *about, task] = begin, end, each.state, len(each.attempts)
    return found


def _seen(at: int) -> int | None:
    return at if at < BEYOND else None


def limited_question(seed: int, *, runs: bool = True, pools: bool = True) -> rd.Simulation | None:
    """A random question about a graph with limits; None where what was drawn is refused."""
    r = Random(seed)
    graph = limited_graph(r.randrange(10**6), runs=runs, pools=pools)
    spread = rd.spread_durations("1s", r.choice(["2m", "30m", "1h", "3h"]))
    spans = r.choice([spread, "20m", drawn.lognormal("10m", 0.8), drawn.uniform("0s", "12m")])
    tasks = [f"{dag.id}.{task.id}" for dag in graph.dags.values() for task in dag.tasks.values() if task.kind == "task"]
    try:
        base = rd.simulate(graph, start=START, until=f"{r.choice([7, 24, 50])}h", default_duration=spans, seed=seed)
        asked = [_intervention(r, tasks, [*graph.dags], pools) for _ in range(r.choice([0, 1, 1, 2, 3]))]
        return base.what_if(*asked) if asked else base
    except ReactiveDagError:
        return None


def _intervention(r: Random, tasks: list[str], dags: list[str], pools: bool) -> made.Intervention:
    kind, late = r.randrange(7 if pools else 5), r.choice(["20m", "1h", "7m", "10h"])
    if kind <= 1:
        return made.fail(r.choice(tasks), r.choice([1, 0.5, 0.3]))
    if kind == 2:
        return made.delay(r.choice(dags), late)
    if kind == 3:
        return made.delay(r.choice(tasks), r.choice([late, drawn.exponential("20m")]))
    if kind == 4:
        return made.shared("x", drawn.lognormal(1.0, 0.5), tasks=r.sample(tasks, min(3, len(tasks))))
    return made.workers(r.choice([1, 2, 5])) if kind == 5 else made.capacity("wide", r.choice([3, 4]))
