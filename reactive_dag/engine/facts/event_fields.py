"""The fields of an event: what each may be, and how a record holds it (R1, R8). No state; O(1) besides `extra`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, TypeAlias

from reactive_dag.model.errors import InvalidValue
from reactive_dag.model.partitions.given import partition_text
from reactive_dag.model.partitions.products import Partitions
from reactive_dag.model.payload import plain
from reactive_dag.model.records import Json
from reactive_dag.model.text import LONGEST_GIVEN, exact, seen, text_in
from reactive_dag.model.times import MICROSECOND, parse_date, parse_time
from reactive_dag.triggers.leaves.dataset import KINDS, Dataset

Validator: TypeAlias = Callable[[Dataset, object], Json]
"""Gives a field's value, which is not None, as the record holds it. Raises InvalidValue."""

Shape: TypeAlias = tuple[tuple[str, Validator], ...]
"""The fields of an event that gives certain names, in the order in which they are validated."""


def check_partition(dataset: Dataset, partition: object, where: str) -> str | None:
    """A given partition as plain text. Raises InvalidValue for one that is none of its dataset's."""
    return None if partition is None else partition_text(partition, dataset.partitions, f"{where}: partition")


def check_kind(kind: object, where: str) -> str:
    """A given kind of event as plain text. Raises InvalidValue for an unknown one."""
    found = exact(kind) if isinstance(kind, str) else None
    if found is None or found not in KINDS:
        raise InvalidValue(f"{where}: kind={seen(kind)} is unknown; it is one of {', '.join(sorted(KINDS))}")
    return found


def check_key(key: object, where: str) -> str | None:
    """A given key as plain text. Raises InvalidValue for one that is none, or empty."""
    found = check_text(key, where, "key")
    if found == "":
        raise InvalidValue(f"{where}: key='' is empty; give a text, or none")
    return found


def check_text(value: object, where: str, what: str) -> str | None:
    """A given text as plain `str`. Raises InvalidValue for what is no text, or none that can be written down."""
    return None if value is None else text_in(value, f"{where}: {what}")


# ----------------------------------------------------------------------------------------------- validators


def _partition(dataset: Dataset, value: object) -> Json:
    partitions = dataset.partitions
    if type(value) is not str or not value.isascii() or len(value) > LONGEST_GIVEN:
        return check_partition(dataset, value, where_of(dataset))
    if partitions is not None:
        partitions.check(value)
    return value


def _logical_date(dataset: Dataset, value: object) -> Json:
    found = parse_time(value, _zone(dataset), what="logical_date")  # type: ignore[arg-type]
    return found if found % MICROSECOND == 0 else parse_date(value)  # type: ignore[arg-type]  # which refuses it


def _zone(dataset: Dataset) -> str | None:
    """The zone in which days alone are read that are given for a dataset (R1)."""
    calendar = None if dataset.partitions is None else dataset.partitions.calendar
    return None if calendar is None else calendar.tz


def partition_of_date(dataset: Dataset, partitions: Partitions, date: Json) -> str:
    """The partition of an outside event that gives none (R1). Raises InvalidValue where a date does not say which."""
    found = partitions.made_of({}, date)
    if found is None:
        form = " or logical_date=" if partitions.is_dated else f" ({'|'.join(partitions.names)})"
        raise InvalidValue(
            f"{where_of(dataset)}: it is partitioned by {partitions!r}, so an event of it needs partition={form}"
        )
    return found


def _event_time(dataset: Dataset, value: object) -> Json:
    return parse_time(value, _zone(dataset), what="time")  # type: ignore[arg-type]


def _extra(dataset: Dataset, value: object) -> Json:
    try:
        return plain(value, "extra")
    except InvalidValue as error:
        raise InvalidValue(f"{where_of(dataset)}: {error}") from None


def kind_of(dataset: Dataset, value: object) -> Json:
    """The kind that an event gives. Raises InvalidValue for an unknown one."""
    return check_kind(value, where_of(dataset))


def _key(dataset: Dataset, value: object) -> Json:
    return check_key(value, where_of(dataset))


def _source(dataset: Dataset, value: object) -> Json:
    return check_text(value, where_of(dataset), "source")


def where_of(dataset: Dataset) -> str:
    """What a message about an event of a dataset begins with."""
    return f"publish({dataset.uri!r})"


VALIDATORS: Final[Mapping[str, Validator]] = {
    "partition": _partition, "logical_date": _logical_date, "extra": _extra, "kind": kind_of, "key": _key,
    "time": _event_time, "source": _source,
}  # fmt: skip
"""The fields of an event, in the order in which they are validated."""
