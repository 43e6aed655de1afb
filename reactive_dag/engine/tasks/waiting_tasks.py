"""Tasks that wait, in live runs: those that await what is recorded (waits.py), and those whose function looks (R29).

Owns no state: when a task looks next, and whether a look is owed, stands with all looks (looks.py). Invariant: a look
of a function is owed from its instant until it was recorded; a task that holds no worker is offered to the slots for
it, one in mode "poke" has its own. So it follows from the log, whoever executes. O(log timers) a look.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Protocol

from reactive_dag.declare.settings.looking import POKE

if TYPE_CHECKING:
    from reactive_dag.engine.runs.state import RunState
    from reactive_dag.engine.tasks.timeouts import AttemptTimeouts
    from reactive_dag.engine.tasks.waits import Waits
    from reactive_dag.model.records import Looked, TaskFinished, TaskStarted


class LookQueue(Protocol):
    """Where tasks, and looks, wait for a worker; `startable` has runs and numbers of those tasks."""

    startable: set[tuple[int, int]]

    def offer(self, run: RunState, index: int) -> None:
        """Take an attempt that is to start when it may."""

    def offer_wait(self, run: RunState, index: int) -> None:
        """Take a wait, or a look, that is to be when it may."""

    def withdraw(self, run: int, index: int) -> None:
        """It was, or will not be."""


class WaitingTasks:
    """The tasks of one engine that wait."""

    def __init__(self, waits: Waits, slots: LookQueue, timeouts: AttemptTimeouts, live: Mapping[int, RunState]) -> None:
        self.waits = waits
        self.looks = waits.looks
        self.slots = slots
        self.timeouts = timeouts
        self.live = live

    def begin(self, run: RunState, index: int) -> None:
        """A task may begin to wait; one that holds a worker, or executes, when there is one. O(log ready)."""
        wait = run.tasks[index].wait
        if wait is None:
            self.slots.offer(run, index)
        elif wait.mode == POKE or self.waits.outbox.replaying:  # where it has begun its `TaskStarted` follows
            self.slots.offer_wait(run, index)
        else:
            self.waits.start(run, index)

    def opened(self, run: RunState, index: int, record: TaskStarted, offset: int) -> None:
        """It began to wait; the first look of a function was handed out with that. O(dates + log timers)."""
        run.states[index] = "waiting"
        if run.arrays.untils[index] is None:
            self.waits.watching(run, index, record, offset)
        else:
            self.timeouts.watch(run, index)
            self.look_on(run, index, record.at)
            self.looks.owed.add((run.run, index))

    def end(self, run: RunState, index: int) -> None:
        """It waits no more, in this attempt. O(dates)."""
        self.waits.forget(run, index)
        self.slots.withdraw(run.run, index)

    def reasons(self, run: RunState) -> dict[int, str]:
        """What each task of a run that waits saw when it looked last, in words. O(attempts under way)."""
        found = {}
        for index in list(run.open):
            watch = self.waits.watches.by_place.get((run.run, index))
            looking = self.looks.of_place.get((run.run, index))
            seen = self.waits.seen(watch) if watch is not None else "" if looking is None else looking.seen
            if seen:
                found[index] = seen
        return found

    # ------------------------------------------------------------------------------------- functions that look

    def look_on(self, run: RunState, index: int, now: int) -> None:
        """The function of a task looks from its beginning on, and has looked up to `now`. O(log timers)."""
        until = run.arrays.untils[index]
        if until is not None:
            due = partial(self._due, run, index)
            self.looks.begin(run, index, run.open[index], until.poll, now, due, until.mode == POKE)

    def _due(self, run: RunState, index: int, now: int) -> None:
        """A look is due; one that executes still is the look of this instant too. O(1)."""
        place = run.run, index
        if place not in self.looks.owed:
            self.looks.owed.add(place)
            if place not in self.looks.holding:
                self.slots.offer_wait(run, index)

    def looked(self, offset: int, record: Looked) -> None:
        """A task looked, and waits on. O(1)."""
        run = self.live.get(record.run)
        index = -1 if run is None else run.arrays.index.get(record.task, -1)
        if run is not None and self.looks.looked((record.run, index), record) and run.arrays.untils[index] is not None:
            self.slots.withdraw(record.run, index)

    def renew(self, run: RunState) -> None:
        """What is under way goes on as it is declared now (R11), and what needs no worker any more begins. O(tasks)."""
        self.waits.renew(run)
        for index in run.open:
            until, place = run.arrays.untils[index], (run.run, index)
            before = self.looks.of_place.get(place)
            if until is None or before is None:
                continue
            self.timeouts.renew(run, index)
            if (until.poll, until.mode == POKE) != (before.poll, place in self.looks.holding):
                owed = place in self.looks.owed
                self.look_on(run, index, self.waits.reached())
                self.looks.go_on(place, before)
                if owed:
                    self.looks.owed.add(place)
                    if place not in self.looks.holding:
                        self.slots.offer_wait(run, index)
        self._begin_without_worker([(run.run, index) for index, waits in enumerate(run.arrays.waits) if waits])

    def ended_in_log(self, record: TaskFinished) -> None:
        """The end of an attempt stands beyond the decided part of the log: it must not end a second time. O(dates)."""
        run = self.live.get(record.run)
        index = -1 if run is None else run.arrays.index.get(record.task, -1)
        if run is None or index not in run.open or run.attempt[index] != record.attempt:
            return
        if record.state != "cancelled":
            self.timeouts.ended_in_log(run.run, index, record.attempt)
            self.waits.forget(run, index)

    def recovered(self) -> None:
        """The log was read back: timeouts that passed meanwhile, and had another length then, are due. O(attempts)."""
        self.waits.recovered()
        self.timeouts.recovered(self.live)

    def recover(self) -> None:
        """The process that was to execute looks is gone: those that are owed are to be made still.

        A wait that waited for a worker, and needs none as it is declared now, begins. O(those and what may start).
        """
        for run, index in sorted(self.looks.owed - self.looks.holding.keys()):
            self.slots.offer_wait(self.live[run], index)
        self._begin_without_worker(sorted(self.slots.startable))

    def _begin_without_worker(self, places: Iterable[tuple[int, int]]) -> None:
        """Begin those waits that wait for a worker, and need none as they are declared now. O(places)."""
        for run, index in places:
            wait = self.live[run].tasks[index].wait
            if wait is not None and wait.mode != POKE and (run, index) in self.slots.startable:
                self.slots.withdraw(run, index)
                self.waits.start(self.live[run], index)
