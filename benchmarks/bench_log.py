"""The log by itself: pushes, commits, awaited appends, replay, history. The disk's own syncs stand beside it.

Run it with `python benchmarks/bench_log.py`. Records are what an engine writes: 70 % events of ten datasets, 30 %
requests with five causes. Every durable figure is with full sync and the checkpoints that fall due on the way.
"""

from __future__ import annotations

import os
import random
import threading
import time
from collections.abc import Callable
from pathlib import Path

from harness import Line, folder, machine, quantile, show

from reactive_dag.log.history import RunRow, TaskRow
from reactive_dag.log.memory import MemoryLog
from reactive_dag.log.protocol import EventLog
from reactive_dag.log.sqlite.store import SQLiteLog
from reactive_dag.model.records import AnyRecord, Published, RunRequested

T0 = 1_764_000_000 * 10**9
COMMIT = 256
COMMITS = 4_000
SINGLE = 4_000
AWAITED = 20_000
RUNS = 200_000
DAGS = 200


def records(first: int, count: int) -> list[AnyRecord]:
    """What an engine writes: events, and requests with five causes."""
    made: list[AnyRecord] = []
    for n in range(first, first + count):
        if n % 10 < 3:
            made.append(RunRequested(T0 + n, f"dag_{n % 10}", "", tuple(range(n - 5, n))))
        else:
            made.append(Published(T0 + n, f"s3://lake/ds{n % 10}", n // 10, "2026-11-22"))
    return made


def took(work: Callable[[], object], times: int = 1) -> float:
    """Seconds that one call takes."""
    began = time.perf_counter()
    for _ in range(times):
        work()
    return (time.perf_counter() - began) / times


def pushes(log: EventLog) -> list[Line]:
    """Appends in memory, in batches and one at a time, each in the critical section."""
    batch, one = records(10**6, 1_000), records(10**6, 1)[0]

    def push_many() -> None:
        with log.lock:
            log.push_many(batch)

    def push() -> None:
        with log.lock:
            log.push(one)

    many, single = took(push_many, 1_000), took(push, 200_000)
    return [
        Line("push, batches of 1,000", "memory log", len(batch) / many, "records/s"),
        Line("push, one at a time", "memory log", 1 / single, "records/s"),
    ]


def syncs(path: Path) -> Line:
    """What the disk can do: one page written and synced."""
    with path.open("w+b", buffering=0) as file:

        def sync() -> None:
            file.seek(0)
            file.write(b"x" * 4096)
            os.fdatasync(file.fileno())

        return Line("one awaited", "the disk: 4 kB and fdatasync", 1 / took(sync, SINGLE // 4), "syncs/s")


def sustained(log: SQLiteLog) -> list[Line]:
    """Commits of 256 records, a million in all, and reading them back."""
    batches = [records(10**6, COMMIT) for _ in range(4)]
    times = []
    for n in range(COMMITS):
        began = time.perf_counter()
        with log.lock:
            log.push_many(batches[n & 3])
        log.commit()
        log.release(log.next_offset)
        times.append(time.perf_counter() - began)
    p50, p99 = quantile(times, 0.5) * 1e3, quantile(times, 0.99) * 1e3
    total = COMMITS * COMMIT
    replay = took(lambda: sum(len(piece) for _, piece in log.segments_from(0)))
    chance = random.Random(0)
    return [
        Line(
            "commits of 256", "sqlite log", total / sum(times), "records/s", note=f"p50 {p50:.2f} ms, p99 {p99:.2f} ms"
        ),
        Line("replay", "sqlite log", total / replay, "records/s"),
        Line("one record by offset", "sqlite log", took(lambda: log.record(chance.randrange(total)), 300) * 1e6, "us"),
        Line("newest 10 events", "sqlite log", took(lambda: log.events("s3://lake/ds7", limit=10), 300) * 1e6, "us"),
    ]


def awaited(log: EventLog, threads: int) -> Line:
    """Appends that wait until they are durable, from several threads."""
    count = SINGLE if threads == 1 else AWAITED

    def work() -> None:
        for n in range(count // threads):
            with log.lock:
                log.push(Published(T0, "orders", n))
            log.commit()

    workers = [threading.Thread(target=work) for _ in range(threads)]
    began = time.perf_counter()
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    job = "one awaited" if threads == 1 else f"awaited by {threads} threads"
    return Line(job, "sqlite log", count / (time.perf_counter() - began), "records/s")


def history(log: EventLog) -> list[Line]:
    """Rows of 200,000 runs of 200 DAGs, and asking for them."""
    task = TaskRow("load", "success", ((1, T0, T0 + 5, "success", None),))
    chance = random.Random(0)
    keys = [f"{chance.getrandbits(128):032x}" for _ in range(RUNS)]
    began = time.perf_counter()
    for first in range(0, RUNS, 500):
        with log.lock:
            for n in range(first, first + 500):
                state = "failed" if n // DAGS % 10 == 0 else "success"
                date = T0 + n // DAGS * 86_400 * 10**9
                log.note_run(RunRow(n * 5, f"dag{n % DAGS}", state, keys[n], "", date, "2026-11-22", tasks=(task,)))
        log.commit()
    rows = Line("run rows, commits of 500", "sqlite log", RUNS / (time.perf_counter() - began), "runs/s")
    queries: dict[str, Callable[[], object]] = {
        "newest 10 of a DAG and state": lambda: log.runs(dag="dag7", state="failed", limit=10),
        "newest 10 of a DAG": lambda: log.runs(dag="dag7", limit=10),
        "newest 10": lambda: log.runs(limit=10),
        "a DAG's run of a date": lambda: log.runs(dag="dag7", logical_date=T0 + 500 * 86_400 * 10**9),
        "a key nobody used": lambda: log.find("orders", "unknown"),
    }
    return [rows, *(Line(job, "sqlite log", took(query, 500) * 1e6, "us") for job, query in queries.items())]


def main() -> None:
    """Run all jobs and print their table."""
    print(machine())
    lines = pushes(MemoryLog())
    with folder() as place:
        lines.append(syncs(place / "raw"))
        for threads in (1, 8, 64):
            with SQLiteLog(place / f"{threads}.db") as log:
                lines.append(awaited(log, threads))
        for name, job in (("sustained", sustained), ("history", history)):
            with SQLiteLog(place / f"{name}.db") as log:
                lines += job(log)
    show("The log by itself", lines)


if __name__ == "__main__":
    main()
