"""The futures of a window: by levels where nothing fails and no limit binds, else by the event loop or the reference.

Owns `WindowFutures`. Invariant: a future is answered as a simulation of it alone would be, whichever evaluator does it,
in whichever chunk and on whichever thread. O(nodes + edges) a future.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from attrs import field, frozen

from reactive_dag.whatif.futures.binding import where_it_binds
from reactive_dag.whatif.loops.attempts import AttemptLists
from reactive_dag.whatif.loops.checks import what_misleads
from reactive_dag.whatif.loops.drawn import WindowDraws
from reactive_dag.whatif.loops.event_loop import EventLoop
from reactive_dag.whatif.loops.window_tools import WindowTools
from reactive_dag.whatif.question.draws import future_keys
from reactive_dag.whatif.question.duration_table import DurationTable
from reactive_dag.whatif.window.arrays import BEYOND, END, SOURCE, START, Ints
from reactive_dag.whatif.window.limits import limited_of

WORTH_COMPILING = 64
"""From so many futures on the loop is compiled, where numba is there: it takes a while, once on a machine."""

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from reactive_dag.whatif.futures.course_futures import EndsByPoint
    from reactive_dag.whatif.loops.attempts import Flags
    from reactive_dag.whatif.loops.checks import Play
    from reactive_dag.whatif.loops.compiled_levels import CompiledLevels
    from reactive_dag.whatif.loops.compiled_play import CompiledPlan
    from reactive_dag.whatif.question.draws import DrawKeys
    from reactive_dag.whatif.question.effects import Effects
    from reactive_dag.whatif.window.white_list import NotStatic


@frozen(eq=False)
class Chunk:
    """The ends of all nodes in some futures, a column each, as far as they succeeded; and how they were evaluated.

    `played` are the futures that were left to the reference, with what ended in them that is no node of the window.
    """

    ends: Ints
    looped: int = 0
    played: dict[int, EndsByPoint] = field(factory=dict)

    def only(self, nodes: Ints) -> Chunk:
        """That of some nodes alone. O(nodes * futures)."""
        return Chunk(self.ends[nodes], self.looped, self.played)


class WindowFutures:
    """The futures of one question about a window; `play` asks the reference for one of them, saying why."""

    def __init__(
        self, tools: WindowTools, effects: Effects, seed: int, play: Callable[[int, NotStatic], EndsByPoint]
    ) -> None:  # fmt: skip
        self.window = window = tools.drawn.window
        self.effects = effects
        self._tools = tools
        self.seed = seed
        self._play = play
        self.drawn = tools.drawn
        self.limited = limited_of(window).any or effects.workers is not None
        """Whether a limit may bind."""
        may_fail = any(p and task in window.task_number for task, p in effects.fails.items())
        self.loops = may_fail or limited_of(window).lost
        """Whether every future is played by the event loop."""
        self.compiled: CompiledPlan | None = None
        """The compiled event loop, where it is to be used."""
        self._compiled_levels: CompiledLevels | None = None

    @cached_property
    def draws(self) -> WindowDraws:
        """What is drawn. O(tasks) once."""
        return WindowDraws(self.drawn, self.effects, DurationTable.of(self.window.tasks, self.effects))

    def prepare(self, n: int = 0) -> None:
        """Make what all chunks of `n` futures share, before threads ask for it. O(nodes + edges)."""
        window = self.window
        if not self.draws.table.is_fixed:
            self.drawn.first_keys  # noqa: B018
        if self.loops or self.limited:
            self._tools.loop_plan  # noqa: B018
        if not self.loops:
            self._tools.levels  # noqa: B018
            window.needs, window.candidates  # noqa: B018
            self._compiled_levels = self._tools.compiled_levels(self.draws, n)
        if n >= WORTH_COMPILING and (self.loops or self.limited):
            self.compiled = self._tools.compiled

    def compiles(self, n: int) -> bool:
        """Whether levels of `n` futures are evaluated by machine code. O(1)."""
        return self._tools.compiles_levels(n)

    # ------------------------------------------------------------------------------------- chunks

    def chunk(self, futures: range) -> Chunk:
        """Evaluate these futures. O(nodes + edges) each."""
        return self._all_looped(futures) if self.loops else self._by_levels(futures)

    def _by_levels(self, futures: range) -> Chunk:
        """By levels; those in which a limit binds, or the order of an instant decides, otherwise."""
        shape = self.window.size, len(futures)
        begins = np.empty(shape, np.int64) if self.limited else None
        ends, ties = self._leveled(future_keys(self.seed, futures), begins)
        wrong = set(np.flatnonzero(ties).tolist())
        if begins is not None:
            binds = where_it_binds(self.window, self.effects, len(futures), begins.__getitem__, ends.__getitem__)
            wrong |= set(np.flatnonzero(binds).tolist())
        played = self._loop_into(ends, sorted(wrong), futures)
        return Chunk(ends, len(wrong) - len(played), played)

    def _leveled(self, keys: DrawKeys, begins: Ints | None) -> tuple[Ints, Flags]:
        """The ends of all nodes, and whether the order of an instant decides; `begins` takes when they begin."""
        if self._compiled_levels is not None:
            return self._compiled_levels.evaluate(keys, begins)
        ends = np.zeros((self.window.size, len(keys)), np.int64)
        ends[self.draws.drawn.nodes] = self.draws.first_spans(keys)
        return ends, self._tools.levels.evaluate(self.draws.delays(keys), ends, begins)

    def _all_looped(self, futures: range) -> Chunk:
        ends = np.empty((self.window.size, len(futures)), np.int64)
        played = self._loop_into(ends, range(len(futures)), futures)
        return Chunk(ends, len(futures) - len(played), played)

    def _loop_into(self, ends: Ints, columns: Sequence[int], futures: range) -> dict[int, EndsByPoint]:
        """Evaluate some of these futures by the event loop, else by the reference: those, and what is no node here."""
        played: dict[int, EndsByPoint] = {}
        if not columns:
            return played
        rows = np.empty((len(columns), len(ends)), np.int64)
        for row, column, loop in zip(rows, columns, self._loops(columns, futures)):
            if (why := what_misleads(loop)) is not None:
                row[:], played[futures[column]] = self._played(futures[column], why)
            else:
                row[:] = loop.ends
        ends[:, columns] = rows.T
        return played

    def _loops(self, columns: Sequence[int], futures: range) -> Iterator[Play]:
        """Play some of these futures. O(events * log) each."""
        if self.compiled is None:
            yield from (self.loop(futures[column]) for column in columns)
            return
        draws = self.draws
        keys = future_keys(self.seed, futures)[list(columns)]
        delays, attempts, nodes = draws.delays(keys), draws.attempts(keys), self.drawn.nodes
        for at in range(len(columns)):
            yield self.compiled.play(delays.at(at), attempts, nodes, at, self._capacity, self.effects.workers)

    @property
    def _capacity(self) -> list[int]:
        return [self.effects.capacities.get(name, pool.slots) for name, pool in self.window.pools.items()]

    def loop(self, future: int) -> EventLoop:
        """One future, played by the event loop. O(events * log)."""
        window, draws, effects = self.window, self.draws, self.effects
        keys = future_keys(self.seed, range(future, future + 1))
        attempts = AttemptLists.of(draws.attempts(keys), self.drawn.nodes, window.size)
        base, delays = window.base.tolist(), draws.delays(keys).of(0)
        loop = EventLoop(self._tools.loop_plan, base, delays, attempts, self._capacity, effects.workers)
        loop.play()
        return loop

    def _played(self, future: int, why: NotStatic) -> tuple[Ints, EndsByPoint]:
        """The ends of runs and tasks in a future that the reference played, and of those of no node. O(records)."""
        window, ends = self.window, self._play(future, why)
        outside = dict(ends)
        found = np.full(window.size, BEYOND, np.int64)
        for node, (kind, run, subject) in enumerate(zip(window.kind, window.run.tolist(), window.subject.tolist())):
            if kind not in (SOURCE, START):
                task = "" if kind == END else window.tasks[subject][1]
                dag, date = window.dags[window.run_dag[run]], int(window.run_date[run])
                point = dag, date, window.run_partition[run], task
                found[node] = ends.get(point, BEYOND)
                outside.pop(point, None)
        return found, outside

    # ------------------------------------------------------------------------------------- what is meant

    def run_of(self, dag: str, date: int | None = None, partition: str | None = None) -> int:
        """The run of a DAG of that date and partition; without a date its last one by date; -1 without. O(log runs)."""
        at = self.window.dag_number.get(dag, -1)
        if at < 0:
            return -1
        first, stop = self.window.dag_runs[at : at + 2].tolist()
        if date is None:
            return int(stop) - 1
        of_date = [run for run in range(first, stop) if self.window.run_date[run] == date]
        same = [run for run in of_date if self.window.run_partition[run] == partition]
        return int((same or of_date or [-1])[-1])

    def node(self, run: int, task: str = "") -> int:
        """The node of a task of a run, without a task of its END; -1 without. O(tasks)."""
        window = self.window
        if not task:
            return int(window.run_end[run])
        nodes = window.run_nodes[window.run_ptr[run] : window.run_ptr[run + 1]].tolist()
        found: list[int] = [node for node in nodes if window.tasks[window.subject[node]][1] == task]
        return found[0] if found else -1
