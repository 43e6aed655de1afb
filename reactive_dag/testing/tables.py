"""Tables: which runs, or which of their tasks, a scenario had, as lines of text whose first line names the columns.

Owns the columns there are, the reading of an expected table and the drawing of one. Invariant: a cell is written in
one way, whatever the way in which it was expected. O(cells).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import TypeAlias

from attrs import frozen

from reactive_dag.engine.inspect.run import Run
from reactive_dag.engine.inspect.task_views import TaskView
from reactive_dag.model.errors import InvalidValue
from reactive_dag.model.records import TASK_STATES
from reactive_dag.model.suggest import did_you_mean
from reactive_dag.model.text import one_line
from reactive_dag.model.times import format_duration, from_datetime, parse_duration
from reactive_dag.testing.moments import Moments

Row: TypeAlias = tuple[str, ...]

EMPTY = "-"
TIMES = ("at", "started", "ended")
OF_RUNS = ("dag", "label", *TIMES, "took", "date", "partition", "state", "round", "events", "error")
OF_TASKS = ("task", "attempts", "output")
KNOWN_COLUMNS = (*OF_RUNS, *OF_TASKS)


@frozen
class Cells:
    """A table: names of columns, and rows of cells."""

    columns: tuple[str, ...]
    rows: tuple[Row, ...]


def is_table(text: str) -> bool:
    """Whether a text is a table: its first line names columns. O(its length).

    >>> is_table("dag at state"), is_table("orders  --a--")
    (True, False)
    """
    first = next((line for line in text.splitlines() if line.strip()), "")
    names = first.replace("|", " ").split()
    return bool(names) and (names[0] in ("dag", "task") or all(name in KNOWN_COLUMNS for name in names))


def read_table(text: str, moments: Moments) -> Cells:
    """An expected table, its cells as they would be drawn. O(cells). Raises InvalidValue for what is none.

    >>> moments = Moments("2026-11-23T00:00Z", None)
    >>> read_table("dag at state\\nload 1h success", moments).rows
    (('load', '01:00', 'success'),)
    """
    lines = [line.strip() for line in text.splitlines() if line.strip(" |-")]
    columns = tuple(lines[0].replace("|", " ").split())
    is_tight = "|" in lines[0].strip("|") and " | " not in lines[0]
    for name in columns:
        if name not in KNOWN_COLUMNS:
            known = ", ".join(KNOWN_COLUMNS)
            raise InvalidValue(f"a table has no column {name!r}{did_you_mean(name, KNOWN_COLUMNS)}; there are {known}")
    if "dag" not in columns or len({*columns}) < len(columns):
        raise InvalidValue(f"the columns {' '.join(columns)}: a table has a column 'dag', and each column once")
    rows = []
    for line in lines[1:]:
        cells = [cell.strip() for cell in line.strip("|").split("|")] if is_tight else _cells(line, len(columns))
        if len(cells) != len(columns):
            raise InvalidValue(
                f"the row {line!r} has {len(cells)} cells, and there are {len(columns)} columns, {' '.join(columns)}; "
                f"an empty cell is {EMPTY!r}, and where cells have blanks write | between them"
            )
        rows.append(tuple([_normal(name, cell, moments) for name, cell in zip(columns, cells)]))
    return Cells(columns, tuple(rows))


def _cells(line: str, count: int) -> list[str]:
    """The cells of a line, parted by `|` if it has one with blanks around, else by blanks, which the last may have."""
    if " | " in line or line.startswith("| "):
        return [cell.strip() for cell in f" {line} ".strip().strip("|").split(" | ")]
    return line.split(None, count - 1)


def _normal(column: str, cell: str, moments: Moments) -> str:
    """An expected cell as it would be drawn. O(1). Raises InvalidValue."""
    if cell in (EMPTY, ""):
        return EMPTY
    if column in TIMES:
        return moments.text(moments.parse(cell, f"column {column!r}:"))
    if column == "date":
        return moments.date_text(moments.parse(cell, "column 'date':"))
    if column == "took":
        return format_duration(parse_duration(cell, what="column 'took':", zero_ok=True))
    if column == "state" and cell not in TASK_STATES:
        raise InvalidValue(f"column 'state': {cell!r} is none{did_you_mean(cell, TASK_STATES)}")
    return cell


# ------------------------------------------------------------------------------------------------ what was


def table_of(runs: Iterable[Run], columns: Sequence[str], moments: Moments) -> tuple[Cells, list[Run]]:
    """Runs, or their tasks if there is a column of those, as a table, and the run of each row. O(cells)."""
    rows: list[Row] = []
    of: list[Run] = []
    for run in runs:
        views: list[TaskView | None] = [None]
        if any(name in OF_TASKS for name in columns):
            views = list(run.tasks.values())
        rows += [tuple([_cell(name, run, view, moments) for name in columns]) for view in views]
        of += [run] * len(views)
    return Cells(tuple(columns), tuple(rows)), of


def usual_columns(runs: Sequence[Run]) -> list[str]:
    """The columns that are drawn where none are named: those that say something. O(runs)."""
    found = ["dag", "at"]
    if any(run.label for run in runs):
        found.append("label")
    if any(run.partition is not None for run in runs):
        found.append("partition")
    elif any(run.logical_date is not None for run in runs):
        found.append("date")
    return [*found, "state"]


def _cell(name: str, run: Run, view: TaskView | None, moments: Moments) -> str:
    of_task = _task_cell(name, view, moments) if view is not None else None
    if of_task is not None:
        return of_task or EMPTY
    if name in TIMES:
        at = run.requested if name == "at" else getattr(run, name)
        return EMPTY if at is None else moments.text(from_datetime(at))
    if name == "took":
        return _took(run.started, run.ended)
    if name == "date":
        return moments.date_text(None if run.logical_date is None else from_datetime(run.logical_date))
    if name == "events":
        return str(len(run.events))
    found = getattr(run, name)
    return _line(name, str(found)) if found not in (None, "") else EMPTY


def _task_cell(name: str, view: TaskView, moments: Moments) -> str | None:
    """The cell of a task; None where it is that of its run."""
    began = view.attempts[0].started if view.attempts else None
    ended = view.attempts[-1].ended if view.attempts else None
    if name in ("started", "ended"):
        at = began if name == "started" else ended
        return EMPTY if at is None else moments.text(from_datetime(at))
    if name == "took":
        return _took(began, ended)
    if name == "output":
        return EMPTY if view.output is None else json.dumps(view.output, default=repr)
    of = {"task": view.id, "state": view.state, "attempts": str(len(view.attempts)), "error": view.error or EMPTY}
    found = of.get(name)
    return None if found is None else _line(name, found)


def _line(name: str, text: str) -> str:
    """A text as a cell: of an error its first line."""
    return one_line(text.partition("\n")[0] if name == "error" else text)


def _took(began: object, ended: object) -> str:
    if began is None or ended is None:
        return EMPTY
    return format_duration(from_datetime(ended) - from_datetime(began))  # type: ignore[arg-type]


def table_lines(table: Cells) -> list[str]:
    """A table as aligned lines. O(cells)."""
    rows = [table.columns, *table.rows]
    widths = [max(map(len, column)) for column in zip(*rows)]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip() for row in rows]


def fits(columns: Sequence[str], expected: Row, had: Row) -> bool:
    """Whether a row is as expected: each cell, and of an error a part of it. O(cells)."""
    return all(
        cell == there or (name == "error" and cell != EMPTY and cell in there)
        for name, cell, there in zip(columns, expected, had)
    )
