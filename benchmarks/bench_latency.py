"""How long one event takes: to the decision among 1,000 and 10,000 DAGs, and from publish to the body's start.

Run it with `python benchmarks/bench_latency.py`. The first is in memory, ten layers of DAGs of which 1, 10 or 100 are
concerned. The second is durable (SQLite, full sync) on the default runner: with an idle machine, and beside one thread
that keeps the interpreter busy, where each change of thread may wait for the interpreter's switch interval (5 ms).
"""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path

from harness import Line, folder, machine, quantile, settled, show

import reactive_dag as rd

PAUSE = 0.003
"""Seconds between two events."""
EVENTS = 300
LAYERS = 10


def layered(dags: int, concerned: int) -> rd.Graph:
    """`dags` DAGs in ten layers; an event of dataset "hit" starts `concerned` of them."""
    graph = rd.Graph("layers")
    hit, other = graph.dataset("hit"), graph.dataset("other")
    width = dags // LAYERS
    with graph.bulk():
        for n in range(dags):
            layer, place = divmod(n, width)
            if layer == 0:
                graph.dag(f"d{n}", on=hit if n < concerned else other)
            else:
                below = (layer - 1) * width
                graph.dag(
                    f"d{n}", on=rd.completed(f"d{below + place}") & rd.completed(f"d{below + (place + 1) % width}")
                )
    return graph


def decisions(dags: int, concerned: int) -> list[float]:
    """Milliseconds from publish to decided, each of `EVENTS` events."""
    engine = settled(lambda: rd.Engine(layered(dags, concerned), runner=None))
    assert isinstance(engine, rd.Engine)
    with engine:
        engine.run_until_idle()
        found = []
        for _ in range(EVENTS):
            began = time.perf_counter()
            engine.publish("hit")
            engine.run_until_idle()
            found.append((time.perf_counter() - began) * 1e3)
        queued = sum(engine.pending(f"d{n}").queued for n in range(concerned))
        assert queued == EVENTS * concerned
    return found


def to_body(busy: bool, store: str) -> list[float]:
    """Milliseconds from publish to the body's first line."""
    started: list[float] = []
    arrived = threading.Event()
    graph = rd.Graph("body")
    source = graph.dataset("source")

    @graph.dag(on=source)
    def body() -> None:
        started.append(time.perf_counter())
        arrived.set()

    stop = threading.Event()
    load = threading.Thread(target=lambda: _spin(stop), daemon=True)
    found = []
    with rd.Engine(graph, store=store) as engine, engine.background():
        engine.publish(source)
        arrived.wait(5)
        if busy:
            load.start()
        for _ in range(EVENTS):
            arrived.clear()
            began = time.perf_counter()
            engine.publish(source)
            arrived.wait(5)
            found.append((started[-1] - began) * 1e3)
            time.sleep(PAUSE)  # the end of the run is on disk too, so that the next event finds the engine idle
        stop.set()
    return found


def syncs(path: Path) -> list[float]:
    """Milliseconds that the disk takes for one page written and synced, with the same pauses."""
    found = []
    with path.open("w+b", buffering=0) as file:
        for n in range(EVENTS):
            time.sleep(PAUSE)
            began = time.perf_counter()
            file.seek(4096 * n)
            file.write(b"x" * 4096)
            os.fdatasync(file.fileno())
            found.append((time.perf_counter() - began) * 1e3)
    return found


def _spin(stop: threading.Event) -> None:
    while not stop.is_set():
        sum(range(1000))


def main() -> list[Line]:
    """Measure, print, and give the lines."""
    lines = []
    for dags in (1_000, 10_000):
        for concerned in (1, 10, 100):
            found = decisions(dags, concerned)
            note = f"p50 {quantile(found, 0.5):.3f} ms"
            job = f"decision, {dags:,} DAGs"
            lines.append(Line(job, f"{concerned} concerned", quantile(found, 0.99), "ms (p99)", 1.0, False, note))
    with folder() as place:
        disk = quantile(syncs(place / "page"), 0.5)
        for busy in (False, True):
            found = to_body(busy, str(place / f"{busy}.db"))
            note = f"p99 {quantile(found, 0.99):.2f} ms"
            by = "beside a busy Python thread" if busy else "idle"
            goal = None if busy else 1.0
            lines.append(Line("publish to body, durable", by, quantile(found, 0.5), "ms (p50)", goal, False, note))
    lines.append(Line("publish to body, durable", "of which the disk: 4 kB and fdatasync", disk, "ms (p50)"))
    lines.append(
        Line("publish to body, durable", "Airflow 3.3.2", 640, "ms (p50)", note="cited: 570-710 ms, tried elsewhere")
    )
    show(machine(), lines)
    return lines


if __name__ == "__main__":
    main()
