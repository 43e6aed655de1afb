"""Long lines made straight: way points move to the height of the one before, or behind, as far as there is room.

Owns `straightened`. Invariant: the order in each layer, and a gap between neighbours where there was one, stay.
O((vertices + segments) log vertices).
"""

from __future__ import annotations

from collections.abc import Sequence

from reactive_dag.notebook.layers.plain import Box
from reactive_dag.notebook.layers.ranks import Layering

GAP = 8.0
"""What stays between a line and its neighbours."""


def straightened(layers: Layering, sizes: Sequence[Box], middles: Sequence[float]) -> list[float]:
    """The heights of all vertices, those of way points changed."""
    found = list(middles)
    columns: list[list[int]] = [[] for _ in range(max(layers.ranks) + 1)]
    for vertex, rank in enumerate(layers.ranks):
        columns[rank].append(vertex)
    for column in columns:
        column.sort(key=lambda vertex: found[vertex])
    before: list[list[int]] = [[] for _ in layers.ranks]
    behind: list[list[int]] = [[] for _ in layers.ranks]
    for a, b in layers.segments:
        behind[a].append(b)
        before[b].append(a)
    for near, order in ((behind, columns[::-1]), (before, columns), (behind, columns[::-1]), (before, columns)):
        for column in order:
            for at, vertex in enumerate(column):
                if vertex >= layers.nodes and (wanted := _wanted(near[vertex], layers, found)) is not None:
                    low, high = _room(column, at, sizes, found)
                    found[vertex] = min(max(wanted, low), high) if low <= high else found[vertex]
    return found


def _wanted(near: Sequence[int], layers: Layering, middles: Sequence[float]) -> float | None:
    """The height of the way point beside, where there is one; of a node where it alone is there."""
    points = [vertex for vertex in near if vertex >= layers.nodes] or (near if len(near) == 1 else [])
    return middles[points[0]] if points else None


def _room(column: Sequence[int], at: int, sizes: Sequence[Box], middles: Sequence[float]) -> tuple[float, float]:
    """Between which heights a way point may stand."""
    low, high = float("-inf"), float("inf")
    if at:
        low = middles[column[at - 1]] + sizes[column[at - 1]][1] / 2 + GAP
    if at + 1 < len(column):
        high = middles[column[at + 1]] - sizes[column[at + 1]][1] / 2 - GAP
    return min(low, middles[column[at]]), max(high, middles[column[at]])
