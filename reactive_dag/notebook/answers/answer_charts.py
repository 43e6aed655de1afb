"""What a simulation's answers look like over time: timelines, critical paths, what moved, when DAGs land, as charts.

Owns no state: each function makes a `Chart` of an answer, which says how much it left out. O(rows that are shown).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from reactive_dag.declare.internals import due_after
from reactive_dag.model.text import counted
from reactive_dag.model.times import from_datetime, to_datetime
from reactive_dag.notebook.kit.charts import Chart, ChartBar, ChartRow
from reactive_dag.notebook.kit.times import Zone, took_text
from reactive_dag.whatif.answers.critical_path import CriticalPath, Step
from reactive_dag.whatif.answers.timeline import Timeline, TimelineRows
from reactive_dag.whatif.comparison.compare import Change, Comparison
from reactive_dag.whatif.comparison.pairs import MINE, RunPairs
from reactive_dag.whatif.futures.futures import Futures
from reactive_dag.whatif.futures.landing import LandingRow
from reactive_dag.whatif.outcome.outcome import Outcome
from reactive_dag.whatif.outcome.points import Point

MOST_CHARTED = 40
"""So many rows a chart has; the table has more, `.rows` all."""
WAITING = "waiting"
LINKS = {
    "needs": "needs it", "awaits": "awaits it", "caused by": "caused by it", "slot": "takes its place",
    "past": "needs its own run before", "window": "its window", "silence": "its silence",
}  # fmt: skip
"""How a step is related to the one above."""
NOTHING, EPOCH = timedelta(0), to_datetime(0)


def timeline_chart(found: Timeline, base: Outcome | None = None) -> Chart:
    """Tasks over time with all attempts, what each waited for a place, and behind them when they were in a base.

    Of more tasks than a chart has rows it shows runs. O(rows + attempts).
    """
    if not isinstance(found.rows, TimelineRows):  # it was pickled, and its course stayed behind
        return _plain_chart(found)
    outcome, points = found.rows.outcome, found.rows.points
    pairs = None if base is None else RunPairs.of(base, outcome)
    if len(points) <= MOST_CHARTED:
        charted = [_task_row(outcome, point, pairs) for point in points]
        return Chart(found.title, tuple(charted), found.zone, note=_meaning(charted))
    of_runs: dict[int, list[Point]] = {}
    for point in points:
        of_runs.setdefault(point.of, []).append(point)
    shown = list(of_runs)[:MOST_CHARTED]
    charted = [_run_row(outcome, run, of_runs[run], pairs) for run in shown]
    return Chart(found.title, tuple(charted), found.zone, more=len(of_runs) - len(shown), note=_meaning(charted))


def _plain_chart(found: Timeline) -> Chart:
    """A timeline that is its rows alone: each from its begin to its end."""
    last = max((row.end or row.start for row in found.rows), default=EPOCH)
    charted = []
    for row in found.rows[:MOST_CHARTED]:
        name, took = f"{row.dag}.{row.task}", took_text(row.start, row.end)
        bar = ChartBar(row.start, row.end or last, row.state, f"{row.task}: {row.state}, {took}")
        charted.append(ChartRow(name, (bar,), (), note=took, whole=f"{name}: {took}"))
    return Chart(found.title, tuple(charted), found.zone, more=len(found.rows) - len(charted))


def _meaning(rows: Sequence[ChartRow]) -> str:
    waits = "a thin bar waits for a place" if any(bar.thin for row in rows for bar in row.bars) else ""
    before = "dashed: before the change" if any(row.behind for row in rows) else ""
    return ", ".join(filter(None, (waits, before)))


def _task_row(outcome: Outcome, point: Point, pairs: RunPairs | None) -> ChartRow:
    name = outcome.name(point)
    bars = tuple(_attempts(outcome, point))
    behind = tuple(_before(outcome, point, pairs))
    began = next((bar.begin for bar in bars if not bar.thin), None)
    took = took_text(began, bars[-1].end if bars else None)
    return ChartRow(f"{outcome.dag(point.of)}.{point.task}", bars, behind, note=took, whole=f"{name}: {took}")


def _run_row(outcome: Outcome, run: int, points: Sequence[Point], pairs: RunPairs | None) -> ChartRow:
    bars = tuple(bar for point in points for bar in _attempts(outcome, point))
    behind = tuple(bar for point in points for bar in _before(outcome, point, pairs))
    return ChartRow(outcome.dag(run), bars, behind, note=counted(len(points), "task"), whole=outcome.key(run))


def _attempts(outcome: Outcome, point: Point) -> Iterator[ChartBar]:
    """What it waited for a place, and its attempts."""
    start, _ = outcome.interval(point.of, point.task)
    ready = outcome.ready(point)
    whole = outcome.tasks(point.of)
    row = whole.get(point.task) or next(
        each for task in whole.values() for each in task.instances or () if each.task == point.task
    )
    if ready is not None and start is not None and ready + outcome.lateness(point) < start:
        free = to_datetime(ready + outcome.lateness(point))
        yield ChartBar(free, to_datetime(start), WAITING, f"waited {took_text(free, to_datetime(start))}", thin=True)
    for number, begin, until, state, error in row.attempts:
        if begin is not None:
            over = outcome.over if state in ("running", "waiting") else until
            first, last = to_datetime(begin), to_datetime(over)
            said = f"{point.task}, attempt {number}: {state}, {took_text(first, last)}" + (
                f"; {error}" if error else ""
            )
            yield ChartBar(first, last, state, said)


def _before(outcome: Outcome, point: Point, pairs: RunPairs | None) -> Iterator[ChartBar]:
    """When it was in the base, where that is another time."""
    other = None if pairs is None else pairs.pair(MINE, point.of)[0]
    if pairs is None or other is None or point.task not in pairs.base.tasks(other):
        return
    start, end = pairs.base.interval(other, point.task)
    if start is not None and end is not None and (start, end) != outcome.interval(point.of, point.task):
        yield ChartBar(to_datetime(start), to_datetime(end), "none", "before the change")


def path_chart(found: CriticalPath) -> Chart:
    """A critical path as a chain: each step below the one before, joined to its end. O(steps)."""
    steps = found.steps[-MOST_CHARTED:]
    rows = [_step_row(step, before) for step, before in zip(steps, [None, *steps])]
    return Chart(found.title, tuple(rows), found.zone, more=len(found.steps) - len(steps), note="a thin bar waits")


def _step_row(step: Step, before: Step | None) -> ChartRow:
    reason = step.detail or step.link
    begin, end = step.start, step.end
    free = None if before is None else before.end or before.start
    bars: list[ChartBar] = []
    if step.waited and free is not None and begin is not None and free < begin:
        bars.append(ChartBar(free, begin, WAITING, f"waited {took_text(free, begin)}: {reason}", thin=True))
    if begin is not None and step.kind in ("task", "wait"):
        last = end or begin
        state = WAITING if step.kind == "wait" else "success" if end is not None else "running"
        said = f"{step.name}: {took_text(begin, last)}"
        bars.append(ChartBar(begin, last, state, said, thin=step.kind == "wait"))
    marks = ((begin, step.name, "orange"),) if begin is not None and step.kind not in ("task", "wait") else ()
    took = "" if not bars or step.kind == "wait" else took_text(begin, end)
    detail = f": {step.detail}" if step.detail else ""
    told = f"waits {_length(step.waited)}{detail}" if step.waited else LINKS.get(step.link, step.link)
    note = ", ".join(filter(None, (f"{'~' if step.assumed else ''}{took}" if took else "", told)))
    return ChartRow(
        step.name, tuple(bars), marks=marks, note=note, whole=f"{step.name}: {note}", joined=before is not None
    )


def comparison_chart(found: Comparison) -> Chart:
    """What moved: from when each run ended to when it ends now. O(rows that are shown)."""
    zone = Zone(found.zone)
    shown = found.rows[:MOST_CHARTED]
    rows = tuple(_shift_row(change, zone) for change in shown)
    note = "○ where it ended before; the shape of its state where it ends now" if rows else ""
    return Chart(found.title, rows, found.zone, more=len(found.rows) - len(shown), note=note)


def _shift_row(change: Change, zone: Zone) -> ChartRow:
    was, now = change.ended_before, change.ended_after
    about = change.partition or zone.date(change.logical_date)
    label = f"{change.dag} {about}".strip()
    said = change.kind if change.by is None else f"{'-' if change.by < NOTHING else '+'}{_length(abs(change.by))}"
    whole = f"{label}: {said}; was {zone.text(was) or 'not there'}, is {zone.text(now) or 'not there'}"
    behind = () if was is None else (ChartBar(was, was, "none", f"ended {zone.text(was)} before"),)
    bars: tuple[ChartBar, ...] = ()
    if was is not None and now is not None and was != now:
        colour = "orange" if now > was else "green"
        bars = (ChartBar(min(was, now), max(was, now), "", whole, thin=True, colour=colour),)
    at = now or was
    ends = None if at is None else (at, change.after or "missing")
    return ChartRow(label, bars, behind, note=said, whole=whole, ends=ends)


def _length(time: timedelta) -> str:
    """How long, to the second from a minute on."""
    return took_text(EPOCH, EPOCH + time)


def landing_chart(found: Futures) -> Chart:
    """When each DAG lands: from the median to the 90th percentile, and thin to the 99th. O(rows that are shown)."""
    landing = [row for row in found.rows if row.p50 is not None]
    latest = landing[-MOST_CHARTED:]
    graph, zone = found.question.graph, Zone(found.zone)
    note = "thick from p50 to p90, thin to p99; ◆ the deadline" if latest else ""
    rows = tuple(_landing_row(row, zone, due_after(graph.dags[row.dag], _ns(row.logical_date))) for row in latest)
    return Chart(found.title, rows, found.zone, more=len(found.rows) - len(latest), note=note)


def _landing_row(row: LandingRow, zone: Zone, due: int | None) -> ChartRow:
    assert row.p50 is not None
    landed = (("p50", row.p50), ("p90", row.p90), ("p99", row.p99))
    said = ", ".join(f"{name} {zone.text(at) or 'never'}" for name, at in landed)
    bars = [ChartBar(row.p50, row.p90 or row.p50, "", said, colour="blue")]
    if row.p90 is not None and row.p99 is not None:
        bars.append(ChartBar(row.p90, row.p99, "", said, thin=True, colour="blue"))
    note = f"fails {row.fails:.1%}" if row.fails else ""
    marks = () if due is None else ((to_datetime(due), f"deadline {zone.text(to_datetime(due))}", "purple"),)
    return ChartRow(row.dag, tuple(bars), marks=marks, note=note, whole=f"{row.dag}: {said}")


def _ns(time: datetime | None) -> int | None:
    return None if time is None else from_datetime(time)
