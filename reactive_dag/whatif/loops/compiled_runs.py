"""Ends of nodes and runs in the compiled event loop: what follows them, and which runs may begin.

Owns no state, allocates nothing: it changes the `LoopState` it is given. Invariant: as event_loop.py and
run_limits.py. O(followers).
"""

from __future__ import annotations

from reactive_dag.whatif.loops.loop_arrays import (
    ACTIVE,
    BAD,
    BEGIN,
    COUNT,
    COUNTED,
    DAG,
    END,
    EVENTS,
    FOLLOW,
    FOLLOW_STOP,
    HEAD,
    KIND,
    LAST,
    LAST_STOP,
    LEFT,
    LOOKED,
    LOOKS,
    NEXT,
    NOW,
    OPEN,
    RUN,
    RUN_END,
    RUN_START,
    SKIP,
    STACKED,
    STATE,
    TAIL,
    WATCH,
    WATCH_STOP,
    LoopArrays,
    LoopState,
    compiled,
    push,
)
from reactive_dag.whatif.loops.states import FAILED, NEVER_BEGUN, READY, SKIPPED, SUCCESS, UPSTREAM_FAILED
from reactive_dag.whatif.window.arrays import START


@compiled
def at_instant(s: LoopState, time: int, what: int, node: int) -> None:
    """Something happens to a node at an instant."""
    push(s.heap, 0, s.one[EVENTS], time, what, node)
    s.one[EVENTS] += 1


@compiled
def do(s: LoopState, node: int) -> None:
    """A node is to be gone on with at this instant."""
    s.todo[s.one[STACKED]] = node
    s.one[STACKED] += 1


# ------------------------------------------------------------------------------------- ends


@compiled
def settle_node(w: LoopArrays, s: LoopState, node: int, state: int) -> None:
    """`EventLoop._settle`; the end of the run it is the last of is settled with it."""
    while True:
        s.nodes[node, STATE] = state
        s.nodes[node, END] = s.one[NOW]
        if state == SUCCESS:
            for at in range(w.nodes[node, FOLLOW], w.nodes[node, FOLLOW_STOP]):
                _one_less(s, w.followers[at])
        else:
            _settle_badly(w, s, node, state)
        for at in range(w.nodes[node, WATCH], w.nodes[node, WATCH_STOP]):
            do(s, w.watching[at])
        run = w.nodes[node, COUNTED]
        if run < 0:
            return
        s.runs[run, OPEN] -= 1
        if s.runs[run, OPEN] != 0:
            return
        state = _state_of_run(w, s, run)
        _leave(w, s, run)
        node = w.runs[run, RUN_END]
        s.nodes[node, BEGIN] = s.one[NOW]


@compiled
def _one_less(s: LoopState, node: int) -> None:
    """One of the needs of a node has ended."""
    s.nodes[node, LEFT] -= 1
    if s.nodes[node, LEFT] == 0:
        do(s, node)


@compiled
def _settle_badly(w: LoopArrays, s: LoopState, node: int, state: int) -> None:
    """`EventLoop._settle_badly`."""
    if state != SKIPPED:
        s.runs[w.nodes[node, RUN], BAD] = 1
    for at in range(w.nodes[node, FOLLOW], w.nodes[node, FOLLOW_STOP]):
        each, past = w.followers[at], w.past[at]
        here = w.nodes[each, KIND] != START and not past
        if state == SKIPPED and (here or past):
            if here:
                s.nodes[each, SKIP] = 1
            _one_less(s, each)
        elif here and s.nodes[each, STATE] == NEVER_BEGUN:
            s.nodes[each, STATE] = UPSTREAM_FAILED
            do(s, each)


@compiled
def _state_of_run(w: LoopArrays, s: LoopState, run: int) -> int:
    """The state of a run whose tasks have theirs."""
    if s.runs[run, BAD]:
        return FAILED
    for at in range(w.runs[run, LAST], w.runs[run, LAST_STOP]):
        if s.nodes[w.last[at], STATE] != SKIPPED:
            return SUCCESS
    return SKIPPED


# ------------------------------------------------------------------------------------- runs


@compiled
def _look_at(s: LoopState, dag: int) -> None:
    """Something has changed for the runs of a DAG; those of `look` stand in order."""
    if s.dags[dag, LOOKED]:
        return
    s.dags[dag, LOOKED] = 1
    at = s.one[LOOKS]
    while at > 0 and s.look[at - 1] > dag:
        s.look[at] = s.look[at - 1]
        at -= 1
    s.look[at] = dag
    s.one[LOOKS] += 1


@compiled
def request_run(w: LoopArrays, s: LoopState, node: int) -> None:
    """A run is requested: it begins at once, or when its DAG has room."""
    s.nodes[node, BEGIN] = s.one[NOW]
    run = w.nodes[node, RUN]
    dag = w.runs[run, DAG]
    if w.limits[dag] < 0:
        settle_node(w, s, node, SUCCESS)
        return
    s.nodes[node, STATE] = READY
    if s.dags[dag, HEAD] < 0:
        s.dags[dag, HEAD] = run
    else:
        s.runs[s.dags[dag, TAIL], NEXT] = run
    s.dags[dag, TAIL] = run
    _look_at(s, dag)


@compiled
def _leave(w: LoopArrays, s: LoopState, run: int) -> None:
    """A run is over."""
    if s.runs[run, ACTIVE]:
        dag = w.runs[run, DAG]
        s.runs[run, ACTIVE] = 0
        s.dags[dag, COUNT] -= 1
        if s.dags[dag, HEAD] >= 0:
            _look_at(s, dag)


@compiled
def take_runs(w: LoopArrays, s: LoopState) -> None:
    """Begin the runs that may begin, of the DAGs in which something has changed."""
    looking = s.one[LOOKS]
    s.one[LOOKS] = 0
    for at in range(looking):
        s.dags[s.look[at], LOOKED] = 0
    for at in range(looking):
        dag = s.look[at]
        while s.dags[dag, HEAD] >= 0 and s.dags[dag, COUNT] < w.limits[dag]:
            run = s.dags[dag, HEAD]
            s.dags[dag, HEAD] = s.runs[run, NEXT]
            s.dags[dag, COUNT] += 1
            s.runs[run, ACTIVE] = 1
            settle_node(w, s, w.runs[run, RUN_START], SUCCESS)
