"""A task: a function of a DAG, or a wait for another DAG, with how it is to be run.

Owns `Task`. Invariant: a task belongs to at most one DAG; its settings are its own options over that DAG's defaults.
Making one costs some 5 µs; what it needs and where its parameters come from depends on the other tasks, so its owner
says it, worked out when first asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Generic, Literal, NoReturn, ParamSpec, TypeAlias, TypeVar, Unpack

from attrs import define, evolve

from reactive_dag.declare.owner import TaskOwner
from reactive_dag.declare.parameters import Binding, Parameter, parameters_of
from reactive_dag.declare.place import Place, caller_place, place_of, place_text
from reactive_dag.declare.settings.looking import Until
from reactive_dag.declare.settings.parsers import only_known, parsed, task_name
from reactive_dag.declare.settings.task_settings import (
    TASK_DEFAULTS,
    TASK_PARSERS,
    After,
    Outlets,
    ReadsTaskSettings,
    TaskOptions,
    TaskSettings,
    merged,
    merged_of_wait,
)
from reactive_dag.declare.task_json import function_out, parameter_out, settings_out, wait_out
from reactive_dag.declare.wait import Wait
from reactive_dag.model.callables import Call, shown
from reactive_dag.model.errors import InvalidValue, UsageError
from reactive_dag.model.records import Json
from reactive_dag.triggers.checks import id_of
from reactive_dag.triggers.leaves.dataset import Dataset

P = ParamSpec("P")
R = TypeVar("R")

AnyTask: TypeAlias = "Task[..., Any]"
TaskKind = Literal["task", "wait", "until"]

_OPTIONS = (*TASK_PARSERS, "outlets", "after")


@define(eq=False, init=False, repr=False)
class Task(ReadsTaskSettings, Generic[P, R]):
    """One task. Calling it calls its function; its settings are attributes (durations in nanoseconds).

    >>> task = Task(lambda rows, run: len(rows), id="count", retries=2, retry_delay="30s")
    >>> task([1, 2], None), task.retries, task.retry_delay
    (2, 2, 30000000000)
    """

    id: str
    fn: Callable[P, R]
    kind: TaskKind
    outlets: tuple[Dataset, ...]
    after: tuple[str, ...]
    wait: Wait | None
    _place: Place
    _parameters: tuple[Parameter, ...]
    _ref: Call | None
    _given: Mapping[str, object]
    _settings: TaskSettings
    _owner: TaskOwner | None
    _stamp: int
    until: Until | None = None

    def __init__(self, fn: Callable[P, R], id: str | None = None, **options: Unpack[TaskOptions]) -> None:
        if not callable(fn):
            raise InvalidValue(f"a task is made of a function, not of {shown(fn)}")
        place = place_of(fn) or caller_place()
        self._make(task_id(fn, id), fn, place, parameters_of(fn), None, options)

    def _make(
        self, id: str, fn: Callable[P, R], place: Place, parameters: tuple[Parameter, ...], ref: Call | None,
        options: TaskOptions,
    ) -> None:  # fmt: skip
        if not options and not any(each.item for each in parameters):
            self.__attrs_init__(id, fn, "task", (), (), None, place, parameters, ref, {}, TASK_DEFAULTS, None, 0)
            return
        only_known(options, _OPTIONS, f"task {id!r}")
        where = f"task {id!r} ({place_text(place)})"
        given = parsed({key: value for key, value in options.items() if key in TASK_PARSERS}, TASK_PARSERS, where)
        _refuse_together(given, parameters, where)
        outlets, after = outlets_of(options.get("outlets", ()), where), ids_after(options.get("after", ()), where)
        settings = merged(None, given)
        self.__attrs_init__(id, fn, "task", outlets, after, None, place, parameters, ref, given, settings, None, 0)

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """Call the function itself, as if it had never been a task."""
        return self.fn(*args, **kwargs)

    def __repr__(self) -> str:
        owner = "" if self._owner is None else f", dag={self.dag!r}"
        return f"{'Task' if self.kind == 'task' else 'WaitTask'}({self.id!r}{owner})"

    def to_json(self) -> dict[str, Json]:
        """Plain data, as it stands in `graph.to_json()`: what was given, without defaults. O(its size)."""
        if self.wait is not None:
            return {"id": self.id, "wait": {**wait_out(self.wait), **settings_out(self._given)}}
        return {
            "id": self.id,
            "fn": function_out(self.fn) if self._ref is None else self._ref.to_json(),
            **({"parameters": [parameter_out(each) for each in self._parameters]} if self._parameters else {}),
            **({"outlets": [each.uri for each in self.outlets]} if self.outlets else {}),
            **({"after": list(self.after)} if self.after else {}),
            **({} if self.until is None else {"until": self.until.to_json()}),
            **settings_out(self._given),
        }

    # -------------------------------------------------------------------------------------- whose it is

    @property
    def dag(self) -> str | None:
        """The id of the DAG that it belongs to, None without one. O(1)."""
        return None if self._owner is None else self._owner.dag_id

    @property
    def place(self) -> str:
        """Where it is declared, "file:line". O(lines of the function around it)."""
        return place_text(self._place)

    def _join(self, owner: TaskOwner, stamp: int) -> None:
        """Become a task of `owner`, which gives what was not said, at a version of its graph. O(options)."""
        self._owner, self._stamp = owner, stamp
        self._settings = self._merged(owner.defaults)

    def _merged(self, defaults: TaskSettings | None) -> TaskSettings:
        return (merged if self.kind == "task" else merged_of_wait)(defaults, self._given)

    def _leave(self) -> None:
        """Belong to no DAG. O(1)."""
        self._owner = None

    def _take_outlets(self, outlets: tuple[Dataset, ...]) -> None:
        """Have these outlets, as the DAG or the graph that it joins gives them. O(1)."""
        self.outlets = outlets

    def _hear(self, datasets: Mapping[str, Dataset]) -> Callable[[], None]:
        """Write to, and wait for, these datasets where it names them; gives what takes that back. O(outlets)."""
        outlets, wait = self.outlets, self.wait
        if outlets:
            self.outlets = tuple([datasets[each.uri] for each in outlets])
        if wait is not None and wait.dataset is not None and datasets[wait.dataset.uri] is not wait.dataset:
            self.wait = evolve(wait, dataset=datasets[wait.dataset.uri])

        def restore() -> None:
            self.outlets, self.wait = outlets, wait

        return restore

    def _copy(self) -> Task[P, R]:
        """A task that is declared alike and belongs to no DAG. O(1)."""
        made: Task[P, R] = Task.__new__(Task)
        made.__attrs_init__(
            *(self.id, self.fn, self.kind, self.outlets, self.after, self.wait, self._place, self._parameters),
            *(self._ref, self._given, self._merged(None), None, 0, self.until),
        )
        return made

    def _rebind(self, fn: Callable[P, R] | None, given: Mapping[str, object], wait: Wait | None) -> None:
        """Have the functions that were only named until now (G5). O(parameters)."""
        self._given, self.wait = given, wait
        if fn is not None:
            self.fn, self._ref, self._parameters = fn, None, parameters_of(fn)
        if self._owner is not None:
            self._join(self._owner, self._stamp)
            self._owner.forget()

    # -------------------------------------------------------------------------------------- what it needs

    @property
    def needs(self) -> tuple[str, ...]:
        """All tasks that it follows: by parameter, by `rd.output`, by `after=`. O(1) after the first time."""
        return () if self._owner is None else self._owner.links(self.id).needs

    @property
    def _bindings(self) -> tuple[Binding, ...]:
        """Where each parameter comes from. O(1) after the first time."""
        return () if self._owner is None else self._owner.links(self.id).bindings


def task_id(fn: Callable[..., object], given: str | None) -> str:
    """The id given, or the function's name. O(1). Raises InvalidValue for an id that cannot be one.

    >>> task_id(len, None), task_id(len, "size")
    ('len', 'size')
    """
    if given is None:
        given = getattr(fn, "__name__", None)
        if given is None or "<" in given:
            raise InvalidValue(f"{shown(fn)} has no name to serve as id; give it one with id=")
    return task_name(given, "the id of a task")


def _refuse_together(given: Mapping[str, object], parameters: tuple[Parameter, ...], where: str) -> None:
    """Refuse options that contradict each other (R7, R18). O(parameters). Raises InvalidValue."""
    items = [each.name for each in parameters if each.item]
    if items and "map_over" not in given:
        raise InvalidValue(f"{where}: parameter {items[0]!r} is an item, of which task? Say it with map_over=")
    if len(items) > 1:
        raise InvalidValue(f"{where}: {items[0]!r} and {items[1]!r} are both rd.item(); an instance has one item")
    if given.get("branch") and "map_over" in given:
        raise InvalidValue(f"{where}: an instance of a mapped task cannot be a branch; let a task after it choose")
    rule = given.get("trigger_rule", "all_done")
    if given.get("teardown") and (rule != "all_done" or given.get("depends_on_past")):
        other = f"trigger_rule={rule!r}" if rule != "all_done" else "depends_on_past=True"
        raise InvalidValue(f"{where}: a teardown runs whatever happened before it, so it has no {other}")


def outlets_of(value: Outlets, where: str) -> tuple[Dataset, ...]:
    """Datasets, each once. O(n). Raises InvalidValue for what is none, and for one that is there twice."""
    values = [value] if isinstance(value, Dataset | str) else value
    if not isinstance(values, Iterable):
        raise InvalidValue(f"{where}: outlets must be datasets, not {shown(value)}")
    found = tuple([Dataset(each) if isinstance(each, str) else each for each in values])
    for at, each in enumerate(found):
        if not isinstance(each, Dataset):
            raise InvalidValue(f"{where}: outlets must be datasets, not {shown(each)}")
        if each in found[:at]:
            raise InvalidValue(f"{where}: {each.uri!r} is there twice among the outlets; give it once")
    return found


def ids_after(value: After, where: str) -> tuple[str, ...]:
    """The ids of tasks, each once, in order. O(n). Raises InvalidValue for what names no task."""
    values = [value] if isinstance(value, str | Task) else value
    if not isinstance(values, Iterable):
        raise InvalidValue(f"{where}: after must be tasks or their ids, not {shown(value)}")
    try:
        return tuple(dict.fromkeys(id_of(each, "after") for each in values))
    except InvalidValue as error:
        raise InvalidValue(f"{where}: {error}") from None


def wait_task(wait: Wait, place: Place, given: Mapping[str, object] | None = None) -> AnyTask:
    """The task that waits, with its parsed options as a task. O(1)."""
    made: AnyTask = Task.__new__(Task)
    given = given or {}
    settings = merged_of_wait(None, given)
    made.__attrs_init__(
        *(wait.id, _never_called, "wait", (), wait.after, wait, place, (), None, given, settings, None, 0)
    )
    return made


def until_task(made: AnyTask, until: Until) -> AnyTask:
    """A task that was made, as one that looks until its function gives something true (R29). O(1)."""
    made.kind, made.until = "until", until
    made._settings = merged_of_wait(None, made._given)
    return made


def loaded_task(id: str, call: Call, parameters: tuple[Parameter, ...], options: TaskOptions, place: Place) -> AnyTask:
    """A task whose function is only named, with the parameters that were written down beside it. O(options)."""
    made: AnyTask = Task.__new__(Task)
    made._make(task_name(id, "the id of a task"), call.fn, place, parameters, call, options)
    return made


def _never_called(*_args: object, **_kwargs: object) -> NoReturn:
    raise UsageError("a wait has no function to call: the engine decides it from what was recorded")
