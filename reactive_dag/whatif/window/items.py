"""What runs of a window say of themselves, from what causes them: date and partition (R1, T19), known without a course.

Owns `CauseItem`, one cause, and `RunDates`, which dates the runs of one trigger. Invariant: every item has a date,
since every run goes back to ticks and outside events, which have one. O(causes).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from reactive_dag.engine.runs.logical_dates import keyed_by
from reactive_dag.model.calendar import Calendar
from reactive_dag.triggers.keys import KeySpec

if TYPE_CHECKING:
    from reactive_dag.model.partitions.products import Partitions, Periods
    from reactive_dag.triggers.base import Trigger


class CauseItem(NamedTuple):
    """One thing that can cause a run: its node (-1: a tick, at `base`), its date and its partition.

    `dataset` is the number of the dataset whose event it is (-1: none), `number` the event's among those of its task.
    """

    node: int
    base: int
    date: int
    partition: str | None = None
    dataset: int = -1
    number: int = 0


Causes: TypeAlias = Sequence[CauseItem]
"""The causes of one run."""


class RunDates:
    """Dates the runs of one trigger. `calendar` is that of the DAG's outlets, `partitions` those of datasets."""

    def __init__(self, trigger: Trigger, calendar: Periods | None, partitions: Sequence[Partitions | None]) -> None:
        self.keyed = keyed_by(trigger) if trigger.parts else None
        self.calendar = calendar
        self.partitions = partitions

    def of(self, causes: Causes) -> tuple[int, str | None]:
        """The date and the partition of a run (R1). O(causes)."""
        date = max([each.date for each in causes])
        partition = _agreed([each.partition for each in causes if each.partition is not None])
        if self.keyed is not None:
            key = _agreed([self._group(each, self.keyed) for each in causes])
            if key is not None and self.keyed.fits(key):
                partition, begin = key, self.keyed.time(key)
                dates = {each.date for each in causes}
                date = date if begin is None or len(dates) == 1 else begin
        if partition is None and self.calendar is not None:
            partition = self.calendar.of(date)
        return date, partition

    def _group(self, item: CauseItem, by: Partitions) -> str | None:
        """The key that a cause belongs to (T7)."""
        own = self.partitions[item.dataset] if item.dataset >= 0 else None
        fits = own is not None and item.partition is not None and own.fits(item.partition)
        return by.made_of(own.split(item.partition) if own is not None and item.partition and fits else {}, item.date)


def _agreed(texts: list[str | None] | list[str]) -> str | None:
    found = set(texts)
    return found.pop() if len(found) == 1 else None


def join_key(item: CauseItem, keys: tuple[KeySpec, ...]) -> tuple[object, ...] | None:
    """The key of an item in a join by these (T7, T8); None where it has none and is dropped. O(keys)."""
    found: list[object] = []
    for key in keys:
        if isinstance(key, Calendar):
            found.append(key.of(item.date))
        elif key == "partition":
            if item.partition is None:
                return None
            found.append(item.partition)
        else:  # the date, of a join that nobody wrote too: every item has one
            found.append(item.date)
    return tuple(found)
