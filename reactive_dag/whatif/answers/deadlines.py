"""Which deadlines were kept and which were missed, by how much (R13).

Owns `DeadlineRow` and `DeadlinesTable`. O(runs).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Literal

from attrs import frozen

from reactive_dag.model.times import repr_of
from reactive_dag.whatif.answers.show import Answer, clock_text, iso, signed_text, to_moment, to_timedelta

if TYPE_CHECKING:
    from reactive_dag.whatif.outcome.outcome import Outcome
    from reactive_dag.whatif.outcome.rows import Due
    from reactive_dag.whatif.question.effects import Effects


@frozen(repr=False)
class DeadlineRow:
    """One deadline: of a run, by its key, or "" where no run came. `ended` is when that run succeeded.

    `slack`: how much earlier than the deadline; negative if later, None without a success.
    """

    dag: str
    run: str
    logical_date: datetime | None
    partition: str | None
    due: datetime | None
    ended: datetime | None
    state: Literal["kept", "missed"]
    slack: timedelta | None

    def __repr__(self) -> str:
        return repr_of(self, "dag", "run", "logical_date", "partition", "due", "ended", "state", "slack")

    def to_json(self) -> dict[str, object]:
        """Plain data. O(1)."""
        return {
            "dag": self.dag, "run": self.run, "logical_date": iso(self.logical_date), "partition": self.partition,
            "due": iso(self.due), "ended": iso(self.ended), "state": self.state,
            "slack_s": None if self.slack is None else self.slack.total_seconds(),
        }  # fmt: skip


class DeadlinesTable(Answer[DeadlineRow]):
    """The deadlines: those without a success first, then by slack, the latest first."""

    columns = ("dag", "date", "due", "ended", "", "slack")
    _row_type = DeadlineRow
    right = frozenset({"slack"})

    def __init__(self, rows: Sequence[DeadlineRow], effects: Effects) -> None:
        self._effects = effects if rows else None
        self._zone = effects.zone
        self.rows = sorted(rows, key=lambda row: (row.slack is not None, row.slack or timedelta(0)))

    @property
    def missed(self) -> list[DeadlineRow]:
        """Those that were missed. O(rows)."""
        return [row for row in self.rows if row.state == "missed"]

    @property
    def title(self) -> str:
        """How many were kept and missed."""
        if not self.rows:
            return "no deadlines"
        missed = len(self.missed)
        return f"deadlines: {missed} missed, {len(self.rows) - missed} kept"

    def _cells_of(self, rows: Sequence[DeadlineRow]) -> list[tuple[str, ...]]:
        return [
            (
                row.dag, row.partition or clock_text(row.logical_date), clock_text(row.due),
                clock_text(row.ended) or ("no run came" if not row.run else "-"), row.state, signed_text(row.slack),
            )
            for row in rows
        ]  # fmt: skip


def deadlines_of(outcome: Outcome) -> DeadlinesTable:
    """All deadlines of an outcome. O(runs)."""
    return DeadlinesTable([_row(outcome, due) for due in outcome.deadlines()], outcome.effects)


def _row(outcome: Outcome, due: Due) -> DeadlineRow:
    ended = None if due.run is None or outcome.state(due.run) != "success" else outcome.ended(due.run)
    slack = None if ended is None else due.due - ended
    run = "" if due.run is None else outcome.key(due.run)
    return DeadlineRow(
        due.dag, run, to_moment(due.logical_date), due.partition, to_moment(due.due), to_moment(ended),
        "missed" if due.missed else "kept", to_timedelta(slack),
    )  # fmt: skip
