"""How long a restart takes: a log of a million events without a snapshot, and a snapshot with a tail behind it.

Run it with `python benchmarks/bench_restart.py`. The first store holds the trigger job (at most 2 feeds an event); the
second 10,000 triggers, of which each event reaches one, a snapshot, and a tail of 100,000 records.
"""

from __future__ import annotations

import gc
import time

from bench_durable import firings
from bench_trigger import graph
from harness import Line, folder, machine, show

import reactive_dag as rd
from reactive_dag.engine.drive import turn

EVENTS = 1_000_000
TRIGGERS = 10_000
TAIL = 100_000


def wide() -> rd.Graph:
    """10,000 datasets with a batch trigger each."""
    made = rd.Graph("wide")
    with made.bulk():
        for n in range(TRIGGERS):
            made.dag(f"dag{n}", on=rd.updated(made.dataset(f"d{n}")).batch(count=7))
    return made


def fill(store: str) -> None:
    """A snapshot, then a tail of about 100,000 records."""
    with rd.Engine(wide(), store=store, runner=None) as engine:
        engine.run_until_idle()
        _publish(engine, engine._parts.turn.snapshot_every)
        turn.SNAPSHOT_EVERY, before = 10**9, turn.SNAPSHOT_EVERY
        _publish(engine, int(TAIL / 1.15))
        turn.SNAPSHOT_EVERY = before


def _publish(engine: rd.Engine, events: int) -> None:
    for first in range(0, events, 1_000):
        engine.publish_many([(f"d{n % TRIGGERS}", {}) for n in range(first, first + 1_000)])
        engine.run_until_idle()


def reopened(made: rd.Graph, store: str) -> tuple[float, int]:
    """Seconds to open an engine on a store, and how many records it has."""
    gc.collect()  # what this process did before would not be there after a restart
    began = time.perf_counter()
    with rd.Engine(made, store=store, runner=None) as engine:
        took = time.perf_counter() - began
        return took, engine._parts.fold.cursor


def main() -> list[Line]:
    """Measure, print, and give the lines."""
    lines = []
    with folder() as place:
        store = str(place / "million.db")
        before, turn.SNAPSHOT_EVERY = turn.SNAPSHOT_EVERY, 10**9
        firings(store, EVENTS)
        took, records = reopened(graph()[0], store)
        turn.SNAPSHOT_EVERY = before
        note = f"{records:,} records in {took:.2f} s"
        lines.append(Line("replay, no snapshot", "1M events", EVENTS / took, "events/s", 300_000, note=note))
        store = str(place / "wide.db")
        fill(store)
        took, records = reopened(wide(), store)
        lines.append(
            Line("restart from a snapshot", "10,000 triggers, 100,000 records behind it", took, "s", 2.0, False)
        )
    show(machine(), lines)
    return lines


if __name__ == "__main__":
    main()
