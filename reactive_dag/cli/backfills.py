"""The commands about backfills: ask for the runs of past dates, see how far they are, stop one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

import typer
from rich.console import RenderableType

import reactive_dag as rd
from reactive_dag.cli import tables
from reactive_dag.cli.options import (
    ChangedOption,
    DagArgument,
    JsonOption,
    ReasonOption,
    StoreOption,
    TimeoutOption,
    WorkOption,
    out,
    program,
)
from reactive_dag.cli.sources import as_json
from reactive_dag.cli.working import StoreChange, exit_by
from reactive_dag.engine.inspect.backfill import Backfill
from reactive_dag.engine.kept import look_at
from reactive_dag.model.text import counted, one_line


@program.command()
def backfill(
    dag: DagArgument,
    store: ChangedOption,
    start: Annotated[str | None, typer.Argument(help="The first date; static partitions have none.")] = None,
    end: Annotated[str | None, typer.Argument(help="The last date; a bare one means all of that day.")] = None,
    at_once: Annotated[
        int | None,
        typer.Option(
            "--max-active-runs", help="So many of its runs at a time.", show_default="as the DAG says, else no limit"
        ),
    ] = None,
    stop_on_failure: Annotated[bool, typer.Option("--stop-on-failure", help="No more after a failure.")] = False,
    again: Annotated[bool, typer.Option("--again", help="Dates that have run get a further round.")] = False,
    missing: Annotated[
        bool,
        typer.Option(
            "--missing", help="Only dates without a run that succeeded; without dates what its datasets lack."
        ),
    ] = False,
    graph: WorkOption = "",
    timeout: TimeoutOption = "1h",
    json: JsonOption = False,
) -> None:
    """Ask for the runs of past dates, both ends included; with --missing alone for what is missing."""
    change = StoreChange(store, graph, timeout, json)
    with change.engine() as engine:
        found = engine.backfill(
            dag, start, end, max_active_runs=at_once, stop_on_failure=stop_on_failure, again=again,
            only="missing" if missing else None,
        )  # fmt: skip
        exit_by(change.finish(engine, "the backfill", found.to_json, lambda: _shown(found), backfill=found))


@program.command()
def backfills(store: StoreOption, json: JsonOption = False) -> None:
    """List the backfills of a store, newest first, and how far each is."""
    with look_at(store) as engine:
        found = engine.backfills()
        if json:
            out.print(as_json([each.to_json() for each in found]), soft_wrap=True, highlight=False)
            return
        lines = [_line(each) for each in found] or ["no backfills"]
    out.print("\n".join(lines), soft_wrap=True, highlight=False, markup=False)


@program.command("cancel-backfill")
def cancel_backfill(
    number: Annotated[int, typer.Argument(help="Its number, as `backfills` lists it.")],
    store: ChangedOption,
    reason: ReasonOption = "",
    graph: WorkOption = "",
    timeout: TimeoutOption = "1h",
    json: JsonOption = False,
) -> None:
    """Stop a backfill: what has not begun of it is cancelled, what runs goes on."""
    change = StoreChange(store, graph, timeout, json)
    with change.engine() as engine:
        found = next((each for each in engine.backfills() if each.number == number), None)
        if found is None:
            raise rd.UnknownId(f"there is no backfill {number}; `reactive-dag backfills` lists them")
        if found.done:
            change.finish(
                engine, f"it had ended, and stays {found.state}", found.to_json, lambda: _shown(found), known=True
            )
            return
        engine.cancel(found, reason)
        exit_by(change.finish(engine, "the cancel", found.to_json, lambda: _shown(found)))


def _shown(found: Backfill) -> Iterator[RenderableType]:
    """A backfill, and its runs."""
    if found.runs:
        yield tables.runs_table(found.runs)
    yield _line(found)


def _line(found: Backfill) -> str:
    """A backfill in one line."""
    dates, *others = found.progress.items()
    counts = ", ".join(
        [
            counted(dates[1], "partition" if found.partitions else "date"),
            *(f"{number} {what.replace('_', ' ')}" for what, number in others if number),
        ]
    )
    why = f" ({found.reason})" if found.reason else ""
    return one_line(f"backfill {found.number} of {found.dag} is {found.state}{why}: {counts}")
