"""What people see of items: public events, built from the log only when somebody looks.

Owns no state. One event costs O(1) and some microseconds.
"""

from __future__ import annotations

from datetime import datetime

from reactive_dag.engine.items.identity import Identities
from reactive_dag.model.event import Event, event_of_mark
from reactive_dag.model.payload import copied
from reactive_dag.model.records import (
    AnyRecord,
    Item,
    Json,
    Mark,
    Published,
    RunFinished,
    RunStarted,
    StartRequested,
    TaskFinished,
)
from reactive_dag.model.times import parse_time, to_datetime


def event_of(identities: Identities, item: Item) -> Event:
    """The public event of an item. O(1)."""
    return event_of_mark(item) if isinstance(item, Mark) else event_of_fact(identities, identities.record(item))


def subject_of(identities: Identities, item: Item) -> object:
    """What a trigger may ask of an item: something that has its kind or state, date, partition, cascade. O(1)."""
    if isinstance(item, Mark):
        return item
    record = identities.record(item)
    if not isinstance(record, TaskFinished):
        return record
    return RunFinished.of(identities.run_of(record.run), record.state, record.at)


def event_of_fact(identities: Identities, fact: AnyRecord) -> Event:
    """A fact that can be an item as an event."""
    if isinstance(fact, Published):
        return _published(identities, fact)
    if isinstance(fact, RunFinished):
        return _completed(fact.at, fact.state, fact, None)
    if isinstance(fact, TaskFinished):
        return _completed(fact.at, fact.state, identities.run_of(fact.run), fact.task)
    assert isinstance(fact, StartRequested), fact
    return Event(
        kind="start", at=to_datetime(fact.at), key=fact.key, dag=fact.dag, partition=fact.partition,
        logical_date=_date(fact.logical_date), extra=fact.payload, task=fact.task or None,
        run=identities.run_of(fact.run).key if fact.run >= 0 else None, cascade=fact.cascade,
    )  # fmt: skip


def _published(identities: Identities, fact: Published) -> Event:
    return Event(
        kind=fact.kind, at=to_datetime(fact.at), time=_date(fact.time), key=fact.key, dataset=fact.dataset,
        partition=fact.partition, logical_date=_date(fact.logical_date), extra=fact.extra, source=fact.source,
        run=identities.run_of(fact.run).key if fact.run >= 0 else None, task=fact.task or None, cascade=fact.cascade,
    )  # fmt: skip


def event_from(named: dict[str, Json]) -> Event:
    """The public event that the output of a wait tells of. O(1)."""
    times = {name: None if named[name] is None else to_datetime(parse_time(named[name])) for name in _TIMES}
    return Event(**{**copied(named), **times})


_TIMES = ("at", "time", "logical_date")


def _completed(at: int, state: str, run: RunFinished | RunStarted, task: str | None) -> Event:
    return Event(
        kind="completed", at=to_datetime(at), dag=run.dag, task=task, state=state, partition=run.partition,
        logical_date=_date(run.logical_date), run=run.key, cascade=run.cascade,
    )  # fmt: skip


def _date(value: int | None) -> datetime | None:
    return None if value is None else to_datetime(value)
