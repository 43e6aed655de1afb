"""What a wait decides about the runs that it sees: one decision function for every wait (semantics, "Waiting").

Owns `Verdict` and what states mean. A verdict follows from the wait and the awaited run alone. O(tasks awaited).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from reactive_dag.declare.wait import Wait, mapped_task
from reactive_dag.engine.runs.by_date import NO_TASKS, AwaitedRun
from reactive_dag.model.times import NEVER, format_time

SUCCEED, FAIL, SKIP, WAITING = "success", "failed", "skipped", "waiting"
ORDER = {FAIL: 0, SKIP: 1, WAITING: 2, SUCCEED: 3}
"""What wins over what."""

DONE = AwaitedRun(-1, "", "success", None, None, NO_TASKS)
"""Stands for a run before all that is known: it counts as done in time."""
LOST = AwaitedRun(-1, "", "lost", None, None, NO_TASKS)
"""Stands for the run of a tick that will never be requested."""


class Verdict(NamedTuple):
    """What a wait decides about one date, and because of what: a DAG or a task, and its state."""

    state: str
    wait: Wait | None
    date: int | None
    name: str = ""
    found: str = ""

    @property
    def why(self) -> str:
        """The reason in words, made when somebody asks."""
        if self.wait is None:
            return "before the start: done in time"
        if self.wait.dataset is not None:
            return f"{self.name}: {self.found}"
        what = _what(self.wait, self.date)
        if self.state == SUCCEED:
            return what
        return f"{self.name} is {self.found} ({what})" if self.name else f"{what}: {self.found or 'no run yet'}"


IN_TIME = Verdict(SUCCEED, None, None)


def judge_run(wait: Wait, seen: AwaitedRun | None, date: int | None) -> Verdict:
    """What one awaited run means: failure wins over skipping, both over success; else the reason to go on waiting.

    O(tasks awaited).
    """
    if seen is None:
        return Verdict(WAITING, wait, date)
    if seen is DONE:
        return IN_TIME
    if seen is LOST:
        return Verdict(FAIL, wait, date, "", _never(wait))
    worst, about = SUCCEED, ("", "")
    for task in wait.tasks or ("",):
        state = seen.tasks.get(task, "") if task else seen.state
        if state not in wait.states:
            word = FAIL if state in wait.failed_states else SKIP if state in wait.skipped_states else WAITING
            found = state or "not done"
            if not state and wait.missing == "error" and _never_instance(task, seen):
                word, found = FAIL, "not there: the mapped task has ended without it"
            if ORDER[word] < ORDER[worst]:
                worst, about = word, (f"{wait.dag}.{task}" if task else wait.dag, found)
    return Verdict(worst, wait, date, *about)


def combine(verdicts: Iterable[Verdict]) -> Verdict:
    """Several dates: one failure fails, one skip skips, all successes succeed. O(dates)."""
    return min(verdicts, key=lambda verdict: ORDER[verdict.state])


def _never_instance(task: str, seen: AwaitedRun) -> bool:
    """Whether an instance is awaited that its mapped task has ended without. O(tasks)."""
    id, place = mapped_task(task)
    return place is not None and seen.tasks.get(id, "") != ""


def _what(wait: Wait, date: int | None) -> str:
    if date is None:
        return "same cascade"
    if date == NEVER:
        return "latest"
    return f"{wait.match} {format_time(date)}" if wait.match != "exact" else format_time(date)


def _never(wait: Wait) -> str:
    return (
        f"no run of {wait.dag} will have that date: its tick came before the DAG was registered, lies before its "
        "start= or after its end=, or was dropped; give another logical_date= or match=, or go on waiting with "
        'missing="wait"'
    )
