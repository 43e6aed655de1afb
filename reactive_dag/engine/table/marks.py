"""Marks: a state that somebody gives a task or a run by hand, for a reason (R19).

Owns no state. What has not ended gets the state at once; of what has ended a round keeps all the rest. O(tasks).
"""

from __future__ import annotations

from reactive_dag.declare.dag import Dag
from reactive_dag.engine.facts.event_fields import check_text
from reactive_dag.engine.facts.publish import Publishing, outlet_events
from reactive_dag.engine.runs.state import RunState
from reactive_dag.engine.table.reruns import check_named
from reactive_dag.log.history import RunRow
from reactive_dag.model.errors import InvalidValue, UnknownId, UsageError
from reactive_dag.model.records import FINAL_RUN_STATES, Cancelled, Marked, RunStarted
from reactive_dag.model.text import seen
from reactive_dag.triggers.checks import id_of

GIVEN_STATES = ("success", "failed", "skipped")
"""The states that can be given by hand."""


def marked_text(mark: Marked) -> str:
    """What a run or task says that was marked. O(1).

    >>> marked_text(Marked(0, 7, "load", "success", "loaded by hand"))
    'marked success: loaded by hand'
    """
    return f"marked {mark.state}" + (f": {mark.reason}" if mark.reason else "")


def stop_of(mark: Marked) -> Cancelled:
    """How the mark of a whole run ends it: what has not ended in it is cancelled. O(1)."""
    return Cancelled(mark.at, mark.run, marked_text(mark), mark.state)


def mark_asked(
    row: RunRow, dag: Dag | None, live: RunState | None, publishing: Publishing, task: object, state: object,
    reason: object,
) -> Marked:  # fmt: skip
    """The mark of a task, or of the run without one, but for its instant. O(tasks).

    Raises InvalidValue for an unknown state, UnknownId for a task that is not there, UsageError where the state cannot
    be given now, UndatedOutlet for a success whose outlets would have no partition.
    """
    where = f"engine.mark() of run {row.key[:8]} of DAG {row.dag!r}"
    if state not in GIVEN_STATES:
        raise InvalidValue(
            f"{where}: state={seen(state)} is none that can be given; it is one of {', '.join(GIVEN_STATES)}"
        )
    told = check_text(reason, where, "reason") or ""
    if dag is None:
        raise UsageError(f"{where}: the DAG is not declared any more")
    if task is None:
        return Marked(0, row.run, "", str(state), told)
    name = id_of(task, f"{where}: a task")
    if live is None and row.state not in FINAL_RUN_STATES:
        raise UsageError(f"{where}: the run is {row.state} and has no tasks yet; mark the run, or wait until it runs")
    if live is None or name not in live.arrays.index:
        check_named(name, row, dag, where)
    if live is not None and name not in live.arrays.index:
        raise UnknownId(f"{where}: it began without task {name!r}, which was declared since")
    if live is not None and live.final(live.arrays.index[name]):
        raise UsageError(f"{where}: task {name!r} has ended; mark it when the run has ended, or rerun it then")
    if state == "success" and (declared := dag.tasks.get(name.partition("[")[0])) is not None:
        begun = RunStarted(0, row.run, row.dag, row.key, row.logical_date, row.partition, row.cascade)
        publishing.check_dated(begun, outlet_events(declared.outlets))
    return Marked(0, row.run, name, str(state), told)
