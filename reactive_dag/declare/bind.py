"""Binding what was loaded: every reference to a function becomes the function (G5).

Owns nothing. Invariant: either all references are bound, or none and one error names every one that cannot be.
Cost: O(callables), and importing their modules.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cache
from typing import Any, TypeVar

from attrs import evolve, fields

from reactive_dag.declare.dag import Dag
from reactive_dag.declare.settings.dag_settings import DEFAULTS
from reactive_dag.declare.settings.files import OutputFiles
from reactive_dag.declare.settings.task_settings import TaskSettings
from reactive_dag.declare.task import AnyTask
from reactive_dag.model.callables import Call
from reactive_dag.model.errors import GraphError, InvalidValue
from reactive_dag.model.text import counted
from reactive_dag.triggers.base import Trigger
from reactive_dag.triggers.leaves.dataset import Dataset

T = TypeVar("T")
Later = Callable[[], None]
DescribeSite = Callable[[], str]
"""Names the place of what is bound, where it is asked for."""

_HOLDERS = (Trigger, TaskSettings, OutputFiles)
_SIMPLE = frozenset({str, int, bool, type(None), frozenset, Dataset})
"""Types of fields in which no call is."""


@cache
def _names_of(kind: type) -> tuple[tuple[str, str], ...]:
    """The fields of a class: the name of each, and what its constructor calls it."""
    return tuple([(each.name, each.alias) for each in fields(kind)])


class _Binder:
    """Finds functions, and remembers what could not be found."""

    def __init__(self) -> None:
        self.failed: list[str] = []
        self.later: list[Later] = []

    def call(self, call: Call, where: DescribeSite) -> Call:
        """The call with its function, or as it is where there is none. O(1) beside the import."""
        try:
            return call.bind()
        except (GraphError, InvalidValue) as error:
            self.failed.append(f"{where()}: {error}")
            return call

    def fields_of(self, thing: T, where: DescribeSite) -> T:
        """A frozen object with every call among its fields bound; itself where nothing changed. O(fields)."""
        changed: dict[str, Any] = {}
        for name, alias in _names_of(type(thing)):  # type: ignore[arg-type]
            old = getattr(thing, name)
            if type(old) in _SIMPLE:
                continue
            new = self.value(old, where)
            if new is not old:
                changed[alias] = new
        return evolve(thing, **changed) if changed else thing  # type: ignore[misc]

    def value(self, value: Any, where: DescribeSite) -> Any:
        """A value of a field with what is unbound in it bound. O(size)."""
        if isinstance(value, Call):
            return value if value.bound else self.call(value, where)
        if isinstance(value, _HOLDERS):
            return self.fields_of(value, where)
        if isinstance(value, tuple):
            found = tuple([self.value(each, where) for each in value])
            return value if all(new is old for new, old in zip(found, value, strict=True)) else found
        return value


def bind_dags(dags: Iterable[Dag], *, bodies: bool = True) -> None:
    """Bind all that these DAGs refer to, or, without `bodies`, all but the functions of tasks. O(callables).

    Raises GraphError naming every reference that names nothing, and then binds none.
    """
    binder = _Binder()
    for dag in dags:
        _dag(binder, dag, bodies)
    if binder.failed:
        count = len(binder.failed)
        rows = "\n".join(f"  {each}" for each in binder.failed)
        raise GraphError(f"{counted(count, 'function')} cannot be found:\n{rows}")
    for apply in binder.later:
        apply()


def _dag(binder: _Binder, dag: Dag, bodies: bool) -> None:
    def where() -> str:
        return f"DAG {dag.id!r} ({dag.place})"

    triggers = {label: binder.value(each, where) for label, each in dag._written.items()}
    settings = dag._settings if dag._settings is DEFAULTS else binder.fields_of(dag._settings, where)
    params = settings.params
    if isinstance(params.type, Call):
        settings = evolve(settings, params=evolve(params, type=binder.call(params.type, where).fn))
    if settings is not dag._settings or any(triggers[label] is not each for label, each in dag._written.items()):
        binder.later.append(lambda: dag._rebind(triggers, settings))
    for task in dag.tasks.values():
        _task(binder, task, bodies, lambda task=task: f"task {task.id!r} of {where()}")  # type: ignore[misc]


def _task(binder: _Binder, task: AnyTask, bodies: bool, where: DescribeSite) -> None:
    given = {name: binder.value(value, where) for name, value in task._given.items()}
    wait = None if task.wait is None else binder.fields_of(task.wait, where)
    fn = binder.call(task._ref, where).fn if bodies and task._ref is not None else None
    if fn is not None or wait is not task.wait or any(given[name] is not task._given[name] for name in given):
        binder.later.append(lambda: task._rebind(fn, given, wait))
