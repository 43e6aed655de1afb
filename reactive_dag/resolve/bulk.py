"""Many edges in one check: Kahn's algorithm in waves.

Owns nothing. Wave i holds the nodes whose longest path from a source has i edges, so one pass gives the order, the
heights and, in what is left over, the cycles. Cost: O(nodes + edges), iterative.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Hashable, Iterable, Mapping
from itertools import chain
from typing import TypeVar

from reactive_dag.resolve.search import path

N = TypeVar("N", bound=Hashable)


def kahn(missing: dict[N, int], down: Mapping[N, Collection[N]]) -> list[list[N]]:
    """The waves of an acyclic graph, sources first; O(nodes + edges).

    `missing` holds for each node how many edges end at it and is used up: what is above 0 in the end lies on a cycle
    or behind one. `down` has a row for each node.

    >>> kahn({"a": 0, "b": 1, "c": 2}, {"a": ["b", "c"], "b": ["c"], "c": []})
    [['a'], ['b'], ['c']]
    """
    waves: list[list[N]] = []
    wave = [node for node, count in missing.items() if not count]
    while wave:
        waves.append(wave)
        following: list[N] = []
        for node in wave:
            for head in down[node]:
                count = missing[head] - 1
                missing[head] = count
                if not count:
                    following.append(head)
        wave = following
    return waves


def degrees(rows: Mapping[N, Collection[N]]) -> dict[N, int]:
    """How many edges end at each node; every node has a row. O(nodes + edges).

    >>> degrees({"a": ["b"], "b": []})
    {'a': 0, 'b': 1}
    """
    count = Counter(chain.from_iterable(rows.values())).get
    return {node: count(node, 0) for node in rows}


def rows(nodes: Iterable[N], down: Mapping[N, Collection[N]]) -> dict[N, Collection[N]]:
    """`down` with a row for each of `nodes` and for each end of an edge. O(nodes + edges).

    >>> rows("a", {"a": "b"})
    {'a': 'b', 'b': ()}
    """
    full: dict[N, Collection[N]] = {node: down.get(node, ()) for node in nodes}
    new = list(full)
    while new:
        heads = dict.fromkeys(chain.from_iterable(map(full.__getitem__, new)))
        new = [head for head in heads if head not in full]
        full.update((head, down.get(head, ())) for head in new)
    return full


def find_cycle(nodes: Iterable[N], down: Mapping[N, Collection[N]]) -> tuple[N, ...] | None:
    """A cycle, the first node repeated at the end, or None; O(nodes + edges).

    >>> find_cycle("abc", {"a": "b", "b": "c", "c": "b"})
    ('c', 'b', 'c')
    """
    full = rows(nodes, down)
    missing = degrees(full)
    kahn(missing, full)
    return cycle_in(missing, full)


def cycle_in(missing: Mapping[N, int], down: Mapping[N, Collection[N]]) -> tuple[N, ...] | None:
    """A cycle among what Kahn's waves did not reach, or None if they reached all; O(edges not reached).

    Each node left follows another one that is left, so going back must come round; what follows one of them is left
    too. Of the cycles through the edge found there the shortest is given.
    """
    stuck = [node for node, count in missing.items() if count]
    if not stuck:
        return None
    came = {head: tail for tail in stuck for head in down[tail]}
    node, seen = stuck[0], set[N]()
    while node not in seen:
        seen.add(node)
        node = came[node]
    back = path(node, came[node], down.__getitem__)
    assert back is not None, "going back came round, so there is a way forward"
    return (came[node], *back)
