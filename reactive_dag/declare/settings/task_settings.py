"""What tasks may be told: every option with its parser and its default (R15).

Owns `TaskSettings` (frozen, parsed). Invariant: settings that exist are right. Where nothing is given the shared
default is used; otherwise O(options given). An option is a field of `TaskSettings`, a line of `TaskDefaults` and of
`TASK_PARSERS`, and a `Setting` of `Task`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any, Generic, Literal, TypeAlias, TypedDict, TypeVar, overload

from attrs import evolve, frozen

from reactive_dag.declare.parameters import TaskLike
from reactive_dag.declare.settings.error_names import error_names
from reactive_dag.declare.settings.files import OutputFiles, save_of
from reactive_dag.declare.settings.parsers import Parser, flag, one_of, optional_duration, task_name, valid_name, whole
from reactive_dag.declare.settings.pool import Pool
from reactive_dag.model.callables import Call, check_takes
from reactive_dag.model.times import GivenDuration, parse_duration
from reactive_dag.triggers.checks import id_of
from reactive_dag.triggers.leaves.dataset import Dataset

TRIGGER_RULES = (
    "all_success", "all_done", "one_success", "one_failed", "none_failed", "all_failed", "none_failed_min_one_success",
)  # fmt: skip
BACKOFFS = ("fixed", "exponential")
Outlets: TypeAlias = Dataset | str | Iterable[Dataset | str]
After: TypeAlias = TaskLike[Any] | str | Iterable[TaskLike[Any] | str]
ErrorClasses: TypeAlias = type[BaseException] | str | Iterable[type[BaseException] | str]
TriggerRule: TypeAlias = Literal[
    "all_success", "all_done", "one_success", "one_failed", "none_failed", "all_failed", "none_failed_min_one_success"
]
T = TypeVar("T")


class Setting(Generic[T]):
    """An attribute that is read from the owner's `_settings`. O(1)."""

    __slots__ = ("name",)

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    @overload
    def __get__(self, owner: None, cls: type) -> Setting[T]: ...

    @overload
    def __get__(self, owner: object, cls: type) -> T: ...

    def __get__(self, owner: object | None, cls: type) -> Setting[T] | T:
        if owner is None:
            return self
        found: T = getattr(owner._settings, self.name)  # type: ignore[attr-defined]
        return found


class TaskDefaults(TypedDict, total=False):
    """The options of a task that `defaults=` may hold too."""

    retries: int
    retry_delay: GivenDuration | Callable[..., object]
    backoff: Literal["fixed", "exponential"]
    max_delay: GivenDuration | None
    jitter: bool
    retry_on: ErrorClasses | None
    timeout: GivenDuration | None
    trigger_rule: TriggerRule
    depends_on_past: bool
    priority: int
    pool: Pool | str | None
    slots: int
    save: OutputFiles | None


class TaskOptions(TaskDefaults, total=False):
    """All options of a task but its id."""

    outlets: Outlets
    after: After
    map_over: TaskLike[Any] | str
    branch: bool
    teardown: bool


@frozen
class TaskSettings:
    """How a task is run. Durations are nanoseconds; `max_delay` bounds an exponential backoff.

    `retry_on` are names of classes of errors, None for all of them.
    """

    retries: int = 0
    retry_delay: int | Call = 0
    backoff: str = "fixed"
    max_delay: int | None = None
    jitter: bool = False
    retry_on: tuple[str, ...] | None = None
    timeout: int | None = None
    trigger_rule: str = "all_success"
    depends_on_past: bool = False
    priority: int = 0
    pool: str | None = None
    slots: int = 1
    save: OutputFiles | None = None
    map_over: str | None = None
    branch: bool = False
    teardown: bool = False


class ReadsTaskSettings:
    """The settings of a task as its attributes. Durations are nanoseconds."""

    __slots__ = ()
    _settings: TaskSettings

    retries = Setting[int]()
    retry_delay = Setting["int | Call"]()
    backoff = Setting[str]()
    max_delay = Setting["int | None"]()
    jitter = Setting[bool]()
    retry_on = Setting["tuple[str, ...] | None"]()
    timeout = Setting["int | None"]()
    trigger_rule = Setting[str]()
    depends_on_past = Setting[bool]()
    priority = Setting[int]()
    pool = Setting["str | None"]()
    slots = Setting[int]()
    save = Setting["OutputFiles | None"]()
    map_over = Setting["str | None"]()
    branch = Setting[bool]()
    teardown = Setting[bool]()


def _delay(value: object, what: str) -> int | Call:
    if isinstance(value, Call):
        return value
    if callable(value):
        check_takes(value, ("the number of the attempt",), what)
        return Call(value)
    return parse_duration(value, what=what, zero_ok=True)  # type: ignore[arg-type]


def _pool(value: object, what: str) -> str | None:
    return None if value is None else valid_name(id_of(value, what), what)


TASK_PARSERS: dict[str, Parser] = {
    "retries": partial(whole, least=0),
    "retry_delay": _delay,
    "backoff": one_of(BACKOFFS),
    "max_delay": optional_duration,
    "jitter": flag,
    "retry_on": error_names,
    "timeout": optional_duration,
    "trigger_rule": one_of(TRIGGER_RULES),
    "depends_on_past": flag,
    "priority": whole,
    "pool": _pool,
    "slots": partial(whole, least=1),
    "save": save_of,
    "map_over": lambda value, what: task_name(id_of(value, what), what),
    "branch": flag,
    "teardown": flag,
}
OWN_OPTIONS = frozenset({"map_over", "branch", "teardown"})
"""Options that a task has for itself, never from its DAG."""
DEFAULT_PARSERS = {name: parser for name, parser in TASK_PARSERS.items() if name not in OWN_OPTIONS}
"""The parsers of the options that `defaults=`, and a DAG that is one function, may hold."""
TASK_DEFAULTS = TaskSettings()


WAIT_SETTINGS = ("retries", "retry_delay", "backoff", "max_delay", "jitter", "priority", "pool", "slots")
"""The options of a task that a wait takes too."""
_OF_WAITS_TOO = ("trigger_rule", "depends_on_past", "priority", "pool", "slots")
"""What a wait takes from its DAG's `defaults`."""


def merged_of_wait(defaults: TaskSettings | None, given: Mapping[str, object]) -> TaskSettings:
    """A wait's own parsed options over those defaults of its DAG that are for waits too (R30). O(options)."""
    if defaults is None and not given:
        return TASK_DEFAULTS
    taken = {} if defaults is None else {name: getattr(defaults, name) for name in _OF_WAITS_TOO}
    return evolve(TASK_DEFAULTS, **{**taken, **given})


def merged(defaults: TaskSettings | None, given: Mapping[str, object]) -> TaskSettings:
    """A task's own parsed options over the defaults of its DAG; a teardown's rule is its own (R18). O(options)."""
    base = TASK_DEFAULTS if defaults is None else defaults
    if not given:
        return base
    found = evolve(base, **given)  # type: ignore[arg-type]
    return evolve(found, trigger_rule="all_done", depends_on_past=False) if found.teardown else found
