"""What a unit of work costs beside n, 4n and 16n others: whether costs grow as they are said to.

Run it with `python benchmarks/bench_growth.py`. A job makes its surroundings at each size, then is timed as often as it
can be repeated; the figure is microseconds a unit, and `grows` is the figure at 16n over the one at n. A unit whose
cost is O(1) or O(log n) stays near 1 (memory that leaves the processor's caches makes it 2 or 3), one that is O(n) goes
to 16.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from attrs import frozen
from harness import folder, machine
from rich.console import Console
from rich.table import Table

import reactive_dag as rd

START = "2026-11-23T00:00Z"
FACTORS = (1, 4, 16)

Timed = tuple[Callable[[], object], int]
"""What is timed, and how many units it does."""


@frozen
class Job:
    """One kind of work: what a unit is, the smallest n, and what makes the work at a size."""

    name: str
    unit: str
    n: int
    make: Callable[[int, ExitStack], Iterator[Timed]]


JOBS: list[Job] = []


def job(name: str, unit: str, n: int) -> Callable[[Callable[[int, ExitStack], Iterator[Timed]]], None]:
    """Take a function as a job: it yields what is timed, once or several times; the best of them counts."""

    def taken(make: Callable[[int, ExitStack], Iterator[Timed]]) -> None:
        JOBS.append(Job(name, unit, n, make))

    return taken


def opened(graph: rd.Graph, stack: ExitStack, store: Path | None = None, **options: object) -> rd.Engine:
    """An engine in virtual time that has nothing to do."""
    engine = stack.enter_context(rd.Engine(graph, store, clock=rd.VirtualClock(START), **options))  # type: ignore[arg-type]
    engine.run_until_idle()
    return engine


def place(stack: ExitStack) -> Path:
    """A new store."""
    return stack.enter_context(folder()) / "growth.db"


def nothing() -> None:
    """A task's body that does nothing."""


# ------------------------------------------------------------------------------------- declaring and checking


@job("tasks added to one DAG of n", "task", 250)
def _(n: int, stack: ExitStack) -> Iterator[Timed]:
    def add() -> None:
        dag = rd.Graph("g").dag("a")
        for at in range(n):
            dag.add(nothing, id=f"t{at}", after=[f"t{at - 1}"] if at else [])

    for _ in range(3):
        yield add, n


@job("check of one DAG of n tasks", "task", 250)
def _(n: int, stack: ExitStack) -> Iterator[Timed]:
    for _ in range(3):
        graph = rd.Graph("g")
        dag = graph.dag("a")
        for at in range(n):
            dag.add(nothing, id=f"t{at}", after=[f"t{at - 1}"] if at else [])
        yield graph.check, n


def chain(n: int) -> rd.Graph:
    """n DAGs, of which each follows the one before."""
    graph = rd.Graph("chain")
    with graph.bulk():
        for at in range(n):
            dag = graph.dag(f"d{at}", on=rd.completed(f"d{at - 1}") if at else graph.dataset("begin"))
            dag.add(nothing, id="t")
    return graph


def wide(n: int) -> rd.Graph:
    """n DAGs side by side, each with a dataset of its own."""
    graph = rd.Graph("wide")
    with graph.bulk():
        for at in range(n):
            graph.dag(f"d{at}", on=graph.dataset(f"s{at}")).add(nothing, id="t")
    return graph


@job("a DAG more beside n, then check", "DAG", 1000)
def _(n: int, stack: ExitStack) -> Iterator[Timed]:
    graph = wide(n)
    graph.check()
    for at in range(4):

        def more(at: int = at) -> None:
            graph.dag(f"more{at}", on=rd.completed(f"d{at}")).add(nothing, id="t")
            graph.check()

        yield more, 1


def _live(on_disk: bool) -> Callable[[int, ExitStack], Iterator[Timed]]:
    def make(n: int, stack: ExitStack) -> Iterator[Timed]:
        graph = wide(n)
        engine = opened(graph, stack, place(stack) if on_disk else None)
        for at in range(4):

            def more(at: int = at) -> None:
                graph.dag(f"more{at}", on=rd.completed(f"d{at}")).add(nothing, id="t")
                engine.run_until_idle()

            yield more, 1

    return make


job("a DAG more beside n, live", "DAG", 1000)(_live(on_disk=False))
job("a DAG more beside n, live on SQLite", "DAG", 1000)(_live(on_disk=True))


@job("a DAG less beside n, live", "DAG", 1000)
def _(n: int, stack: ExitStack) -> Iterator[Timed]:
    graph = wide(n)
    engine = opened(graph, stack)
    for at in range(4):

        def less(at: int = at) -> None:
            graph.remove(f"d{at}")
            engine.run_until_idle()

        yield less, 1


@job("DAGs declared in bulk", "DAG", 1000)
def _(n: int, stack: ExitStack) -> Iterator[Timed]:
    for _ in range(3):
        yield lambda: wide(n), n


@job("DAGs of a chain declared one by one", "DAG", 500)
def _(n: int, stack: ExitStack) -> Iterator[Timed]:
    def declare() -> None:
        graph = rd.Graph("chain")
        for at in range(n):
            graph.dag(f"d{at}", on=rd.completed(f"d{at - 1}") if at else None)

    for _ in range(3):
        yield declare, n


@job("a graph as JSON and back", "DAG", 500)
def _(n: int, stack: ExitStack) -> Iterator[Timed]:
    graph = rd.Graph("wide")
    with graph.bulk():
        for at in range(n):
            graph.dag(f"d{at}", on=graph.dataset(f"s{at}"))
    for _ in range(2):
        yield lambda: rd.Graph.from_json(graph.to_json()), n


# ------------------------------------------------------------------------------------- publishing and deciding


@job("publish + run_until_idle, n before", "event", 1000)
def _(n: int, stack: ExitStack) -> Iterator[Timed]:
    graph = rd.Graph("g")
    data = graph.dataset("a")
    engine = opened(graph, stack)
    engine.publish_many([(data, {})] * n)
    engine.run_until_idle()

    def one() -> None:
        for _ in range(200):
            engine.publish(data)
            engine.run_until_idle()

    for _ in range(4):
        yield one, 200


def _published(fields: dict[str, object]) -> Callable[[int, ExitStack], Iterator[Timed]]:
    def make(n: int, stack: ExitStack) -> Iterator[Timed]:
        graph = rd.Graph("g")
        data = graph.dataset("a")
        engine = opened(graph, stack)
        for _ in range(4):
            yield lambda: engine.publish_many([(data, fields)] * n), n

    return make


job("publish_many", "event", 1000)(_published({}))
job("publish_many, partition", "event", 1000)(_published({"partition": "eu"}))
job("publish_many, partition and extra", "event", 1000)(_published({"partition": "eu", "extra": {"rows": 3}}))


@job("decisions of a join by key, n keys open", "event", 1000)
def _(n: int, stack: ExitStack) -> Iterator[Timed]:
    graph = rd.Graph("g")
    a, b = graph.dataset("a"), graph.dataset("b")
    graph.dag("d", on=(a & b).by("partition"))
    engine = opened(graph, stack, runner=None)
    engine.publish_many([(a, {"partition": f"p{at}"}) for at in range(n)])
    engine.run_until_idle()
    events = [(b, {"partition": f"p{at}"}) for at in range(500)]
    engine.publish_many(events)
    yield engine.run_until_idle, 500


@job("ticks missed, counted", "tick", 10_000)
def _(n: int, stack: ExitStack) -> Iterator[Timed]:
    graph = rd.Graph("g")
    began = datetime(2026, 11, 23, tzinfo=UTC) - timedelta(seconds=n)
    graph.dag("d", on=rd.every("1s"), start=began, catchup="none")
    yield lambda: opened(graph, stack, runner=None), n


# ------------------------------------------------------------------------------------- runs and waits


@job("runs of a DAG", "run", 500)
def _(n: int, stack: ExitStack) -> Iterator[Timed]:
    graph = rd.Graph("g")
    data = graph.dataset("a")
    graph.dag("d", on=data).add(nothing, id="t")
    engine = opened(graph, stack)
    for _ in range(2):
        engine.publish_many([(data, {})] * n)
        yield engine.run_until_idle, n


@job("waits for dates of one DAG", "wait", 125)
def _(n: int, stack: ExitStack) -> Iterator[Timed]:
    graph = rd.Graph("g")
    graph.dag("awaited").add(nothing, id="t")
    waiting = graph.dag("waiting")
    waiting.add(nothing, id="t", after=[waiting.wait_for("awaited", timeout="9000d")])
    engine = opened(graph, stack)
    days = [f"{1990 + at // 336}-{at // 28 % 12 + 1:02}-{at % 28 + 1:02}T00:00Z" for at in range(n)]
    for day in days:
        engine.start("waiting", logical_date=day)
    engine.run_until_idle()

    def all_of_them() -> None:
        for day in days:
            engine.start("awaited", logical_date=day)
        engine.run_until_idle()

    yield all_of_them, n


@job("runs that lag behind their past", "run", 125)
def _(n: int, stack: ExitStack) -> Iterator[Timed]:
    graph = rd.Graph("g")
    graph.dag("d", max_active_runs=2 * n).add(nothing, id="t", depends_on_past=True)
    engine = opened(graph, stack)
    days = [f"{1990 + at // 336}-{at // 28 % 12 + 1:02}-{at % 28 + 1:02}T00:00Z" for at in range(n)]
    for day in reversed(days):
        engine.start("d", logical_date=day)
    yield engine.run_until_idle, n


# ------------------------------------------------------------------------------------- beside what is queued or past


def queued(n: int, stack: ExitStack, store: Path | None = None) -> rd.Engine:
    """n queued runs of one DAG, and one of another."""
    graph = rd.Graph("g")
    graph.dag("many", on=graph.dataset("a"), paused=True).add(nothing, id="t")
    graph.dag("one", on=graph.dataset("b"), paused=True).add(nothing, id="t")
    engine = opened(graph, stack, store, runner=None)
    engine.resume("many")
    engine.resume("one")
    for at in range(0, n, 1000):
        engine.publish_many([("a", {})] * min(1000, n - at))
        engine.run_until_idle()
    engine.publish("b")
    engine.run_until_idle()
    return engine


@job("pending(one) beside n queued runs", "call", 10_000)
def _(n: int, stack: ExitStack) -> Iterator[Timed]:
    engine = queued(n, stack)
    for _ in range(4):
        yield lambda: engine.pending("one"), 1


@job("runs(one, limit=10) beside n queued runs", "call", 10_000)
def _(n: int, stack: ExitStack) -> Iterator[Timed]:
    engine = queued(n, stack)
    for _ in range(4):
        yield lambda: engine.runs("one", limit=10), 1


@job("runs(many, limit=10) of n queued runs", "call", 10_000)
def _(n: int, stack: ExitStack) -> Iterator[Timed]:
    engine = queued(n, stack)
    for _ in range(4):
        yield lambda: engine.runs("many", limit=10), 1


@job("events and their snapshots beside n queued runs", "event", 10_000)
def _(n: int, stack: ExitStack) -> Iterator[Timed]:
    engine = queued(n, stack, place(stack))
    events = [("b", {})] * 1_000

    def sixty_thousand() -> None:
        for _ in range(60):
            engine.publish_many(events)
            engine.run_until_idle()

    yield sixty_thousand, 60_000


@job("the first events(dataset, limit=10) of n", "call", 10_000)
def _(n: int, stack: ExitStack) -> Iterator[Timed]:
    graph = rd.Graph("g")
    data = graph.dataset("a")
    for _ in range(2):
        engine = opened(graph, stack)
        engine.publish_many([(data, {})] * n)
        engine.run_until_idle()
        yield lambda engine=engine: engine.events("a", limit=10), 1  # type: ignore[misc]


@job("a store of n events opened", "event", 5_000)
def _(n: int, stack: ExitStack) -> Iterator[Timed]:
    graph, store = rd.Graph("g"), place(stack)
    data = graph.dataset("a")
    graph.dag("d", on=rd.updated(data).batch(count=10))
    with rd.Engine(graph, store, runner=None, clock=rd.VirtualClock(START)) as engine:
        engine.publish_many([(data, {})] * n)
        engine.run_until_idle()
    for _ in range(2):
        yield lambda: rd.Engine(graph, store, runner=None, clock=rd.VirtualClock(START)).close(), n


# ------------------------------------------------------------------------------------- what if


@job("simulate a chain of DAGs", "run", 100)
def _(n: int, stack: ExitStack) -> Iterator[Timed]:
    graph = chain(n)
    for _ in range(3):
        yield lambda: simulated(graph), n


@job("compare along a chain of DAGs", "run", 100)
def _(n: int, stack: ExitStack) -> Iterator[Timed]:
    graph = chain(n)
    base = simulated(graph)
    late = base.what_if(rd.duration("d0.t", "2h"))
    for _ in range(3):
        yield lambda: late.compare(base), n


def _reruns(on_disk: bool) -> Callable[[int, ExitStack], Iterator[Timed]]:
    def make(n: int, stack: ExitStack) -> Iterator[Timed]:
        """Cascades of five runs each; of one of them the first is run again, and with it the four behind it."""
        graph = chain(5)
        engine = opened(graph, stack, place(stack) if on_disk else None)
        for first in range(0, n // 5, 500):
            engine.publish_many([("begin", {})] * min(500, n // 5 - first))
            engine.run_until_idle()
        runs = engine.runs("d0")
        engine.rerun(runs[-1], downstream=True)  # a log in memory is indexed when it is first asked
        engine.run_until_idle()
        for at in range(1, 5):

            def again(at: int = at) -> None:
                engine.rerun(runs[at * len(runs) // 5], downstream=True)
                engine.run_until_idle()

            yield again, 5

    return make


job("a rerun with what follows, beside n runs", "run", 6250)(_reruns(on_disk=False))
job("a rerun with what follows, beside n runs on SQLite", "run", 6250)(_reruns(on_disk=True))


@job("compare along a chain, each why read", "run", 100)
def _(n: int, stack: ExitStack) -> Iterator[Timed]:
    graph = chain(n)
    base = simulated(graph)
    late = base.what_if(rd.duration("d0.t", "2h"))
    for _ in range(2):
        yield lambda: [str(change.why) for change in late.compare(base)], n


def simulated(graph: rd.Graph) -> rd.Simulation:
    """A day in which the chain is begun once."""
    return rd.simulate(
        graph, start=START, until="1d", default_duration="1s", sources={graph.datasets["begin"]: rd.cron("0 1 * * *")}
    )


# ------------------------------------------------------------------------------------- measuring


@contextmanager
def undisturbed() -> Iterator[None]:
    """The collector looks at what is there before, and not meanwhile."""
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def measured(each: Job, n: int) -> float:
    """Microseconds a unit at one size: the best of what the job yields."""
    best = float("inf")
    with ExitStack() as stack:
        for work, units in each.make(n, stack):
            with undisturbed():
                began = time.perf_counter()
                work()
                best = min(best, (time.perf_counter() - began) / units * 1e6)
    return best


def main(names: tuple[str, ...] = ()) -> dict[str, list[float]]:
    """Measure all jobs, or those whose name holds one of `names`; print the table."""
    table = Table("job", "n", "unit", *[f"µs at {factor or ''}n" for factor in ("", 4, 16)], "grows", box=None)
    table.title, table.title_justify = f"{machine()}\nMicroseconds a unit, beside n, 4n and 16n", "left"
    found = {}
    for each in JOBS:
        if not names or any(name in each.name for name in names):
            figures = found[each.name] = [measured(each, each.n * factor) for factor in FACTORS]
            shown = [f"{figure:,.3g}" if figure < 1000 else f"{figure:,.0f}" for figure in figures]
            table.add_row(each.name, f"{each.n:,}", each.unit, *shown, f"{figures[-1] / figures[0]:.2f}x")
    Console(width=140).print(table)
    return found


if __name__ == "__main__":
    import sys

    main(tuple(sys.argv[1:]))
