"""The trigger job through the engine: 10 datasets round robin, one AND of three, a batch of 5 on each.

Run it with `python benchmarks/bench_trigger.py`. 100,000 events, `runner=None`, the log in memory. Beside it, in one
run: the same logic inline in Python, stock reactivex operators, and bytewax where it is installed. Best of five rounds.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable

import bench_operators
from harness import Line, machine, show

import reactive_dag as rd

EVENTS = 100_000
DATASETS = 10
ROUNDS = 5
FIRINGS = EVENTS // 5 + EVENTS // DATASETS


def graph() -> tuple[rd.Graph, list[rd.Dataset]]:
    """The trigger job's graph."""
    made = rd.Graph("trigger-job")
    datasets = [made.dataset(f"d{n}") for n in range(DATASETS)]
    made.dag("and", on=datasets[0] & datasets[1] & datasets[2])
    for dataset in datasets:
        made.dag(f"batch {dataset.uri}", on=rd.updated(dataset).batch(count=5))
    return made, datasets


def batches(size: int) -> Callable[[], float]:
    """Publish in batches of `size`, deciding after each; the seconds."""

    def job() -> float:
        made, datasets = graph()
        with rd.Engine(made, runner=None) as engine:
            engine.run_until_idle()
            events = [(datasets[n % DATASETS], {}) for n in range(EVENTS)]
            gc.collect()
            gc.freeze()
            began = time.perf_counter()
            for first in range(0, EVENTS, size):
                engine.publish_many(events[first : first + size])
                engine.run_until_idle()
            took = time.perf_counter() - began
            gc.unfreeze()
            assert _firings(engine) == FIRINGS
            return took

    return job


def one_at_a_time() -> float:
    """Publish one at a time, then decide; the seconds."""
    made, datasets = graph()
    with rd.Engine(made, runner=None) as engine:
        engine.run_until_idle()
        gc.collect()
        gc.freeze()
        began = time.perf_counter()
        for number in range(EVENTS):
            engine.publish(datasets[number % DATASETS])
        engine.run_until_idle()
        took = time.perf_counter() - began
        gc.unfreeze()
        assert _firings(engine) == FIRINGS
        return took


def _firings(engine: rd.Engine) -> int:
    return sum(engine.pending(dag).queued for dag in engine.graph.dags)


def main() -> list[Line]:
    """Measure, print, and give the lines."""
    ours: dict[str, tuple[Callable[[], float], float]] = {
        "published in batches of 1,000": (batches(1_000), 1_000_000),
        "published in one batch": (batches(EVENTS), 1_000_000),
        "published one at a time": (one_at_a_time, 300_000),
    }
    peers: dict[str, Callable[[], float]] = {
        "inline Python": lambda: bench_operators.inline()[0],
        "stock reactivex": lambda: bench_operators.stock()[0],
    }
    best: dict[str, float] = {}
    for _ in range(ROUNDS):
        for name, (job, _goal) in ours.items():
            best[name] = min(best.get(name, 1e9), job())
        for name, job in peers.items():
            best[name] = min(best.get(name, 1e9), job())
    lines = [
        Line("trigger job", f"reactive_dag, {name}", EVENTS / best[name], "events/s", goal)
        for name, (_, goal) in ours.items()
    ]
    lines += [Line("trigger job", name, EVENTS / best[name], "events/s") for name in peers]
    lines += [
        Line("trigger job", line.by, line.rate, "events/s", note=line.note)
        for line in bench_operators.measure() if "bytewax" in line.by
    ]  # fmt: skip
    show(machine(), lines)
    return lines


if __name__ == "__main__":
    main()
