"""One course of events: the engine's fold on a log in memory, a virtual clock, and a heap of attempts' ends as runner.

Owns the order of instants and nothing of what they mean: every rule is the fold's. Invariants: time never goes back; at
one instant first the timers step, then attempts end, then delayed ones may begin, then outside publishes, each with all
that follows from it; then slots are given out, to runs and to attempts, until nothing more may begin; what ends at the
same instant has a further turn. The same question gives the same log, record for record. An attempt costs O(log
attempts) beside what its records cost the fold.

From `until` on no clock ticks, no silence is noticed and outside publishes nothing new; what was begun before goes on
to its end, with what follows from it. An attempt ends when its time is over, or at its task's timeout if that is
sooner.
"""

from __future__ import annotations

import sys
from collections import deque
from heapq import heappop, heappush
from itertools import count
from operator import itemgetter
from typing import TYPE_CHECKING, TypeAlias

import msgspec

from reactive_dag.engine.deciding.router import ActiveTrigger
from reactive_dag.engine.fold.fold import Fold
from reactive_dag.engine.fold.hooks import FoldHooks
from reactive_dag.engine.items.identity import RunInfo
from reactive_dag.log.memory import MemoryLog
from reactive_dag.model.collector import calm_collector
from reactive_dag.model.records import Mark, Published, Registered, RunRequested, Tick
from reactive_dag.model.times import NEVER
from reactive_dag.streams.clock import VirtualClock
from reactive_dag.triggers.firing import Firing
from reactive_dag.triggers.leaves.schedule import Scheduled
from reactive_dag.triggers.walks import walk
from reactive_dag.whatif.course.attempts import CourseAttempts
from reactive_dag.whatif.course.outcomes import Outcomes
from reactive_dag.whatif.course.prepared import PreparedGraph, Registrations
from reactive_dag.whatif.question.effects import Effects
from reactive_dag.whatif.question.future_draws import FutureDraws
from reactive_dag.whatif.question.identity import RunIdentities
from reactive_dag.whatif.question.question import LAST, Question

if TYPE_CHECKING:
    from reactive_dag.engine.runs.state import RunState

ALL = sys.maxsize
"""So many records at once: all that there are."""


OutsideEvent: TypeAlias = tuple[int, str, int, str | None]
"""When outside publishes, to which dataset, its tick and its partition."""


class CoursePlayer:
    """Plays one course: `run` plays it to its end and gives the fold that holds it."""

    def __init__(self, question: Question, prepared: PreparedGraph, effects: Effects, future: int = 0) -> None:
        self.question = question
        self.prepared = prepared
        self.log = MemoryLog()
        self.clock = VirtualClock(question.start - 1)
        self.core = Fold(question.graph, self.log, self.clock, hooks=self._hooks(effects))
        self._identities = RunIdentities(self.log.record, self._info)
        self.draws = FutureDraws(effects, question.seed, self._identities.of, future)
        self.outcomes = Outcomes(effects, self.draws)
        self.attempts = CourseAttempts(self.core, self.outcomes, effects.workers)
        self._number = count()
        self._delayed: list[tuple[int, int, int, int]] = []
        self._outside = deque(self._outside_events())

    def _hooks(self, effects: Effects) -> FoldHooks:
        return FoldHooks(
            before_fire=self._before_end,
            delay_first=self._comes_later if effects.tasks else None,
            delay_run=self._run_comes_later if effects.dags else None,
            done_before=self.question.start,
            capacities=effects.capacities,
            caches=self.prepared.caches,
        )

    def run(self) -> Fold:
        """Play to the end. O(records)."""
        with self.log.lock, calm_collector():
            self._register()
            self._settle()
            while (now := self._next()) < LAST:  # as arrays (W20): what is not over by then does not end
                self.clock.advance_to(now)
                self._play(now)
        self.log.commit()
        return self.core

    # ------------------------------------------------------------------------------------- instants

    def _next(self) -> int:
        """The next instant at which something is to be done; NEVER if all that was begun has ended."""
        due = self._due()
        return due if due < self.question.until or self._goes_on(due) else NEVER

    def _due(self) -> int:
        due = min(self.core.timers.due, self.attempts.next_end())
        if self._delayed:
            due = min(due, self._delayed[0][0])
        if self._outside:
            due = min(due, self._outside[0][0])
        return due

    def _play(self, now: int) -> None:
        """Decide all that is due at an instant, then begin what may begin."""
        if self.core.timers.due <= now:
            self.log.push(Tick(now))
            self._decide()
        self.attempts.end(now)
        self._decide()
        self._offer_delayed(now)
        self._publish(now)
        self._settle()

    def _decide(self) -> None:
        """Apply what is there, with all that follows from it at this instant. O(records + what they reach)."""
        while True:
            while self.core.cursor < self.log.next_offset:
                self.core.drain(ALL)
            if self.core.timers.due > self.clock.now():
                return
            self.log.push(Tick(self.clock.now()))

    def _settle(self) -> None:
        """Decide what is there, and begin what may begin, until nothing is left to do at this instant."""
        self._decide()
        while (self.core.slots.to_look and self.core.begin_runs()) or self.attempts.begin_some():
            self._decide()

    def _goes_on(self, due: int) -> bool:
        """Whether something under way still ends by itself; a wait without a timeout does not. O(state).

        `due` is the next instant at which there would be something to do.
        """
        runs = self.core.runs
        if self.attempts.next_end() < NEVER or self._delayed or self._outside or runs.flow.retries.of_task:
            return True
        if runs.timeouts.timers or runs.flow.timeouts.of_task:
            return True
        if runs.delay_run is not None and self.core.statuses.has_delayed():
            return True
        if any(watch.wait.timeout is not None for watch in self.core.waits.watches):
            return True
        now = self._seen_last(due)
        return any(self._window_is_open(active, now) for active in self.core.router.triggers.values())

    def _seen_last(self, due: int) -> int:
        """When something happened last before an instant. O(1)."""
        return self.clock.now()

    def _window_is_open(self, active: ActiveTrigger, now: int) -> bool:
        longest = 0
        for part in walk(active.trigger):
            if part.holds_for is None:
                return False
            longest += part.holds_for
        due = active.circuit.due
        return due <= now + longest and bool(active.circuit.pending())

    # ------------------------------------------------------------------------------------- definitions

    def _register(self) -> None:
        """Put the graph's triggers into force: clocks just before the start, so that a tick at the start is one.

        No tick before the start is missed, and none is due from `until` on.
        """
        clocked, others = self.registrations()
        self.log.push_many(clocked)
        self._settle()
        self.clock.advance_to(self.question.start)
        self.log.push_many(others)

    def registrations(self) -> tuple[list[Registered], list[Registered]]:
        """The records that put the graph's triggers into force: those with a clock, and the others. O(triggers)."""
        known = self.prepared.registered(lambda: self._registrations(self.question.start))
        found = [(record, clocked) for record, clocked in known if self._is_played(record.dag)]
        return [self._bounded(record) for record, clocked in found if clocked], [
            self._at_start(record) for record, clocked in found if not clocked
        ]

    def _is_played(self, dag: str) -> bool:
        """Whether the triggers of a DAG are to be in force: those of all. O(1)."""
        return True

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

    # ------------------------------------------------------------------------------------- what comes later

    def _comes_later(self, run: RunState, index: int) -> bool:
        """Whether a first attempt is offered later than it could be; then it is when its time has come."""
        late = self.outcomes.lateness(run, index)
        if late:
            heappush(self._delayed, (self.clock.now() + late, next(self._number), run.run, index))
        return late > 0

    def _run_comes_later(self, offset: int, request: RunRequested) -> int:
        """How much later (ns) than its request a run is queued."""
        return self.draws.run_lateness(offset, request.dag)

    def _info(self, request: RunRequested) -> RunInfo:
        """What a run will say of itself, as its request has it (R1)."""
        runs = self.core.runs
        return runs.logical_dates.info(request, runs.dag_of(request.dag))

    def _offer_delayed(self, now: int) -> None:
        while self._delayed and self._delayed[0][0] == now:
            _, _, offset, index = heappop(self._delayed)
            run = self.core.runs.live.get(offset)
            if run is not None and not run.final(index):
                self.core.runs.flow.offer(run, index)

    # ------------------------------------------------------------------------------------- outside

    def _outside_events(self) -> list[OutsideEvent]:
        """What outside publishes, in order: each has a tick as date, and its partition; one a static value.

        O(events log events).
        """
        start, until = self.question.start, self.question.until
        found: list[OutsideEvent] = []
        for source in self.question.sources:
            partitions = self.core.publishing.dataset_of(source.dataset).partitions
            for tick in source.ticks(start, until):
                for each in (None,) if partitions is None else partitions.of_instant(tick):
                    late = self.draws.event_lateness(source.dataset, tick, each)
                    found.append((tick + late, source.dataset, tick, each))
        return sorted(found, key=itemgetter(0))

    def _publish(self, now: int) -> None:
        """Publish what is due from outside."""
        while self._outside and self._outside[0][0] == now:
            _, dataset, tick, partition = self._outside.popleft()
            self.core.publishing.push(Published(now, dataset, 0, partition, tick))


def _follows_from_silence(firing: Firing, until: int) -> bool:
    beyond = any(isinstance(item, Mark) and item.due >= until for item in firing.items)
    return beyond or any(each.missing and not each.correction for each in firing.rolled)
