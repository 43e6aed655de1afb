"""Shared factors: one slow system makes all its tasks slow, in one future more than in another.

Owns `SharedFactor`, as it is written, and `FactorOfTasks`, which it is in a graph. Invariant: it is drawn once a
future, by its name, and multiplies every attempt of its tasks there. Making one costs O(tasks).
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from attrs import frozen

from reactive_dag.model.errors import InvalidValue
from reactive_dag.model.text import seen, text_in
from reactive_dag.whatif.question.distribution_kinds import Distribution
from reactive_dag.whatif.question.distributions import factor_of
from reactive_dag.whatif.question.draws import FACTOR, DrawKeys, draw_keys, text_key, uniforms
from reactive_dag.whatif.question.elementary import Floats
from reactive_dag.whatif.question.names import GivenName, GraphNames, TaskName, given_name


@frozen(repr=False)
class SharedFactor:
    """A factor that these tasks share: a number, or drawn once a future."""

    name: str
    factor: float | Distribution
    tasks: tuple[GivenName, ...]

    @classmethod
    def of(cls, name: object, factor: object, tasks: object) -> SharedFactor:
        """Out of what a user wrote. O(tasks). Raises InvalidValue."""
        if not isinstance(name, str) or not name.strip():
            raise InvalidValue(f"rd.shared() takes the name of what is shared first, not {seen(name)}")
        name = text_in(name, "rd.shared(): the name")
        what = f"rd.shared({name!r})"
        if isinstance(tasks, str) or not isinstance(tasks, Iterable):
            raise InvalidValue(f"{what}: tasks={seen(tasks)}: give a list of tasks")
        found = tuple([given_name(each, f"{what}: tasks=") for each in tasks])
        if not found:
            raise InvalidValue(f"{what}: tasks=[]: name the tasks that share it")
        return cls(name, factor_of(factor, f"{what}: the factor"), found)

    def __repr__(self) -> str:
        return f"rd.shared({self.name!r}, {self.factor!r}, tasks={list(self.tasks)!r})"


@frozen
class FactorOfTasks:
    """A factor that tasks share, with the tasks that it means in a graph."""

    name: str
    factor: float | Distribution
    tasks: frozenset[TaskName]

    @classmethod
    def of(cls, given: SharedFactor, names: GraphNames, where: str = "") -> FactorOfTasks:
        """What a factor as it is written means. O(tasks). Raises UnknownId, InvalidValue."""
        what = f"{where}rd.shared({given.name!r}): tasks="
        return cls(given.name, given.factor, frozenset(names.working(given.tasks, what)))

    def values(self, futures: DrawKeys) -> Floats:
        """The factor in each of these futures. O(futures)."""
        if not isinstance(self.factor, Distribution):
            return np.full(len(futures), float(self.factor))
        return self.factor.draw(uniforms(draw_keys(text_key(self.name), 0, FACTOR), futures)[0])
