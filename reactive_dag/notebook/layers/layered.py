"""Where the nodes of one connected part stand, layer by layer from left to right, and which way its edges go.

Owns `laid_out`. Layering after Sugiyama, Tagawa and Toda (IEEE Transactions on Systems, Man, and Cybernetics 11, 109,
1981); the order in each, and heights that let edges go straight, are found by graphlay, without it, or where it
refuses, by `plain_layers`. Both give the same picture for the same graph on each machine. Cost: some milliseconds for
100 nodes, under a second for 1,000.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from attrs import frozen

from reactive_dag.notebook.layers.channels import channels, way_of
from reactive_dag.notebook.layers.lines import straightened
from reactive_dag.notebook.layers.plain import Box, plain_middles
from reactive_dag.notebook.layers.ranks import XY, Layering, Pair, layers_of

BALANCED_UP_TO = 240
"""With more segments than that crossings are looked for less thoroughly."""
LAYOUT_OPTIONS: Mapping[str, Any] = {
    "spacing": {"layer_gap": 10, "node_gap": 14, "dummy_gap": 10, "port_gap": 1, "stub": 1},
    "routing": {"style": "orthogonal", "merge_edges": "none"},
}
WAY_POINT: Box = (4.0, 4.0)
LOOP, LOOP_HIGH = 16.0, 9.0
"""How wide and high an edge of a node to itself is."""


@frozen
class LaidOut:
    """The top left of each node, the points of each edge, in the order given, and the size of all."""

    corners: Sequence[XY]
    ways: Sequence[tuple[XY, ...]]
    width: float
    height: float


def laid_out(boxes: Sequence[Box], edges: Sequence[Pair]) -> LaidOut:
    """Nodes of these sizes and edges between them, by number, where they stand. Deterministic."""
    layers = layers_of(len(boxes), edges)
    sizes = [*boxes, *[WAY_POINT] * (len(layers.ranks) - len(boxes))]
    middles = _by_graphlay(layers, sizes) or plain_middles(layers, sizes)
    middles = straightened(layers, sizes, middles)
    top = min(middle - size[1] / 2 for middle, size in zip(middles, sizes, strict=True))
    top -= LOOP_HIGH if any(not path for path in layers.paths) else 0.0
    middles = [float(round(middle - top)) for middle in middles]
    columns: list[list[int]] = [[] for _ in range(max(layers.ranks) + 1)]
    for vertex, rank in enumerate(layers.ranks):
        columns[rank].append(vertex)
    widths = [max(sizes[vertex][0] for vertex in column) for column in columns]
    found = channels(layers, widths, middles)
    corners = [
        (found.lefts[rank] + (widths[rank] - width) / 2, middle - height / 2)
        for rank, middle, (width, height) in zip(layers.ranks, middles, boxes, strict=False)
    ]
    ways = [
        way_of(path, _ends(path, layers, boxes, corners), middles, found.turns, layers.ranks)
        if path else _loop(boxes[edge[0]], corners[edge[0]])
        for path, edge in zip(layers.paths, edges, strict=True)
    ]  # fmt: skip
    height = max(middle + size[1] / 2 for middle, size in zip(middles, sizes, strict=True))
    return LaidOut(corners, ways, round(found.width, 1), round(height, 1))


def _by_graphlay(layers: Layering, sizes: Sequence[Box]) -> list[float] | None:
    try:
        from graphlay import _native
    except ImportError:
        return None
    nodes = [
        {"size": {"width": width, "height": height}, "shape": "box", "rank": rank}
        for (width, height), rank in zip(sizes, layers.ranks, strict=True)
    ]
    middle = {
        "source_port": {"offset": {"side": "right", "t": 0.0}},
        "target_port": {"offset": {"side": "left", "t": 0.0}},
    }
    links = [{"source": a, "target": b, **middle} for a, b in layers.segments]
    options = {**LAYOUT_OPTIONS, "effort": "balanced" if len(links) <= BALANCED_UP_TO else "fast"}
    request = {"graph": {"nodes": nodes, "edges": links}, "preset": "layered", "options": options}
    try:
        answer = json.loads(_native.layout(json.dumps(request)))
    except _native.GraphlayError:  # it says no to what it has no way for: the plain layout always has one
        return None
    return [each["center"]["y"] for each in answer["nodes"]]


def _ends(path: Sequence[int], layers: Layering, boxes: Sequence[Box], corners: Sequence[XY]) -> tuple[float, float]:
    first, last = path[0], path[-1]
    forth = layers.ranks[first] < layers.ranks[last]
    begin = corners[first][0] + boxes[first][0] * forth
    return round(begin, 1), round(corners[last][0] + boxes[last][0] * (not forth), 1)


def _loop(box: Box, corner: XY) -> tuple[XY, ...]:
    """Out of the top of a node and into it again."""
    right, top = round(corner[0] + box[0] - 8, 1), round(corner[1], 1)
    return (right, top), (right, top - LOOP_HIGH), (right - LOOP, top - LOOP_HIGH), (right - LOOP, top)
