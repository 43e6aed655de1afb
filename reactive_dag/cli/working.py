"""Driving an engine for a command: how far it is, and the exit code that says how it went."""

from __future__ import annotations

import sys
from contextlib import nullcontext, redirect_stdout

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

import reactive_dag as rd
from reactive_dag.cli.options import err
from reactive_dag.engine.inspect.backfill import Backfill
from reactive_dag.engine.inspect.queries import Entry
from reactive_dag.engine.inspect.summary import Summary
from reactive_dag.model.records import RunFinished


def work_off(engine: rd.Engine, timeout: str, *, json: bool, backfill: Backfill | None = None) -> Summary:
    """Work until nothing is left to do; on a terminal show how far that is, of a backfill how many runs have ended.

    With `json` standard output is the data's: what bodies print goes to errors.
    """
    counted = TextColumn("{task.completed:.0f} records") if backfill is None else MofNCompleteColumn()
    bar = () if backfill is None else (BarColumn(),)
    columns = (SpinnerColumn(), TextColumn("{task.description}"), *bar, counted, TimeElapsedColumn())
    shown = Progress(*columns, console=err, transient=True, disable=json or not err.is_terminal)
    what = engine.graph.id if backfill is None else f"runs of {backfill.dag}"
    with redirect_stdout(sys.stderr) if json else nullcontext(), shown as progress:
        task = progress.add_task(what, total=None if backfill is None else len(backfill.dates))

        def seen(entry: Entry) -> None:
            record = entry.record
            if backfill is None or (isinstance(record, RunFinished) and record.dag == dag):
                progress.advance(task)

        dag = None if backfill is None else backfill.dag
        watching = engine.records.subscribe(seen)
        try:
            return engine.run_until_idle(timeout=timeout)
        finally:
            watching.dispose()


def exit_by(summary: Summary | None, run: rd.Run | None = None, *, wanted: str = "") -> None:
    """End the command with exit code 1 if a run failed: one that was worked off, or the one asked about.

    A failure that was `wanted` of that run (a mark) is none. O(failed runs shown).
    """
    failed = [] if summary is None else [each for each in summary.failed if each != run or wanted != "failed"]
    if failed or (run is not None and run.state == "failed" != wanted):
        raise typer.Exit(1)
