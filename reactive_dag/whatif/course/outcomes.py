"""What becomes of the attempts of a course, as its question says: how long each takes, whether it fails, what it gives.

Owns `Outcomes`. Invariant: an answer depends on the question and on what it is about alone, not on when it is asked for
or on what else happens, so an intervention leaves all others as they were. O(1) each.
"""

from __future__ import annotations

from hashlib import blake2b
from typing import TYPE_CHECKING

from reactive_dag.model.records import Json

if TYPE_CHECKING:
    from reactive_dag.engine.runs.state import RunState
    from reactive_dag.whatif.question.effects import Effects
    from reactive_dag.whatif.question.names import TaskName


class Outcomes:
    """The outcomes of attempts under one question's effects and seed."""

    def __init__(self, effects: Effects, seed: int) -> None:
        self.effects = effects
        self.seed = seed

    def duration(self, run: RunState, index: int, number: int) -> int | None:
        """How long an attempt takes (ns); None for a function that looks and never gives something true (R29)."""
        name, effects = self._name(run, index), self.effects
        if run.arrays.untils[index] is not None and not effects.outputs.get(name, True):
            return None
        changed = effects.changed.get(name)
        return effects.usual[name] if changed is None else changed

    def fails(self, run: RunState, index: int, number: int) -> bool:
        """Whether an attempt fails at its end."""
        chance = self.effects.fails.get(self._name(run, index), 0.0)
        if chance in (0, 1):
            return chance == 1
        text = f"{self.seed}/{run.started.key}/{run.plan.ids[index]}/{number}"
        drawn = int.from_bytes(blake2b(text.encode(), digest_size=8).digest())
        return drawn < chance * 2.0**64

    def output(self, run: RunState, index: int) -> Json:
        """What an attempt gives that succeeds."""
        usual = None if run.arrays.untils[index] is None else True
        return self.effects.outputs.get(self._name(run, index), usual)

    def lateness(self, run: RunState, index: int) -> int:
        """How much later (ns) the first attempt of a task, or of an instance, comes than it could."""
        return self.effects.tasks.get(self._name(run, index), 0)

    def source_lateness(self, dataset: str, tick: int) -> int:
        """How much later (ns) than its tick outside publishes an event."""
        return self.effects.datasets.get(dataset, 0)

    def _name(self, run: RunState, index: int) -> TaskName:
        """The task's name; of an instance that of its mapped task."""
        return run.dag.id, run.arrays.ids[index if index < run.size else run.instance(index)[0]]
