"""Rows that an outcome gives as they are: what is unfinished, deadlines, events that nobody took.

Owns no state. Times are ns UTC. O(1) each.
"""

from __future__ import annotations

from attrs import frozen


@frozen
class Unfinished:
    """One thing that has not come to its end. `kind`: "wait", "past", "queued", "trigger" or "fault".

    `run` is the run's key and `task` its task, "" where the DAG as a whole is meant.
    """

    kind: str
    dag: str
    run: str
    task: str
    why: str

    def to_json(self) -> dict[str, object]:
        """Plain data. O(1)."""
        return {"kind": self.kind, "dag": self.dag, "run": self.run, "task": self.task, "why": self.why}


@frozen
class Due:
    """A deadline (R13) of a run, by its number; None where no run came. `missed` is what the simulation found."""

    dag: str
    run: int | None
    due: int
    logical_date: int | None
    partition: str | None
    missed: bool


@frozen
class Left:
    """Items that no run took: of which event, and since when (`at` is None for several that were dropped).

    `dag` and `part` are the trigger's DAG and leaf part, `count` how many items; `why` is the reason.
    """

    dag: str
    label: str
    part: str
    event: str
    at: int | None
    partition: str | None
    count: int
    why: str
