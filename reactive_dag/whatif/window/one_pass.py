"""One future in one pass over the nodes, in plain Python: where nothing fails and no limit holds anything back.

Owns no state. Whether that is so is judged by what it gives (limits.py). O(nodes + edges), some 0.2 µs a node.
"""

from __future__ import annotations

from itertools import islice

from reactive_dag.whatif.window.arrays import BEYOND, Ends, NodeValues, Window


def one_pass(window: Window, values: NodeValues) -> Ends:
    """When each node began and ended. O(nodes + edges).

    Where a wait would end at the very instant at which a run of a higher date is requested by data, `tie` names it.
    """
    begin, end = [0] * window.size, [0] * window.size
    tie = sweep(window, values, begin, end)
    return Ends(begin, end, tie)


def sweep(window: Window, values: NodeValues, begin: list[int], end: list[int], first: int = 0) -> int:
    """Evaluate the nodes from `first` on; those before it are right. A tie among them, -1 without. O(nodes + edges)."""
    needs, tie = window.needs, -1
    columns = needs, window.candidates, values.base, values.delay, values.span
    rows = zip(*[islice(each, first, None) for each in columns]) if first else zip(*columns)
    for node, (above, candidates, now, later, span) in enumerate(rows, first):
        for need in above:
            if end[need] > now:
                now = end[need]
        if now < BEYOND:
            begin[node] = now = now + later
            if candidates is None:
                end[node] = now + span
            else:
                end[node], tied = wait_end(now, candidates, end, needs)
                if tied:
                    tie = node
        else:
            begin[node] = end[node] = BEYOND
    return tie


def wait_end(
    now: int, candidates: tuple[tuple[int, int], ...], end: list[int], needs: list[tuple[int, ...]]
) -> tuple[int, bool]:
    """When a wait that begins at `now` ends, and whether what happens first at one instant decides it. O(candidates).

    At an instant clocks step before all else (I1), so a run that a clock requests is there when something ends at that
    instant, or when a wait begins (W20); what data requests at it may come before or after.
    """
    found, requested, clocked, tied = BEYOND, BEYOND, False, False
    for awaited, start in candidates:
        at = end[awaited]
        if at < now:
            at = now
        if at < requested:
            if at < found:
                found, tied = at, False
        elif at == requested < BEYOND and at < found:
            tied = tied or not clocked
        seen = end[start]
        if seen < requested:
            requested, clocked = seen, not needs[start]
        elif seen == requested:
            clocked = clocked or not needs[start]
    return found, tied
