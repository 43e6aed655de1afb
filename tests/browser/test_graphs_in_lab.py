"""Large graphs in a real JupyterLab: groups open, search finds, a click focuses, zoom, pan, and a rerun begins anew."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Locator

from tests.browser.page import Notebook, written

CELLS = [
    """
from reactive_dag.interop.examples import open_example
from tests.support.drawn_graphs import teams
small = teams(5)
small""",
    "teams(60).draw(datasets=False)",
    "estate = open_example('mozilla').graph\nestate",
    "graph = teams(1000)\ngraph",
]


@pytest.fixture
def book(notebook: Callable[[Path], Notebook], tmp_path: Path) -> Notebook:
    """A notebook that has drawn 5, 60, 157 and 1,000 DAGs."""
    found = notebook(written(tmp_path / "graphs.ipynb", *CELLS))
    found.run_all()
    return found


def node(picture: Locator, id: str) -> Locator:
    return picture.locator(f'[data-id="{id}"]')


def test_N4_a_large_graph_opens_searches_focuses_and_zooms(book: Notebook, pictures: Path) -> None:
    for theme in ("light", "dark"):
        book.set_theme(theme)
        for width in (1280, 800):
            book.screenshot(pictures / f"graphs-{theme}-{width}.png", width)
    assert book.page.locator(".rd-graph.rd-live").count() == len(CELLS), "each picture has begun"
    assert book.outputs(0).locator(".rd-tools").count() == 0, "a small one needs no tools"
    picture = book.outputs(3).locator(".rd-graph")
    group, member = node(picture, "group ads"), picture.locator('[data-id^="dag ads_"]')
    assert group.get_attribute("aria-expanded") == "false" and not member.first.is_visible()
    picture.scroll_into_view_if_needed()
    group.click()
    assert group.get_attribute("aria-expanded") == "true" and member.first.is_visible()
    frame, box = group.locator("rect").bounding_box(), member.last.locator("rect").bounding_box()
    assert frame and box and frame["x"] < box["x"] and box["y"] + box["height"] < frame["y"] + frame["height"]

    said, search = picture.locator(".rd-said"), picture.get_by_role("searchbox")
    search.fill("billing_")
    assert said.inner_text() == "50 found" and "rd-found" in (
        node(picture, "group billing").get_attribute("class") or ""
    )
    search.press("Enter")
    assert said.inner_text().startswith("1 of 50: billing_")
    here = picture.locator(".rd-here")
    assert here.count() == 1 and here.is_visible(), "it opened the group"
    assert group.get_attribute("aria-expanded") == "true" and search.input_value() == "billing_", "Lab took no key"

    here.click()
    assert "up- and downstream" in said.inner_text()
    far, near = picture.locator(".rd-node.rd-far").count(), picture.locator(".rd-edge.rd-lit").count()
    assert far > 500 and near > 0
    picture.get_by_role("combobox").select_option("1")
    assert picture.locator(".rd-node.rd-far").count() > far
    book.page.screenshot(path=pictures / "graphs-focus.png")
    search.press("Escape")
    assert picture.locator(".rd-far").count() == 0 and picture.locator(".rd-here").count() == 0

    svg, scroll = picture.locator(".rd-scroll > svg"), picture.locator(".rd-scroll")
    whole = float(svg.get_attribute("width") or 0)
    picture.get_by_role("button", name="Larger").click()
    assert float(svg.get_attribute("width") or 0) == pytest.approx(whole * 1.25)
    picture.get_by_role("button", name="All of it").click()
    assert float(svg.get_attribute("width") or 0) <= scroll.evaluate("each => each.clientWidth")
    picture.get_by_role("button", name="At its own size").click()
    assert float(svg.get_attribute("width") or 0) == pytest.approx(whole)


def test_a_graph_is_dragged_and_begins_anew_when_its_cell_runs_again(book: Notebook) -> None:
    picture = book.outputs(2).locator(".rd-graph")
    picture.scroll_into_view_if_needed()
    scroll = picture.locator(".rd-scroll")
    box = scroll.bounding_box()
    assert box
    before = scroll.evaluate("each => each.scrollLeft")
    book.page.mouse.move(box["x"] + 500, box["y"] + 300)
    book.page.mouse.down()
    book.page.mouse.move(box["x"] + 200, box["y"] + 250, steps=5)
    book.page.mouse.up()
    assert scroll.evaluate("each => each.scrollLeft") == before + 300
    assert picture.locator(".rd-far").count() == 0, "a drag is no click"
    node(picture, "group bqetl_desktop").click()
    assert node(picture, "group bqetl_desktop").get_attribute("aria-expanded") == "true"
    book.run_all()
    closed = node(picture, "group bqetl_desktop")
    assert closed.get_attribute("aria-expanded") == "false" and picture.locator(".rd-tools").count() == 1
    closed.press("Enter")
    assert closed.get_attribute("aria-expanded") == "true", "keys open too"
    assert not book.elsewhere
