"""The outcome of what a window answered. Owns no state. O(1), the first time for a window O(nodes)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from reactive_dag.whatif.outcome.loop_outcome import LoopOutcome
from reactive_dag.whatif.outcome.window_outcome import WindowOutcome
from reactive_dag.whatif.outcome.window_runs import WindowRuns

if TYPE_CHECKING:
    from reactive_dag.whatif.course.prepared import PreparedGraph
    from reactive_dag.whatif.loops.answering import WindowAnswer
    from reactive_dag.whatif.outcome.outcome import Outcome
    from reactive_dag.whatif.question.effects import Effects


def outcome_of(
    found: WindowAnswer, graph: str, effects: Effects, prepared: PreparedGraph, reference: Callable[[], Outcome]
) -> WindowOutcome:
    """The outcome of a window of a graph; `reference` gives the same future as the reference plays it. O(1)."""
    runs, values = WindowRuns.of(found.window, graph), found.asked.values
    if found.play is None:
        return WindowOutcome(runs, values, found.passed, effects, prepared, reference)
    return LoopOutcome(runs, values, found.play, effects, prepared, reference)
