"""Many futures as they come: after each chunk what all that are done say, so that who waits can look, or leave.

Owns `FuturesSoFar` and what yields them. Invariant: they are the first futures of a seed, in order, so the last one
says what `Futures` of as many says. Where the ends before the change are known, all come at once. O(n * nodes) in all,
each answer O(futures) a DAG.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import numpy as np
from attrs import field, frozen

from reactive_dag.model.errors import UnknownId
from reactive_dag.whatif.futures.course_futures import CourseFutures, EndsByPoint
from reactive_dag.whatif.futures.finish import FinishTime
from reactive_dag.whatif.futures.future_ends import CHUNK, SOME, ends_in_courses, refuse_more_than_fit, rows_again
from reactive_dag.whatif.futures.outside_runs import Dated, OutsideRuns
from reactive_dag.whatif.futures.window_futures import WindowFutures
from reactive_dag.whatif.loops.answering import window_of
from reactive_dag.whatif.loops.window_tools import tools_of
from reactive_dag.whatif.window.white_list import NotStatic

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from reactive_dag.whatif.course.prepared import PreparedGraph
    from reactive_dag.whatif.futures.kept import KeptEnds
    from reactive_dag.whatif.question.effects import Effects
    from reactive_dag.whatif.question.question import Question
    from reactive_dag.whatif.window.arrays import Ints

LOOPED, PLAYED = 4, 1
"""So many futures between two looks where a loop in Python plays them, and where the reference does."""

EndsOf = Callable[[str], "Dated | None"]


@frozen(eq=False)
class FuturesSoFar:
    """The first `n` of the `asked` futures of a question."""

    n: int
    asked: int
    effects: Effects = field(repr=False)
    _ends_of: EndsOf = field(repr=False)

    def finish(self, dag: str) -> FinishTime:
        """When the last run (by date) of a DAG ends with success in these. O(futures). Raises UnknownId."""
        found = self._ends_of(dag)
        if found is None:
            raise UnknownId(f"DAG {dag!r} never ran in these futures")
        return FinishTime(dag, *found, self.effects)


def futures_so_far(
    question: Question, prepared: PreparedGraph, effects: Effects, kept: KeptEnds, n: int, seed: int
) -> Iterator[FuturesSoFar]:
    """Futures 0 to n - 1 of a seed as they come, on this thread. O(n * nodes)."""
    courses = CourseFutures(question, prepared, effects, seed)
    try:
        window = WindowFutures(tools_of(question.graph, window_of(question)), effects, seed, courses.answer)
    except NotStatic:
        yield from _of_courses(courses, n)
        return
    refuse_more_than_fit(n, 8 * len(window.window.run_end))
    before = kept.before(n, seed)
    rows = None if before is None else rows_again(window, n, *before)
    if rows is not None:
        yield FuturesSoFar(n, n, effects, _in_window(window, rows.__getitem__, n, {}))
        return
    yield from _of_window(window, n)


def _of_window(window: WindowFutures, n: int) -> Iterator[FuturesSoFar]:
    last = np.sort(window.window.run_end).astype(np.int64)
    done = 0
    chunks: list[Ints] = []
    played: dict[int, EndsByPoint] = {}
    window.prepare()
    while done < n:
        size = CHUNK if not (window.loops or window.limited) else LOOPED if window.compiled is None else SOME
        chunk = window.chunk(range(done, min(done + size, n)))
        chunks.append(chunk.only(last).ends)
        played |= chunk.played
        done += chunks[-1].shape[1]
        whole = tuple(chunks)

        def row(node: int, whole: Sequence[Ints] = whole) -> Ints:
            at = int(np.searchsorted(last, node))
            return np.concatenate([each[at] for each in whole])

        yield FuturesSoFar(done, n, window.effects, _in_window(window, row, done, dict(played)))
        if len(chunks) == 1:
            window.prepare(n)  # machine code is loaded once something is to be seen


def _in_window(
    window: WindowFutures, row: Callable[[int], Ints], n: int, played: Mapping[int, EndsByPoint]
) -> EndsOf:  # fmt: skip
    outside = OutsideRuns(played)

    def ends_of(dag: str) -> Dated | None:
        run = window.run_of(dag)
        inside = None if run < 0 else (int(window.window.run_date[run]), row(window.node(run)))
        return outside.beside(inside, n, dag, None, None, "")

    return ends_of


def _of_courses(courses: CourseFutures, n: int) -> Iterator[FuturesSoFar]:
    ends: list[EndsByPoint] = []
    for done in range(0, n, PLAYED):
        ends += courses.chunk(range(done, min(done + PLAYED, n))).ends
        seen = tuple(ends)

        def ends_of(dag: str, seen: Sequence[EndsByPoint] = seen) -> Dated | None:
            return ends_in_courses(seen, dag)

        yield FuturesSoFar(len(seen), n, courses.effects, ends_of)
