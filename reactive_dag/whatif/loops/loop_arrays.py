"""What the compiled event loop works on: columns, a window's arrays, the state of a play, heaps in arrays.

Owns `LoopArrays` (of a window) and `LoopState` (of one play). Parts of nodes, runs, DAGs and lines are columns, so that
what is read of one stands together.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from reactive_dag.whatif.loops.machine_code import inlined
from reactive_dag.whatif.loops.states import FAILED, READY, SUCCESS
from reactive_dag.whatif.window.arrays import BEYOND, Ints

NONE = -1
LAST_OF_ALL = 2**63 - 1

KIND, RUN, LINE, NEED, PRIORITY, RANK, START_OF, FOLLOW, WATCH, CANDIDATE, RETRY, STOP, SOFT, NEEDS = range(14)
"""Columns of nodes. From `FOLLOW` to `STOP` are places in `edges`: of followers, of waits that look at the node, of
candidates; of a wait its timeout, -1 without, and the delays before its retries."""

BEGUN, ENDED = range(2)
"""Columns of times in a play."""

STATE, ATTEMPTS, LEFT, SKIP, LATER = range(5)
"""Columns of nodes in a play. What comes after the first attempt stands from `LATER` in `again`: of a further one the
delay before it and its span, then -1 and the state that the task has."""

DAG, RUN_START, RUN_END, LAST, LAST_STOP, OPEN, BAD, ACTIVE, NEXT = range(9)
"""Columns of runs; `LAST` are places in `edges`, `NEXT` is the one behind it in its DAG's queue, -1 without."""

MOST, COUNT, HEAD, TAIL, LOOKED, LOOK = range(6)
"""Columns of DAGs: how many runs may be active (-1: any number) and are, the queue, whether something has changed; in
the first rows of `LOOK` the DAGs in which it has, in order."""

FREE, CAPACITY, FIRST, WAITERS = range(4)
"""Columns of lines; the attempts that wait in one are a heap from `FIRST` in `offered`."""

EVENTS, STACKED, NOW, TURN, WORKERS, OFFERED, LOOKS, EAGER, ROOT, ROOTS_STOP, NEXT_TICK, ANEW, MADE_OF = range(13)
"""Places of what there is one of; `ROOT` is the place in `edges` of the next root that comes at its tick, `NEXT_TICK`
that tick, `ANEW` how many further attempts have begun, `MADE_OF` says what the code was made of."""

HERE, PAST, ELSEWHERE = range(3)
"""What a follower is to a node: of its run, one that waits for its past, the start of another run."""

TIMEOUT, TICK, DUE, OVER = range(4)
"""As in event_loop.py."""

NODE_BITS = 32
NODE = 2**NODE_BITS - 1
"""A number and a node are one number: so they are compared at once."""

NOTHING, GO, LOOK_AT, FAIL = 0, -1, -2, -3
"""What is to be done with a node next; a number above 0 is the state that it has now."""


class LoopArrays(NamedTuple):
    """What a window says to the loop. Of a follower `edges` has 4 * node + what it is to the node, of a root its base
    behind it."""

    nodes: NDArray[np.int32]
    edges: Ints


class LoopState(NamedTuple):
    """One play. `late` is how much later nodes come, `spans` how long first attempts take; of a wait until when.

    `anew` has a row for each further attempt that began: the node and the instant, in the order of time.
    """

    times: Ints
    nodes: NDArray[np.int32]
    late: Ints
    spans: Ints
    runs: Ints
    dags: Ints
    lines: Ints
    heap: Ints
    offered: Ints
    todo: Ints
    again: Ints
    anew: Ints
    one: Ints


class Further(NamedTuple):
    """What comes after first attempts, as attempts.py says it of one future; `tasks` are the nodes of the rows."""

    tasks: Ints
    rows: Ints
    delay: Ints
    span: Ints
    failing: Ints


# ------------------------------------------------------------------------------------- events


@inlined
def _sift_up(heap: Ints, at: int, time: int, key: int) -> None:
    """Put an event in a place of the heap, or above it."""
    while at > 0:
        up = (at - 1) >> 1
        if heap[up, 0] < time or (heap[up, 0] == time and heap[up, 1] <= key):
            break
        heap[at, 0], heap[at, 1] = heap[up, 0], heap[up, 1]
        at = up
    heap[at, 0], heap[at, 1] = time, key


@inlined
def at_instant(s: LoopState, time: int, what: int, node: int) -> None:
    """Something happens to a node at an instant."""
    at = s.one[EVENTS]
    s.one[EVENTS] = at + 1
    _sift_up(s.heap, at, time, what << NODE_BITS | node)


@inlined
def next_event(s: LoopState) -> int:
    """Take the first event away: what happens, and to which node."""
    heap, size = s.heap, s.one[EVENTS] - 1
    s.one[EVENTS] = size
    first, at, down = heap[0, 1], 0, 1
    time, key = heap[size, 0], heap[size, 1]
    heap[size, 0] = LAST_OF_ALL  # so that it is never the sooner one of two
    while down < size:  # what is sooner moves up, without a branch; then the last one goes up to its place
        x, y, z = heap[down, 0], heap[down + 1, 0], int(heap[down + 1, 1] < heap[down, 1])
        down += int(y < x) | (int(y == x) & z)
        heap[at, 0], heap[at, 1] = heap[down, 0], heap[down, 1]
        at, down = down, 2 * down + 1
    _sift_up(heap, at, time, key)
    return int(first)


@inlined
def seek_tick(w: LoopArrays, s: LoopState) -> None:
    """Find the next root that comes at its tick: those that come later are events."""
    at, stop = s.one[ROOT], s.one[ROOTS_STOP]
    while at < stop and s.late[w.edges[at]]:
        at += 2
    s.one[ROOT] = at
    s.one[NEXT_TICK] = w.edges[at + 1] if at < stop else BEYOND


@inlined
def next_tick(w: LoopArrays, s: LoopState) -> int:
    """Take the next tick away: its node."""
    node = w.edges[s.one[ROOT]]
    s.one[ROOT] += 2
    seek_tick(w, s)
    return int(node)


@inlined
def place_further(s: LoopState, further: Further) -> None:
    """Put what comes after first attempts in `again`; its first row is for tasks that succeed at once."""
    at, fails, put, rows, failing, again = 0, 0, 1, further.rows, further.failing, s.again
    again[0, 0], again[0, 1] = NONE, SUCCESS
    while at < len(rows) or fails < len(failing):
        row = min(rows[at] if at < len(rows) else BEYOND, failing[fails] if fails < len(failing) else BEYOND)
        s.nodes[further.tasks[row], LATER] = put
        while at < len(rows) and rows[at] == row:
            again[put, 0], again[put, 1] = further.delay[at], further.span[at]
            at, put = at + 1, put + 1
        again[put, 0], again[put, 1] = NONE, SUCCESS
        if fails < len(failing) and failing[fails] == row:
            again[put, 1] = FAILED
            fails += 1
        put += 1


@inlined
def begins_anew(s: LoopState, node: int) -> None:
    """A further attempt of a node begins."""
    at = s.one[ANEW]
    s.one[ANEW] = at + 1
    s.anew[at, 0], s.anew[at, 1] = node, s.one[NOW]


# ------------------------------------------------------------------------------------- lines


@inlined
def sooner(offered: Ints, i: int, j: int) -> bool:
    """Whether the attempt of row i comes before that of row j: by priority, request and rank."""
    if offered[i, 0] != offered[j, 0]:
        return bool(offered[i, 0] < offered[j, 0])
    return bool(offered[i, 1] < offered[j, 1] or (offered[i, 1] == offered[j, 1] and offered[i, 2] < offered[j, 2]))


@inlined
def swap(offered: Ints, i: int, j: int) -> None:
    """Exchange two rows."""
    for column in range(3):
        offered[i, column], offered[j, column] = offered[j, column], offered[i, column]


@inlined
def offer(w: LoopArrays, s: LoopState, node: int) -> None:
    """An attempt waits in its line."""
    line, start, offered = w.nodes[node, LINE], w.nodes[node, START_OF], s.offered
    first, at = s.lines[line, FIRST], s.lines[line, WAITERS]
    row = first + at
    offered[row, 0], offered[row, 1] = w.nodes[node, PRIORITY], s.times[start, BEGUN] - s.late[start]
    offered[row, 2] = int(w.nodes[node, RANK]) << NODE_BITS | node
    while at > 0 and sooner(offered, first + at, first + ((at - 1) >> 1)):
        swap(offered, first + at, first + ((at - 1) >> 1))
        at = (at - 1) >> 1
    s.lines[line, WAITERS] += 1
    s.one[OFFERED] += 1


@inlined
def withdraw(s: LoopState, line: int) -> None:
    """The first attempt of a line waits no longer."""
    first, size, at, offered = s.lines[line, FIRST], s.lines[line, WAITERS] - 1, 0, s.offered
    swap(offered, first, first + size)
    while 2 * at + 1 < size:
        down = 2 * at + 1
        if down + 1 < size and sooner(offered, first + down + 1, first + down):
            down += 1
        if not sooner(offered, first + down, first + at):
            break
        swap(offered, first + at, first + down)
        at = down
    s.lines[line, WAITERS] = size
    s.one[OFFERED] -= 1


@inlined
def line_that_fits(w: LoopArrays, s: LoopState) -> int:
    """The line whose first attempt is the first of all that fit; -1 without."""
    best = -1
    for line in range(len(s.lines)):
        if s.lines[line, WAITERS]:
            row = s.lines[line, FIRST]
            need = w.nodes[s.offered[row, 2] & NODE, NEED]
            fits = s.lines[line, FREE] >= min(need, s.lines[line, CAPACITY])
            if fits and (best < 0 or sooner(s.offered, row, s.lines[best, FIRST])):
                best = line
    return best


# ------------------------------------------------------------------------------------- nodes


@inlined
def do(s: LoopState, node: int) -> None:
    """A node is to be gone on with at this instant; a negative number is a wait that is to look."""
    s.todo[s.one[STACKED]] = node
    s.one[STACKED] += 1


@inlined
def one_less(s: LoopState, node: int) -> None:
    """One of the needs of a node has ended."""
    s.nodes[node, LEFT] -= 1
    if s.nodes[node, LEFT] == 0:
        do(s, node)


# ------------------------------------------------------------------------------------- runs


@inlined
def _look_at(s: LoopState, dag: int) -> None:
    """Something has changed for the runs of a DAG."""
    if s.dags[dag, LOOKED]:
        return
    s.dags[dag, LOOKED] = 1
    at = s.one[LOOKS]
    while at > 0 and s.dags[at - 1, LOOK] > dag:
        s.dags[at, LOOK] = s.dags[at - 1, LOOK]
        at -= 1
    s.dags[at, LOOK] = dag
    s.one[LOOKS] += 1


@inlined
def request_run(w: LoopArrays, s: LoopState, node: int) -> int:
    """A run is requested: it begins at once, or when its DAG has room."""
    s.times[node, BEGUN] = s.one[NOW]
    run = w.nodes[node, RUN]
    dag = s.runs[run, DAG]
    if s.dags[dag, MOST] < 0:
        return SUCCESS
    s.nodes[node, STATE] = READY
    if s.dags[dag, HEAD] < 0:
        s.dags[dag, HEAD] = run
    else:
        s.runs[s.dags[dag, TAIL], NEXT] = run
    s.dags[dag, TAIL] = run
    _look_at(s, dag)
    return NOTHING


@inlined
def leave_dag(s: LoopState, run: int) -> None:
    """A run is over."""
    if s.runs[run, ACTIVE]:
        dag = s.runs[run, DAG]
        s.runs[run, ACTIVE] = 0
        s.dags[dag, COUNT] -= 1
        if s.dags[dag, HEAD] >= 0:
            _look_at(s, dag)


@inlined
def take_runs(w: LoopArrays, s: LoopState) -> None:
    """Begin the runs that may begin, of the DAGs in which something has changed. The start of a run changes none."""
    for row in range(s.one[LOOKS]):
        dag = s.dags[row, LOOK]
        s.dags[dag, LOOKED] = 0
        while s.dags[dag, HEAD] >= 0 and s.dags[dag, COUNT] < s.dags[dag, MOST]:
            run = s.dags[dag, HEAD]
            s.dags[dag, HEAD] = s.runs[run, NEXT]
            s.dags[dag, COUNT] += 1
            s.runs[run, ACTIVE] = 1
            node = s.runs[run, RUN_START]
            s.nodes[node, STATE] = SUCCESS
            s.times[node, ENDED] = s.one[NOW]
            for at in range(w.nodes[node, FOLLOW], w.nodes[node, WATCH]):
                one_less(s, w.edges[at] >> 2)
    s.one[LOOKS] = 0
