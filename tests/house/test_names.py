"""One word per thing, one thing per word: docs/glossary.md, and names that are defined in two wings."""

from __future__ import annotations

import ast
import re
from collections import Counter, defaultdict

from tests.house.source import MODULES, Modules, defines
from tests.support.places import ROOT

TWINS = {
    "absent", "all_of", "at_least", "batch", "by", "debounce", "reset", "rollup", "sequence", "throttle", "with_latest",
}  # fmt: skip
"""A combinator and its operator, which are one thing in two forms (tour, section 6)."""

COMMANDS = {"simulate", "pending"}
"""A command of the command line is named after the function that it calls."""


def in_two_wings(modules: Modules) -> dict[str, set[str]]:
    """The public names that modules of several wings define."""
    found = defaultdict(set)
    for module in modules.values():
        for name in defines(module):
            found[name].add(module.name)
    return {name: where for name, where in found.items() if len({each.partition(".")[0] for each in where}) > 1}


def words() -> list[str]:
    """Every word that the glossary defines."""
    text = (ROOT / "docs" / "glossary.md").read_text("utf-8")
    return [
        word for line in re.findall(r"^- (\*\*.*)$", text, re.MULTILINE) for word in re.findall(r"\*\*(.+?)\*\*", line)
    ]


def test_names_mean_one_thing_in_all_wings() -> None:
    found = in_two_wings(MODULES)
    assert not {name: where for name, where in found.items() if name not in TWINS | COMMANDS}


def test_the_glossary_defines_each_word_once() -> None:
    found = Counter(word.lower() for word in words())
    assert len(found) > 80
    assert not [word for word, times in found.items() if times > 1]


RIDDLES = re.compile(r"^The same\b|\bwhom\b|\bcannot be meant\b|\bcannot mean anything\b")


def riddles(modules: Modules) -> list[str]:
    """The docstrings that begin with "The same", or use other words that say nothing."""
    return [
        f"{module.name}:{getattr(node, 'lineno', 1)} {text.splitlines()[0]}"
        for module in modules.values()
        for node in module.nodes
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        if (text := ast.get_docstring(node)) and RIDDLES.search(text)
    ]


def test_docstrings_say_what_they_do() -> None:
    assert not riddles(MODULES)
