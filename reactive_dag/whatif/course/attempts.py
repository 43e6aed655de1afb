"""The attempts of a course: which are under way, when each ends, and what its beginning and its end change.

Owns the queue of ends: a list of attempts an instant, in the order in which they began, and a heap of the instants.
Attempts of simple tasks (simple_tasks.py) take a fast path: their records are appended here, and of what the engine
keeps of a task only that is kept up to date which may be asked before the run ends (run.py). All other attempts go
through the engine's own fold. Invariant: both paths give the same records in the same order. An attempt on the fast
path costs O(log instants + followers), some 1.5 µs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from heapq import heappop, heappush
from typing import TYPE_CHECKING, cast

from attrs import define

from reactive_dag.engine.facts.publish import outlet_events
from reactive_dag.model.errors import UndatedOutlet, said
from reactive_dag.model.records import Json, OutletEvent, RunFinished, TaskFinished, TaskStarted
from reactive_dag.whatif.course.run import CourseRun

if TYPE_CHECKING:
    from reactive_dag.engine.limits.pools import UnderWay
    from reactive_dag.engine.limits.slots import AttemptKey
    from reactive_dag.engine.runs.state import RunOrder, RunState
    from reactive_dag.engine.runs.task_arrays import TaskArrays
    from reactive_dag.streams.clock import VirtualClock
    from reactive_dag.whatif.course.fold import CourseFold
    from reactive_dag.whatif.course.log import CourseLog
    from reactive_dag.whatif.course.simple_tasks import SimpleTasks
    from reactive_dag.whatif.question.names import TaskName

OpenAttempt = tuple[CourseRun, int, int]
"""A run, the number of the task, and that of the attempt."""

SimpleStart = tuple[int, "RunOrder", int, CourseRun]
"""A simple task that may begin: priority, place of the run and number, which are the order of slots, and the run."""


@define(eq=False)
class PooledAttempt:
    """An attempt under way that holds slots of a pool, until it ends, times out or is cancelled.

    That of a simple task, which is the only one, has no `number`.
    """

    run: RunState
    index: int
    arrays: TaskArrays
    number: int = 0
    waits: int = 0

    @property
    def is_open(self) -> bool:
        """Whether it has not ended. O(1)."""
        if not self.number:
            return self.run.results[self.index] is None
        return self.index in self.run.open and self.run.attempt[self.index] == self.number


FAILURE = "fails, as the simulation was told"


class CourseAttempts:
    """The attempts under way in one course.

    `fails` says whether an attempt fails, `delayed` whether a first attempt begins later, `outputs` what tasks return.
    `instants` is the heap of ends; at those in `by_engine` at least one attempt ends that is not on the fast path.
    """

    def __init__(
        self, core: CourseFold, log: CourseLog, clock: VirtualClock, simple_tasks: dict[str, SimpleTasks],
        fails: Callable[[RunState, str, int], bool], delayed: Callable[[RunState, int], bool],
        outputs: Mapping[TaskName, Json],
    ) -> None:  # fmt: skip
        self.core = core
        self.log = log
        self.clock = clock
        self.simple_tasks = simple_tasks
        self.fails = fails
        self.delayed = delayed
        self.outputs = outputs
        self.instants: list[int] = []
        self.by_engine: set[int] = set()
        self._at: dict[int, OpenAttempt | list[OpenAttempt]] = {}
        self.pooled: dict[AttemptKey, PooledAttempt] = {}
        self.runs = log.playing

    # ------------------------------------------------------------------------------------- runs

    def _run(self, state: RunState) -> CourseRun:
        """Take up a run whose first attempt begins. O(tasks)."""
        run = self.runs[state.run] = CourseRun(state, self.simple_tasks[state.dag.id])
        return run

    # ------------------------------------------------------------------------------------- any attempt

    def begin(self, starting: list[tuple[RunState, int]]) -> None:
        """Begin the attempts that were given a slot, in their order.

        Nothing lies between these records and the cursor, so they are applied as they are pushed.
        """
        log, now = self.log, self.clock.now()
        simple: list[SimpleStart] = []
        for state, index in starting:
            if state.tasks[index].wait is not None:
                continue
            run = self.runs.get(state.run) or self._run(state)
            if run.is_simple(index):
                simple.append((run.tasks.priorities[index], state.order, index, run))
                if run.tasks.pooled[index]:
                    self.pooled[state.run, index] = PooledAttempt(state, index, state.arrays)
            elif not self.delayed(state, index):
                self._begin_simple(simple, now)
                self._begin_other(run, index, now)
        self._begin_simple(simple, now)
        log.count_rows()
        self.core.skip_to(log.next_offset)

    def _begin_other(self, run: CourseRun, index: int, now: int) -> None:
        """Begin an attempt through the engine's fold. O(log instants)."""
        self.log.count_rows()
        record = TaskStarted(now, run.offset, run.state.plan.ids[index], run.state.attempt[index] + 1)
        offset = self.log.push(record)
        self.core.runs.flow.opened(run.state, index, record, offset)
        if run.state.arrays.has_pools and run.state.arrays.pools[index] is not None:
            self.pooled[run.offset, index] = PooledAttempt(run.state, index, run.state.arrays, record.attempt)
        name = run.state.dag.id, run.tasks.ids[run.number(index)]
        if run.state.arrays.untils[index] is not None:
            self.core.waits.looks.end((run.offset, index))  # its duration is that of all its looks
            if not self.outputs.get(name, True):
                return
        end = now + run.tasks.durations[run.number(index)]
        self.by_engine.add(end)
        self._ends(end, (run, index, record.attempt))

    def in_pools(self) -> Mapping[AttemptKey, UnderWay]:
        """The attempts under way that hold slots of a pool. O(result), and those that ended since."""
        if self.pooled:
            for key in [key for key, attempt in self.pooled.items() if not attempt.is_open]:
                del self.pooled[key]
        holding = self.core.waits.looks.holding
        return {**holding, **self.pooled} if holding else self.pooled

    def _ends(self, at: int, attempt: OpenAttempt) -> None:
        found = self._at.get(at)
        if found is None:
            self._at[at] = attempt
            heappush(self.instants, at)
        elif type(found) is list:
            found.append(attempt)
        else:
            self._at[at] = [cast(OpenAttempt, found), attempt]

    def end(self, now: int) -> None:
        """End the attempts whose time is over, in the order in which they began, and apply what was pushed."""
        core, log, flow = self.core, self.log, self.core.runs.flow
        heappop(self.instants)
        self.by_engine.discard(now)
        offset = log.next_offset
        ended: list[tuple[CourseRun, int, TaskFinished]] = []
        for run, index, number in _listed(self._at.pop(now)):
            if run.is_simple(index):
                run.unfold_one(index, cast(int, run.began[index]))
            if index in run.state.open and run.state.attempt[index] == number:
                task, state, error, retry, output = run.state.plan.ids[index], "success", None, True, None
                published: list[OutletEvent] | None = None
                if self.fails(run.state, task, number):
                    state, error = "failed", FAILURE
                else:
                    error, published = self._undated(run.state, index)
                    state, retry = ("success", True) if error is None else ("failed", False)
                if state == "success":
                    usual = None if run.state.arrays.untils[index] is None else True
                    output = self.outputs.get((run.state.dag.id, run.tasks.ids[run.number(index)]), usual)
                record = TaskFinished(now, run.offset, task, state, number, output, error, None, retry, None, published)
                log.push(record)
                ended.append((run, index, record))
        core.skip_to(log.next_offset)
        for run, index, record in ended:
            flow.ended(offset, run.state, index, record)
            offset += 1
        if core.outbox.decisions or core.calls.given:
            core.flush()

    def _undated(self, run: RunState, index: int) -> tuple[str | None, list[OutletEvent] | None]:
        """The error of an attempt whose outlets its run cannot date (R3), and what it publishes where it says more.

        Of an outlet whose static values the run does not say it publishes each, as a body would (T19). O(outlets).
        """
        task, publishing = run.tasks[index], self.core.publishing
        if not task.outlets and not run.dag.outlets:
            return None, None
        events = outlet_events(task.outlets)
        said_of = events if task.map_over is not None else publishing.each_value(run.started, events)
        try:
            publishing.check_dated(run.started, [*said_of, *outlet_events(run.dag.outlets)])
        except UndatedOutlet as error:
            return said(error), None
        return None, None if said_of == events else said_of

    # ------------------------------------------------------------------------------------- fast path

    def play_fast_path(self, until: Callable[[], int], settle: Callable[[], None]) -> None:
        """Play the instants before `until()` at which only attempts of simple tasks end.

        What else follows from an end stands in the log beyond the cursor, or in the flow's `ready`: `settle` does it.
        One long loop, since a call costs as much as all that is done for an attempt.
        """
        log, instants, ends, special = self.log, self.instants, self._at, self.by_engine
        rows, append = log.rows, log.rows.append
        waited = self.core.waits.watches.of_task
        last, now, limit = None, 0, until()
        while instants and instants[0] < limit and instants[0] not in special:
            now = heappop(instants)
            ended = ends.pop(now)
            if type(ended) is tuple:
                run, index, _ = ended
                if run is not last:
                    last = run
                    (
                        state, quiet, followers, left, asked, began, note_success, durations, ids, offset, awaited,
                        outlets,
                    ) = run.fields  # fmt: skip
                if quiet[index] and state.unfinished > 1 and awaited[index] not in waited:
                    record = TaskFinished(now, offset, ids[index], "success")
                    append(record)
                    note_success(index, record)
                    for dataset in outlets[index]:
                        append(run.published(index, now, dataset))
                    for each in followers[index]:
                        left[each] = rest = left[each] - 1
                        if not rest and not asked[each]:
                            began[each] = now
                            append(TaskStarted(now, offset, ids[each]))
                            end = now + durations[each]
                            if end in ends:
                                self._ends(end, (run, each, 1))
                            else:
                                ends[end] = run, each, 1
                                heappush(instants, end)
                    continue
            if self._end_simple(_listed(ended), now):
                settle()
                last, limit = None, until()
        self._set_time(now)
        self.core.skip_to(len(rows))

    def _end_simple(self, ended: list[OpenAttempt], now: int) -> bool:
        """End the simple attempts of one instant, and begin those that follow; whether `settle` has more to do."""
        rows, waited, more = self.log.rows, self.core.waits.watches.of_task, -1
        records = [TaskFinished(now, run.offset, run.tasks.ids[index], "success") for run, index, _ in ended]
        rows.extend(records)
        begin: list[SimpleStart] = []
        for (run, index, _), record in zip(ended, records):
            tasks, state, left = run.tasks, run.state, run.state.left
            state.note_success(index, record)
            found = -1
            if tasks.listened[index] or tasks.awaited[index] in waited:
                found = self._announce(run, index, now)
            else:
                for dataset in tasks.outlets[index]:
                    rows.append(run.published(index, now, dataset))
            others = tasks.other_followers[index]
            for each in tasks.followers[index]:
                left[each] = rest = left[each] - 1
                if not rest and not state.asked[each]:
                    if state.skipped[each]:
                        others = (*others, each)
                        left[each] = 1  # it is counted with the others
                    else:
                        begin.append((tasks.priorities[each], state.order, each, run))
            if others or not state.unfinished or tasks.slotted[index]:
                found = len(rows) if found < 0 else found
                self._ask_others(run, others, now)
            if more < 0:
                more = found
        if more >= 0:
            self._offer(begin)
            self._set_time(now)
            self.core.skip_to(more)
            return True
        if len(begin) > 1:
            begin.sort()
        self._begin_simple(begin, now)
        return False

    def _begin_simple(self, begin: list[SimpleStart], now: int) -> None:
        """Begin attempts of simple tasks in this order, and clear the list. O(log instants) each."""
        rows, ends = self.log.rows, self._at
        for _, _, index, run in begin:
            tasks = run.tasks
            run.began[index] = now
            rows.append(TaskStarted(now, run.offset, tasks.ids[index]))
            end = now + tasks.durations[index]
            if end in ends:
                self._ends(end, (run, index, 1))
            else:
                ends[end] = run, index, 1
                heappush(self.instants, end)
        begin.clear()

    def _announce(self, run: CourseRun, index: int, now: int) -> int:
        """Publish the outlets of a success, and let the waits for it look.

        Returns the first offset from which more may follow, -1 if nothing does.
        """
        tasks, rows, core = run.tasks, self.log.rows, self.core
        first = len(rows)
        if tasks.listened[index]:
            self._set_time(now)
            wanted = [OutletEvent(dataset) for dataset in tasks.outlets[index]]
            core.runs.flow.publish(run.state, tasks.ids[index], wanted)
            published = len(rows)
        else:
            for dataset in tasks.outlets[index]:
                rows.append(run.published(index, now, dataset))
            first = published = len(rows)
        if tasks.awaited[index] in core.waits.watches.of_task:
            self._set_time(now)
            begun = run.state.started
            core.waits.on_task_ended(begun.dag, tasks.ids[index], begun.logical_date, begun.cascade)
        return first if tasks.listened[index] or len(rows) > published else -1

    def _ask_others(self, run: CourseRun, others: tuple[int, ...], now: int) -> None:
        """Consider the followers that do not just begin, and end the run if nothing of it is unfinished."""
        self._set_time(now)
        state = run.state
        for other in others:
            state.left[other] -= 1
        for other in others:
            self.core.runs.flow.consider(state, other)
        if not state.unfinished:
            outcome = "success" if run.tasks.all_simple else state.outcome()
            self.log.push(RunFinished.of(state.started, outcome, now))

    def _offer(self, begin: list[SimpleStart]) -> None:
        """Leave simple tasks that may begin to the slots, since more is to be decided first. O(log ready) each."""
        for _, _, index, run in begin:
            run.state.asked[index] = 1
            self.core.slots.offer(run.state, index)

    def _set_time(self, now: int) -> None:
        """Bring clock and log up to date, before the engine's code looks at them. O(1)."""
        self.clock.advance_to(now)
        self.log.count_rows()
        self.log.move_time(now)


def _listed(ended: OpenAttempt | list[OpenAttempt]) -> list[OpenAttempt]:
    return ended if isinstance(ended, list) else [ended]
