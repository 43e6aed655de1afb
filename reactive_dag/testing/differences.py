"""What was expected of a scenario and what it had, beside each other.

Owns `Difference`, the lines that show both, and what they say is missing, failed or too much. Invariant: without a
difference there is none. O(rows * rows) where much differs.
"""

from __future__ import annotations

from collections.abc import Sequence

from attrs import Factory, frozen

from reactive_dag.engine.inspect.run import Run
from reactive_dag.testing.marbles import MarbleLine, drawn
from reactive_dag.testing.tables import EMPTY, Cells, Row, fits, table_lines

MISSING, EXTRA, OTHER, SAME = "- ", "+ ", "! ", "  "


@frozen
class Difference:
    """Lines that show both; DAGs of which something is missing, each with a date if one is known; runs to explain."""

    lines: list[str]
    missing: list[tuple[str, str | None]] = Factory(list)
    runs: list[Run] = Factory(list)


@frozen
class _Pair:
    """A row that was expected beside one that there was; one of them may be lacking. `place` is where it stands."""

    place: float
    mark: str
    expected: Row | None
    had: int | None


def table_difference(expected: Cells, had: Cells, runs: Sequence[Run]) -> Difference | None:
    """How a table differs from the one that was expected; `runs` are those of its rows. O(rows * rows)."""
    pairs = _paired(expected, had)
    if all(pair.mark == SAME for pair in pairs):
        return None
    left = table_lines(Cells(expected.columns, tuple([pair.expected or _blank(expected) for pair in pairs])))
    right = table_lines(
        Cells(had.columns, tuple([_blank(had) if pair.had is None else had.rows[pair.had] for pair in pairs]))
    )
    width = max(map(len, [*left, "expected"]))
    marks = [SAME, *(pair.mark for pair in pairs)]
    lines = [f"  {'expected'.ljust(width)}    played"]
    lines += [f"{mark}{one.ljust(width)}    {other}".rstrip() for mark, one, other in zip(marks, left, right)]
    dag = expected.columns.index("dag")
    missing = [
        (pair.expected[dag], _date(expected, pair.expected)) for pair in pairs if pair.expected and pair.mark == MISSING
    ]
    others = [runs[pair.had] for pair in pairs if pair.had is not None and pair.mark != SAME]
    return Difference(lines, list(dict.fromkeys(missing)), list(dict.fromkeys(others)))


def _blank(table: Cells) -> Row:
    return ("",) * len(table.columns)


def _date(table: Cells, row: Row) -> str | None:
    date = row[table.columns.index("date")] if "date" in table.columns else EMPTY
    return None if date == EMPTY else date


def _paired(expected: Cells, had: Cells) -> list[_Pair]:
    """Each row beside the one that fits, else beside one of the same DAG and task, else alone; in order of time."""
    free = dict.fromkeys(range(len(had.rows)))
    beside: list[tuple[Row, int | None, str]] = []
    for row in expected.rows:
        found = next((at for at in free if fits(expected.columns, row, had.rows[at])), None)
        if found is not None:
            del free[found]
        beside.append((row, found, SAME))
    about = [at for at, name in enumerate(expected.columns) if name in ("dag", "task")]
    pairs, place = [], -0.5
    for row, at, mark in beside:
        if at is None:
            at = next((each for each in free if all(had.rows[each][cell] == row[cell] for cell in about)), None)
            mark = MISSING if at is None else OTHER
            if at is not None:
                del free[at]
        place = place if at is None else at
        pairs.append(_Pair(place + (0.5 if at is None else 0), mark, row, at))
    pairs += [_Pair(at, EXTRA, None, at) for at in free]
    return sorted(pairs, key=lambda pair: pair.place)


def marbles_difference(
    expected: Sequence[MarbleLine], had: Sequence[MarbleLine], frames: int, runs: Sequence[Run], dags: Sequence[str]
) -> Difference | None:
    """How lines differ from those expected, which stand in the same order; what has more lines was not expected at all.

    `dags` are the DAG of each line, "" for a dataset. O(frames).
    """
    nothing = [MarbleLine(line.name, ()) for line in had[len(expected) :]]
    wanted = [*expected, *nothing]
    if all(one.sorted_marks == other.sorted_marks for one, other in zip(wanted, had)):
        return None
    texts = drawn([*wanted, *had], frames)
    width = max(len(line.name) for line in had)
    lines, missing, others = [], list[tuple[str, str | None]](), list[Run]()
    for at, (one, other) in enumerate(zip(wanted, had)):
        same = one.sorted_marks == other.sorted_marks
        lines.append(f"{SAME if same else OTHER}{one.name.ljust(width)}  expected  {texts[at]}")
        lines.append(f"  {''.ljust(width)}  played    {texts[len(wanted) + at]}")
        if not same and dags[at]:
            if len(one.marks) > len(other.marks):
                missing.append((dags[at], None))
            others += [run for run in runs if run.dag == dags[at]]
    return Difference(lines, missing, others)
