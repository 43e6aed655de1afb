"""Use of limits over time: workers, pools, active runs of DAGs; how many wait for them, and for how long.

Owns `Held` (one use of a limit), `UsageRow`, `Usage` and `WaitingRow`, `WaitingTimes`. An attempt holds a worker
and the slots of its pool from its begin to its end; a run holds one of its DAG's `max_active_runs`. A first attempt
waits from when all that it needs had ended (and its delay had passed) until it began, a run from its request until it
started. Invariant: what waits is counted once: for the pool of its task if that had no room, else for a worker.
O(attempts log attempts).
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from itertools import groupby, pairwise
from operator import attrgetter, itemgetter
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from attrs import frozen

from reactive_dag.model.times import repr_of
from reactive_dag.whatif.answers.show import (
    Answer,
    Curve,
    clock_text,
    duration_text,
    to_moment,
    to_timedelta,
    zone_text,
)
from reactive_dag.whatif.outcome.points import Point

if TYPE_CHECKING:
    from reactive_dag.whatif.outcome.outcome import Outcome
    from reactive_dag.whatif.question.effects import Effects

BINS = 48
"""So many marks draw a limit's use over time."""

MARKS = " ▁▂▃▄▅▆▇█"

WORKERS = "workers"

Steps: TypeAlias = list[tuple[int, int]]
"""How many there are from an instant (ns) on."""


class Held(NamedTuple):
    """One use of a limit: which, of which DAG, how many slots; ready, begun and ended at (ns)."""

    limit: str
    dag: str
    slots: int
    ready: int
    begin: int
    end: int


@frozen(repr=False)
class UsageRow:
    """The use of one limit. `slots` is None where there is no bound; `most` and `mean` are slots in use, `busy` the
    share of `slots` that was in use. `waits` attempts (or runs) had to wait, `waited` in all and `longest` at most.
    """

    limit: str
    slots: int | None
    most: int
    mean: float
    busy: float | None
    waits: int
    waited: timedelta
    longest: timedelta

    def __repr__(self) -> str:
        return repr_of(self, "limit", "slots", "most", "mean", "busy", "waits", "waited", "longest")

    def to_json(self) -> dict[str, object]:
        """Plain data. O(1)."""
        return {
            "limit": self.limit, "slots": self.slots, "most": self.most, "mean": self.mean, "busy": self.busy,
            "waits": self.waits, "waited_s": self.waited.total_seconds(), "longest_s": self.longest.total_seconds(),
        }  # fmt: skip


@frozen
class WaitingRow:
    """How long attempts and runs of one DAG waited for one limit."""

    dag: str
    limit: str
    waits: int
    waited: timedelta
    longest: timedelta

    def to_json(self) -> dict[str, object]:
        """Plain data. O(1)."""
        return {
            "dag": self.dag, "limit": self.limit, "waits": self.waits, "waited_s": self.waited.total_seconds(),
            "longest_s": self.longest.total_seconds(),
        }  # fmt: skip


class WaitingTimes(Answer[WaitingRow]):
    """Who waited for limits: a row a DAG and limit, the longest in all first."""

    columns = ("dag", "for", "waits", "waited", "longest")
    _row_type = WaitingRow
    right = frozenset({"waits", "waited", "longest"})

    def __init__(self, rows: Sequence[WaitingRow], effects: Effects | None) -> None:
        self._effects = effects if rows else None
        self.rows = sorted(rows, key=lambda row: (-row.waited, row.dag, row.limit))

    @property
    def title(self) -> str:
        """How long in all."""
        waited = sum((row.waited for row in self.rows), timedelta(0))
        return f"waiting for limits, {duration_text(waited)} in all" if self.rows else "nothing waited for a limit"

    def _cells_of(self, rows: Sequence[WaitingRow]) -> list[tuple[str, ...]]:
        return [
            (row.dag, row.limit, str(row.waits), duration_text(row.waited), duration_text(row.longest))
            for row in rows
        ]  # fmt: skip


class Usage(Answer[UsageRow]):
    """The use of each limit over the time in which anything ran; it draws how many slots were in use.

    `waiting` tells it by DAG, `over_time(limit)` gives the numbers behind the drawing.
    """

    columns = ("limit", "slots", "most", "mean", "busy", "waits", "waited", "longest", "in use")
    _row_type = UsageRow
    _unit = "limit"
    right = frozenset({"slots", "most", "mean", "busy", "waits", "waited", "longest"})

    def __init__(self, held: Sequence[Held], bounds: dict[str, int | None], effects: Effects) -> None:
        self._effects = effects if held else None
        self._zone = effects.zone
        self._of = {limit: [each for each in held if each.limit == limit] for limit in bounds}
        self._begin = min((each.begin for each in held), default=0)
        self._end = max((each.end for each in held), default=0)
        self._bounds = bounds
        self.rows = [self._row(limit) for limit in bounds]

    @property
    def waiting(self) -> WaitingTimes:
        """How long each DAG waited for each limit. O(attempts)."""
        who = attrgetter("dag", "limit")
        late = sorted([each for row in self._of.values() for each in row if each.begin > each.ready], key=who)
        rows = [WaitingRow(dag, limit, *_waited(list(group))) for (dag, limit), group in groupby(late, key=who)]
        return WaitingTimes(rows, self._effects)

    def over_time(self, limit: str) -> list[tuple[datetime, int, int]]:
        """Each change of a limit's use: the instant, the slots in use from then on, and how many wait.

        O(attempts log attempts). Raises KeyError for a limit that is not in the table.
        """
        of = self._of[limit]
        used = dict(_steps((each.begin, each.end, each.slots) for each in of))
        waits = dict(_steps((each.ready, each.begin, 1) for each in of))
        found: list[tuple[datetime, int, int]] = []
        in_use = waiting = 0
        for at in sorted(used.keys() | waits.keys()):
            in_use, waiting = used.get(at, in_use), waits.get(at, waiting)
            moment = to_moment(at)
            assert moment is not None
            found.append((moment, in_use, waiting))
        return found

    def _row(self, limit: str) -> UsageRow:
        of, slots = self._of[limit], self._bounds[limit]
        span = self._end - self._begin
        held = sum((each.end - each.begin) * each.slots for each in of)
        mean = held / span if span else 0.0
        most = max((count for _, count in _steps((each.begin, each.end, each.slots) for each in of)), default=0)
        waits, waited, longest = _waited([each for each in of if each.begin > each.ready])
        return UsageRow(limit, slots, most, mean, mean / slots if slots else None, waits, waited, longest)

    @property
    def title(self) -> str:
        """From when to when."""
        if self._begin == self._end:
            return "use of limits: nothing ran"
        return (
            f"use of limits, {clock_text(to_moment(self._begin))} to {clock_text(to_moment(self._end))} {zone_text()}"
        )

    def _cells_of(self, rows: Sequence[UsageRow]) -> list[tuple[str, ...]]:
        return [(*_numbers(row), self._drawing(row)) for row in rows]

    def _drawing(self, row: UsageRow) -> str:
        top = row.slots or row.most or 1
        marks = [MARKS[min(-(-share * (len(MARKS) - 1) // top), len(MARKS) - 1)] for share in self._bins(row.limit)]
        return Curve("".join(marks), self._steps_of(row))

    def _bins(self, limit: str) -> list[int]:
        """The most slots in use in each of `BINS` spans of equal length."""
        found = [0] * BINS
        width = max(-(-(self._end - self._begin) // BINS), 1)
        steps = [*_steps((each.begin, each.end, each.slots) for each in self._of[limit]), (self._end, 0)]
        for (at, count), (until, _) in pairwise(steps):
            for number in range((at - self._begin) // width, min((until - 1 - self._begin) // width, BINS - 1) + 1):
                found[number] = max(found[number], count)
        return found

    def _steps_of(self, row: UsageRow) -> list[tuple[float, float]]:
        """When the use changes, and to how much, as shares of the time and of the bound."""
        top, span = row.slots or row.most or 1, max(self._end - self._begin, 1)
        changes = _steps((each.begin, each.end, each.slots) for each in self._of[row.limit])
        return [((at - self._begin) / span, count / top) for at, count in changes]


def _numbers(row: UsageRow) -> tuple[str, ...]:
    return (
        row.limit, "" if row.slots is None else str(row.slots), str(row.most), f"{row.mean:.2f}",
        "" if row.busy is None else f"{row.busy:.0%}", str(row.waits or ""), duration_text(row.waited),
        duration_text(row.longest),
    )  # fmt: skip


def _waited(late: list[Held]) -> tuple[int, timedelta, timedelta]:
    """How many waited, how long in all, and the longest."""
    spans = [each.begin - each.ready for each in late]
    return len(spans), to_timedelta(sum(spans)) or timedelta(0), to_timedelta(max(spans, default=0)) or timedelta(0)


def _steps(spans: Iterable[tuple[int, int, int]]) -> Steps:
    """How many are there from each instant at which that changes. O(n log n)."""
    changes: list[tuple[int, int]] = []
    for begin, end, count in spans:
        if end > begin:
            changes += [(begin, count), (end, -count)]
    found: Steps = []
    level = 0
    for at, group in groupby(sorted(changes), itemgetter(0)):
        level += sum(count for _, count in group)
        found.append((at, level))
    return found


# ------------------------------------------------------------------------------------------------- what was held


class AttemptHeld(NamedTuple):
    """One attempt: its DAG, its pool ("" for none) and slots; ready, begun and ended at (ns)."""

    dag: str
    pool: str
    slots: int
    ready: int
    begin: int
    end: int


def usage_of(outcome: Outcome, bounds: dict[str, int | None], active: dict[str, int | None]) -> Usage:
    """The use of limits in an outcome. O(attempts log attempts).

    `bounds` are the slots of pools, and the workers under `WORKERS`; `active` how many runs of a DAG may be active.
    """
    limited = {dag: f"runs of {dag}" for dag, most in active.items() if most is not None}
    held = [each for run in outcome.runs for each in _of_run(outcome, run, limited)]
    attempts = [each for run in outcome.runs for each in _attempts(outcome, run)]
    for pool in bounds.keys() - {WORKERS}:
        held += _of_pool([each for each in attempts if each.pool == pool], pool, bounds)
    held += [Held(WORKERS, each.dag, 1, each.ready, each.begin, each.end) for each in attempts if not each.pool]
    return Usage(held, {**bounds, **{name: active[dag] for dag, name in limited.items()}}, outcome.effects)


def _of_pool(attempts: list[AttemptHeld], pool: str, bounds: dict[str, int | None]) -> Iterator[Held]:
    """What attempts of a pool held. One that waits waits for the pool, or for a worker if the pool had room."""
    steps = _steps((each.begin, each.end, each.slots) for each in attempts)
    slots = bounds[pool]
    for dag, _, count, ready, begin, end in attempts:
        at = bisect_left(steps, (begin, 0)) - 1
        had_room = (
            slots is not None and bounds[WORKERS] is not None and (steps[at][1] if at >= 0 else 0) + count <= slots
        )
        yield Held(pool, dag, count, begin if had_room else ready, begin, end)
        yield Held(WORKERS, dag, 1, ready if had_room else begin, begin, end)


def _of_run(outcome: Outcome, run: int, limited: dict[str, str]) -> Iterator[Held]:
    head = outcome.head(run)
    if head.started is not None and head.dag in limited:
        ready = (head.requested or head.started) + outcome.lateness(Point("start", run))
        end = outcome.over if head.ended is None else head.ended
        yield Held(limited[head.dag], head.dag, 1, min(ready, head.started), head.started, end)


def _attempts(outcome: Outcome, run: int) -> Iterator[AttemptHeld]:
    dag, over = outcome.dag(run), outcome.over
    for whole in outcome.tasks(run).values():
        for row in whole.instances or (whole,):
            point = Point("task", run, row.task)
            task = outcome.task(point)
            if task.wait is not None and task.wait.mode != "poke":
                continue  # it holds neither a worker nor slots while it waits
            for number, begin, end, state, _ in row.attempts:
                if begin is not None:
                    ended = over if state in ("running", "waiting") else end
                    ready = (outcome.ready(point) or begin) + outcome.lateness(point) if number == 1 else begin
                    yield AttemptHeld(dag, task.pool or "", task.slots, min(ready, begin), begin, ended)
