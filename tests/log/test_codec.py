"""Bytes on disk: every kind of record comes back as it was, and no changed byte goes unnoticed."""

from __future__ import annotations

import types
import typing

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reactive_dag.log.codec import SEGMENT_RECORDS, checksum, decode_fact, decode_segment, encode_fact, segments
from reactive_dag.model.errors import StoreDamaged
from reactive_dag.model.records import DECISIONS, FACTS, AnyRecord, Mark, Published, StartRequested
from tests.support.log_kit import mixed

NS = st.integers(-(2**63), 2**63 - 1)
PLAIN = st.recursive(
    st.none() | st.booleans() | NS | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)
S = typing.TypeVar("S", bound=msgspec.Struct)
MARKS = st.builds(Mark, st.sampled_from(["tick", "absent"]), NS, NS, st.text(max_size=3), st.integers(0, 9))
SIMPLE = {
    int: NS,
    str: st.text(max_size=8),
    bytes: st.binary(max_size=8),
    bool: st.booleans(),
    float: st.floats(allow_nan=False),
    Mark: MARKS,
}


def _of(hint: object) -> st.SearchStrategy[object]:
    """Values of a type, as the records' fields are annotated; Json is any plain data."""
    if hint in SIMPLE:
        return SIMPLE[hint]  # type: ignore[index]
    if hint in (None, type(None)):
        return st.none()
    origin, parts = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        return st.one_of([_of(part) for part in parts])
    if origin is list:
        return st.lists(_of(parts[0]), max_size=4)
    if origin is tuple:
        many = len(parts) == 2 and parts[1] is ...
        return st.lists(_of(parts[0]), max_size=4).map(tuple) if many else st.tuples(*map(_of, parts))
    if origin is dict:
        return st.dictionaries(_of(parts[0]), _of(parts[1]), max_size=3)
    if isinstance(hint, type) and issubclass(hint, msgspec.Struct):
        return _structs(hint)
    assert hint is typing.Any, f"values of {hint} are not known here"
    return PLAIN


def _structs(kind: type[S]) -> st.SearchStrategy[S]:
    hints = typing.get_type_hints(kind)
    return st.builds(kind, **{name: _of(hints[name]) for name in kind.__struct_fields__})


ANY_RECORD = st.one_of([_structs(kind) for kind in (*FACTS, *DECISIONS)])


@given(st.lists(ANY_RECORD, min_size=1, max_size=6), st.integers(0, 2**40))
def test_log_codec_every_record_comes_back_as_it_was(records: list[AnyRecord], first: int) -> None:
    [((at, count, last_at, crc, data), sources)] = segments(first, records, 0, 9)
    back = decode_segment(at, count, last_at, crc, data, "here")
    assert back == records
    assert [type(record) for record in back] == [type(record) for record in records]
    assert sources == {record.dataset for record in records if isinstance(record, Published)}


@pytest.mark.parametrize("kind", [*FACTS, *DECISIONS], ids=lambda kind: kind.__name__)
def test_log_codec_knows_every_kind(kind: type[AnyRecord]) -> None:
    assert kind in typing.get_args(AnyRecord)


@given(st.integers(0, 10**6), st.integers(1, 255))
def test_log_codec_no_changed_byte_goes_unnoticed(position: int, flip: int) -> None:
    [((first, count, last_at, crc, data), _)] = segments(7, mixed(20), 0, 0)
    broken = bytearray(data)
    broken[position % len(data)] ^= flip
    with pytest.raises(StoreDamaged, match=r"here: the segment at offset 7 \(20 records\) cannot be read"):
        decode_segment(first, count, last_at, crc, bytes(broken), "here")


@pytest.mark.parametrize(
    ("first", "count", "at", "cut"), [(8, 20, 0, 0), (7, 19, 0, 0), (7, 20, 1, 0), (7, 20, 0, 1), (7, 20, 0, 10**6)]
)
def test_log_codec_a_segment_in_another_place_is_damage(first: int, count: int, at: int, cut: int) -> None:
    [((_, _, _, crc, data), _)] = segments(7, mixed(20), 0, 0)
    with pytest.raises(StoreDamaged, match="Nothing was changed"):
        decode_segment(first, count, at, crc, data[: max(len(data) - cut, 0)], "here")


@pytest.mark.parametrize("count", [1, SEGMENT_RECORDS - 1, SEGMENT_RECORDS, SEGMENT_RECORDS + 1, 1000])
def test_log_codec_segments_lie_end_to_end(count: int) -> None:
    records = mixed(count)
    rows = [row for row, _ in segments(5, records, 3, records[-1].at)]
    assert [row[0] for row in rows] == list(range(5, 5 + count, SEGMENT_RECORDS))
    assert [r for first, n, at, crc, data in rows for r in decode_segment(first, n, at, crc, data, "")] == records
    assert rows[-1][2] == records[-1].at
    assert [row[2] for row in rows] == [records[row[0] - 5 + row[1] - 1].at for row in rows]


def test_log_codec_unknown_kinds_are_damage() -> None:
    data = msgspec.msgpack.encode([[999, 5]])
    with pytest.raises(StoreDamaged, match="Invalid value 999"):
        decode_segment(0, 1, 5, checksum(0, 1, 5, data), data, "here")


@given(_structs(Published) | _structs(StartRequested), NS)
def test_log_codec_facts_carry_their_stamp(fact: Published | StartRequested, stamp: int) -> None:
    data = encode_fact(fact, stamp)
    back = decode_fact(1, checksum(1, 0, 0, data), data, "here")
    assert back.at == stamp
    assert type(back) is type(fact)
