"""The colours of a graph's picture, and its style sheet.

Owns the colours of lines and of what fills boxes, each for a light and a dark page; words on them have the contrast of
the kit, lines one of 3 to 1 (WCAG 2, for what is no text). No line is darker than LINE where lines lie on each other.
"""

from __future__ import annotations

from functools import cache

from reactive_dag.notebook.kit.markup import Markup
from reactive_dag.notebook.kit.palette import INKS, SURFACES, Colour
from reactive_dag.notebook.kit.theme import own_script, own_style, packaged, variables

FILLS = {
    "dag-fill": Colour("#edf4fb", "#13283a"),
    "dataset-fill": Colour("#eaf6f0", "#12291f"),
    "group-fill": Colour("#f4f1f8", "#262033"),
    "frame-fill": Colour("#fafbfc", "#181b20"),
    "part-fill": Colour("#ffffff", "#16191d"),
}
LINES = {"line": Colour("#848d97", "#6e7781")}
PLACE = "reactive_dag.notebook.graphs"


@cache
def sheet_of_graphs() -> Markup:
    """The rules for graphs, behind those of the kit. O(1) after the first call."""
    return own_style(variables({**FILLS, **LINES}) + packaged(PLACE, "graph.css"))


@cache
def sheet_alone() -> Markup:
    """All rules that an SVG in a file of its own needs. O(1) after the first call."""
    return own_style(variables({**SURFACES, **INKS, **FILLS, **LINES}, alone=True) + packaged(PLACE, "graph.css"))


@cache
def script_of_graphs() -> Markup:
    """What lets a reader pan, zoom, search, open groups and focus where scripts run. O(1) after the first call."""
    return own_script(packaged(PLACE, "graph.js"))
