"""What limits cost: runs of ten tasks under `max_active_runs=4` and a pool, beside the same without any.

Run it with `python benchmarks/bench_limits.py [RUNS]`. In virtual time: in the engine all runs are requested at once,
so that they queue behind the limit, in the simulation a tick asks for each. Bodies do nothing; a task takes one or two
slots of a pool of sixteen. Processor time, best of three, in turns. The goal is at most twice the cost a task of the
unconstrained case.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

from harness import Line, machine, show

import reactive_dag as rd

RUNS = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
TASKS = 10
START = "2026-11-23T00:00Z"
GOAL = 2.0


def nothing() -> None:
    """A body."""


def graph(limited: bool, on: rd.Trigger | rd.Dataset) -> rd.Graph:
    """One DAG of two chains of five tasks."""
    made = rd.Graph("limits")
    made.pool("warehouse", slots=16)
    dag = made.dag("job", on=on, max_active_runs=4 if limited else None)
    for at in range(TASKS):
        after, pool = [f"t{at - 1}"] if at % 5 else [], "warehouse" if limited else None
        dag.add(nothing, id=f"t{at}", after=after, pool=pool, slots=1 + at % 2 if limited else 1)
    return made


def live(limited: bool) -> float:
    """Seconds for all runs in an engine under a virtual clock."""
    orders = rd.Dataset("orders")
    with rd.Engine(graph(limited, orders), clock=rd.VirtualClock(START)) as engine:
        engine.publish_many([(orders, {})] * RUNS)
        begun = time.process_time()
        engine.run_until_idle()
        return time.process_time() - begun


def simulated(limited: bool) -> float:
    """Seconds for all runs in a simulation, in which three or four overlap."""
    made = graph(limited, rd.every("1m"))
    begun = time.process_time()
    rd.simulate(made, start=START, until=f"{RUNS}m", default_duration="40s")
    return time.process_time() - begun


def main() -> None:
    """Time both, and show."""
    lines, each = [], 1e6 / RUNS / TASKS
    for name, job in (("engine, virtual time", live), ("simulation", simulated)):
        free, held = best(job)
        lines.append(Line(name, "no limits", free * each, "µs a task"))
        lines.append(Line(name, "four runs, a pool", held * each, "µs a task", GOAL * free * each, more=False))
    show(machine(), lines)


def best(job: Callable[[bool], float]) -> tuple[float, float]:
    """The least of three, without limits and with."""
    pairs = [(job(False), job(True)) for _ in range(3)]
    return min(free for free, _ in pairs), min(held for _, held in pairs)


if __name__ == "__main__":
    main()
