"""Events that no run took, and why: pending in a trigger at the end, parked, held by a pause, dropped by a policy (T1).

Owns `StrandedRow` and `StrandedEvents`. O(items pending + parts).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from attrs import frozen

from reactive_dag.model.text import counted
from reactive_dag.model.times import repr_of
from reactive_dag.whatif.answers.show import Answer, clock_text, iso, to_moment
from reactive_dag.whatif.outcome.rows import Left


@frozen(repr=False)
class StrandedRow:
    """One event that a leaf `part` of a DAG's trigger got and no run took; or `count` of them that a policy dropped.

    `event` is the dataset, or the DAG or task that ended; "" for those that were dropped.
    """

    dag: str
    part: str
    event: str
    at: datetime | None
    partition: str | None
    count: int
    why: str
    label: str = ""

    def __repr__(self) -> str:
        return repr_of(self, "dag", "part", "event", "at", "partition", "count", "why")

    def to_json(self) -> dict[str, object]:
        """Plain data. O(1)."""
        return {
            "dag": self.dag, "label": self.label, "part": self.part, "event": self.event, "at": iso(self.at),
            "partition": self.partition, "count": self.count, "why": self.why,
        }  # fmt: skip


class StrandedEvents(Answer[StrandedRow]):
    """The events that no run took."""

    columns = ("event", "at", "partition", "for", "why")
    _row_type = StrandedRow

    def __init__(self, left: Iterable[Left], zone: str = "UTC") -> None:
        self._zone = zone
        self.rows = [
            StrandedRow(row.dag, row.part, row.event, to_moment(row.at), row.partition, row.count, row.why, row.label)
            for row in left
        ]

    @property
    def title(self) -> str:
        """How many there are."""
        count = sum(row.count for row in self.rows)
        return f"{counted(count, 'event')} that no run took" if count else "every event was taken by a run"

    def _cells_of(self, rows: Sequence[StrandedRow]) -> list[tuple[str, ...]]:
        return [
            (
                row.event or f"{row.count} of {row.part}", clock_text(row.at), row.partition or "",
                f"{row.dag} ({row.label})" if row.label else row.dag, row.why,
            )
            for row in rows
        ]  # fmt: skip
