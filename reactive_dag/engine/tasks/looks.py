"""The looks of waits that examine what they await each `poll`, and who holds a worker between two of them (R27).

Owns when each such wait looks next, what its last look saw, and the slots that waits in mode "poke" hold. Invariant:
the looks of a wait are due at its beginning and every `poll` from then on, whoever was there to make them; the next
timer is set for the first of these instants that time has not reached. So it follows from the log alone. Setting one
costs O(log timers); between two looks a wait costs nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

import attrs

from reactive_dag.engine.items.timers import RUNS_FIRST, Timer, Timers
from reactive_dag.engine.runs.state import RunState
from reactive_dag.engine.runs.task_arrays import TaskArrays
from reactive_dag.model.records import Looked

WaitPlace = tuple[int, int]
"""A run, and the number of the task that waits."""

LookSnapshot = tuple[int, str, int, int, str, bool]
"""Run and task; when the last look was, its number, and what it saw; whether another is owed."""


@attrs.define(eq=False)
class HeldSlot:
    """A worker's slot, and those of its pool, that a wait holds while it waits; as an attempt under way has them."""

    run: RunState
    index: int
    waits: int = 0

    @property
    def arrays(self) -> TaskArrays:
        """The tasks of its run as they are declared now: another pool, or other slots, hold from the change on."""
        return self.run.arrays


@attrs.define(eq=False)
class Looking:
    """One wait that looks each `poll` (ns), from `first` on. Its `number`-th look was the last, and saw `seen`."""

    run: RunState
    index: int
    first: int
    poll: int
    due: Callable[[int], None]
    next: int = 0
    """When it looks next."""
    number: int = 0
    at: int = 0
    seen: str = ""
    timer: Timer | None = None

    def number_at(self, now: int) -> int:
        """Which look is due at an instant, from 1. O(1)."""
        return (now - self.first) // self.poll + 1

    def take(self, record: Looked) -> None:
        """A look was made. O(1)."""
        self.number, self.at = max(self.number, record.number), record.at
        if record.seen is not None:
            self.seen = record.seen

    def restore(self, at: int, number: int, seen: str) -> None:
        """Take what a snapshot said of its last look. O(1)."""
        self.at, self.number, self.seen = at, number, seen

    def set_timer(self, timers: Timers, due: int) -> None:
        """Look next at an instant. O(log timers)."""

        def wake(now: int) -> None:
            later = max(1, (timers.until - now) // self.poll)  # of those that nobody was there for, the last sees all
            self.set_timer(timers, now + later * self.poll)
            self.due(now)

        timers.drop(self.timer)
        self.next = due
        self.timer = timers.set(due, RUNS_FIRST, self.run.dag.id, self.run.arrays.ids[self.index], wake)


class Looks:
    """All waits that look each `poll`, by place; `holding` has those in mode "poke".

    `owed` are those whose function is to be executed for a look that is due (R29), or executes for it.
    """

    def __init__(self, timers: Timers) -> None:
        self.timers = timers
        self.holding: dict[WaitPlace, HeldSlot] = {}
        self.of_place: dict[WaitPlace, Looking] = {}
        self.owed: set[WaitPlace] = set()

    def __iter__(self) -> Iterator[Looking]:
        return iter(list(self.of_place.values()))

    def begin(
        self, run: RunState, index: int, first: int, poll: int, now: int, due: Callable[[int], None], holds: bool
    ) -> Looking:  # fmt: skip
        """A wait looks each `poll` from `first` on, next after `now`; `due` is called at each look. O(log timers)."""
        place = run.run, index
        self.end(place)
        found = self.of_place[place] = Looking(run, index, first, poll, due)
        found.set_timer(self.timers, now + poll - (now - first) % poll)
        if holds:
            self.holding[place] = HeldSlot(run, index)
        return found

    def go_on(self, place: WaitPlace, before: Looking | None) -> None:
        """A wait that was declared anew goes on after the looks of the one before. O(1)."""
        found = self.of_place.get(place)
        if found is not None and before is not None:
            found.restore(before.at, before.number, before.seen)

    def end(self, place: WaitPlace) -> None:
        """A wait looks no more. O(1) amortised."""
        found = self.of_place.pop(place, None)
        if found is not None:
            self.timers.drop(found.timer)
            self.holding.pop(place, None)
            self.owed.discard(place)

    def looked(self, place: WaitPlace, record: Looked) -> bool:
        """A look was recorded; whether it counts: not of a wait that has ended, or began anew since. O(1)."""
        found = self.of_place.get(place)
        if found is None or found.run.attempt[found.index] != record.attempt:
            return False
        found.take(record)
        self.owed.discard(place)
        return True

    def snapshot(self) -> list[LookSnapshot]:
        """What a restored engine needs of it. O(waits that look)."""
        return [
            (
                *(each.run.run, each.run.arrays.ids[each.index], each.at, each.number, each.seen),
                (each.run.run, each.index) in self.owed,
            )
            for each in self
        ]  # fmt: skip

    def restore(self, kept: Iterable[LookSnapshot]) -> None:
        """Take what `snapshot` gave, of the waits that look still. O(those)."""
        by_name = {(each.run.run, each.run.arrays.ids[each.index]): each for each in self}
        for run, task, at, number, seen, owed in kept:
            found = by_name.get((run, task))
            if found is not None:
                found.restore(at, number, seen)
                if owed:
                    self.owed.add((run, found.index))

    def _check(self) -> None:
        """Each has its timer, and what holds a slot looks. O(waits that look * timers)."""
        assert self.holding.keys() <= self.of_place.keys(), "a slot is held by nobody"
        assert self.owed <= self.of_place.keys(), "a look is owed to nobody"
        for place, each in self.of_place.items():
            assert place == (each.run.run, each.index)
            assert self.timers.has(each.next, each.run.dag.id, each.run.arrays.ids[each.index]), place
