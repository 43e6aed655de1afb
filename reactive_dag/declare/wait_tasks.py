"""The tasks that wait, out of what a user gives: for runs of another DAG, for events of a dataset, for a function.

Owns no state. Invariant: what is refused is refused here, with the place, before the DAG has changed. O(options).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from reactive_dag.declare.place import Place, place_text
from reactive_dag.declare.settings.parsers import parsed
from reactive_dag.declare.settings.task_settings import TASK_PARSERS, WAIT_SETTINGS, After
from reactive_dag.declare.task import AnyTask, ids_after, wait_task
from reactive_dag.declare.wait import WaitOptions, event_wait_of, wait_of
from reactive_dag.model.errors import InvalidValue
from reactive_dag.model.text import seen
from reactive_dag.triggers.leaves.dataset import Dataset


def waiting_task(
    awaited: object, task: object, options: WaitOptions, *, id: str | None, after: After, tz: str, place: Place
) -> AnyTask:
    """A task that waits for a DAG, for a task of it, or for a dataset. O(states and tasks). Raises InvalidValue."""
    follows = ids_after(after, "wait_for()")
    if isinstance(awaited, Dataset):
        if task is not None:
            raise InvalidValue(f"wait_for({awaited!r}, task={seen(task)}): a dataset has no tasks")
        wait = event_wait_of(awaited, options, id=id, after=follows)
    else:
        wait = wait_of(awaited, task, options, id=id, after=follows, tz=tz)
    return wait_task(wait, place, task_options(options, f"task {wait.id!r} ({place_text(place)})"))


def task_options(options: Mapping[str, object], where: str) -> dict[str, object]:
    """What of a wait's options is that of any task, parsed. O(options). Raises InvalidValue."""
    return parsed({name: options[name] for name in WAIT_SETTINGS if name in options}, TASK_PARSERS, where)


def placed(make: Callable[[], AnyTask], dag: str, place: Place) -> AnyTask:
    """What `make` gives; what it refuses is refused with the DAG and the place. Raises InvalidValue."""
    try:
        return make()
    except InvalidValue as error:
        raise InvalidValue(f"wait in DAG {dag!r} ({place_text(place)}): {error}") from None
