"""`reactive-dag demo`: a pipeline that is killed and goes on, a real estate's day, and the same day with a late DAG.

Owns the story and what it prints; the work is the engine's and the simulator's. Nothing here is a recorded result:
every figure is counted from the store, the bodies' own notes, or the simulation just made.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory

import attrs
from rich.console import Console
from rich.table import Table

import reactive_dag as rd
from reactive_dag.cli import pipeline
from reactive_dag.cli.estates import ESTATE_DAY, simulate_estate
from reactive_dag.cli.tables import critical_table, facts_table, waits_table

KILL_AFTER = pipeline.ORDERS // 3
"""So many merges are seen before the process is killed."""


@attrs.frozen
class Counted:
    """What one DAG of the pipeline did: runs requested and ended well, keys among them, bodies begun, attempts lost."""

    dag: str
    expected: int
    requested: int
    keys: int
    success: int
    bodies: int
    lost: int

    @property
    def once(self) -> bool:
        """Whether each run happened exactly once."""
        return self.requested == self.keys == self.success == self.expected


def demo(console: Console, *, delay: str, late: str, default: tuple[str, str]) -> bool:
    """Tell the whole story; whether everything was as it must be."""
    began = time.monotonic()
    with TemporaryDirectory(prefix="reactive-dag-demo-") as folder:
        counted = show_live(console, Path(folder))
    show_what_if(console, delay=delay, late=late, default=default)
    console.print(f"\n[dim]{time.monotonic() - began:.1f} s in all.[/dim]")
    return all(each.once for each in counted)


# ----------------------------------------------------------------------------------------- the live half


def show_live(console: Console, folder: Path) -> list[Counted]:
    """Run the pipeline in a child process, kill it in the middle, run it again, and count."""
    store, effects = folder / "demo.db", folder / "effects.txt"
    console.rule("[bold]1. Live: a pipeline on SQLite, killed in the middle")
    console.print(
        f"{pipeline.ORDERS} orders in bursts of {pipeline.BURST} → extract → clean + enrich (fails once, is retried) "
        f"→ merge → a report for every {pipeline.BATCH}."
    )
    merged = run_and_kill(store, effects)
    begun = len(effects.read_text().splitlines())
    console.print(f"SIGKILL after {merged} merges: {begun} bodies had begun, {_runs_so_far(store, effects)}.")
    known = run_to_end(store, effects)
    console.print(
        f"Started again: {known} of {pipeline.ORDERS} orders were in the store already, and were not repeated."
    )
    counted = count(store, effects)
    console.print(live_table(counted))
    problem = [each.dag for each in counted if not each.once]
    console.print(
        f"[red]Not once: {', '.join(problem)}[/red]" if problem else "[green]Every run happened exactly once.[/green] "
        "Bodies that the kill cut off, or that failed, began again."
    )  # fmt: skip
    return counted


def _child(store: Path, effects: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "reactive_dag.cli.pipeline", str(store), str(effects)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def run_and_kill(store: Path, effects: Path) -> int:
    """Start the pipeline and send SIGKILL once enough merges were seen; how many that were."""
    merged = 0
    with _child(store, effects) as child:
        assert child.stdout is not None
        for line in child.stdout:
            merged += line.startswith("merged")
            if merged >= KILL_AFTER:
                child.kill()
                break
    return merged


def run_to_end(store: Path, effects: Path) -> int:
    """Start the pipeline again and let it end; how many orders the store knew already."""
    with _child(store, effects) as child:
        assert child.stdout is not None
        lines = child.stdout.read().splitlines()
    if child.returncode != 0 or "done" not in lines:
        raise rd.ReactiveDagError(f"the demo's child process ended with code {child.returncode}")
    return next(int(line.split()[1]) for line in lines if line.startswith("known"))


def _runs_so_far(store: Path, effects: Path) -> str:
    with rd.Engine(pipeline.pipeline(effects), store=str(store), read_only=True) as engine:
        runs = engine.runs()
        ended = sum(run.done for run in runs)
        return f"{len(runs)} runs were requested, {ended} had ended"


def count(store: Path, effects: Path) -> list[Counted]:
    """What happened in all, read back from the store and from the bodies' notes."""
    bodies = Counter(line.split()[0] for line in effects.read_text().splitlines())
    orders = pipeline.ORDERS
    expected = dict.fromkeys(("extract", "clean", "enrich", "merge"), orders)
    counted = []
    with rd.Engine(pipeline.pipeline(effects), store=str(store), read_only=True) as engine:
        for dag in engine.graph.order():
            runs = engine.runs(dag)
            attempts = [attempt for run in runs for task in run.tasks.values() for attempt in task.attempts]
            reported = sum(run.tasks["report"].output for run in runs) if dag == "report" else 0
            counted.append(
                Counted(
                    dag, expected.get(dag, len(runs) if reported == orders else -1), len(runs),
                    len({run.key for run in runs}), sum(run.state == "success" for run in runs), bodies[dag],
                    sum(attempt.state == "lost" for attempt in attempts),
                )
            )  # fmt: skip
    return counted


def live_table(counted: list[Counted]) -> Table:
    """The live half as a table."""
    table = Table("DAG", box=None, header_style="bold")
    for column in ("runs requested", "different keys", "ended well", "bodies begun", "cut off by the kill"):
        table.add_column(column, justify="right")
    table.add_column("each once")
    for each in counted:
        numbers = (each.requested, each.keys, each.success, each.bodies, each.lost)
        table.add_row(each.dag, *map(str, numbers), "[green]yes[/green]" if each.once else "[red]no[/red]")
    return table


# ----------------------------------------------------------------------------------------- the what-if half


def show_what_if(console: Console, *, delay: str, late: str, default: tuple[str, str]) -> None:
    """Simulate the estate's day, then the same day with one DAG late."""
    console.rule(f"[bold]2. Virtual time: one day of Mozilla's estate, {ESTATE_DAY:%Y-%m-%d}")
    began = time.monotonic()
    estate, day = simulate_estate(default=default)
    console.print(
        f"{len(estate.graph.dags)} DAGs, {sum(len(d.tasks) for d in estate.graph.dags.values())} tasks and waits, "
        f"simulated in {time.monotonic() - began:.1f} s. [yellow]Durations are assumed[/yellow]: fixed for each task, "
        f"spread from {default[0]} to {default[1]} by a hash of its name; the estate publishes none."
    )
    console.print(facts_table(day))
    console.print(waits_table(day))
    console.print(critical_table(day))
    console.rule(f"[bold]3. What if {late} is {delay} late?")
    after = day.what_if(rd.delay(late, delay), name=f"{late} {delay} late")
    console.print(after.compare(day))
