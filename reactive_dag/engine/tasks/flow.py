"""The tasks of live runs: which may go, what an attempt's end means, retries, timeouts, the past (R3-R5, R14, R18).

Invariant: a task is offered to the slots from when its needs allow it until its `TaskStarted` is applied; an attempt is
open from `TaskStarted` to the first `TaskFinished` of that number, and later ones count for nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Protocol

from reactive_dag.engine.runs.orphans import note_of_orphan
from reactive_dag.engine.runs.state import FAIL, READY, WAIT, RunState
from reactive_dag.engine.tasks.mapped import MappedTasks, may_expand
from reactive_dag.engine.tasks.past import PastWaits
from reactive_dag.engine.tasks.retries import WAITED, PendingRetries, retry_delay
from reactive_dag.engine.tasks.timeouts import AttemptTimeouts
from reactive_dag.engine.tasks.waiting_tasks import WaitingTasks
from reactive_dag.model.ctrl_c import raise_ctrl_c
from reactive_dag.model.errors import why_of
from reactive_dag.model.records import OutletEvent, RunFinished, TaskFinished, TaskRetry, TaskStarted
from reactive_dag.model.times import NEVER

if TYPE_CHECKING:
    from reactive_dag.engine.facts.outbox import Outbox
    from reactive_dag.engine.facts.publish import Publishing
    from reactive_dag.engine.items.timers import Timers
    from reactive_dag.engine.runs.by_date import RunsByDate
    from reactive_dag.engine.tasks.waits import Waits

MOST_LOST = 3
"""So many attempts in a row cut off by a crash fail their task (R5)."""
LOST_TOO_OFTEN = f"lost {MOST_LOST} times in a row: the process died each time while this task ran"

OnSettled = Callable[[int, RunState, int, TaskFinished], None]
"""What is told that a task has its final state: the record's offset, the run, the task's number, the record."""

DelayFirst = Callable[[RunState, int], bool]
"""Whether somebody else offers the first attempt of a task, or of an instance, later (`TaskFlow.offer`)."""


def _unless_later(delay: DelayFirst, offer: Callable[[RunState, int], None]) -> Callable[[RunState, int], None]:
    return lambda run, index: None if delay(run, index) else offer(run, index)


class AttemptQueue(Protocol):
    """Where attempts wait until they may start; `startable` holds those that do, by run and number of the task."""

    startable: set[tuple[int, int]]

    def offer(self, run: RunState, index: int) -> None:
        """Take an attempt that is to start when it may."""

    def offer_wait(self, run: RunState, index: int) -> None:
        """Take a wait that is to begin when it may, and holds what it takes until its end."""

    def withdraw(self, run: int, index: int) -> None:
        """An attempt has started, or will not."""

    def park(self, run: RunState) -> None:
        """A run in which nothing executes gives its place back."""

    def is_parked(self, run: int) -> bool:
        """Whether it gave its place back."""

    def come_back(self, run: RunState) -> None:
        """It is to take a place again, as soon as there is one."""


class TaskFlow:
    """What happens inside live runs."""

    def __init__(
        self, outbox: Outbox, timers: Timers, live: Mapping[int, RunState], by_date: RunsByDate, waits: Waits,
        publishing: Publishing, slots: AttemptQueue, on_settled: OnSettled, orphan: Callable[[int], RunState | None],
        delay_first: DelayFirst | None = None,
    ) -> None:  # fmt: skip
        self.outbox = outbox
        self.timers = timers
        self.live = live
        self.by_date = by_date
        self.waits = waits
        self.publishing = publishing
        self.slots = slots
        self._on_settled = on_settled
        self._orphan = orphan
        self._offer_first = self.offer if delay_first is None else _unless_later(delay_first, self.offer)
        self.timeouts = AttemptTimeouts(outbox, timers)
        self.waiting = WaitingTasks(waits, slots, self.timeouts, live)
        self.past = PastWaits()
        self.retries = PendingRetries(timers)
        self.mapped = MappedTasks(outbox, publishing, self._offer_first, self.give)

    # ------------------------------------------------------------------------------------- what may go

    def begin(self, run: RunState) -> None:
        """Consider the tasks that need nothing."""
        direct = run.arrays.direct
        for index in run.plan.roots:
            if direct[index]:
                run.asked[index] = 1
                self._offer_first(run, index)
            else:
                self.consider(run, index)
        if self.past.of_run:
            self.rest(run)

    def begin_round(self, run: RunState) -> None:
        """Consider the tasks that a later round does again (R10). O(tasks)."""
        for index in range(run.size):
            if not run.final(index):
                self.consider(run, index)
        self.rest(run)

    def consider(self, run: RunState, index: int) -> None:
        """Let a task go, give it the state that its needs imply, or leave it waiting. O(log ready)."""
        if run.asked[index]:
            return
        verdict = run.verdict(index)
        over = run.arrays.overs[index]
        if verdict == WAIT or (verdict == READY and over >= 0 and not may_expand(run, index)):
            return
        if run.arrays.past[index] and verdict != FAIL and not self._past_is_well(run, index):
            return
        run.asked[index] = 1
        if verdict != READY:
            by = run.unchosen.get(index)
            why = None if by is None else f"{run.plan.ids[by]!r} did not choose it"
            self.give(run, run.plan.ids[index], verdict, why)
        elif over >= 0:
            self.mapped.begin(run, index)
        else:
            self._offer_first(run, index)

    def offer(self, run: RunState, index: int) -> None:
        """Take an attempt, or a wait, whose time has come. O(log ready)."""
        if run.arrays.waits[index]:
            self.waiting.begin(run, index)
        else:
            self.slots.offer(run, index)

    # ------------------------------------------------------------------------------------- the past (R14)

    def _past_is_well(self, run: RunState, index: int) -> bool:
        """Whether no earlier run holds a task back; else it waits. A replay does not ask the history."""
        date, task = run.started.logical_date, run.plan.ids[index]
        if date is None or not (self.outbox.replaying or self.by_date.holding_back(run, task)):
            return True
        self.past.add(run.started.dag, task, date, run.run, index)
        return False

    def reconsider_past(self, dag: str, date: int | None, *tasks: str) -> None:
        """Tasks of a run of a date ended (all where none is named): ask for the next run that waits. O(log waiting)."""
        for offset, index in self.past.next_after(dag, date, *tasks):
            self._ask_again(self.live[offset], index)

    def _ask_again(self, run: RunState, index: int) -> None:
        if self.outbox.replaying or self.by_date.holding_back(run, run.plan.ids[index]):
            return
        if self.slots.is_parked(run.run):
            self.slots.come_back(run)
        else:
            self.past.drop(run.run, index)
            self.consider(run, index)

    def reconsider_all(self) -> None:
        """Ask for each task that waits for its past: during a replay the history was not read. O(such tasks)."""
        waiting = sorted((run, index) for _, _, run, index in self.past)
        for run, _ in waiting:
            self.rest(self.live[run])
        for run, index in waiting:
            self._ask_again(self.live[run], index)

    def rest(self, run: RunState) -> None:
        """Let a run give its place back if nothing executes and all that is left waits for its past. O(tasks)."""
        if self.outbox.replaying or run.arrays.overlap or run.run not in self.past.of_run:
            return  # under `skip` and `replace` others wait for no place: it counts as active (R14)
        if not self.slots.is_parked(run.run) and not any(a and b is None for a, b in zip(run.asked, run.results)):
            self.slots.park(run)

    def go_on(self, run: RunState) -> None:
        """A run that gave its place back has one again: what waited for its past goes on. O(such tasks)."""
        for index in list(self.past.of_run.get(run.run, ())):
            self._ask_again(run, index)
        self.rest(run)

    def reasons(self, run: RunState) -> dict[int, str]:
        """What the tasks of a run wait for, in words. O(tasks that wait * log runs)."""
        return {**self.past.reasons(run, self.by_date), **self.waiting.reasons(run)}

    # ------------------------------------------------------------------------------------- records

    def task_started(self, offset: int, record: TaskStarted) -> None:
        """An attempt was handed out: it is open. O(1)."""
        run = self.live.get(record.run)
        if self.past.of_run and self.outbox.replaying:
            self.mapped.went(self.past, run, record.task)
        index = -1 if run is None else run.arrays.index.get(record.task, -1)
        if run is not None and index >= 0:
            self.opened(run, index, record, offset)
        elif run is None and (orphan := self._orphan(record.run)) is not None:
            note_of_orphan(orphan, record)

    def opened(self, run: RunState, index: int, record: TaskStarted, offset: int) -> None:
        """An attempt of task number `index` of `run` was handed out. O(1)."""
        if self.past.of_run:
            self.past.drop(run.run, index)
        run.asked[index] = 1
        run.attempt[index] = record.attempt
        run.open[index] = record.at
        if (record.run, index) in self.slots.startable:
            self.slots.withdraw(record.run, index)
        if run.arrays.waits[index]:
            self.waiting.opened(run, index, record, offset)
            return
        run.states[index] = "running"
        if run.begun_with:
            run.begun_with.pop(index, None)
        if run.arrays.timeouts[index] is not None:
            self.timeouts.watch(run, index)

    def task_finished(self, offset: int, record: TaskFinished) -> None:
        """An attempt ended, or a task got its state. O(out-degree)."""
        run = self.live.get(record.run)
        if self.past.of_run and self.outbox.replaying:
            self.mapped.went(self.past, run, record.task, record.state)
        index = -1 if run is None else run.arrays.index.get(record.task, -1)
        if run is not None and index >= 0:
            self.ended(offset, run, index, record)
        elif run is None and (orphan := self._orphan(record.run)) is not None:
            note_of_orphan(orphan, record)

    def ended(self, offset: int, run: RunState, index: int, record: TaskFinished) -> None:
        """An attempt of task number `index` of `run` ended, or that task got its state. O(out-degree)."""
        state, number = record.state, record.attempt
        began = run.open.get(index)
        if run.results[index] is not None or (number and (began is None or run.attempt[index] != number)):
            return
        if run.by_hand and index in run.by_hand and (state, record.error) != run.by_hand[index]:
            return  # its end was decided before this one came (R19)
        if number and self.timeouts.of_task:
            self.timeouts.drop(run.run, index)
        if run.cancelled and state != "cancelled" and not run.arrays.teardowns[index] and index not in run.by_hand:
            return  # it came after the cancellation, which gives every task its state
        if number:
            noted = (number, record.began or began, record.at, state, record.error)
            run.attempts.setdefault(index, []).append(noted)
        if state == "lost":
            self._lost(run, index, record)
        elif state == "failed" and record.retry and self._retries_left(run, index):
            self._retry(run, index, record)
        else:
            self._settle(offset, run, index, record)

    def _retries_left(self, run: RunState, index: int) -> bool:
        goes_on = not run.cancelled or run.arrays.teardowns[index]
        return run.fails[index] < run.arrays.retries[index] and goes_on and run.attempt[index] > 0

    def _lost(self, run: RunState, index: int, record: TaskFinished) -> None:
        del run.open[index]
        if not (record.error or "").endswith(WAITED):
            run.note_lost(index, run.lost[index] + 1)
        if run.arrays.waits[index]:
            self.waiting.end(run, index)
        if run.lost[index] >= MOST_LOST:
            self.give(run, record.task, "failed", LOST_TOO_OFTEN)
        else:
            run.states[index] = None
            self.slots.offer(run, index)

    def _retry(self, run: RunState, index: int, record: TaskFinished) -> None:
        del run.open[index]
        run.note_lost(index, 0)
        run.note_fails(index, run.fails[index] + 1)
        run.states[index] = "retrying"
        if run.arrays.waits[index]:
            self.waiting.end(run, index)
        if self.outbox.replaying:
            return
        delay = record.retry_after
        if delay is None:
            try:
                delay = retry_delay(run.tasks[index], run.fails[index], run.seed(index))
            except BaseException as error:  # a user's callable may raise anything: it fails its task, not the engine
                raise_ctrl_c(error)
                self.give(run, record.task, "failed", f"{record.error}\nretry_delay: {why_of(error)}")
                return
        due = min(record.at + delay, NEVER - 1)
        self.outbox.fact(lambda at: TaskRetry(at, record.run, record.task, record.attempt + 1, due))

    def task_retry(self, record: TaskRetry) -> None:
        """The next attempt is due at an instant. O(log timers)."""
        run = self.live.get(record.run)
        index = -1 if run is None else run.plan.index.get(record.task, -1)
        if run is None or index < 0 or run.final(index):
            return
        self.retries.add(run.dag.id, index, record, lambda: self.offer(run, index))

    def forget(self, run: RunState, index: int) -> None:
        """Nothing more is to come of a task. O(log retries)."""
        if (run.run, index) in self.slots.startable:
            self.slots.withdraw(run.run, index)
        self.retries.drop(run.run, index)
        if self.past.of_run:
            self.past.drop(run.run, index)

    def snapshot(self) -> list[TaskRetry]:
        """The retries that are due later. O(retries)."""
        return self.retries.snapshot()

    def restore(self, retries: Iterable[TaskRetry]) -> None:
        """Wait again for retries, for the past, and for timeouts (from the attempt's start on). O(live tasks)."""
        for retry in retries:
            self.task_retry(retry)
        for run in self.live.values():
            for index, task in enumerate(run.tasks):
                if index in run.open:
                    if run.arrays.untils[index] is not None:
                        self.waiting.look_on(run, index, self.waits.reached())
                    if task.kind != "wait":
                        self.timeouts.watch(run, index)
                elif not run.asked[index] and not run.final(index):
                    self.consider(run, index)

    # ------------------------------------------------------------------------------------- final states

    def _settle(self, offset: int, run: RunState, index: int, record: TaskFinished) -> None:
        if index not in run.open or self.retries.of_task:
            self.forget(run, index)
        ready, others = run.settle(index, record.state, record)
        if run.arrays.outlets[index] or record.publishes is not None or run.begun_with:
            self._publish(run, index, record)
        self._on_settled(offset, run, index, record)
        if run.instances:
            self.mapped.settled(run, index, record.state)
        if run.arrays.waits[index]:
            self.waiting.end(run, index)
        if self.waits.watches.of_task and (run.dag.id, record.task) in self.waits.watches.of_task:
            self.waits.on_task_ended(run.dag.id, record.task, run.started.logical_date, run.started.cascade)
        asked = run.asked
        for follower in ready:
            if not asked[follower]:
                asked[follower] = 1
                self._offer_first(run, follower)
        for follower in others:
            self.consider(run, follower)
        if self.past.of_run:
            self.reconsider_past(run.started.dag, run.started.logical_date, record.task)
            self.rest(run)
        if not run.unfinished:
            self.end_if_done(run)

    def _publish(self, run: RunState, index: int, record: TaskFinished) -> None:
        if record.state != "success" or self.outbox.replaying or index >= run.size:
            return
        wanted = self.mapped.published(run, index) if index in run.instances else record.publishes
        if wanted is None:
            wanted = [OutletEvent(outlet.id) for outlet in run.body_of(index).outlets]
        self.publish(run, record.task, wanted)

    # ------------------------------------------------------------------------------------- what follows

    def cut_short(self, run: RunState) -> None:
        """The run ended while its DAG was not declared, and now that is again: what it still does counts no more."""
        for index, task in enumerate(run.tasks):
            self.forget(run, index)
            if task.kind != "task":
                self.waits.forget(run, index)

    def end_if_done(self, run: RunState) -> None:
        """Ask for the run's end once nothing in it is unfinished."""
        if run.unfinished or self.outbox.replaying:
            return
        begun, log, state = run.started, self.outbox.log, run.outcome()
        error = None if run.stopped is None else run.stopped.error
        with log.lock:
            log.push(RunFinished.of(begun, state, self.outbox.stamp(), error))

    def give(self, run: RunState, task: str, state: str, error: str | None = None) -> None:
        """Ask that a task get `state` without running."""
        offset, index = run.run, run.plan.index[task]
        attempt = run.attempt[index] if index in run.open else 0
        self.outbox.fact(lambda at: TaskFinished(at, offset, task, state, attempt, error=error, retry=False))

    def publish(self, run: RunState, task: str, wanted: Iterable[OutletEvent]) -> None:
        """Record the events of a task's (or a DAG's) success (R3)."""
        if self.outbox.replaying:
            return
        with self.outbox.log.lock:
            self.publishing.push_of_run(self.outbox.stamp(), run.started, task, wanted)

    def _check(self) -> None:
        """What is retrying has its timer. O(retries)."""
        self.past._check()
        self.retries._check()
        for (offset, index), retry in self.retries.of_task.items():
            run = self.live[offset]
            assert run.states[index] == "retrying", (run.plan.ids[index], run.states[index])
            assert self.timers.has(retry.due, run.dag.id, retry.task)
