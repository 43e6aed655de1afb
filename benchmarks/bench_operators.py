"""The trigger job through bare operators: 10 streams round robin, a batch of 5 on each, one AND of three of them.

Run it with `python benchmarks/bench_operators.py`. 100,000 events, firings counted: 20,000 batches and 10,000 joins.
Ours run on stock reactivex Subjects, like reactivex's own operators beside them (`buffer_with_count`, `zip`); what the
Subjects alone cost is a line too, for it is the floor. bytewax runs where it is installed, with its input one by one
and in batches of 1,000 (of what comes together, its joins keep the newest). Inline Python is the same logic by hand.
Times are those of the process, the best of five rounds in which all take turns, so that a busy machine tells on all.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from time import process_time

import reactivex as rx
from attrs import frozen
from reactivex import operators as ops
from rich.console import Console
from rich.table import Table

import reactive_dag.operators as rops
from reactive_dag.streams.scheduler import VirtualScheduler

EVENTS = 100_000
STREAMS = 10
GOAL = 500_000
ROUNDS = 5
EXPECTED = EVENTS // 5 + EVENTS // STREAMS


@frozen
class Line:
    """One way to do the job: seconds, firings, and what is asked of it (events a second)."""

    by: str
    seconds: float
    firings: int | None = None
    goal: int | None = None
    note: str = ""

    @property
    def rate(self) -> float:
        """Events a second."""
        return EVENTS / self.seconds


Job = Callable[[], tuple[float, int | None]]


def publish(subjects: list[rx.Subject[int]]) -> float:
    """Feed the streams in turn; the seconds it took."""
    begin = process_time()
    for number in range(EVENTS // len(subjects)):
        for subject in subjects:
            subject.on_next(number)
    return process_time() - begin


class Counter:
    """An observer that counts."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self, value: object) -> None:
        self.count += 1


def streams() -> list[rx.Subject[int]]:
    """The streams of the job."""
    return [rx.Subject() for _ in range(STREAMS)]


def ours() -> tuple[float, int | None]:
    """Our operators."""
    subjects, fired = streams(), Counter()
    for subject in subjects:
        subject.pipe(rops.batch(count=5)).subscribe(fired)
    subjects[0].pipe(rops.all_of(subjects[1], subjects[2])).subscribe(fired)
    return publish(subjects), fired.count


def ours_timed() -> tuple[float, int | None]:
    """The same with windows that could close on a virtual scheduler: each item asks for the time."""
    subjects, fired, scheduler = streams(), Counter(), VirtualScheduler()
    for subject in subjects:
        subject.pipe(rops.batch(count=5, max_wait="1h")).subscribe(fired, scheduler=scheduler)
    subjects[0].pipe(rops.all_of(subjects[1], subjects[2], within="1h")).subscribe(fired, scheduler=scheduler)
    return publish(subjects), fired.count


def ours_by_key() -> tuple[float, int | None]:
    """The ten streams as the keys of one: `by(key, batch)`. No join."""
    source: rx.Subject[int] = rx.Subject()
    fired = Counter()
    source.pipe(rops.by(lambda number: number % STREAMS, rops.batch(count=5))).subscribe(fired)
    begin = process_time()
    for number in range(EVENTS):
        source.on_next(number)
    return process_time() - begin, fired.count


def stock() -> tuple[float, int | None]:
    """reactivex's operators; `zip` is its nearest to a join."""
    subjects, fired = streams(), Counter()
    for subject in subjects:
        subject.pipe(ops.buffer_with_count(5)).subscribe(fired)
    subjects[0].pipe(ops.zip(subjects[1], subjects[2])).subscribe(fired)
    return publish(subjects), fired.count


def stock_by_key() -> tuple[float, int | None]:
    """`group_by` and a buffer for each group."""
    source: rx.Subject[int] = rx.Subject()
    fired = Counter()
    source.pipe(ops.group_by(lambda number: number % STREAMS), ops.flat_map(_buffered)).subscribe(fired)
    begin = process_time()
    for number in range(EVENTS):
        source.on_next(number)
    return process_time() - begin, fired.count


def _buffered(group: rx.Observable[int]) -> rx.Observable[list[int]]:
    return group.pipe(ops.buffer_with_count(5))


def subjects_alone() -> tuple[float, int | None]:
    """As many subscribers that do nothing."""
    subjects = streams()
    for subject in [*subjects, *subjects[:3]]:
        subject.subscribe(lambda value: None)
    return publish(subjects), None


def inline() -> tuple[float, int | None]:
    """The job by hand: lists, no streams."""
    batches: list[list[int]] = [[] for _ in range(STREAMS)]
    parts: list[list[int]] = [[] for _ in range(3)]
    fired = 0
    begin = process_time()
    for number in range(EVENTS // STREAMS):
        for stream, batch in enumerate(batches):
            batch.append(number)
            if len(batch) == 5:
                batches[stream] = []
                fired += 1
            if stream < 3:
                parts[stream].append(number)
                if all(parts):
                    parts = [[], [], []]
                    fired += 1
    return process_time() - begin, fired


def bytewax(batch_size: int) -> tuple[float, int | None]:
    """A dataflow: `collect` by key, and a `join` of three filtered streams."""
    from datetime import timedelta

    from bytewax import operators as op  # type: ignore[import-not-found]
    from bytewax.dataflow import Dataflow  # type: ignore[import-not-found]
    from bytewax.testing import TestingSink, TestingSource, run_main  # type: ignore[import-not-found]

    fired: list[object] = []
    flow = Dataflow("trigger_job")
    events = [(str(number % STREAMS), number) for number in range(EVENTS)]
    source = op.input("in", flow, TestingSource(events, batch_size=batch_size))
    batches = op.collect("batch", source, timeout=timedelta(hours=1), max_size=5)
    parts = [
        op.key_on(f"part_{part}", op.filter(f"only_{part}", source, lambda event, key=str(part): event[0] == key), _one)
        for part in range(3)
    ]
    op.output("batches", batches, TestingSink(fired))
    op.output("joins", op.join("and", *parts, emit_mode="complete"), TestingSink(fired))
    begin = process_time()
    run_main(flow)
    return process_time() - begin, len(fired)


def _one(event: object) -> str:
    return "all"


JOBS: dict[str, Job] = {
    "reactive_dag": ours,
    "reactive_dag, with windows": ours_timed,
    "reactive_dag, by key": ours_by_key,
    "reactivex": stock,
    "reactivex, group_by": stock_by_key,
    "reactivex, the Subjects alone": subjects_alone,
    "inline Python": inline,
}
PEERS: dict[str, Job] = {
    "bytewax, one by one": lambda: bytewax(1),
    "bytewax, 1,000 at a time": lambda: bytewax(1_000),
}
NOTES = {
    "reactive_dag, by key": "no join",
    "reactivex, group_by": "no join; never drops a key",
    "bytewax, 1,000 at a time": "joins lose what comes together",
}


def measure() -> list[Line]:
    """All lines: the best of several rounds, in which all take turns."""
    missing = importlib.util.find_spec("bytewax") is None
    jobs = JOBS if missing else JOBS | PEERS
    best: dict[str, tuple[float, int | None]] = {}
    for _ in range(ROUNDS):
        for by, job in jobs.items():
            best[by] = min(best.get(by, (float("inf"), None)), job())
    goals = {"reactive_dag": GOAL}
    return [Line(by, seconds, fired, goals.get(by), NOTES.get(by, "")) for by, (seconds, fired) in best.items()]


def table(lines: list[Line]) -> Table:
    """The lines, each beside the first one."""
    found = Table("by", "events/s", "each", "firings", "goal", "ratio", "", title="trigger job through bare operators")
    for line in lines:
        goal = "" if line.goal is None else f"{line.goal:,} {'met' if line.rate >= line.goal else 'MISSED'}"
        ratio = "" if line is lines[0] else f"{lines[0].rate / line.rate:,.2f} x"
        fired = "" if line.firings is None else f"{line.firings:,}"
        note = line.note or ("" if line.firings in (None, EXPECTED) else f"instead of {EXPECTED:,}")
        found.add_row(line.by, f"{line.rate:,.0f}", f"{line.seconds / EVENTS * 1e6:.2f} µs", fired, goal, ratio, note)
    return found


def main() -> list[Line]:
    """Measure and print."""
    lines = measure()
    console = Console(width=120)
    console.print(table(lines))
    if importlib.util.find_spec("bytewax") is None:
        console.print("bytewax is missing here: pip install bytewax, and run it again to see it beside the others")
    return lines


if __name__ == "__main__":
    main()
