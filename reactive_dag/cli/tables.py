"""What the commands print: rich tables, and the same as plain data. Figures come from what is given, nothing else."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import datetime, timedelta

from rich.console import Console, Group
from rich.markup import escape
from rich.table import Column, Table

import reactive_dag as rd
from reactive_dag.engine.inspect.outputs import OutputFile
from reactive_dag.whatif.answers.show import counted
from reactive_dag.whatif.answers.timeline import TimelineRow

STATE_STYLES = {
    "success": "green", "failed": "red", "cancelled": "yellow", "skipped": "dim", "running": "cyan", "queued": "blue",
}  # fmt: skip


# ----------------------------------------------------------------------------------------- runs, problems


def run_rows(runs: Iterable[rd.Run]) -> list[dict[str, object]]:
    """Runs as plain rows."""
    return [run.to_json() for run in runs]


def runs_table(rows: list[dict[str, object]]) -> Table | str:
    """Runs as a table; a round after the first stands behind the state."""
    if not rows:
        return "no runs"
    when = (Column("for", no_wrap=True), Column("requested", no_wrap=True))
    table = Table("DAG", "state", *when, "took", "key", "error", box=None, header_style="bold")
    for row in rows:
        style = STATE_STYLES.get(str(row["state"]), "")
        round = f" ({row['round']})" if row["round"] != 1 else ""
        error = str(row["error"] or "").splitlines()
        date = str(row["partition"] or _short(row["logical_date"])[:16])
        table.add_row(
            escape(str(row["dag"])), f"[{style}]{row['state']}[/{style}]{round}", escape(date),
            _short(row["requested"]), _took(row["started"], row["ended"]), str(row["key"])[:8],
            escape(error[0]) if error else "",
        )  # fmt: skip
    return table


def outputs_table(files: Iterable[OutputFile]) -> Table | str:
    """Files of saved outputs as a table."""
    table = Table("run", "attempt", Column("bytes", justify="right"), "", box=None, header_style="bold")
    table.add_column("file", overflow="fold")
    for file in files:
        unused = "[yellow]unused[/yellow]" if file.unused else ""
        table.add_row(file.run[:8], f"{file.round}.{file.attempt}", f"{file.size:,}", unused, escape(file.path))
    return table if table.row_count else "no files of saved outputs"


def problem_rows(problems: Iterable[rd.Problem]) -> list[dict[str, object]]:
    """Problems as plain rows."""
    return [problem.to_json() for problem in problems]


def problems_table(graph: rd.Graph, problems: list[rd.Problem]) -> Group:
    """Problems as a table, errors first; what there is too often is counted, with the first three in full."""
    errors = sum(problem.severity == "error" for problem in problems)
    warnings = len(problems) - errors
    title = f"{graph.id}: {counted(len(graph.dags), 'DAG')}, {counted(errors, 'error')}, {counted(warnings, 'warning')}"
    table = Table("", "kind", Column("what", overflow="fold"), box=None, header_style="bold")
    by_kind: dict[tuple[str, str], list[rd.Problem]] = {}
    for problem in problems:
        by_kind.setdefault((problem.severity, problem.kind), []).append(problem)
    for (severity, kind), found in sorted(by_kind.items(), key=lambda entry: entry[0][0]):
        style = "red" if severity == "error" else "yellow"
        for problem in found[:3]:
            where = f" ({problem.place})" if problem.place else ""
            table.add_row(f"[{style}]{severity}[/{style}]", kind, escape(problem.text + where))
        if len(found) > 3:
            table.add_row("", kind, f"[dim]… and {len(found) - 3} more of this kind (--json lists them)[/dim]")
    return Group(escape(title), table) if problems else Group(escape(title))


def _short(value: object) -> str:
    return str(value)[:19].replace("T", " ") if value else ""


def _took(started: object, ended: object) -> str:
    if not started or not ended:
        return ""
    seconds = (datetime.fromisoformat(str(ended)) - datetime.fromisoformat(str(started))).total_seconds()
    return f"{seconds:.3f} s" if seconds < 60 else f"{seconds / 60:.1f} min"


# ----------------------------------------------------------------------------------------- simulations


def say_assumed(console: Console, shortest: str, longest: str) -> None:
    """Say that durations are assumed, and how."""
    console.print(
        f"[yellow]Durations are assumed[/yellow]: fixed for each task, spread from {shortest} to {longest} by a hash "
        "of its name."
    )


def facts_table(found: rd.Simulation) -> Table:
    """What ran when: for each hour how many runs began and ended, and how many were under way at its end."""
    runs = [run for run in found.runs if run.started is not None]
    table = Table(
        "hour (UTC)", box=None, header_style="bold", title=f"What ran when: {_states(found)}", title_justify="left"
    )
    for column in ("began", "ended", "under way"):
        table.add_column(column, justify="right")
    table.add_column("")
    for hour in _hours(runs):
        began = sum(hour <= _of(run.started) < hour + ONE_HOUR for run in runs)
        ended = sum(run.ended is not None and hour <= run.ended < hour + ONE_HOUR for run in runs)
        under_way = sum(
            _of(run.started) < hour + ONE_HOUR and (run.ended is None or run.ended >= hour + ONE_HOUR) for run in runs
        )
        bar = f"[green]{'█' * (began // 2)}[/green]"
        table.add_row(f"{hour:%m-%d %H:00}", str(began), str(ended), str(under_way), bar)
    return table


ONE_HOUR = timedelta(hours=1)


def _of(value: datetime | None) -> datetime:
    assert value is not None
    return value


def _hours(runs: list[rd.Run]) -> list[datetime]:
    if not runs:
        return []
    first = min(_of(run.started) for run in runs).replace(minute=0, second=0, microsecond=0)
    last = max(run.ended or _of(run.started) for run in runs)
    return [first + n * ONE_HOUR for n in range(int((last - first) / ONE_HOUR) + 1)]


def _states(found: rd.Simulation) -> str:
    counts = Counter(run.state for run in found.runs)
    return ", ".join(f"{count} {state}" for state, count in sorted(counts.items(), key=lambda entry: -entry[1]))


def longest_waits(found: rd.Simulation, most: int = 8) -> list[tuple[timedelta, TimelineRow]]:
    """The longest waits of one DAG for another, longest first; each pair of DAGs once."""
    pairs: dict[tuple[str, str], tuple[timedelta, TimelineRow]] = {}
    for row in found.timeline():
        task = found.graph.dags[row.dag].tasks.get(row.task)  # None for an instance of a mapped one, which is no wait
        if task is not None and task.kind == "wait" and row.end is not None:
            pair = row.dag, row.waited_for.partition(".")[0]
            took = row.end - row.start
            if pair not in pairs or took > pairs[pair][0]:
                pairs[pair] = took, row
    return sorted((each for each in pairs.values() if each[0]), key=lambda each: -each[0])[:most]


def waits_table(found: rd.Simulation) -> Group:
    """What waited longest for what, and what waits for ever."""
    table = Table("waited", "DAG", box=None, header_style="bold", title="What waited longest", title_justify="left")
    table.add_column("for", overflow="fold")
    for took, row in longest_waits(found):
        table.add_row(str(took).rjust(8), row.dag, row.waited_for)
    pending = found.pending()
    return Group(*([table] if table.row_count else []), *([pending] if len(pending) else []))


def critical_table(found: rd.Simulation) -> Group:
    """The critical path to the last end, and to the run that waited longest for others."""
    ended = [run for run in found.runs if run.ended is not None]
    if not ended:
        return Group("nothing ended")
    parts = [found.critical_path(max(ended, key=lambda run: _of(run.ended)))]
    waits = longest_waits(found, 1)
    if waits:
        waiting = found.run(waits[0][1].run)
        if waiting.ended is not None and waiting != parts[0].run:
            parts.append(found.critical_path(waiting))
    return Group(*parts)


def simulation_json(found: rd.Simulation) -> dict[str, object]:
    """A simulation as plain data."""
    ended = [run for run in found.runs if run.ended is not None]
    last = max(ended, key=lambda run: _of(run.ended), default=None)
    return {
        "runs": run_rows(found.runs),
        "timeline": found.timeline().to_json(),
        "pending": found.pending().to_json(),
        "critical_path": None if last is None else found.critical_path(last).to_json(),
    }
