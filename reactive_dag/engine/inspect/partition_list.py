"""The partitions of a dataset as people see them: which are there, which are missing, which failed; a table.

Owns the rows. Printing costs O(rows).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import datetime
from typing import Literal, TypeAlias

import attrs

from reactive_dag.model import pictures
from reactive_dag.model.payload import PlainForm
from reactive_dag.model.text import one_line
from reactive_dag.model.times import repr_of

PartitionState: TypeAlias = Literal["there", "running", "failed", "missing"]
STATES: tuple[PartitionState, ...] = ("there", "running", "failed", "missing")
COLUMNS = ("partition", "state", "at", "dag", "run", "error")
SHOWN_ROWS = 200
"""So many rows are printed; the list has them all."""


@attrs.frozen(kw_only=True, repr=False)
class PartitionRow(PlainForm):
    """One partition of a dataset.

    It is `there` if its newest event says so (a `deleted` one says that it is not), since `at`, made by `run` of `dag`
    (None: it was published from outside). Else it is `running` or `failed` as the newest run for it is, which may wait
    for its turn, or was cancelled; else `missing`. `dimensions` are its texts by name.
    """

    partition: str
    state: PartitionState
    at: datetime | None = None
    run: str | None = None
    dag: str | None = None
    error: str | None = None
    dimensions: dict[str, str] = attrs.Factory(dict)

    def __repr__(self) -> str:
        return repr_of(self, *COLUMNS)

    def cells(self) -> tuple[str, ...]:
        """What a table says of it. O(1)."""
        at = "" if self.at is None else f"{self.at:%Y-%m-%d %H:%M:%S}"
        error = (self.error or "").partition("\n")[0]
        return one_line(self.partition), self.state, at, self.dag or "", (self.run or "")[:8], one_line(error)


class PartitionList(list[PartitionRow]):
    """The partitions of a dataset, by time and then by value."""

    def __init__(self, dataset: str, rows: Iterable[PartitionRow]) -> None:
        super().__init__(rows)
        self.dataset = dataset

    @property
    def rows(self) -> list[PartitionRow]:
        """A row a partition."""
        return list(self)

    @property
    def missing(self) -> list[str]:
        """Those that are not there, and that nothing is about to make: missing and failed. O(rows)."""
        return [row.partition for row in self if row.state in ("missing", "failed")]

    @property
    def failed(self) -> list[str]:
        """Those whose run failed or was cancelled. O(rows)."""
        return [row.partition for row in self if row.state == "failed"]

    @property
    def title(self) -> str:
        """How many are in which state. O(rows)."""
        states = Counter(row.state for row in self)
        counts = ", ".join([f"{states[name]} {name}" for name in STATES if states[name]])
        return f"{one_line(self.dataset)}: {counts or 'no partitions'}"

    def to_json(self) -> list[dict[str, object]]:
        """Plain data, one object a partition. O(rows)."""
        return [row.to_json() for row in self]

    def __repr__(self) -> str:
        return f"<Partitions of {self.title}>"

    def __str__(self) -> str:
        rows, more = self._shown()
        if not rows:
            return self.title
        widths = [max(map(len, column)) for column in zip(COLUMNS, *rows)]
        lines = ["  " + "  ".join(map(str.ljust, row, widths)) for row in (COLUMNS, *rows)]
        return "\n".join([self.title, *[line.rstrip() for line in lines], *more])

    def _repr_mimebundle_(self, **_: object) -> dict[str, str]:
        return pictures.bundle("Partitions", self)

    def _shown(self) -> tuple[list[tuple[str, ...]], list[str]]:
        rows = [row.cells() for row in self[:SHOWN_ROWS]]
        return rows, [f"… and {len(self) - SHOWN_ROWS} more: .rows has them all"] if len(self) > SHOWN_ROWS else []
