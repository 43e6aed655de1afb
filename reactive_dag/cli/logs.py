"""What the attempts of a run logged and printed, and how those failed that did, as rows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import reactive_dag as rd
from reactive_dag.engine.inspect.task_views import TaskView
from reactive_dag.model.suggest import did_you_mean


def log_rows(run: rd.Run, task: str, attempt: int) -> list[dict[str, object]]:
    """The logs of a task's attempts, or of all tasks', oldest first; with `attempt` only those of that number.

    A task that ended with an error and no attempt, such as a wait, has a row whose attempt is None; of a run in which
    no task has begun there is one row, whose task is None too.

    Raises UnknownId for a task that the run has not, or that no attempt of it has begun.
    """
    tasks = {view.id: view for view in _with_instances(run.tasks.values())}
    if task and task not in tasks:
        raise rd.UnknownId(
            f"run {run.key[:8]} of {run.dag!r} has no task {task!r}, or it has not begun{did_you_mean(task, tasks)}"
        )
    asked = list(_with_instances([tasks[task]])) if task else list(tasks.values())
    rows = [row for view in asked for row in _of_task(view, run.round) if attempt in (0, row["attempt"])]
    if not rows and not task and not attempt:
        rows = [{"task": None, "round": run.round, "attempt": None, "state": run.state, "log": "", "error": run.error}]
    if not rows and attempt:
        raise rd.UnknownId(f"{task or 'no task'} of run {run.key[:8]} has no attempt {attempt}")
    return rows


def _of_task(view: TaskView, round: int) -> list[dict[str, object]]:
    """The attempts of a task; without one, how it failed."""
    if not (view.attempts or view.instances) and view.error is not None:
        return [{"task": view.id, "round": round, "attempt": None, "state": view.state, "log": "", "error": view.error}]
    return [
        {
            "task": view.id, "round": each.round, "attempt": each.number, "state": each.state, "log": each.log,
            "error": each.error,
        }
        for each in view.attempts
    ]  # fmt: skip


def _with_instances(views: Iterable[TaskView]) -> Iterator[TaskView]:
    for view in views:
        yield view
        yield from view.instances
