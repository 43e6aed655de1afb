"""Bytes on disk: a segment is the records of one commit, or a piece of them, as one msgpack array with a checksum.

The checksum covers the place (first offset, count, highest `at`) as well as the bytes, so a segment read at another
place is damage too; so it is with a row of the views. Encoding costs 0.1-0.2 µs a record, decoding 0.3-0.6 µs. Decoding
never guesses: what does not read exactly as it was written is StoreDamaged, with the place.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator, Sequence
from typing import Any, TypeAlias

import msgspec

from reactive_dag.log.history import RoundRow, RunRow, TaskRow
from reactive_dag.log.protocol import OfferedFact
from reactive_dag.model.errors import StoreDamaged
from reactive_dag.model.payload import DEPTH_LIMIT
from reactive_dag.model.records import AnyRecord, Published
from reactive_dag.model.text import counted, seen, writable

SEGMENT_RECORDS = 256
"""Records in one segment at most. One record is found by decoding its segment, in 0.1-0.2 ms; larger segments write no
faster (measured: 484k records/s at 256, in commits of 256), smaller ones replay more slowly."""

SegmentRow: TypeAlias = tuple[int, int, int, int, bytes]
"""First offset, count, highest `at` up to its end, checksum, bytes."""

_PLACE = struct.Struct("<qqq")
_ENCODER = msgspec.msgpack.Encoder()
_SEGMENT = msgspec.msgpack.Decoder(list[AnyRecord])
_FACT = msgspec.msgpack.Decoder(OfferedFact)
_TASKS = msgspec.msgpack.Decoder(tuple[TaskRow, ...])
MoreOfRun: TypeAlias = tuple[tuple[RoundRow, ...], tuple[int, ...], tuple[tuple[int, int], ...]]
"""What most runs have not: earlier rounds, runs that made their causes, causes that were replaced."""
_MORE = msgspec.msgpack.Decoder(MoreOfRun)


def checksum(first: int, count: int, last_at: int, data: bytes) -> int:
    """The checksum of bytes at their place. O(n)."""
    return zlib.crc32(data, zlib.crc32(_PLACE.pack(first, count, last_at)))


def row_checksum(values: Sequence[object]) -> int:
    """The checksum of a row, whose types count too. O(size)."""
    return zlib.crc32(_ENCODER.encode(values))


def segments(
    first: int, records: Sequence[AnyRecord], start_at: int, end_at: int
) -> Iterator[tuple[SegmentRow, set[str]]]:
    """Cut records into segments; with each the datasets that it has events of. O(n).

    `start_at` and `end_at` are the highest `at` before the first record and up to the last.
    """
    last_at = start_at
    for start in range(0, len(records), SEGMENT_RECORDS):
        piece = records[start : start + SEGMENT_RECORDS]
        whole = start + len(piece) == len(records)
        last_at = end_at if whole else max(last_at, max(record.at for record in piece))
        data = _ENCODER.encode(piece)
        row = (first + start, len(piece), last_at, checksum(first + start, len(piece), last_at, data), data)
        yield row, {record.dataset for record in piece if isinstance(record, Published)}


def decode_segment(first: int, count: int, last_at: int, crc: int, data: bytes, where: str) -> list[AnyRecord]:
    """The records of a segment. O(n). Raises StoreDamaged."""
    try:
        found = checksum(first, count, last_at, data)
    except (struct.error, TypeError) as error:
        raise _damaged_segment(first, count, where, f"its types differ: {error}") from error
    if found != crc:
        raise _damaged_segment(first, count, where, "its checksum differs")
    try:
        records = _SEGMENT.decode(data)
    except msgspec.MsgspecError as error:
        raise _damaged_segment(first, count, where, str(error)) from error
    if len(records) != count:
        raise _damaged_segment(first, count, where, f"it has {counted(len(records), 'record')}")
    return records


def encodable(value: Any) -> Any:
    """A record, or a part of one, as it can be encoded: what cannot is written as the text that describes it. O(size).

    Nothing is recorded that was not judged where it came in, so this is for what a mistake let through: it must stop
    no engine.
    """
    try:
        _ENCODER.encode(value)
    except Exception:  # whatever a value's own methods raise
        return _described(value, 0)
    return value


def _described(value: Any, depth: int) -> Any:
    if depth > DEPTH_LIMIT + 10:
        return "…"
    if isinstance(value, str):
        return writable(value)
    if isinstance(value, msgspec.Struct):
        return type(value)(*[_described(getattr(value, name), depth + 1) for name in value.__struct_fields__])
    if type(value) in (list, tuple):
        return type(value)([_described(each, depth + 1) for each in value])
    if type(value) is dict:
        return {writable(str(name)): _described(each, depth + 1) for name, each in value.items()}
    try:
        _ENCODER.encode(value)
    except Exception:  # no plain data
        return seen(value)
    return value


def damaged(where: str, why: str) -> StoreDamaged:
    """The error that says what in a store cannot be read, and what to do. O(1)."""
    return StoreDamaged(f"{where}: {why}. Nothing was changed; put a good copy of the file in its place.")


def _damaged_segment(first: int, count: int, where: str, why: str) -> StoreDamaged:
    return damaged(where, f"the segment at offset {first} ({counted(count, 'record')}) cannot be read: {why}")


def encode_fact(fact: OfferedFact, stamp: int) -> bytes:
    """A fact for the intake, its `at` being the stamp of who offers it (I8). O(size)."""
    return _ENCODER.encode(msgspec.structs.replace(fact, at=stamp))


def decode_fact(number: int, crc: int, data: bytes, where: str) -> OfferedFact:
    """A fact out of the intake. O(size). Raises StoreDamaged."""
    try:
        if checksum(number, 0, 0, data) == crc:
            fact: OfferedFact = _FACT.decode(data)
            return fact
        why = "its checksum differs"
    except (msgspec.MsgspecError, TypeError, struct.error) as error:
        why = str(error)
    raise damaged(where, f"fact {number} of the intake cannot be read: {why}")


def encode_tasks(tasks: tuple[TaskRow, ...]) -> bytes:
    """The tasks of a run's row. O(size)."""
    return _ENCODER.encode(tasks)


def encode_more(row: RunRow) -> bytes:
    """What most runs have not; nothing for those. O(size)."""
    if not (row.earlier or row.sources or row.replaced):
        return b""
    return _ENCODER.encode((row.earlier, row.sources, row.replaced))


def decode_more(run: int, data: bytes, where: str) -> MoreOfRun:
    """What `encode_more` wrote. O(size). Raises StoreDamaged."""
    if not data:
        return (), (), ()
    try:
        found: MoreOfRun = _MORE.decode(data)
        return found
    except msgspec.MsgspecError as error:
        raise damaged(where, f"the history row of run {run} cannot be read: {error}") from error


def decode_tasks(run: int, data: bytes, where: str) -> tuple[TaskRow, ...]:
    """The tasks of a run's row. O(size). Raises StoreDamaged."""
    try:
        return _TASKS.decode(data)
    except msgspec.MsgspecError as error:
        raise damaged(where, f"the history row of run {run} cannot be read: {error}") from error
