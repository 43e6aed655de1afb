"""The picture of a graph as a value: it shows itself, says where all stands, and can be saved.

Owns `GraphPicture`, which `graph.draw` and `dag.draw` give, and the drawers that the pictures' table names. O(graph).
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Unpack

from attrs import frozen

from reactive_dag.declare.dag import Dag
from reactive_dag.declare.graph import Graph
from reactive_dag.engine.inspect.trigger_tree import tree_of
from reactive_dag.model.errors import InvalidValue
from reactive_dag.model.text import one_line
from reactive_dag.notebook.graphs.dag_selection import select_dag, select_tree
from reactive_dag.notebook.graphs.drawing import about, legend, svg_of
from reactive_dag.notebook.graphs.layout import layout, placed_selection
from reactive_dag.notebook.graphs.look import script_of_graphs, sheet_alone, sheet_of_graphs
from reactive_dag.notebook.graphs.selection import SelectOptions
from reactive_dag.notebook.graphs.shown import GraphLayout
from reactive_dag.notebook.kit.markup import Markup, tag
from reactive_dag.notebook.kit.theme import page, picture
from reactive_dag.triggers.base import Trigger


@frozen(repr=False)
class GraphPicture:
    """A drawing: in a notebook it shows itself; `.save("g.svg")` or `.save("g.html")` writes it.

    >>> graph = Graph("sales")
    >>> _ = graph.dag("report", on=graph.dataset("orders"))
    >>> picture_of(graph)
    GraphPicture('Graph sales', nodes=2, edges=1)
    """

    layout: GraphLayout

    def __repr__(self) -> str:
        return f"GraphPicture({self.layout.title!r}, nodes={len(self.layout.nodes)}, edges={len(self.layout.edges)})"

    def _repr_mimebundle_(self, **_: object) -> dict[str, str]:
        return {"text/plain": repr(self), "text/html": self.html}

    @property
    def svg(self) -> Markup:
        """The drawing as a file of its own: an image that follows the reader's light or dark. O(nodes + edges)."""
        return svg_of(self.layout, sheet_alone())

    @property
    def html(self) -> Markup:
        """The drawing as a cell shows it. O(nodes + edges)."""
        shown = self.layout
        head = tag("div", tag("span", shown.title, class_="rd-title"), tag("span", about(shown), class_="rd-quiet"),
                   class_="rd-head")  # fmt: skip
        scroll = tag("div", svg_of(shown), class_="rd-scroll", tabindex=0, role="region", aria_label=shown.title)
        whole = tag(
            "div", head, scroll, legend(shown), script_of_graphs(), class_="rd-graph", data_links=_whole(shown),
            data_open=json.dumps(list(map(one_line, shown.open))) if shown.open else None,
        )  # fmt: skip
        return picture(sheet_of_graphs(), whole)

    def save(self, path: str | Path) -> Path:
        """Write it as .svg, or as a page, .html. O(nodes + edges). Raises InvalidValue for another ending, OSError."""
        place = Path(path)
        texts = {".svg": lambda: self.svg, ".html": lambda: page(self.layout.title, self.html)}
        if place.suffix.lower() not in texts:
            raise InvalidValue(f"a drawing is saved as .svg or .html, not as {place.name!r}")
        place.write_text(texts[place.suffix.lower()](), "utf-8")
        return place


def picture_of(graph: Graph, **options: Unpack[SelectOptions]) -> GraphPicture:
    """What `graph.draw` gives. O(graph). Raises UnknownId, InvalidValue."""
    return GraphPicture(layout(graph, **options))


def picture_of_dag(dag: Dag) -> GraphPicture:
    """What `dag.draw` gives. O(tasks + edges)."""
    return GraphPicture(placed_selection(select_dag(dag)))


def draw_graph(graph: object) -> str:
    """A graph as a cell shows it."""
    assert isinstance(graph, Graph)
    return picture_of(graph).html


def draw_dag(dag: object) -> str:
    """A DAG as a cell shows it."""
    assert isinstance(dag, Dag)
    return picture_of_dag(dag).html


def draw_trigger(trigger: object) -> str:
    """A trigger as a cell shows it."""
    assert isinstance(trigger, Trigger)
    return GraphPicture(placed_selection(select_tree(tree_of(trigger)))).html


def _whole(shown: GraphLayout) -> str | None:
    """Where there are groups: which node leads to which, for the script that focuses on one."""
    if not shown.whole:
        return None
    numbers: dict[str, int] = {}
    pairs = [[numbers.setdefault(id, len(numbers)) for id in (link.source, link.target)] for link in shown.whole]
    return json.dumps({"ids": list(map(one_line, numbers)), "pairs": pairs}, separators=(",", ":"))
