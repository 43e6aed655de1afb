"""What people hand over by mistake, and worse: texts that no store can write, values whose own methods raise."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from enum import Enum, StrEnum
from uuid import UUID

import attrs
import numpy
import pandas
from hypothesis import strategies as st


class Quiet(str):
    """A text of a subclass, as `numpy.str_` is."""

    __slots__ = ()


class Loud(str):
    """A text whose own methods all raise."""

    __slots__ = ()

    def _raise(self, *_: object) -> str:
        raise LookupError("a method of the user's")

    __hash__ = __eq__ = __str__ = __repr__ = strip = encode = isascii = __format__ = __len__ = __contains__ = _raise


class Shy:
    """An object that cannot even be shown."""

    def __repr__(self) -> str:
        raise LookupError("no repr")

    def __getattr__(self, name: str) -> object:
        if name.startswith("_"):  # hypothesis asks how to show it
            raise AttributeError(name)
        raise LookupError(name)


@attrs.frozen
class Holder:
    """Something that holds something."""

    inside: object

    @property
    def id(self) -> object:
        return self.inside


class Colour(StrEnum):
    RED = "red"


class Number(Enum):
    ONE = 1


def nested(depth: int) -> list[object]:
    """A list in a list in a list."""
    found: list[object] = []
    for _ in range(depth):
        found = [found]
    return found


def ring() -> list[object]:
    """A list that holds itself."""
    found: list[object] = []
    found.append({"again": found})
    return found


NAMES = ("free", "days", "job", "work", "k", "updated", "success", "2026-11-23", "2026-11-23T00:00Z", "1m", "")
plain_texts = st.sampled_from(NAMES) | st.text(st.characters(), max_size=5)
texts = plain_texts | st.sampled_from(["\ud800", "a\udfff", "\x00", "9" * 5000]) | st.builds(Quiet, plain_texts)
texts |= st.builds(Loud, plain_texts) | st.builds(numpy.str_, st.sampled_from(NAMES)) | st.just(Colour.RED)
"""Texts: good ones, of subclasses, with lone surrogates."""

scalars = st.one_of(
    texts,
    st.none() | st.booleans() | st.integers() | st.sampled_from([2**63, -(2**63) - 1, 2**64]),
    st.floats(),
    st.binary(max_size=3),
    st.builds(nested, st.sampled_from([1, 90, 2_000, 50_000])),
    st.sampled_from([
        dt.datetime(2026, 11, 23), dt.datetime.max.replace(tzinfo=dt.UTC), dt.date.min, dt.timedelta.max,
        dt.timedelta(-1), dt.time(1), Decimal("NaN"), UUID(int=1), Number.ONE, numpy.int64(3), numpy.float32("nan"),
        numpy.datetime64("2026-11-23T00:00", "ns"), numpy.datetime64("NaT"), pandas.NaT, pandas.NA,
        pandas.Timestamp("2026-11-23T00:00:00.000000001Z"), pandas.Timedelta("1ns"), 1j, range(3), object,
    ]),
    st.builds(lambda: numpy.array(["a", "b"])), st.builds(ring), st.builds(Shy), st.builds(iter, st.just([1])),
)  # fmt: skip
values = st.recursive(
    scalars,
    lambda inside: st.one_of(
        st.lists(inside, max_size=3), st.tuples(inside, inside), st.builds(Holder, inside),
        st.lists(st.tuples(st.integers(0, 2) | plain_texts, inside), max_size=3).map(dict),
    ),
    max_leaves=4,
)  # fmt: skip
"""Anything."""
