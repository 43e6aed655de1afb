"""The kit: markup that escapes, colours that stand out, states with a shape each, tables, times and their axis."""

from __future__ import annotations

import ast
import re
from datetime import datetime, timedelta
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reactive_dag.model.text import Short
from reactive_dag.model.times import to_datetime
from reactive_dag.notebook.kit.markup import Markup, joined, tag
from reactive_dag.notebook.kit.palette import INKS, SURFACES, contrast
from reactive_dag.notebook.kit.states import APPEARANCES, SAME, glyph, state_shown
from reactive_dag.notebook.kit.tables import table
from reactive_dag.notebook.kit.theme import picture, sheet
from reactive_dag.notebook.kit.times import Axis, Zone, took_text
from tests.house.source import MODULES

NASTY = "<script>alert('1')</script>\"&"


@given(st.text(st.characters(codec="utf-8", categories=("L", "N", "P", "S", "Z"))))
def test_N1_what_somebody_gave_comes_out_as_text_and_as_an_attribute(text: str) -> None:
    (element,) = ElementTree.fromstring(f"<div>{tag('b', text, title=text)}</div>")
    assert (element.text or "") == text and not list(element)
    assert element.attrib["title"].isprintable() and (not text.isprintable() or element.attrib["title"] == text)


def test_N1_markup_is_made_in_the_kit_alone() -> None:
    made = {
        module.name
        for module in MODULES.values()
        if module.wing == "notebook"
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Markup"
    }
    assert made == {"notebook.kit.markup", "notebook.kit.theme"}


def test_N1_a_text_with_markup_behind_it_is_escaped_again() -> None:
    assert joined(NASTY + tag("b", "x")) == joined(NASTY + "<b>x</b>") and type(joined("a")) is Markup
    assert "<script>" not in table([NASTY], [[NASTY], [Short("a", NASTY)]], label=NASTY)
    assert "<script>" not in state_shown(NASTY) and 'title="a&#10;b\\tc"' in tag("b", title="a\nb\tc")


@pytest.mark.parametrize("ink", INKS)
@pytest.mark.parametrize("surface", ["page", "stripe"])
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_N2_each_ink_stands_out_from_what_it_lies_on(ink: str, surface: str, theme: str) -> None:
    """WCAG 2, AA: 4.5 to 1 for text, which is more than what marks need."""
    assert contrast(getattr(INKS[ink], theme), getattr(SURFACES[surface], theme)) >= 4.5


def test_N2_the_contrast_is_that_of_the_standard() -> None:
    assert round(contrast("#767676", "#ffffff"), 2) == 4.54 and contrast("#777777", "#777777") == 1


def test_N2_each_state_has_a_shape_and_a_character_of_its_own() -> None:
    shapes = [(each.shape, each.full) for each in APPEARANCES.values()]
    marks = [each.mark for each in APPEARANCES.values()]
    assert len(set(shapes)) == len(set(marks)) == len(APPEARANCES)
    assert all(each.colour in INKS for each in APPEARANCES.values()) and all(
        state in APPEARANCES for state in SAME.values()
    )
    assert 'aria-hidden="true"' in glyph("failed") and "failed</span>" in state_shown("failed")


def test_the_sheet_is_scoped() -> None:
    selectors = re.findall(r"([^{}]+)\{", sheet().removeprefix("<style>"))
    assert selectors and all(".rd" in part for each in selectors for part in each.split(","))
    assert not re.search(r"url\(|@import|http", picture("x"))


def test_numbers_stand_right_and_text_left() -> None:
    found = ElementTree.fromstring(table(["a", "n"], [["x", "1"]], right={"n"}))
    assert [cell.attrib.get("class") for cell in found.iter("td")] == [None, "rd-right"]
    assert [cell.attrib.get("class") for cell in found.iter("th")] == [None, "rd-right"]


def test_N3_a_zone_is_named_and_kept_over_a_clock_change() -> None:
    berlin = Zone("Europe/Berlin")
    before = datetime.fromisoformat("2026-10-25T00:30:00+00:00")
    texts = [berlin.text(before), berlin.text(before + timedelta(hours=1))]
    assert texts == ["2026-10-25 02:30", "2026-10-25 02:30"]
    assert [text.whole for text in texts] == [
        "2026-10-25T02:30:00+02:00 Europe/Berlin", "2026-10-25T02:30:00+01:00 Europe/Berlin",
    ]  # fmt: skip
    assert berlin.date(datetime.fromisoformat("2026-11-22T23:00:00+00:00")) == "2026-11-23"


@pytest.mark.parametrize("seconds", [1, 50, 3600, 5 * 3600, 86400, 9 * 86400])
@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin", "Asia/Kathmandu"])
def test_the_ticks_of_an_axis_are_few_round_and_in_order(seconds: int, zone: str) -> None:
    axis = Axis(to_datetime(10**18), to_datetime(10**18 + seconds * 10**9), Zone(zone))
    ticks = axis.ticks()
    shares = [share for share, _ in ticks]
    assert 1 <= len(ticks) <= 6 and shares == sorted(set(shares)) and min(shares) >= 0 and max(shares) <= 1
    assert "<text" in axis.drawn()


def test_a_length_of_time_is_short() -> None:
    assert took_text(to_datetime(0), to_datetime(1_234_567_890)) == "1.2s"
    assert took_text(to_datetime(5), to_datetime(5)) == "0s" and took_text(to_datetime(0), None) == ""
