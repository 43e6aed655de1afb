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
    DateOption,
    JsonOption,
    KeyOption,
    PartitionOption,
    ReasonOption,
    RunArgument,
    TimeoutOption,
    WorkOption,
    program,
)
from reactive_dag.cli.working import StoreChange, exit_by


def _finish(
    change: StoreChange, engine: rd.Engine, run: rd.Run, what: str, *, known: bool = False, wanted: str = ""
) -> None:
    """Say what was recorded about a run, and what came of it. Exit code 1 at a failure that is not `wanted`."""
    summary = change.finish(engine, what, run.to_json, lambda: [tables.runs_table([run])], known=known)
    exit_by(summary, None if known or summary is None else run, wanted=wanted)


@program.command()
def start(
    dag: DagArgument,
    store: ChangedOption,
    param: Annotated[
        list[str] | None, typer.Option("--param", help="NAME=VALUE, JSON or text; again for more.")
    ] = None,
    date: DateOption = None,
    partition: PartitionOption = None,
    key: KeyOption = None,
    graph: WorkOption = "",
    timeout: TimeoutOption = "1h",
    json: JsonOption = False,
) -> None:
    """Ask for a run of a DAG."""
    params = dict(_param(text) for text in param or ()) or None
    change = StoreChange(store, graph, timeout, json)
    with change.engine() as engine:
        known = bool(key and engine.runs(dag, key=key, limit=1))
        run = engine.start(dag, params=params, logical_date=date, partition=partition, key=key)
        what = f"it was started under key {key!r} before" if known else f"the start of {dag}"
        _finish(change, engine, run, what, known=known)


@program.command()
def publish(
    dataset: Annotated[str, typer.Argument(help="A dataset's uri.")],
    store: ChangedOption,
    partition: PartitionOption = None,
    date: DateOption = None,
    key: KeyOption = None,
    extra: Annotated[str | None, typer.Option("--extra", help="What else is to be said of it, as JSON.")] = None,
    graph: WorkOption = "",
    timeout: TimeoutOption = "1h",
    json: JsonOption = False,
) -> None:
    """Record that a dataset changed."""
    told = None if extra is None else _extra(extra)
    change = StoreChange(store, graph, timeout, json)
    with change.engine() as engine:
        done = engine.publish(dataset, partition=partition, logical_date=date, key=key, extra=told)
        what = f"the event of {dataset}"
        known = f"{dataset} has an event of key {key!r} already; it stands" if done.duplicate else ""
        exit_by(change.finish(engine, known or what, done.to_json, known=done.duplicate))


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
    change = StoreChange(store, graph, timeout, json)
    with change.engine() as engine:
        found = engine.run(run)
        if found.done:
            _finish(change, engine, found, f"it had ended, and stays {found.state}", known=True)
        else:
            engine.cancel(found, reason)
            _finish(change, engine, found, "the cancel")


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
    change = StoreChange(store, graph, timeout, json)
    with change.engine() as engine:
        found = engine.rerun(run, downstream=downstream, only="failed" if failed else None, tasks=task or None)
        _finish(change, engine, found, "the rerun")


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
    change = StoreChange(store, graph, timeout, json)
    with change.engine() as engine:
        found = engine.mark(run, task or None, state, reason)
        _finish(change, engine, found, "the mark", wanted=state)


@program.command()
def pause(
    dag: DagArgument,
    store: ChangedOption,
    graph: WorkOption = "",
    timeout: TimeoutOption = "1h",
    json: JsonOption = False,
) -> None:
    """Hold a DAG's firings and queued runs back until it is resumed; what runs goes on."""
    change = StoreChange(store, graph, timeout, json)
    with change.engine() as engine:
        engine.pause(dag)
        _finish_dag(change, engine, dag, paused=True)


@program.command()
def resume(
    dag: DagArgument,
    store: ChangedOption,
    graph: WorkOption = "",
    timeout: TimeoutOption = "1h",
    json: JsonOption = False,
) -> None:
    """Let go what a pause held back, as the DAG's catchup= says."""
    change = StoreChange(store, graph, timeout, json)
    with change.engine() as engine:
        engine.resume(dag)
        _finish_dag(change, engine, dag, paused=False)


def _finish_dag(change: StoreChange, engine: rd.Engine, dag: str, *, paused: bool) -> None:
    what, state = ("pause", "paused") if paused else ("resume", "resumed")
    row = {"dag": dag, "paused": paused}
    shown = [f"{dag} is {state}"] if change.graph else []
    exit_by(change.finish(engine, f"the {what} of {dag}", lambda: row, lambda: shown))


def _param(text: str) -> tuple[str, Any]:
    """A name and its value: JSON where it is, else text."""
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise rd.UsageError(f"--param {text!r}: write NAME=VALUE, such as --param full=true")
    try:
        return name, msgspec.json.decode(value)
    except msgspec.DecodeError:
        return name, value


def _extra(text: str) -> Any:
    try:
        return msgspec.json.decode(text)
    except msgspec.DecodeError as error:
        raise rd.UsageError(f"--extra {text!r} is no JSON ({error}); write such as '{{\"rows\": 10}}'") from None
