"""A task: a function of a DAG, or a wait for another DAG, with how it is to be run.

Owns `Task`. Invariant: a task belongs to at most one DAG; its settings are its own options over that DAG's defaults.
Making one costs some 5 µs; what it needs and where its parameters come from is the DAG's to say (it depends on the
other tasks) and is worked out when first asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Generic, Literal, NoReturn, ParamSpec, TypeAlias, TypeVar, Unpack

from attrs import define, field

from reactive_dag.declare.options import (
    TASK_PARSERS,
    After,
    Outlets,
    Setting,
    TaskOptions,
    TaskSettings,
    merged,
    only_known,
    parsed,
    task_name,
)
from reactive_dag.declare.parameters import Binding, Parameter, parameters_of
from reactive_dag.declare.place import Place, here, place_of, text_of
from reactive_dag.declare.wait import Wait
from reactive_dag.model.callables import shown
from reactive_dag.model.errors import InvalidValue, UsageError
from reactive_dag.triggers.checks import id_of
from reactive_dag.triggers.leaves.dataset import Dataset

if TYPE_CHECKING:
    from reactive_dag.declare.dag import Dag
    from reactive_dag.model.callables import Call

P = ParamSpec("P")
R = TypeVar("R")

AnyTask: TypeAlias = "Task[..., Any]"
Kind = Literal["task", "wait"]

_OPTIONS = (*TASK_PARSERS, "outlets", "after")


@define(eq=False, init=False, repr=False)
class Task(Generic[P, R]):
    """One task. Calling it calls its function; its settings are attributes (durations in nanoseconds).

    >>> task = Task(lambda rows, run: len(rows), id="count", retries=2, retry_delay="30s")
    >>> task([1, 2], None), task.retries, task.retry_delay
    (2, 2, 30000000000)
    """

    id: str
    fn: Callable[P, R]
    kind: Kind
    outlets: tuple[Dataset, ...]
    after: tuple[str, ...]
    wait: Wait | None
    settings: TaskSettings
    parameters: tuple[Parameter, ...]
    given: Mapping[str, object] = field(repr=False)
    ref: Call | None
    stamp: int
    _dag: Dag | None
    _place: Place

    def __init__(self, fn: Callable[P, R], id: str | None = None, **options: Unpack[TaskOptions]) -> None:
        if not callable(fn):
            raise InvalidValue(f"a task is made of a function, not of {shown(fn)}")
        place = place_of(fn) or here()
        self.__attrs_init__(
            *(task_id(fn, id), fn, "task", (), (), None, merged(None, {}), parameters_of(fn), {}, None, 0, None, place)
        )
        if options:
            self._take(options)

    def _take(self, options: TaskOptions) -> None:
        only_known(options, _OPTIONS, f"task {self.id!r}")
        where = f"task {self.id!r} ({self.place})"
        plain = {key: value for key, value in options.items() if key in TASK_PARSERS}
        self.given = parsed(plain, TASK_PARSERS, where)
        self.settings = merged(None, self.given)
        self.outlets = outlets_of(options.get("outlets", ()), where)
        self.after = ids_after(options.get("after", ()), where)

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """Call the function itself, as if it had never been a task."""
        return self.fn(*args, **kwargs)

    def __repr__(self) -> str:
        owner = f", dag={self.dag_id!r}" if self._dag is not None else ""
        return f"{'Task' if self.kind == 'task' else 'WaitTask'}({self.id!r}{owner})"

    # -------------------------------------------------------------------------------------- whose it is

    @property
    def dag(self) -> Dag | None:
        """The DAG that it belongs to. O(1)."""
        return self._dag

    @property
    def dag_id(self) -> str | None:
        """That DAG's id. O(1)."""
        return None if self._dag is None else self._dag.id

    @property
    def place(self) -> str:
        """Where it is declared, "file:line". O(lines of the function around it)."""
        return text_of(self._place)

    @property
    def declared(self) -> Place:
        """The same place, unread. O(1)."""
        return self._place

    def join(self, dag: Dag) -> None:
        """Become a task of `dag`, which gives what was not said. O(options)."""
        self._dag = dag
        self.settings = merged(dag.defaults, self.given)

    def leave(self) -> None:
        """Belong to no DAG. O(1)."""
        self._dag = None

    def copy(self) -> Task[P, R]:
        """The same task, of no DAG. O(1)."""
        made: Task[P, R] = Task.__new__(Task)
        made.__attrs_init__(
            *(self.id, self.fn, self.kind, self.outlets, self.after, self.wait, merged(None, self.given)),
            *(self.parameters, self.given, self.ref, 0, None, self._place),
        )
        return made

    def rebind(self, fn: Callable[P, R] | None, given: Mapping[str, object], wait: Wait | None) -> None:
        """Have the functions that were only named until now (G5). O(parameters)."""
        self.given, self.wait = given, wait
        if fn is not None:
            self.fn, self.ref, self.parameters = fn, None, parameters_of(fn)
        if self._dag is not None:
            self.join(self._dag)
            self._dag.forget()

    # -------------------------------------------------------------------------------------- what it needs

    @property
    def needs(self) -> tuple[str, ...]:
        """All tasks that it follows: by parameter, by `rd.output`, by `after=`. O(1) after the first time."""
        return () if self._dag is None else self._dag.links(self.id).needs

    @property
    def bindings(self) -> tuple[Binding, ...]:
        """Where each parameter comes from. O(1) after the first time."""
        return () if self._dag is None else self._dag.links(self.id).bindings

    # -------------------------------------------------------------------------- how it is run: its settings

    retries = Setting[int]()
    retry_delay = Setting["int | Call"]()
    backoff = Setting[str]()
    max_delay = Setting["int | None"]()
    jitter = Setting[bool]()
    timeout = Setting["int | None"]()
    trigger_rule = Setting[str]()
    depends_on_past = Setting[bool]()
    priority = Setting[int]()


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


def wait_task(wait: Wait, place: Place) -> AnyTask:
    """The task that waits. O(1)."""
    made: AnyTask = Task.__new__(Task)
    made.__attrs_init__(
        *(wait.id, _never_called, "wait", (), wait.after, wait, merged(None, {}), (), {}, None, 0, None, place)
    )
    return made


def loaded_task(id: str, call: Call, parameters: tuple[Parameter, ...], options: TaskOptions, place: Place) -> AnyTask:
    """A task whose function is only named, with the parameters that were written down beside it. O(options)."""
    made: AnyTask = Task(call.fn, id, **options)
    made.ref, made.parameters, made._place = call, parameters, place
    return made


def _never_called(*_args: object, **_kwargs: object) -> NoReturn:
    raise UsageError("a wait has no function to call: the engine decides it from what was recorded")
