"""One future evaluated again where values have changed: only the nodes that the change reaches.

Owns no state. Nodes are taken in the order of their numbers, so each is evaluated once, behind all that it follows.
Where the change reaches much, the rest is evaluated in one sweep. O(nodes reached), at most a pass; copying the ends
and finding what comes next costs O(nodes), some 2 ns each.
"""

from __future__ import annotations

from collections.abc import Iterable

from reactive_dag.whatif.window.arrays import BEYOND, Ends, NodeValues, Window
from reactive_dag.whatif.window.one_pass import sweep, wait_end

SHARE = 4
"""Where more than one in so many nodes was evaluated again, a sweep over the rest costs less."""


def evaluate_again(window: Window, values: NodeValues, before: Ends, changed: Iterable[int]) -> Ends:
    """When each node began and ended, where `before` says it for other values of the `changed` nodes.

    The result is that of a pass, bit for bit. `before` has no tie. O(nodes reached), and a copy of the ends.
    """
    begin, end, tie = before.begin.copy(), before.end.copy(), -1
    needs, candidates, follows, watches = window.needs, window.candidates, window.follows, window.watches
    base, delay, span = values.base, values.delay, values.span
    waiting, left, reached = bytearray(window.size), window.size // SHARE, list[int]()
    for each in changed:
        waiting[each] = 1
    node = waiting.find(1)
    while node >= 0:
        left -= 1
        if left < 0:
            tie = max(tie, sweep(window, values, begin, end, node))
            return Ends(begin, end, tie)
        now, above = base[node], needs[node]
        for need in above:
            if end[need] > now:
                now = end[need]
        if now >= BEYOND:
            now = until = BEYOND
        else:
            now += delay[node]
            pairs = candidates[node]
            if pairs is None:
                until = now + span[node]
            else:
                until, tied = wait_end(now, pairs, end, needs)
                tie = node if tied else tie
        if now != begin[node] or until != end[node]:
            reached.append(node)
            begin[node] = now
            if until != end[node]:
                end[node] = until
                for each in follows[node]:
                    waiting[each] = 1
                for each in watches[node]:
                    waiting[each] = 1
        node = waiting.find(1, node + 1)
    return Ends(begin, end, tie, reached)
