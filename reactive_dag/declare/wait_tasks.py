"""The tasks that wait, out of what a user gives: for runs of another DAG, for events of a dataset, for a function.

Owns `DeclaresWaits`, the methods of a DAG that add them. Invariant: what is refused is refused here, with the place,
before the DAG has changed. O(options).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import Any, Literal, Unpack

from reactive_dag.declare.place import Place, caller_place, declared_twice, place_text
from reactive_dag.declare.settings.looking import NOT_OF_FUNCTIONS, Until, UntilOptions
from reactive_dag.declare.settings.parsers import only_known, parsed
from reactive_dag.declare.settings.task_settings import TASK_PARSERS, WAIT_SETTINGS, After
from reactive_dag.declare.task import AnyTask, Task, ids_after, until_task, wait_task
from reactive_dag.declare.wait import WaitOptions, event_wait_of, wait_of
from reactive_dag.model.errors import DuplicateError, InvalidValue
from reactive_dag.model.text import seen
from reactive_dag.model.times import GivenDuration
from reactive_dag.triggers.leaves.dataset import Dataset


def waiting_task(
    awaited: object,
    task: object,
    options: WaitOptions,
    *,
    id: str | None,
    after: After,
    tz: Callable[[], str],
    place: Place,
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


def looking_task(
    fn: Callable[..., object], id: str | None, after: After, until: Until, options: UntilOptions
) -> AnyTask:  # fmt: skip
    """A task whose function is executed until it gives something true (R29). O(parameters). Raises InvalidValue."""
    only_known(options, UntilOptions.__annotations__, "wait_until()", NOT_OF_FUNCTIONS)
    return until_task(Task(fn, id, after=after, **options), until)


def task_options(options: Mapping[str, object], where: str) -> dict[str, object]:
    """What of a wait's options is that of any task, parsed. O(options). Raises InvalidValue."""
    return parsed({name: options[name] for name in WAIT_SETTINGS if name in options}, TASK_PARSERS, where)


def placed(make: Callable[[], AnyTask], dag: str, place: Place) -> AnyTask:
    """What `make` gives; what it refuses is refused with the DAG and the place. Raises InvalidValue."""
    try:
        return make()
    except InvalidValue as error:
        raise type(error)(f"wait in DAG {dag!r} ({place_text(place)}): {error}") from None


class DeclaresWaits(ABC):
    """How a DAG gets tasks that wait."""

    __slots__ = ()
    id: str

    @property
    @abstractmethod
    def tasks(self) -> Mapping[str, AnyTask]:
        """Its tasks by id. O(1)."""

    @property
    @abstractmethod
    def tz(self) -> str:
        """Its zone. O(1) once a version."""

    @abstractmethod
    def _put(self, task: AnyTask) -> None:
        """Take a task."""

    def wait_for(
        self,
        dag: object,
        task: object = None,
        *,
        id: str | None = None,
        after: After = (),
        **options: Unpack[WaitOptions],
    ) -> AnyTask:
        """Add a task that waits for another DAG's run, or for tasks of it; what follows it gets the awaited run. O(1).

        Options: `tasks`, `states`, `failed_states`, `skipped_states`, `logical_date` ("same", a duration: so long
        before this run's date, a function of that date, or dates), `match` ("exact", "latest", "same_day"), `timeout`,
        `poll`, `mode` ("push", "poke", "reschedule"), `soft_fail`, `since`, `missing`, `retries` and how they come; in
        mode "poke" `priority`, `pool`, `slots`. The id is `wait_<dag>`, with a task `wait_<dag>_<task>`.
        Raises InvalidValue for an option that is not valid, CycleError where tasks would wait in a circle.
        """
        place = caller_place()
        made = placed(
            lambda: waiting_task(dag, task, options, id=id, after=after, tz=lambda: self.tz, place=place),
            self.id,
            place,
        )
        return self._add_wait(made, named=id is not None)

    def wait_until(
        self, fn: Callable[..., object] | None = None, *, id: str | None = None, poll: GivenDuration = "1m",
        mode: Literal["poke", "reschedule"] = "reschedule", after: After = (), soft_fail: bool = False,
        **options: Unpack[UntilOptions],
    ) -> Any:  # fmt: skip
        """Add a task that executes `fn` each `poll` until it gives something true, which is its output (R29). O(1).

        `fn` has parameters as any body. Options: `timeout`, `retries` and how they come, `retry_on`, `pool`, `slots`,
        `priority`. Gives the task; without `fn` what makes a task of the function that it decorates. Raises as `task`.
        """
        place = caller_place()

        def made(fn: Callable[..., object]) -> AnyTask:
            return self._declared(
                lambda: looking_task(fn, id, after, Until.of(poll, mode, soft_fail), options), place
            )  # fmt: skip

        return made if fn is None else made(fn)

    def _declared(self, make: Callable[[], AnyTask], place: Place) -> AnyTask:
        made = placed(make, self.id, place)
        self._put(made)
        return made

    def _add_wait(self, made: AnyTask, named: bool) -> AnyTask:
        before = self.tasks.get(made.id)
        if (
            before is not None and not named and before.wait != made.wait
            and declared_twice((before._place, before._stamp), made._place, -1, loop=True)
        ):  # fmt: skip
            raise DuplicateError(
                f"DAG {self.id!r} has a task {made.id!r} already ({before.place}); give this one a name with id= "
                f"({made.place})"
            )
        self._put(made)
        return made
