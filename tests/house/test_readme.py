"""The README's blocks run as they stand, in order, and print what the README says; its commands are what CI runs."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.support.pages import blocks, run_page
from tests.support.places import ROOT

README = (ROOT / "README.md").read_text()


def test_the_readmes_tour_runs_and_prints_what_it_says() -> None:
    assert len(blocks(ROOT / "README.md")) >= 5
    run_page(ROOT / "README.md")


def test_ci_runs_the_readmes_test_command_and_nothing_else() -> None:
    commands = re.findall(r"^python3 -m venv .*$", README, re.MULTILINE)
    assert len(commands) == 2
    assert commands[1].endswith(".venv/bin/python -m pytest -n 2")
    script = (ROOT / ".ci" / "run").read_text()
    assert "README.md" in script and "pip install" not in script


def test_ci_installs_the_browser_by_the_readmes_line() -> None:
    lines = re.findall(r"^apt-get install .*$", README, re.MULTILINE)
    assert len(lines) == 1 and "chromium" in lines[0]
    script = (ROOT / ".ci" / "run").read_text()
    assert "apt-get install" in script and "chromium fonts" not in script


def test_no_file_names_a_registry() -> None:
    for name in ("constraints.txt", "pyproject.toml", "README.md", ".ci/run"):
        assert "index-url" not in (ROOT / name).read_text() and "/simple" not in (ROOT / name).read_text(), name
    assert "://" not in (ROOT / "constraints.txt").read_text()


PAGES = [
    ROOT / "tests" / "README.md",
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    ROOT / "CHANGELOG.md",
    *sorted((ROOT / "docs").glob("*.md")),
]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    links = re.findall(r"\]\(([^)#:]+)\)", page.read_text("utf-8"))
    assert not [link for link in links if not (page.parent / link).exists()]
