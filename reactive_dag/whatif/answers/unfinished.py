"""What is unfinished at the end of a course, and why, as a table.

Owns `UnfinishedWork`. O(rows).
"""

from __future__ import annotations

from collections.abc import Sequence

from reactive_dag.whatif.answers.show import Answer
from reactive_dag.whatif.outcome.rows import Unfinished


class UnfinishedWork(Answer[Unfinished]):
    """All that is unfinished: a sequence of its rows, so false if everything came to its end."""

    columns = ("what", "kind", "why")
    _row_type = Unfinished

    def __init__(self, rows: Sequence[Unfinished]) -> None:
        self.rows = list(rows)

    @property
    def title(self) -> str:
        """How much there is."""
        return f"{len(self.rows)} unfinished" if self.rows else "everything came to its end"

    def _cells_of(self, rows: Sequence[Unfinished]) -> list[tuple[str, ...]]:
        return [(f"{row.dag}.{row.task}" if row.task else row.dag, row.kind, row.why) for row in rows]
