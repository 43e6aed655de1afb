"""Plain JSON data from what people hand over (R8): what goes in comes out as plain data, what cannot says where."""

from __future__ import annotations

import dataclasses
import datetime as dt
import math
from enum import Enum

import attrs
import msgspec
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
