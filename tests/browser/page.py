"""A notebook in a page of JupyterLab: open, run, change the theme, look.

Owns nothing; every verb waits until what it asked for is there. `elsewhere` are the addresses that the page asked for
and that are not this machine's: none may be.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import nbformat
from attrs import define
from playwright.sync_api import Browser, Locator, Page

from tests.browser.lab import Address

THEMES = {"light": "JupyterLab Light", "dark": "JupyterLab Dark"}
HEIGHT = 900
MARGIN = 160
"""Of a window that shows a whole notebook: what stands above and below it."""

LONGEST = 120_000
"""So many milliseconds a page may take, on a machine that does other things too."""

KERNEL_IS_READY = """name => {
    const panel = jupyterapp.shell.currentWidget;
    return panel?.context?.path === name && panel.sessionContext?.session?.kernel?.status === 'idle';
}"""
ALL_HAVE_RUN = """() => {
    const panel = jupyterapp.shell.currentWidget;
    const cells = [...panel.content.model.cells].filter(cell => cell.type === 'code');
    return cells.every(cell => cell.executionCount !== null && cell.executionState !== 'running')
        || cells.some(cell => [...Array(cell.outputs.length).keys()].some(n => cell.outputs.get(n).type === 'error'));
}"""


@define
class Notebook:
    """One notebook, open in a page of its own."""

    page: Page
    elsewhere: list[str]

    def run_all(self) -> None:
        """Run every cell and wait for the last; an error in one is the test's."""
        self.page.evaluate("() => { jupyterapp.commands.execute('notebook:run-all-cells'); }")
        self.page.wait_for_function(ALL_HAVE_RUN)
        errors = self.page.locator(".jp-OutputArea-output[data-mime-type='application/vnd.jupyter.error']")
        assert errors.count() == 0, errors.first.inner_text()

    def set_theme(self, name: str) -> None:
        """Change to "light" or "dark", and wait until the page has it."""
        self.page.evaluate("name => jupyterapp.commands.execute('apputils:change-theme', {theme: name})", THEMES[name])
        light = json.dumps(name == "light")
        self.page.wait_for_function(f"() => document.body.dataset.jpThemeLight === '{light}'")

    def outputs(self, cell: int) -> Locator:
        """What the code cell of this number (from 0) shows."""
        return self.page.locator(".jp-CodeCell").nth(cell).locator(".jp-OutputArea-output")

    def screenshot(self, path: Path, width: int = 1280) -> Path:
        """The whole notebook as a picture, in a window that is so wide."""
        self.page.set_viewport_size({"width": width, "height": HEIGHT})
        inner = (
            "() => Math.max(...[...document.querySelectorAll('.jp-NotebookPanel *')].map(each => each.scrollHeight))"
        )
        self.page.set_viewport_size({"width": width, "height": self.page.evaluate(inner) + MARGIN})
        self.page.evaluate("() => document.querySelectorAll('.jp-NotebookPanel *').forEach(each => each.scrollTop = 0)")
        self.page.screenshot(path=path)
        self.page.set_viewport_size({"width": width, "height": HEIGHT})
        return path


def written(path: Path, *cells: str) -> Path:
    """A notebook of these cells, in a file."""
    book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell.strip()) for cell in cells])
    book.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3 (ipykernel)", "language": "python"}
    nbformat.write(book, path)
    return path


def open_notebook(browser: Browser, lab: Address, source: Path) -> Notebook:
    """A copy of a notebook in a new page, its kernel ready."""
    shutil.copy(source, lab.folder / source.name)
    page = browser.new_page(viewport={"width": 1280, "height": HEIGHT})
    elsewhere: list[str] = []

    def note(request: Any) -> None:
        if not request.url.startswith(
            (f"http://127.0.0.1:{lab.port}/", f"ws://127.0.0.1:{lab.port}/", "data:", "blob:")
        ):
            elsewhere.append(request.url)

    page.on("request", note)
    page.set_default_timeout(LONGEST)
    page.goto(lab.url(f"lab/workspaces/{source.stem}/tree/{source.name}"))
    page.wait_for_selector(".jp-Notebook .jp-CodeCell")
    page.wait_for_function(KERNEL_IS_READY, arg=source.name)
    page.evaluate("() => jupyterapp.commands.execute('application:toggle-left-area')")
    return Notebook(page, elsewhere)
