"""Events on their way into the log: validation, numbers, keys (semantics I3, I5, R1, R3).

Invariant: outside events of a dataset are numbered 0, 1, 2, … without a gap; a key that the log holds takes no number.
Everything is validated before anything is pushed, by its shape: the names that an event gives decide which validators
it takes, once for all events that give the same. An event costs O(1) besides its `extra`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol, TypedDict

import msgspec

from reactive_dag.engine.facts.event_fields import VALIDATORS, Shape, kind_of, partition_of_date
from reactive_dag.engine.facts.receipts import Offsets
from reactive_dag.log.protocol import EventLog
from reactive_dag.model.errors import InvalidValue, UndatedOutlet, UnknownId
from reactive_dag.model.partitions.given import GivenPartition
from reactive_dag.model.partitions.products import Partitions
from reactive_dag.model.records import Json, KeyConflict, OutletEvent, Published, Republished, RunStarted
from reactive_dag.model.suggest import did_you_mean
from reactive_dag.model.text import exact, seen, text_at
from reactive_dag.model.times import GivenTime
from reactive_dag.triggers.leaves.dataset import Dataset


class EventFields(TypedDict, total=False):
    """What `publish` takes besides the dataset."""

    partition: GivenPartition | None
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


class Dimensions(Protocol):
    """Knows what runs and their causes have in each dimension (T19)."""

    def of_run(self, run: RunStarted) -> Mapping[str, str]:
        """What a run has, by name. O(causes)."""

    def of_causes(self, run: int) -> Iterable[tuple[str, Mapping[str, str]]]:
        """The partitions among a run's causes, with what they have by name. O(causes)."""


class Publishing:
    """The datasets of one engine. `counted` is the number of each dataset's next outside event."""

    def __init__(self, log: EventLog, datasets: Mapping[str, Dataset], dimensions: Dimensions) -> None:
        self.log = log
        self.datasets = datasets
        self.dimensions = dimensions
        self.counted: dict[str, int] = {}
        self._shapes: dict[tuple[str, ...], Shape] = {(): ()}

    def dataset_of(self, dataset: Dataset | str) -> Dataset:
        """A dataset of this graph. O(1). Raises UnknownId, InvalidValue for what is no dataset."""
        given = dataset if isinstance(dataset, str) else text_at(dataset, "uri")
        if given is None:
            raise InvalidValue(f"{seen(dataset)} is no dataset; give one, or its uri")
        name = exact(given)
        found = self.datasets.get(name)
        if found is None:
            hint = did_you_mean(name, self.datasets) or f"; declare it with graph.dataset({name!r})"
            raise UnknownId(f"no dataset {name!r} in this graph{hint}")
        return found

    # ------------------------------------------------------------------------------------- from outside

    def validate(self, dataset: Dataset, fields: EventFields) -> dict[str, Json]:
        """What an event of the dataset records, by the names of `Published`. O(1) besides its `extra`.

        Raises InvalidValue.
        """
        try:
            shape = self._shapes[tuple(fields)] if type(fields) is dict else None
        except Exception:  # such names are new, or their own __hash__ raises
            shape = None
        if shape is None:
            fields = _dict_of(fields)
            names = tuple(fields)
            shape = self._shapes[names] = _shape_of(dataset, names)
        given: Mapping[str, object] = fields
        found: dict[str, Json] = {}
        for name, validator in shape:
            value = given[name]
            if value is not None or validator is kind_of:
                found[name] = validator(dataset, value)
        if dataset.partitions is not None and "partition" not in found:
            found["partition"] = partition_of_date(dataset, dataset.partitions, found.get("logical_date"))
        return found

    def publish(self, stamps: Stamps, dataset: Dataset | str, fields: EventFields) -> tuple[int, bool]:
        """Validate one event and push it: its offset, and whether its key was there already. O(1) besides `extra`.

        Raises UnknownId, InvalidValue, before anything is pushed.
        """
        try:
            declared = self.datasets[dataset.uri if type(dataset) is Dataset else dataset]  # type: ignore[index]
        except Exception:  # it is unknown or no dataset, or a text whose own __hash__ raises
            declared = self.dataset_of(dataset)
        valid = self.validate(declared, fields) if fields or declared.partitions is not None else {}
        name = declared.uri
        with self.log.lock:
            number, before, at = self.counted.get(name, 0), self.log.next_offset, stamps.stamp()
            record = Published(at, name, number, **valid) if valid else Published(at, name, number)
            if record.key is not None:
                return self.push(record)
            try:
                offset, self.counted[name] = self.log.push(record), number + 1
            except BaseException:  # Ctrl-C between the record and its number
                self.counted[name] = number + (self.log.next_offset > before)
                raise
            return offset, False

    def push(self, record: Published) -> tuple[int, bool]:
        """Push one validated event under the next number of its dataset (the log's lock is held). O(1).

        Returns its offset, or that of the first event with its key, and whether its key was there already.
        """
        number = self.counted.get(record.dataset, 0)
        if record.n != number:
            record = msgspec.structs.replace(record, n=number)
        if record.key is None:
            offset, duplicate = self.log.push(record), False
        else:
            offset, duplicate = self._push_keyed(record)
        if not duplicate:
            self.counted[record.dataset] = number + 1
        return offset, duplicate

    def take_in(self, at: int, fact: Published) -> None:
        """Push a fact that the intake acknowledged, even of a dataset that is declared no more. O(1)."""
        self.push(msgspec.structs.replace(fact, at=at))

    def push_all(self, at: int, events: Iterable[tuple[Dataset | str, EventFields]]) -> Offsets:
        """Push many events, all or none (the log's lock is held). O(events)."""
        if isinstance(events, str) or not isinstance(events, Iterable):
            raise InvalidValue(f"publish_many() takes pairs (dataset, fields), not {seen(events)}")
        given = list(events)  # an iterator may publish while it is asked: that comes before
        records: list[Published] = []
        append, numbers, keyed, dated = records.append, dict[str, int](), False, set[str]()
        try:
            for event in given:
                try:
                    dataset, fields = event
                    name = dataset.uri if type(dataset) is Dataset else dataset if type(dataset) is str else ""
                    number = numbers[name] if type(fields) is dict else -1
                except Exception:  # the first of its dataset, or one that is wrong
                    number = -1
                if number < 0:
                    name, fields = self._pair(event)
                    number = numbers.get(name, self.counted.get(name, 0))
                    if self.datasets[name].partitions is not None:
                        dated.add(name)
                if fields or name in dated:
                    append(Published(at, name, number, **self.validate(self.datasets[name], fields)))
                    keyed = keyed or "key" in fields
                else:
                    append(Published(at, name, number))
                numbers[name] = number + 1
        except (InvalidValue, UnknownId) as error:
            raise type(error)(f"publish_many(), event {len(records)}: {error}") from None
        if keyed:  # a key that is known takes no number, so those behind it have other ones
            places = [self.push(record) for record in records]
            return Offsets(places[0][0], len(places), places)
        self.counted.update(numbers)
        return Offsets(self.log.push_many(records) if records else 0, len(records))

    def _pair(self, event: object) -> tuple[str, EventFields]:
        """The uri of a declared dataset, and the fields. Raises UnknownId, InvalidValue."""
        if not isinstance(event, tuple | list) or len(event) != 2:
            raise InvalidValue(f"it takes pairs (dataset, fields), not {seen(event)}")
        return self.dataset_of(event[0]).uri, _dict_of(event[1])

    def _push_keyed(self, record: Published) -> tuple[int, bool]:
        """Push a numbered event, unless its key is there already (I5); its offset or the first one's, and which."""
        key, scope = str(record.key), scope_of(record.dataset)
        first = self.log.find(scope, key)
        if first is not None and not self._is_anew(record, first):
            self._conflict(scope, first, record)
            return first, True
        offset = self.log.push(record)
        if first is None:
            self.log.note_key(scope, key, offset)
        return offset, False

    def _is_anew(self, record: Published, first: int) -> bool:
        """Whether a later round of a run publishes under the key that an earlier one of it gave (R10)."""
        if type(record) is not Republished:
            return False
        there = self.log.record(first)
        assert isinstance(there, Published)
        return (there.run, there.task) == (record.run, record.task)

    def _conflict(self, scope: str, first: int, record: Published) -> None:
        there = self.log.record(first)
        assert isinstance(there, Published)
        if _content(there) != _content(record):
            self.log.push(KeyConflict(record.at, scope, str(record.key), first))

    def snapshot(self) -> dict[str, int]:
        """The number of each dataset's next outside event. O(datasets)."""
        return dict(self.counted)

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
        assert all(isinstance(name, str) and number >= 0 for name, number in self.counted.items()), self.counted

    # ------------------------------------------------------------------------------------- from a run

    def push_of_run(self, at: int, run: RunStarted, task: str, wanted: Iterable[OutletEvent]) -> None:
        """Push the events that a task's success (or a DAG's) records (R3); the log's lock is held. O(events).

        A key that is there already gives none, as with `publish` (I5).
        """
        numbers: dict[str, int] = {}
        kind = Published if run.round == 1 else Republished
        for event in wanted:
            date = run.logical_date if event.logical_date is None else event.logical_date
            for partition, when in self._partitions(event, date, run) or ((None, date),):
                number = numbers.get(event.dataset, 0)
                record = kind(
                    at, event.dataset, number, partition, when, event.extra, event.kind, event.key, event.time, None,
                    run.run, task, run.cascade,
                )  # fmt: skip
                if event.key is None:
                    self.log.push(record)
                elif self._push_keyed(record)[1]:
                    continue
                numbers[event.dataset] = number + 1

    def each_value(self, run: RunStarted, wanted: Iterable[OutletEvent]) -> list[OutletEvent]:
        """What a body would say of outlets whose static value the run does not say: each of them. O(result)."""
        found: list[OutletEvent] = []
        for event in wanted:
            partitions = self.datasets[event.dataset].partitions
            if partitions is None or partitions.is_dated or self._partitions(event, run.logical_date, run):
                found.append(event)
            elif run.logical_date is not None or partitions.calendar is None:
                texts = partitions.of_instant(run.logical_date or 0)
                found += [msgspec.structs.replace(event, partition=each) for each in texts]
            else:
                found.append(event)
        return found

    def check_dated(self, run: RunStarted, wanted: Iterable[OutletEvent]) -> None:
        """Refuse events of a run that have no partition, though their dataset has a calendar. O(events).

        Raises UndatedOutlet.
        """
        for event in wanted:
            when = run.logical_date if event.logical_date is None else event.logical_date
            if not self._partitions(event, when, run):
                partitions, wanting = self.datasets[event.dataset].partitions, event.dataset
                lacks = "neither a logical date nor a partition of it"
                if when is not None and partitions is not None:
                    lacks = f"no partition of it (its date does not say {_undated(partitions)})"
                raise UndatedOutlet(
                    f"outlet {wanting!r} is partitioned by {partitions!r}, and the run has {lacks}: write "
                    f"run.publish({wanting!r}, partition=...), or run.unchanged({wanting!r})"
                )

    def _partitions(
        self, event: OutletEvent, date: int | None, run: RunStarted
    ) -> Sequence[tuple[str | None, int | None]]:
        """The partitions and dates of the events that a run says of an outlet (R3, T19); none where it would need one.

        O(1), where the run does not say all O(causes).
        """
        if event.partition is not None:
            return ((event.partition, date),)
        dataset = self.datasets.get(event.dataset)
        partitions = None if dataset is None else dataset.partitions
        if partitions is None or (event.logical_date is None and partitions.fits(run.partition)):
            return ((run.partition, date),)
        known = {} if partitions.is_dated else self.dimensions.of_run(run)
        if (own := partitions.made_of(known, date)) is not None:
            return ((own, date),)
        found = dict[str, int | None]()
        for text, about in self.dimensions.of_causes(run.run):
            made = text if partitions.fits(text) else partitions.made_of({**about, **known}, event.logical_date)
            if made is not None:
                when = date if event.logical_date is not None or date is None else partitions.time(made)
                found[made] = date if when is None else when
        return () if event.key is not None and len(found) > 1 else list(found.items())


def _undated(partitions: Partitions) -> str:
    return " and ".join([repr(each.name) for each in partitions.dimensions if each.calendar is None])


def _content(event: Published) -> tuple[Json, ...]:
    """What its publisher said of an event, the dataset aside."""
    return (event.partition, event.logical_date, event.extra, event.kind, event.key, event.time, event.source)


def _shape_of(dataset: Dataset, names: tuple[str, ...]) -> Shape:
    """The shape of events that give these names. Raises InvalidValue for one that no event has."""
    unknown = [name for name in names if type(name) is not str or name not in VALIDATORS]
    if unknown:
        raise InvalidValue(
            f"publish({dataset.id!r}): unknown argument {seen(unknown[0])}; it takes {', '.join(sorted(VALIDATORS))}"
        )
    return tuple((name, validator) for name, validator in VALIDATORS.items() if name in names)


def _dict_of(fields: object) -> EventFields:
    """What an event says besides its dataset, with plain texts as names. Raises InvalidValue for what is no dict."""
    if not isinstance(fields, Mapping):
        raise InvalidValue(f"an event's fields are a dict such as {{'partition': '2026-11-22'}}, not {seen(fields)}")
    return {(exact(name) if isinstance(name, str) else name): value for name, value in fields.items()}  # type: ignore


def outlet_events(outlets: Iterable[Dataset]) -> list[OutletEvent]:
    """The automatic events of outlets (R3). O(outlets)."""
    return [OutletEvent(outlet.uri) for outlet in outlets]


def scope_of(dataset: str) -> str:
    """Where the keys of a dataset's events are unique (I5)."""
    return f"dataset:{dataset}"
