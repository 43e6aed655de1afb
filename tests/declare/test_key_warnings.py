"""Warnings of keys that do not do what was meant, and of names that are nearly equal (G3)."""

from __future__ import annotations

import pytest

import reactive_dag as rd
from reactive_dag.declare.analysis.near_names import NearNames

A, B, C = rd.updated("a"), rd.updated("b"), rd.updated("c")
DAY = rd.day("Europe/Berlin")


def warned(kind, on, **datasets):
    graph = rd.Graph("keys")
    for name, calendar in datasets.items():
        graph.dataset(name, partitions=calendar)
    graph.dag("ticks", schedule="@daily").add(nothing, id="t")
    graph.dag("hand").add(nothing, id="t")
    graph.dag("job", on=on).add(nothing, id="t")
    graph.check()
    return [each.text for each in graph.problems() if each.kind == kind]


def nothing(run):
    return None


@pytest.mark.parametrize(
    ("on", "meant"),
    [
        (A & B.by("partition"), "rd.all_of(rd.updated('a'), rd.updated('b')).by('partition')"),
        (A | B.by("partition"), "rd.any_of(rd.updated('a'), rd.updated('b')).by('partition')"),
        (A & B & C.by(DAY), "rd.all_of(rd.updated('a'), rd.updated('b'), rd.updated('c')).by(rd.day("),
        (rd.at_least(2, A, B.by("partition"), C), ".by('partition')"),
        (rd.sequence(A.by("partition"), B), ".by('partition')"),
        ((A & B.by("partition")).batch(count=2), ".by('partition')"),
        (A & B.where(bool).by("partition"), ".by('partition')"),
        (A.by("partition") & B.by("partition"), "rd.all_of(rd.updated('a'), rd.updated('b')).by('partition')"),
    ],
)
def test_G3_forgotten_parentheses(on, meant):
    (text,) = warned("forgotten_parentheses", on)
    assert meant in text


@pytest.mark.parametrize(
    "on",
    [
        (A & B).by("partition"), (A & B.by("partition")).by("partition"), A.by("partition"),
        A & (B & C).by("partition"), A & B.by("partition").batch(count=2), A & B.batch(count=2).by("partition"),
        A & B, (A & B).by(None),
        A.with_latest(B.by("partition")), A & B.by(None),
    ],
)  # fmt: skip
def test_G3_forgotten_parentheses_are_not_seen_where_a_key_does_something(on):
    assert warned("forgotten_parentheses", on) == []


def test_G3_undated_parts_under_a_calendar_key():
    (text,) = warned("undated_part", (A & B).by(DAY), a=DAY)
    assert "rd.updated('b') can be without a date" in text and "undated='arrival'" in text
    assert len(warned("undated_part", (A & B).by(DAY, "partition"))) == 2
    assert len(warned("undated_part", (A | rd.completed("hand")).by(DAY), a=DAY)) == 1


def test_G3_dated_parts_and_arrival_are_right_under_a_calendar_key():
    assert warned("undated_part", (A & rd.cron("@daily") & rd.completed("ticks")).by(DAY), a=DAY) == []
    assert warned("undated_part", (A & B).by(DAY, undated="arrival")) == []
    assert warned("undated_part", (A & B).by("partition")) == []


@pytest.mark.parametrize(
    ("name", "other"),
    [
        ("order", "orders"), ("orderss", "orders"), ("ordres", "orders"), ("Orders", "orders"),
        ("raw_orders", "raw/orders"), ("raw/order", "raw/orders"),
    ],
)  # fmt: skip
def test_G3_near_equal_names(name, other):
    graph = rd.Graph("names")
    graph.dag("makes", schedule="@daily", outlets=[rd.Dataset(other)]).add(nothing, id="t")
    graph.dag("job", on=rd.updated(name)).add(nothing, id="t")
    graph.check()
    (found,) = [each for each in graph.problems() if each.kind == "near_equal_names"]
    assert found.ids == (name, other) and found.severity == "warning" and repr(other) in found.text


@pytest.mark.parametrize(
    ("name", "other"),
    [
        ("orders_1", "orders_2"), ("orders1", "orders"), ("a", "b"), ("abc", "abd"), ("part_a", "part_b"),
        ("orders_de", "orders_fr"), ("orders12", "orders21"), ("orders", "users"),
    ],
)  # fmt: skip
def test_G3_near_equal_names_are_not_those_of_numbered_or_short_ones(name, other):
    assert NearNames([name, other]).of(name) is None


def test_G3_near_equal_names_of_two_that_nobody_produces():
    graph = rd.Graph("names")
    graph.dag("job", on=rd.updated("orders") | rd.updated("order")).add(nothing, id="t")
    found = [each.ids for each in graph.problems() if each.kind == "near_equal_names"]
    assert sorted(found) == [("order", "orders"), ("orders", "order")]


def test_G3_a_key_that_tells_equal_parts_apart_is_no_forgotten_parenthesis() -> None:
    graph = rd.Graph("g")
    graph.dataset("a")
    twice = rd.at_least(2, rd.updated("a"), rd.updated("a").by("partition"), rd.every("1d"))
    graph.dag("d", on=twice).add(lambda: None, id="t")
    assert "forgotten_parentheses" not in [problem.kind for problem in graph.problems()]
