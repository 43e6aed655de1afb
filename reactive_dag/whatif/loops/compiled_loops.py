"""The event loop compiled by numba (extra `fast`): event_loop.py, on arrays, without what cancels or skips runs.

Owns no state: `play` plays one future and leaves it in the `LoopState` it is given. Invariant: begin, end, state,
attempts and their begins are those of event_loop.py, bit for bit: what is done at one instant is done in the same
order. A function says what is to be done with a node next, and `_instant` does that: so each stands in the machine code
once. Nothing allocates, so no references are counted; the GIL is not held, so futures are played on threads.
O(log events) an event.
"""

from __future__ import annotations

from collections.abc import Callable

from reactive_dag.whatif.loops import loop_arrays, states
from reactive_dag.whatif.loops.loop_arrays import (
    ATTEMPTS,
    BAD,
    BEGUN,
    CANDIDATE,
    DUE,
    EAGER,
    ELSEWHERE,
    ENDED,
    EVENTS,
    FAIL,
    FIRST,
    FOLLOW,
    FREE,
    GO,
    HERE,
    KIND,
    LAST,
    LAST_STOP,
    LATER,
    LEFT,
    LINE,
    LOOK_AT,
    LOOKS,
    MADE_OF,
    NEED,
    NEEDS,
    NEXT_TICK,
    NODE,
    NODE_BITS,
    NOTHING,
    NOW,
    OFFERED,
    OPEN,
    OVER,
    RETRY,
    ROOT,
    ROOTS_STOP,
    RUN,
    RUN_END,
    SKIP,
    SOFT,
    STACKED,
    STATE,
    STOP,
    TICK,
    TIMEOUT,
    TURN,
    WATCH,
    WORKERS,
    Further,
    LoopArrays,
    LoopState,
    at_instant,
    begins_anew,
    do,
    leave_dag,
    line_that_fits,
    next_event,
    next_tick,
    offer,
    one_less,
    place_further,
    request_run,
    seek_tick,
    take_runs,
    withdraw,
)
from reactive_dag.whatif.loops.machine_code import entry, hash_of, inlined
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
from reactive_dag.whatif.window import arrays
from reactive_dag.whatif.window.arrays import BEYOND, END, LOST, MET, SOURCE, START, TASK, WAIT

FAILURES = FAILED, UPSTREAM_FAILED, CANCELLED
NOT_COUNTED = SOURCE, START, END


# ------------------------------------------------------------------------------------- ends


@inlined
def _settle(w: LoopArrays, s: LoopState, node: int, state: int) -> None:
    """`EventLoop._settle`; the end of the run it is the last of is settled with it."""
    while True:
        s.nodes[node, STATE] = state
        s.times[node, ENDED] = s.one[NOW]
        for at in range(w.nodes[node, FOLLOW], w.nodes[node, WATCH]):
            each, what = w.edges[at] >> 2, w.edges[at] & 3
            if state == SUCCESS or (state == SKIPPED and what != ELSEWHERE):
                if state == SKIPPED and what == HERE:
                    s.nodes[each, SKIP] = 1
                one_less(s, each)
            elif what == HERE and s.nodes[each, STATE] == NEVER_BEGUN:
                s.nodes[each, STATE] = UPSTREAM_FAILED
                do(s, each)
        for at in range(w.nodes[node, WATCH], w.nodes[node, CANDIDATE]):
            do(s, w.edges[at])
        if w.nodes[node, KIND] in NOT_COUNTED:
            return
        run = w.nodes[node, RUN]
        if state not in (SUCCESS, SKIPPED):
            s.runs[run, BAD] = 1
        s.runs[run, OPEN] -= 1
        if s.runs[run, OPEN] != 0:
            return
        state = _state_of_run(w, s, run)
        leave_dag(s, run)
        node = s.runs[run, RUN_END]
        s.times[node, BEGUN] = s.one[NOW]


@inlined
def _state_of_run(w: LoopArrays, s: LoopState, run: int) -> int:
    """The state of a run whose tasks have theirs."""
    if s.runs[run, BAD]:
        return FAILED
    for at in range(s.runs[run, LAST], s.runs[run, LAST_STOP]):
        if s.nodes[w.edges[at], STATE] != SKIPPED:
            return SUCCESS
    return SKIPPED


# ------------------------------------------------------------------------------------- waits


@inlined
def _begin_wait(w: LoopArrays, s: LoopState, node: int) -> int:
    """A wait begins, and looks."""
    if s.nodes[node, ATTEMPTS] == 0:
        s.times[node, BEGUN] = s.one[NOW]
    else:
        begins_anew(s, node)
    s.nodes[node, ATTEMPTS] += 1
    s.nodes[node, STATE] = WAITING
    timeout = w.edges[w.nodes[node, RETRY]]
    if timeout >= 0:
        s.spans[node] = s.one[NOW] + timeout
        at_instant(s, s.spans[node], TIMEOUT, node)
    if w.nodes[node, KIND] == WAIT:
        return LOOK_AT
    return SUCCESS if w.nodes[node, KIND] == MET else FAIL


@inlined
def _look(w: LoopArrays, s: LoopState, node: int) -> int:
    """Judge a wait by the newest of its candidates whose run is requested."""
    for at in range(w.nodes[node, CANDIDATE], w.nodes[node, RETRY], 2):
        if s.times[w.edges[at + 1], BEGUN] != BEYOND:
            found = s.nodes[w.edges[at], STATE]
            if found == SUCCESS:
                return SUCCESS
            return FAIL if found in FAILURES else NOTHING
    return NOTHING


@inlined
def _fail_wait(w: LoopArrays, s: LoopState, node: int) -> int:
    """A wait failed: it begins anew if it has a retry left, or fails softly."""
    at = w.nodes[node, RETRY] + s.nodes[node, ATTEMPTS]
    if at < w.nodes[node, STOP]:
        s.nodes[node, STATE] = RETRYING
        at_instant(s, s.one[NOW] + w.edges[at], DUE, node)
        return NOTHING
    return SKIPPED if w.nodes[node, SOFT] else FAILED


# ------------------------------------------------------------------------------------- tasks


@inlined
def _begin_attempt(s: LoopState, node: int) -> None:
    """An attempt begins, with its slots."""
    number = s.nodes[node, ATTEMPTS]
    s.nodes[node, ATTEMPTS] = number + 1
    s.nodes[node, STATE] = RUNNING
    if number:
        begins_anew(s, node)
        span = s.again[s.nodes[node, LATER] + number - 1, 1]
    else:
        s.times[node, BEGUN] = s.one[NOW]
        span = s.spans[node]
    at_instant(s, s.one[NOW] + span, OVER if span else OVER + 1 + s.one[TURN], node)


@inlined
def _end_attempt(w: LoopArrays, s: LoopState, node: int) -> int:
    """An attempt is over: the next one comes later, or the task has its state."""
    line = w.nodes[node, LINE]
    if line or not s.one[EAGER]:
        s.lines[line, FREE] += w.nodes[node, NEED]
        s.one[WORKERS] += 1
    at = s.nodes[node, LATER] + s.nodes[node, ATTEMPTS] - 1
    if s.again[at, 0] < 0:
        return int(s.again[at, 1])
    s.nodes[node, STATE] = RETRYING
    at_instant(s, s.one[NOW] + s.again[at, 0], DUE, node)
    return NOTHING


@inlined
def _give(w: LoopArrays, s: LoopState) -> None:
    """Begin the attempts that may begin, in order."""
    while s.one[WORKERS] > 0 and s.one[OFFERED]:
        line = line_that_fits(w, s)
        if line < 0:
            return
        node = s.offered[s.lines[line, FIRST], 2] & NODE
        withdraw(s, line)
        s.lines[line, FREE] -= w.nodes[node, NEED]
        s.one[WORKERS] -= 1
        _begin_attempt(s, node)


# ------------------------------------------------------------------------------------- time


@inlined
def _happens(s: LoopState, what: int, node: int) -> int:
    """What is to be done where something other than the end of an attempt happens."""
    state = s.nodes[node, STATE]
    if what == TIMEOUT:
        return FAIL if state == WAITING and s.spans[node] == s.one[NOW] else NOTHING
    return GO if state in (RETRYING, NEVER_BEGUN) else NOTHING


@inlined
def _go_on(s: LoopState, node: int) -> int:
    """What is to be done with a node that became ready at this instant."""
    state = s.nodes[node, STATE]
    if state == NEVER_BEGUN:
        if s.nodes[node, SKIP]:
            s.times[node, BEGUN] = s.one[NOW]
            return SKIPPED
        if s.late[node]:
            at_instant(s, s.one[NOW] + s.late[node], DUE, node)
            return NOTHING
        return GO
    if state == UPSTREAM_FAILED and s.times[node, ENDED] == BEYOND:
        s.times[node, BEGUN] = s.one[NOW]
        return UPSTREAM_FAILED
    return NOTHING


@inlined
def _go(w: LoopArrays, s: LoopState, node: int) -> int:
    """Begin a node as far as nothing but slots holds it."""
    kind = w.nodes[node, KIND]
    if kind == TASK:
        if s.one[EAGER] and w.nodes[node, LINE] == 0:
            _begin_attempt(s, node)
        else:
            s.nodes[node, STATE] = READY
            offer(w, s, node)
        return NOTHING
    if kind == START:
        return request_run(w, s, node)
    if kind in (WAIT, MET, LOST):
        return _begin_wait(w, s, node)
    s.times[node, BEGUN] = s.one[NOW]
    return SUCCESS


@inlined
def _ticks(s: LoopState) -> bool:
    """Whether a tick is next: before it are only waits that took too long."""
    now = s.one[NOW]
    timed_out = s.one[EVENTS] > 0 and s.heap[0, 0] == now and s.heap[0, 1] < TICK << NODE_BITS
    return bool(s.one[NEXT_TICK] == now and not timed_out)


@inlined
def _instant(w: LoopArrays, s: LoopState) -> None:
    """All that is due at this instant and turn, but slots."""
    now, most, held = s.one[NOW], (OVER + s.one[TURN] + 1) << NODE_BITS, False
    while True:
        if s.one[STACKED] and not held:
            s.one[STACKED] -= 1
            node = s.todo[s.one[STACKED]]
            if node < 0:
                node = ~node
                step = LOOK_AT if s.nodes[node, STATE] == WAITING else NOTHING
            else:
                step = _go_on(s, node)
        elif _ticks(s):
            node = next_tick(w, s)
            step = _happens(s, TICK, node)
            held = _ticks(s)  # what a tick requests is there when anything else happens
        elif s.one[EVENTS] > 0 and s.heap[0, 0] == now and s.heap[0, 1] < most:
            event = next_event(s)
            what, node = event >> NODE_BITS, event & NODE
            if what >= OVER:
                step = _end_attempt(w, s, node) if s.nodes[node, STATE] == RUNNING else NOTHING
            else:
                step = _happens(s, what, node)
        elif s.one[LOOKS]:
            take_runs(w, s)
            step, node = NOTHING, 0
        else:
            return
        if step == GO:
            step = _go(w, s, node)
        if step == LOOK_AT:
            step = _look(w, s, node)
        if step == FAIL:
            step = _fail_wait(w, s, node)
        if step > 0:
            _settle(w, s, node, step)


@inlined
def _begin_all(w: LoopArrays, s: LoopState) -> None:
    """Nothing has happened yet."""
    for node in range(len(s.nodes)):
        s.times[node, BEGUN] = s.times[node, ENDED] = BEYOND
        s.nodes[node, STATE] = s.nodes[node, ATTEMPTS] = s.nodes[node, SKIP] = s.nodes[node, LATER] = 0
        s.nodes[node, LEFT] = w.nodes[node, NEEDS]


def _made(of: int) -> Callable[[LoopArrays, Further, LoopState], None]:
    """`play`, compiled anew where these files are others than those of which numba keeps the code."""

    @entry
    def play(w: LoopArrays, further: Further, s: LoopState) -> None:
        s.one[MADE_OF] = of
        _begin_all(w, s)
        place_further(s, further)
        for at in range(s.one[ROOT], s.one[ROOTS_STOP], 2):
            node = w.edges[at]
            if s.late[node]:
                at_instant(s, w.edges[at + 1] + s.late[node], DUE, node)
        seek_tick(w, s)
        while True:
            now = min(s.heap[0, 0] if s.one[EVENTS] else BEYOND, s.one[NEXT_TICK])
            if now >= BEYOND:
                return
            s.one[TURN] = s.one[TURN] + 1 if now == s.one[NOW] else 0
            s.one[NOW] = now
            _instant(w, s)
            if s.one[OFFERED]:
                _give(w, s)

    return play


play = _made(hash_of(__file__, loop_arrays.__file__, states.__file__, arrays.__file__))
"""Play until nothing is left to happen. O(events * log)."""
