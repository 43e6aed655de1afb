"""What the attempts of a run logged and printed, as rows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import reactive_dag as rd
from reactive_dag.engine.inspect.run import TaskView
from reactive_dag.model.suggest import did_you_mean


def log_rows(run: rd.Run, task: str, attempt: int) -> list[dict[str, object]]:
    """The logs of a task's attempts, or of all tasks', oldest first; with `attempt` only those of that number.

    Raises UnknownId for a task that the run has not, or that no attempt of it has begun.
    """
    tasks = {view.id: view for view in _with_instances(run.tasks.values())}
    if task and task not in tasks:
        raise rd.UnknownId(
            f"run {run.key[:8]} of {run.dag!r} has no task {task!r}, or it has not begun{did_you_mean(task, tasks)}"
        )
    rows = [
        {"task": view.id, "round": each.round, "attempt": each.number, "state": each.state, "log": each.log}
        for view in ([*_with_instances([tasks[task]])] if task else tasks.values())
        for each in view.attempts
        if attempt in (0, each.number)
    ]
    if not rows and attempt:
        raise rd.UnknownId(f"{task or 'no task'} of run {run.key[:8]} has no attempt {attempt}")
    return rows


def _with_instances(views: Iterable[TaskView]) -> Iterator[TaskView]:
    for view in views:
        yield view
        yield from view.instances
