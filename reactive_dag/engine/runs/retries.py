"""When the next attempt of a failed task comes (R5): fixed, exponential, or as a callable says."""

from __future__ import annotations

import random
from typing import cast

from reactive_dag.declare.task import AnyTask
from reactive_dag.model.callables import Call
from reactive_dag.model.times import DAY, parse_duration

LONGEST = 100 * 366 * DAY
"""No delay is longer, however often it was doubled."""


def retry_delay(task: AnyTask, attempt: int, seed: str) -> int:
    """The delay (ns) after attempt number `attempt` of a task failed. O(1).

    The factor of `exponential` is 2, capped by `max_delay`; jitter takes a share of the delay that `seed` decides, so
    that a replay draws the same.
    """
    delay = task.retry_delay
    if isinstance(delay, Call):
        return parse_duration(cast("str", delay.fn(attempt)), what="retry_delay", zero_ok=True)
    if task.backoff == "exponential":
        delay *= 2 ** min(attempt - 1, 62)
    if task.max_delay is not None:
        delay = min(delay, task.max_delay)
    if task.jitter:
        delay = int(delay * random.Random(f"{seed}/{task.id}/{attempt}").uniform(0.5, 1.0))
    return min(delay, LONGEST)
