"""The span of time that a run stands for (R1). Owns `DataInterval`; building one costs O(1)."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from reactive_dag.model.times import repr_of


class DataInterval(NamedTuple):
    """The span of time that a run stands for: from `start` up to, not including, `end`."""

    start: datetime | None
    end: datetime | None

    def __repr__(self) -> str:
        return repr_of(self, "start", "end")
