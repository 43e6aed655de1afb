"""The first notebook in a real JupyterLab, in both themes and at two widths."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tests.browser.page import Notebook
from tests.support.places import ROOT


def test_the_first_notebook_runs_in_jupyterlab(notebook: Callable[[Path], Notebook], pictures: Path) -> None:
    book = notebook(ROOT / "notebooks" / "01-five-minutes.ipynb")
    book.run_all()
    drawing = book.outputs(0).locator("svg[role=img]")
    assert (drawing.get_attribute("aria-label") or "").startswith("Graph sales: ")
    assert {"build_mart", "report"} <= set(drawing.locator("text").all_text_contents())
    for theme in ("light", "dark"):
        book.set_theme(theme)
        for width in (1280, 800):
            assert book.screenshot(pictures / f"five-minutes-{theme}-{width}.png", width).stat().st_size > 10_000
    assert not book.elsewhere
