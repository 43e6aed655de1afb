"""The event loop compiled by numba (extra `fast`): event_loop.py, on arrays, without what cancels or skips runs.

Owns no state: `play` plays one future and leaves it in the `LoopState` it is given. Invariant: begin, end, state and
attempts are those of event_loop.py, bit for bit. Without numba the same functions run as they stand here, slowly.
Nothing allocates, so no references are counted; the GIL is not held, so futures are played on threads. O(log events)
an event.
"""

from __future__ import annotations

from reactive_dag.whatif.loops.compiled_runs import at_instant, request_run, settle_node, take_runs
from reactive_dag.whatif.loops.loop_arrays import (
    ASKED,
    ATTEMPTS,
    BEGIN,
    CANDIDATE,
    CANDIDATE_STOP,
    CAPACITY,
    DELAY,
    DUE,
    EAGER,
    END,
    EVENTS,
    FAILING,
    FREE,
    KIND,
    LATER,
    LATER_STOP,
    LIMIT,
    LINE,
    LINE_SIZE,
    LOOKS,
    NEED,
    NOW,
    OVER,
    PRIORITY,
    RANK,
    RETRY,
    RETRY_STOP,
    SKIP,
    SOFT,
    SPAN,
    STACKED,
    START_OF,
    STATE,
    TICK,
    TIMEOUT,
    TURN,
    UNTIL,
    WORKERS,
    LoopArrays,
    LoopState,
    compiled,
    less,
    pop,
    push,
)
from reactive_dag.whatif.loops.states import (
    CANCELLED,
    FAILED,
    NEVER_BEGUN,
    READY,
    RETRYING,
    RUNNING,
    SKIPPED,
    SUCCESS,
    UPSTREAM_FAILED,
    WAITING,
)
from reactive_dag.whatif.window.arrays import BEYOND, LOST, MET, START, TASK, WAIT

WAITS = WAIT, MET, LOST
FAILURES = FAILED, UPSTREAM_FAILED, CANCELLED

# ------------------------------------------------------------------------------------- waits


@compiled
def _begin_wait(w: LoopArrays, s: LoopState, node: int) -> None:
    """A wait begins, and looks."""
    if s.nodes[node, ATTEMPTS] == 0:
        s.nodes[node, BEGIN] = s.one[NOW]
    s.nodes[node, ATTEMPTS] += 1
    s.nodes[node, STATE] = WAITING
    if w.nodes[node, LIMIT] >= 0:
        s.nodes[node, UNTIL] = s.one[NOW] + w.nodes[node, LIMIT]
        at_instant(s, s.nodes[node, UNTIL], TIMEOUT, node)
    if w.nodes[node, KIND] == WAIT:
        _look(w, s, node)
    elif w.nodes[node, KIND] == MET:
        settle_node(w, s, node, SUCCESS)
    else:
        _fail_wait(w, s, node)


@compiled
def _look(w: LoopArrays, s: LoopState, node: int) -> None:
    """Judge a wait by the newest of its candidates whose run is requested."""
    for at in range(w.nodes[node, CANDIDATE], w.nodes[node, CANDIDATE_STOP]):
        if s.nodes[w.starts[at], BEGIN] != BEYOND:
            found = s.nodes[w.awaited[at], STATE]
            if found == SUCCESS:
                settle_node(w, s, node, SUCCESS)
            elif found in FAILURES:
                _fail_wait(w, s, node)
            return


@compiled
def _fail_wait(w: LoopArrays, s: LoopState, node: int) -> None:
    """A wait failed: it begins anew if it has a retry left, or fails softly."""
    at = w.nodes[node, RETRY] + s.nodes[node, ATTEMPTS] - 1
    if at < w.nodes[node, RETRY_STOP]:
        s.nodes[node, STATE] = RETRYING
        at_instant(s, s.one[NOW] + w.delays[at], DUE, node)
    else:
        settle_node(w, s, node, SKIPPED if w.nodes[node, SOFT] else FAILED)


# ------------------------------------------------------------------------------------- tasks


@compiled
def _ask(w: LoopArrays, s: LoopState, node: int) -> None:
    """Begin an attempt, or let it wait for slots."""
    line = w.nodes[node, LINE]
    if s.one[EAGER] and line == 0:
        _begin_attempt(s, node)
        return
    s.nodes[node, STATE] = READY
    start = w.nodes[node, START_OF]
    request = s.nodes[start, BEGIN] - s.nodes[start, DELAY]
    push(s.offered, w.line_ptr[line], s.lines[line, LINE_SIZE], w.nodes[node, PRIORITY], request, w.nodes[node, RANK])
    s.lines[line, LINE_SIZE] += 1
    s.one[ASKED] = 1


@compiled
def _begin_attempt(s: LoopState, node: int) -> None:
    """An attempt begins, with its slots."""
    number = s.nodes[node, ATTEMPTS]
    s.nodes[node, ATTEMPTS] = number + 1
    s.nodes[node, STATE] = RUNNING
    if number:
        span = s.again[s.nodes[node, LATER] + number - 1, 1]
    else:
        s.nodes[node, BEGIN] = s.one[NOW]
        span = s.nodes[node, SPAN]
    at_instant(s, s.one[NOW] + span, OVER if span else OVER + 1 + s.one[TURN], node)


@compiled
def _end_attempt(w: LoopArrays, s: LoopState, node: int) -> None:
    """An attempt is over: the next one comes later, or the task has its state."""
    line = w.nodes[node, LINE]
    if line or not s.one[EAGER]:
        s.lines[line, FREE] += w.nodes[node, NEED]
        s.one[WORKERS] += 1
        s.one[ASKED] = 1
    again = s.nodes[node, LATER] + s.nodes[node, ATTEMPTS] - 1
    if again < s.nodes[node, LATER_STOP]:
        s.nodes[node, STATE] = RETRYING
        at_instant(s, s.one[NOW] + s.again[again, 0], DUE, node)
    else:
        settle_node(w, s, node, FAILED if s.nodes[node, FAILING] else SUCCESS)


@compiled
def _first_line(w: LoopArrays, s: LoopState) -> int:
    """The line whose first attempt is the first of all that fit; -1 without."""
    best = -1
    for line in range(len(s.lines)):
        if s.lines[line, LINE_SIZE]:
            at = w.line_ptr[line]
            need = w.nodes[w.by_rank[s.offered[at, 2]], NEED]
            fits = s.lines[line, FREE] >= min(need, s.lines[line, CAPACITY])
            if fits and (best < 0 or less(s.offered, at, w.line_ptr[best])):
                best = line
    return best


@compiled
def _give(w: LoopArrays, s: LoopState) -> None:
    """Begin the attempts that may begin, in order."""
    s.one[ASKED] = 0
    while s.one[WORKERS] > 0:
        line = _first_line(w, s)
        if line < 0:
            return
        node = w.by_rank[s.offered[w.line_ptr[line], 2]]
        pop(s.offered, w.line_ptr[line], s.lines[line, LINE_SIZE])
        s.lines[line, LINE_SIZE] -= 1
        s.lines[line, FREE] -= w.nodes[node, NEED]
        s.one[WORKERS] -= 1
        _begin_attempt(s, node)


# ------------------------------------------------------------------------------------- time


@compiled
def _go(w: LoopArrays, s: LoopState, node: int) -> None:
    """Begin a node as far as nothing but slots holds it."""
    kind = w.nodes[node, KIND]
    if kind == TASK:
        _ask(w, s, node)
    elif kind in WAITS:
        _begin_wait(w, s, node)
    elif kind == START:
        request_run(w, s, node)
    else:
        s.nodes[node, BEGIN] = s.one[NOW]
        settle_node(w, s, node, SUCCESS)


@compiled
def _work(w: LoopArrays, s: LoopState) -> None:
    """Go on with all that became ready at this instant; a negative number is a wait that is to look."""
    while s.one[STACKED]:
        s.one[STACKED] -= 1
        node = s.todo[s.one[STACKED]]
        if node < 0:
            if s.nodes[~node, STATE] == WAITING:
                _look(w, s, ~node)
        elif s.nodes[node, STATE] == NEVER_BEGUN:
            if s.nodes[node, SKIP]:
                s.nodes[node, BEGIN] = s.one[NOW]
                settle_node(w, s, node, SKIPPED)
            elif s.nodes[node, DELAY]:
                at_instant(s, s.one[NOW] + s.nodes[node, DELAY], DUE, node)
            else:
                _go(w, s, node)
        elif s.nodes[node, STATE] == UPSTREAM_FAILED and s.nodes[node, END] == BEYOND:
            s.nodes[node, BEGIN] = s.one[NOW]
            settle_node(w, s, node, UPSTREAM_FAILED)


@compiled
def _happens(w: LoopArrays, s: LoopState, what: int, node: int) -> None:
    """One event."""
    state = s.nodes[node, STATE]
    if what >= OVER:
        if state == RUNNING:
            _end_attempt(w, s, node)
    elif what != TIMEOUT:
        if state in (RETRYING, NEVER_BEGUN):
            _go(w, s, node)
    elif state == WAITING and s.nodes[node, UNTIL] == s.one[NOW]:
        _fail_wait(w, s, node)


@compiled
def _instant(w: LoopArrays, s: LoopState) -> None:
    """All that is due at this instant and turn, but slots."""
    heap, now, most = s.heap, s.one[NOW], OVER + s.one[TURN]
    while True:
        while s.one[EVENTS] and heap[0, 0] == now and heap[0, 1] <= most:
            what, node = heap[0, 1], heap[0, 2]
            pop(heap, 0, s.one[EVENTS])
            s.one[EVENTS] -= 1
            _happens(w, s, what, node)
            if what != TICK or not s.one[EVENTS] or heap[0, 0] != now or heap[0, 1] != TICK:
                _work(w, s)
        if not s.one[LOOKS]:
            return
        take_runs(w, s)
        _work(w, s)


@compiled
def play(w: LoopArrays, s: LoopState) -> None:
    """Play until nothing is left to happen. O(events * log)."""
    for node in w.roots:
        late = s.nodes[node, DELAY]
        at_instant(s, w.base[node] + late, DUE if late else TICK, node)
    while s.one[EVENTS]:
        now = s.heap[0, 0]
        s.one[TURN] = s.one[TURN] + 1 if now == s.one[NOW] else 0
        s.one[NOW] = now
        if now >= BEYOND:
            return
        _instant(w, s)
        if s.one[ASKED]:
            _give(w, s)
