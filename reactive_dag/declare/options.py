"""What tasks and DAGs may be told, and what is refused (R15).

Owns `TaskSettings` and `DagSettings` (frozen, parsed, with every default) and the one table of parsers behind each.
Invariant: settings that exist are right. Where nothing is given the shared default is used, so a DAG without options
costs nothing here; otherwise O(options given).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any, Generic, Literal, TypeAlias, TypedDict, TypeVar, overload

from attrs import evolve, fields, frozen

from reactive_dag.declare.parameters import TaskLike
from reactive_dag.declare.params import NO_PARAMS, Params, params_of
from reactive_dag.model.callables import Call
from reactive_dag.model.errors import InvalidValue
from reactive_dag.model.suggest import did_you_mean
from reactive_dag.model.text import exact, seen, text_in
from reactive_dag.model.times import GivenDuration, GivenTime, format_time, parse_duration, parse_time, zone
from reactive_dag.triggers.base import Trigger
from reactive_dag.triggers.checks import choice_of, names_of
from reactive_dag.triggers.leaves.dataset import Dataset

TRIGGER_RULES = (
    "all_success", "all_done", "one_success", "one_failed", "none_failed", "all_failed", "none_failed_min_one_success",
)  # fmt: skip
BACKOFFS = ("fixed", "exponential")
OVERLAPS = ("queue",)

Outlets: TypeAlias = Dataset | str | Iterable[Dataset | str]
After: TypeAlias = TaskLike[Any] | str | Iterable[TaskLike[Any] | str]
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
    timeout: GivenDuration | None
    trigger_rule: TriggerRule
    depends_on_past: bool
    priority: int


class TaskOptions(TaskDefaults, total=False):
    """All options of a task but its id."""

    outlets: Outlets
    after: After


class DagOptions(TaskDefaults, total=False):
    """All options of a DAG, with those that a decorated function's task takes."""

    on: Trigger | Dataset | Mapping[str, Trigger | Dataset] | None
    schedule: str | None
    outlets: Outlets
    tz: str
    start: GivenTime | None
    end: GivenTime | None
    catchup: Literal["one", "all", "none"] | bool
    max_catchup: int
    paused: bool
    max_active_runs: int | None
    overlap: Literal["queue"]
    defaults: TaskDefaults
    tags: Iterable[str]
    description: str
    params: Mapping[str, object] | type | None


@frozen
class TaskSettings:
    """How a task is run. Durations are nanoseconds; `max_delay` bounds an exponential backoff."""

    retries: int = 0
    retry_delay: int | Call = 0
    backoff: str = "fixed"
    max_delay: int | None = None
    jitter: bool = False
    timeout: int | None = None
    trigger_rule: str = "all_success"
    depends_on_past: bool = False
    priority: int = 0


@frozen
class DagSettings:
    """What a DAG was told beside its trigger, outlets and tasks. Times are nanoseconds UTC."""

    tz: str | None = None
    start: int | None = None
    end: int | None = None
    catchup: str = "one"
    max_catchup: int = 1000
    paused: bool = False
    max_active_runs: int | None = None
    overlap: str = "queue"
    defaults: TaskSettings | None = None
    tags: frozenset[str] = frozenset()
    description: str = ""
    params: Params = NO_PARAMS


# ----------------------------------------------------------------------------------------------- parsers


def whole(value: object, what: str, least: int | None = None) -> int:
    """A whole number, at least `least`; a bool is none. O(1)."""
    if type(value) is not int:
        raise InvalidValue(f"{what} must be a whole number, not {seen(value)}")
    if least is not None and value < least:
        raise InvalidValue(f"{what} must be at least {least}, not {value}")
    return value


def flag(value: object, what: str) -> bool:
    """True or False. O(1)."""
    if type(value) is not bool:
        raise InvalidValue(f"{what} must be True or False, not {seen(value)}")
    return value


def optional_duration(value: object, what: str) -> int | None:
    """A positive duration, or None for no bound. O(1)."""
    return None if value is None else parse_duration(value, what=what)  # type: ignore[arg-type]


def limit(value: object, what: str) -> int | None:
    """A whole number of at least 1, or None for no limit. O(1)."""
    return None if value is None else whole(value, what, 1)


def text(value: object, what: str) -> str:
    """Some text. O(1)."""
    if not isinstance(value, str):
        raise InvalidValue(f"{what} must be text, not {seen(value)}")
    return text_in(value, what)


def valid_name(value: object, what: str) -> str:
    """An id: text that is not empty, in one line, without space around it. O(its length).

    >>> valid_name("build_mart", "the id")
    'build_mart'
    """
    found = exact(value) if isinstance(value, str) else ""
    if not found or found != found.strip() or not found.isprintable():  # a lone surrogate is not printable either
        raise InvalidValue(f"{what} must be text on one line that is not empty, not {seen(value)}")
    return found


def task_name(value: object, what: str) -> str:
    """The id of a task, which has no brackets. O(its length). Raises InvalidValue.

    >>> task_name("load", "the id of a task")
    'load'
    """
    found = valid_name(value, what)
    if "[" in found or "]" in found:
        raise InvalidValue(f"{what} has no brackets, since 'task[3]' is one of many instances: {found!r}")
    return found


def _delay(value: object, what: str) -> int | Call:
    if isinstance(value, Call) or callable(value):
        return Call.of(value)
    return parse_duration(value, what=what, zero_ok=True)  # type: ignore[arg-type]


def _catchup(value: object, what: str) -> str:
    if isinstance(value, bool):
        return "all" if value else "one"
    return choice_of(value, ("one", "all", "none"), what)


def _zone(value: object, what: str) -> str:
    return zone(text(value, what)).key


def _overlap(value: object, what: str) -> str:
    if not isinstance(value, str) or exact(value) not in OVERLAPS:
        raise InvalidValue(
            f"{what} is {seen(value)}, and this version knows 'queue' only: runs beyond max_active_runs wait their turn"
        )
    return "queue"


def _defaults(value: object, what: str) -> TaskSettings:
    if not isinstance(value, Mapping):
        raise InvalidValue(f"{what} must be a dict of task options, not {seen(value)}")
    unknown = [key for key in value if key not in TASK_PARSERS]
    if unknown:
        raise InvalidValue(f"{what}: there is no task option {unknown[0]!r}{did_you_mean(unknown[0], TASK_PARSERS)}")
    return TaskSettings(**parsed(value, TASK_PARSERS, what))  # type: ignore[arg-type]


def one_of(known: tuple[str, ...]) -> Parser:
    """A parser for one text among `known`. O(1)."""
    return lambda value, what: choice_of(value, known, what)


Parser: TypeAlias = Callable[[object, str], object]

TASK_PARSERS: dict[str, Parser] = {
    "retries": partial(whole, least=0),
    "retry_delay": _delay,
    "backoff": one_of(BACKOFFS),
    "max_delay": optional_duration,
    "jitter": flag,
    "timeout": optional_duration,
    "trigger_rule": one_of(TRIGGER_RULES),
    "depends_on_past": flag,
    "priority": whole,
}

DAG_PARSERS: dict[str, Parser] = {
    "tz": _zone,
    "catchup": _catchup,
    "max_catchup": partial(whole, least=1),
    "paused": flag,
    "max_active_runs": limit,
    "overlap": _overlap,
    "defaults": _defaults,
    "tags": names_of,
    "description": text,
    "params": params_of,
}


def parsed(given: Mapping[str, object], parsers: Mapping[str, Parser], where: str) -> dict[str, object]:
    """The given options, each through its parser. O(options). Raises InvalidValue saying where.

    >>> parsed({"retries": -1}, TASK_PARSERS, "task 'load' (etl.py:3)")
    Traceback (most recent call last):
    reactive_dag.model.errors.InvalidValue: task 'load' (etl.py:3): retries must be at least 0, not -1
    """
    try:
        return {key: parsers[key](value, key) for key, value in given.items()}
    except InvalidValue as error:
        raise InvalidValue(f"{where}: {error}") from None


def only_known(given: Iterable[str], known: Iterable[str], what: str) -> None:
    """Refuse options that there are not, as Python would, with the nearest name. O(options)."""
    unknown = [key for key in given if key not in set(known)]
    if unknown:
        raise TypeError(f"{what} has no option {unknown[0]!r}{did_you_mean(unknown[0], known)}")


def dag_settings(given: Mapping[str, object], where: str, clocks: Callable[[], str | None]) -> DagSettings:
    """The settings of a DAG, or the shared default; `clocks` gives the zone of its clocks. O(options).

    Raises InvalidValue saying where.
    """
    if not given:
        return DEFAULTS
    plain = {key: value for key, value in given.items() if key in DAG_PARSERS}
    found = DagSettings(**parsed(plain, DAG_PARSERS, where))  # type: ignore[arg-type]
    if "start" not in given and "end" not in given:
        return found
    return _bounded(found, found.tz or clocks() or "UTC", given.get("start"), given.get("end"), where)


def _bounded(found: DagSettings, tz: str, start: object, end: object, where: str) -> DagSettings:
    try:
        first = None if start is None else parse_time(start, tz, what="start")  # type: ignore[arg-type]
        last = None if end is None else parse_time(end, tz, what="end")  # type: ignore[arg-type]
    except InvalidValue as error:
        raise InvalidValue(f"{where}: {error}") from None
    if first is not None and last is not None and last < first:
        raise InvalidValue(f"{where}: end {format_time(last)} lies before start {format_time(first)}")
    return evolve(found, start=first, end=last)


DEFAULTS = DagSettings()
TASK_DEFAULTS = TaskSettings()


def merged(defaults: TaskSettings | None, given: Mapping[str, object]) -> TaskSettings:
    """A task's own parsed options over the defaults of its DAG. O(options)."""
    base = TASK_DEFAULTS if defaults is None else defaults
    return evolve(base, **given) if given else base  # type: ignore[arg-type]


def differing(settings: TaskSettings | DagSettings) -> dict[str, object]:
    """The settings that are not the default, by name, in order. O(settings).

    >>> differing(TaskSettings(retries=2))
    {'retries': 2}
    """
    found = {each.name: getattr(settings, each.name) for each in fields(type(settings))}
    return {each.name: found[each.name] for each in fields(type(settings)) if found[each.name] != each.default}
