"""What is drawn in one future, one by one: durations, failures, delays; for who plays a course attempt by attempt.

Owns `FutureDraws`. Invariant: each answer is that of duration_table.py and lateness.py for the same future: numbers
go the same steps as arrays. O(1) each, some 8 µs where something is drawn; a run's identity is asked for only then.
"""

from __future__ import annotations

from collections.abc import Callable

from reactive_dag.whatif.question.distribution_kinds import whole_span
from reactive_dag.whatif.question.draws import DURATION, FAILURE, draw_key, future_keys, text_key, uniform_of
from reactive_dag.whatif.question.effects import Effects
from reactive_dag.whatif.question.identity import outside_identity
from reactive_dag.whatif.question.lateness import Lateness
from reactive_dag.whatif.question.names import TaskName


class FutureDraws:
    """The draws of one future of a seed, under one question's effects.

    `identity_of` gives the identity of a run (identity.py) by the number that its callers have for it; `futures` holds
    the key of this future alone. `id` is always the task's id, of an instance of a mapped task its own.
    """

    def __init__(self, effects: Effects, seed: int, identity_of: Callable[[int], int], future: int = 0) -> None:
        self.effects = effects
        self.identity_of = identity_of
        self.futures = future_keys(seed, range(future, future + 1))
        self._factors: dict[str, float] = {}

    def duration(self, run: int, task: TaskName, id: str, attempt: int) -> int:
        """How long an attempt takes (ns)."""
        given = self.effects.duration(task)
        factors = self.effects.factors(task)
        span = given.span
        if isinstance(span, int):
            if given.factor == 1 and not factors:
                return span
            value = float(span)
        else:
            value = span.value(self._uniform(run, id, DURATION, attempt))
        value *= given.factor
        for name in factors:
            value *= self._factor(name)
        return whole_span(value)

    def fails(self, run: int, task: TaskName, id: str, attempt: int) -> bool:
        """Whether an attempt fails at its end."""
        chance = self.effects.fails.get(task, 0.0)
        if chance in (0, 1):
            return chance == 1
        return self._uniform(run, id, FAILURE, attempt) < chance

    def run_lateness(self, run: int, dag: str) -> int:
        """How much later (ns) than its request a run is queued."""
        return self._lateness(self.effects.dags.get(dag), lambda: self.identity_of(run))

    def task_lateness(self, run: int, task: TaskName, id: str) -> int:
        """How much later (ns) the first attempt of a task comes than it could."""
        return self._lateness(self.effects.tasks.get(task), lambda: self.identity_of(run), id)

    def event_lateness(self, dataset: str, tick: int, partition: str | None) -> int:
        """How much later (ns) than its tick outside publishes an event."""
        return self._lateness(self.effects.datasets.get(dataset), lambda: outside_identity(dataset, tick, partition))

    def _lateness(self, given: Lateness | None, identity: Callable[[], int], id: str | None = None) -> int:
        if given is None or not given.drawn:
            return 0 if given is None else given.fixed
        return int(given.spans(identity(), self.futures, id)[0, 0])

    def _factor(self, name: str) -> float:
        found = self._factors.get(name)
        if found is None:
            found = self._factors[name] = float(self.effects.shared[name].values(self.futures)[0])
        return found

    def _uniform(self, run: int, id: str, purpose: int, attempt: int) -> float:
        return uniform_of(draw_key(self.identity_of(run), text_key(id), purpose, attempt), int(self.futures[0]))
