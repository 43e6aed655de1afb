"""What a rollup costs beside a join by key: 100,000 events, each of another partition of an hour.

Run it with `python benchmarks/bench_rollup.py [EVENTS]`. In virtual time, in memory: the events are published in one
call, whose check of each partition is not counted, then decided and their runs executed, with bodies that do nothing.
The join is of two datasets by partition, so it fires for each hour; the rollup is of one dataset to days of Berlin, or
to months. Processor time, best of three, in turns. The goal is at most twice the cost of the join.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

from harness import Line, machine, show

import reactive_dag as rd

EVENTS = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
START = "2026-11-23T00:00Z"
HOUR = rd.hour("Europe/Berlin")
GOAL = 2.0


def nothing() -> None:
    """A body."""


def spent(trigger: Callable[[rd.Dataset, rd.Dataset], rd.Trigger], turns: int, partitions: list[str]) -> float:
    """Seconds to decide the events and to execute their runs; `turns` datasets have an event of a partition."""
    graph = rd.Graph("rollup")
    datasets = [graph.dataset(uri, partitions=HOUR) for uri in "ab"]
    graph.dag("job", on=trigger(*datasets))(nothing)
    with rd.Engine(graph, clock=rd.VirtualClock(START)) as engine:
        engine.run_until_idle()
        engine.publish_many([(datasets[at % turns], {"partition": partitions[at // turns]}) for at in range(EVENTS)])
        begun = time.process_time()
        engine.run_until_idle()
        return time.process_time() - begun


def main() -> None:
    """Time them, and show."""
    first = HOUR.start("2014-01-01T00+01:00")
    partitions = list(HOUR.within(first, first + EVENTS * 3600 * 10**9 - 1))
    jobs: dict[str, tuple[Callable[[rd.Dataset, rd.Dataset], rd.Trigger], int]] = {
        "join by partition": (lambda a, b: (a & b).by("partition"), 2),
        "rollup to days": (lambda a, b: a.rollup(rd.day("Europe/Berlin")), 1),
        "rollup to days, wait": (lambda a, b: a.rollup(rd.day("Europe/Berlin"), wait="1h"), 1),
        "rollup to months": (lambda a, b: a.rollup(rd.month("Europe/Berlin")), 1),
    }
    best = dict.fromkeys(jobs, float("inf"))
    for _ in range(3):
        for name, (trigger, turns) in jobs.items():
            best[name] = min(best[name], spent(trigger, turns, partitions))
    each = 1e6 / EVENTS
    join = best["join by partition"] * each
    lines = [Line("engine, virtual time", "join by partition", join, "µs an event")]
    for name in list(jobs)[1:]:
        lines.append(Line("engine, virtual time", name, best[name] * each, "µs an event", GOAL * join, more=False))
    show(machine(), lines)


if __name__ == "__main__":
    main()
