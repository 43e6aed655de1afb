"""Edges between nodes, to be walked both ways.

Owns the rows: for each node its neighbours, each with the kinds of the edges between them. Invariant: `down` and `up`
mirror each other and have a row for each node. Cost: O(1) an edge.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import Generic, TypeVar

N = TypeVar("N", bound=Hashable)
Rows = dict[N, dict[N, frozenset[str]]]


class Links(Generic[N]):
    """The edges of one graph; an edge is a pair of nodes and a kind, and is there once or not."""

    __slots__ = ("_single", "down", "up")

    def __init__(self) -> None:
        self.down: Rows[N] = {}
        self.up: Rows[N] = {}
        self._single: dict[str, frozenset[str]] = {}

    def put(self, node: N) -> None:
        """Give a node its rows. O(1)."""
        self.down[node] = {}
        self.up[node] = {}

    def drop(self, node: N) -> None:
        """Take away a node that has no edges. O(1)."""
        del self.down[node], self.up[node]

    def link(self, tail: N, head: N, kind: str) -> bool:
        """Add an edge; whether it was new. O(1)."""
        kinds = self.down[tail].get(head)
        if kinds is None:
            kinds = self._single.get(kind) or self._single.setdefault(kind, frozenset((kind,)))
        elif kind in kinds:
            return False
        else:
            kinds |= {kind}
        self.down[tail][head] = self.up[head][tail] = kinds
        return True

    def unlink(self, tail: N, head: N, kind: str) -> bool:
        """Take an edge away; whether it was there. O(1)."""
        kinds = self.down.get(tail, {}).get(head, frozenset())
        if kind not in kinds:
            return False
        kinds -= {kind}
        if kinds:
            self.down[tail][head] = self.up[head][tail] = kinds
        else:
            del self.down[tail][head], self.up[head][tail]
        return True

    def touching(self, node: N) -> list[tuple[N, N, str]]:
        """All edges that begin or end at `node`, each once. O(edges)."""
        leaving = [(node, head, kind) for head, kinds in self.down[node].items() for kind in kinds]
        coming = [(tail, node, kind) for tail, kinds in self.up[node].items() for kind in kinds if tail != node]
        return leaving + coming

    def _check(self) -> None:
        assert self.down.keys() == self.up.keys()
        forth = {(tail, head): kinds for tail, row in self.down.items() for head, kinds in row.items()}
        back = {(tail, head): kinds for head, row in self.up.items() for tail, kinds in row.items()}
        assert forth == back and all(forth.values())
