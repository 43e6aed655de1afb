"""The durations of many tasks in arrays, and what is drawn of them in many futures at once.

Owns `DurationTable`. Tasks are numbered, as a window numbers them; those whose durations are drawn alike (one kind of
distribution, the same shared factors) are drawn together, in chunks that stay in a processor's cache. Invariants: a
table never changes; the same key in the same future gives the same span, whatever else is asked for and on however
many threads. O(tasks) to make, O(size) to draw, some 35 ns a lognormal span.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import repeat
from typing import NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt
from attrs import frozen

from reactive_dag.whatif.question.distribution_kinds import Distribution, Spans, whole_spans
from reactive_dag.whatif.question.draws import CHUNK, DrawKeys, uniforms
from reactive_dag.whatif.question.durations import TaskDuration
from reactive_dag.whatif.question.effects import Effects
from reactive_dag.whatif.question.elementary import Floats
from reactive_dag.whatif.question.names import TaskName
from reactive_dag.whatif.question.shared_factors import FactorOfTasks

Numbers: TypeAlias = npt.NDArray[np.signedinteger]

MOST_NUMBERS = 3
"""So many numbers at most make a distribution."""

NO_FUTURE = np.zeros(1, np.uint64)
"""A future's key is added to that of a draw: where it was added already, this is left to add."""

NO_DURATION = TaskDuration(0)
"""That of a wait, which lasts until what it awaits is there."""


FIXED = 0
"""The group of the tasks of which nothing is drawn, which stands first."""


class _Alike(NamedTuple):
    """What tasks have in common that are drawn together: the kind ("" is fixed), and the factors that they share."""

    kind: str
    factors: tuple[str, ...]


@frozen(eq=False)
class DurationTable:
    """How long numbered tasks take.

    `alike[t]` is the place of task t's `_Alike` in `groups`, `drawing` has for each of those what draws for it (None
    where it is fixed). `numbers[t]` are those of its distribution, `factor[t]` is that of `times=`, and `fixed[t]` is
    its whole duration (ns) where nothing of it is drawn.
    """

    groups: tuple[_Alike, ...]
    drawing: tuple[Distribution | None, ...]
    alike: Numbers
    numbers: Floats
    factor: Floats
    fixed: Spans
    shared: Mapping[str, FactorOfTasks]

    @classmethod
    def of(cls, tasks: Sequence[TaskName], effects: Effects) -> DurationTable:
        """The durations of these tasks, in this order; a wait has none. O(tasks)."""
        size = len(tasks)
        empty = cls(
            (_Alike("", ()),), (None,), np.zeros(size, np.int32), np.zeros((size, MOST_NUMBERS)), np.ones(size),
            np.zeros(size, np.int64), {},
        )  # fmt: skip
        return empty.with_changes(range(size), tasks, effects)

    @property
    def is_fixed(self) -> bool:
        """Whether nothing is drawn, so that `fixed` says all. O(groups)."""
        return len(self.groups) == 1

    def with_changes(self, places: Sequence[int], tasks: Sequence[TaskName], effects: Effects) -> DurationTable:
        """With the durations that these tasks, of these numbers, have under other effects. O(tasks), in arrays."""
        factors, changed = _factors(effects), effects.changed
        given = list(map(effects.usual.get, tasks))
        if changed:
            given = [changed.get(task) or each for task, each in zip(tasks, given)]
        shares = [factors.get(task, ()) for task in tasks] if factors else repeat((), len(given))
        asked = list(zip(map(id, given), shares))  # equal durations are mostly one object
        made = _Rows(self.groups, self.drawing)
        rows = {key: made.add(each or NO_DURATION, key[1]) for key, each in dict(zip(asked, given)).items()}
        drawn_by = made.numbers()
        which = np.fromiter(map(rows.__getitem__, asked), np.int64, len(asked))
        alike, numbers, factor, fixed = self.alike.copy(), self.numbers.copy(), self.factor.copy(), self.fixed.copy()
        if len(which):
            place = np.asarray(places, np.int64)
            alike[place], numbers[place] = np.array(made.alike, np.int32)[which], drawn_by[which]
            factor[place], fixed[place] = np.array(made.factor)[which], np.array(made.fixed, np.int64)[which]
        return DurationTable(
            tuple(made.groups), tuple(made.drawing), alike, numbers, factor, fixed, effects.shared
        )  # fmt: skip

    def spans(self, tasks: Numbers, keys: DrawKeys, futures: DrawKeys, threads: int = 1) -> Spans:
        """How long attempts take (ns): of these tasks, a row each, in these futures, a column each. O(size).

        `keys` are those of the attempts' draws: `draw_keys(run's identity, text_key(task's id), DURATION, attempt)`.
        """
        found = np.empty((len(tasks), len(futures)), np.int64)
        alike = self.alike[tasks]
        jobs: list[tuple[int, Numbers, slice]] = []
        for group in np.unique(alike).tolist():
            rows = np.flatnonzero(alike == group)
            if self.groups[group] == _Alike("", ()):
                found[rows] = self.fixed[tasks[rows]][:, None]
            else:
                jobs += [(group, some, columns) for some, columns in _chunks(rows, len(futures))]
        names = {name for group, _, _ in jobs for name in self.groups[group].factors}
        factors = {name: self.shared[name].values(futures) for name in names}

        def draw(job: tuple[int, Numbers, slice]) -> None:
            group, rows, columns = job
            values = self._values(group, tasks[rows], keys[rows], futures[columns])
            values *= self.factor[tasks[rows]][:, None]
            for name in self.groups[group].factors:
                values *= factors[name][columns]
            found[rows, columns] = whole_spans(values)

        if threads > 1 and len(jobs) > 1:
            with ThreadPoolExecutor(threads) as pool:
                list(pool.map(draw, jobs))
        else:
            for job in jobs:
                draw(job)
        return found

    def spans_of_each(self, tasks: Numbers, keys: DrawKeys, futures: DrawKeys) -> Spans:
        """How long attempts take (ns), each in a future of its own: as `spans`, of a single place each. O(size)."""
        found = np.empty(len(tasks), np.int64)
        alike = self.alike[tasks]
        for group in np.unique(alike).tolist():
            rows = np.flatnonzero(alike == group)
            if self.groups[group] == _Alike("", ()):
                found[rows] = self.fixed[tasks[rows]]
                continue
            values = self._values(group, tasks[rows], keys[rows] + futures[rows], NO_FUTURE)[:, 0]
            values *= self.factor[tasks[rows]]
            for name in self.groups[group].factors:
                values *= self.shared[name].values(futures[rows])
            found[rows] = whole_spans(values)
        return found

    def plain(self, tasks: Numbers, keys: DrawKeys, future: DrawKeys) -> Floats:
        """What is drawn of attempts in one future, before any factor; nothing where all is fixed. O(size)."""
        found, alike = np.zeros(len(tasks)), self.alike[tasks]
        for group in set(alike.tolist()) - {FIXED}:
            for rows, _ in _chunks(np.flatnonzero(alike == group), 1):
                found[rows] = self._values(group, tasks[rows], keys[rows], future)[:, 0]
        return found

    def draws_as(self, other: DurationTable, tasks: Numbers) -> bool:
        """Whether `plain` is the same for these tasks as of a table that this was made from. O(tasks)."""
        same = np.array_equal(self.alike[tasks], other.alike[tasks])
        return same and np.array_equal(self.numbers[tasks], other.numbers[tasks])

    def stretched(self, tasks: Numbers, plain: Floats, future: DrawKeys) -> Spans:
        """How long attempts take (ns) in one future, of which `plain` is drawn: as `spans`. O(size)."""
        alike, values = self.alike[tasks], plain * self.factor[tasks]
        for group in set(alike.tolist()):
            for name in self.groups[group].factors:
                values[alike == group] *= self.shared[name].values(future)
        return np.where(alike == FIXED, self.fixed[tasks], whole_spans(values))

    def _values(self, group: int, tasks: Numbers, keys: DrawKeys, futures: DrawKeys) -> Floats:
        """Spans (ns) of tasks of one group, before any factor. O(size)."""
        drawing, numbers = self.drawing[group], self.numbers[tasks]
        if drawing is None:
            return np.repeat(numbers[:, :1], len(futures), axis=1)
        columns = [numbers[:, place : place + 1] for place in range(len(drawing.numbers))]
        return drawing.values(uniforms(keys, futures), *columns)


class _Rows:
    """The rows of distinct durations, in a table that may have groups already."""

    def __init__(self, groups: Sequence[_Alike], drawing: Sequence[Distribution | None]) -> None:
        self.groups = {group: place for place, group in enumerate(groups)}
        self.drawing = list(drawing)
        self.alike: list[int] = []
        self._numbers: dict[int, tuple[float, ...]] = {}
        self.factor: list[float] = []
        self.fixed: list[int] = []
        self._drawn: dict[int, list[tuple[int, Distribution]]] = {}

    def add(self, given: TaskDuration, shares: tuple[str, ...]) -> int:
        """The number of a new row: a duration, and the factors that it shares. O(1)."""
        span, factor, row = given.span, given.factor, len(self.alike)
        self.factor.append(factor)
        if isinstance(span, int):
            self.fixed.append(span if factor == 1 else int(whole_spans(np.array([span * factor], np.float64))[0]))
            self.alike.append(self._group(_Alike("", shares)) if shares else 0)
            if shares:
                self._numbers[row] = (span,)
            return row
        group = self._group(_Alike(span.kind, shares))
        self.fixed.append(0)
        self.alike.append(group)
        self._drawn.setdefault(group, []).append((row, span))
        return row

    def _group(self, wanted: _Alike) -> int:
        found = self.groups.setdefault(wanted, len(self.drawing))
        if found == len(self.drawing):
            self.drawing.append(None)
        return found

    def numbers(self) -> Floats:
        """What each row is drawn by. O(rows)."""
        for group, rows in self._drawn.items():
            before = self.drawing[group]
            alike = [each for _, each in rows] if before is None else [before, *(each for _, each in rows)]
            self.drawing[group], numbers = alike[0].merged(alike)
            self._numbers.update(zip([row for row, _ in rows], numbers[len(alike) - len(rows) :]))
        found = np.zeros((len(self.alike), MOST_NUMBERS))
        for size in {len(each) for each in self._numbers.values()}:
            some = {row: each for row, each in self._numbers.items() if len(each) == size}
            found[list(some), :size] = list(some.values())
        return found


def _factors(effects: Effects) -> dict[TaskName, tuple[str, ...]]:
    found: dict[TaskName, tuple[str, ...]] = {}
    for name in sorted(effects.shared):
        for task in effects.shared[name].tasks:
            found[task] = (*found.get(task, ()), name)
    return found


def _chunks(rows: Numbers, futures: int) -> Iterator[tuple[Numbers, slice]]:
    """Rows and futures in blocks of `CHUNK` draws or fewer."""
    wide = min(futures, CHUNK)
    high = max(1, CHUNK // max(wide, 1))
    for first in range(0, len(rows), high):
        for left in range(0, futures, CHUNK):
            yield rows[first : first + high], slice(left, left + wide)
