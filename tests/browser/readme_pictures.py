"""The four pictures of the README, taken in a real JupyterLab: `python -m pytest tests/browser/readme_pictures.py`.

It is a test that no run of the whole collects (its file is named otherwise), and writes to docs/pictures: what
the README shows is what a notebook shows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Locator

from tests.browser.page import Notebook, written
from tests.browser.test_views_in_lab import LATE, drag
from tests.support.places import ROOT

PICTURES = ROOT / "docs" / "pictures"
WIDTH, PANEL = 1100, 1480
"""Of the window, in pixels, and of the one that shows the panel."""
PANEL_HEIGHT = 920
ESTATE = """
import reactive_dag as rd
from reactive_dag.interop.examples import open_example
estate = open_example("mozilla").graph
base = rd.simulate(estate, start="2026-11-23T00:00Z", until="1d",
                   durations={dag: rd.lognormal("15m", 0.4) for dag in estate.dags})"""
MARBLES = """
shop = rd.Graph("shop")
orders, rates = shop.dataset("orders"), shop.dataset("rates")
shop.dag("load", on=rd.updated(orders).batch(count=3, max_wait="10m")).add(lambda: None, id="load")
shop.dag("priced", on=rd.updated(orders).with_latest(rates)).add(lambda: None, id="price")
hour = rd.simulate(shop, start="2026-11-23T08:00Z", until="1h", default_duration="2m", sources={
    orders: rd.at([f"2026-11-23T08:{minute:02}Z" for minute in (2, 4, 10, 11, 25, 40, 41, 55)]),
    rates: rd.at(["2026-11-23T08:01Z", "2026-11-23T08:30Z"])})
rd.marbles(hour)"""
CELLS = {
    "graph": "estate.draw(focus='bqetl_search', hops=1, datasets=False)",
    "marbles": MARBLES,
    "comparison": f"base.what_if(rd.delay({LATE!r}, '2h')).compare()",
    "panel": "rd.explore(base)",
}


@pytest.fixture
def book(notebook: Callable[[Path], Notebook], tmp_path: Path) -> Iterator[Notebook]:
    found = notebook(written(tmp_path / "readme.ipynb", ESTATE, *CELLS.values()))
    found.page.set_viewport_size({"width": WIDTH, "height": 2400})
    found.run_all()
    yield found


def taken(shown: Locator, name: str) -> None:
    PICTURES.mkdir(exist_ok=True)
    shown.scroll_into_view_if_needed()
    shown.screenshot(path=PICTURES / f"{name}.png")


def test_pictures_of_the_readme(book: Notebook) -> None:
    for cell, name in enumerate(CELLS, 1):
        if name != "panel":
            taken(book.outputs(cell).first, name)
    page = book.page
    drag(page)
    page.set_viewport_size({"width": PANEL, "height": 4200})  # nothing scrolls
    box = page.locator(".rdw").bounding_box()
    assert box is not None
    clip = {"x": box["x"], "y": box["y"], "width": box["width"], "height": float(PANEL_HEIGHT)}
    page.screenshot(path=PICTURES / "panel.png", clip=clip)  # type: ignore[arg-type]
