"""How often each task decides when a DAG ends, over many futures, as a table.

Owns `CriticalityRow` and `Criticality`. O(tasks log tasks).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from attrs import frozen

from reactive_dag.whatif.answers.assumptions import MARK
from reactive_dag.whatif.answers.show import Answer

if TYPE_CHECKING:
    from reactive_dag.whatif.question.effects import Effects
    from reactive_dag.whatif.question.names import TaskName


@frozen
class CriticalityRow:
    """A task ("dag.task"), the share of futures in which it is on the path, and whether its duration is assumed."""

    task: str
    share: float
    assumed: bool

    def to_json(self) -> dict[str, object]:
        """Plain data. O(1)."""
        return {"task": self.task, "share": self.share, "assumed": self.assumed}


class Criticality(Answer[CriticalityRow]):
    """The tasks on the critical paths to a DAG's last run, the largest share first; `shares` has them by name."""

    columns = ("task", "critical in")
    _row_type = CriticalityRow
    right = frozenset({"critical in"})

    def __init__(self, dag: str, counts: Mapping[TaskName, int], n: int, effects: Effects) -> None:
        self.dag = dag
        self.n = n
        rows = [
            CriticalityRow(".".join(task), count / n, task in effects.usual and effects.duration(task).is_assumed)
            for task, count in counts.items()
        ]
        self.rows = sorted(rows, key=lambda row: (-row.share, row.task))
        self._effects = effects if any(row.assumed for row in rows) else None

    @property
    def shares(self) -> dict[str, float]:
        """The share of each task by its name. O(tasks)."""
        return {row.task: row.share for row in self.rows}

    @property
    def title(self) -> str:
        """Whose it is."""
        return f"what decides when {self.dag} ends, in {self.n} futures"

    def _cells_of(self, rows: Sequence[CriticalityRow]) -> list[tuple[str, ...]]:
        return [(row.task, f"{MARK if row.assumed else ''}{row.share:.1%}") for row in rows]

    def __repr__(self) -> str:
        return f"<Criticality for {self.dag!r}: {len(self.rows)} tasks, {self.n} futures>"
