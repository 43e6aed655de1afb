"""The commands. Each validates, asks the library, and prints a table or, with `--json`, plain data.

Exit codes: 0 all well, 1 what was asked about is not well (a failed run, an error in a graph), 2 a wrong call or input.
Errors of ours are one line on standard error; a traceback means a bug.
"""

from __future__ import annotations

from typing import Annotated

import typer
from rich.markup import escape

import reactive_dag as rd
from reactive_dag.cli import tables
from reactive_dag.cli.estates import ASSUMED, ESTATE_DAY, simulate_graph
from reactive_dag.cli.logs import log_rows
from reactive_dag.cli.options import (
    BeginOption,
    ChangedOption,
    DagArgument,
    DateOption,
    GraphArgument,
    JsonOption,
    LongestOption,
    RunArgument,
    SeedOption,
    ShortestOption,
    SourceOption,
    StoreOption,
    TimeoutOption,
    UntilOption,
    out,
    program,
)
from reactive_dag.cli.sources import as_json, load_graph
from reactive_dag.cli.wording import as_typed
from reactive_dag.cli.working import exit_by, work_off
from reactive_dag.engine.kept import look_at
from reactive_dag.whatif.question.interventions import Intervention


@program.command()
def demo(
    delay: Annotated[str, typer.Option(help="How late the DAG is.")] = "2h",
    late: Annotated[str, typer.Option(help="Which DAG of the estate is late.")] = "bqetl_main_summary",
    shortest: ShortestOption = ASSUMED[0],
    longest: LongestOption = ASSUMED[1],
) -> None:
    """Run a pipeline that is killed and goes on; then one day of a real estate, and the same day with one DAG late."""
    from reactive_dag.cli.demo import demo as tell

    if not tell(out, delay=delay, late=late, default=(shortest, longest)):
        raise typer.Exit(1)


@program.command("run")
def run_graph(
    source: GraphArgument,
    store: ChangedOption = "",
    start: Annotated[list[str] | None, typer.Option("--start", help="Start this DAG (again for more).")] = None,
    timeout: TimeoutOption = "1h",
    json: JsonOption = False,
) -> None:
    """Open a graph on a store, start what is asked for, and work until nothing is left to do."""
    graph = load_graph(source)
    with rd.Engine(graph, store=store or None) as engine:
        for dag in start or ():
            engine.start(dag)
        summary = work_off(engine, timeout, json=json)
        found = engine.runs(limit=50)
        out.print(as_json(found.to_json()) if json else tables.runs_table(found), soft_wrap=json, highlight=False)
    exit_by(summary)


@program.command()
def check(source: GraphArgument, json: JsonOption = False) -> None:
    """List what is wrong with a graph, and what is odd about it. Exit code 1 if something is wrong."""
    graph = load_graph(source)
    problems = graph.problems()
    out.print(
        as_json(tables.problem_rows(problems)) if json else tables.problems_table(graph, problems), soft_wrap=json
    )
    if any(problem.severity == "error" for problem in problems):
        raise typer.Exit(1)


@program.command()
def simulate(
    graph: GraphArgument, begin: BeginOption = f"{ESTATE_DAY:%Y-%m-%d}", until: UntilOption = "1d",
    source: SourceOption = None, shortest: ShortestOption = ASSUMED[0], longest: LongestOption = ASSUMED[1],
    seed: SeedOption = 0, json: JsonOption = False,
) -> None:  # fmt: skip
    """Run a graph in virtual time: what runs when, what waits longest for what, and the critical path."""
    sources = _sources(source)
    found = simulate_graph(
        load_graph(graph), start=begin, until=until, default=(shortest, longest), sources=sources, seed=seed
    )
    if json:
        out.print(as_json(found.to_json()), soft_wrap=True, highlight=False)
        return
    tables.say_assumed(out, shortest, longest)
    for table in (tables.facts_table(found), tables.waits_table(found), tables.critical_table(found)):
        out.print(table)


@program.command("what-if")
def what_if(
    graph: GraphArgument,
    delay: Annotated[list[str] | None, typer.Option("--delay", help="DAG=2h, DAG.task=10m or dataset=1h.")] = None,
    duration: Annotated[list[str] | None, typer.Option("--duration", help="DAG.task=45m.")] = None,
    fail: Annotated[list[str] | None, typer.Option("--fail", help="DAG.task, or DAG.task=0.3.")] = None,
    begin: BeginOption = f"{ESTATE_DAY:%Y-%m-%d}",
    until: UntilOption = "1d",
    source: SourceOption = None,
    shortest: ShortestOption = ASSUMED[0],
    longest: LongestOption = ASSUMED[1],
    seed: SeedOption = 0,
    json: JsonOption = False,
) -> None:
    """Compare a graph's virtual time with itself under delays, other durations and failures."""
    changes: list[Intervention] = [rd.delay(*_pair(text, "--delay")) for text in delay or ()]
    changes += [rd.duration(*_pair(text, "--duration")) for text in duration or ()]
    changes += [_failure(text) for text in fail or ()]
    if not changes:
        raise rd.UsageError(
            "what-if needs something to change: --delay DAG=2h, --duration DAG.task=45m or --fail DAG.task"
        )
    sources = _sources(source)
    base = simulate_graph(
        load_graph(graph), start=begin, until=until, default=(shortest, longest), sources=sources, seed=seed
    )
    compared = base.what_if(*changes, name="what if").compare(base)
    if json:
        out.print(as_json(compared.to_json()), soft_wrap=True, highlight=False)
        return
    tables.say_assumed(out, shortest, longest)
    out.print(compared)


def _sources(given: list[str] | None) -> dict[rd.Dataset | str, rd.Trigger]:
    """When outside publishes which datasets; one that is given again has several clocks."""
    found: dict[rd.Dataset | str, rd.Trigger] = {}
    for text in given or ():
        name, cron = _pair(text, "--source", "DATASET=CRON, such as 'orders=30 1 * * *'")
        clock: rd.Trigger = rd.cron(cron)
        found[name] = found[name] | clock if name in found else clock
    return found


def _pair(text: str, option: str, form: str = "NAME=SPAN, such as bqetl_main_summary=2h") -> tuple[str, str]:
    name, equals, value = text.rpartition("=")
    if not equals or not name:
        raise rd.UsageError(f"{option} {text!r}: write {form}")
    return name, value


def _failure(text: str) -> Intervention:
    name, equals, chance = text.rpartition("=")
    if not equals:
        return rd.fail(text)
    try:
        p = float(chance)
    except ValueError as error:
        raise rd.UsageError(f"--fail {text!r}: write DAG.task, or DAG.task=0.3 ({error})") from None
    return rd.fail(name, p=p)


@program.command()
def runs(
    store: StoreOption,
    dag: Annotated[str | None, typer.Option("--dag", help="Only runs of this DAG.")] = None,
    state: Annotated[str | None, typer.Option("--state", help="Only runs in this state.")] = None,
    limit: Annotated[int, typer.Option("--limit", help="At most so many, newest first.")] = 20,
    json: JsonOption = False,
) -> None:
    """List the runs that a store holds, newest first."""
    with look_at(store) as engine:
        found = engine.runs(dag, state=state, limit=limit)
        out.print(as_json(found.to_json()) if json else tables.runs_table(found), soft_wrap=json, highlight=False)


@program.command()
def partitions(
    dataset: Annotated[str, typer.Argument(help="A dataset's uri.")],
    store: StoreOption,
    start: Annotated[str | None, typer.Option("--start", help="From this date on.", show_default="the first")] = None,
    end: Annotated[str | None, typer.Option("--end", help="Up to this date.", show_default="now")] = None,
    json: JsonOption = False,
) -> None:
    """List the partitions of a dataset: which are there, missing or failed, and the run that made each.

    Exit code 1 if one is missing or failed.
    """
    with look_at(store) as engine:
        found = engine.partitions(dataset, start, end)
        out.print(as_json(found.to_json()) if json else tables.PartitionsTable(found), soft_wrap=json, highlight=False)
    if found.missing:
        raise typer.Exit(1)


@program.command()
def outputs(
    store: StoreOption,
    unused: Annotated[bool, typer.Option("--unused", help="Only files that no recorded success names.")] = False,
    json: JsonOption = False,
) -> None:
    """List the files that outputs are saved in; with --unused one path a line, for `xargs rm`."""
    with look_at(store) as engine:
        files = engine.outputs(unused=unused)
    if json:
        out.print(as_json([file.to_json() for file in files]), soft_wrap=True, highlight=False)
    elif unused:
        for file in files:
            out.print(file.path, soft_wrap=True, highlight=False, markup=False)
    else:
        out.print(tables.outputs_table(files))


@program.command()
def logs(
    run: RunArgument,
    store: StoreOption,
    task: Annotated[str, typer.Argument(help="A task's id, or an instance such as 'eval[3]'; else all tasks.")] = "",
    attempt: Annotated[
        int | None, typer.Option("--attempt", help="Only the attempt of this number.", show_default="all")
    ] = None,
    json: JsonOption = False,
) -> None:
    """Print what the attempts of a run's tasks logged and printed, and the whole error of one that failed; of a run in
    which none has begun, its state or error."""
    with look_at(store) as engine:
        rows = log_rows(engine.run(run), task, attempt or 0)
    if json:
        out.print(as_json(rows), soft_wrap=True, highlight=False)
        return
    for row in rows:
        if len(rows) > 1:
            number = "no attempt" if row["attempt"] is None else f"attempt {row['round']}.{row['attempt']}"
            out.print(f"[bold]{escape(str(row['task']))}[/bold], {number}, {row['state']}")
        for text in (row["log"], row["error"] or (row["task"] is None and f"the run is {row['state']}")):
            if text:
                out.print(str(text).rstrip("\n"), soft_wrap=True, highlight=False, markup=False)


@program.command()
def pending(dag: DagArgument, store: StoreOption, json: JsonOption = False) -> None:
    """Show what a DAG's triggers hold and wait for, and which of its runs wait for what."""
    with look_at(store) as engine:
        found = engine.pending(dag)
        text = as_json(found.to_json()) if json else as_typed(str(found))
    out.print(text, soft_wrap=True, highlight=False, markup=False)


@program.command()
def why(
    run: Annotated[str, typer.Argument(help="A run's key (its first digits will do), a start's key, or a DAG's id.")],
    store: StoreOption,
    date: DateOption = None,
    json: JsonOption = False,
) -> None:
    """Say why a run happened, down to the first event; or what a DAG that did not run waits for."""
    with look_at(store) as engine:
        found = engine.why(run, logical_date=date)
        text = as_json(found.to_json()) if json else as_typed(str(found))
    out.print(text, soft_wrap=True, highlight=False, markup=False)
