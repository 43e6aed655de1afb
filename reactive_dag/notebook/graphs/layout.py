"""From what is shown to where it stands: each connected part in layers, the parts in rows, single nodes in a grid.

Owns `layout`, of a graph, and `placed_selection`, of what was chosen. Deterministic. Cost: that of `layered.laid_out`
for each part, once for each group, closed or not.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Unpack

from reactive_dag.declare.graph import Graph
from reactive_dag.notebook.graphs.layered import LaidOut, laid_out
from reactive_dag.notebook.graphs.packing import GAP, packed, page_width, tiled
from reactive_dag.notebook.graphs.selection import SelectOptions, select
from reactive_dag.notebook.graphs.shown import XY, GraphLayout, PlacedEdge, PlacedNode, Selection, ShownEdge, ShownNode
from reactive_dag.notebook.graphs.sizes import box_size

MARGIN = 12.0


def layout(shown: Graph | Selection, **options: Unpack[SelectOptions]) -> GraphLayout:
    """A graph, or what `select` chose of one, as plain data; the options are those of `graph.draw`.

    Raises UnknownId, InvalidValue.

    >>> graph = Graph("sales")
    >>> _ = graph.dag("report", on=graph.dataset("orders"))
    >>> [(node.id, node.x < 50) for node in layout(graph).nodes]
    [('dag report', False), ('dataset orders', True)]
    """
    return placed_selection(shown if isinstance(shown, Selection) else select(shown, **options))


def placed_selection(chosen: Selection) -> GraphLayout:
    """What is shown, where it stands."""
    parts, single = _parts(chosen.nodes, chosen.links)
    laid = [_placed_part(nodes, links) for nodes, links in parts]
    sizes = [(each.width, each.height) for each in laid]
    boxes = list(map(box_size, single))
    width = page_width(sizes + boxes) if sizes or boxes else 0.0
    corners = packed(sizes, width)
    nodes: list[PlacedNode] = []
    edges: list[PlacedEdge] = []
    for part, found, corner in zip(parts, laid, corners, strict=True):
        _move(part, found, (corner[0] + MARGIN, corner[1] + MARGIN), nodes, edges)
    top = max((y + size[1] + GAP for (_, y), size in zip(corners, sizes, strict=True)), default=0.0)
    for shape, (x, y), (wide, high) in zip(single, tiled(boxes, width), boxes, strict=True):
        nodes.append(PlacedNode(shape, x + MARGIN, y + top + MARGIN, wide, high))
    order = {shape.id: at for at, shape in enumerate(chosen.nodes)}
    nodes.sort(key=lambda node: order[node.id])
    points = [point for edge in edges for point in edge.points]
    right = max([*(each.x + each.width for each in nodes), *(x for x, _ in points), 0.0])
    bottom = max([*(each.y + each.height for each in nodes), *(y for _, y in points), 0.0])
    inside = {id: placed_selection(each) for id, each in chosen.inside.items()}
    return GraphLayout(
        chosen.title, tuple(nodes), tuple(edges), round(right + MARGIN, 1), round(bottom + MARGIN, 1), inside,
        chosen.note,
    )  # fmt: skip


Piece = tuple[list[ShownNode], list[ShownEdge]]


def _parts(nodes: Sequence[ShownNode], links: Sequence[ShownEdge]) -> tuple[list[Piece], list[ShownNode]]:
    """The connected parts, in the order of their first nodes, and the nodes without an edge. O(nodes + edges)."""
    root = {each.id: each.id for each in nodes}

    def found(id: str) -> str:
        while root[id] != id:
            root[id] = root[root[id]]
            id = root[id]
        return id

    for link in links:
        root[found(link.target)] = found(link.source)
    parts: dict[str, Piece] = {}
    for node in nodes:
        parts.setdefault(found(node.id), ([], []))[0].append(node)
    for link in links:
        parts[found(link.source)][1].append(link)
    return [part for part in parts.values() if part[1]], [shapes[0] for shapes, own in parts.values() if not own]


def _placed_part(nodes: Sequence[ShownNode], links: Sequence[ShownEdge]) -> LaidOut:
    at = {node.id: number for number, node in enumerate(nodes)}
    return laid_out(list(map(box_size, nodes)), [(at[link.source], at[link.target]) for link in links])


def _move(part: Piece, found: LaidOut, by: XY, nodes: list[PlacedNode], edges: list[PlacedEdge]) -> None:
    left, top = by
    for shape, (x, y) in zip(part[0], found.corners, strict=True):
        nodes.append(PlacedNode(shape, round(x + left, 1), round(y + top, 1), *box_size(shape)))
    for link, way in zip(part[1], found.ways, strict=True):
        edges.append(PlacedEdge(link, tuple((round(x + left, 1), round(y + top, 1)) for x, y in way)))
