"""Many futures of a window without limits and failures at once: NumPy, a level of nodes at a time.

Owns `Levels`, made once for a window. Values are arrays of nodes times futures; a level needs only those before it, so
each step is a handful of operations on whole rows. O(nodes + needs + candidates) for each future.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from reactive_dag.whatif.window.arrays import BEYOND, LOST, WAIT, Ints

if TYPE_CHECKING:
    from reactive_dag.whatif.loops.drawn import Delays
    from reactive_dag.whatif.window.arrays import Window

Places: TypeAlias = NDArray[np.intp]
RowsAndNodes: TypeAlias = tuple[Places, Places]
"""Rows of a level, and for each a node."""

FEW = 4
"""Up to so many needs are taken one after the other; those of a node that has more are taken together."""


class Level(NamedTuple):
    """One level: the nodes from `first` to `stop`, as rows from 0.

    `needs` are rows with one more of what each needs; `many` the rows with more than `FEW` needs, all of these, and
    where in them those of each row begin; `single` the waits with one candidate, with that; `several` those with more;
    `lost` the waits that never end.
    """

    first: int
    stop: int
    needs: list[RowsAndNodes]
    many: tuple[Places, Places, Places] | None
    single: RowsAndNodes | None
    several: list[int]
    lost: Places


class Levels:
    """The levels of a window, as steps."""

    def __init__(self, window: Window) -> None:
        self.window = window
        self._levels = [_level(window, first, stop) for first, stop in pairwise(window.level_ptr.tolist())]

    def evaluate(self, delays: Delays, ends: Ints, begins: Ints | None = None) -> NDArray[np.bool_]:
        """Put the ends of all nodes in place of their spans in `ends`: a row a node, a column a future. O(size).

        The span of a wait is 0. What never ends has BEYOND. `begins` takes when they begin, if it is given. Tells of
        each future whether in it the order of what happens at one instant decides (a tie).
        """
        base, fixed, late = self.window.base, delays.fixed, delays.nodes
        ties = np.zeros(ends.shape[1], np.bool_)
        for level in self._levels:
            nodes = slice(level.first, level.stop)
            begin = self._begin(level, base[nodes], ends)
            if fixed[nodes].any():
                begin += fixed[nodes, None]
            if len(late):
                low, high = np.searchsorted(late, (level.first, level.stop))
                begin[late[low:high] - level.first] += delays.drawn[low:high]
            np.minimum(begin, BEYOND, out=begin)  # so that what never begins, its delay and its span do not overflow
            if begins is not None:
                begins[nodes] = begin
            if level.single is not None:
                rows, awaited = level.single
                begin[rows] = np.maximum(begin[rows], ends[awaited])
            for wait in level.several:
                begin[wait - level.first] = wait_ends(self.window, wait, begin[wait - level.first], ends, ties)
            begin[level.lost] = BEYOND
            begin += ends[nodes]
            np.minimum(begin, BEYOND, out=ends[nodes])
        return ties

    def _begin(self, level: Level, base: Ints, ends: Ints) -> Ints:
        """When the nodes of a level may begin: a row a node."""
        begin = np.empty((level.stop - level.first, ends.shape[1]), np.int64)
        begin[:] = base[:, None]
        for rows, needed in level.needs:
            if len(rows) == len(begin):
                np.maximum(begin, ends[needed], out=begin)
            else:
                begin[rows] = np.maximum(begin[rows], ends[needed])
        if level.many is not None:
            rows, needed, first = level.many
            begin[rows] = np.maximum(begin[rows], np.maximum.reduceat(ends[needed], first, axis=0))
        return begin


def wait_ends(window: Window, wait: int, begin: Ints, ends: Sequence[Ints] | Ints, ties: NDArray[np.bool_]) -> Ints:
    """When a wait ends that began then: when its newest candidate ends, of those whose run is requested by then.

    Futures in which the order of one instant decides are added to `ties`. O(candidates * futures).
    """
    found = requested = np.full_like(begin, BEYOND)
    clocked = np.zeros(len(begin), np.bool_)
    for awaited, start in window.candidates[wait] or ():
        at = np.maximum(begin, ends[awaited])
        ties |= (at == requested) & (at < BEYOND) & (at < found) & ~clocked  # as in one_pass.py
        found = np.where(at < requested, np.minimum(at, found), found)
        seen, by_clock = ends[start], not window.needs[start]
        clocked = np.where(seen < requested, by_clock, clocked | ((seen == requested) & by_clock))
        requested = np.minimum(requested, seen)
    return found


def _level(window: Window, first: int, stop: int) -> Level:
    ptr, idx = window.need_ptr, window.need_idx
    nodes = np.arange(first, stop)
    counts = ptr[nodes + 1] - ptr[nodes]
    needs = []
    for k in range(min(FEW, int(counts.max(initial=0)))):
        rows = np.flatnonzero((counts > k) & (counts <= FEW))
        if len(rows):
            needs.append((rows, idx[ptr[nodes[rows]] + k].astype(np.intp)))
    kind = window.kind[first:stop]
    counted = window.candidate_ptr[nodes + 1] - window.candidate_ptr[nodes]
    rows = np.flatnonzero((kind == WAIT) & (counted == 1))
    awaited = window.candidate_idx[window.candidate_ptr[nodes[rows]]].astype(np.intp)
    return Level(
        first, stop, needs, _many(ptr, idx, nodes, counts), (rows, awaited) if len(rows) else None,
        nodes[(kind == WAIT) & (counted > 1)].tolist(),
        np.flatnonzero((kind == LOST) | ((kind == WAIT) & (counted == 0))),
    )  # fmt: skip


def _many(ptr: Ints, idx: NDArray[np.int32], nodes: Places, counts: Ints) -> tuple[Places, Places, Places] | None:
    """The rows with many needs, those needs, and where in them those of each row begin."""
    rows = np.flatnonzero(counts > FEW)
    if not len(rows):
        return None
    sizes = counts[rows]
    first = np.cumsum(sizes) - sizes
    at = np.repeat(ptr[nodes[rows]] - first, sizes) + np.arange(sizes.sum())
    return rows, idx[at].astype(np.intp), first
