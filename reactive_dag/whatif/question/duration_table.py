"""The durations of many tasks in arrays, and what is drawn of them in many futures at once.

Owns `DurationTable`. Tasks are numbered, as a window numbers them; those whose durations are drawn alike (one kind of
distribution, the same shared factors) are drawn together, in chunks that stay in a processor's cache. Invariants: a
table never changes; the same key in the same future gives the same span, whatever else is asked for and on however
many threads. O(tasks) to make, O(size) to draw, some 35 ns a lognormal span.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeAlias

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

NO_DURATION = TaskDuration(0)
"""That of a wait, which lasts until what it awaits is there."""


@frozen
class _Alike:
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
        factors = _factors(effects)
        rows: dict[tuple[int, tuple[str, ...]], int] = {}
        distinct: list[tuple[TaskDuration, tuple[str, ...]]] = []
        which = []
        for task in tasks:
            given = effects.changed.get(task) or effects.usual.get(task, NO_DURATION)
            shares = factors.get(task, ()) if factors else ()
            row = rows.setdefault((id(given), shares), len(distinct))
            if row == len(distinct):
                distinct.append((given, shares))
            which.append(row)
        made = _Rows(self.groups, self.drawing, distinct)
        place, row_of = np.asarray(places, np.int64), np.asarray(which, np.int64)
        alike, numbers, factor, fixed = self.alike.copy(), self.numbers.copy(), self.factor.copy(), self.fixed.copy()
        if len(place):
            alike[place], numbers[place] = np.array(made.alike, np.int32)[row_of], np.array(made.numbers)[row_of]
            factor[place] = np.array([each.factor for each, _ in distinct])[row_of]
            fixed[place] = np.array([_fixed(each) for each, _ in distinct], np.int64)[row_of]
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

    def _values(self, group: int, tasks: Numbers, keys: DrawKeys, futures: DrawKeys) -> Floats:
        """Spans (ns) of tasks of one group, times their own factors, before those that they share. O(size)."""
        drawing, numbers = self.drawing[group], self.numbers[tasks]
        if drawing is None:
            return np.repeat(numbers[:, :1] * self.factor[tasks][:, None], len(futures), axis=1)
        columns = [numbers[:, place : place + 1] for place in range(len(drawing.numbers))]
        values = drawing.values(uniforms(keys, futures), *columns)
        values *= self.factor[tasks][:, None]
        return values


class _Rows:
    """The rows of distinct durations, in a table that may have groups already."""

    def __init__(
        self, groups: Sequence[_Alike], drawing: Sequence[Distribution | None],
        distinct: Sequence[tuple[TaskDuration, tuple[str, ...]]],
    ) -> None:  # fmt: skip
        self.groups = list(groups)
        self.drawing = list(drawing)
        self.alike: list[int] = []
        self.numbers: list[tuple[float, ...]] = [(0.0,) * MOST_NUMBERS] * len(distinct)
        members: dict[int, list[int]] = {}
        for row, (given, shares) in enumerate(distinct):
            kind = given.span.kind if isinstance(given.span, Distribution) else ""
            group = self._group(_Alike(kind, shares))
            self.alike.append(group)
            members.setdefault(group, []).append(row)
        for group, which in members.items():
            self._number(group, which, [distinct[row][0].span for row in which])

    def _group(self, wanted: _Alike) -> int:
        if wanted not in self.groups:
            self.groups.append(wanted)
            self.drawing.append(None)
        return self.groups.index(wanted)

    def _number(self, group: int, rows: list[int], spans: Sequence[int | Distribution]) -> None:
        drawn = [each for each in spans if isinstance(each, Distribution)]
        before = self.drawing[group]
        found: list[tuple[float, ...]] = [(float(each),) for each in spans if isinstance(each, int)]
        if drawn:
            alike = drawn if before is None else [before, *drawn]
            self.drawing[group], numbers = alike[0].merged(alike)
            found = numbers[len(alike) - len(drawn) :]
        for row, each in zip(rows, found):
            self.numbers[row] = (*each, *(0.0,) * (MOST_NUMBERS - len(each)))


def _factors(effects: Effects) -> dict[TaskName, tuple[str, ...]]:
    found: dict[TaskName, tuple[str, ...]] = {}
    for name in sorted(effects.shared):
        for task in effects.shared[name].tasks:
            found[task] = (*found.get(task, ()), name)
    return found


def _fixed(given: TaskDuration) -> int:
    if not isinstance(given.span, int):
        return 0
    return given.span if given.factor == 1 else int(whole_spans(np.array([given.span * given.factor]))[0])


def _chunks(rows: Numbers, futures: int) -> Iterator[tuple[Numbers, slice]]:
    """Rows and futures in blocks of `CHUNK` draws or fewer."""
    wide = min(futures, CHUNK)
    high = max(1, CHUNK // max(wide, 1))
    for first in range(0, len(rows), high):
        for left in range(0, futures, CHUNK):
            yield rows[first : first + high], slice(left, left + wide)
