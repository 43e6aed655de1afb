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

from reactive_dag.engine.taskflow import Ready
from reactive_dag.model.records import RunFinished, RunStarted, TaskFinished, TaskStarted
from reactive_dag.simulate.courserun import DONE, CourseRun

if TYPE_CHECKING:
    from reactive_dag.declare.dag import Dag
    from reactive_dag.engine.core import Core
    from reactive_dag.engine.runstate import RunState
    from reactive_dag.simulate.courselog import CourseLog
    from reactive_dag.simulate.lines import Line
    from reactive_dag.streams.clock import VirtualClock

Attempt = tuple[CourseRun, int, int]
"""A run, the number of the task, and that of the attempt."""

Fresh = tuple[int, int, int, CourseRun]
"""A quick task that may begin: rank, run and number, which are the order, and the run itself."""

FAILED = "fails, as the simulation was told"


class Attempts:
    """The attempts under way in one course. `fails` says whether one fails, `later` whether a first one comes later."""

    def __init__(
        self, core: Core, log: CourseLog, clock: VirtualClock, lines: dict[str, Line],
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
        runs = core.runs
        self._finish = runs.run_finished
        runs.state_of = self._state_of  # type: ignore[method-assign]
        runs.run_finished = self._run_finished  # type: ignore[method-assign]

    # ------------------------------------------------------------------------------------- runs

    def _state_of(self, begun: RunStarted, dag: Dag) -> RunState:
        """As the run table's own, for a run of a course. O(tasks)."""
        runs, log, line = self.core.runs, self.log, self.lines[dag.id]
        request = runs.request(begun.run)
        shape = runs.shapes.of(dag)
        run = CourseRun(begun, dag, shape, request.causes, request.at, request.label, request.payload, request.mapped)
        run.join(line, log.numbers_for(run, line.rows) if log.compact else 0)
        runs.flow.prioritized = runs.flow.prioritized or shape.prioritized
        return run

    def _run_finished(self, record: RunFinished) -> RunState | None:
        """As the run table's own, but the history row of the run is made when somebody asks. O(1)."""
        runs = self.core.runs
        run = runs.live.get(record.run)
        if not isinstance(run, CourseRun):
            return self._finish(record)
        del runs.live[record.run]
        runs.active[record.dag] -= 1
        self.log.note_ended(run, record)
        runs.start_what_may(record.dag)
        return run

    # ------------------------------------------------------------------------------------- any attempt

    def begin(self, ready: list[Ready]) -> None:
        """Begin every attempt that may begin, in the order of priority and request.

        Nothing lies between these records and the cursor, so they are applied as they are pushed.
        """
        flow, log, now = self.core.runs.flow, self.log, self.clock.now()
        while ready:
            rank, offset, index = heappop(ready)
            run = flow.live.get(offset)
            if run is None or (offset, index) not in flow.startable:
                continue
            assert isinstance(run, CourseRun)
            if run.line.quick[index]:
                flow.startable.discard((offset, index))
                self._begin_quick([(rank, offset, index, run)], now)
            elif not self.later(run, index):
                record = TaskStarted(now, offset, run.line.ids[index], run.attempt[index] + 1)
                log.push(record)
                flow.opened(run, index, record)
                end = now + run.line.spans[index]
                self.special.add(end)
                self._ends(end, (run, index, record.attempt))
            log.next_offset = len(log.rows)
        self.core.cursor = log.next_offset

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
                run.unfold_one(index)
            if index in run.open and run.attempt[index] == number:
                task, state, error = run.line.ids[index], "success", None
                if self.fails(run, task, number):
                    state, error = "failed", FAILED
                record = TaskFinished(now, run.name, task, state, number, None, error)
                log.push(record)
                ended.append((run, index, record))
        core.cursor = log.next_offset
        for run, index, record in ended:
            flow.ended(offset, run, index, record)
            offset += 1
        if core.out or core.answers.given:
            core.flush()

    # ------------------------------------------------------------------------------------- quick attempts

    def play_quick(self, limit: int) -> None:
        """Play the instants before `limit` at which only quick attempts end, up to one after which there is more to do.

        That stands in the log, beyond the cursor, and in the flow's `ready`. One long loop, since a call costs as much
        as all that is done for an attempt.
        """
        log, instants, ends, special = self.log, self.instants, self._at, self.special
        rows, compact, append = log.rows, log.compact, log.rows.append
        last, now = None, 0
        while instants and instants[0] < limit and instants[0] not in special:
            now = heappop(instants)
            ended = ends.pop(now)
            if type(ended) is tuple:
                run, index, _ = ended
                if run is not last:
                    last = run
                    simple, nexts, left, asked, began, over, results, spans, ids, offset, code, end_code = run.kit
                if simple[index] and run.unfinished > 1:
                    run.unfinished -= 1
                    if compact:
                        over[index] = now
                        results[index] = DONE
                        append(end_code + index)
                    else:
                        results[index] = record = TaskFinished(now, offset, ids[index], "success")
                        append(record)
                    for each in nexts[index]:
                        left[each] = rest = left[each] - 1
                        if not rest and not asked[each]:
                            began[each] = now
                            append(code + each if compact else TaskStarted(now, offset, ids[each]))
                            end = now + spans[each]
                            if end in ends:
                                self._ends(end, (run, each, 1))
                            else:
                                ends[end] = run, each, 1
                                heappush(instants, end)
                    continue
            if self._end_quick(_listed(ended), now):
                return
        self._meet(now)
        self.core.cursor = len(rows)

    def _end_quick(self, ended: list[Attempt], now: int) -> bool:
        """End quick attempts of one instant, and begin those that follow; whether there is more to do than that."""
        rows, compact = self.log.rows, self.log.compact
        first = len(rows)
        for run, index, _ in ended:
            run.over[index] = now
            ids = run.line.ids
            rows.append(run.end_code + index if compact else TaskFinished(now, run.name, ids[index], "success"))
        begin: list[Fresh] = []
        more = False
        for offset, (run, index, _) in enumerate(ended, first):
            line, left = run.line, run.left
            run.results[index] = DONE if compact else cast(TaskFinished, rows[offset])
            run.unfinished -= 1
            if line.says[index] and self._say(run, index, now):
                more = True
            for follower in line.nexts[index]:
                left[follower] -= 1
                if not left[follower] and not run.asked[follower]:
                    begin.append((line.ranks[follower], run.name, follower, run))
            if line.others[index] or not run.unfinished:
                more = True
                self._go_on(run, line.others[index], now)
        if more:
            self._hand_over(begin)
            self._meet(now)
            self.core.cursor = first + len(ended)
            return True
        begin.sort()
        self._begin_quick(begin, now)
        return False

    def _begin_quick(self, begin: list[Fresh], now: int) -> None:
        """Begin quick attempts, in this order. O(log instants) each."""
        rows, compact = self.log.rows, self.log.compact
        for _, offset, index, run in begin:
            line = run.line
            run.began[index] = now
            rows.append(run.code + index if compact else TaskStarted(now, offset, line.ids[index]))
            self._ends(now + line.spans[index], (run, index, 1))

    def _say(self, run: CourseRun, index: int, now: int) -> bool:
        """Publish what a success publishes, and tell the waits for it; whether more may follow from that."""
        line, rows = run.line, self.log.rows
        more = False
        if line.dated[index]:
            self._meet(now)
            wanted = [[dataset, None, None, None, "updated", None, None] for dataset, _, _ in line.outlets[index]]
            self.core.runs.publish(run, line.ids[index], wanted)
            more = True
        else:
            for kind, (dataset, number, heard) in enumerate(line.outlets[index], 1):
                event = run.end_code + kind * line.size + index
                rows.append(event if self.log.compact else run.published(index, now, dataset, number))
                more = more or heard
        if line.awaited[index] and run.dag.id in self.core.waits.watches:
            self._meet(now)
            before = len(rows)
            self.core.waits.heard_task(run.dag.id, line.ids[index])
            more = more or len(rows) != before
        return more

    def _go_on(self, run: CourseRun, others: tuple[int, ...], now: int) -> None:
        """Ask for tasks that are not quick, and for the end of the run."""
        self._meet(now)
        for other in others:
            run.left[other] -= 1
        for other in others:
            self.core.runs.flow.consider(run, other)
        self.core.runs.end_if_done(run)

    def _hand_over(self, begin: list[Fresh]) -> None:
        flow = self.core.runs.flow
        for rank, offset, index, run in begin:
            run.asked[index] = 1
            flow.startable.add((offset, index))
            heappush(flow.ready, (rank, offset, index))

    def _meet(self, now: int) -> None:
        """Let clock and log be where this course is, before anybody else looks."""
        self.clock.advance_to(now)
        self.log.next_offset = len(self.log.rows)
        self.log.last_at = now


def _listed(ended: Attempt | list[Attempt]) -> list[Attempt]:
    return ended if isinstance(ended, list) else [ended]
