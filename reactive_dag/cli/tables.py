"""What the commands print: rich tables, and the same as plain data. Figures come from what is given, nothing else."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from rich.console import Console
from rich.table import Table

import reactive_dag as rd

STATE_STYLES = {
    "success": "green", "failed": "red", "cancelled": "yellow", "skipped": "dim", "running": "cyan", "queued": "blue",
}  # fmt: skip


# ----------------------------------------------------------------------------------------- runs, problems


def run_rows(runs: Iterable[rd.Run]) -> list[dict[str, object]]:
    """Runs as plain rows."""
    return [
        {
            "dag": run.dag, "state": run.state, "logical_date": _iso(run.logical_date), "partition": run.partition,
            "requested": _iso(run.requested), "started": _iso(run.started), "ended": _iso(run.ended), "key": run.key,
            "error": run.error,
        }
        for run in runs
    ]  # fmt: skip


def runs_table(rows: list[dict[str, object]]) -> Table:
    """Runs as a table."""
    table = Table("DAG", "state", "for", "requested", "took", "key", "error", box=None, header_style="bold")
    for row in rows:
        style = STATE_STYLES.get(str(row["state"]), "")
        error = str(row["error"] or "").splitlines()
        date = str(row["partition"] or row["logical_date"] or "")
        table.add_row(
            str(row["dag"]), f"[{style}]{row['state']}[/{style}]", date, _short(row["requested"]),
            _took(row["started"], row["ended"]), str(row["key"])[:8], error[0] if error else "",
        )  # fmt: skip
    return table


def problem_rows(problems: Iterable[rd.Problem]) -> list[dict[str, object]]:
    """Problems as plain rows."""
    return [
        {"severity": p.severity, "kind": p.kind, "ids": list(p.ids), "place": p.place, "text": p.text} for p in problems
    ]


def problems_table(graph: rd.Graph, problems: list[rd.Problem]) -> Table:
    """Problems as a table, errors first; what there is too often is counted, with the first three in full."""
    errors = sum(problem.severity == "error" for problem in problems)
    title = f"{graph.id}: {len(graph.dags)} DAGs, {errors} errors, {len(problems) - errors} warnings"
    table = Table("", "kind", "what", title=title, title_justify="left", box=None, header_style="bold")
    by_kind: dict[tuple[str, str], list[rd.Problem]] = {}
    for problem in problems:
        by_kind.setdefault((problem.severity, problem.kind), []).append(problem)
    for (severity, kind), found in sorted(by_kind.items(), key=lambda entry: entry[0][0]):
        style = "red" if severity == "error" else "yellow"
        for problem in found[:3]:
            table.add_row(f"[{style}]{severity}[/{style}]", kind, problem.text)
        if len(found) > 3:
            table.add_row("", kind, f"[dim]… and {len(found) - 3} more of this kind (--json lists them)[/dim]")
    return table


def _iso(value: datetime | None) -> str | None:
    return None if value is None else value.isoformat()


def _short(value: object) -> str:
    return str(value)[:19].replace("T", " ") if value else ""


def _took(started: object, ended: object) -> str:
    if not started or not ended:
        return ""
    seconds = (datetime.fromisoformat(str(ended)) - datetime.fromisoformat(str(started))).total_seconds()
    return f"{seconds:.3f} s" if seconds < 60 else f"{seconds / 60:.1f} min"
