"""Edges between nodes, to be walked both ways.

Owns the rows: for each node its neighbours. Invariant: `down` and `up` mirror each other, and every node has both rows.
Cost: O(1) an edge. A row is a dict without values, since the garbage collector does not follow one of texts (it follows
every set), which makes a large bulk three times as fast.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from typing import Generic, TypeVar

N = TypeVar("N", bound=Hashable)


class Adjacency(Generic[N]):
    """The nodes and edges of one graph; an edge is a pair of nodes, and is there once or not."""

    __slots__ = ("down", "up")

    def __init__(self) -> None:
        self.down: dict[N, dict[N, None]] = {}
        self.up: dict[N, dict[N, None]] = {}

    def put(self, node: N) -> None:
        """Add a node that is not there. O(1)."""
        self.down[node] = {}
        self.up[node] = {}

    def drop(self, node: N) -> None:
        """Take away a node that has no edges. O(1)."""
        del self.down[node], self.up[node]

    def link(self, edges: Iterable[tuple[N, N]]) -> list[tuple[N, N]]:
        """Add edges between nodes that are there; gives those that were new. O(1) each."""
        down, up = self.down, self.up
        new: list[tuple[N, N]] = []
        for edge in edges:
            tail, head = edge
            row = down[tail]
            if head not in row:
                row[head] = up[head][tail] = None
                new.append(edge)
        return new

    def unlink(self, edges: Iterable[tuple[N, N]]) -> list[tuple[N, N]]:
        """Take edges away; gives those that were there. O(1) each."""
        found = [edge for edge in dict.fromkeys(edges) if edge[1] in self.down.get(edge[0], ())]
        for tail, head in found:
            del self.down[tail][head], self.up[head][tail]
        return found

    def _check(self) -> None:
        forth = {(tail, head) for tail, row in self.down.items() for head in row}
        assert forth == {(tail, head) for head, row in self.up.items() for tail in row}
        assert self.down.keys() == self.up.keys()
