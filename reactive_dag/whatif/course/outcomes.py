"""What becomes of the attempts of a course, as its question says: how long each takes, whether it fails, what it gives.

Owns `Outcomes`. Invariant: an answer depends on the question and on what it is about alone, not on when it is asked for
or on what else happens, so an intervention leaves all others as they were. O(1) each.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from reactive_dag.model.records import Json

if TYPE_CHECKING:
    from reactive_dag.engine.runs.state import RunState
    from reactive_dag.whatif.question.effects import Effects
    from reactive_dag.whatif.question.future_draws import FutureDraws
    from reactive_dag.whatif.question.names import TaskName


class Outcomes:
    """The outcomes of attempts in one future of a question."""

    def __init__(self, effects: Effects, draws: FutureDraws) -> None:
        self.effects = effects
        self.draws = draws

    def duration(self, run: RunState, index: int, number: int) -> int | None:
        """How long an attempt takes (ns); None for a function that looks and never gives something true (R29)."""
        name = self._name(run, index)
        if run.arrays.untils[index] is not None and not self.effects.outputs.get(name, True):
            return None
        return self.draws.duration(run.run, name, run.plan.ids[index], number)

    def fails(self, run: RunState, index: int, number: int) -> bool:
        """Whether an attempt fails at its end."""
        return self.draws.fails(run.run, self._name(run, index), run.plan.ids[index], number)

    def output(self, run: RunState, index: int) -> Json:
        """What an attempt gives that succeeds."""
        usual = None if run.arrays.untils[index] is None else True
        return self.effects.outputs.get(self._name(run, index), usual)

    def lateness(self, run: RunState, index: int) -> int:
        """How much later (ns) the first attempt of a task, or of an instance, comes than it could."""
        return self.draws.task_lateness(run.run, self._name(run, index), run.plan.ids[index])

    def _name(self, run: RunState, index: int) -> TaskName:
        """The task's name; of an instance that of its mapped task."""
        return run.dag.id, run.arrays.ids[index if index < run.size else run.instance(index)[0]]
