"""From what is shown to where it stands: each connected part in layers, the pieces in rows, single nodes in a grid.

Owns `layout`, of a graph, and `placed_selection`, of what was chosen. Deterministic. Cost: that of `layered.laid_out`
for each part, once for each group, closed or not.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil
from typing import Unpack

from reactive_dag.declare.graph import Graph
from reactive_dag.notebook.graphs.selection import SelectOptions, select
from reactive_dag.notebook.graphs.shown import GraphLayout, PlacedEdge, PlacedNode, Selection, ShownEdge, ShownNode
from reactive_dag.notebook.graphs.sizes import box_size
from reactive_dag.notebook.layers.layered import LaidOut, laid_out
from reactive_dag.notebook.layers.packing import GAP, LEAST_WIDTH, packed, page_width, tiled
from reactive_dag.notebook.layers.ranks import XY

MARGIN, LEAST_INSIDE = 12.0, 360.0


def layout(shown: Graph | Selection, **options: Unpack[SelectOptions]) -> GraphLayout:
    """A graph, or what `select` chose of one, as plain data; the options are those of `graph.draw`.

    Raises UnknownId, InvalidValue.

    >>> graph = Graph("sales")
    >>> _ = graph.dag("report", on=graph.dataset("orders"))
    >>> [(node.id, node.x < 50) for node in layout(graph).nodes]
    [('dag report', False), ('dataset orders', True)]
    """
    return placed_selection(shown if isinstance(shown, Selection) else select(shown, **options))


def placed_selection(chosen: Selection, least_width: float = LEAST_WIDTH) -> GraphLayout:
    """What is shown, where it stands; what has room in `least_width` is not broken into rows."""
    pieces, single = _pieces(chosen.nodes, chosen.links)
    laid = [_laid_piece(nodes, links) for nodes, links in pieces]
    sizes = [(each.width, each.height) for each in laid]
    boxes = list(map(box_size, single))
    width = page_width(sizes + boxes, least_width) if sizes or boxes else 0.0
    corners = packed(sizes, width)
    nodes: list[PlacedNode] = []
    edges: list[PlacedEdge] = []
    for piece, found, ((x, y), row) in zip(pieces, laid, corners, strict=True):
        _move(piece, found, (x + MARGIN, y + MARGIN), row, nodes, edges)
    top = ceil(max((y + size[1] + GAP for ((_, y), _), size in zip(corners, sizes, strict=True)), default=0.0))
    for node, (x, y), size in zip(single, tiled(boxes, width), boxes, strict=True):
        nodes.append(PlacedNode(node, round(x + MARGIN, 1), round(y + top + MARGIN, 1), *size, row=len(corners)))
    order = {node.id: at for at, node in enumerate(chosen.nodes)}
    nodes.sort(key=lambda each: order[each.id])
    inside = {id: placed_selection(each, LEAST_INSIDE) for id, each in chosen.inside.items()}
    right, bottom = extent(nodes, edges)
    return GraphLayout(
        chosen.title, tuple(nodes), tuple(edges), right + MARGIN, bottom + MARGIN, inside, chosen.open, chosen.whole,
        chosen.note,
    )  # fmt: skip


def extent(nodes: Sequence[PlacedNode], edges: Sequence[PlacedEdge]) -> XY:
    """How far nodes and edges go to the right and down. O(nodes + points)."""
    points = [point for edge in edges for point in edge.points]
    points += [(each.x + each.width, each.y + each.height) for each in nodes]
    return max((x for x, _ in points), default=0.0), max((y for _, y in points), default=0.0)


Piece = tuple[list[ShownNode], list[ShownEdge]]


def _pieces(nodes: Sequence[ShownNode], links: Sequence[ShownEdge]) -> tuple[list[Piece], list[ShownNode]]:
    """The connected parts, in the order of their first nodes, and the nodes without an edge. O(nodes + edges)."""
    root = {each.id: each.id for each in nodes}

    def found(id: str) -> str:
        while root[id] != id:
            root[id] = root[root[id]]
            id = root[id]
        return id

    for link in links:
        root[found(link.target)] = found(link.source)
    pieces: dict[str, Piece] = {}
    for node in nodes:
        pieces.setdefault(found(node.id), ([], []))[0].append(node)
    for link in links:
        pieces[found(link.source)][1].append(link)
    return [piece for piece in pieces.values() if piece[1]], [nodes[0] for nodes, own in pieces.values() if not own]


def _laid_piece(nodes: Sequence[ShownNode], links: Sequence[ShownEdge]) -> LaidOut:
    at = {node.id: number for number, node in enumerate(nodes)}
    return laid_out(list(map(box_size, nodes)), [(at[link.source], at[link.target]) for link in links])


def _move(
    piece: Piece, found: LaidOut, by: XY, row: int, nodes: list[PlacedNode], edges: list[PlacedEdge]
) -> None:  # fmt: skip
    left, top = by
    for node, (x, y) in zip(piece[0], found.corners, strict=True):
        nodes.append(PlacedNode(node, round(x + left, 1), round(y + top, 1), *box_size(node), row))
    for link, way in zip(piece[1], found.ways, strict=True):
        edges.append(PlacedEdge(link, tuple((round(x + left, 1), round(y + top, 1)) for x, y in way)))
