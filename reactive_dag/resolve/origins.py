"""Origins: the nodes that the events of a node go back to (semantics T8).

Owns nothing. Those in `own`, and those with nothing upstream, are their own origin; every other node has the origins
of what is upstream of it. In a circle that nothing enters all nodes are origins: only a start by hand gets it going.
Cost: O(nodes + edges) and the size of the sets, which nodes with the same origins share.
"""

from __future__ import annotations

from collections.abc import Collection, Hashable, Iterable, Mapping
from typing import TypeVar

from reactive_dag.resolve.bulk import rows
from reactive_dag.resolve.heights import components

N = TypeVar("N", bound=Hashable)


def origins(
    nodes: Iterable[N], up: Mapping[N, Collection[N]], own: Collection[N] = (),
    known: Mapping[N, frozenset[N]] | None = None,
) -> dict[N, frozenset[N]]:  # fmt: skip
    """The origins of each node, given what is directly upstream; O(nodes + edges) and the size of the sets.

    The origins of those in `known` are taken from there.

    >>> found = origins("abcd", {"b": "a", "c": "b", "d": "ac"}, own="c")
    >>> sorted(found["b"]), sorted(found["d"])
    (['a'], ['a', 'c'])
    """
    known = known or {}
    wanted = {node: [head for head in up.get(node, ()) if head not in known] for node in nodes}
    inherits = {node: () if node in own else heads for node, heads in rows(wanted, wanted).items()}
    found: dict[N, frozenset[N]] = {}
    for component in reversed(components(inherits, inherits)):
        entering = {found[above] for node in component for above in inherits[node] if above in found}
        if known:
            inheriting = [node for node in component if node not in own]
            entering.update([known[head] for node in inheriting for head in up.get(node, ()) if head in known])
        shared = _union(entering) or frozenset(component)
        found.update(dict.fromkeys(component, shared))
    return found


def _union(sets: set[frozenset[N]]) -> frozenset[N]:
    return next(iter(sets)) if len(sets) == 1 else frozenset().union(*sets)
