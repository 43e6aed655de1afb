"""Walks over rows of neighbours: what can be reached, and by which shortest way.

Owns nothing; every walk is a loop, so a chain of any length uses constant stack. Cost: O(nodes + edges visited).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Hashable, Iterable, Mapping
from typing import TypeVar

N = TypeVar("N", bound=Hashable)


def reach(starts: Iterable[N], rows: Mapping[N, Iterable[N]]) -> set[N]:
    """All that can be reached from `starts` along the rows; one of those only where an edge leads to it. O(visited).

    >>> sorted(reach(["a"], {"a": ["b"], "b": ["c"]}))
    ['b', 'c']
    """
    seen: set[N] = set()
    stack = list(starts)
    while stack:
        for node in rows.get(stack.pop(), ()):
            if node not in seen:
                seen.add(node)
                stack.append(node)
    return seen


def path(start: N, end: N, follow: Callable[[N], Iterable[N]]) -> tuple[N, ...] | None:
    """A shortest way from `start` to `end`, both included; None if there is none. O(visited).

    >>> path("a", "c", {"a": ["b", "c"], "b": ["c"], "c": []}.__getitem__)
    ('a', 'c')
    """
    came: dict[N, N] = {start: start}
    waiting = deque([start])
    while waiting and end not in came:
        node = waiting.popleft()
        for neighbour in follow(node):
            if neighbour not in came:
                came[neighbour] = node
                waiting.append(neighbour)
    return _unwind(came, end) if end in came else None


def _unwind(came: dict[N, N], end: N) -> tuple[N, ...]:
    way = [end]
    while came[way[-1]] != way[-1]:
        way.append(came[way[-1]])
    return tuple(reversed(way))
