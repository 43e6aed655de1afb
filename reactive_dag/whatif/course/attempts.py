"""The attempts of a course: which are under way, when each ends, and what its beginning and its end change.

Owns the queue of ends: a list of attempts an instant, in the order in which they began, and a heap of the instants.
Quick attempts (lines.py) take a short way: their records are put in place here, and of what the engine keeps of a task
only what may be asked before the run ends (courserun.py). All else goes through the engine's own fold. Invariant: both
ways give the same records in the same order. A quick attempt costs O(log instants + followers), some 1.5 µs.
"""

from __future__ import annotations

from collections.abc import Callable
from heapq import heappop, heappush
from typing import TYPE_CHECKING, cast

from reactive_dag.engine.runs.tasks import Ready
from reactive_dag.model.records import RunFinished, TaskFinished, TaskStarted
from reactive_dag.whatif.course.run import CourseRun

if TYPE_CHECKING:
    from reactive_dag.engine.fold.fold import Fold
    from reactive_dag.engine.runs.state import RunState
    from reactive_dag.streams.clock import VirtualClock
    from reactive_dag.whatif.course.log import CourseLog
    from reactive_dag.whatif.course.simple_tasks import Line

Attempt = tuple[CourseRun, int, int]
"""A run, the number of the task, and that of the attempt."""

Fresh = tuple[int, int, int, CourseRun]
"""A quick task that may begin: rank, run and number, which are the order, and the run itself."""

FAILED = "fails, as the simulation was told"


class Attempts:
    """The attempts under way in one course. `fails` says whether one fails, `later` whether a first one comes later."""

    def __init__(
        self, core: Fold, log: CourseLog, clock: VirtualClock, lines: dict[str, Line],
        fails: Callable[[RunState, str, int], bool], later: Callable[[RunState, int], bool],
    ) -> None:  # fmt: skip
        self.core = core
        self.log = log
        self.clock = clock
        self.lines = lines
        self.fails = fails
        self.later = later
        self.instants: list[int] = []
        self.special: set[int] = set()
        self._at: dict[int, Attempt | list[Attempt]] = {}
        self.runs = log.playing

    # ------------------------------------------------------------------------------------- runs

    def _run(self, state: RunState) -> CourseRun:
        """A run whose first attempt begins. O(tasks)."""
        run = self.runs[state.run] = CourseRun(state, self.lines[state.dag.id])
        return run

    # ------------------------------------------------------------------------------------- any attempt

    def begin(self, ready: list[Ready]) -> None:
        """Begin every attempt that may begin, in the order of priority and request.

        Nothing lies between these records and the cursor, so they are applied as they are pushed.
        """
        flow, log, now = self.core.runs.flow, self.log, self.clock.now()
        waiting = sorted(ready)
        ready.clear()
        quick: list[Fresh] = []
        for rank, offset, index in waiting:
            state = flow.live.get(offset)
            if state is None or (offset, index) not in flow.startable:
                continue
            run = self.runs.get(offset) or self._run(state)
            if run.line.quick[index]:
                flow.startable.discard((offset, index))
                quick.append((rank, offset, index, run))
            elif not self.later(state, index):
                self._begin_quick(quick, now)
                self._begin_any(run, index, now)
        self._begin_quick(quick, now)
        self.core.cursor = log.next_offset = len(log.rows)

    def _begin_any(self, run: CourseRun, index: int, now: int) -> None:
        """Begin an attempt by the engine's fold."""
        self.log.next_offset = len(self.log.rows)
        record = TaskStarted(now, run.name, run.line.ids[index], run.state.attempt[index] + 1)
        self.log.push(record)
        self.core.runs.flow.opened(run.state, index, record)
        end = now + run.line.spans[index]
        self.special.add(end)
        self._ends(end, (run, index, record.attempt))

    def _ends(self, at: int, attempt: Attempt) -> None:
        found = self._at.get(at)
        if found is None:
            self._at[at] = attempt
            heappush(self.instants, at)
        elif type(found) is list:
            found.append(attempt)
        else:
            self._at[at] = [cast(Attempt, found), attempt]

    def end(self, now: int) -> None:
        """End the attempts whose time is over, in the order in which they began, and apply what was pushed."""
        core, log, flow = self.core, self.log, self.core.runs.flow
        heappop(self.instants)
        self.special.discard(now)
        offset = log.next_offset
        ended: list[tuple[CourseRun, int, TaskFinished]] = []
        for run, index, number in _listed(self._at.pop(now)):
            if run.line.quick[index]:
                run.unfold_one(index, cast(int, run.began[index]))
            if index in run.state.open and run.state.attempt[index] == number:
                task, state, error = run.line.ids[index], "success", None
                if self.fails(run.state, task, number):
                    state, error = "failed", FAILED
                record = TaskFinished(now, run.name, task, state, number, None, error)
                log.push(record)
                ended.append((run, index, record))
        core.cursor = log.next_offset
        for run, index, record in ended:
            flow.ended(offset, run.state, index, record)
            offset += 1
        if core.outbox.decisions or core.calls.given:
            core.flush()

    # ------------------------------------------------------------------------------------- quick attempts

    def play_quick(self, until: Callable[[], int], settle: Callable[[], None]) -> None:
        """Play the instants before that of `until` at which only quick attempts end.

        Where there is more to do than that, it stands in the log, beyond the cursor, and in the flow's `ready`:
        `settle` does it. One long loop, since a call costs as much as all that is done for an attempt.
        """
        log, instants, ends, special = self.log, self.instants, self._at, self.special
        rows, append = log.rows, log.rows.append
        waited = self.core.waits.by_task
        last, now, limit = None, 0, until()
        while instants and instants[0] < limit and instants[0] not in special:
            now = heappop(instants)
            ended = ends.pop(now)
            if type(ended) is tuple:
                run, index, _ = ended
                if run is not last:
                    last = run
                    state, simple, nexts, left, asked, began, results, spans, ids, offset, awaited, outlets = run.kit
                if simple[index] and state.unfinished > 1 and awaited[index] not in waited:
                    state.unfinished -= 1
                    results[index] = record = TaskFinished(now, offset, ids[index], "success")
                    append(record)
                    for dataset in outlets[index]:
                        append(run.published(index, now, dataset))
                    for each in nexts[index]:
                        left[each] = rest = left[each] - 1
                        if not rest and not asked[each]:
                            began[each] = now
                            append(TaskStarted(now, offset, ids[each]))
                            end = now + spans[each]
                            if end in ends:
                                self._ends(end, (run, each, 1))
                            else:
                                ends[end] = run, each, 1
                                heappush(instants, end)
                    continue
            if self._end_quick(_listed(ended), now):
                settle()
                limit = until()
        self._meet(now)
        self.core.cursor = len(rows)

    def _end_quick(self, ended: list[Attempt], now: int) -> bool:
        """End quick attempts of one instant, and begin those that follow; whether there is more to do than that."""
        rows, waited, more = self.log.rows, self.core.waits.by_task, -1
        records = [TaskFinished(now, run.name, run.line.ids[index], "success") for run, index, _ in ended]
        rows.extend(records)
        begin: list[Fresh] = []
        for (run, index, _), record in zip(ended, records):
            line, state, left = run.line, run.state, run.state.left
            state.results[index] = record
            state.unfinished -= 1
            found = -1
            if line.heard[index] or line.awaited[index] in waited:
                found = self._say(run, index, now)
            else:
                for dataset in line.outlets[index]:
                    rows.append(run.published(index, now, dataset))
            for each in line.nexts[index]:
                left[each] = rest = left[each] - 1
                if not rest and not state.asked[each]:
                    begin.append((line.ranks[each], run.name, each, run))
            if line.others[index] or not state.unfinished:
                found = len(rows) if found < 0 else found
                self._go_on(run, line.others[index], now)
            if more < 0:
                more = found
        if more >= 0:
            self._hand_over(begin)
            self._meet(now)
            self.core.cursor = more
            return True
        if len(begin) > 1:
            begin.sort()
        self._begin_quick(begin, now)
        return False

    def _begin_quick(self, begin: list[Fresh], now: int) -> None:
        """Begin quick attempts, in this order, and forget the list. O(log instants) each."""
        rows, ends = self.log.rows, self._at
        for _, offset, index, run in begin:
            line = run.line
            run.began[index] = now
            rows.append(TaskStarted(now, offset, line.ids[index]))
            end = now + line.spans[index]
            if end in ends:
                self._ends(end, (run, index, 1))
            else:
                ends[end] = run, index, 1
                heappush(self.instants, end)
        begin.clear()

    def _say(self, run: CourseRun, index: int, now: int) -> int:
        """Publish what a success publishes, tell the waits for it: from which offset on more may follow, else -1."""
        line, rows, core = run.line, self.log.rows, self.core
        first = len(rows)
        if line.heard[index]:
            self._meet(now)
            wanted = [[dataset, None, None, None, "updated", None, None] for dataset in line.outlets[index]]
            core.runs.flow.publish(run.state, line.ids[index], wanted)
            told = len(rows)
        else:
            for dataset in line.outlets[index]:
                rows.append(run.published(index, now, dataset))
            first = told = len(rows)
        if line.awaited[index] in core.waits.by_task:
            self._meet(now)
            core.waits.on_task_ended(run.state.dag.id, line.ids[index])
        return first if line.heard[index] or len(rows) > told else -1

    def _go_on(self, run: CourseRun, others: tuple[int, ...], now: int) -> None:
        """Ask for tasks that are not quick, and for the end of the run."""
        self._meet(now)
        state = run.state
        for other in others:
            state.left[other] -= 1
        for other in others:
            self.core.runs.flow.consider(state, other)
        if not state.unfinished:
            begun, outcome = state.started, "success" if run.line.sure else state.outcome()
            date, partition, cascade = begun.logical_date, begun.partition, begun.cascade
            self.log.push(RunFinished(now, begun.run, begun.dag, begun.key, outcome, date, partition, cascade))

    def _hand_over(self, begin: list[Fresh]) -> None:
        flow = self.core.runs.flow
        for rank, offset, index, run in begin:
            run.state.asked[index] = 1
            flow.startable.add((offset, index))
            heappush(flow.ready, (rank, offset, index))

    def _meet(self, now: int) -> None:
        """Let clock and log be where this course is, before anybody else looks."""
        self.clock.advance_to(now)
        self.log.next_offset = len(self.log.rows)
        self.log.last_at = now


def _listed(ended: Attempt | list[Attempt]) -> list[Attempt]:
    return ended if isinstance(ended, list) else [ended]
