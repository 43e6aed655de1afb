"""Stubs: what an engine executes in place of the bodies of named tasks, for tests of a graph (R23).

Owns `fails_once`, `takes` and which task has which stub. A stub is any callable: it is given those of the task's
arguments that it names, `run` too where the task has none. Nothing of it is recorded but what the attempt gives.
O(tasks) to open an engine with stubs, O(parameters) an attempt.
"""

from __future__ import annotations

import inspect
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import Any

import attrs

from reactive_dag.declare.dag import Dag
from reactive_dag.declare.graph import Graph
from reactive_dag.declare.task import AnyTask, Task
from reactive_dag.engine.execute.assignment import Assignment
from reactive_dag.engine.inspect.run import Run
from reactive_dag.model.callables import shown
from reactive_dag.model.errors import InvalidValue, UnknownId
from reactive_dag.model.suggest import did_you_mean
from reactive_dag.model.text import seen
from reactive_dag.model.times import GivenDuration, format_duration, parse_duration

AnyBody = Callable[..., object]


@attrs.frozen(repr=False)
class FailsOnce:
    """A stub that fails the first attempt of each run."""

    then: AnyBody | None

    def __call__(self, run: Run, **arguments: object) -> object:
        """Fail, or give what `then` gives."""
        if run.attempt == 1 and run.round == 1:
            raise RuntimeError("fails once, as its stub says")
        return None if self.then is None else called(self.then, {"run": run, **arguments})

    def __repr__(self) -> str:
        return "rd.fails_once()" if self.then is None else f"rd.fails_once(then={self.then!r})"


class Lasting(ABC):
    """A stub whose attempts last: they end some time after they began, on the engine's clock."""

    @abstractmethod
    def span_at(self, now: int) -> int:
        """How long (ns) an attempt takes that begins at an instant."""


@attrs.frozen(repr=False)
class Takes(Lasting):
    """A stub whose attempt ends so long (ns) after it began, on the engine's clock."""

    span: int
    then: AnyBody | None

    def span_at(self, now: int) -> int:
        """Always as long."""
        return self.span

    def __call__(self, **arguments: object) -> object:
        """What `then` gives, when the time is over."""
        return None if self.then is None else called(self.then, arguments)

    def __repr__(self) -> str:
        return f"rd.takes({format_duration(self.span)!r}" + (")" if self.then is None else f", then={self.then!r})")


def fails_once(then: AnyBody | None = None) -> FailsOnce:
    """A stub that fails the first attempt of each run; later ones give what `then`, another stub, gives, or None.

    >>> fails_once()
    rd.fails_once()
    """
    return FailsOnce(_body(then, "fails_once(then=)"))


def takes(duration: GivenDuration, then: AnyBody | None = None) -> Takes:
    """A stub whose attempt ends `duration` later on the engine's clock, and holds its worker and slots until then.

    It gives what `then`, another stub, gives, or None. Raises InvalidValue for what is no duration.

    >>> takes("20m")
    rd.takes('20m')
    """
    span, inner = parse_duration(duration, what="the duration of takes()"), _body(then, "takes(then=)")
    return Takes(span + inner.span, inner.then) if isinstance(inner, Takes) else Takes(span, inner)


def _body(value: object, what: str) -> AnyBody | None:
    if value is not None and not callable(value):
        raise InvalidValue(f"{what} must be a callable, not {seen(value)}")
    return value


def called(stub: AnyBody, arguments: Mapping[str, Any]) -> object:
    """What a stub gives for those of the arguments that it names. O(parameters)."""
    try:
        parameters = inspect.signature(stub).parameters.values()
    except (TypeError, ValueError):  # some builtins do not say what they take
        return stub()
    if any(each.kind is each.VAR_KEYWORD for each in parameters):
        return stub(**arguments)
    return stub(**{each.name: arguments[each.name] for each in parameters if each.name in arguments})


class Stubs:
    """The stubs of one engine, by the name of the task ("dag.task")."""

    def __init__(self, graph: Graph, given: object) -> None:
        """Read what the engine was given. Raises InvalidValue, UnknownId for a task that is not there. O(tasks)."""
        if not isinstance(given, Mapping):
            raise InvalidValue(f"stubs= must be a dict of callables by task, not {seen(given)}")
        known = _names(graph)
        self._by_name: dict[str, AnyBody] = {}
        for key, stub in given.items():
            name = _name_of(key, known)
            if not callable(stub):
                raise InvalidValue(f"the stub of {name!r} must be a callable, not {seen(stub)}")
            dag, _, task = name.rpartition(".")
            check_stub(stub, name, graph.dags[dag].tasks[task])
            self._by_name[name] = stub

    def of(self, assignment: Assignment) -> AnyBody | None:
        """The stub of an attempt's task (each instance has that of its mapped task), None without one. O(1)."""
        return self._by_name.get(f"{assignment.run.dag.id}.{assignment.task.id}")

    def is_due(self, assignment: Assignment, now: int) -> bool:
        """Whether an attempt may end now; the time that its stub takes begins when this is first asked. O(1)."""
        if assignment.held_until is not None:
            return now >= assignment.held_until
        stub = self.of(assignment)
        span = stub.span_at(now) if isinstance(stub, Lasting) else 0
        return not span or now >= assignment.hold(now, now + span)


def check_stub(stub: AnyBody, name: str, task: AnyTask) -> None:
    """Refuse a stub that needs what its task has not, where its signature can be read. Raises InvalidValue."""
    if isinstance(stub, FailsOnce | Takes):
        if stub.then is not None:
            check_stub(stub.then, name, task)
        return
    try:
        parameters = inspect.signature(stub).parameters.values()
    except (TypeError, ValueError):  # some builtins do not say what they take
        return
    known = {"run", *[each.name for each in task._bindings if each.kind != "default"]}
    for each in parameters:
        if each.default is not each.empty or each.kind in (each.VAR_KEYWORD, each.VAR_POSITIONAL):
            continue
        if each.kind is each.POSITIONAL_ONLY or each.name not in known:
            raise InvalidValue(
                f"the stub of {name!r}, {shown(stub)}: nothing gives its parameter {each.name!r}; a stub gets by name "
                f"{', '.join(map(repr, sorted(known)))} ({task.place}){did_you_mean(each.name, known)}"
            )


def _names(graph: Graph) -> dict[str, list[str]]:
    """The tasks that a name may mean: `"dag.task"`, or the task's id alone."""
    found: dict[str, list[str]] = {}
    for dag in graph.dags.values():
        for id, task in dag.tasks.items():
            if task.kind != "wait":
                found.setdefault(id, []).append(f"{dag.id}.{id}")
    for name in [name for names in list(found.values()) for name in names]:
        found[name] = [name]
    return found


def _name_of(key: object, known: Mapping[str, list[str]]) -> str:
    if isinstance(key, Task):
        key = key.id if key.dag is None else f"{key.dag}.{key.id}"
    elif isinstance(key, Dag):
        key = key.id
    if not isinstance(key, str):
        raise InvalidValue(f"stubs= takes tasks or their names, not {seen(key)}")
    names = known.get(key, [])
    if len(names) > 1:
        raise UnknownId(f"stubs=: {key!r} is a task of several DAGs; say which: {', '.join(map(repr, names))}")
    if not names:
        raise UnknownId(f"stubs=: there is no task {key!r}{did_you_mean(key, known)}; name it as 'dag.task'")
    return names[0]
