"""When things end with success in many futures: of a window a row a node, of played courses by their names.

Owns `EndsInWindow` and `EndsInCourses`. Invariant: the columns are the first futures in order, `n` of them, which are
fewer than asked for only where Ctrl-C came. O(nodes) a future to keep.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from reactive_dag.model.errors import InvalidValue
from reactive_dag.whatif.futures.again import EndsAgain
from reactive_dag.whatif.futures.in_chunks import in_chunks
from reactive_dag.whatif.futures.outside_runs import Dated, OutsideRuns
from reactive_dag.whatif.futures.paths import count_paths
from reactive_dag.whatif.window.arrays import BEYOND

if TYPE_CHECKING:
    from reactive_dag.whatif.futures.course_futures import CourseFutures, DatedDag, EndsByPoint, Point
    from reactive_dag.whatif.futures.paths import RowsOfEnds
    from reactive_dag.whatif.futures.window_futures import Chunk, WindowFutures
    from reactive_dag.whatif.question.effects import Touched
    from reactive_dag.whatif.question.names import TaskName
    from reactive_dag.whatif.window.arrays import Ints, Window

CHUNK, SOME, FEW = 128, 32, 8
"""So many futures are evaluated together by levels, by the compiled loop, and of those that are played one by one."""

MOST_KEPT = 2**27
"""So many ends are kept; of more only those of runs, and what else is asked for is evaluated again."""

BYTES_AN_ENTRY = 100

MOST_MEMORY = 2**32
"""Futures that would take more than 4 GB are refused before any is evaluated."""

MANY = 10_000
"""From so many futures on the first one is played beforehand, which shows how much memory each takes."""


def refuse_more_than_fit(n: int, each: int) -> None:
    """Refuse futures of so many bytes each, where they would take too much. O(1). Raises InvalidValue."""
    if n * each > MOST_MEMORY:
        needed, most = n * each / 2**30, max(MOST_MEMORY // each, 1)
        raise InvalidValue(
            f"n={n:,} futures would take {needed:,.0f} GB to keep, more than {MOST_MEMORY // 2**30} GB: ask for "
            f"{most:,} of this simulation at most, or in parts (seed=1, seed=2, ...)"
        )


class FutureEnds(ABC):
    """When things ended in `n` futures; `method` says what evaluated them."""

    n: int
    method: str

    @property
    @abstractmethod
    def bytes(self) -> int:
        """How much memory they take at most, about. O(1)."""

    @abstractmethod
    def of(self, dag: str, date: int | None, partition: str | None, task: str) -> Dated | None:
        """The ends of a task of a run, or of the run (""); without a date of its DAG's last one. None without such."""

    @abstractmethod
    def paths(self, dag: str) -> Counter[TaskName] | None:
        """In how many futures each task is on the critical path of the DAG's last run; None where there is none."""


def told(ways: Mapping[str, int], n: int) -> str:
    """How many of `n` futures were evaluated in which way. O(ways)."""
    used = {name: count for name, count in ways.items() if count}
    return ", ".join(name if count == n else f"{name} of {count}" for name, count in used.items())


class EndsInWindow(FutureEnds):
    """Those of a window."""

    def __init__(
        self, futures: WindowFutures, n: int, workers: int | None = None, progress: bool | None = None,
        before: tuple[EndsInWindow, Touched] | None = None, courses: CourseFutures | None = None,
    ) -> None:  # fmt: skip
        self._futures = futures
        self._courses = courses
        self._workers = workers
        size = futures.window.size
        self._is_whole = n * size <= MOST_KEPT
        self._nodes = np.arange(size) if self._is_whole else np.sort(futures.window.run_end).astype(np.int64)
        refuse_more_than_fit(n, 8 * len(self._nodes))
        rows = None if before is None else rows_again(futures, n, *before)
        if rows is None:
            self._anew(n, progress)
        else:
            self._ends: list[RowsOfEnds] = [rows]
            self.n, self.method, self._only_levels = n, "incremental", True
            self._played: dict[int, EndsByPoint] = {}
            self._outside = OutsideRuns(self._played)

    @property
    def bytes(self) -> int:
        """Eight a node and future. O(1)."""
        return 8 * self.n * len(self._nodes)

    def _anew(self, n: int, progress: bool | None) -> None:
        self._futures.prepare(n)
        found = self._evaluated(n, self._nodes, progress)
        self._ends = [chunk.ends for chunk in found]
        self.n = sum(chunk.ends.shape[1] for chunk in found)
        self._played = {future: ends for chunk in found for future, ends in chunk.played.items()}
        self._outside = OutsideRuns(self._played)
        looped, played = sum(chunk.looped for chunk in found), len(self._played)
        self._only_levels = self._is_whole and not looped and not played
        ways = {"levels": self.n - looped - played, "event loop": looped, "reference": played}
        self.method = told(ways, self.n)

    @property
    def rows(self) -> Sequence[Ints]:
        """The ends of each node, in all futures. O(nodes * futures) the first time."""
        if len(self._ends) == 1 and isinstance(self._ends[0], list):
            return self._ends[0]
        rows: list[Ints] = list(np.concatenate(self._ends, axis=1))
        self._ends = [rows]
        return rows

    def _evaluated(self, n: int, rows: Ints, progress: bool | None) -> list[Chunk]:
        futures = self._futures

        def work(chunk: range) -> Chunk:
            found = futures.chunk(chunk)
            return found if len(rows) == len(found.ends) else found.only(rows)

        processes = futures.loops and futures.compiled is None
        size = FEW if processes else SOME if futures.loops else CHUNK
        return in_chunks(work, n, size, processes=processes, workers=self._workers, progress=progress)

    def _of_node(self, node: int) -> Ints:
        """The ends of a node. O(futures), and all again where they were not kept."""
        at = int(np.searchsorted(self._nodes, node))
        if at < len(self._nodes) and self._nodes[at] == node:
            return np.concatenate([NONE, *[each[at] for each in self._ends]])
        found = self._evaluated(self.n, np.array([node]), False)
        return np.concatenate([NONE, *[chunk.ends[0] for chunk in found]])

    def of(self, dag: str, date: int | None, partition: str | None, task: str) -> Dated | None:
        """By the node, and by the names of what the reference played besides. O(futures)."""
        run = self._futures.run_of(dag, date, partition)
        node = -1 if run < 0 else self._futures.node(run, task)
        inside = None if node < 0 else (int(self._futures.window.run_date[run]), self._of_node(node))
        return self._outside.beside(inside, self.n, dag, date, partition, task)

    @property
    def only_levels(self) -> bool:
        """Whether they can be made again from here: all are kept, and levels alone gave them. O(1)."""
        return self._only_levels

    @property
    def window(self) -> Window:
        """What they are futures of. O(1)."""
        return self._futures.window

    def paths(self, dag: str) -> Counter[TaskName] | None:
        """By walking back in all futures at once; of those of the reference as it played them. O(futures * steps)."""
        dated = self.of(dag, None, None, "")
        if dated is None:
            return None
        window, run = self._futures.window, self._futures.run_of(dag)
        found: Counter[TaskName] = Counter()
        if run >= 0 and window.run_date[run] == dated[0]:
            whole = self._ends
            if not self._is_whole:
                whole = [chunk.ends for chunk in self._evaluated(self.n, np.arange(window.size), False)]
            for ends in self._without_played(whole):
                found += count_paths(window, ends, int(window.run_end[run]))
        return found + self._paths_played(dag, dated[0])

    def _without_played(self, whole: Sequence[RowsOfEnds]) -> Iterator[RowsOfEnds]:
        """The ends in the futures that the reference did not play."""
        first = 0
        for ends in whole:
            width = len(ends[0])
            left = [at for at in range(width) if first + at not in self._played]
            yield ends if len(left) == width else np.asarray(ends)[:, left]
            first += width

    def _paths_played(self, dag: str, date: int | None) -> Counter[TaskName]:
        """In how many of the futures that the reference played each task is on the path. O(records) each."""
        futures, courses = sorted(self._played), self._courses
        found: Counter[TaskName] = Counter()
        if courses is None or not futures:
            return found

        def work(chunk: range) -> tuple[int, Counter[TaskName]]:
            paths = (courses.paths(futures[at]).get((dag, date), ()) for at in chunk)
            return len(chunk), sum((Counter(dict.fromkeys(tasks, 1)) for tasks in paths), Counter())

        chunks = in_chunks(work, len(futures), FEW, processes=True, workers=self._workers, progress=False)
        if sum(done for done, _ in chunks) < len(futures):
            raise KeyboardInterrupt  # shares of some of them would be taken for shares of all
        for _, counts in chunks:
            found += counts
        return found


def rows_again(futures: WindowFutures, n: int, before: EndsInWindow, touched: Touched) -> list[Ints] | None:
    """The ends of each node, made from those of as many futures of the question before; None where that does not do."""
    if futures.loops or not before.only_levels or before.window is not futures.window or before.n != n:
        return None
    again = EndsAgain(futures, before.rows, n, touched)
    return again.rows if again.evaluate() else None


class EndsInCourses(FutureEnds):
    """Those of courses that the reference played, all of it or the rest of a graph; `why` says why it did."""

    def __init__(
        self, courses: CourseFutures, why: str, n: int, workers: int | None = None, progress: bool | None = None
    ) -> None:
        courses.prepare()
        if n >= MANY:
            refuse_more_than_fit(n, BYTES_AN_ENTRY * len(courses.play(0)))
        found = in_chunks(courses.chunk, n, FEW, processes=True, workers=workers, progress=progress)
        self._ends = [ends for chunk in found for ends in chunk.ends]
        self._points = {point for ends in self._ends for point in ends}
        self.n = len(self._ends)
        in_parts = sum(chunk.in_parts for chunk in found)
        used = {"in parts": in_parts, "reference": self.n - in_parts}
        self.method = f"{told(used, self.n) or 'reference'}: {why}"
        self._paths: dict[DatedDag, Counter[TaskName]] = {}
        for chunk in found:
            for about, tasks in chunk.paths.items():
                self._paths.setdefault(about, Counter()).update(tasks)

    @property
    def bytes(self) -> int:
        """An entry of a dict for each end. O(1)."""
        return BYTES_AN_ENTRY * self.n * len(self._points)

    def of(self, dag: str, date: int | None, partition: str | None, task: str) -> Dated | None:
        """By the names. O(futures + ends)."""
        return ends_in_courses(self._ends, dag, date, partition, task, self._points)

    def paths(self, dag: str) -> Counter[TaskName] | None:
        """Counted as they were played: those of the run that `of` means. O(dates)."""
        dated = self.of(dag, None, None, "")
        return None if dated is None else self._paths[dag, dated[0]]


def ends_in_courses(
    ends: Sequence[EndsByPoint], dag: str, date: int | None = None, partition: str | None = None, task: str = "",
    points: Iterable[Point] | None = None,
) -> Dated | None:  # fmt: skip
    """The ends of a task of a run, or of the run, in played courses; without a date of its DAG's last one. O(ends).

    `points` are all that have ended in them, where that is known.
    """
    if points is None:
        points = {point for each in ends for point in each}
    known = [point for point in points if point[0] == dag and point[3] == task]
    if date is None:
        dates = {point[1] for point in known}
        date = max((each for each in dates if each is not None), default=None)
    same = [point for point in known if point[1] == date and partition in (None, point[2])]
    if not same:
        return None
    found = [max([course.get(point, 0) for point in same]) or BEYOND for course in ends]
    return date, np.array(found, np.int64)


NONE = np.zeros(0, np.int64)
