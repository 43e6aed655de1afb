"""Rows of runs: one shape for what is queued, what runs and what ended, so that every query reads alike.

A row costs O(tasks) to make; only ended runs are kept as rows (log/history.py).
"""

from __future__ import annotations

from collections.abc import Container, Mapping

import msgspec

from reactive_dag.engine.items.identity import RunInfo
from reactive_dag.engine.runs.state import RunState
from reactive_dag.log.history import RoundRow, RunRow, TaskRow
from reactive_dag.model.records import FINAL_TASK_STATES, RunFinished, RunRequested, TaskFinished

SKIPPED = "overlap='skip': as many runs were active as max_active_runs allows"
"""What a run says that was skipped because of others (R6)."""
REPLACED = "replaced by run "
"""What a run says whose place another took, with that run's key."""


def row_of(
    run: RunState, ended: RunFinished | None = None, past: Mapping[int, str] | None = None, before: RunRow | None = None
) -> RunRow:
    """The row of a live run, or of one that ends now, with its earlier rounds where those ended as `before`. O(tasks).

    `past` says what tasks wait for, in earlier runs or as waits.
    """
    begun = run.started
    request, rows, states = run.request, [], run.states
    for index in range(run.size):
        id = run.arrays.ids[index]
        if states[index] is not None:
            row = task_row(run, index, id)
            said = past.get(index) if past and row.state == "waiting" else None
            rows.append(msgspec.structs.replace(row, error=said) if said else row)
        elif past and index in past:
            rows.append(TaskRow(id, "waiting", (), None, past[index]))
    tasks = tuple(rows)
    failed = None
    if ended is not None and ended.error is not None:
        failed = ended.error
    elif ended is not None and ended.state == "failed":
        failed = next((f"{row.task}: {row.error}" for row in tasks if row.state == "failed"), None)
    return RunRow(
        begun.run, begun.dag, "running" if ended is None else ended.state, begun.key, request.label, begun.logical_date,
        begun.partition, begun.cascade, begun.round, request.at, begun.at, None if ended is None else ended.at,
        failed, tasks, () if before is None else rounds_of(before, run.kept), begun.sources,
    )  # fmt: skip


def rounds_of(row: RunRow, kept: Container[str]) -> tuple[RoundRow, ...]:
    """The rounds of an ended run, for the row of its next one, which keeps these tasks. O(tasks)."""
    gone = tuple([task for task in row.tasks if task.task not in kept])
    return (*row.earlier, RoundRow(row.round, row.state, row.started, row.ended, row.error, gone))


def as_of(row: RunRow, round: int) -> RunRow:
    """The row that a run had when a round of it ended, given its row then or later. O(tasks of all rounds)."""
    if row.round == round:
        return row
    tasks: dict[str, TaskRow] = {}
    later = [each for each in row.earlier if each.round >= round]
    for each in (*[task for then in later for task in then.tasks], *row.tasks):
        if each.round <= round:
            tasks.setdefault(each.task, each)
    then = later[0]
    return msgspec.structs.replace(
        row, state=then.state, round=round, started=then.started, ended=then.ended, error=then.error,
        tasks=tuple(tasks.values()), earlier=tuple([each for each in row.earlier if each.round < round]),
    )  # fmt: skip


def queued_again(row: RunRow) -> RunRow:
    """The row of a run that ended, and whose next round is queued. O(tasks)."""
    earlier = rounds_of(row, ())
    return msgspec.structs.replace(
        row, state="queued", round=row.round + 1, started=None, ended=None, error=None, tasks=(), earlier=earlier
    )


def task_row(run: RunState, index: int, id: str) -> TaskRow:
    """How one task of a live run stands. O(attempts)."""
    if id in run.kept:
        return run.kept[id]
    done, numbers, round = run.results[index], run.instances.get(index), run.started.round
    if numbers is not None:
        return _mapped_row(run, id, str(run.states[index]), done, numbers)
    noted = run.attempts.get(index)
    attempts = tuple(noted) if noted is not None else ()
    if done is None:
        began = run.open.get(index)
        if began is not None:
            attempts += ((run.attempt[index], began, began, str(run.states[index]), None),)
        return TaskRow(id, str(run.states[index]), attempts, round=round)
    said = done.publishes if index >= run.size else None
    return TaskRow(id, done.state, attempts, done.output, done.error, done.saved, None, round, said)


def _mapped_row(run: RunState, id: str, state: str, done: TaskFinished | None, numbers: range) -> TaskRow:
    instances = []
    for number in numbers:
        name = run.arrays.ids[number]
        begun = run.states[number] is not None
        instances.append(task_row(run, number, name) if begun else TaskRow(name, "queued"))
    error = None if done is None else done.error
    return TaskRow(id, state, error=error, round=run.started.round, instances=tuple(instances))


def queued_row(offset: int, request: RunRequested, key: str, info: RunInfo, sources: tuple[int, ...]) -> RunRow:
    """The row of a run that has not begun. O(1)."""
    about = offset, request.dag, "queued", key, request.label, *info
    return RunRow(*about, requested=request.at, sources=sources)


def ended_in_queue(row: RunRow, ended: RunFinished) -> RunRow:
    """The row of a run that ended before it began. O(1)."""
    return RunRow(
        row.run, row.dag, ended.state, row.key, row.label, row.logical_date, row.partition, ended.cascade, 1,
        row.requested, None, ended.at, ended.error, sources=row.sources,
    )  # fmt: skip


def ended_orphan(row: RunRow) -> RunRow:
    """The row of a run that ended since its DAG is declared no more: what had begun in it has failed so. O(tasks)."""
    gone = f"TaskGone: DAG {row.dag!r} is not declared any more, so nothing can execute its tasks"
    tasks = tuple([_gone(task, gone) for task in row.tasks])
    return msgspec.structs.replace(row, error=gone if row.state == "failed" else None, tasks=tasks)


def _gone(row: TaskRow, error: str) -> TaskRow:
    if row.state in FINAL_TASK_STATES:
        return row
    instances = None if row.instances is None else tuple([_gone(each, error) for each in row.instances])
    return msgspec.structs.replace(row, state="failed", error=error, instances=instances)
