"""Rounds of runs beyond the first: which are asked for, which one is under way, and what it does not do again (R10).

Owns `Rounds`. Invariants: of one run one round is under way at a time, the others wait in the order in which they were
asked for; what a round keeps follows from records alone: its request, the plan, and the row of the round before it,
which stays known when a later one replaces that row. O(1) a request, O(tasks + edges) to begin a round.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping, Sequence

import msgspec

from reactive_dag.declare.plan import Plan
from reactive_dag.engine.runs.history_rows import as_of
from reactive_dag.engine.runs.task_arrays import TaskArrays
from reactive_dag.log.history import RunRow, TaskRow
from reactive_dag.log.protocol import EventLog
from reactive_dag.model.errors import StoreDamaged
from reactive_dag.model.records import FINAL_TASK_STATES, Marked, RerunRequested, RunRequested, RunStarted


class RoundsSnapshot(msgspec.Struct, array_like=True):
    """The offsets of the requests: of each run's round under way, and of those that wait."""

    under_way: dict[int, int]
    waiting: dict[int, list[int]]


class Rounds:
    """The rounds of one engine's runs."""

    def __init__(self, log: EventLog) -> None:
        self.log = log
        self.under_way: dict[int, int] = {}
        """The request of the round that is queued or runs, by run."""
        self.waiting: dict[int, list[int]] = {}
        self.dropped: list[int] = []
        """The runs of which a queued round does not happen, until who must know takes them."""

    def ask(self, run: int, offset: int) -> None:
        """A round of a run was asked for, by the record at an offset. O(1)."""
        self.waiting.setdefault(run, []).append(offset)

    def next(self, run: int) -> bool:
        """The run has ended: its next round is under way from here on, if one waits. O(waiting)."""
        self.under_way.pop(run, None)
        waiting = self.waiting.get(run)
        if not waiting:
            return False
        self.under_way[run] = waiting.pop(0)
        if not waiting:
            del self.waiting[run]
        return True

    def __contains__(self, run: int) -> bool:
        """Whether a round beyond the first is under way."""
        return run in self.under_way

    def drop(self, run: int) -> None:
        """No round of a run is to happen any more. O(1)."""
        self.under_way.pop(run, None)
        self.waiting.pop(run, None)
        self.dropped.append(run)

    def request(self, run: int) -> RerunRequested:
        """The request of the round that is under way; a mark of a run that had ended is one, too. O(1) in memory."""
        record = self.log.record(self.under_way[run])
        if isinstance(record, Marked):
            return RerunRequested(record.at, run, (record.task,), True)
        assert isinstance(record, RerunRequested), record
        return record

    def mark(self, run: int) -> Marked | None:
        """The mark for which the round under way is. O(1) in memory."""
        record = self.log.record(self.under_way[run])
        return record if isinstance(record, Marked) else None

    def draft(self, run: int, request: RunRequested) -> RunStarted:
        """How the next round of an ended run will begin, but for instant and plan. O(1)."""
        row = self.row(run)
        about = row.key, row.logical_date, row.partition, row.cascade, row.round + 1
        return RunStarted(request.at, run, row.dag, *about, sources=row.sources)

    def row(self, run: int) -> RunRow:
        """The row of a run that has ended. O(log n). Raises StoreDamaged."""
        row = self.log.run(run)
        if row is None:
            raise StoreDamaged(f"run {run} has a round beyond its first, and is not in the history")
        return row

    def kept(self, begun: RunStarted, arrays: TaskArrays) -> dict[str, TaskRow]:
        """The tasks of the round before that a round does not do again, by id, and the instances of others.

        O(tasks of all rounds + edges).
        """
        plan = arrays.plan
        request, before = self.request(begun.run), as_of(self.row(begun.run), begun.round - 1)
        known = {row.task: row for row in before.tasks if row.task in plan.index and row.state in FINAL_TASK_STATES}
        states, mark = {id: row.state for id, row in known.items()}, self.mark(begun.run)
        if mark is not None and not mark.task:
            return {id: known[id] for id in plan.ids if id in known}
        again = tasks_again(request, plan, states, arrays.teardowns)
        kept = {id: known[id] for id in plan.ids if id not in again}
        if mark is not None:
            return {**kept, **instances_beside(mark.task, arrays, known, again)}
        return {**kept, **instances_kept(request, arrays, known, again)}

    def replaced(self, run: int, before: RunRow) -> tuple[tuple[int, int], ...]:
        """The causes of a run for which others stand in its round under way, with the newest. O(causes replaced)."""
        found = dict(before.replaced)
        for cause, item in self.request(run).replaced:  # of a rerun that came first, and reached the run later
            found[cause] = max(item, found.get(cause, item))
        return tuple(found.items())

    def snapshot(self) -> RoundsSnapshot:
        """What a restored engine needs of it. O(rounds asked for)."""
        return RoundsSnapshot(dict(self.under_way), {run: list(waiting) for run, waiting in self.waiting.items()})

    def restore(self, state: RoundsSnapshot) -> None:
        """Take what `snapshot` gave. O(rounds asked for)."""
        self.under_way, self.waiting = state.under_way, state.waiting

    def _check(self) -> None:
        """No run waits for nothing. O(rounds asked for)."""
        assert all(self.waiting.values()), self.waiting


def instances_kept(
    request: RerunRequested, arrays: TaskArrays, known: Mapping[str, TaskRow], again: Container[str]
) -> dict[str, TaskRow]:
    """The instances of mapped tasks done again that are kept by themselves, by id. O(instances * maps over maps).

    One is kept if its item is: the list is kept, or the instance that it is mapped over. Where the request names tasks,
    the mapped one is done again for the sake of its instances alone; with `only_failed` it succeeded, or was skipped.
    """
    found: dict[str, TaskRow] = {}
    for id in known:
        for place, row in enumerate((known[id].instances or ()) if id in again else ()):
            if _is_kept(request, arrays, known, again, (id, place)):
                found[row.task] = row
    return found


def _is_kept(
    request: RerunRequested, arrays: TaskArrays, known: Mapping[str, TaskRow], again: Container[str],
    instance: tuple[str, int],
) -> bool:  # fmt: skip
    id, place = instance
    while id in again:
        rows, index = known[id].instances if id in known else None, arrays.index[id]
        if rows is None or place >= len(rows) or not (request.only_failed or request.tasks):
            return False
        state, over = rows[place].state, arrays.overs[index]
        others = [arrays.ids[need] for need in arrays.plan.needs[index] if need != over]
        if state not in (("success", "skipped") if request.only_failed else FINAL_TASK_STATES):
            return False
        if request.tasks and (rows[place].task in request.tasks or id in request.tasks or _any(others, again)):
            return False
        id = arrays.ids[over]
    return id in known


def instances_beside(
    marked: str, arrays: TaskArrays, known: Mapping[str, TaskRow], again: Container[str]
) -> dict[str, TaskRow]:
    """The instances of mapped tasks done again that the round of a mark keeps, by id. O(instances * maps over maps).

    Those beside the marked one are kept, of a task that is marked as a whole those that went well; of what follows
    those that succeeded, and those whose item is kept and that follow nothing else that is done again.
    """
    found: dict[str, TaskRow] = {}
    for id, task in known.items():
        for place, row in enumerate((task.instances or ()) if id in again else ()):
            if _is_beside(marked, arrays, known, again, (id, place)):
                found[row.task] = row
    return found


def _is_beside(
    marked: str, arrays: TaskArrays, known: Mapping[str, TaskRow], again: Container[str], instance: tuple[str, int]
) -> bool:
    id, place = instance
    rows, index = known[id].instances if id in known else None, arrays.index[id]
    if rows is None or place >= len(rows) or rows[place].state not in FINAL_TASK_STATES:
        return False
    row, over = rows[place], arrays.overs[index]
    if id == marked:
        return row.state in ("success", "skipped")
    if id == marked.partition("[")[0]:
        return row.task != marked
    if row.state == "success":
        return True
    if over < 0 or _any([arrays.ids[need] for need in arrays.plan.needs[index] if need != over], again):
        return False
    return arrays.ids[over] not in again or _is_beside(marked, arrays, known, again, (arrays.ids[over], place))


def _any(ids: Iterable[str], among: Container[str]) -> bool:
    return any(id in among for id in ids)


def tasks_again(request: RerunRequested, plan: Plan, states: Mapping[str, str], teardowns: Sequence[bool]) -> set[str]:
    """Which tasks of a plan a round does again, given how those ended that the round before it had. O(tasks + edges).

    A task that is new is done; `only_failed` does what neither succeeded nor was skipped, and what was skipped behind
    that; `tasks` does those, and all that follow them: with `only_failed` (a mark) those that did not succeed. A
    teardown cleans up whatever is done again; what is marked does nothing.
    """
    if not request.only_failed and not request.tasks:
        return set(plan.ids)
    fresh = [index for index, id in enumerate(plan.ids) if id not in states]
    if request.only_failed and not request.tasks:
        again = {index for index, id in enumerate(plan.ids) if states.get(id) not in ("success", "skipped")}
    else:
        again = {plan.index[id] for name in request.tasks if (id := name.partition("[")[0]) in plan.index}
    todo = [*again]
    idle = frozenset(again if request.only_failed and request.tasks else ())
    again.update(fresh)
    while todo:
        index = todo.pop()
        for follower in plan.followers[index]:
            kept = request.only_failed and states.get(plan.ids[follower]) == "success"
            kept = kept and (index in idle or not teardowns[follower])
            if follower not in again and not kept:
                again.add(follower)
                todo.append(follower)
    return {plan.ids[index] for index in again}
