"""Plain JSON data from what people hand over (R8): what goes in comes out as plain data, what cannot says where."""

from __future__ import annotations

import dataclasses
import datetime as dt
import decimal
import math
from collections.abc import Callable
from enum import Enum

import attrs
import msgspec
import numpy
import pandas
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reactive_dag.model.errors import InvalidValue
from reactive_dag.model.payload import plain

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=12,
)


@attrs.frozen
class Row:
    name: str
    tags: tuple[str, ...] = ()


@dataclasses.dataclass
class Box:
    row: Row


class Wire(msgspec.Struct):
    box: Box


class Colour(Enum):
    RED = "red"


@given(JSON)
def test_R8_json_data_stays_as_it_is(value: object) -> None:
    assert plain(value, "x") == value
    assert msgspec.json.decode(msgspec.json.encode(plain(value, "x"))) == value


def test_R8_attrs_dataclasses_msgspec_datetimes_and_enums_become_what_they_hold() -> None:
    when = dt.datetime(2026, 11, 23, tzinfo=dt.UTC)
    given_value = {"wire": Wire(Box(Row("a", ("x", "y")))), "when": when, "colour": Colour.RED, "set": {3, 1, 2}}
    assert plain(given_value, "x") == {
        "wire": {"box": {"row": {"name": "a", "tags": ["x", "y"]}}}, "when": "2026-11-23T00:00:00Z", "colour": "red",
        "set": [1, 2, 3],
    }  # fmt: skip


@pytest.mark.parametrize(
    ("value", "path"),
    [
        ({"a": [1, {"b": object()}]}, r"extra\['a'\]\[1\]\['b'\]: something of type object"),
        ({"a": math.nan}, r"extra\['a'\]: nan"),
        ([2**64], r"extra\[0\]: 18446744073709551616"),
        ({(1, 2): 3}, r"the key \(1, 2\)"),
        (Row("a", (print,)), r"extra\.tags\[0\]"),  # type: ignore[arg-type]
        ({"a": "x" * (1024 * 1024)}, "more than 1,048,576"),
    ],
)
def test_R8_what_does_not_fit_is_refused_with_its_path(value: object, path: str) -> None:
    with pytest.raises(InvalidValue, match=path):
        plain(value, "extra")


def test_R8_something_that_holds_itself_is_refused() -> None:
    loop: list[object] = []
    loop.append(loop)
    with pytest.raises(InvalidValue, match="holds itself"):
        plain(loop, "extra")


class Name(str):
    def _raise(self, *_: object) -> str:
        raise LookupError("a method of the user's")

    __hash__ = __eq__ = __str__ = __repr__ = _raise  # type: ignore[assignment]


class Raising:
    def __repr__(self) -> str:
        raise LookupError("no repr")


class Half(dict):  # type: ignore[type-arg]
    def items(self) -> object:  # type: ignore[override]
        raise LookupError("no items")


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        (numpy.int64(3), 3), (numpy.bool_(True), True), (numpy.float32(0.5), 0.5), (numpy.str_("a"), "a"),
        (numpy.datetime64("2026-11-23T00:00", "us"), "2026-11-23T00:00:00"), (numpy.timedelta64(1, "h"), "PT3600S"),
        (pandas.Timestamp("2026-11-23", tz="UTC"), "2026-11-23T00:00:00Z"), (pandas.Timedelta("1h"), "PT3600S"),
        ({numpy.int64(1): numpy.array(2)}, {"1": 2}), (Name("a"), "a"), (b"a", "YQ=="),
        (decimal.Decimal("1.50"), "1.50"),
        ((1, (2,)), [1, [2]]), ({"b", "a"}, ["a", "b"]), ({dt.date(2026, 1, 2): 1}, {"2026-01-02": 1}),
    ],
)  # fmt: skip
def test_R8_what_json_has_no_type_for_becomes_what_is_documented(value: object, kept: object) -> None:
    found = plain(value, "x")
    assert found == kept and type(found) is type(kept)
    assert msgspec.json.decode(msgspec.json.encode(found)) == kept


@pytest.mark.parametrize(
    ("value", "why"),
    [
        ({1: "a", "1": "b"}, "two keys are '1'"), ({"a": {dt.date(2026, 1, 2): 1, "2026-01-02": 2}}, "two keys are"),
        (numpy.array([1]), r"\.tolist\(\)"), (numpy.datetime64("2026-11-23T00:00", "ns"), "a datetime"),
        (numpy.datetime64("NaT"), "a datetime"), (pandas.NaT, "NaT"), (numpy.float64("nan"), "nan"),
        (pandas.Timestamp("2026-11-23T00:00:00.000000001Z"), "finer than a microsecond"),
        (pandas.Timedelta("1ns"), "finer than a microsecond"), ("\ud800", "UTF-8"), ({"\ud800": 1}, "UTF-8"),
        ([{"a": Name("\ud800")}], "UTF-8"), ({"a": 2**64}, r"x\['a'\]"), ([10**5000], "64 bits"),
        (Raising(), "something of type Raising"), ({1.5: 1, "a": 2}, "text keys"), (Half(), "Half cannot be read"),
    ],
)  # fmt: skip
def test_R8_what_would_be_lost_is_refused(value: object, why: str) -> None:
    with pytest.raises(InvalidValue, match=why):
        plain(value, "x")


@pytest.mark.parametrize("depth", [101, 5_000, 100_000])
@pytest.mark.parametrize("wrap", [lambda found: [found], lambda found: {"a": found}, lambda found: (found,), Row])
def test_R8_what_is_nested_thousands_deep_is_refused(depth: int, wrap: Callable[[object], object]) -> None:
    found: object = []
    for _ in range(99):
        found = wrap(found)
    assert plain(found, "x") is not None
    for _ in range(depth - 99):
        found = wrap(found)
    with pytest.raises(InvalidValue, match="more than 100"):
        plain(found, "x")
    while isinstance(found, Row):  # Python's own way to let go of it recurses
        found = found.name
