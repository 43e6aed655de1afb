"""Whether a play of the event loop is right: what a window does not know must not have decided anything.

Owns no state. O(nodes).
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from reactive_dag.whatif.loops.states import CANCELLED, FAILED, SKIPPED, UPSTREAM_FAILED
from reactive_dag.whatif.window.arrays import BEYOND, LOST
from reactive_dag.whatif.window.limits import limited_of
from reactive_dag.whatif.window.white_list import NotStatic

if TYPE_CHECKING:
    from typing import TypeAlias

    from reactive_dag.whatif.loops.compiled_play import CompiledPlay
    from reactive_dag.whatif.loops.event_loop import EventLoop
    from reactive_dag.whatif.window.arrays import Window

    Play: TypeAlias = EventLoop | CompiledPlay

NO_SUCCESS = frozenset({FAILED, UPSTREAM_FAILED, SKIPPED, CANCELLED})


def what_misleads(loop: Play) -> NotStatic | None:
    """Why the reference is to be asked instead; None where the play is right. O(nodes).

    Where the order of one instant decides, where what does not succeed would start runs that are not here, where runs
    are not requested in the order of their dates but tasks ask for the run before, where a wait is lost as it begins.
    """
    plan = loop.plan
    window, tie = plan.window, tie_of(loop)
    if limited_of(window).lost:
        return NotStatic("a wait awaits what never comes, and fails", *lost_in(window))
    if tie >= 0:
        return tied_at(window, tie)
    unheard = _unheard(loop)
    if unheard is not None:
        return unheard
    limits = {dag for dag, _, _, _ in limited_of(window).runs}
    for dag, runs in limited_of(window).in_order:
        if dag in limits:
            return NotStatic(f"a run of {dag} that waits for its past leaves its place to others", dag)
        if len(runs) < 2:
            continue
        requested = [loop.begin[plan.run_start[run]] for run in runs.tolist()]
        if any(later <= sooner and later < BEYOND for sooner, later in pairwise(requested)):
            return NotStatic(f"runs of {dag} are not requested in the order of their dates", dag)
    return _requested_together(loop)


def tied_at(window: Window, node: int) -> NotStatic:
    """What a wait sees depends on the order of one instant. O(1)."""
    dag, task = window.tasks[window.subject[node]]
    return NotStatic(f"what {dag}.{task} sees depends on what happens first at one instant", dag)


def lost_in(window: Window) -> list[str]:
    """The DAGs with waits that are lost as they begin. O(nodes)."""
    subjects = np.unique(window.subject[window.kind == LOST]).tolist()
    return sorted({window.tasks[subject][0] for subject in subjects})


def _unheard(loop: Play) -> NotStatic | None:
    """What does not succeed is heard by what a window does not have, if something does not. O(nodes)."""
    plan, window = loop.plan, loop.plan.window
    if not (window.on_failure or window.ruled) or NO_SUCCESS.isdisjoint(loop.state):
        return None
    bad = {plan.run_dag[plan.run[node]] for node, state in enumerate(loop.state) if state in NO_SUCCESS}
    ruled = window.ruled & {window.dags[dag] for dag in bad}
    heard = {**{dag: f"a trigger_rule= of {dag}" for dag in sorted(ruled)}, **window.on_failure}
    return NotStatic(f"{next(iter(heard.values()))} hears what does not succeed", *heard) if heard else None


def _requested_together(loop: Play) -> NotStatic | None:
    """The runs of a DAG that is limited queue in the order of their requests, which a window knows by instants only."""
    for dag, runs, _, _ in limited_of(loop.plan.window).runs:
        requested = [at for run in runs.tolist() if (at := loop.begin[loop.plan.run_start[run]]) < BEYOND]
        if len(set(requested)) < len(requested):
            return NotStatic(f"runs of {dag} are requested at one instant", dag)
    return None


def what_is_beyond(loop: Play) -> NotStatic | None:
    """What of a play its arrays do not tell as the reference does; None where they tell all. O(nodes).

    Runs and tasks that are given up or skipped: who took their place, and what they had waited for.
    """
    for state, word in ((CANCELLED, "is given up"), (SKIPPED, "is skipped")):
        if state in loop.state:
            plan = loop.plan
            runs = {plan.run[node] for node, each in enumerate(loop.state) if each == state}
            dags = sorted({plan.window.dags[plan.run_dag[run]] for run in runs})
            return NotStatic(f"a run of {dags[0]}, or a part of it, {word}", *dags)
    return None


def tie_of(loop: Play) -> int:
    """A wait for which the order of what happens at one instant decides, which a window does not know; -1 without.

    One is where an awaited run is requested at the very instant at which the wait would end by an earlier one.
    O(waits with several candidates * candidates).
    """
    tied = (node for node in loop.plan.several if loop.begin[node] != BEYOND and _is_tied(loop, node))
    return next(tied, -1)


def _is_tied(loop: Play, node: int) -> bool:
    first, last, again = loop.begin[node], loop.end[node], loop.attempts[node] > 1
    candidates, begin, end = loop.plan.candidates[node] or (), loop.begin, loop.end
    for at, (_, start) in enumerate(candidates):
        now = begin[start]
        if not first <= now <= last or now == BEYOND or not loop.plan.needs[start]:
            continue  # what a clock requests is there before all else (W20)
        for awaited, earlier in candidates[at + 1 :]:
            if begin[earlier] <= now:
                if end[awaited] == now or (end[awaited] < now and (first == now or again)):
                    return True
                if begin[earlier] < now:
                    break
    return False
