"""When each DAG lands, over many futures: one line of the table that `Futures` is.

Owns `LandingRow`. O(1) a row, once its ends are sorted.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from attrs import frozen

from reactive_dag.whatif.answers.show import clock_text, iso, to_moment

if TYPE_CHECKING:
    from reactive_dag.whatif.futures.finish import FinishTime

NEVER_TEXT = "never"


@frozen
class LandingRow:
    """The last run of a DAG: by `p50`, `p90` and `p99` it has ended with success in so many percent of the futures.

    None where not in so many. `fails` is the share of the futures in which it does not succeed.
    """

    dag: str
    logical_date: datetime | None
    p50: datetime | None
    p90: datetime | None
    p99: datetime | None
    fails: float

    @classmethod
    def of(cls, finish: FinishTime) -> LandingRow:
        """The row of a DAG. O(futures log futures)."""
        p50, p90, p99 = finish.quantile([0.5, 0.9, 0.99])
        return cls(finish.name, to_moment(finish.date), p50, p90, p99, 1 - finish.succeeded)

    def cells(self) -> tuple[str, ...]:
        """The row as text. O(1)."""
        landed = [clock_text(each) or NEVER_TEXT for each in (self.p50, self.p90, self.p99)]
        return self.dag, clock_text(self.logical_date), *landed, f"{self.fails:.1%}" if self.fails else ""

    def to_json(self) -> dict[str, object]:
        """Plain data. O(1)."""
        return {
            "dag": self.dag, "logical_date": iso(self.logical_date), "p50": iso(self.p50), "p90": iso(self.p90),
            "p99": iso(self.p99), "fails": self.fails,
        }  # fmt: skip
