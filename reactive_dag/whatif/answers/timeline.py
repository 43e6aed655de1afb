"""The timeline: every task of every run, when it began and ended, and what it had waited for.

Owns `TimelineRow` and `Timeline`. Each row has a bar over the span of all rows, in a notebook a drawn one. O(tasks +
edges) to build.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from html import escape
from typing import TYPE_CHECKING, overload

from attrs import frozen

from reactive_dag.model.text import counted
from reactive_dag.model.times import repr_of
from reactive_dag.whatif.answers.show import Table, clipped, clock_text, iso, to_moment
from reactive_dag.whatif.answers.trace import Trace, TracePoint, span_of

if TYPE_CHECKING:
    from reactive_dag.log.history import RunRow

BAR = 32
"""The width of a bar in a terminal, in characters."""


@frozen(repr=False)
class TimelineRow:
    """One task of one run. `end` is None if it had not ended; `waited_for` names what had to end before it began, or,
    for a wait, before it ended.
    """

    dag: str
    run: str
    task: str
    start: datetime
    end: datetime | None
    state: str
    waited_for: str

    def __repr__(self) -> str:
        return repr_of(self, "dag", "run", "task", "start", "end", "state", "waited_for")

    def to_json(self) -> dict[str, object]:
        """Plain data. O(1)."""
        return {
            "dag": self.dag, "run": self.run, "task": self.task, "start": iso(self.start), "end": iso(self.end),
            "state": self.state, "waited_for": self.waited_for,
        }  # fmt: skip


class Timeline(Table):
    """The rows in the order in which they began. It prints with bars, and is a sequence of its rows."""

    columns = ("start", "end", "task", "", "state", "waited for")

    def __init__(self, rows: Iterable[TimelineRow]) -> None:
        self.rows = sorted(rows, key=lambda row: row.start)

    @property
    def title(self) -> str:
        """How many tasks, from when to when."""
        if not self.rows:
            return "timeline: nothing ran"
        first, last = self._bounds()
        return f"timeline of {counted(len(self.rows), 'task')}, {clock_text(first)} to {clock_text(last)} UTC"

    def _bounds(self) -> tuple[datetime, datetime]:
        """When the first of the rows began, and when the last one ended; there is one."""
        return self.rows[0].start, max(row.end or row.start for row in self.rows)

    def cells(self) -> list[tuple[str, ...]]:
        """A row a task, its bar in the fourth column."""
        if not self.rows:
            return []
        first, last = self._bounds()
        return [
            (
                clock_text(row.start), clock_text(row.end), clipped(f"{row.dag}.{row.task}"), _bar(row, first, last),
                row.state, clipped(row.waited_for),
            )
            for row in self.rows
        ]  # fmt: skip

    def _html_cells(self, rows: list[tuple[str, ...]]) -> list[tuple[str, ...]]:
        if not rows:
            return []
        first, last = self._bounds()
        return [
            (*map(escape, cells[:3]), _drawn(row, first, last), *map(escape, cells[4:]))
            for cells, row in zip(rows, self.rows)
        ]

    def to_json(self) -> list[dict[str, object]]:
        """Plain data. O(rows)."""
        return [row.to_json() for row in self.rows]

    def __len__(self) -> int:
        return len(self.rows)

    @overload
    def __getitem__(self, at: int) -> TimelineRow: ...

    @overload
    def __getitem__(self, at: slice) -> list[TimelineRow]: ...

    def __getitem__(self, at: int | slice) -> TimelineRow | list[TimelineRow]:
        return self.rows[at]

    def __iter__(self) -> Iterator[TimelineRow]:
        return iter(self.rows)


def timeline_of(trace: Trace, runs: Iterable[RunRow]) -> Timeline:
    """The timeline of these runs. O(tasks + edges)."""
    return Timeline(row for run in runs for row in _rows(trace, run))


def _rows(trace: Trace, run: RunRow) -> Iterator[TimelineRow]:
    for task in run.tasks:
        start, end = trace.interval(run.run, task.task)
        if start is None:
            continue
        waited_for = _waited_for(trace, TracePoint("task", run.run, task.task))
        spans = [(each, *span_of(each)) for each in task.instances or ()]
        rows = [(each, since, until) for each, since, until in spans if since is not None] or [(task, start, end)]
        for each, since, until in rows:
            begun = to_moment(since)
            assert begun is not None
            yield TimelineRow(run.dag, run.key, each.task, begun, to_moment(until), each.state, waited_for)


def _waited_for(trace: Trace, point: TracePoint) -> str:
    before = trace.before(point)
    if before is not None and before.point.kind == "start":
        before = trace.before(before.point)
    if before is None:
        return ""
    slot = " (its place)" if before.link == "slot" else ""
    return trace.name(before.point) + slot


def _position(row: TimelineRow, first: datetime, last: datetime) -> tuple[float, float]:
    whole = (last - first) / timedelta(microseconds=1) or 1.0
    begin = (row.start - first) / timedelta(microseconds=1) / whole
    return begin, ((row.end or last) - first) / timedelta(microseconds=1) / whole


def _bar(row: TimelineRow, first: datetime, last: datetime) -> str:
    begin, end = _position(row, first, last)
    left = min(int(begin * BAR), BAR - 1)
    size = max(min(round(end * BAR), BAR) - left, 1)
    mark = "·" if row.end is None or row.state == "waiting" else "█"
    return " " * left + mark * size + " " * (BAR - left - size)


def _drawn(row: TimelineRow, first: datetime, last: datetime) -> str:
    """A bar that follows the notebook's theme."""
    begin, end = _position(row, first, last)
    color = "currentColor" if row.state in ("success", "running", "waiting") else "var(--jp-error-color1, #c62828)"
    style = (
        f"position:absolute;left:{begin:.2%};width:{max(end - begin, 0.003):.2%};top:3px;bottom:3px;"
        f"background:{color};opacity:{0.6 if row.end else 0.25}"
    )
    return f'<div style="position:relative;width:320px;height:1.2em"><div style="{style}"></div></div>'
