"""One graph with one of each: what a process that is killed at any write of its log must bring to the same end.

Every body that begins writes a line to a file, so that what ran can be counted independent of the store. The life of a
process asks for nothing twice: a later one goes on where the one before it was cut off.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import reactive_dag as rd
from tests.support.killing import note

BEGIN = "2026-11-24T00:00Z"
PARTS = 3
ORDERS = 2
SALES = ("2026-11-22|eu", "2026-11-22|us", "2026-11-23|eu")
"""One is missing."""


def everything(folder: Path) -> rd.Graph:
    """Mapped tasks, a branch and its join, a pool, a teardown, kinds of overlap, values, a child, waits, a deadline."""
    graph = rd.Graph("everything")
    orders = graph.dataset("orders")
    graph.pool("warehouse", slots=2)

    def began(run: rd.Run) -> None:
        note(folder / "bodies", f"{run.dag}.{run.task} {run.key} {run.round}.{run.attempt}")

    work = graph.dag("work", on=orders)

    @work.task
    def items(run: rd.Run) -> list[int]:
        began(run)
        return list(range(PARTS))

    @work.task(map_over=items, pool="warehouse", retries=1)
    def part(items: int, run: rd.Run) -> int:
        began(run)
        if items == 1 and run.attempt == 1:
            raise ConnectionError("the second part fails once")
        return items * 10

    @work.task(branch=True)
    def decide(part: list[int], run: rd.Run) -> str:
        began(run)
        return "good" if sum(part) == 30 else "bad"

    @work.task(after=[decide])
    def good(run: rd.Run) -> str:
        began(run)
        run.set("last", run.key)
        return run.once("send", lambda key: note(folder / "sent", key) or key)

    @work.task(after=[decide])
    def bad(run: rd.Run) -> None:
        began(run)

    @work.task(after=[good, bad], trigger_rule="none_failed")
    def join(run: rd.Run) -> str:
        began(run)
        return run.start("child", params={"of": run.key}).key

    @work.task(after=[join], teardown=True)
    def clean(run: rd.Run) -> None:
        began(run)

    @graph.dag(params={"of": ""})
    def child(run: rd.Run) -> str:
        began(run)
        return str(run.params["of"])

    @graph.dag("skipping", on=orders, max_active_runs=1, overlap="skip")
    def skipping(run: rd.Run) -> None:
        began(run)

    @graph.dag("replacing", on=orders, max_active_runs=1, overlap="replace")
    def replacing(run: rd.Run) -> None:
        began(run)

    @graph.dag
    def flaky(run: rd.Run) -> int:
        began(run)
        if run.round == 1:
            raise ValueError("the first round fails")
        return 7

    @graph.dag(on=rd.completed(flaky, states="any"))
    def follow(run: rd.Run) -> str:
        began(run)
        return str(run.events[0].state)

    approval = graph.dag("approval")

    @approval.task
    def ask(run: rd.Run) -> None:
        began(run)
        raise TimeoutError("nobody answered")

    @approval.task
    def publish(ask: object, run: rd.Run) -> str:
        began(run)
        return "published"

    @graph.dag(schedule="0 2 * * *", start="2026-11-20", catchup="none", deadline="1h")
    def nightly(run: rd.Run) -> str:
        began(run)
        if run.logical_date.day == 25:
            raise ValueError("late tonight")
        return str(run.local_date)

    @graph.dag(on=rd.missed(nightly))
    def alert(run: rd.Run) -> None:
        began(run)
        run.set("alerted", run.key)

    looping(graph, began)
    sensing(graph.dag("sensing"), orders)
    regional(graph, began)
    weeks = graph.dataset("weeks", partitions=rd.week())

    @graph.dag(on=rd.updated(weeks).rollup(rd.month(), wait="1h"))
    def monthly(run: rd.Run) -> str:
        began(run)
        return f"{run.partition} without {run.missing}, {run.correction}"

    return graph


def regional(graph: rd.Graph, began: Callable[[rd.Run], None]) -> None:
    """Partitions of a day and a region (T19): keyed by one of the two, made from what came, and backfilled."""
    region = rd.values("eu", "us", name="region")
    sales = graph.dataset("sales", partitions=rd.day() * region)
    mart = graph.dataset("mart", partitions=region * rd.day())
    users = graph.dataset("users", partitions=region)

    @graph.dag(on=rd.updated(sales), outlets=[mart])
    def load(run: rd.Run) -> dict[str, str]:
        began(run)
        return run.dimensions

    @graph.dag(on=rd.updated(mart).batch(count=2).by("region"), outlets=[users])
    def per_region(run: rd.Run) -> list[str]:
        began(run)
        return run.partitions


def looping(graph: rd.Graph, began: Callable[[rd.Run], None]) -> None:
    """A feedback loop (G2): an estimate is refined until it is good, or three times; what it says is passed on."""
    estimate = graph.dataset("estimate")
    again = rd.updated(estimate, feedback=True, max_depth=3, until=lambda event: event.extra == "good")

    @graph.dag(on=rd.updated("raw") | again, outlets=[estimate])
    def refine(run: rd.Run) -> str:
        began(run)
        (event,) = run.events
        last = str(event.extra or "")
        run.publish(estimate, extra="good" if event.dataset != "raw" and last == "rough" else last or "never")
        return last


def sensing(dag: rd.Dag, orders: rd.Dataset) -> None:
    """Waits of every mode: what is there, what never comes, a run that fails, and a function."""
    there = dag.wait_for(orders, id="there", mode="poke", poll="20m", timeout="1d")
    never = dag.wait_for(orders, id="never", partition="no", mode="poke", poll="15m", timeout="40m", soft_fail=True)
    night = dag.wait_for(
        "nightly", id="night", mode="reschedule", poll="25m", timeout="20h", retries=1, retry_delay="1h", soft_fail=True
    )  # fmt: skip
    push = dag.wait_for("nightly", id="push", states="any", failed_states=(), timeout="2d")
    alerted = dag.wait_until(lambda run: run.get("alerted"), id="alerted", poll="35m", timeout="2d")
    dag.add(lambda run: run.tasks["night"].state, id="all", after=[there, never, night, push, alerted],
            trigger_rule="all_done")  # fmt: skip


def life(engine: rd.Engine) -> None:
    """All that is asked of the engine, each thing once, whichever life comes so far."""
    engine.publish_many([("orders", {"key": f"order-{n}"}) for n in range(ORDERS)])
    engine.run_until_idle()
    flaky = engine.start("flaky", key="one")
    engine.run_until_idle()
    if flaky.round == 1:
        engine.rerun(flaky, only="failed", downstream=True)
        engine.run_until_idle()
    approval = engine.start("approval", key="one")
    engine.run_until_idle()
    if approval.state == "failed":
        engine.mark(approval, "ask", "success", "approved by telephone")
        engine.run_until_idle()
    engine.backfill("nightly", start="2026-11-20", end="2026-11-22", max_active_runs=2)
    engine.run_until_idle()
    engine.publish_many([("sales", {"partition": each, "key": each}) for each in SALES])
    engine.run_until_idle()
    engine.backfill("load", start="2026-11-22", end="2026-11-23", only="missing")
    engine.run_until_idle()
    engine.publish_many([("raw", {"key": each, "extra": each}) for each in ("rough", "never")])
    engine.run_until_idle()
    engine.start("sensing", key="one", logical_date="2026-11-25T02:00Z")
    engine.publish_many([("weeks", {"partition": week, "key": week}) for week in ("2026-W41", "2026-W42", "2026-W43")])
    engine.advance(to="2026-11-25T06:00Z")
    engine.publish("weeks", partition="2026-W44", key="2026-W44")
    engine.run_until_idle()


def outcome(engine: rd.Engine) -> list[tuple[object, ...]]:
    """How every run ended, whatever its key: a set that no death may change."""
    return sorted(
        (
            run.dag,
            f"{run.logical_date} {run.partition}",
            run.state,
            run.round,
            run.missing,
            run.correction,
            [(task.id, task.state) for task in run.tasks.values()],
        )
        for run in engine.runs()
    )


def living(folder: Path, open_store: Callable[[Path], object]) -> list[tuple[object, ...]]:
    """One life of a process on the store in `folder`; the outcome."""
    clock = rd.VirtualClock(BEGIN)
    with rd.Engine(everything(folder), store=open_store(folder / "store.db"), clock=clock) as engine:
        life(engine)
        return outcome(engine)
