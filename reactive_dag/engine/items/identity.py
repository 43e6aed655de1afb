"""What an item is, and what it says: identities (I3), run keys (I4), dates, partitions, cascades (R1, T8).

Owns no state: everything is read from the log through `Identities`. An identity never holds an offset or a clock.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from hashlib import blake2b
from typing import NamedTuple, TypeAlias

import msgspec

from reactive_dag.log.protocol import EventLog
from reactive_dag.model.records import (
    AnyRecord,
    Item,
    Mark,
    Published,
    RunFinished,
    RunRequested,
    RunStarted,
    StartRequested,
    TaskFinished,
)
from reactive_dag.triggers.firing import Key


class RunInfo(NamedTuple):
    """What an item, or the run that follows from items, says of itself; `cascade` is "" for one of its own."""

    logical_date: int | None
    partition: str | None
    cascade: str


def run_key(graph: str, dag: str, label: str, identities: Iterable[str], group: Key = ()) -> str:
    """The key of a run (I4): 32 hex digits; with its group where an item had several keys. O(n log n) in its causes."""
    found = [*identities]
    if len(found) > 1:
        found.sort()
    text = "\x1f".join((graph, dag, label, *found))
    if group:
        text += f"\x1e{msgspec.json.encode(group).decode()}"
    return blake2b(text.encode(), digest_size=16).hexdigest()


class Identities:
    """Reads items: their record, identity, and what they say. `run_of` gives a run's `RunStarted` by its offset."""

    __slots__ = ("log", "record", "run_of")

    def __init__(self, log: EventLog, run_of: Callable[[int], RunStarted]) -> None:
        self.log = log
        self.run_of = run_of
        self.record: Callable[[int], AnyRecord] = log.record
        """The record at an offset. O(1) in memory."""

    def request(self, run: int) -> RunRequested:
        """The request that names a run. O(1) in memory."""
        record = self.record(run)
        assert isinstance(record, RunRequested), record
        return record

    def identity(self, item: Item) -> str:
        """The identity of an item (I3)."""
        if isinstance(item, Mark):
            return mark_identity(item)
        fact = self.record(item)
        return f"{fact.key}/" if type(fact) is RunFinished else self.fact_identity(fact)

    def sources(self, causes: Iterable[Item]) -> tuple[int, ...]:
        """The runs that made some of these items, each once. O(items)."""
        record, found = self.record, []
        for cause in causes:
            if type(cause) is int:
                fact = record(cause)
                if fact.run >= 0:  # type: ignore[union-attr]
                    found.append(fact.run)  # type: ignore[union-attr]
        return tuple(sorted(set(found))) if found else ()

    def fact_identity(self, fact: AnyRecord) -> str:
        """The identity of a fact that can be an item."""
        if isinstance(fact, RunFinished):
            return f"{fact.key}/"
        if isinstance(fact, TaskFinished):
            return f"{self.run_of(fact.run).key}/{fact.task}"
        if isinstance(fact, StartRequested):
            return f"start:{fact.dag}={fact.key}" if fact.key is not None else f"start:{fact.dag}#{fact.n}"
        assert isinstance(fact, Published), fact
        if fact.run < 0:
            return f"{fact.dataset}#{fact.n}"
        return f"{self.run_of(fact.run).key}/{fact.task}/{fact.dataset}#{fact.n}"

    def info(self, item: Item) -> RunInfo:
        """What an item says of itself. O(1)."""
        if isinstance(item, Mark):
            return RunInfo(item.logical_date, item.partition, "")
        return self.info_of_fact(self.record(item))

    def info_of_fact(self, fact: AnyRecord) -> RunInfo:
        """What a fact that can be an item says of itself. O(1)."""
        if type(fact) is TaskFinished:
            fact = self.run_of(fact.run)
        if type(fact) is RunFinished or type(fact) is RunStarted:
            return RunInfo(fact.logical_date, fact.partition, fact.cascade)
        if type(fact) is StartRequested:
            return RunInfo(fact.logical_date, fact.partition, fact.cascade)
        assert isinstance(fact, Published), fact
        return RunInfo(fact.logical_date, fact.partition, fact.cascade or self.fact_identity(fact))


MadeItem: TypeAlias = tuple[int, str, str, int]
"""What names an item that a run made, within one log: run, task, dataset, number; "" and 0 where it has none."""


def made(fact: AnyRecord) -> MadeItem | None:
    """What names an item that a run made, in whichever round; None for any other fact. O(1)."""
    if isinstance(fact, RunFinished):
        return fact.run, "", "", 0
    if isinstance(fact, TaskFinished):
        return fact.run, fact.task, "", 0
    if isinstance(fact, Published) and fact.run >= 0:
        return fact.run, fact.task, fact.dataset, fact.n
    return None


def mark_identity(mark: Mark) -> str:
    """The identity of a tick, of a silence, of a missed deadline or of a backfilled partition (I3)."""
    if mark.kind == "tick":
        return f"tick:{mark.due}" if mark.place is None else f"tick:{mark.due}|{mark.place}"
    if mark.kind == "backfill":
        return f"partition:{mark.place}"
    if mark.kind == "missed":
        return f"missed:{mark.dag}/{mark.by}" if mark.by else f"missed:{mark.dag}@{mark.due}"
    # Two silences of one trigger that one registration armed are two: the first keeps the plain name.
    return f"absent:{mark.by}/{mark.part}" if mark.part else f"absent:{mark.by}"
