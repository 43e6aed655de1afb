"""A plain order of layers that needs no package: by the mean place of the neighbours, forth and back.

The order is that of the barycentre (Sugiyama, Tagawa and Toda, IEEE Transactions on Systems, Man, and Cybernetics 11,
109, 1981); in height each column is stacked and centred. O((vertices + segments) log vertices).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

from reactive_dag.notebook.layers.ranks import Layering

Box: TypeAlias = tuple[float, float]
"""Width and height."""
ROW_GAP = 14.0
SWEEPS = 8


def plain_middles(layers: Layering, sizes: Sequence[Box]) -> list[float]:
    """The height of the middle of each vertex. O((vertices + segments) log vertices)."""
    columns: list[list[int]] = [[] for _ in range(max(layers.ranks) + 1)]
    near: list[list[int]] = [[] for _ in layers.ranks]
    for vertex, rank in enumerate(layers.ranks):
        columns[rank].append(vertex)
    for a, b in layers.segments:
        near[a].append(b)
        near[b].append(a)
    middles = [0.0] * len(sizes)
    for column in columns:
        _stack(column, sizes, middles)
    for sweep in range(SWEEPS):
        for column in columns if sweep % 2 == 0 else reversed(columns):
            wanted = {v: sum(middles[n] for n in near[v]) / len(near[v]) if near[v] else middles[v] for v in column}
            column.sort(key=lambda vertex: wanted[vertex])
            _stack(column, sizes, middles)
    return middles


def _stack(column: Sequence[int], sizes: Sequence[Box], middles: list[float]) -> None:
    y = -sum(sizes[vertex][1] + ROW_GAP for vertex in column) / 2
    for vertex in column:
        middles[vertex] = y + sizes[vertex][1] / 2
        y += sizes[vertex][1] + ROW_GAP
