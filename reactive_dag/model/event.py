"""Events as tasks and the callables of triggers see them.

Owns the public form of an item: a dataset's event, a completion, a tick, a silence, a start by hand. Invariant: frozen;
times are aware datetimes in UTC, ids are text, and what an event has not is None. It is built only when somebody looks:
the engine itself works on records. Cost: some 0.5 µs to build.
"""

from __future__ import annotations

from datetime import datetime

import attrs

from reactive_dag.model import pictures
from reactive_dag.model.payload import PlainForm
from reactive_dag.model.records import Json, Mark
from reactive_dag.model.times import repr_of, to_datetime


@attrs.frozen(kw_only=True, repr=False)
class Event(PlainForm):
    """One cause of a run.

    `kind`: "updated", "created", "deleted" or "partition_added" for a dataset's event, else "completed", "tick",
    "absent", "missed", "start" or "backfill" (of a static partition). `at` is when it was recorded, `time` what the
    publisher said of it. `run` is the key of the run that made it (or missed its deadline), `dag` and `task` whose
    completion it is and `state` how that ended; `source` is free text that the publisher gave. `logical_date` is the
    date it stands for (a tick's due time), `partition` the part of its dataset. `cascade` names the outside fact that
    it goes back to.

    >>> Event(kind="updated", dataset="orders", partition="2026-11-22")
    Event(kind='updated', dataset='orders', partition='2026-11-22')
    """

    kind: str
    at: datetime | None = None
    time: datetime | None = None
    key: str | None = None
    dataset: str | None = None
    dag: str | None = None
    task: str | None = None
    state: str | None = None
    partition: str | None = None
    logical_date: datetime | None = None
    extra: Json = None
    source: str | None = None
    run: str | None = None
    cascade: str = ""

    def __repr__(self) -> str:
        """What it has: an event of a dataset has other things to say than a tick. O(fields)."""
        return repr_of(self, *_SHOWN)

    def _repr_mimebundle_(self, **_: object) -> dict[str, str]:
        return pictures.bundle("Event", self)


_SHOWN = tuple(each.name for each in attrs.fields(Event) if each.name != "cascade")


def event_of_mark(mark: Mark) -> Event:
    """A tick, a silence or a missed deadline as an event. O(1)."""
    due = to_datetime(mark.due)
    date = None if mark.logical_date is None else to_datetime(mark.logical_date)
    run = mark.by or None if mark.kind == "missed" else None
    return Event(
        kind=mark.kind, at=due, time=due, dag=mark.dag or None, partition=mark.partition, logical_date=date, run=run
    )
