"""The decisions: what the logic made of facts. A tag is never given to another kind. No state."""

from __future__ import annotations

from reactive_dag.model.recorded.shared import Json, Mark, Record, RollupFired, RunDeadline


class RunRequested(Record, frozen=True, gc=False, array_like=True, omit_defaults=True, tag=32):
    """A firing that the ledger had not seen: one run of `dag` is to happen. Its offset names the run in this log.

    `riders` are those of its causes that stay pending in the trigger (T17). `depths`: how often its cascade went
    through each feedback part that lies behind it, by the part's DAG, label and dataset (G2).
    """

    dag: str
    label: str
    causes: tuple[int | Mark, ...]
    payload: Json = None
    mapped: bool = False
    key: str | None = None
    group: Json = None
    riders: tuple[int | Mark, ...] = ()
    deadline: RunDeadline | None = None
    rollup: RollupFired | None = None
    depths: tuple[tuple[str, str, str, int], ...] = ()

    @property
    def driving(self) -> tuple[int | Mark, ...]:
        """The causes from which it has date, partition and cascade: all but those that only ride along (T17)."""
        if not self.riders:
            return self.causes
        return tuple([cause for cause in self.causes if cause not in self.riders])


class Answers(Record, frozen=True, gc=False, array_like=True, omit_defaults=True, tag=33):
    """What the callables of a trigger answered, in the order they were asked (I6); None stands for a fault."""

    dag: str
    label: str
    values: list[Json]


class TriggerFault(Record, frozen=True, gc=False, array_like=True, omit_defaults=True, tag=34):
    """A `where`, `by` or `map` raised (T10)."""

    dag: str
    label: str
    item: int | Mark
    function: str
    place: str
    error: str


class Expired(Record, frozen=True, gc=False, array_like=True, omit_defaults=True, tag=35):
    """Items were dropped by a bound (T7, T14), or had no key (`policy`)."""

    dag: str
    label: str
    policy: str
    part: str
    key: str = ""
    count: int = 1


class Decided(Record, frozen=True, gc=False, array_like=True, omit_defaults=True, tag=36):
    """All facts below offset `upto` are decided; their decisions stand before this record (I6)."""

    upto: int


class ObserverFault(Record, frozen=True, gc=False, array_like=True, omit_defaults=True, tag=37):
    """An observer's callback raised (R12)."""

    error: str
    dag: str = ""


class Duplicate(Record, frozen=True, gc=False, array_like=True, omit_defaults=True, tag=38):
    """A firing whose key exists was dropped (I4)."""

    dag: str
    label: str
    key: str


class RoundSettled(Record, frozen=True, gc=False, array_like=True, omit_defaults=True, tag=42):
    """All that a round of a rerun with `downstream` made is recorded, and once `decided` all that it led to (R10).

    `origin` is the request that began the rerun, `well` says whether what follows may go on.
    """

    run: int
    origin: int
    well: bool
    decided: bool = False


class DeadlineMissed(Record, frozen=True, gc=False, array_like=True, omit_defaults=True, tag=40):
    """A run of `dag` had not succeeded by `due`, or (`key` "") there was none (R13)."""

    dag: str
    due: int
    key: str = ""
    logical_date: int | None = None
    partition: str | None = None


class FeedbackStopped(Record, frozen=True, gc=False, array_like=True, omit_defaults=True, tag=43):
    """An item went no further through a feedback part: its bound was reached, or `until` was true (G2)."""

    dag: str
    label: str
    part: str
    item: int | Mark
    depth: int
