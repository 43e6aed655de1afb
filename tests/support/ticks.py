"""The ticks of a schedule, one by one."""

from __future__ import annotations

from collections.abc import Iterator

from reactive_dag.model.schedule import Schedule


def between(schedule: Schedule, a: int, b: int) -> Iterator[int]:
    """The ticks with a < tick < b, ascending."""
    tick = schedule.after(a)
    while tick is not None and tick < b:
        yield tick
        tick = schedule.after(tick)
