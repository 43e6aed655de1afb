"""What is drawn for a window in many futures: how long attempts take, which fail, what comes later.

Owns `WindowDraws`, made for a window and the effects of a question. Invariant: what is drawn for a node in a future is
what the reference draws there: it goes through the same functions, by the same keys. O(size) to draw, some 35 ns a
span that is drawn.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from reactive_dag.whatif.loops.attempts import AttemptRules, Attempts, Flags
from reactive_dag.whatif.question.draws import DURATION, FAILURE, DrawKeys, draw_keys, text_key, uniforms
from reactive_dag.whatif.window.arrays import END, SOURCE, START, TASK, Ints
from reactive_dag.whatif.window.identities import run_identities, source_identities

if TYPE_CHECKING:
    from reactive_dag.whatif.question.duration_table import DurationTable
    from reactive_dag.whatif.question.effects import Effects
    from reactive_dag.whatif.question.lateness import Lateness
    from reactive_dag.whatif.window.arrays import Window


class Delays(NamedTuple):
    """How much later nodes come (ns): `fixed` has a value a node; of `nodes`, ascending, `drawn` has a row a node more.

    The columns of `drawn` are futures.
    """

    fixed: Ints
    nodes: Ints
    drawn: Ints

    def at(self, column: int) -> Ints:
        """Those of one future, by node. O(nodes)."""
        found = self.fixed.copy()
        if len(self.nodes):
            found[self.nodes] += self.drawn[:, column]
        return found

    def of(self, column: int) -> list[int]:
        """`at`, as a list. O(nodes)."""
        as_list: list[int] = self.at(column).tolist()
        return as_list


class DrawnNodes:
    """What the keys of draws in a window need: made once for it. `nodes` are its tasks, `tasks` their numbers."""

    def __init__(self, window: Window) -> None:
        self.window = window
        self.nodes = np.flatnonzero(window.kind == TASK)
        self.tasks = window.subject[self.nodes].astype(np.int64)
        self.rules = AttemptRules.of(window.settings)
        self.ids = np.array([text_key(task) for _, task in window.tasks], np.uint64)

    @cached_property
    def runs(self) -> DrawKeys:
        """The identities of runs. O(runs + causes) once."""
        return run_identities(self.window)

    @cached_property
    def sources(self) -> DrawKeys:
        """The identities of outside events. O(events) once."""
        return source_identities(self.window)

    @cached_property
    def first_keys(self) -> DrawKeys:
        """The keys of how long first attempts take. O(nodes) once."""
        return self.keys(slice(None), DURATION, 1)

    def keys(self, rows: Ints | slice, purpose: int, number: int) -> DrawKeys:
        """The keys of the attempts of a number of these rows of `nodes`. O(rows)."""
        runs: DrawKeys = self.runs[self.window.run[self.nodes[rows]]]
        return draw_keys(runs, self.ids[self.tasks[rows]], purpose, number)

    def late(self, given: Lateness, nodes: Ints, futures: DrawKeys) -> Ints:
        """What is drawn of the lateness of nodes: a row a node. O(size)."""
        window = self.window
        kind = window.kind[nodes[0]]
        identities = self.sources[nodes] if kind == SOURCE else self.runs[window.run[nodes]]
        id = None if kind in (SOURCE, START) else window.tasks[window.subject[nodes[0]]][1]
        return given.spans(identities, futures, id)


class WindowDraws:
    """The draws of one question; `futures` are the keys of futures (draws.py), one a column."""

    def __init__(self, drawn: DrawnNodes, effects: Effects, table: DurationTable) -> None:
        self.drawn = drawn
        self.effects = effects
        self.table = table
        self._chance = np.zeros(len(drawn.window.tasks))
        for task, chance in effects.fails.items():
            if task in drawn.window.task_number:
                self._chance[drawn.window.task_number[task]] = chance

    def first_spans(self, futures: DrawKeys, threads: int = 1) -> Ints:
        """How long first attempts take (ns), if nothing cuts them off: a row a task. O(size)."""
        drawn = self.drawn
        keys = NO_KEYS if self.table.is_fixed else drawn.first_keys
        return self.table.spans(drawn.tasks, keys, futures, threads)

    def attempts(self, futures: DrawKeys, threads: int = 1, first: Ints | None = None) -> Attempts:
        """The attempts that tasks need; `first` is how long the first ones take, if it is known. O(size + failures)."""
        drawn, wide = self.drawn, len(futures)

        def spans(places: Ints, number: int) -> Ints:
            rows = places // wide
            keys = drawn.keys(rows, DURATION, number)
            return self.table.spans_of_each(drawn.tasks[rows], keys, futures[places % wide])

        def fails(places: Ints, number: int) -> Flags:
            rows = places // wide
            keys = drawn.keys(rows, FAILURE, number) + futures[places % wide]
            found: Flags = uniforms(keys, NO_KEYS)[:, 0] < self._chance[drawn.tasks[rows]]
            return found

        known = self.first_spans(futures, threads) if first is None else first
        return Attempts.drawn(drawn.rules, drawn.tasks, known, self._failed(futures), spans, fails)

    def _failed(self, futures: DrawKeys) -> Ints:
        """The places of the first attempts that fail at their end."""
        rows = np.flatnonzero(self._chance[self.drawn.tasks] > 0)
        if not len(rows):
            return NO_PLACES
        drawn = uniforms(self.drawn.keys(rows, FAILURE, 1), futures)
        at, column = np.nonzero(drawn < self._chance[self.drawn.tasks[rows]][:, None])
        return rows[at] * len(futures) + column

    def delays(self, futures: DrawKeys) -> Delays:
        """What comes later. O(nodes of what is late), and O(size) of what is drawn."""
        window = self.drawn.window
        fixed = np.zeros(window.size, np.int64)
        drawn: list[tuple[Ints, Ints]] = []
        for nodes, given in self._late():
            if given.drawn and len(nodes):
                drawn.append((nodes, self.drawn.late(given, nodes, futures)))
            else:
                fixed[nodes] = given.fixed
        if not drawn:
            return Delays(fixed, NO_PLACES, np.zeros((0, len(futures)), np.int64))
        nodes = np.concatenate([each for each, _ in drawn])
        order = np.argsort(nodes)
        return Delays(fixed, nodes[order], np.concatenate([each for _, each in drawn])[order])

    def _late(self) -> list[tuple[Ints, Lateness]]:
        """The nodes of each thing that comes later, and how much."""
        window, effects = self.drawn.window, self.effects
        found: list[tuple[Ints, Lateness]] = []
        for dag, given in effects.dags.items():
            number = window.dag_number.get(dag, -1)
            found.append((window.run_start[window.run_dag == number].astype(np.int64), given))
        for task, given in effects.tasks.items():
            number = window.task_number.get(task, -1)
            of_task = (window.subject == number) & ~np.isin(window.kind, NOT_OF_TASKS)
            found.append((np.flatnonzero(of_task), given))
        for dataset, given in effects.datasets.items():
            events = window.subject[: len(window.source_partition)]
            numbers = [at for at, name in enumerate(window.sources) if name == dataset]
            found.append((np.flatnonzero(np.isin(events, numbers)), given))
        return found


NOT_OF_TASKS = np.array([SOURCE, START, END], np.int8)
NO_KEYS = np.zeros(1, np.uint64)
NO_PLACES = np.zeros(0, np.int64)
