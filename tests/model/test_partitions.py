"""Static values and products: texts, dimensions, and what a date or other texts say of them (T19)."""

from __future__ import annotations

import json
import pickle
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import reactive_dag as rd
from reactive_dag.model.calendar import Calendar, Unit, partitions_from_json
from reactive_dag.model.errors import InvalidValue
from reactive_dag.model.partitions.products import Partitions, Product
from reactive_dag.model.partitions.values import StaticValues
from reactive_dag.model.times import DAY, HOUR, parse_time

calm = settings(deadline=None)
UNITS: list[Unit] = ["hour", "day", "week", "month"]
calendars = st.builds(Calendar, st.sampled_from(UNITS), st.sampled_from(["UTC", "Europe/Berlin", "America/Havana"]))
statics = st.builds(
    lambda values, name: StaticValues(tuple(values), name),
    st.lists(st.text(min_size=1, max_size=4).filter(lambda t: t.strip() and "|" not in t), min_size=1, unique=True),
    st.sampled_from(["region", "channel", "value"]),
)


@st.composite
def partitions_of(draw: st.DrawFn) -> Partitions:
    """One dimension, or the product of some."""
    parts = draw(st.lists(statics, max_size=3, unique_by=lambda each: each.name))
    found: list[Partitions] = [*parts, *([draw(calendars)] if draw(st.booleans()) or not parts else [])]
    found = draw(st.permutations(found))
    whole = found[0]
    for each in found[1:]:
        whole = whole * each
    return whole


instants = st.integers(parse_time("1990-01-01"), parse_time("2040-01-01"))


@calm
@given(partitions_of(), instants)
def test_T19_a_partition_is_its_dimensions_joined(of: Partitions, ns: int) -> None:
    texts = [each.texts(ns) for each in of.dimensions]
    expected = ["|".join(row) for row in product(*texts)]
    assert of.of_instant(ns) == expected
    for text, row in zip(expected, product(*texts)):
        of.check(text)
        assert of.fits(text) and of.split(text) == dict(zip(of.names, row))
        assert of.made_of(of.split(text), None) == text
        assert of.made_of({**of.split(text), of.names[0]: "nothing"}, None) is None
        if of.calendar is None:
            assert of.time(text) is None and of.interval(text) is None
        else:
            begin, end = of.interval(text) or (0, 0)
            assert begin == of.time(text) and begin <= ns < end
            others = {name: each for name, each in of.split(text).items() if name != of.calendar.name}
            assert of.made_of(others, ns) == text


@calm
@given(partitions_of())
def test_T19_partitions_are_values(of: Partitions) -> None:
    twin = partitions_from_json(json.loads(json.dumps(of.to_json())))
    assert twin == of and hash(twin) == hash(of) and pickle.loads(pickle.dumps(of)) == of
    assert eval(repr(of), {"rd": rd}) == of
    assert of.is_dated == isinstance(of, Calendar)


@calm
@given(partitions_of(), instants, st.integers(0, 3 * DAY))
def test_T19_a_span_has_each_partition_that_begins_in_it(of: Partitions, first: int, length: int) -> None:
    if of.calendar is not None and of.calendar.name == "hour":
        length = min(length, 5 * HOUR)
    found = list(of.within(first, first + length))
    if of.calendar is None:
        assert found == of.of_instant(first)
        return
    assert len(set(found)) == len(found)
    begins = [of.time(text) for text in found]
    assert begins == sorted(begins) and all(begin is not None and first <= begin <= first + length for begin in begins)
    after = of.interval(found[-1]) if found else None
    assert after is None or after[1] > first + length, "none is left out at the end"


def test_T19_a_product_of_products_is_flat() -> None:
    a, b, day = rd.values("x", name="a"), rd.values("y", name="b"), rd.day()
    assert a * b * day == a * (b * day) == Product((a, b, day))
    assert repr(a * b * day) == "rd.values('x', name='a') * rd.values('y', name='b') * rd.day(\"UTC\")"
    assert (a * b).calendar is None and (a * b * day).calendar == day
    with pytest.raises(InvalidValue, match="two calendars"):
        (a * day) * rd.month()


def test_T19_a_message_shows_so_many_values_only() -> None:
    many = rd.values(*[f"customer-{n}" for n in range(10_000)], name="customer")
    for of, text in ((many, "customer"), (rd.day() * many, "2026-11-23|customer"), (rd.day() * many, "x")):
        with pytest.raises(InvalidValue) as caught:
            of.check(text)
        assert len(str(caught.value)) < 1_500


def test_T19_names_of_a_values_are_found_by_did_you_mean() -> None:
    with pytest.raises(InvalidValue, match="did you mean 'asia'"):
        rd.values("europe", "asia").check("asai")
    assert not rd.values("1").fits(1)  # type: ignore[arg-type]
