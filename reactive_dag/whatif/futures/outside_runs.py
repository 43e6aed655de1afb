"""Runs that some futures have and their window has not: what starts where something fails, as the reference played it.

Owns `OutsideRuns`. Invariant: of a future that a window left to the reference nothing is lost: what is no node of the
window is here. O(ends of such runs) to keep.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from reactive_dag.whatif.window.arrays import BEYOND

if TYPE_CHECKING:
    from reactive_dag.whatif.futures.course_futures import EndsByPoint
    from reactive_dag.whatif.window.arrays import Ints

Dated = tuple[int | None, "Ints"]
"""The logical date of a run, and when something of it ended in each future."""


class OutsideRuns:
    """When they ended, by the number of the future."""

    def __init__(self, played: Mapping[int, EndsByPoint]) -> None:
        self._ends: dict[tuple[str, str], dict[tuple[int | None, str | None], dict[int, int]]] = {}
        for future, ends in played.items():
            for (dag, date, partition, task), end in ends.items():
                self._ends.setdefault((dag, task), {}).setdefault((date, partition), {})[future] = end

    def beside(
        self, inside: Dated | None, n: int, dag: str, date: int | None, partition: str | None, task: str
    ) -> Dated | None:
        """What a window says of a task of a run or of the run (""), with what is here; without a date the last one's.

        Of several runs of one date the last end counts. O(dates + futures).
        """
        found = self._ends.get((dag, task))
        if found is None:
            return inside
        if date is None:
            date = max((each for each, _ in found if each is not None), default=None)
            if inside is not None and (date is None or (inside[0] is not None and date < inside[0])):
                return inside
        same = [ends for (each, of), ends in found.items() if each == date and partition in (None, of)]
        if not same:
            return inside
        whole = inside[1].copy() if inside is not None and inside[0] == date else np.full(n, BEYOND, np.int64)
        for ends in same:
            for future, end in ends.items():
                if future < n:
                    whole[future] = end if whole[future] >= BEYOND else max(end, int(whole[future]))
        return date, whole
