"""The commands that change a store: each records a fact, and with `--graph` works off what follows from it.

Without a graph the functions are not here: the fact is recorded on the graph as the store keeps it, and the engine that
opens the store next decides it. Exit code 1 where a run failed that `--graph` worked off.
"""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
import typer

import reactive_dag as rd
from reactive_dag.cli import tables
from reactive_dag.cli.options import (
    ChangedOption,
    DagArgument,
    JsonOption,
    ReasonOption,
    RunArgument,
    TimeoutOption,
    WorkOption,
    out,
    program,
)
from reactive_dag.cli.sources import as_json, load_graph
from reactive_dag.cli.working import exit_by, work_off
from reactive_dag.engine.kept import record_on

LATER = "the engine that opens this store next does it (--graph FILE.py: at once)"


def engine_on(store: str, graph: str) -> rd.Engine:
    """An engine that works the graph off, or one that only records."""
    return rd.Engine(load_graph(graph), store=store) if graph else record_on(store)


def finish(
    engine: rd.Engine, run: rd.Run, what: str, *, graph: str, timeout: str, json: bool, wanted: str = ""
) -> None:
    """Work off what was recorded, if there is a graph; print the run, and what came of it. Exit code 1 at a failure."""
    if not graph:
        show_run(run, f"{what} is recorded; {LATER}", json=json)
        return
    summary = work_off(engine, timeout, json=json)
    show_run(run, str(summary), json=json)
    exit_by(summary, run, wanted=wanted)


def show_run(run: rd.Run, said: str, *, json: bool) -> None:
    """Print a run, and what is to be said of it."""
    [row] = tables.run_rows([run])
    if json:
        out.print(as_json(row), soft_wrap=True, highlight=False)
    else:
        out.print(tables.runs_table([row]), highlight=False)
        out.print(said, soft_wrap=True, highlight=False, markup=False)


@program.command()
def start(
    dag: DagArgument,
    store: ChangedOption,
    param: Annotated[
        list[str] | None, typer.Option("--param", help="NAME=VALUE, JSON or text; again for more.")
    ] = None,
    date: Annotated[str | None, typer.Option("--date", help="The logical date, or 'now'.")] = None,
    partition: Annotated[str | None, typer.Option("--partition", help="The partition.")] = None,
    key: Annotated[str | None, typer.Option("--key", help="A start with the same key is done once.")] = None,
    graph: WorkOption = "",
    timeout: TimeoutOption = "1h",
    json: JsonOption = False,
) -> None:
    """Ask for a run of a DAG."""
    params = dict(_param(text) for text in param or ()) or None
    with engine_on(store, graph) as engine:
        run = engine.start(dag, params=params, logical_date=date, partition=partition, key=key)
        finish(engine, run, f"the start of {dag}", graph=graph, timeout=timeout, json=json)


@program.command()
def cancel(
    run: RunArgument,
    store: ChangedOption,
    reason: ReasonOption = "",
    graph: WorkOption = "",
    timeout: TimeoutOption = "1h",
    json: JsonOption = False,
) -> None:
    """Cancel a run: what has not ended in it is cancelled. One that has ended stays as it is."""
    with engine_on(store, graph) as engine:
        found = engine.run(run)
        if found.done:
            show_run(found, f"it had ended, and stays {found.state}", json=json)
        else:
            engine.cancel(found, reason)
            finish(engine, found, "the cancel", graph=graph, timeout=timeout, json=json)


@program.command()
def rerun(
    run: RunArgument,
    store: ChangedOption,
    downstream: Annotated[bool, typer.Option("--downstream", help="And the runs that consumed what it makes.")] = False,
    failed: Annotated[bool, typer.Option("--failed", help="Only what failed; what succeeded is kept.")] = False,
    task: Annotated[
        list[str] | None, typer.Option("--task", help="Only this task and what follows it; again for more.")
    ] = None,
    graph: WorkOption = "",
    timeout: TimeoutOption = "1h",
    json: JsonOption = False,
) -> None:
    """Run a run once more: its next round, under the same key."""
    with engine_on(store, graph) as engine:
        found = engine.rerun(run, downstream=downstream, only="failed" if failed else None, tasks=task or None)
        finish(engine, found, "the rerun", graph=graph, timeout=timeout, json=json)


@program.command()
def mark(
    run: RunArgument,
    state: Annotated[str, typer.Argument(help="success, failed or skipped.")],
    store: ChangedOption,
    task: Annotated[str, typer.Option("--task", help="The task, or an instance such as 'eval[3]'; else the run.")] = "",
    reason: ReasonOption = "",
    graph: WorkOption = "",
    timeout: TimeoutOption = "1h",
    json: JsonOption = False,
) -> None:
    """Give a task of a run, or the whole run, a final state by hand."""
    with engine_on(store, graph) as engine:
        found = engine.mark(run, task or None, state, reason)
        finish(engine, found, "the mark", graph=graph, timeout=timeout, json=json, wanted=state)


@program.command()
def pause(
    dag: DagArgument,
    store: ChangedOption,
    graph: WorkOption = "",
    timeout: TimeoutOption = "1h",
    json: JsonOption = False,
) -> None:
    """Hold a DAG's firings and queued runs back until it is resumed; what runs goes on."""
    with engine_on(store, graph) as engine:
        engine.pause(dag)
        _show_dag(engine, dag, True, graph=graph, timeout=timeout, json=json)


@program.command()
def resume(
    dag: DagArgument,
    store: ChangedOption,
    graph: WorkOption = "",
    timeout: TimeoutOption = "1h",
    json: JsonOption = False,
) -> None:
    """Let go what a pause held back, as the DAG's catchup= says."""
    with engine_on(store, graph) as engine:
        engine.resume(dag)
        _show_dag(engine, dag, False, graph=graph, timeout=timeout, json=json)


def _show_dag(engine: rd.Engine, dag: str, paused: bool, *, graph: str, timeout: str, json: bool) -> None:
    summary = work_off(engine, timeout, json=json) if graph else None
    if json:
        out.print(as_json({"dag": dag, "paused": paused}), soft_wrap=True, highlight=False)
    else:
        said = f"{dag} is {'paused' if paused else 'resumed'}"
        out.print(said if summary is None else f"{said}\n{summary}", soft_wrap=True, highlight=False, markup=False)
    exit_by(summary)


def _param(text: str) -> tuple[str, Any]:
    """A name and its value: JSON where it is, else text."""
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise rd.UsageError(f"--param {text!r}: write NAME=VALUE, such as --param full=true")
    try:
        return name, msgspec.json.decode(value)
    except msgspec.DecodeError:
        return name, value
