"""One future of a window, event by event, in plain Python: all that limits and failures do to it.

Owns the state of one play. Beside what the one pass knows there are failures and retries, timeouts of tasks, waits and
runs, waits that fail softly, pools, workers, priorities, and `max_active_runs` with its overlap. Which attempts of a
task fail and how long each takes is drawn before (`Attempts`), so what is left is when each begins. At one instant
timers come first, then ends, then the runs that may begin, then slots, in the order of engine/limits/slots.py; so it
goes on until nothing is left of the instant. Nodes that follow each other at one instant stand in a list, so a chain
of any length uses a constant stack. O(log events) each, O(pools) for each instant at which slots are given.
"""

from __future__ import annotations

from heapq import heapify, heappop, heappush
from typing import TYPE_CHECKING

from reactive_dag.whatif.loops.run_limits import RunLimits
from reactive_dag.whatif.loops.slot_lines import SlotLines
from reactive_dag.whatif.loops.states import (
    CANCELLED,
    FAILED,
    NEVER_BEGUN,
    READY,
    RETRYING,
    RUNNING,
    SKIPPED,
    SUCCESS,
    UPSTREAM_FAILED,
    WAITING,
)
from reactive_dag.whatif.window.arrays import BEYOND, LOST, MET, START, TASK, WAIT

if TYPE_CHECKING:
    from collections.abc import Sequence

    from reactive_dag.whatif.loops.attempts import AttemptLists
    from reactive_dag.whatif.loops.loop_plan import LoopPlan

TIMEOUT, TICK, DUE, OVER = range(4)
"""What happens at an instant, in this order: a wait (or, below 0, a run) took too long; a tick or an event from outside
comes; a node is due that comes later, or once more; an attempt is over. One that takes no time is over later, by as
many as slots were given out at that instant."""

WAITS = WAIT, MET, LOST
FAILURES = FAILED, UPSTREAM_FAILED, CANCELLED
"""What fails those that wait for it."""

LoopEvent = tuple[int, int, int]
"""The instant, what happens, and to which node."""


class EventLoop:
    """One play; afterwards `begin`, `end`, `state` and `attempts` say of each node what became of it.

    `again` says of nodes with several attempts when the further ones began.

    `base` and `delay` are the earliest instants and the delays of nodes, `drawn` the attempts of tasks; `capacity`
    holds the slots of each pool, `workers` how many attempts there may be at once (None: any number).
    """

    def __init__(
        self, plan: LoopPlan, base: Sequence[int], delay: Sequence[int], drawn: AttemptLists,
        capacity: Sequence[int] = (), workers: int | None = None,
    ) -> None:  # fmt: skip
        size = plan.size
        self.plan = plan
        self.delay = delay
        self.drawn = drawn
        self.begin = [BEYOND] * size
        self.end = [BEYOND] * size
        self.state = [NEVER_BEGUN] * size
        self.attempts = [0] * size
        self.again: dict[int, list[int]] = {}
        self._odd = {*drawn.later, *drawn.failing}
        self._left = plan.needs[:]
        self._skips: set[int] = set()
        self._open = plan.open_tasks[:]
        self._bad: set[int] = set()
        self._until: dict[int, int] = {}
        self._now = 0
        self._turn = 0
        """How often at this instant slots were given out before."""
        self._todo: list[int] = []
        first = [(node, DUE if delay[node] else TICK) for node in plan.roots]
        self._heap: list[LoopEvent] = [(base[node] + delay[node], what, node) for node, what in first]
        self._slots = SlotLines(plan, capacity, workers, self.begin, delay, self.state, self._begin_attempt)
        self._runs = RunLimits(plan, self._begin_run, self._skip_run, self._replace)

    @property
    def ends(self) -> list[int]:
        """The ends of what succeeded, BEYOND of all else. O(nodes)."""
        return [end if state == SUCCESS else BEYOND for end, state in zip(self.end, self.state)]

    # ------------------------------------------------------------------------------------- time

    def play(self) -> None:
        """Play until nothing is left to happen. O(events * log)."""
        heap, todo, state, slots, runs = self._heap, self._todo, self.state, self._slots, self._runs
        line, limited, odd, settle = self.plan.line, not slots.eager, self._odd, self._settle
        heapify(heap)
        while heap:
            self._turn = self._turn + 1 if heap[0][0] == self._now else 0
            self._now = now = heap[0][0]
            if now >= BEYOND:
                return
            most = OVER + self._turn
            while True:
                while heap and heap[0][0] == now and heap[0][1] <= most:
                    _, what, node = heappop(heap)
                    if what >= OVER:
                        if state[node] == RUNNING:
                            if limited or line[node]:
                                slots.give_back(node)
                            if node in odd:
                                self._odd_attempt_ends(node)
                            else:
                                settle(node, SUCCESS)
                    elif what == TIMEOUT:
                        self._too_late(node)
                    else:
                        self._due(node)
                        if what == TICK and heap and heap[0][0] == now and heap[0][1] == TICK:
                            continue  # what they request is there when anything else happens
                    if todo:
                        self._work()
                if not runs.look:
                    break
                runs.take()
                self._work()
            if slots.asked:
                slots.give()

    def _due(self, node: int) -> None:
        """The time of a node that comes later, or of another attempt, has come."""
        if self.state[node] in (RETRYING, NEVER_BEGUN):
            self._go(node)

    def _too_late(self, node: int) -> None:
        if node < 0:
            if self.state[self.plan.run_end[~node]] == NEVER_BEGUN:
                self._cancel(~node, FAILED)
        elif self.state[node] == WAITING and self._until[node] == self._now:
            self._end_wait(node, FAILED)

    # ------------------------------------------------------------------------------------- nodes

    def _work(self) -> None:
        """Go on with all that became ready at this instant; a negative number is a wait that is to look."""
        todo, delay, state, kind = self._todo, self.delay, self.state, self.plan.kind
        while todo:
            node = todo.pop()
            if node < 0:
                if state[~node] == WAITING:
                    self._look(~node)
            elif state[node] == NEVER_BEGUN:
                if delay[node] or self._skips:
                    self._later(node)
                elif kind[node] == TASK:
                    self._ask(node)
                else:
                    self._go(node)
            elif state[node] == UPSTREAM_FAILED and self.end[node] == BEYOND:
                self._settle_unrun(node, UPSTREAM_FAILED)

    def _later(self, node: int) -> None:
        """Go on with one that may be skipped, or come later."""
        if node in self._skips:
            self._settle_unrun(node, SKIPPED)
        elif self.delay[node]:
            heappush(self._heap, (self._now + self.delay[node], DUE, node))
        else:
            self._go(node)

    def _go(self, node: int) -> None:
        """Begin a node as far as nothing but slots holds it."""
        kind = self.plan.kind[node]
        if kind == TASK:
            self._ask(node)
        elif kind in WAITS:
            self._begin_wait(node)
        elif kind == START:
            self._request(node)
        else:
            self._settle_unrun(node, SUCCESS)

    def _settle(self, node: int, state: int) -> None:
        """Give a node its final state, and count it for those that follow it. O(followers)."""
        plan = self.plan
        self.state[node] = state
        self.end[node] = self._now
        if state == SUCCESS:
            left = self._left
            for each in plan.followers[node]:
                left[each] = rest = left[each] - 1
                if not rest:
                    self._todo.append(each)
        else:
            self._settle_badly(node, state)
        if plan.watching[node]:
            self._todo += plan.watching[node]
        run = plan.counted_in[node]
        if run >= 0:
            self._open[run] = rest = self._open[run] - 1
            if not rest:
                self._end_run(run)

    def _settle_badly(self, node: int, state: int) -> None:
        """What follows one that did not succeed: in its own run it is `upstream_failed` at once, or skipped with all.

        A task that waits for its past waits for good behind a failure, and takes a skip for well (R14); a run that
        waits for a success is not requested.
        """
        plan, left, past = self.plan, self._left, self.plan.past[node]
        if state != SKIPPED:
            self._bad.add(plan.run[node])
        for each in plan.followers[node]:
            here = plan.kind[each] != START and each not in past
            if state == SKIPPED and (here or each in past):
                if here:
                    self._skips.add(each)
                left[each] = rest = left[each] - 1
                if not rest:
                    self._todo.append(each)
            elif here and self.state[each] == NEVER_BEGUN:
                self.state[each] = UPSTREAM_FAILED
                self._todo.append(each)

    def _settle_unrun(self, node: int, state: int) -> None:
        """One that takes no time begins and ends at once."""
        self.begin[node] = self._now
        self._settle(node, state)

    # ------------------------------------------------------------------------------------- tasks

    def _ask(self, node: int) -> None:
        """Begin an attempt, or let it wait for slots. O(log events)."""
        if self._slots.eager and not self.plan.line[node]:
            self._begin_attempt(node)
        else:
            self._slots.offer(node)

    def _begin_attempt(self, node: int) -> None:
        """An attempt begins, with its slots. O(log events)."""
        now, number = self._now, self.attempts[node]
        self.attempts[node] = number + 1
        self.state[node] = RUNNING
        if number:
            self.again.setdefault(node, []).append(now)
            span = self.drawn.later[node][number - 1][1]
        else:
            self.begin[node] = now
            span = self.drawn.first[node]
        heappush(self._heap, (now + span, OVER if span else OVER + 1 + self._turn, node))

    def _odd_attempt_ends(self, node: int) -> None:
        """An attempt of a task that fails, or did, is over: the next one comes later, or the task has its state."""
        number, later = self.attempts[node], self.drawn.later.get(node, ())
        if number <= len(later):
            self.state[node] = RETRYING
            heappush(self._heap, (self._now + later[number - 1][0], DUE, node))
        else:
            self._settle(node, FAILED if node in self.drawn.failing else SUCCESS)

    # ------------------------------------------------------------------------------------- waits

    def _begin_wait(self, node: int) -> None:
        """A wait begins, and looks. O(candidates)."""
        if not self.attempts[node]:
            self.begin[node] = self._now
        else:
            self.again.setdefault(node, []).append(self._now)
        self.attempts[node] += 1
        self.state[node] = WAITING
        timeout = self.plan.timeout[self.plan.subject[node]]
        if timeout is not None:
            self._until[node] = due = self._now + timeout
            heappush(self._heap, (due, TIMEOUT, node))
        if self.plan.kind[node] == WAIT:
            self._look(node)
        elif self.plan.kind[node] == MET:
            self._settle(node, SUCCESS)
        else:
            self._end_wait(node, FAILED)

    def _look(self, node: int) -> None:
        """Judge a wait by the newest of its candidates whose run is requested. O(candidates)."""
        for awaited, start in self.plan.candidates[node] or ():
            if self.begin[start] != BEYOND:
                found = self.state[awaited]
                if found == SUCCESS:
                    self._settle(node, SUCCESS)
                elif found in FAILURES:
                    self._end_wait(node, FAILED)
                return

    def _end_wait(self, node: int, state: int) -> None:
        """A wait is decided: one that failed begins anew if it has a retry left, or fails softly."""
        if state == FAILED:
            delays, number = self.plan.delays[self.plan.subject[node]], self.attempts[node]
            if number <= len(delays):
                self.state[node] = RETRYING
                heappush(self._heap, (self._now + delays[number - 1], DUE, node))
                return
            if self.plan.soft[self.plan.subject[node]]:
                state = SKIPPED
        self._settle(node, state)

    # ------------------------------------------------------------------------------------- runs

    def _request(self, node: int) -> None:
        """A run is requested: it begins at once, or when its DAG has room. O(1)."""
        self.begin[node] = self._now
        run = self.plan.run[node]
        if self.plan.limit[self.plan.run_dag[run]] is None:
            self._begin_run(run)
        else:
            self.state[node] = READY
            self._runs.queue(run)

    def _begin_run(self, run: int) -> None:
        """A run begins. O(its first tasks)."""
        timeout = self.plan.run_timeout[self.plan.run_dag[run]]
        if timeout is not None:
            heappush(self._heap, (self._now + timeout, TIMEOUT, ~run))
        self._settle(self.plan.run_start[run], SUCCESS)

    def _end_run(self, run: int) -> None:
        """All tasks of a run have their states. O(last tasks)."""
        last, state = self.plan.last[run], self.state
        found = FAILED if run in self._bad else SUCCESS
        if found == SUCCESS and all(state[node] == SKIPPED for node in last):
            found = SKIPPED
        self._leave(run, found)

    def _leave(self, run: int, state: int) -> None:
        self._runs.leave(run)
        self._settle_unrun(self.plan.run_end[run], state)

    def _skip_run(self, run: int) -> None:
        """A run that is not to be beside others does not happen. O(1)."""
        self.state[self.plan.run_start[run]] = SKIPPED
        self.end[self.plan.run_start[run]] = self._now
        self._leave(run, SKIPPED)

    def _replace(self, run: int) -> None:
        """Another run takes the place of this one, queued or active. O(tasks)."""
        start = self.plan.run_start[run]
        if self.state[start] == SUCCESS:
            self._cancel(run, CANCELLED)
        else:
            self.state[start] = CANCELLED
            self.end[start] = self._now
            self._leave(run, CANCELLED)

    def _cancel(self, run: int, state: int) -> None:
        """Give all that is left of a run up; the run has `state`. O(tasks)."""
        slots = self._slots
        for node in self.plan.run_nodes[run]:
            if self.end[node] == BEYOND:
                if self.state[node] == RUNNING:
                    slots.give_back(node)
                elif self.state[node] == READY:
                    slots.withdraw(node)
                self.state[node] = CANCELLED
                self.end[node] = self._now
                self.begin[node] = min(self.begin[node], self._now)
                self._todo += self.plan.watching[node]
        self._leave(run, state)
