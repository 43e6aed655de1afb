"""One run: its tasks with their attempts over time, and what caused it.

Owns `RunPicture`, the plain data that the drawing and the text are made from. O(tasks + attempts).
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from attrs import frozen

from reactive_dag.declare.analysis.zones import zone_of
from reactive_dag.engine.inspect.run import Run, rollup_text
from reactive_dag.engine.inspect.task_views import TaskView
from reactive_dag.model.event import Event
from reactive_dag.model.text import counted, one_line, seen
from reactive_dag.notebook.kit.bars import WIDTH, bar
from reactive_dag.notebook.kit.markup import Markup, tag
from reactive_dag.notebook.kit.states import state_shown, state_text
from reactive_dag.notebook.kit.tables import CellContent, TableCell, cell_of, table
from reactive_dag.notebook.kit.theme import picture
from reactive_dag.notebook.kit.times import Axis, Zone, took_text
from reactive_dag.notebook.runs.events import line, name_list
from reactive_dag.notebook.runs.run_lists import aligned, error_line, is_readable, short_key

MOST_TASKS, MOST_CAUSES, LONGEST_OUTPUT = 200, 5, 80


@frozen
class TaskPicture:
    """One task or instance: its state, its attempts as (began, ended, state), and what it gave or why it failed."""

    id: str
    state: str
    attempts: tuple[tuple[datetime, datetime, str], ...]
    started: datetime | None
    ended: datetime | None
    result: str


@frozen
class RunPicture:
    """A run as plain data: the axis that its attempts stand on is None where none began."""

    dag: str
    state: str
    about: str
    facts: tuple[tuple[str, str], ...]
    tasks: tuple[TaskPicture, ...]
    causes: tuple[Event, ...]
    more_tasks: int
    more_causes: int
    zone: Zone
    axis: Axis | None

    @classmethod
    def of(cls, run: Run) -> RunPicture:
        """What a run's picture shows. O(tasks + attempts)."""
        tz = Zone(zone_of(run._host.graph, run.dag))
        views = [each for view in run.tasks.values() for each in (view, *view.instances)]
        rows = tuple(_task(view, run) for view in views[:MOST_TASKS])
        begun = [began for row in rows for began, _, _ in row.attempts]
        ended = [end for row in rows for _, end, _ in row.attempts]
        axis = Axis(min(begun), max(ended), tz, WIDTH) if begun and max(ended) > min(begun) else None
        events = run.events
        return cls(
            run.dag, run.state, run.partition or tz.date(run.logical_date), tuple(_facts(run, tz)), rows,
            tuple(events[:MOST_CAUSES]), len(views) - len(rows), max(len(events) - MOST_CAUSES, 0), tz, axis,
        )  # fmt: skip

    @property
    def title(self) -> str:
        """Which run it is."""
        return one_line(f"run {self.dag} {self.about}".strip())

    @property
    def notes(self) -> Iterator[str]:
        """What is left out."""
        if self.more_tasks:
            yield f"… and {counted(self.more_tasks, 'task')} more: run.tasks has them all"


def _task(view: TaskView, run: Run) -> TaskPicture:
    done = [each for each in view.attempts if each.started is not None]
    now = max((time for each in done for time in (each.started, each.ended) if time is not None), default=None)
    over = max((time for time in (run.ended, now) if time is not None), default=None)
    spans = tuple(
        (each.started, each.ended or over or each.started, each.state) for each in done if each.started is not None
    )
    output = "" if view._recorded is None else seen(view._recorded)
    result = error_line(view.error) or (output if len(output) <= LONGEST_OUTPUT else f"{output[:LONGEST_OUTPUT]}…")
    first = spans[0][0] if spans else None
    return TaskPicture(view.id, view.state, spans, first, done[-1].ended if done else None, result)


def _facts(run: Run, tz: Zone) -> Iterator[tuple[str, str]]:
    yield "key", short_key(run.key)
    if run.label:
        yield "trigger", run.label
    if run.round != 1:
        yield "round", str(run.round)
    if rollup := rollup_text(run):
        yield "rollup", rollup
    for name in ("requested", "started", "ended", "deadline"):
        if text := tz.text(getattr(run, name)):
            yield name, text
    if took := took_text(run.started, run.ended):
        yield "took", took
    if run.error:
        yield "error", error_line(run.error)


def run_text(found: object) -> str:
    """A run as text: what it is, its tasks, its causes."""
    assert isinstance(found, Run)
    if not is_readable([found]):
        return repr(found)
    run = RunPicture.of(found)
    facts = ", ".join(f"{name} {text}" for name, text in run.facts if name != "error")
    lines = [f"{run.title}: {state_text(run.state)}", f"  {facts} ({run.zone.name})"]
    names = ("task", "state", "attempts", "started", "took", "gave")
    rows = [
        [*map(one_line, (
            row.id, state_text(row.state), str(len(row.attempts)), run.zone.text(row.started),
            took_text(row.started, row.ended), row.result,
        ))]
        for row in run.tasks
    ]  # fmt: skip
    lines += [*aligned(names, rows, frozenset({"attempts", "took"})), *run.notes]
    lines += [f"  because {line(event, run.zone)}" for event in run.causes]
    return "\n".join([*lines, *([f"  and {counted(run.more_causes, 'cause')} more"] if run.more_causes else [])])


def draw_run(found: object) -> str:
    """A run: facts, tasks with attempts over time, causes."""
    assert isinstance(found, Run)
    if not is_readable([found]):
        return picture(repr(found))
    run = RunPicture.of(found)
    head = tag(
        "div", tag("span", f"{run.title} ", class_="rd-title"), state_shown(run.state),
        tag("span", f" · {run.zone.note}", class_="rd-quiet"),
    )  # fmt: skip
    notes = [tag("div", note, class_="rd-quiet") for note in run.notes]
    return picture(
        head, name_list(list(run.facts)), _tasks(run) if run.tasks else None, notes, _causes(run), label=run.title
    )


def _tasks(run: RunPicture) -> Markup:
    names = ["task", "state", "attempts", "started", "took", "over time", "gave"]
    rows: list[list[CellContent]] = [
        [
            row.id, row.state, str(len(row.attempts)), run.zone.text(row.started), took_text(row.started, row.ended),
            _bars(row, run.axis), cell_of(row.result),
        ]
        for row in run.tasks
    ]  # fmt: skip
    if run.axis is not None:
        rows.insert(0, ["", "", "", "", "", TableCell(_span(run.axis), drawn=run.axis.drawn()), ""])
    return table(names, rows, right={"attempts", "took"}, states={"state"}, label=f"tasks of {run.title}")


def _bars(row: TaskPicture, axis: Axis | None) -> TableCell:
    if axis is None or not row.attempts:
        return TableCell("")
    spans = [(axis.share(began), axis.share(ended), state) for began, ended, state in row.attempts]
    said = ", ".join(f"attempt {n} {state}" for n, (_, _, state) in enumerate(row.attempts, 1))
    return TableCell(said, drawn=bar(spans, f"{row.id}: {said}"))


def _span(axis: Axis) -> str:
    return f"{axis.zone.text(axis.begin)} to {axis.zone.text(axis.end)}"


def _causes(run: RunPicture) -> Markup:
    more = tag("li", f"and {counted(run.more_causes, 'cause')} more: run.events has them all", class_="rd-quiet")
    lines = [tag("li", line(event, run.zone)) for event in run.causes]
    return tag(
        "div", tag("span", "because", class_="rd-quiet"),
        tag("ul", lines, more if run.more_causes else None, class_="rd-inset"),
    )  # fmt: skip
