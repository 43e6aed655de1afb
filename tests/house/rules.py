"""Rules and laws: where they stand, where they are cited, which tests are named after them.

A rule is a number of docs/semantics.md (T5, R9, I6, G3, X2, W50), `wait` is the table of waits, a law is a name of
docs/architecture.md. Everything is read from the text of the files.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from tests.support.places import ROOT

NUMBER = re.compile(r"(?<![\w.`-])([TRIGX][1-9][0-9]?)(?![\w`]|:[0-9])")
NAMED_TEST = re.compile(r"^ *(?:async )?def test_(\w+)", re.MULTILINE)
CITING = ("reactive_dag", "tests", "docs", "benchmarks", "examples", "notebooks", "README.md", "CONTRIBUTING.md")


def rules() -> list[str]:
    """The numbers that docs/semantics.md defines, in its order, and the table of waits."""
    text = (ROOT / "docs" / "semantics.md").read_text("utf-8")
    return [*re.findall(r"^- \*\*([TRIGXWN][0-9]+)\.", text, re.MULTILINE), "wait"]


def laws() -> list[str]:
    """The names under "Laws" in docs/architecture.md, in its order."""
    text = (ROOT / "docs" / "architecture.md").read_text("utf-8")
    section = text.partition("\n## Laws")[2].partition("\n## ")[0]
    return re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE)


def sources() -> Iterator[Path]:
    """The files that may cite a rule."""
    for name in CITING:
        place = ROOT / name
        if place.is_file():
            yield place
        for suffix in ("py", "md", "ipynb"):
            yield from sorted(place.rglob(f"*.{suffix}"))


def cited() -> Iterator[tuple[str, str]]:
    """Each (number, place) where a number is cited, as `file:line`."""
    for path in sources():
        for line, text in enumerate(path.read_text("utf-8").splitlines(), 1):
            for number in NUMBER.findall(text):
                yield number, f"{path.relative_to(ROOT)}:{line}"


def named_tests() -> list[str]:
    """The names of all tests, without `test_`."""
    texts = [path.read_text("utf-8") for path in sorted((ROOT / "tests").rglob("test_*.py"))]
    return [name for text in texts for name in NAMED_TEST.findall(text)]


def named_after(name: str, tests: list[str]) -> list[str]:
    """The tests that are named after a rule, a part of a rule, or a law."""
    return [test for test in tests if test == name or test.startswith(f"{name}_")]
