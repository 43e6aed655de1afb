"""Parts that hang together beside each other in rows, so that many small ones fill a page and not a strip.

Owns `packed` and `tiled`. Rows by falling height (next fit, decreasing height; Coffman, Garey, Johnson and Tarjan,
SIAM Journal on Computing 9, 808, 1980). O(parts log parts).
"""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil, sqrt

from reactive_dag.notebook.layers.plain import Box
from reactive_dag.notebook.layers.ranks import XY

GAP, TILE_GAP = 28.0, 12.0
BROAD = 1.7
"""A page is so many times as wide as it is high, where nothing needs more."""
LEAST_WIDTH = 900.0


def page_width(sizes: Sequence[Box], least: float = LEAST_WIDTH) -> float:
    """How wide a page for these parts is. O(parts)."""
    area = sum((width + GAP) * (height + GAP) for width, height in sizes)
    return max(least, sqrt(area * BROAD), *(width for width, _ in sizes))


def packed(sizes: Sequence[Box], width: float) -> list[tuple[XY, int]]:
    """The corner of each part and its row, where rows are at most that wide. O(parts log parts).

    >>> packed([(50, 10), (50, 20), (50, 10)], 130)
    [((78.0, 0.0), 0), ((0.0, 0.0), 0), ((0.0, 48.0), 1)]
    """
    found: dict[int, tuple[XY, int]] = {}
    x = y = high = 0.0
    row = 0
    for at in sorted(range(len(sizes)), key=lambda at: (-sizes[at][1], at)):
        if x and x + sizes[at][0] > width:
            x, y, high, row = 0.0, y + ceil(high) + GAP, 0.0, row + 1
        found[at] = ((x, y), row)
        x += ceil(sizes[at][0]) + GAP
        high = max(high, sizes[at][1])
    return [found[at] for at in range(len(sizes))]


def tiled(sizes: Sequence[Box], width: float) -> list[XY]:
    """The corner of each of many single nodes: columns of one width, row by row, in the order given. O(nodes).

    >>> tiled([(50, 10), (40, 10), (50, 10)], 120)
    [(0.0, 0.0), (62.0, 0.0), (0.0, 22.0)]
    """
    if not sizes:
        return []
    wide, high = ceil(max(size[0] for size in sizes)) + TILE_GAP, max(size[1] for size in sizes) + TILE_GAP
    across = max(1, int((width + TILE_GAP) // wide))
    return [(at % across * wide, at // across * high) for at in range(len(sizes))]
