"""One live run: which of its tasks ended how, and what may go next (R3, R4).

Invariant: `left[i]` counts the needs of task i without a final state, `failed[i]` and `skipped[i]` those that ended so
(the others went well); a task is `asked` as soon as they decide it; `unfinished` counts the tasks without one. A mapped
task's instances have numbers of their own above the plan's: `instances` says which, `instances_left` how many have not
ended. A task's end costs its out-degree. Holds records by reference while the run is live; a finished run lives in the
log's history.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from reactive_dag.engine.runs.choices import chosen, skipped_by
from reactive_dag.log.history import TaskRow
from reactive_dag.model.records import Cancelled, Json, RunRequested, RunStarted, TaskFinished

if TYPE_CHECKING:
    from reactive_dag.declare.dag import Dag
    from reactive_dag.declare.task import AnyTask
    from reactive_dag.engine.runs.task_arrays import TaskArrays

Attempt = tuple[int, int | None, int, str, str | None]
"""Number, start, end (ns), state, error."""

RunOrder = tuple[int, int, str, int]

READY, WAIT, SKIP, FAIL = "ready", "wait", "skipped", "upstream_failed"
NO_FAILURE = frozenset({"all_success", "none_failed", "none_failed_min_one_success"})
"""The rules that one failure breaks."""


def judge(rule: str, total: int, left: int, good: int, failed: int, skipped: int) -> str:
    """Whether a task may go, given how its needs ended: `ready`, `wait`, or the state it gets without running (R4).

    It waits as long as an end that may still come can change the answer: a skip beside one decides nothing.

    >>> judge("all_success", 2, 1, 0, 1, 0), judge("all_success", 2, 1, 0, 0, 1), judge("one_failed", 1, 0, 1, 0, 0)
    ('upstream_failed', 'wait', 'skipped')
    """
    unmet = FAIL if failed else SKIP
    if rule in NO_FAILURE:
        if failed:
            return FAIL
    elif rule == "one_success":
        if good:
            return READY
    elif rule == "one_failed":
        if failed:
            return READY
    elif rule == "all_failed" and failed and (good or skipped):
        return FAIL
    if left:
        return WAIT
    met = {
        "all_success": good == total,
        "all_done": True,
        "none_failed": True,
        "one_success": total == 0,
        "one_failed": total == 0,
        "all_failed": failed == total,
        "none_failed_min_one_success": good > 0 or total == 0,
    }[rule]
    return READY if met else unmet


NOTHING_KEPT: Mapping[str, TaskRow] = {}
"""What the first round of a run keeps."""


class RunSnapshot(msgspec.Struct, array_like=True):
    """A live run, as a snapshot holds it: tasks by id, since the plan may have changed when it is read.

    `instances`: how many each mapped task has, in the order in which they got them. `kept` are the tasks of earlier
    rounds that this one does not do again (R10).
    """

    started: RunStarted
    stopped: Cancelled | None
    tasks: dict[str, tuple[str | None, int, int, int, int, int | None, TaskFinished | None, list[Any]]]
    instances: dict[str, int] = {}
    kept: tuple[TaskRow, ...] = ()
    by_hand: dict[str, tuple[str, str | None]] = {}


NO_INSTANCES: Mapping[int, range] = {}
NOTHING_CHOSEN: tuple[int, ...] = ()
NOTHING: Mapping[int, int] = {}
NOT_BY_HAND: dict[int, tuple[str, str | None]] = {}


class RunState:
    """A run that started and has not ended. O(tasks) in memory."""

    __slots__ = (
        "arrays", "asked", "attempt", "attempts", "begun_with", "by_hand", "cancelled", "dag", "failed", "fails",
        "instances", "instances_left", "kept", "left", "lost", "open", "order", "plan", "request", "results", "run",
        "size", "skipped", "started", "states", "stopped", "tasks", "unchosen", "unfinished",
    )  # fmt: skip

    def __init__(
        self, started: RunStarted, request: RunRequested, dag: Dag, arrays: TaskArrays, order: RunOrder
    ) -> None:
        plan, size = arrays.plan, arrays.size
        self.started = started
        self.run = started.run
        """The offset of the run's request: its name in this log."""
        self.request = request
        self.order = order
        """Its place among other runs: earlier requests first, then height, DAG id, number."""
        self.dag = dag
        self.arrays = arrays
        self.plan = plan
        self.tasks = arrays.tasks
        self.left = list(plan.counts)
        # Most runs go well: these are one list of zeros, the arrays', until the first that is none.
        self.failed = self.skipped = self.lost = self.fails = arrays.zeros
        self.states: list[str | None] = [None] * size
        self.asked = bytearray(size)
        self.attempt = [0] * size
        self.open: dict[int, int] = {}
        self.results: list[TaskFinished | None] = [None] * size
        self.attempts: dict[int, list[Attempt]] = {}
        self.begun_with: dict[int, AnyTask] = {}
        """The tasks of attempts that began before their outlets changed."""
        self.unfinished = self.size = size
        self.cancelled = False
        self.instances = NO_INSTANCES
        """Of each mapped task that has them, the numbers of its instances."""
        self.instances_left: dict[int, int] = {}
        self.unchosen = NOTHING
        """The tasks that are skipped since a branch did not choose them, each with that branch."""
        self.kept = NOTHING_KEPT
        """The tasks of earlier rounds that this one does not do again (R10), by id."""
        self.stopped: Cancelled | None = None
        self.by_hand = NOT_BY_HAND
        """The state and text of tasks whose end was decided by hand: no other end of them counts (R19)."""

    def decide_by_hand(self, index: int, state: str, text: str | None) -> None:
        """Whatever end of a task comes first, only the one with this state and text counts. O(1)."""
        self.by_hand = self.by_hand or {}
        self.by_hand[index] = state, text
        self.asked[index] = 1

    def stop(self, record: Cancelled) -> None:
        """It was cancelled by a record, which it keeps; the first one says how it ends. O(1)."""
        self.cancelled, self.stopped = True, self.stopped or record

    def note_lost(self, index: int, count: int) -> None:
        """So many attempts of a task were lost in a row. O(1), the first of a run O(tasks)."""
        if self.lost is self.arrays.zeros:
            self.lost = list(self.lost)
        self.lost[index] = count

    def note_fails(self, index: int, count: int) -> None:
        """So many attempts of a task failed. O(1), the first of a run O(tasks)."""
        if self.fails is self.arrays.zeros:
            self.fails = list(self.fails)
        self.fails[index] = count

    def take_bodies(self, dag: Dag, arrays: TaskArrays) -> None:
        """Go on with the bodies of the same plan as the DAG has them now (R11). O(1), besides attempts under way."""
        before = self.arrays
        if self.instances:
            arrays = arrays.own()
            for mapped, numbers in self.instances.items():
                arrays.add_instances(mapped, len(numbers))
        for index in self.open:
            if before.tasks[index].outlets != arrays.tasks[index].outlets:
                self.begun_with[index] = before.tasks[index]
        self.failed = arrays.zeros if self.failed is before.zeros else self.failed
        self.skipped = arrays.zeros if self.skipped is before.zeros else self.skipped
        self.lost = arrays.zeros if self.lost is before.zeros else self.lost
        self.fails = arrays.zeros if self.fails is before.zeros else self.fails
        self.dag, self.arrays, self.plan, self.tasks = dag, arrays, arrays.plan, arrays.tasks

    def add_instances(self, index: int, count: int) -> range:
        """Give a mapped task so many instances; their numbers. O(instances), the first time O(tasks) more."""
        if not self.instances:
            self._own_arrays()
        numbers = self.arrays.add_instances(index, count)
        self.instances = {**self.instances, index: numbers}
        self.instances_left[index] = count
        none = [0] * count
        for row in {id(each): each for each in (self.failed, self.skipped, self.lost, self.fails)}.values():
            if row is not self.arrays.zeros:
                row.extend(none)
        self.left.extend(none)
        self.attempt.extend(none)
        self.asked.extend(bytes(count))
        self.states.extend([None] * count)
        self.results.extend([None] * count)
        self.unfinished += count
        self.states[index] = "running"
        return numbers

    def _own_arrays(self) -> None:
        """Have arrays that instances may be added to."""
        zeros, self.arrays = self.arrays.zeros, self.arrays.own()
        rows = (self.failed, self.skipped, self.lost, self.fails)
        self.failed, self.skipped, self.lost, self.fails = (
            self.arrays.zeros if row is zeros else row for row in rows
        )  # fmt: skip
        self.plan, self.tasks = self.arrays.plan, self.arrays.tasks

    def instance(self, index: int) -> tuple[int, int]:
        """The mapped task of an instance, and its place among the instances. O(1)."""
        assert self.arrays.mapped_of is not None
        mapped = self.arrays.mapped_of[index - self.size]
        return mapped, index - self.instances[mapped].start

    def seed(self, index: int) -> str:
        """What a random share of a task's delays is drawn from: the run, and which instance it is. O(1)."""
        return self.started.key if index < self.size else f"{self.started.key}/{self.instance(index)[1]}"

    def output(self, index: int) -> Json:
        """What a task gave; of a mapped one what its instances gave, None for one that gave nothing. O(instances)."""
        done = self.results[index]
        if done is None or done.state != "success" or index not in self.instances:
            return None if done is None else done.output
        return [None if (each := self.results[n]) is None else each.output for n in self.instances[index]]

    def keep(self, rows: Mapping[str, TaskRow]) -> None:
        """Take the ends of tasks from an earlier round (R10). O(tasks + edges).

        Those of single instances are taken when their task gets them.
        """
        self.kept = rows
        for id, row in rows.items():
            index, instances = self.plan.index.get(id, -1), row.instances
            if index >= self.size or index < 0:
                continue
            numbers = () if instances is None else self.add_instances(index, len(instances))
            for number, each in zip(numbers, instances or ()):
                self.keep_one(number, each)
            self.keep_one(index, row)

    def keep_one(self, index: int, row: TaskRow) -> None:
        """Take the end of one task, or instance, from an earlier round. O(out-degree)."""
        number, _, at, state, _ = row.attempts[-1] if row.attempts else (0, None, 0, "", None)
        self.attempts[index] = list(row.attempts)
        self.asked[index], self.attempt[index] = 1, number
        by_body = number if state == row.state else 0
        ended = TaskFinished(
            at, self.run, row.task, row.state, by_body, row.output, row.error, publishes=row.publishes, saved=row.saved
        )
        self.settle(index, row.state, ended)

    def body_of(self, index: int) -> AnyTask:
        """The task as it was when the attempt under way, or the last one, began. O(1)."""
        return self.begun_with.get(index) or self.tasks[index]

    def _tally(self, state: str) -> list[int]:
        """The counts in which a need that ended so is counted, this run's own."""
        zeros = self.arrays.zeros
        if state == "skipped":
            self.skipped = list(zeros) if self.skipped is zeros else self.skipped
            return self.skipped
        self.failed = list(zeros) if self.failed is zeros else self.failed
        return self.failed

    def verdict(self, index: int) -> str:
        """Whether task `index` may go now. O(1)."""
        if index in self.unchosen:
            return SKIP
        total, left = self.plan.counts[index], self.left[index]
        failed, skipped = self.failed[index], self.skipped[index]
        return judge(self.arrays.rules[index], total, left, total - left - failed - skipped, failed, skipped)

    def settle(self, index: int, state: str, result: TaskFinished) -> tuple[Sequence[int], Sequence[int]]:
        """Give task `index` its final state, and count it for those that follow it. O(out-degree).

        Gives those of them that may go now as far as it is for what they need, and those that must be asked.
        """
        self.states[index] = state
        self.results[index] = result
        self.asked[index] = 1  # it may have been cancelled before what it needs had ended
        self.unfinished -= 1
        self.open.pop(index, None)
        followers = self.plan.followers[index]
        if not followers:
            if index >= self.size:
                self.instances_left[self.instance(index)[0]] -= 1
            return followers, followers
        if self.arrays.branches[index] and state == "success":
            return NOTHING_CHOSEN, self._choose(index, result)
        left = self.left
        ready: list[int] = []
        if state == "success":
            direct, skipped = self.arrays.direct, self.skipped
            others: list[int] = []
            for follower in followers:
                left[follower] = rest = left[follower] - 1
                if not direct[follower]:
                    others.append(follower)
                elif not rest:
                    (others if skipped[follower] else ready).append(follower)
            return ready, others
        tally = self._tally(state)
        for follower in followers:
            left[follower] -= 1
            tally[follower] += 1
        return ready, followers

    def _choose(self, index: int, result: TaskFinished) -> Sequence[int]:
        """A branch succeeded: those that follow it, of which the ones that it did not choose are to be skipped."""
        plan, followers = self.plan, self.plan.followers[index]
        for follower in followers:
            self.left[follower] -= 1
        choice = chosen(result, [plan.ids[each] for each in followers])
        if choice is not None:
            skipped = skipped_by(plan, self.arrays.teardowns, index, choice)
            self.unchosen = {**dict.fromkeys(skipped, index), **self.unchosen}
        return followers

    def outcome(self) -> str:
        """The state of the run once nothing is unfinished (R4). O(tasks)."""
        states = self.states
        if self.stopped is not None:
            return self.stopped.state
        if "upstream_failed" in states or "cancelled" in states or ("failed" in states and self._failure_counts()):
            return "failed"  # a round may keep what was cancelled in the one before
        if "skipped" in states and (last := self.arrays.last) and all(states[i] == "skipped" for i in last):
            return "skipped"
        return "success"

    def _failure_counts(self) -> bool:
        """Whether a task failed whose failure fails the run: that of a teardown only where it alone is last (R18)."""
        torn, last = self.arrays.teardowns, self.plan.last
        return any(
            state == "failed" and (not torn[index] or last == (index,)) for index, state in enumerate(self.states)
            if index < self.size
        )  # fmt: skip

    def snapshot(self) -> RunSnapshot:
        """What a restored engine needs of it. O(tasks)."""
        tasks = {}
        for index, id in enumerate(self.plan.ids):
            tasks[id] = (
                self.states[index], self.asked[index], self.attempt[index], self.lost[index], self.fails[index],
                self.open.get(index), self.results[index], self.attempts.get(index, []),
            )  # fmt: skip
        instances = {self.plan.ids[index]: len(numbers) for index, numbers in self.instances.items()}
        by_hand = {self.plan.ids[index]: given for index, given in self.by_hand.items()}
        return RunSnapshot(self.started, self.stopped, tasks, instances, tuple(self.kept.values()), by_hand)

    def restore(self, kept: RunSnapshot) -> None:
        """Take what `snapshot` gave, of the tasks that there are. O(tasks + edges)."""
        self.stopped, self.cancelled = kept.stopped, kept.stopped is not None
        for id, count in kept.instances.items():
            if id in self.plan.index:
                self.add_instances(self.plan.index[id], count)
        if kept.kept:
            self.kept = {row.task: row for row in kept.kept if row.task.partition("[")[0] in self.plan.index}
        for id, given in kept.by_hand.items():
            if id in self.plan.index:
                self.decide_by_hand(self.plan.index[id], *given)
        for id, (state, asked, attempt, lost, fails, opened, result, attempts) in kept.tasks.items():
            index = self.plan.index.get(id)
            if index is None:
                continue
            self.asked[index], self.attempt[index] = asked, attempt
            if lost or fails:
                self.note_lost(index, lost)
                self.note_fails(index, fails)
            if result is not None:
                self.settle(index, result.state, result)
            self.states[index] = state
            if opened is not None:
                self.open[index] = opened
            if attempts:
                self.attempts[index] = [tuple(one) for one in attempts]

    def _check(self) -> None:
        """The invariant of this module. O(tasks + edges)."""
        assert self.unfinished == sum(not self.final(i) for i in range(len(self.states)))
        for index, needs in enumerate(self.plan.needs):
            ended = sum(self.final(n) for n in needs)
            assert self.left[index] == len(needs) - ended, (index, self.left, self.states)
            states = [self.states[need] for need in needs if self.final(need)]
            assert self.skipped[index] == states.count("skipped")
            assert self.failed[index] == ended - states.count("success") - states.count("skipped")
        for index, numbers in self.instances.items():
            assert self.instances_left[index] == sum(not self.final(n) for n in numbers), self.plan.ids[index]
            assert [self.plan.ids[n] for n in numbers[:2]] == [f"{self.plan.ids[index]}[{n}]" for n in (0, 1)][
                : len(numbers)
            ]
        assert len(self.arrays.zeros) == len(self.results) == len(self.plan.ids) == len(self.asked)

    def final(self, index: int) -> bool:
        """Whether task `index` has its final state."""
        return self.results[index] is not None
