"""What an answer rests on: how many tasks take a duration that nobody gave for them.

Owns no state. A duration is assumed where only `default_duration` says it, or a spread by the task's name.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from reactive_dag.whatif.outcome.outcome import Outcome
    from reactive_dag.whatif.outcome.points import Point
    from reactive_dag.whatif.question.effects import Effects

MARK = "~"
"""It stands before a length of time that is assumed."""


def is_assumed(outcome: Outcome, point: Point) -> bool:
    """Whether the duration of a point's task is assumed; a wait takes none. O(1)."""
    name = outcome.dag(point.of), point.task.partition("[")[0]
    return name in outcome.effects.usual and outcome.effects.duration(name).is_assumed


def assumed_text(effects: Effects) -> str:
    """The line that stands below an answer: how many durations are assumed; "" if none is. O(tasks)."""
    count = sum(effects.duration(task).is_assumed for task in effects.usual)
    if not count:
        return ""
    return f"{count} of {len(effects.usual)} tasks take a duration that is assumed (default_duration, or a spread)"
