"""docs/from-airflow.md and from-dagster.md: their code runs, and each row says how, or that there is no equivalent."""

from __future__ import annotations

import re

import pytest

from tests.support.pages import blocks, run_page
from tests.support.places import ROOT
from tests.tour.test_page import missing, spans

PAGES = ["from-airflow.md", "from-dagster.md"]


@pytest.mark.parametrize("name", PAGES)
def test_a_page_for_who_comes_from_elsewhere_runs(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    page = ROOT / "docs" / name
    assert len(blocks(page)) > 2
    run_page(page)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", PAGES)
def test_each_row_says_how_it_is_said_here(name):
    rows = [line for line in (ROOT / "docs" / name).read_text("utf-8").splitlines() if line.startswith("| ")]
    assert len(rows) > 20
    for row in rows:
        there, here = re.split(r"(?<!\\)\|", row)[1:-1]
        assert there.strip() and here.strip(), row
        assert not [(span, lacks) for span in spans(here) if (lacks := missing(span))], "no such name"
