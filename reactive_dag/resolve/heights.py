"""Heights where circles are allowed: two DAGs may wait for each other's tasks.

Owns nothing. The nodes of a circle are one *component* and share one height: the longest path of edges between
components that ends there. Invariant: along each edge the height rises, or both ends share a component.
Cost: O(nodes + edges), iterative; a graph without circles never gets as far as looking for components.
"""

from __future__ import annotations

from collections.abc import Collection, Hashable, Iterable, Iterator, Mapping
from itertools import chain
from typing import Generic, TypeVar

from reactive_dag.resolve.bulk import degrees, kahn, rows

N = TypeVar("N", bound=Hashable)


def heights(nodes: Iterable[N], down: Mapping[N, Collection[N]], least: Mapping[N, int] | None = None) -> dict[N, int]:
    """The height of each node, which is at least that in `least`; those in a circle share one. O(nodes + edges).

    >>> heights("abcd", {"a": "b", "b": "c", "c": "bd"})
    {'a': 0, 'b': 1, 'c': 1, 'd': 2}
    >>> heights("ab", {"a": "b"}, {"a": 3})
    {'a': 3, 'b': 4}
    """
    full = rows(nodes, down)
    missing = degrees(full)
    waves = kahn(missing, full)
    if any(missing.values()):
        found = _condensed(full, least or {})
    elif least:
        found = {node: least.get(node, 0) for node in full}
        for node in chain.from_iterable(waves):
            height = found[node] + 1
            for head in full[node]:
                found[head] = max(found[head], height)
    else:
        found = {node: height for height, wave in enumerate(waves) for node in wave}
    return {node: found[node] for node in full}


def _condensed(full: Mapping[N, Collection[N]], least: Mapping[N, int]) -> dict[N, int]:
    found = {node: least.get(node, 0) for node in full}
    for component in components(full, full):
        height = max(found[node] for node in component)
        for node in component:
            found[node] = height
        inside = set(component)
        for node in component:
            for head in full[node]:
                if head not in inside:
                    found[head] = max(found[head], height + 1)
    return found


def components(nodes: Iterable[N], down: Mapping[N, Collection[N]]) -> list[list[N]]:
    """The strongly connected components, upstream ones first (Tarjan, without recursion); O(nodes + edges).

    >>> components("abcd", {"a": "b", "b": "c", "c": "bd"})
    [['a'], ['b', 'c'], ['d']]
    """
    walk = _Tarjan(rows(nodes, down))
    for node in walk.rows:
        if node not in walk.found:
            walk.visit(node)
    walk.closed.reverse()
    return walk.closed


class _Tarjan(Generic[N]):
    """One walk over the graph.

    `found` numbers the nodes in the order they were found; `low` holds, for those still open, the smallest number
    that they are known to lead back to; a node that leads back to nothing earlier closes its component.
    """

    __slots__ = ("closed", "found", "low", "opened", "rows")

    def __init__(self, full: Mapping[N, Collection[N]]) -> None:
        self.rows = full
        self.found: dict[N, int] = {}
        self.low: dict[N, int] = {}
        self.opened: list[N] = []
        self.closed: list[list[N]] = []

    def visit(self, root: N) -> None:
        way = [(root, self._enter(root))]
        while way:
            node, heads = way[-1]
            deeper = self._next_new(node, heads)
            if deeper is not None:
                way.append((deeper, self._enter(deeper)))
                continue
            way.pop()
            if way:
                above = way[-1][0]
                self.low[above] = min(self.low[above], self.low[node])
            if self.low[node] == self.found[node]:
                self._close(node)

    def _enter(self, node: N) -> Iterator[N]:
        self.found[node] = self.low[node] = len(self.found)
        self.opened.append(node)
        return iter(self.rows[node])

    def _next_new(self, node: N, heads: Iterator[N]) -> N | None:
        for head in heads:
            if head not in self.found:
                return head
            if head in self.low:
                self.low[node] = min(self.low[node], self.found[head])
        return None

    def _close(self, root: N) -> None:
        at = len(self.opened) - 1
        while self.opened[at] != root:
            at -= 1
        component = self.opened[at:]
        del self.opened[at:]
        for node in component:
            del self.low[node]
        self.closed.append(component)
