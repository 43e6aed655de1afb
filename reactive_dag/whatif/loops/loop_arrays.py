"""What the compiled event loop works on: columns, a window's arrays, the state of a play, heaps in arrays.

Owns `LoopArrays` (of a window), `LoopState` (of one play) and `compiled`, which makes machine code of a function where
numba is there (extra `fast`). Parts of nodes, runs, DAGs and lines are columns, so that what is read of one stands
together. numba keeps what it compiled until the file of that very function changes: after a change of columns, change
compiled_loops.py too.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from typing import Any, NamedTuple, TypeVar, cast

import numpy as np
from numpy.typing import NDArray

from reactive_dag.whatif.window.arrays import Ints

HAS_NUMBA = find_spec("numba") is not None

if HAS_NUMBA:
    import numba

OPTIONS: dict[str, Any] = {"cache": True, "nogil": True, "_nrt": False}
"""How numba compiles; without `_nrt`, its runtime, references to arrays are not counted."""

Function = TypeVar("Function", bound=Callable[..., object])

TIMEOUT, TICK, DUE, OVER = range(4)
"""As in event_loop.py."""

(
    KIND, RUN, LINE, NEED, PRIORITY, RANK, START_OF, COUNTED, FOLLOW, FOLLOW_STOP, WATCH, WATCH_STOP, CANDIDATE,
    CANDIDATE_STOP, LIMIT, SOFT, RETRY, RETRY_STOP,
) = range(18)  # fmt: skip
"""Columns of nodes. `LIMIT` is the timeout of a wait, -1 without."""

BEGIN, END, STATE, ATTEMPTS, LEFT, SKIP, UNTIL, DELAY, SPAN, LATER, LATER_STOP, FAILING = range(12)
"""Columns of nodes in a play; further attempts stand from `LATER` in `again`."""

DAG, RUN_START, RUN_END, LAST, LAST_STOP = range(5)
"""Columns of runs."""

OPEN, BAD, ACTIVE, NEXT = range(4)
"""Columns of runs in a play; `NEXT` is the one behind it in its DAG's queue, -1 without."""

COUNT, HEAD, TAIL, LOOKED = range(4)
"""Columns of DAGs in a play: how many runs are active, the queue, whether something has changed."""

FREE, CAPACITY, LINE_SIZE = range(3)
"""Columns of lines in a play."""

EVENTS, STACKED, NOW, TURN, WORKERS, ASKED, LOOKS, EAGER = range(8)
"""Places of what there is one of in a play."""


class LoopArrays(NamedTuple):
    """What a window says to the loop; `line_ptr` is where each line's attempts stand among all."""

    nodes: Ints
    followers: Ints
    past: NDArray[np.bool_]
    watching: Ints
    awaited: Ints
    starts: Ints
    delays: Ints
    runs: Ints
    last: Ints
    limits: Ints
    by_rank: Ints
    line_ptr: Ints
    roots: Ints
    base: Ints


class LoopState(NamedTuple):
    """One play."""

    nodes: Ints
    runs: Ints
    dags: Ints
    lines: Ints
    heap: Ints
    offered: Ints
    todo: Ints
    look: Ints
    again: Ints
    one: Ints


def compiled(function: Function) -> Function:
    """The function as machine code, where numba is there.

    What is compiled must allocate nothing: references are not counted, which took four fifths of the time.
    """
    return cast("Function", numba.njit(**OPTIONS)(function)) if HAS_NUMBA else function


@compiled
def push(heap: Ints, base: int, size: int, a: int, b: int, c: int) -> None:
    """Add (a, b, c) to the heap of that size that stands from `base`."""
    at = size
    while at > 0:
        up = (at - 1) >> 1
        x, y, z = heap[base + up, 0], heap[base + up, 1], heap[base + up, 2]
        if x < a or (x == a and (y < b or (y == b and z <= c))):
            break
        heap[base + at, 0], heap[base + at, 1], heap[base + at, 2] = x, y, z
        at = up
    heap[base + at, 0], heap[base + at, 1], heap[base + at, 2] = a, b, c


@compiled
def less(heap: Ints, i: int, j: int) -> bool:
    """Whether row i comes before row j."""
    if heap[i, 0] != heap[j, 0]:
        return bool(heap[i, 0] < heap[j, 0])
    return bool(heap[i, 1] < heap[j, 1] or (heap[i, 1] == heap[j, 1] and heap[i, 2] < heap[j, 2]))


@compiled
def pop(heap: Ints, base: int, size: int) -> None:
    """Take the first of the heap of that size away."""
    end, at = base + size - 1, 0
    a, b, c = heap[end, 0], heap[end, 1], heap[end, 2]
    while 2 * at + 1 < size - 1:
        down = 2 * at + 1
        if down + 1 < size - 1 and less(heap, base + down + 1, base + down):
            down += 1
        x, y, z = heap[base + down, 0], heap[base + down, 1], heap[base + down, 2]
        if a < x or (a == x and (b < y or (b == y and c <= z))):
            break
        heap[base + at, 0], heap[base + at, 1], heap[base + at, 2] = x, y, z
        at = down
    heap[base + at, 0], heap[base + at, 1], heap[base + at, 2] = a, b, c
