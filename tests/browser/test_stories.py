"""The notebooks with marble diagrams and charts in a real JupyterLab: they run, and their words stand out (N2)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.browser.page import Notebook
from tests.browser.words import pale, words_of
from tests.support.places import ROOT

SHOWN = {
    "02-triggers-and-batching": ["marbles of shop: 10 events, 10 runs", "marbles of priced: 5 events, 4 runs"],
    "06-streams": ["marbles of plant: 3 events, 2 runs"],
}
"""Drawings that each has among others, by what a screen reader says of them."""


@pytest.mark.parametrize("name", SHOWN)
def test_N2_a_story_runs_in_jupyterlab_and_reads_well_in_both_themes(
    notebook: Callable[[Path], Notebook], pictures: Path, name: str
) -> None:
    book = notebook(ROOT / "notebooks" / f"{name}.ipynb")
    book.run_all()
    labels = [each.get_attribute("aria-label") for each in book.page.locator(".rd svg[role=img]").all()]
    assert {*SHOWN[name]} <= {*labels}
    for theme in ("light", "dark"):
        book.set_theme(theme)
        words = words_of(book)
        assert len(words) > 10 and not pale(words)
        for width in (1280, 800):
            book.screenshot(pictures / f"{name}-{theme}-{width}.png", width)
    assert not book.elsewhere
