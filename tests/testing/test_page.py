"""docs/testing.md: its code runs, and prints what the page says."""

from __future__ import annotations

from tests.support.pages import blocks, run_page
from tests.support.places import ROOT

PAGE = ROOT / "docs" / "testing.md"


def test_R31_the_pages_code_runs():
    assert len(blocks(PAGE)) > 8
    names = run_page(PAGE)
    tests = [each for name, each in names.items() if name.startswith("test_")]
    assert len(tests) > 2
    for test in tests:
        test()
