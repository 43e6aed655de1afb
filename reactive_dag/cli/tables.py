"""What the commands print: rich tables, and the same as plain data. Figures come from what is given, nothing else."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from rich.console import Console, Group
from rich.markup import escape
from rich.table import Column
from rich.table import Table as RichTable

import reactive_dag as rd
from reactive_dag.engine.inspect.outputs import OutputFile
from reactive_dag.engine.inspect.partition_list import COLUMNS, PartitionList
from reactive_dag.model.text import counted, one_line
from reactive_dag.whatif.answers.show import Table
from reactive_dag.whatif.answers.timeline import TimelineRow

STATE_STYLES = {
    "success": "green", "failed": "red", "cancelled": "yellow", "skipped": "dim", "running": "cyan", "queued": "blue",
}  # fmt: skip


PARTITION_STYLES = {"there": "green", "failed": "red", "missing": "yellow", "running": "cyan"}


# ----------------------------------------------------------------------------------------- runs, problems


def run_rows(runs: Iterable[rd.Run]) -> list[dict[str, object]]:
    """Runs as plain rows."""
    return [run.to_json() for run in runs]


class RunsTable(Table):
    """Runs, one a row; a round after the first stands behind the state."""

    columns = ("DAG", "state", "for", "requested", "took", "key", "error")
    right = frozenset({"took"})
    title = ""
    _ruled = False

    def __init__(self, runs: Iterable[rd.Run]) -> None:
        self.rows = run_rows(runs)

    def cells(self) -> list[tuple[str, ...]]:
        """A row a run; of an error its first line."""
        return [
            (
                str(row["dag"]), f"{row['state']}" + (f" ({row['round']})" if row["round"] != 1 else ""),
                str(row["partition"] or _date(row["logical_date"])) + _rollup(row), _short(row["requested"])[5:],
                _took(row["started"], row["ended"]), str(row["key"])[:8],
                next(iter(str(row["error"] or "").splitlines()), ""),
            )
            for row in self.rows
        ]  # fmt: skip

    def _style(self, column: str, cell: str) -> str:
        """A state has the colour of how it went."""
        return STATE_STYLES.get(cell.partition(" ")[0], "") if column == "state" else ""


def runs_table(runs: Iterable[rd.Run]) -> RunsTable | str:
    """Runs as a table."""
    table = RunsTable(runs)
    return table if table.rows else "no runs"


class PartitionsTable(Table):
    """The partitions of a dataset, one a row."""

    columns = COLUMNS
    title = ""
    _ruled = False

    def __init__(self, found: PartitionList) -> None:
        self.found = found

    def cells(self) -> list[tuple[str, ...]]:
        """A row a partition."""
        return [row.cells() for row in self.found]

    @property
    def notes(self) -> list[str]:
        """How many are in which state."""
        return [self.found.title]

    def _style(self, column: str, cell: str) -> str:
        """A state has the colour of how it is."""
        return PARTITION_STYLES.get(cell, "") if column == "state" else ""


def outputs_table(files: Iterable[OutputFile]) -> RichTable | str:
    """Files of saved outputs as a table."""
    table = RichTable("run", "attempt", Column("bytes", justify="right"), "", box=None, header_style="bold")
    table.add_column("file", overflow="fold")
    for file in files:
        unused = "[yellow]unused[/yellow]" if file.unused else ""
        table.add_row(
            file.run[:8], f"{file.round}.{file.attempt}", f"{file.size:,}", unused, escape(one_line(file.path))
        )
    return table if table.row_count else "no files of saved outputs"


def problem_rows(problems: Iterable[rd.Problem]) -> list[dict[str, object]]:
    """Problems as plain rows."""
    return [problem.to_json() for problem in problems]


def problems_table(graph: rd.Graph, problems: list[rd.Problem]) -> Group:
    """Problems as a table, errors first; what there is too often is counted, with the first three in full."""
    errors = sum(problem.severity == "error" for problem in problems)
    warnings = len(problems) - errors
    title = f"{graph.id}: {counted(len(graph.dags), 'DAG')}, {counted(errors, 'error')}, {counted(warnings, 'warning')}"
    table = RichTable("", "kind", Column("what", overflow="fold"), box=None, header_style="bold")
    by_kind: dict[tuple[str, str], list[rd.Problem]] = {}
    for problem in problems:
        by_kind.setdefault((problem.severity, problem.kind), []).append(problem)
    for (severity, kind), found in sorted(by_kind.items(), key=lambda entry: entry[0][0]):
        style = "red" if severity == "error" else "yellow"
        for problem in found[:3]:
            where = f" ({problem.place})" if problem.place else ""
            table.add_row(f"[{style}]{severity}[/{style}]", kind, escape(one_line(problem.text + where)))
        if len(found) > 3:
            table.add_row("", kind, f"[dim]… and {len(found) - 3} more of this kind (--json lists them)[/dim]")
    return Group(escape(title), table) if problems else Group(escape(title))


def _rollup(row: Mapping[str, Any]) -> str:
    """Of a run that a rollup fired: whether it is a correction, and without how many partitions it ran."""
    missing = row["missing"]["count"] if "missing" in row else 0
    words = ["correction"] * bool(row.get("correction")) + [f"without {missing}"] * bool(missing)
    return f" ({', '.join(words)})" if words else ""


def _date(value: object) -> str:
    """A logical date, which at midnight is a day."""
    return _short(value)[:16].removesuffix(" 00:00")


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


def facts_table(found: rd.Simulation) -> RichTable:
    """What ran when: for each hour how many runs began and ended, and how many were under way at its end.

    Hours in which none did either are left out.
    """
    table = RichTable(
        "hour (UTC)", box=None, header_style="bold", title=f"What ran when: {_states(found)}", title_justify="left"
    )
    for column in ("began", "ended", "under way"):
        table.add_column(column, justify="right")
    table.add_column("")
    began = Counter(_hour(run.started) for run in found.runs if run.started is not None)
    ended = Counter(_hour(run.ended) for run in found.runs if run.started is not None and run.ended is not None)
    under_way, before = 0, None
    for hour in sorted(began.keys() | ended.keys()):
        if before is not None and hour > before + ONE_HOUR:
            table.add_row("[dim]…[/dim]")
        under_way, before = under_way + began[hour] - ended[hour], hour
        bar = f"[green]{'█' * (began[hour] // 2)}[/green]"
        table.add_row(f"{hour:%m-%d %H:00}", str(began[hour]), str(ended[hour]), str(under_way), bar)
    return table


ONE_HOUR = timedelta(hours=1)


def _hour(time: datetime) -> datetime:
    return time.replace(minute=0, second=0, microsecond=0)


def _of(value: datetime | None) -> datetime:
    assert value is not None
    return value


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
    table = RichTable("waited", "DAG", box=None, header_style="bold", title="What waited longest", title_justify="left")
    table.add_column("for", overflow="fold")
    for took, row in longest_waits(found):
        table.add_row(str(took).rjust(8), row.dag, escape(one_line(row.waited_for)))
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
