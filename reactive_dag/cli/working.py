"""What a command does with an engine: record or also work off, say what came of it, and the exit code for that."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from contextlib import nullcontext, redirect_stdout

import attrs
import typer
from rich.console import RenderableType
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

import reactive_dag as rd
from reactive_dag.cli.options import err, out
from reactive_dag.cli.sources import as_json, load_graph
from reactive_dag.cli.wording import as_typed
from reactive_dag.engine.inspect.backfill import Backfill
from reactive_dag.engine.inspect.queries import Entry
from reactive_dag.engine.inspect.summary import Summary
from reactive_dag.engine.kept import record_on
from reactive_dag.model.records import RunFinished

LATER = "the engine that opens this store next does it (--graph FILE.py: at once)"


@attrs.frozen
class StoreChange:
    """How a command changes a store: with which graph it works off what follows, how long, and how it prints."""

    store: str
    graph: str
    timeout: str
    json: bool

    def engine(self) -> rd.Engine:
        """An engine that works the graph off, or one that only records."""
        return rd.Engine(load_graph(self.graph), store=self.store) if self.graph else record_on(self.store)

    def finish(
        self, engine: rd.Engine, what: str, row: Callable[[], dict[str, object]],
        shown: Callable[[], Iterable[RenderableType]] = tuple, *, known: bool = False, backfill: Backfill | None = None,
    ) -> Summary | None:  # fmt: skip
        """Work off what was recorded, if there is a graph, then print how it stands and what is to be said of that.

        `what` was recorded, or, if that was `known` already, says so. A script gets `recorded`, whether the log holds
        more than before, and `worked_off`: without that, what it sees is from before what it asked for.
        """
        summary = work_off(engine, self.timeout, json=self.json, backfill=backfill) if self.graph else None
        if self.json:
            found = {**row(), "recorded": not known, "worked_off": summary is not None}
            out.print(as_json(found), soft_wrap=True, highlight=False)
            return summary
        for each in shown():
            out.print(each, highlight=False, soft_wrap=isinstance(each, str), markup=not isinstance(each, str))
        told = [what] if known else [] if self.graph else [f"{what} is recorded; {LATER}"]
        told += [] if summary is None else [as_typed(str(summary))]
        out.print("\n".join(told), soft_wrap=True, highlight=False, markup=False)
        return summary


def work_off(engine: rd.Engine, timeout: str, *, json: bool, backfill: Backfill | None = None) -> Summary:
    """Work until nothing is left to do; on a terminal show how far that is, of a backfill how many runs have ended.

    With `json` standard output is the data's: what bodies print goes to errors.
    """
    counted = TextColumn("records: {task.completed:.0f}") if backfill is None else MofNCompleteColumn()
    bar = () if backfill is None else (BarColumn(),)
    columns = (SpinnerColumn(), TextColumn("{task.description}"), *bar, counted, TimeElapsedColumn())
    shown = Progress(*columns, console=err, transient=True, disable=json or not err.is_terminal)
    what = engine.graph.id if backfill is None else f"runs of {backfill.dag}"
    with redirect_stdout(sys.stderr) if json else nullcontext(), shown as progress:
        task = progress.add_task(what, total=None if backfill is None else backfill.progress["dates"])

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
