"""Events on their way into the log: validation, numbers, keys (semantics I3, I5, R1, R3).

Invariant: outside events of a dataset are numbered 0, 1, 2, … without a gap; a key that the log holds takes no number.
Everything is validated before anything is pushed. One event costs O(1) besides its `extra`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol, TypedDict

import attrs

from reactive_dag.engine.facts.receipts import Offsets
from reactive_dag.log.protocol import EventLog
from reactive_dag.model.calendar import Calendar
from reactive_dag.model.errors import InvalidValue, UnknownId
from reactive_dag.model.payload import plain
from reactive_dag.model.records import Json, KeyConflict, OutletEvent, Published, RunStarted
from reactive_dag.model.suggest import did_you_mean
from reactive_dag.model.times import GivenTime, parse_time
from reactive_dag.triggers.leaves.dataset import Dataset

KINDS = frozenset({"created", "updated", "deleted", "partition_added"})


class EventFields(TypedDict, total=False):
    """What `publish` takes besides the dataset."""

    partition: str | None
    logical_date: GivenTime | None
    time: GivenTime | None
    kind: str
    extra: object
    key: str | None
    source: str | None


class Stamps(Protocol):
    """Gives the instant of an append (I1)."""

    def stamp(self) -> int:
        """Nanoseconds UTC; the log's lock is held."""


@attrs.define
class DatasetState:
    """A dataset and the number of its next outside event."""

    dataset: Dataset
    next: int = 0


class Publishing:
    """The datasets of one engine."""

    def __init__(self, log: EventLog, datasets: Mapping[str, Dataset]) -> None:
        self.log = log
        self.datasets = datasets
        self.states: dict[str, DatasetState] = {}
        self.counted: dict[str, int] = {}

    def state_of(self, dataset: Dataset | str) -> DatasetState:
        """The dataset's entry. O(1). Raises UnknownId."""
        name = dataset if isinstance(dataset, str) else getattr(dataset, "uri", None)
        if name is None:
            raise InvalidValue(f"{dataset!r} is no dataset; give one, or its uri")
        found = self.states.get(name)
        if found is None:
            declared = self.datasets.get(name)
            if declared is None:
                hint = did_you_mean(name, self.datasets)
                raise UnknownId(f"no dataset {name!r} in this graph{hint}; declare it with graph.dataset({name!r})")
            found = self.states[name] = DatasetState(declared, self.counted.get(name, 0))
        return found

    # ------------------------------------------------------------------------------------- from outside

    def prepare(self, dataset: Dataset | str, fields: EventFields) -> tuple[DatasetState, tuple[Json, ...]]:
        """Validate one event; its source and fields in the order of `Published` after `n`."""
        state = self.state_of(dataset)
        unknown = fields.keys() - EventFields.__optional_keys__
        if unknown:
            raise InvalidValue(
                f"publish({state.dataset.id!r}): unknown argument {sorted(unknown)[0]!r}; "
                f"it takes {', '.join(sorted(EventFields.__optional_keys__))}"
            )
        where = f"publish({state.dataset.id!r})"
        partition = fields.get("partition")
        check_partition(state.dataset, partition, where)
        kind = fields.get("kind", "updated")
        check_kind(kind, where)
        extra = fields.get("extra")
        return state, (
            partition,
            _time(fields.get("logical_date"), "logical_date"),
            None if extra is None else plain(extra, f"{where}: extra"),
            kind,
            check_key(fields.get("key"), where),
            _time(fields.get("time"), "time"),
            check_text(fields.get("source"), where, "source"),
        )

    def push(self, at: int, state: DatasetState, rest: Sequence[Json]) -> tuple[int, bool]:
        """Push one validated event (the log's lock is held): its offset, and whether its key was there already."""
        offset, duplicate = self._push(Published(at, state.dataset.id, state.next, *rest))
        if not duplicate:
            state.next += 1
        return offset, duplicate

    def _push(self, record: Published) -> tuple[int, bool]:
        """Push a numbered event, unless its key is there already (I5); its offset or the first one's, and which."""
        key, scope = record.key, scope_of(record.dataset)
        first = None if key is None else self.log.find(scope, key)
        if first is not None:
            self._conflict(scope, first, record)
            return first, True
        offset = self.log.push(record)
        if key is not None:
            self.log.note_key(scope, key, offset)
        return offset, False

    def take_in(self, at: int, fact: Published) -> None:
        """Push a fact that the intake acknowledged, even of a dataset that is declared no more. O(1)."""
        name = fact.dataset
        declared = name in self.datasets
        state = self.state_of(name) if declared else DatasetState(Dataset(name), self.counted.get(name, 0))
        self.push(at, state, _content(fact))
        if not declared:
            self.counted[name] = state.next

    def push_plain(self, core: Stamps, dataset: Dataset | str) -> int:
        """Push one event that says nothing but its dataset; its offset. O(1): the hot path of `publish`."""
        name = dataset.uri if type(dataset) is Dataset else dataset
        try:
            state = self.states[name]  # type: ignore[index]
        except (KeyError, TypeError):
            state = self.state_of(dataset)
            name = state.dataset.id
        log = self.log
        with log.lock:
            number = state.next
            offset = log.push(Published(core.stamp(), name, number))  # type: ignore[arg-type]
            state.next = number + 1
        return offset

    def _conflict(self, scope: str, first: int, record: Published) -> None:
        there = self.log.record(first)
        assert isinstance(there, Published)
        if _content(there) != _content(record):
            self.log.push(KeyConflict(record.at, scope, str(record.key), first))

    def push_all(self, at: int, events: Iterable[tuple[Dataset | str, EventFields]]) -> Offsets:
        """Push many events, all or none (the log's lock is held). O(events).

        Events that carry nothing but their dataset are the hot path: they are made and pushed in one go.
        """
        given = list(events)  # an iterator may publish while it is asked: that comes before
        records = self._plain(at, given)
        if records is not None:
            return Offsets(self.log.push_many(records) if records else 0, len(records))
        valid = [self.prepare(dataset, fields) for dataset, fields in map(_pair, given)]
        places = [self.push(at, state, rest) for state, rest in valid]
        return Offsets(places[0][0], len(places), places)

    def _plain(self, at: int, events: Sequence[tuple[Dataset | str, EventFields]]) -> list[Published] | None:
        """The records of events that carry nothing but their dataset, which get their numbers; None if one has more."""
        records: list[Published] = []
        append, numbers = records.append, dict[str, int]()
        for event in events:
            try:
                dataset, fields = event
                name = dataset.uri if type(dataset) is Dataset else dataset
                number = numbers[name]  # type: ignore[index]
            except (KeyError, TypeError, ValueError):
                dataset, fields = _pair(event)
                state = self.state_of(dataset)
                name = state.dataset.id
                number = numbers.get(name, state.next)
            if fields:
                return None
            append(Published(at, name, number))  # type: ignore[arg-type]
            numbers[name] = number + 1  # type: ignore[index]
        for name, number in numbers.items():
            self.states[name].next = number
        return records

    def snapshot(self) -> dict[str, int]:
        """The number of each dataset's next outside event. O(datasets)."""
        return self.counted | {name: state.next for name, state in self.states.items()}

    def restore(self, counted: dict[str, int]) -> None:
        """Go on with these numbers. O(1)."""
        self.counted = counted

    def count(self, records: Iterable[object]) -> None:
        """Count the outside events among records that come out of the log. O(records)."""
        for record in records:
            if type(record) is Published and record.run < 0:
                self.counted[record.dataset] = record.n + 1

    def _check(self) -> None:
        """Numbers are kept by name, and never fall below 0. O(datasets)."""
        assert all(name == state.dataset.id and state.next >= 0 for name, state in self.states.items())

    # ------------------------------------------------------------------------------------- from a run

    def push_of_run(self, at: int, run: RunStarted, task: str, wanted: Iterable[OutletEvent]) -> None:
        """Push the events that a task's success (or a DAG's) records (R3); the log's lock is held. O(events).

        A key that is there already gives none, as with `publish` (I5).
        """
        numbers: dict[str, int] = {}
        for event in wanted:
            when = run.logical_date if event.logical_date is None else event.logical_date
            partition = self._partition(event, when, run)
            number = numbers.get(event.dataset, 0)
            record = Published(
                at, event.dataset, number, partition, when, event.extra, event.kind, event.key, event.time, None,
                run.run, task, run.cascade,
            )  # fmt: skip
            if not self._push(record)[1]:
                numbers[event.dataset] = number + 1

    def _partition(self, event: OutletEvent, date: int | None, run: RunStarted) -> str | None:
        if event.partition is not None:
            return event.partition
        dataset = self.datasets.get(event.dataset)
        calendar = None if dataset is None else dataset.partitions
        if calendar is None:
            return run.partition
        if run.partition is not None and event.logical_date is None and fits(calendar, run.partition):
            return run.partition
        return None if date is None else calendar.of(date)


def _content(event: Published) -> tuple[Json, ...]:
    """What its publisher said of an event, the dataset aside."""
    return (event.partition, event.logical_date, event.extra, event.kind, event.key, event.time, event.source)


def _pair(event: tuple[Dataset | str, EventFields]) -> tuple[Dataset | str, EventFields]:
    try:
        dataset, fields = event
    except (TypeError, ValueError):
        raise InvalidValue(f"publish_many() takes pairs (dataset, fields), not {event!r}") from None
    return dataset, fields


def scope_of(dataset: str) -> str:
    """Where the keys of a dataset's events are unique (I5)."""
    return f"dataset:{dataset}"


def check_partition(dataset: Dataset, partition: object, where: str) -> None:
    """Refuse a partition that is none of its dataset's. Raises InvalidValue."""
    text = check_text(partition, where, "partition")
    if text is not None and dataset.partitions is not None:
        dataset.partitions.check(text)


def fits(calendar: Calendar, partition: str) -> bool:
    """Whether a partition is one of a calendar's. O(1)."""
    try:
        calendar.check(partition)
    except InvalidValue:
        return False
    return True


def check_kind(kind: object, where: str) -> None:
    """Refuse an unknown kind of event. Raises InvalidValue."""
    if not isinstance(kind, str) or kind not in KINDS:
        raise InvalidValue(f"{where}: kind={kind!r} is unknown; it is one of {', '.join(sorted(KINDS))}")


def check_key(key: object, where: str) -> str | None:
    """Refuse a key that is no text. Raises InvalidValue."""
    if key == "":
        raise InvalidValue(f"{where}: key='' is empty; give a text, or none")
    return check_text(key, where, "key")


def check_text(value: object, where: str, what: str) -> str | None:
    """Refuse what is no text, or none that can be written down. Raises InvalidValue."""
    if value is None:
        return None
    if not isinstance(value, str):
        raise InvalidValue(f"{where}: {what}={value!r} is no text")
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise InvalidValue(f"{where}: {what}={value!r} cannot be written as UTF-8: {error.reason}") from None
    return value


def _time(value: GivenTime | None, what: str) -> int | None:
    return None if value is None else parse_time(value, what=what)
