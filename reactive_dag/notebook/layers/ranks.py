"""The layers of a graph: in which one each node stands, which edges go against the others, and which share a way.

Owns `Layering`. An edge over several layers passes each of them at a *way point*; edges of one node share theirs (those
of its source, or of its target where more edges come together there than leave), so what belongs together is one line
that branches. Invariant: every segment leads from one layer to the next. O(nodes + edges + way points).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from itertools import pairwise
from typing import TypeAlias

from attrs import define, field

Pair: TypeAlias = tuple[int, int]
XY: TypeAlias = tuple[float, float]
"""A point, in pixels from the top left."""


@define
class Layering:
    """Vertices by number, the nodes first and the way points behind them."""

    nodes: int
    ranks: list[int]
    paths: list[list[int]]
    """For each edge its vertices, by falling rank where it goes against the others; none of a loop."""
    segments: dict[Pair, None] = field(factory=dict)


def layers_of(nodes: int, edges: Sequence[Pair]) -> Layering:
    """The layers of a graph that hangs together. O(nodes + edges + way points).

    >>> found = layers_of(3, [(0, 1), (1, 2), (0, 2)])
    >>> found.ranks, found.paths
    ([0, 1, 2, 1], [[0, 1], [1, 2], [0, 3, 2]])
    """
    turned = _against(nodes, edges)
    forward = [(b, a) if at in turned else (a, b) for at, (a, b) in enumerate(edges)]
    ranks = _ranks(nodes, [pair for pair in forward if pair[0] != pair[1]])
    outs, ins = [0] * nodes, [0] * nodes
    for a, b in forward:
        outs[a] += 1
        ins[b] += 1
    found = Layering(nodes, ranks, [])
    points: dict[tuple[int, bool, bool, int], int] = {}
    for at, (a, b) in enumerate(forward):
        if a == b:
            found.paths.append([])
            continue
        by_source = outs[a] >= ins[b]
        path = [a]
        for rank in range(ranks[a] + 1, ranks[b]):
            key = (a if by_source else b, by_source, at in turned, rank)
            if key not in points:
                points[key] = len(ranks)
                ranks.append(rank)
            path.append(points[key])
        path.append(b)
        found.segments.update(dict.fromkeys(pairwise(path)))
        found.paths.append(path[::-1] if at in turned else path)
    return found


def _against(nodes: int, edges: Sequence[Pair]) -> set[int]:
    """The edges that close a circle, by a walk in depth from what nothing leads to. O(nodes + edges)."""
    below: list[list[Pair]] = [[] for _ in range(nodes)]
    above = [0] * nodes
    for at, (a, b) in enumerate(edges):
        below[a].append((b, at))
        above[b] += 1
    turned: set[int] = set()
    state = [0] * nodes  # 0 unseen, 1 on the way, 2 done
    for root in sorted(range(nodes), key=lambda node: (above[node] > 0, node)):
        way = [(root, iter(below[root]))] if not state[root] else []
        state[root] = state[root] or 1
        while way:
            node, heads = way[-1]
            for head, at in heads:
                if state[head] == 1:
                    turned.add(at)
                elif not state[head]:
                    state[head] = 1
                    way.append((head, iter(below[head])))
                    break
            else:
                state[node] = 2
                way.pop()
    return turned


def _ranks(nodes: int, edges: Sequence[Pair]) -> list[int]:
    """Each node as far left as its edges allow; then, where more leave than come, as far right. O(nodes + edges)."""
    below: list[list[int]] = [[] for _ in range(nodes)]
    above = [0] * nodes
    for a, b in edges:
        below[a].append(b)
        above[b] += 1
    ins, ranks, order = list(above), [0] * nodes, []
    ready = deque(node for node in range(nodes) if not above[node])
    while ready:
        node = ready.popleft()
        order.append(node)
        for head in below[node]:
            ranks[head] = max(ranks[head], ranks[node] + 1)
            above[head] -= 1
            if not above[head]:
                ready.append(head)
    for node in reversed(order):
        if below[node] and len(below[node]) >= ins[node]:
            ranks[node] = min(ranks[head] for head in below[node]) - 1
    return ranks
