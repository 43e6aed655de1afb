"""One course of events: the engine's fold on a log in memory, a virtual clock, and a heap of attempts' ends as runner.

Owns the order of instants and nothing of what they mean: every rule is the fold's. Invariants: time never goes back; at
one instant first the timers step, then attempts end, then delayed ones begin, then outside publishes, each with all
that follows from it; the same question gives the same log, record for record. An attempt costs O(log attempts) beside
what its records cost the fold.

From `until` on no clock ticks, no silence is noticed and outside publishes nothing new; what was begun before goes on
to its end, with what follows from it. An attempt ends when its time is over, or at its task's timeout if that is
sooner.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from hashlib import blake2b
from heapq import heappop, heappush
from itertools import count
from typing import TYPE_CHECKING

import msgspec

from reactive_dag.engine.deciding.router import ActiveTrigger
from reactive_dag.engine.fold.hooks import FoldHooks
from reactive_dag.model.collector import calm_collector
from reactive_dag.model.records import Mark, Published, Registered, Tick
from reactive_dag.model.times import NEVER
from reactive_dag.streams.clock import VirtualClock
from reactive_dag.triggers.firing import Firing
from reactive_dag.triggers.leaves.schedule import Scheduled
from reactive_dag.triggers.walks import walk
from reactive_dag.whatif.course.attempts import CourseAttempts
from reactive_dag.whatif.course.fold import CourseFold
from reactive_dag.whatif.course.log import CourseLog
from reactive_dag.whatif.course.prepared import PreparedGraph, Registrations
from reactive_dag.whatif.question.effects import Effects
from reactive_dag.whatif.question.question import Question

if TYPE_CHECKING:
    from reactive_dag.engine.runs.state import RunState

ALL = sys.maxsize
"""So many records at once: all that there are."""


class CoursePlayer:
    """Plays one course: `run` plays it to its end and gives the fold that holds it."""

    def __init__(self, question: Question, prepared: PreparedGraph, effects: Effects) -> None:
        self.question = question
        self.prepared = prepared
        self.log = CourseLog()
        self.clock = VirtualClock(question.start - 1)
        hooks = FoldHooks(
            before_fire=self._before_end,
            delay_wait=None if self.prepared.waits.isdisjoint(effects.tasks) else self._waits_first,
            keep_ended=self.log.keep_ended,
            delays={dag: by for dag, by in effects.dags.items() if by},
            done_before=question.start,
            caches=self.prepared.caches,
        )
        self.core = CourseFold(question.graph, self.log, self.clock, hooks=hooks)
        simple_tasks = self.prepared.simple_tasks(effects)
        self.attempts = CourseAttempts(
            self.core,
            self.log,
            self.clock,
            simple_tasks,
            self._fails_now,
            self._waits_first,
            effects.outputs,
        )
        self._delays = effects.tasks
        self._fails = effects.fails
        self._number = count()
        self._delayed: list[tuple[int, int, int, int]] = []
        self._held_once: set[tuple[int, int]] = set()
        self._outside: list[tuple[int, int, int, str, Iterator[int]]] = []
        for place, source in enumerate(question.sources):
            ticks = source.ticks(question.start, question.until)
            self._next_event(place, source.dataset, ticks, effects.datasets.get(source.dataset, 0))
        self._late = effects.datasets

    def run(self) -> CourseFold:
        """Play to the end. O(records)."""
        with self.log.lock, calm_collector():
            self._register()
            self._settle()
            while (now := self._next()) < NEVER:
                self._step(now)
                self._settle()
        self.log.commit()
        for run in self.attempts.runs.values():
            run.unfold()
        return self.core

    # ------------------------------------------------------------------------------------- instants

    def _next(self) -> int:
        """The next instant at which something is to be done; NEVER if all that was begun has ended."""
        due = self.core.timers.due
        ends = self.attempts.instants
        if ends and ends[0] < due:
            due = ends[0]
        if self._delayed and self._delayed[0][0] < due:
            due = self._delayed[0][0]
        if self._outside and self._outside[0][0] < due:
            due = self._outside[0][0]
        return due if due < self.question.until or self._goes_on() else NEVER

    def _step(self, now: int) -> None:
        """Do what comes first at an instant; where only simple attempts end, go on to where something else comes."""
        attempts = self.attempts
        if self.core.timers.due <= now:
            self.clock.advance_to(now)
            self.log.push_many([Tick(now)])
        elif attempts.instants and attempts.instants[0] == now:
            if now not in attempts.by_engine:
                attempts.play_fast_path(self._limit, self._settle)
            else:
                self.clock.advance_to(now)
                attempts.end(now)
        else:
            self.clock.advance_to(now)
            if self._delayed and self._delayed[0][0] == now:
                self._begin_delayed(now)
            else:
                self._publish()

    def _limit(self) -> int:
        """The first instant at which something else than an attempt's end is due. O(1)."""
        limit = self.core.timers.due
        if self._delayed:
            limit = min(limit, self._delayed[0][0] + 1)
        if self._outside:
            limit = min(limit, self._outside[0][0] + 1)
        return limit

    def _settle(self) -> None:
        """Apply what is there, and begin what may begin, until nothing is left to do at this instant."""
        core, log, slots = self.core, self.log, self.core.slots
        while True:
            if core.cursor < log.next_offset:
                core.drain(ALL)
            elif slots.to_look and core.begin_runs():
                continue
            elif slots.startable and (starting := slots.take_all(self.attempts.in_pools())):
                self.attempts.begin(starting)
                if slots.with_waits:
                    self._begin_waits(starting)
            else:
                return

    def _begin_waits(self, starting: list[tuple[RunState, int]]) -> None:
        """Begin the waits among what was given a slot. O(attempts)."""
        for run, index in starting:
            if run.tasks[index].wait is not None:
                self.core.waits.start(run, index)

    def _goes_on(self) -> bool:
        """Whether something under way still ends by itself; a wait without a timeout does not. O(state)."""
        runs = self.core.runs
        if self.attempts.instants or self._delayed or self._outside or runs.flow.retries.of_task:
            return True
        if runs.delays and self.core.statuses.has_delayed():
            return True
        if any(watch.wait.timeout is not None for watch in self.core.waits.watches):
            return True
        return any(self._window_is_open(active) for active in self.core.router.triggers.values())

    def _window_is_open(self, active: ActiveTrigger) -> bool:
        longest = 0
        for part in walk(active.trigger):
            if part.holds_for is None:
                return False
            longest += part.holds_for
        due = active.circuit.due
        return due <= self.clock.now() + longest and bool(active.circuit.pending())

    # ------------------------------------------------------------------------------------- definitions

    def _register(self) -> None:
        """Put the graph's triggers into force: clocks just before the start, so that a tick at the start is one.

        No tick before the start is missed, and none is due from `until` on.
        """
        start = self.question.start
        found = self.prepared.registered(lambda: self._registrations(start))
        self.log.push_many([self._bounded(record) for record, clocked in found if clocked])
        self._settle()
        self.clock.advance_to(start)
        self.log.push_many([self._at_start(record) for record, clocked in found if not clocked])

    def _registrations(self, start: int) -> Registrations:
        changes = self.core.definitions.changes(start, self.core.cursor)
        return [(record, self._is_clocked(record)) for record in changes if isinstance(record, Registered)]

    def _is_clocked(self, record: Registered) -> bool:
        trigger = self.question.graph.effective(record.dag).get(record.label)
        return trigger is not None and any(isinstance(part, Scheduled) for part in walk(trigger))

    def _at_start(self, record: Registered) -> Registered:
        """No deadline finds from `until` on that no run came."""
        options = record.options
        if "deadline" in options:
            options = {**options, "end": min(options.get("end", NEVER), self.question.until - 1)}
        return msgspec.structs.replace(record, at=self.question.start, options=options)

    def _bounded(self, record: Registered) -> Registered:
        options = dict(record.options)
        if options.get("start", NEVER) <= self.question.start:
            del options["start"]
        options["end"] = min(options.get("end", NEVER), self.question.until - 1)
        return msgspec.structs.replace(record, at=self.question.start - 1, options=options)

    def _before_end(self, active: ActiveTrigger, fired: list[Firing], at: int) -> list[Firing]:
        """Ticks, silences and gaps of rollups beyond the end decide nothing: that nothing comes any more is none."""
        until = self.question.until
        if at < until:
            return fired
        return [firing for firing in fired if not _follows_from_silence(firing, until)]

    # ------------------------------------------------------------------------------------- interventions

    def _fails_now(self, run: RunState, task: str, number: int) -> bool:
        return bool(self._fails) and self._draw(run, task, number)

    def _draw(self, run: RunState, task: str, number: int) -> bool:
        """Whether this attempt fails: drawn from the seed for it alone, whatever else is simulated."""
        chance = self._fails.get((run.dag.id, task.partition("[")[0]), 0.0)
        if chance in (0, 1):
            return chance == 1
        text = f"{self.question.seed}/{run.started.key}/{task}/{number}"
        drawn = int.from_bytes(blake2b(text.encode(), digest_size=8).digest())
        return drawn < chance * 2.0**64

    def _waits_first(self, run: RunState, index: int) -> bool:
        """Whether this is a first attempt that comes later; then it is looked at again when its time has come."""
        if not self._delays or run.attempt[index] or (run.run, index) in self._held_once:
            return False
        delay = self._delays.get((run.dag.id, run.plan.ids[index].partition("[")[0]))
        if not delay:
            return False
        self._held_once.add((run.run, index))
        heappush(self._delayed, (self.clock.now() + delay, next(self._number), run.run, index))
        return True

    def _begin_delayed(self, now: int) -> None:
        while self._delayed and self._delayed[0][0] == now:
            _, _, offset, index = heappop(self._delayed)
            run = self.core.runs.live.get(offset)
            if run is None or run.final(index):
                continue
            if run.arrays.waits[index]:
                self.core.runs.flow.waiting.begin(run, index)
            else:
                self.core.slots.offer(run, index)

    # ------------------------------------------------------------------------------------- outside

    def _next_event(self, place: int, dataset: str, ticks: Iterator[int], late: int) -> None:
        tick = next(ticks, None)
        if tick is not None:
            heappush(self._outside, (tick + late, place, tick, dataset, ticks))

    def _publish(self) -> None:
        """Publish the next event from outside: it has the tick as date, and its partition; one a static value."""
        at, place, tick, dataset, ticks = heappop(self._outside)
        partitions = self.core.publishing.dataset_of(dataset).partitions
        for partition in (None,) if partitions is None else partitions.of_instant(tick):
            self.core.publishing.push(Published(at, dataset, 0, partition, tick))
        self._next_event(place, dataset, ticks, self._late.get(dataset, 0))


def _follows_from_silence(firing: Firing, until: int) -> bool:
    beyond = any(isinstance(item, Mark) and item.due >= until for item in firing.items)
    return beyond or any(each.missing and not each.correction for each in firing.rolled)
