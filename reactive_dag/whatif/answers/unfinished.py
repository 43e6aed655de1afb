"""What is unfinished at the end of a course, and why: waits, queued runs, tasks with a past, triggers with items.

Owns `Unfinished` and `UnfinishedWork`. O(live runs + items pending).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from attrs import frozen

from reactive_dag.engine.inspect.pending import gathering
from reactive_dag.model.text import counted
from reactive_dag.whatif.answers.show import Table

if TYPE_CHECKING:
    from reactive_dag.engine.deciding.router import ActiveTrigger
    from reactive_dag.engine.runs.state import RunState
    from reactive_dag.whatif.answers.trace import Trace


@frozen
class Unfinished:
    """One thing that has not come to its end. `kind`: "wait", "past", "queued", "trigger" or "fault".

    `run` is the run's key and `task` its task, "" where the DAG as a whole is meant.
    """

    kind: str
    dag: str
    run: str
    task: str
    why: str

    def to_json(self) -> dict[str, object]:
        """Plain data. O(1)."""
        return {"kind": self.kind, "dag": self.dag, "run": self.run, "task": self.task, "why": self.why}


class UnfinishedWork(Table):
    """All that is unfinished: a sequence of its rows, so false if everything came to its end."""

    columns = ("what", "kind", "why")

    def __init__(self, rows: list[Unfinished]) -> None:
        self.rows = rows

    @property
    def title(self) -> str:
        """How much there is."""
        return f"{len(self.rows)} unfinished" if self.rows else "everything came to its end"

    def cells(self) -> list[tuple[str, ...]]:
        """A row each."""
        return [(f"{row.dag}.{row.task}" if row.task else row.dag, row.kind, row.why) for row in self.rows]

    def to_json(self) -> list[dict[str, object]]:
        """Plain data. O(rows)."""
        return [row.to_json() for row in self.rows]

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Iterator[Unfinished]:
        return iter(self.rows)

    def __getitem__(self, at: int) -> Unfinished:
        return self.rows[at]


def unfinished_work(trace: Trace) -> UnfinishedWork:
    """What is unfinished at the end of a course. O(live runs + items pending)."""
    fold = trace.fold
    rows = [row for run in fold.runs.live.values() for row in _of_run(trace, run)]
    for dag, queue in fold.slots.queues.items():
        rows.extend(Unfinished("queued", dag, trace.rows[run].key, "", _held_back(trace, dag)) for run in queue)
    for active in fold.router.triggers.values():
        rows.extend(_of_active(active))
    return UnfinishedWork(rows)


def _of_run(trace: Trace, run: RunState) -> Iterator[Unfinished]:
    dag, key = run.dag.id, run.started.key
    watches = {watch.index: watch.why for watch in trace.fold.waits.watches if watch.run is run}
    for index, task in enumerate(run.plan.ids):
        if index in watches:
            yield Unfinished("wait", dag, key, task, f"awaits {watches[index]}{_never(trace, dag, task)}")
    for index in trace.fold.runs.flow.past.of_run.get(run.run, ()):
        why = "waits for its own success in the run before (depends_on_past)"
        yield Unfinished("past", dag, key, run.plan.ids[index], why)


def _never(trace: Trace, dag: str, task: str) -> str:
    """What to add for a wait whose date no schedule ever has; else nothing."""
    own = f"{dag}.{task}"
    problems = trace.fold.graph.problems()
    known = any(each.kind == "no_such_date" and own in each.ids for each in problems)
    return "; the schedule awaited never has such a date" if known else ""


def _held_back(trace: Trace, dag: str) -> str:
    if dag in trace.fold.slots.paused:
        return "the DAG is paused"
    limit = trace.dags[dag].max_active_runs
    return f"queued behind the DAG's active runs (max_active_runs={limit})"


def _of_active(active: ActiveTrigger) -> Iterator[Unfinished]:
    counts = active.circuit.counts()
    label = f"{active.label}: " if active.label else ""
    held = [f"{count.pending} of {count.text}" for count in counts if count.pending]
    parked = active.circuit.parked
    if parked:
        them = "it is" if len(parked) == 1 else "they are"
        why = f"{label}a function raised on {counted(len(parked), 'item')}: {them} parked"
        yield Unfinished("fault", active.dag, "", "", why)
    if held:
        missing = [count.text for count in counts if not count.pending]
        lacking = f", nothing of {', '.join(missing)}" if missing else ""
        periods = "".join([f"; {period}" for period in gathering(active)])
        yield Unfinished("trigger", active.dag, "", "", f"{label}holds {', '.join(held)}{lacking}{periods}")
    if active.held:
        firings = counted(len(active.held), "firing")
        yield Unfinished("queued", active.dag, "", "", f"{label}{firings} held: the DAG is paused")
