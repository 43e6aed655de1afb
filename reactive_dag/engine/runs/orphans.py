"""What is recorded of the tasks of a run whose DAG is declared no more (R11): a later round keeps it (R10).

Owns no state. Invariant: nothing follows from such a record here; it makes the row of the run what it would be if its
process had lived. O(out-degree) a record.
"""

from __future__ import annotations

from reactive_dag.engine.runs.state import RunState
from reactive_dag.model.records import TaskFinished, TaskStarted


def note_of_orphan(run: RunState, record: TaskStarted | TaskFinished) -> None:
    """An attempt of one of its tasks began, or ended, or a task got its state. O(out-degree)."""
    expand_orphan(run, record.task)
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
    by_hand = run.by_hand.get(index)
    if by_hand is not None and by_hand != (state, record.error):
        return  # a snapshot says that its end was decided before this one came (R19)
    if number and (began is None or run.attempt[index] != number):
        return
    if run.cancelled and state != "cancelled" and not run.arrays.teardowns[index] and by_hand is None:
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


def mark_orphan(run: RunState, index: int, at: int, state: str, text: str) -> None:
    """Give a task a state by hand, and before it those instances of a mapped one that have none (R19). O(instances)."""
    for number in (*run.instances.get(index, ()), index):
        if not run.final(number) and number not in run.by_hand:
            attempt, began = (run.attempt[number], run.open[number]) if number in run.open else (0, None)
            if attempt:
                run.attempts.setdefault(number, []).append((attempt, began, at, state, text))
            run.asked[number] = 1
            run.settle(number, state, TaskFinished(at, run.run, run.plan.ids[number], state, attempt, error=text))


def expand_orphan(run: RunState, task: str) -> None:
    """A mapped task of which, or of an instance of it, something is recorded has instances, if the list is there.

    O(instances).
    """
    index = run.arrays.index.get(task.partition("[")[0], -1)
    over = -1 if index < 0 else run.arrays.overs[index]
    done, above = (None, None) if over < 0 else (run.results[over], run.instances.get(over))
    if done is None or index in run.instances or run.final(index):
        return
    items = done.output if above is None else above
    if isinstance(items, list | range):
        for number in run.add_instances(index, len(items)):
            row = run.kept.get(run.plan.ids[number])
            if row is not None:
                run.keep_one(number, row)
