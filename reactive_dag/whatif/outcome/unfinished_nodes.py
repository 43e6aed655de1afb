"""What is unfinished at the end of a window that a pass evaluated, and why, in the words of the reference.

Owns `unfinished_of`. Nothing failed and no limit bound, so what goes on waits: for a run that does not come, for what
waits itself, or for its own past. O(nodes of runs that go on).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from reactive_dag.engine.runs.by_date import NO_TASKS, AwaitedRun
from reactive_dag.engine.tasks.verdicts import Verdict, judge_run
from reactive_dag.model.times import DAY
from reactive_dag.whatif.outcome.loose_ends import NO_SUCH_DATE, OWN_PAST
from reactive_dag.whatif.outcome.rows import Unfinished
from reactive_dag.whatif.window.arrays import BEYOND

if TYPE_CHECKING:
    from reactive_dag.declare.wait import Wait
    from reactive_dag.whatif.outcome.array_runs import ArrayRuns


def unfinished_of(outcome: ArrayRuns) -> list[Unfinished] | None:
    """What has not come to its end; None where the reference has to say what a wait saw last."""
    found: list[Unfinished] = []
    for run in _going_on(outcome):
        dag, key = outcome.dag(run), outcome.key(run)
        for node in outcome.of.tasks(run):
            if outcome.begin[node] < BEYOND <= outcome.end[node]:
                why = _awaits(outcome, node)
                if why is None:
                    return None
                found.append(Unfinished("wait", dag, key, outcome.of.task(node)[1], why))
        held = [(at, node) for node in outcome.of.tasks(run) if (at := _ready_but_for_its_past(outcome, node)) < BEYOND]
        found += [Unfinished("past", dag, key, outcome.of.task(node)[1], OWN_PAST) for _, node in sorted(held)]
    return found


def _going_on(outcome: ArrayRuns) -> list[int]:
    """The runs that began and have not ended, in the order in which they began."""
    window, of, end = outcome.window, outcome.of, outcome.end
    places = {run: place for place, run in enumerate(outcome.runs)}
    runs = [run for run in outcome.runs if end[of.end[run]] >= BEYOND]
    ranks = window.rank[window.run_dag]
    delay = outcome.values.delay
    return sorted(runs, key=lambda run: (
        end[of.start[run]], outcome.begin[of.start[run]] - delay[of.start[run]], int(ranks[run]), places[run],
    ))  # fmt: skip


def _ready_but_for_its_past(outcome: ArrayRuns, node: int) -> int:
    """When all had ended that a task needs in its run, if it waits for its past then; else BEYOND. O(needs)."""
    of, window = outcome.of, outcome.window
    if outcome.begin[node] < BEYOND or not window.settings[of.subject[node]].depends_on_past:
        return BEYOND
    run = of.run_of[node]
    needed = [outcome.end[need] for need in window.needs[node] if of.run_of[need] == run]
    return max(needed, default=outcome.end[of.start[run]])


def _awaits(outcome: ArrayRuns, node: int) -> str | None:
    """What a wait that goes on waits for, in words. O(candidates)."""
    of, window = outcome.of, outcome.window
    wait, run = window.waits[of.subject[node]], of.run_of[node]
    date = None if wait is None else _date(outcome, wait, run)
    if wait is None or date is None:
        return None
    verdict = _seen(outcome, node, wait, date)
    if verdict is None:
        return None
    return f"awaits {verdict.why}{NO_SUCH_DATE if outcome.prepared.never_comes(of.task(node)) else ''}"


def _date(outcome: ArrayRuns, wait: Wait, run: int) -> int | None:
    """The date that a wait of a run awaits; None where a clock change may have moved it."""
    date, tz = int(outcome.window.run_date[run]), outcome.prepared.analysis.dags[outcome.dag(run)].tz
    offset = wait.logical_date
    if isinstance(offset, int) and offset and not offset % DAY and tz not in ("", "UTC"):
        return None
    return date if offset == "same" else wait.awaited_from(date, tz)


def _seen(outcome: ArrayRuns, node: int, wait: Wait, date: int) -> Verdict | None:
    """What a wait saw when it looked last; None where it depends on when that was."""
    of, window = outcome.of, outcome.window
    there = [pair for pair in window.candidates[node] or () if outcome.begin[pair[1]] < BEYOND]
    if not there:
        return None if wait.match == "latest" else judge_run(wait, None, date)
    awaited = there[0][0]
    if wait.tasks and outcome.begin[awaited] < BEYOND:
        return None  # its state changed meanwhile
    run = of.run_of[awaited]
    return judge_run(wait, AwaitedRun(0, outcome.key(run), "running", None, None, NO_TASKS), date)
