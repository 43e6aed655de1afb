"""The what-if panel and the live view in a real JupyterLab: dragged by keyboard, numbers compared with Python's."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Page

import reactive_dag as rd
from reactive_dag.interop.examples import open_example
from tests.browser.page import Notebook, written

ESTATE = """
import reactive_dag as rd
from reactive_dag.interop.examples import open_example
estate = open_example("mozilla").graph
base = rd.simulate(estate, start="2026-11-23T00:00Z", until="1d",
                   durations={dag: rd.lognormal("15m", 0.4) for dag in estate.dags})
panel = rd.explore(base)
panel"""
ENGINE = """
import reactive_dag as rd
graph = rd.Graph("sales")
orders, users = graph.dataset("orders <b>"), graph.dataset("users")
graph.dag("build", on=rd.updated(orders)).add(lambda: None, id="load")
graph.dag("report", on=orders & users).add(lambda: None, id="render")
engine = rd.Engine(graph)
driven = engine.background()
driven.__enter__()
engine.view()"""
LATE = "bqetl_main_summary"
STEPS = 24
"""Of five minutes each: two hours."""


def drag(page: Page) -> None:
    """Move the panel's slider of how late `LATE` comes by keys to two hours, and wait for landing times."""
    page.wait_for_selector(".rdw-landtext")
    page.fill(".rdw-search", LATE)
    page.select_option(".rdw-list", index=0)
    slider = page.get_by_label(f"Comes later by {LATE}", exact=True)
    slider.focus()
    for _ in range(STEPS):
        slider.press("ArrowRight")
    page.wait_for_function("() => document.querySelectorAll('.rdw-landtext').length > 10")


def looks(book: Notebook, pictures: Path, name: str) -> None:
    """A picture of the view in both themes, in a wide and in a narrow window."""
    for theme in ("light", "dark"):
        book.set_theme(theme)
        for width in (1280, 800):
            book.page.set_viewport_size({"width": width, "height": 2400})
            path = pictures / f"{name}-{theme}-{width}.png"
            book.page.locator(".rdw").screenshot(path=path)
            assert path.stat().st_size > 10_000


def test_N21_the_panel_follows_a_slider_and_says_what_python_says(
    notebook: Callable[[Path], Notebook], pictures: Path, tmp_path: Path
) -> None:
    book = notebook(written(tmp_path / "panel.ipynb", ESTATE))
    book.run_all()
    page = book.page
    drag(page)
    code = f"simulation.what_if(rd.delay('{LATE}', '2h'))"
    page.wait_for_function("code => document.querySelector('.rdw-code').textContent === code", arg=code)

    estate = open_example("mozilla").graph
    durations = {dag: rd.lognormal("15m", 0.4) for dag in estate.dags}
    base = rd.simulate(estate, start="2026-11-23T00:00Z", until="1d", durations=durations)
    late = base.what_if(rd.delay(LATE, "2h"))
    rows = late.compare().rows
    shown = page.locator(".rdw-changes tbody tr")
    assert [shown.nth(n).locator("td").first.get_attribute("title") for n in range(len(rows))] == [r.dag for r in rows]
    assert shown.count() == len(rows)
    assert shown.first.locator("td").nth(3).inner_text() == f"{rows[0].ended_after:%m-%d %H:%M}"
    assert shown.first.locator("td").nth(4).inner_text() == "+2h"
    before, after = (each.futures(500).finish(LATE).quantile(0.5) for each in (base, late))
    text = page.locator(f".rdw-landtext[data-dag='{LATE}']").inner_text()
    assert text == f"{before:%H:%M} → {after:%H:%M}"
    assert page.locator(".rdw-node.rdw-late3, .rdw-node.rdw-late2").count() > 3

    page.get_by_role("button", name="Keep").click()
    page.wait_for_function("() => document.querySelectorAll('.rdw-kept tbody tr').length === 2")
    page.get_by_role("button", name="Undo").click()
    page.wait_for_function("() => !document.querySelector('.rdw-chip')")
    page.get_by_role("button", name="Go to scenario 1").click()
    page.wait_for_function("() => document.querySelector('.rdw-chip-text')?.textContent.includes('2h later')")
    looks(book, pictures, "panel")
    unnamed = page.locator(".rdw :is(input, select, button)").evaluate_all(
        "all => all.filter(e => !(e.getAttribute('aria-label') || e.textContent || e.closest('label'))).length"
    )
    assert unnamed == 0
    assert not book.elsewhere


def test_the_live_view_shows_what_goes_on_and_publishes(
    notebook: Callable[[Path], Notebook], pictures: Path, tmp_path: Path
) -> None:
    book = notebook(written(tmp_path / "live.ipynb", ENGINE))
    book.run_all()
    page = book.page
    page.wait_for_selector(".rdw-acts")
    page.get_by_label("Partition to publish").fill("2026-11-23")
    page.get_by_label("Extra data as JSON").fill("{rows}")
    page.get_by_role("button", name="Publish").click()
    page.wait_for_selector(".rdw-notices [role=alert]")
    assert "is no JSON" in page.locator(".rdw-notices [role=alert]").inner_text()
    page.get_by_label("Extra data as JSON").fill('{"rows": 3}')
    page.get_by_role("button", name="Publish").click()
    page.wait_for_function(
        "title => [...document.querySelectorAll('.rdw-node title')].some(each => each.textContent === title)",
        arg="dag build: last one success",
    )
    assert "build 2026-11-23" in page.locator(".rdw-records").inner_text()
    page.wait_for_function("() => document.querySelector('.rdw-held')?.textContent.includes('report')")
    looks(book, pictures, "live")
    assert not book.elsewhere
    page.evaluate("() => { jupyterapp.commands.execute('notebook:run-all-cells'); }")  # the cell again: it starts anew
    page.wait_for_function("() => document.querySelector('.rdw-records')?.textContent.includes('none since')")
