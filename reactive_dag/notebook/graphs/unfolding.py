"""Groups that are open: the node of one grows to hold what is inside, and what stands right of it or below makes room.

Each opening moves coordinates by two rising functions, of x and of y, so what did not overlap before does not after,
and lines at right angles stay so. graph.js does the same where a reader opens a group. O(open groups * size).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from attrs import evolve

from reactive_dag.notebook.graphs.layout import MARGIN, extent
from reactive_dag.notebook.graphs.shown import GraphLayout, PlacedEdge, PlacedNode, ShownEdge
from reactive_dag.notebook.layers.ranks import XY

HEAD, STUB = 34.0, 8.0
"""Above what is inside a group: its name; and how far from its border an edge turns to its port."""


def unfolded(folded: GraphLayout) -> GraphLayout:
    """The layout with all in place that is shown: groups that are open are frames, what is in them follows them."""
    shell = opened_shell(folded)
    nodes, edges = list(shell.nodes), list(shell.edges)
    for frame in shell.nodes:
        if frame.id in folded.open:
            inside = folded.inside[frame.id]
            left, top = frame.x, frame.y + HEAD
            nodes += [evolve(each, x=round(each.x + left, 1), y=round(each.y + top, 1)) for each in inside.nodes]
            edges += [
                evolve(edge, points=tuple((round(x + left, 1), round(y + top, 1)) for x, y in edge.points))
                for edge in inside.edges
            ]
            edges += connections(frame, inside, shell.edges)
    return evolve(shell, nodes=tuple(nodes), edges=tuple(edges), inside={})


def opened_shell(folded: GraphLayout) -> GraphLayout:
    """The layout with room for what is inside open groups; nodes and edges are the same, in the same order."""
    nodes, edges = {node.id: node for node in folded.nodes}, list(folded.edges)
    for id in nodes:
        if id in folded.open:
            nodes, edges = _opened(nodes, edges, id, folded.inside[id])
    right, bottom = extent(list(nodes.values()), edges)
    return evolve(folded, nodes=tuple(nodes.values()), edges=tuple(edges), width=right + MARGIN, height=bottom + MARGIN)


def _opened(
    nodes: dict[str, PlacedNode], edges: list[PlacedEdge], id: str, inside: GraphLayout
) -> tuple[dict[str, PlacedNode], list[PlacedEdge]]:
    group = nodes[id]
    right, bottom = group.x + group.width, group.y + group.height
    wider = max(0.0, inside.width - group.width)
    higher = max(0.0, inside.height + HEAD - group.height)

    def moved(x: float, y: float, row: int) -> XY:
        return (round(x + wider * (row == group.row and x >= right), 1), round(y + higher * (y >= bottom), 1))

    others: dict[str, PlacedNode] = {}
    for each in nodes.values():
        x, y = moved(each.x, each.y + each.height / 2, each.row)  # by its middle, where its lines are
        others[each.id] = evolve(each, x=x, y=round(y - each.height / 2, 1))
    frame = evolve(group.node, mark="open")
    others[id] = evolve(group, node=frame, width=group.width + wider, height=group.height + higher)
    ways = [tuple(moved(*point, nodes[edge.source].row) for point in edge.points) for edge in edges]
    return others, [_tied(evolve(edge, points=way), others) for edge, way in zip(edges, ways, strict=True)]


def _tied(edge: PlacedEdge, nodes: dict[str, PlacedNode]) -> PlacedEdge:
    """The line, its ends at the borders of its nodes, which may be wider than the group beside them."""
    points = list(edge.points)
    for at, next, id in ((0, 1, edge.source), (-1, -2, edge.target)):
        node = nodes[id]
        if points[at][1] == points[next][1]:
            points[at] = (node.x + node.width * (points[next][0] > node.x + node.width / 2), points[at][1])
    return evolve(edge, points=tuple(points))


def connections(frame: PlacedNode, inside: GraphLayout, outside: Iterable[PlacedEdge]) -> Iterator[PlacedEdge]:
    """The lines from the border of an open group to its ports. O(edges)."""
    ports = {node.id: (frame.x + node.x, frame.y + HEAD + node.y + node.height / 2) for node in inside.nodes}
    name = frame.node.name
    into, out = ports.get(f"port in {name}"), ports.get(f"port out {name}")
    for edge in outside:
        for end, to, at in ((edge.target, into, edge.points[-1]), (edge.source, out, edge.points[0])):
            if end == frame.id and to is not None:
                turn = frame.x + STUB if at[0] <= frame.x + 1 else frame.x + frame.width - STUB
                way = tuple((round(x, 1), round(y, 1)) for x, y in (at, (turn, at[1]), (turn, to[1]), to))
                link = ShownEdge("port", edge.source, edge.target)
                yield PlacedEdge(link, way if to is into else way[::-1])
