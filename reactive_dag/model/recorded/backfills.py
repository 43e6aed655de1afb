"""The records of backfills (R26). Import them from records.py."""

from __future__ import annotations

import msgspec

from reactive_dag.model.recorded.shared import Json, Mark, Record


class BackfillDate(msgspec.Struct, frozen=True, gc=False, array_like=True, omit_defaults=True):
    """A date of a backfill, or a partition, and the trigger that it is of (R26). Static values have no date.

    `run` is the run that it has already, -1 if none; `again` gives that one a further round, a `whole` one where it
    succeeded and what it wrote is missing. `payload` is what the trigger's `.map` made of the tick, where it is
    `mapped`. With `is_period` the partition is one of a calendar, so that a run of its date is one of it, whatever that
    says.
    """

    date: int | None
    label: str = ""
    run: int = -1
    again: bool = False
    payload: Json = None
    mapped: bool = False
    partition: str | None = None
    whole: bool = False
    is_period: bool = False

    @property
    def mark(self) -> Mark:
        """The item that its run has as its cause: the tick of its date; a static partition has none. O(1)."""
        if self.date is None:
            return Mark("backfill", 0, place=self.partition)
        return Mark("tick", self.date, place=self.partition)


class BackfillRequested(Record, frozen=True, gc=False, array_like=True, omit_defaults=True, tag=24):
    """Somebody asked for the runs of past dates of a DAG (R26): number `n` of the graph's backfills.

    At most `limit` of its runs are unfinished at a time. With `only_failed` a further round keeps what succeeded.
    """

    dag: str
    n: int
    dates: list[BackfillDate]
    limit: int | None = None
    stop_on_failure: bool = False
    only_failed: bool = False


class BackfillAsked(Record, frozen=True, gc=False, array_like=True, omit_defaults=True, tag=22):
    """Date number `index` of backfill `n` had its turn.

    The request of its run, or of `round` of its `run`, stands right behind; round 0 of a run means that it is skipped.
    """

    n: int
    index: int
    run: int = -1
    round: int = 0


class BackfillEnded(Record, frozen=True, gc=False, array_like=True, omit_defaults=True, tag=25):
    """Backfill `n` has ended: the run of each date, -1 for one that had no turn, and which dates were skipped.

    `stopping` says why it asked for no more before the last date.
    """

    n: int
    dag: str
    state: str
    runs: list[int]
    skipped: list[int]
    stopping: str | None = None
