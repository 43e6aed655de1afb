"""What is unfinished at the end of a course, and why, as a table.

Owns `UnfinishedWork`. O(rows).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from reactive_dag.whatif.answers.show import Table
from reactive_dag.whatif.outcome.rows import Unfinished


class UnfinishedWork(Table):
    """All that is unfinished: a sequence of its rows, so false if everything came to its end."""

    columns = ("what", "kind", "why")

    def __init__(self, rows: Sequence[Unfinished]) -> None:
        self.rows = list(rows)

    @property
    def title(self) -> str:
        """How much there is."""
        return f"{len(self.rows)} unfinished" if self.rows else "everything came to its end"

    def cells(self) -> list[tuple[str, ...]]:
        """A row each."""
        return [(f"{row.dag}.{row.task}" if row.task else row.dag, row.kind, row.why) for row in self.rows]

    def to_json(self) -> list[dict[str, object]]:
        """Plain data. O(rows)."""
        return [row.to_json() for row in self.rows]

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Iterator[Unfinished]:
        return iter(self.rows)

    def __getitem__(self, at: int) -> Unfinished:
        return self.rows[at]
