"""A JupyterLab 4 and a headless Chromium for the tests of this folder; without them these are skipped, with the reason.

Nothing reaches the network: Lab listens on the loopback, and Chromium resolves no other name.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.browser.lab import Address, shared_lab

if TYPE_CHECKING:
    from playwright.sync_api import Browser

    from tests.browser.page import Notebook

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
MISSING = [name for name in ("jupyterlab", "playwright") if find_spec(name) is None]
FLAGS = ["--no-sandbox", "--disable-gpu", "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"]


@pytest.fixture(scope="session")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Address]:
    """The session's one JupyterLab."""
    if MISSING:
        pytest.skip(f"tests in a browser need {' and '.join(MISSING)}: pip install '.[dev]'")
    if CHROMIUM is None:
        pytest.skip("tests in a browser need Debian's chromium: apt-get install chromium (README, Test it)")
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    with shared_lab(shared / "lab") as address:
        yield address


@pytest.fixture
def browser(lab: Address) -> Iterator[Browser]:
    """A headless Chromium, after the Lab: where that is skipped nothing starts.

    The driver's event loop runs on this thread while it is open, where `asyncio.run` of other tests would find it:
    it is closed with the test.
    """
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        found = driver.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield found
        found.close()


@pytest.fixture
def notebook(lab: Address, browser: Browser) -> Iterator[Callable[[Path], Notebook]]:
    """Opens a notebook in a page that is closed at the test's end."""
    from tests.browser.page import open_notebook

    pages = []

    def opened(source: Path) -> Notebook:
        found = open_notebook(browser, lab, source)
        pages.append(found.page)
        return found

    yield opened
    for page in pages:
        page.close()


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """Where screenshots are kept: the folder that SCREENSHOTS names, else the test's own."""
    folder = Path(os.environ.get("SCREENSHOTS", tmp_path))
    folder.mkdir(parents=True, exist_ok=True)
    return folder
