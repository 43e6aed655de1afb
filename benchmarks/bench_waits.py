"""What pending waits cost: while they wait, and when something happens that decides one of them.

Run it with `python benchmarks/bench_waits.py [WAITS]`. In virtual time, in memory, bodies do nothing. Each waiting run
awaits the hour of its own date: a run of another DAG, or an event of a dataset, in mode "push". Processor time, the
best of three, in turns with the same beside `FEW` waits. The goals: what nobody waits for costs at most a tenth more
beside 10,000 waits than beside none, and what decides one of 10,000 at most one and a half times what decides one of a
few. A look of a wait that polls is shown beside them.
"""

from __future__ import annotations

import sys
import time

from harness import Line, machine, show

import reactive_dag as rd
from reactive_dag.model.times import HOUR, parse_time, to_datetime

WAITS = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
FEW = 200
EVENTS = 2_000
START = "2026-11-23T00:00Z"
BEFORE = parse_time("2020-01-01T00:00Z")


def nothing() -> None:
    """A body."""


def graph(what: str, mode: str) -> rd.Graph:
    """`job` waits for `up` or for `orders`; `noise` is what nobody waits for."""
    made = rd.Graph("waits")
    asked, orders = (made.dataset(name, partitions=rd.hour()) for name in ("asked", "orders"))
    made.dag("up").add(nothing, id="t")
    made.dag("noise", on=made.dataset("noise")).add(nothing, id="t")
    job = made.dag("job", on=asked)
    up = job.wait_for(made.dags["up"] if what == "DAG" else orders, id="up", mode=mode, poll="1m")
    job.add(nothing, id="t", after=[up])
    return made


def hour(number: int) -> str:
    """A partition."""
    return rd.hour().of(BEFORE + number * HOUR)


def measured(what: str, waits: int) -> tuple[float, float, float]:
    """Seconds an event that nobody waits for, one that decides a wait, and a day in which nothing happens."""
    with rd.Engine(graph(what, "push"), clock=rd.VirtualClock(START)) as engine:
        engine.publish_many([("asked", {"partition": hour(n)}) for n in range(waits)])
        engine.run_until_idle()
        begun = time.process_time()
        engine.publish_many([("noise", {})] * EVENTS)
        engine.run_until_idle()
        noise = (time.process_time() - begun) / EVENTS
        begun = time.process_time()
        engine.advance("1d")
        day = time.process_time() - begun
        decisive = min(waits, FEW)
        begun = time.process_time()
        for number in range(decisive):
            if what == "DAG":
                engine.start("up", logical_date=to_datetime(BEFORE + number * HOUR))
            else:
                engine.publish("orders", partition=hour(number))
        engine.run_until_idle()
        return noise, (time.process_time() - begun) / max(decisive, 1), day


def looks() -> float:
    """Seconds a look of a wait that polls."""
    with rd.Engine(graph("dataset", "reschedule"), clock=rd.VirtualClock(START)) as engine:
        engine.publish_many([("asked", {"partition": hour(n)}) for n in range(1_000)])
        engine.run_until_idle()
        begun = time.process_time()
        engine.advance("20m")
        return (time.process_time() - begun) / 20_000


def main() -> None:
    """Time all, and show."""
    lines = []
    for what in ("DAG", "dataset"):
        turns = [[measured(what, waits) for waits in (0, FEW, WAITS)] for _ in range(3)]
        (none, _, _), few, many = ([min(each) for each in zip(*of)] for of in zip(*turns))
        name = f"waits for a {what}"
        lines.append(Line(name, "an event and its run, no waits", none * 1e6, "µs"))
        lines.append(Line(name, f"the same beside {WAITS:,} waits", many[0] * 1e6, "µs", 1.1 * none * 1e6, more=False))
        lines.append(Line(name, f"what decides one of {FEW} waits", few[1] * 1e6, "µs"))
        lines.append(Line(name, f"one of {WAITS:,}", many[1] * 1e6, "µs", 1.5 * few[1] * 1e6, more=False))
        lines.append(Line(name, f"a day beside {WAITS:,} waits", many[2] * 1e3, "ms"))
    lines.append(Line("mode reschedule", "a look, recorded", looks() * 1e6, "µs"))
    show(machine(), lines)


if __name__ == "__main__":
    main()
