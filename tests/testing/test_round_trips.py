"""What scenarios write they read back: marbles, moments, tables (R31)."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from reactive_dag.model.times import DAY, format_time, parse_time
from reactive_dag.testing.marbles import MarbleLine, drawn, lines_of
from reactive_dag.testing.moments import Moments
from reactive_dag.testing.tables import Cells, read_table, table_lines

ZONES = st.sampled_from(["Europe/Berlin", "America/St_Johns", "Australia/Lord_Howe", "UTC"])
DAYS = ("2026-03-28T20:00Z", "2026-10-24T20:00Z", "2026-10-03T12:00Z", "2026-11-23T00:00Z")
MARKS = st.lists(st.tuples(st.integers(0, 12), st.sampled_from("abo#x1")), max_size=8)


@given(ZONES, st.sampled_from(list(map(parse_time, DAYS))), st.integers(0, DAY), st.integers(0, 3 * DAY))
def test_R31_a_moment_is_read_back_as_it_was(zone, day, start, after):
    moments = Moments(format_time(day + start), zone)
    instant = moments.start + after
    assert moments.parse(moments.text(instant), "at") == instant
    assert moments.parse(moments.date_text(instant), "date") == instant


@given(st.lists(MARKS, min_size=1, max_size=4))
def test_R31_marbles_are_read_back_as_they_were(rows):
    lines = [MarbleLine(f"line{at}", tuple(sorted(marks))) for at, marks in enumerate(rows)]
    text = "\n".join(f"{line.name} {shown}" for line, shown in zip(lines, drawn(lines, 6)))
    assert [(line.name, line.sorted_marks) for line in lines_of(text)] == [(x.name, x.sorted_marks) for x in lines]


CELLS = st.text("abc-|09:", min_size=1, max_size=6).filter(lambda text: text.strip("|- ") and text != "|")


@given(st.lists(st.tuples(CELLS, CELLS), max_size=5))
def test_R31_a_table_is_read_back_as_it_was(rows):
    table = Cells(("dag", "partition"), tuple(rows))
    assert read_table("\n".join(table_lines(table)), Moments("2026-11-23T00:00Z", None)) == table
