"""`engine.why`: the tree of causes of a run, or what is missing for one that did not happen.

Built iteratively from the log, at most `MAX_NODES` nodes and `MAX_CAUSES` causes a run: a chain of 100,000 hops is cut,
and the tree says so. O(nodes).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from itertools import islice

import attrs

from reactive_dag.declare.dag import Dag
from reactive_dag.engine.deciding.router import ActiveTrigger
from reactive_dag.engine.fold.fold import Fold
from reactive_dag.engine.host import Host
from reactive_dag.engine.inspect.pending import faults, gathering, pending, undecided
from reactive_dag.engine.inspect.run import Run
from reactive_dag.model import pictures
from reactive_dag.model.event import Event
from reactive_dag.model.records import Mark, Published, RunFinished, StartRequested, TaskFinished
from reactive_dag.model.text import one_line
from reactive_dag.model.times import NEVER, format_time, from_datetime

MAX_NODES = 1_000
_REASONS = {
    "superseded": "a newer one took its place",
    "reset": "a .reset came before the rest did",
    "outside_window": "the other parts did not come within .within",
    "filtered": "its .where was false, or its turn in the sequence had not come",
    "expired": "a bound (max_pending, max_keys, ttl) made room for newer ones",
    "no_key": "it has no such key: no partition or date of the kind that .by asks for",
    "heard": "it only showed that there was no silence",
    "missed": "the engine did not run at its due time, and catchup lets the newest one through",
    "paused": "the DAG was paused, and catchup lets the newest one through",
    "redefined": "the trigger was changed, and the new one does not hear it",
    "late": "its period had fired already",
    "feedback_bound": "the feedback loop has gone round as often as it may",
    "duplicate": "a run of the same causes was requested before",
}
"""Why an item went without a firing, by the policy that dropped it (T1)."""

MAX_CAUSES = 50
"""How many causes of one run are shown."""

MAX_DEPTH = 100
"""How many causes behind each other are shown as JSON."""


@attrs.define(repr=False)
class Why:
    """One node: a run or an event, and what it came from.

    `missing` says what a run waits for that did not happen, or has not ended, `error` what failed in one that failed.
    """

    text: str
    run: Run | None = None
    event: Event | None = None
    causes: list[Why] = attrs.field(factory=list)
    missing: list[str] = attrs.field(factory=list)

    @property
    def error(self) -> str | None:
        """What failed first in a run that failed, with the task's id."""
        return None if self.run is None else self.run.error

    def __str__(self) -> str:
        lines: list[str] = []
        stack: list[tuple[str, str, Why]] = [("", "", self)]
        while stack:
            first, rest, node = stack.pop()
            lines.append(first + one_line(node.text))
            lines.extend(f"{rest}  {one_line(text)}" for text in (node.error or "").splitlines())
            lines.extend(f"{rest}  missing: {one_line(text)}" for text in node.missing)
            last = len(node.causes) - 1
            for n in range(last, -1, -1):
                branch, below = ("└─ ", "   ") if n == last else ("├─ ", "│  ")
                stack.append((rest + branch, rest + below, node.causes[n]))
        return "\n".join(lines)

    __repr__ = __str__

    def _repr_mimebundle_(self, **_: object) -> dict[str, str]:
        return pictures.bundle("Why", self)

    def to_json(self) -> dict[str, object]:
        """The tree as plain data, cut at `MAX_DEPTH` causes behind each other. O(nodes)."""
        below = [_node_out(Why("… (the tree goes on)"), [])]
        levels = [[self]]
        while len(levels) <= MAX_DEPTH and (behind := [cause for node in levels[-1] for cause in node.causes]):
            levels.append(behind)
        made = [_node_out(node, below if node.causes else []) for node in levels.pop()]
        while levels:
            made, causes = [], iter(made)
            for node in levels.pop():
                made.append(_node_out(node, list(islice(causes, len(node.causes)))))
        return made[0]


def _node_out(node: Why, causes: list[dict[str, object]]) -> dict[str, object]:
    key = None if node.run is None else node.run.key
    return {"text": node.text, "run": key, "error": node.error, "missing": list(node.missing), "causes": causes}


def why_run(host: Host, run: Run, waits: Iterable[str] = ()) -> Why:
    """The tree of causes of a run, down to outside events, ticks and starts, and for what it `waits`. O(nodes)."""
    root = Why(_run_text(run), run)
    root.missing = [f"{task.id}: {task.error}" for task in run.tasks.values() if task.state == "waiting" and task.error]
    root.missing += [*(text for text in waits if text not in root.missing), *run.missing]
    tasks = [each for task in run.tasks.values() for each in (task, *task.instances)]
    marks = [f"{task.id}: {task.error}" for task in tasks if (task.error or "").startswith("marked ")]
    root.causes = [Why(text) for text in marks[:MAX_CAUSES]]
    todo = deque([root])
    nodes = 1
    while todo and nodes < MAX_NODES:
        node = todo.popleft()
        assert node.run is not None
        causes = node.run._causes
        for item in causes[:MAX_CAUSES]:
            child, made = _cause(host, item)
            node.causes.append(child)
            nodes += 1
            if made is not None:
                todo.append(made)
        if len(causes) > MAX_CAUSES:
            node.causes.append(Why(f"… and {len(causes) - MAX_CAUSES} more causes"))
    for node in todo:
        node.causes.append(Why("… (the tree goes on)"))
    return root


def unfinished(fold: Fold, run: Run) -> list[str]:
    """What a run that has not ended waits for: a place, and each of its tasks. O(what its DAG waits for + tasks)."""
    live, dag = fold.runs.live.get(run._offset), fold.graph.dags.get(run.dag)
    if live is None:
        return [] if dag is None or run.state != "queued" else _not_begun(fold, dag)
    tasks = [f"{each.task}: {each.why}" for each in pending(fold, run.dag).waits if each.run == run.key]
    for (offset, index), retry in sorted(fold.runs.flow.retries.of_task.items()):
        if offset == live.run:
            tasks.append(f"{live.arrays.ids[index]}: its next attempt at {format_time(retry.due)}")
    for offset, index in sorted(fold.slots.startable):
        if offset == live.run and live.arrays.teardowns[index]:
            tasks.append(
                f"{live.arrays.ids[index]}: its turn, once a worker is free and every body that it follows has returned"
            )
    for index in sorted(live.open):
        if live.states[index] == "running":
            number, begun = live.attempt[index], format_time(live.open[index])
            tasks.append(f"{live.arrays.ids[index]}: attempt {number} executes since {begun}")
    return tasks if len(tasks) <= MAX_CAUSES else [*tasks[:MAX_CAUSES], f"… and {len(tasks) - MAX_CAUSES} more tasks"]


def _not_begun(fold: Fold, dag: Dag) -> list[str]:
    """Why the queued runs of a DAG do not begin. O(1)."""
    active, found = fold.runs.statuses.active.get(dag.id, 0), []
    if dag.id in fold.slots.paused:
        found.append("engine.resume: the DAG is paused")
    if dag.max_active_runs is not None and active >= dag.max_active_runs:
        found.append(f"a place among its active runs ({active} of {dag.max_active_runs} taken)")
    return found


def _cause(host: Host, item: int | Mark) -> tuple[Why, Why | None]:
    """The node of a cause, and the node of the run that made it, which may be the same; None for an outside event."""
    event = host.event(item)
    if isinstance(item, Mark):
        return _mark(host, item, event)
    fact = host.record(item)
    if isinstance(fact, (RunFinished, TaskFinished)):
        run = Run(host, fact.run)
        what = f"{event.dag}.{event.task}" if event.task else f"{event.dag}"
        node = Why(f"completed {what} {event.state}: {_run_text(run)}", run, event)
        return node, node
    node = Why(_event_text(event), event=event)
    if not isinstance(fact, (Published, StartRequested)) or fact.run < 0:
        return node, None
    run = Run(host, fact.run)
    node.causes.append(Why(_run_text(run), run))
    return node, node.causes[0]


def _mark(host: Host, mark: Mark, event: Event) -> tuple[Why, Why | None]:
    """A tick, a silence, or a missed deadline with the run that missed it."""
    if mark.kind == "backfill":
        return Why(f"{mark.by.replace(':', ' ')}, partition {mark.place}", event=event), None
    if mark.kind != "missed":
        place = f", partition {mark.place}" if mark.place else ""
        asked = f" ({mark.by.replace(':', ' ')})" if mark.kind == "tick" and mark.by else ""  # by a backfill
        return Why(f"{mark.kind} {format_time(mark.due)}{place}{asked}", event=event), None
    found = host.with_key(mark.dag, mark.by, mark.date) if mark.by else None
    if found is None:
        date = "" if mark.date is None else f" for {format_time(mark.date)}"
        return Why(f"missed deadline {format_time(mark.due)}: no run of {mark.dag}{date}", event=event), None
    run = Run(host, found)
    node = Why(f"missed deadline {format_time(mark.due)}: {_run_text(run)}", run, event)
    return node, node


def _event_text(event: Event) -> str:
    at = "" if event.at is None else f" at {format_time(from_datetime(event.at))}"
    if event.kind == "start":
        if event.run:
            return f"started by {event.task}{at}"
        return f"started by hand{at}" + (f", key {event.key}" if event.key else "")
    about = [f"partition {event.partition}" if event.partition else "", f"key {event.key}" if event.key else ""]
    more = "".join(f", {text}" for text in about if text)
    return f"{event.kind} {event.dataset}{more}{at}"


def _run_text(run: Run) -> str:
    when = "" if run.logical_date is None else f" for {format_time(from_datetime(run.logical_date))}"
    about = f"{', correction' if run.correction else ''}{f', without {len(run.missing)}' if run.missing else ''}"
    return f"run {run.dag}{when} ({run.state}, {run.key[:8]}{about})"


def why_not(fold: Fold, dag: str, date: int | None, newest: Run | None = None) -> Why:
    """What a DAG that did not run (for a date) waits for: the parts of its triggers with nothing pending.

    Without a date it is the run after the newest. O(items pending); where a function raised, O(records) since.
    """
    about = "" if date is None else f" for {format_time(date)}"
    root = Why(f"{dag} did not run{'' if newest is None else f' again since {_run_text(newest)}'}{about}")
    for active in fold.router.of(dag):
        _add_trigger(root, fold, active, date, about)
    if dag in fold.slots.paused:
        root.missing.append("engine.resume: the DAG is paused")
    if left := undecided(fold):
        root.missing.append(f"engine.run_until_idle: records not decided yet: {left}")
    if not fold.graph.dags[dag].triggers:
        root.missing.append("a start by hand: the DAG has no trigger")
    return root


def _add_trigger(root: Why, fold: Fold, active: ActiveTrigger, date: int | None, about: str) -> None:
    """Say what of one trigger is there and what is missing."""
    named = f"{active.label}: " if active.label else ""
    periods = gathering(active, date)
    there = {
        index for index, _, item in active.circuit.pending() if periods or date is None or _has_date(fold, item, date)
    }
    for index, count in enumerate(active.circuit.counts()):
        if index in there:
            root.causes.append(Why(f"{named}there: {count.text}"))
        else:
            root.missing.append(f"{named}{count.text}{about}")
    root.missing.extend(f"{named}{period}" for period in periods)
    parked = [item for _, item in active.circuit.parked if date is None or _has_date(fold, item, date)]
    raised = faults(fold, active, parked)
    root.missing.extend(f"{named}{text}" for text in raised)
    for count in active.circuit.counts():
        for policy, dropped in sorted(count.dropped.items()):
            if dropped:
                root.causes.append(Why(f"{named}dropped: {dropped} of {count.text} as {policy}, {_REASONS[policy]}"))
    if not raised and not periods and len(there) == len(active.circuit.parts):
        root.missing.append(f"{named}{_why_silent(active)}")


def _why_silent(active: ActiveTrigger) -> str:
    """What a trigger waits for although all its parts hold something: the end of a window, or another key or number."""
    due = active.circuit.due
    if due < NEVER:
        return f"the end of a window: {format_time(due)} at the latest"
    return f"more of the same: {active.trigger!r} did not fire with what is there"


def _has_date(fold: Fold, item: int | Mark, date: int) -> bool:
    logical_date, partition, _ = fold.identities.info(item)
    if logical_date is None and partition is not None and not isinstance(item, Mark):
        fact = fold.identities.record(item)
        dataset = fold.graph.datasets.get(fact.dataset) if isinstance(fact, Published) else None
        of = None if dataset is None else dataset.partitions
        if of is not None and of.fits(partition) and (span := of.interval(partition)):
            return span[0] <= date < span[1]
    return logical_date == date
