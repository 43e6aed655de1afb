"""What is recorded of the tasks of a run whose DAG is declared no more (R11): a later round keeps it (R10).

Owns no state. Invariant: nothing follows from such a record here; it makes the row of the run what it would be if its
process had lived. O(out-degree) a record.
"""

from __future__ import annotations

from reactive_dag.engine.runs.state import RunState
from reactive_dag.model.records import TaskFinished, TaskStarted


def note_of_orphan(run: RunState, record: TaskStarted | TaskFinished) -> None:
    """An attempt of one of its tasks began, or ended, or a task got its state. O(out-degree)."""
    mapped = run.arrays.index.get(record.task.partition("[")[0], -1)
    if mapped >= 0:
        _expand(run, mapped)
    index = run.arrays.index.get(record.task, -1)
    if index < 0 or run.final(index):
        return
    if isinstance(record, TaskFinished):
        _ended(run, index, record)
    else:
        run.asked[index], run.attempt[index], run.open[index] = 1, record.attempt, record.at
        run.states[index] = "running"


def _ended(run: RunState, index: int, record: TaskFinished) -> None:
    state, number, began = record.state, record.attempt, run.open.get(index)
    if number and (began is None or run.attempt[index] != number):
        return
    if run.cancelled and state != "cancelled" and not run.arrays.teardowns[index]:
        return
    if number:
        run.attempts.setdefault(index, []).append((number, record.began or began, record.at, state, record.error))
    again = state == "failed" and record.retry and run.fails[index] < run.arrays.retries[index] and not run.cancelled
    if state == "lost" or again:
        run.open.pop(index, None)
        run.note_fails(index, run.fails[index] + again)
        run.states[index] = "retrying" if again else None
    else:
        run.settle(index, state, record)


def _expand(run: RunState, index: int) -> None:
    """A mapped task of which something is recorded has its instances, if the list is there. O(instances)."""
    over = run.arrays.overs[index]
    done, above = (None, None) if over < 0 else (run.results[over], run.instances.get(over))
    if done is None or index in run.instances or run.final(index):
        return
    items = done.output if above is None else above
    if isinstance(items, list | range):
        for number in run.add_instances(index, len(items)):
            row = run.kept.get(run.plan.ids[number])
            if row is not None:
                run.keep_one(number, row)
