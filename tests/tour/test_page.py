"""docs/tour.md: its code runs as it stands, its names exist, and what it marks as not there yet is not there.

A mark is `not yet` at the end of a line of code, `*not yet: …*` in text, `*not yet*` in a row of a table.
"""

from __future__ import annotations

import re

import pytest

import reactive_dag as rd
import reactive_dag.operators as rops
from tests.house.surface import members, parameters, shown, things
from tests.support.places import ROOT

PAGE = (ROOT / "docs" / "tour.md").read_text("utf-8")
PYTHON = re.compile(r"```python\n(.*?)```", re.DOTALL)
BLOCKS = PYTHON.findall(PAGE)
TEXT = PYTHON.sub("", PAGE).partition("\n## 1.")[2]
SPAN = re.compile(r"``(.+?)``|`([^`\n]+)`")
MARK = re.compile(r"\*not yet: (.+?)\*", re.DOTALL)

# ------------------------------------------------------------------------------------------------- code


def lines(block: str, keep: int = -1) -> str:
    """A block without its marked lines, but for one of them."""
    return "\n".join(line for at, line in enumerate(block.split("\n")) if at == keep or not marked(line))


def marked(line: str) -> bool:
    return line.rstrip().endswith("not yet")


def run(upto: int, code: str) -> None:
    """Execute the blocks before one, then some code in its place."""
    names: dict[str, object] = {"__name__": "tour", "partitions": ["2026-11-20", "2026-11-21"]}
    for before in BLOCKS[:upto]:
        exec(compile(lines(before), "docs/tour.md", "exec"), names)
    exec(compile(code, "docs/tour.md", "exec"), names)


MARKED = [
    pytest.param(number, at, id=line.strip()[:60])
    for number, block in enumerate(BLOCKS)
    for at, line in enumerate(block.split("\n"))
    if marked(line)
]


@pytest.mark.parametrize("number", range(len(BLOCKS)))
def test_the_tours_code_runs(number, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run(number, lines(BLOCKS[number]))


@pytest.mark.parametrize(("number", "at"), MARKED)
def test_the_tours_code_that_is_marked_does_not_run(number, at, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises((AttributeError, TypeError, NameError, rd.ReactiveDagError)):
        run(number, lines(BLOCKS[number], keep=at))


# ------------------------------------------------------------------------------------------------- text

OWNERS = {
    "engine": (rd.Engine,), "graph": (rd.Graph,), "build": (rd.Dag,), "ingest": (rd.Dag,), "report": (rd.Dag,),
    "run": (rd.Run, things()["RunContext"]), "Run": (rd.Run,), "event": (rd.Event,), "rd": (rd,), "rops": (rops,),
    "a": (rd.Trigger,), "sim": (rd.Simulation,), "base": (things()["Simulation"],), "late": (rd.Simulation,),
}  # fmt: skip
"""Whose attribute a name behind a dot is."""

VALUES = {
    "overlap": lambda value: rd.Dag("d", max_active_runs=None if value == "allow" else 1, overlap=value),
    "mode": lambda value: rd.Dag("d").wait_for("other", mode=value),
    "undated": lambda value: rd.updated("a").by(rd.day("UTC"), undated=value),
}
"""Parameters whose values are judged: what takes one."""

PROBES = {
    '`build.wait_for(orders, partition="same")` waits for a dataset\'s event': lambda: rd.Dag("d").wait_for(
        rd.Dataset("a"), partition="same"
    ),
}
"""Marks that no name tells apart: what must fail as long as they stand."""

LITERAL = re.compile(r"\"[^\"]*\"|'[^']*'")
DOTTED = re.compile(r"(?<![\w)\]\"'])(\w+)\.([A-Za-z]\w*)")
MEMBER = re.compile(r"(?:(?<=[\s(`)])|^)\.([a-z]\w*)")
KEYWORD = re.compile(r"(?<![\w.])([a-z]\w*)=(?!=)")
VALUE = re.compile(r"(?<![\w.])(\w+)=\"(\w+)\"")


def spans(text: str) -> list[str]:
    """The pieces of code in a text."""
    return [long or short for long, short in SPAN.findall(text)]


def missing(code: str) -> list[str]:
    """The names in a piece of code that are not there."""
    found = [f"{key}={value!r}" for key, value in VALUE.findall(code) if key in VALUES and not takes(key, value)]
    code = LITERAL.sub("0", code)
    for owner, name in DOTTED.findall(code):
        if owner in OWNERS and not any(name in shown(each) for each in OWNERS[owner]):
            found.append(f"{owner}.{name}")
    found += [f".{name}" for name in MEMBER.findall(code) if name not in members() | set(rd.__all__)]
    return found + [f"{name}=" for name in KEYWORD.findall(code) if name not in parameters() and "def " not in code]


def takes(key: str, value: str) -> bool:
    try:
        VALUES[key](value)
    except (rd.InvalidValue, TypeError):
        return False
    return True


def pieces() -> tuple[list[str], list[str]]:
    """What the text says is there, and what it marks: rows of tables, and passages."""
    there, not_yet = [], []
    for line in re.split(r"\n(?=\|)|\n\n", TEXT):
        if line.startswith("|") and "*not yet*" in line:
            not_yet.append(line)
        else:
            not_yet += MARK.findall(line)
            there.append(MARK.sub("", line))
    return there, not_yet


THERE, NOT_YET = pieces()


def test_the_tours_names_exist():
    assert not [(span, lacks) for text in THERE for span in spans(text) if (lacks := missing(span))]


@pytest.mark.parametrize("mark", NOT_YET)
def test_what_the_tour_marks_is_not_there(mark):
    probe = next((probe for text, probe in PROBES.items() if mark.startswith(text)), None)
    if probe is not None:
        with pytest.raises((AttributeError, TypeError, rd.ReactiveDagError)):
            probe()
    else:
        assert [lacks for span in spans(mark) for lacks in missing(span)], "it is built: take the mark off"


def test_the_marks_are_seen():
    assert marked("rd.later()  # not yet") and not marked("rd.now()  # not yet, or so")
    assert sum(block.count("not yet") for block in BLOCKS) == len(MARKED)
    assert NOT_YET and "*not yet" not in "".join(THERE)
    assert missing("rd.reschedule") == ["rd.reschedule"] and not missing("engine.publish(orders, key=…)")
    assert missing(".rolldown(x)") == [".rolldown"] and missing('overlap="never"') == ["overlap='never'"]
    assert missing("nowhere=") == ["nowhere="]
