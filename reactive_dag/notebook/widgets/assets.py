"""The scripts and the style sheet of the views: files beside this one, put together as they are. O(their size) once."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

from reactive_dag.notebook.kit.theme import sheet_text


@cache
def script(*names: str) -> str:
    """One ES module of several files, what they have in common first. O(size) once."""
    return "\n".join(_text(name) for name in ("kit.js", *names))


@cache
def style(*names: str) -> str:
    """The kit's style sheet, and these. O(size) once."""
    return "\n".join([sheet_text(), *map(_text, names)])


def _text(name: str) -> str:
    return (files("reactive_dag.notebook.widgets") / name).read_text("utf-8")
