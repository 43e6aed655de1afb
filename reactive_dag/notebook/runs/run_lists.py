"""Lists of runs and of partitions as tables. O(rows that are shown)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from reactive_dag.declare.analysis.zones import zone_of
from reactive_dag.engine.inspect.partition_list import COLUMNS, SHOWN_ROWS, PartitionList
from reactive_dag.engine.inspect.run import Run, rollup_text
from reactive_dag.engine.inspect.run_list import RunList
from reactive_dag.model.text import Short, counted, one_line
from reactive_dag.notebook.kit.states import state_text
from reactive_dag.notebook.kit.tables import table, titled
from reactive_dag.notebook.kit.theme import picture
from reactive_dag.notebook.kit.times import Zone, took_text

NAMES = ("dag", "state", "for", "requested", "started", "took", "key", "error")
RIGHT = frozenset({"took"})
KEY = 8
"""So many characters of a key are shown."""


def is_readable(runs: Sequence[Run]) -> bool:
    """Whether their engine still answers."""
    return not runs or not (runs[0]._host.closed or runs[0]._host.failed)


def zone_of_runs(runs: Sequence[Run]) -> Zone:
    """The zone of their DAG, or of the graph where they are of several. O(runs + DAGs)."""
    if not runs:
        return Zone()
    dags = {run.dag for run in runs}
    return Zone(zone_of(runs[0]._host.graph, dags.pop() if len(dags) == 1 else ""))


def draw_runs(found: object) -> str:
    """A list of runs: one a row, newest request first."""
    assert isinstance(found, RunList)
    if not is_readable(found):
        return picture(f"{counted(len(found), 'run')} of a closed engine")
    tz = zone_of_runs(found)
    title, more = _heading(found)
    names = _names(found)
    rows = [_row(run, tz)[: len(names)] for run in found[:SHOWN_ROWS]]
    above, below = titled(title, tz.note if rows else "", *more)
    return picture(above, table(names, rows, right=RIGHT, states={"state"}, label=title) if rows else None, below)


def runs_text(found: object) -> str:
    """A list of runs as aligned text."""
    assert isinstance(found, RunList)
    if not is_readable(found):
        return f"{counted(len(found), 'run')} of a closed engine"
    tz = zone_of_runs(found)
    title, more = _heading(found)
    names = _names(found)
    rows = [_row(run, tz)[: len(names)] for run in found[:SHOWN_ROWS]]
    texts = [[*map(one_line, (row[0], _marked(row[1]), *row[2:]))] for row in rows]
    return "\n".join([title + (f", {tz.note}" if rows else ""), *aligned(names, texts, RIGHT), *more])


def _names(found: RunList) -> tuple[str, ...]:
    """The columns: that of errors where there is one."""
    return NAMES if any(run.error for run in found[:SHOWN_ROWS]) else NAMES[:-1]


def aligned(names: Sequence[str], rows: Sequence[Sequence[str]], right: frozenset[str] = frozenset()) -> list[str]:
    """Rows of text in columns, below their names; none without rows. O(cells).

    >>> aligned(["a", "n"], [["xx", "1"]], frozenset("n"))
    ['  a   n', '  xx  1']
    """
    if not rows:
        return []
    widths = [max(map(len, column)) for column in zip(names, *rows)]
    lines = []
    for row in (names, *rows):
        cells = [
            str.rjust(cell, w) if name in right else str.ljust(cell, w) for cell, w, name in zip(row, widths, names)
        ]
        lines.append(("  " + "  ".join(cells)).rstrip())
    return lines


def _heading(found: RunList) -> tuple[str, list[str]]:
    states = Counter(run.state for run in found)
    counts = ", ".join(f"{count} {state}" for state, count in states.most_common())
    more = [f"… and {len(found) - SHOWN_ROWS} more: .to_json() and .to_pandas() have them all"]
    return counted(len(found), "run") + (f": {counts}" if counts else ""), more if len(found) > SHOWN_ROWS else []


def _row(run: Run, tz: Zone) -> list[str]:
    rollup = rollup_text(run)
    about = run.partition or tz.date(run.logical_date)
    return [
        run.dag, run.state + (f" (round {run.round})" if run.round != 1 else ""),
        f"{about} ({rollup})" if rollup else about, tz.text(run.requested), tz.text(run.started),
        took_text(run.started, run.ended), short_key(run.key), error_line(run.error),
    ]  # fmt: skip


def short_key(key: str | None) -> str:
    """The first characters of a key, with the whole. O(1)."""
    return Short(key[:KEY], key) if key else ""


def error_line(text: str | None) -> str:
    """The first line of an error, with the whole where there is more. O(length)."""
    first, _, more = (text or "").partition("\n")
    return Short(first, text or "") if more else first


def _marked(state: str) -> str:
    word, _, more = state.partition(" ")
    return f"{state_text(word)} {more}".strip()


def draw_partitions(found: object) -> str:
    """The partitions of a dataset, one a row."""
    assert isinstance(found, PartitionList)
    tz = Zone()
    rows = [
        [row.partition, row.state, tz.text(row.at), row.dag or "", short_key(row.run), error_line(row.error)]
        for row in found[:SHOWN_ROWS]
    ]
    more = [f"… and {len(found) - SHOWN_ROWS} more: .rows has them all"] if len(found) > SHOWN_ROWS else []
    above, below = titled(found.title, tz.note if any(row[2] for row in rows) else "", *more)
    return picture(above, table(COLUMNS, rows, states={"state"}, label=found.title) if rows else None, below)
