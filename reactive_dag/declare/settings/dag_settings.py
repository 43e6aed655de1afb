"""What DAGs may be told: every option with its parser and its default (R15).

Owns `DagSettings` (frozen, parsed). Invariant: settings that exist are right. Where nothing is given the shared default
is used, so a DAG without options costs nothing here; otherwise O(options given). An option is a field of `DagSettings`,
a line of `DagOptions` and of `DAG_PARSERS`, and a `Setting` of `Dag`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any, Literal, TypeVar

from attrs import evolve, fields, frozen

from reactive_dag.declare.settings.params import NO_PARAMS, Params, params_of
from reactive_dag.declare.settings.parsers import Parser, flag, limit, one_of, optional_duration, parsed, text, whole
from reactive_dag.declare.settings.task_settings import DEFAULT_PARSERS, Outlets, Setting, TaskDefaults, TaskSettings
from reactive_dag.model.errors import InvalidValue
from reactive_dag.model.records import Json
from reactive_dag.model.suggest import did_you_mean
from reactive_dag.model.text import seen
from reactive_dag.model.times import (
    GivenDuration,
    GivenTime,
    format_time,
    is_bare_day,
    parse_duration,
    parse_time,
    zone,
)
from reactive_dag.triggers.base import Trigger
from reactive_dag.triggers.checks import choice_of, names_of
from reactive_dag.triggers.leaves.dataset import Dataset
from reactive_dag.triggers.leaves.schedule import Scheduled

T = TypeVar("T")

OVERLAPS = ("queue", "skip", "replace", "allow")


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
    overlap: Literal["queue", "skip", "replace", "allow"]
    defaults: TaskDefaults
    tags: Iterable[str]
    description: str
    params: Mapping[str, object] | type | None
    deadline: GivenDuration | Scheduled | None


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
    timeout: int | None = None
    defaults: TaskSettings | None = None
    tags: frozenset[str] = frozenset()
    description: str = ""
    params: Params = NO_PARAMS
    deadline: int | Scheduled | None = None
    bare: tuple[GivenTime | None, GivenTime | None] | None = None
    """Its start and end where they are days alone, and only the graph says of which zone; its own are a guess."""

    def in_zone(self, tz: str) -> DagSettings:
        """With the days alone read in this zone. O(1). Raises InvalidValue for a day that it skipped."""
        if self.bare is None:
            return self
        first, last = self.bare
        start = self.start if first is None else parse_time(first, tz, what="start")
        end = self.end if last is None else parse_time(last, tz, what="end")
        return evolve(self, start=start, end=end, deadline=_anchored(self.deadline, start), bare=None)


class InZone(Setting[T]):
    """A setting that the DAG's zone bears upon. O(1)."""

    __slots__ = ()

    def __get__(self, owner: object | None, cls: type) -> Any:
        return self if owner is None else getattr(owner._told(), self.name)  # type: ignore[attr-defined]


class ReadsDagSettings:
    """The settings of a DAG as its attributes. Times are nanoseconds UTC."""

    __slots__ = ()
    _settings: DagSettings

    start = InZone[int | None]()
    end = InZone[int | None]()
    catchup = Setting[str]()
    max_catchup = Setting[int]()
    paused = Setting[bool]()
    max_active_runs = Setting[int | None]()
    overlap = Setting[str]()
    timeout = Setting["int | None"]()
    defaults = Setting[TaskSettings | None]()
    tags = Setting["frozenset[str]"]()
    description = Setting[str]()
    deadline = InZone["int | Scheduled | None"]()

    @property
    def params(self) -> Mapping[str, Json]:
        """The defaults of its params, as plain data. O(1)."""
        return self._settings.params.defaults


def _catchup(value: object, what: str) -> str:
    if isinstance(value, bool):
        return "all" if value else "one"
    return choice_of(value, ("one", "all", "none"), what)


def _zone(value: object, what: str) -> str:
    return zone(text(value, what)).key


def _deadline(value: object, what: str) -> int | Scheduled | None:
    """A duration after the logical date, or a clock (R13)."""
    if value is None or isinstance(value, Scheduled):
        return value
    try:
        return parse_duration(value, what=what)  # type: ignore[arg-type]
    except InvalidValue as error:
        raise InvalidValue(
            f"{error}; a deadline is a duration after the logical date, such as '4h', or a clock, such as "
            "rd.cron('0 6 * * *'); dates on which that does not tick go to skip="
        ) from None


def _defaults(value: object, what: str) -> TaskSettings:
    if not isinstance(value, Mapping):
        raise InvalidValue(f"{what} must be a dict of task options, not {seen(value)}")
    unknown = [key for key in value if key not in DEFAULT_PARSERS]
    if unknown:
        raise InvalidValue(f"{what}: there is no task option {unknown[0]!r}{did_you_mean(unknown[0], DEFAULT_PARSERS)}")
    return TaskSettings(**parsed(value, DEFAULT_PARSERS, what))  # type: ignore[arg-type]


DAG_PARSERS: dict[str, Parser] = {
    "tz": _zone,
    "catchup": _catchup,
    "max_catchup": partial(whole, least=1),
    "paused": flag,
    "max_active_runs": limit,
    "overlap": one_of(OVERLAPS),
    "timeout": optional_duration,
    "defaults": _defaults,
    "tags": names_of,
    "description": text,
    "params": params_of,
    "deadline": _deadline,
}
DEFAULTS = DagSettings()


def dag_settings(
    given: Mapping[str, object], where: str, clocks: Callable[[], str | None], outlets: Callable[[], str | None]
) -> DagSettings:
    """The settings of a DAG, or the shared default; its clocks and its outlets give a zone, or None. O(options).

    Raises InvalidValue saying where.
    """
    if not given:
        return DEFAULTS
    plain = {key: value for key, value in given.items() if key in DAG_PARSERS}
    found = DagSettings(**parsed(plain, DAG_PARSERS, where))  # type: ignore[arg-type]
    if "overlap" in given:
        _check_overlap(found, where)
    if "start" not in given and "end" not in given:
        return found
    start, end, own = given.get("start"), given.get("end"), found.tz or clocks()
    bounded = _bounded(found, own or outlets() or "UTC", start, end, where)
    if own is not None or not (is_bare_day(start) or is_bare_day(end)):
        return evolve(bounded, deadline=_anchored(found.deadline, bounded.start))
    return evolve(bounded, bare=(_day(start), _day(end)))


def _check_overlap(found: DagSettings, where: str) -> None:
    limited = found.max_active_runs is not None
    if found.overlap == "allow" and limited:
        raise InvalidValue(
            f"{where}: overlap='allow' is no limit, beside max_active_runs={found.max_active_runs}; give one of the two"
        )
    if found.overlap in ("skip", "replace") and not limited:
        raise InvalidValue(f"{where}: overlap={found.overlap!r} needs a limit; give max_active_runs=")


def _bounded(found: DagSettings, tz: str, start: object, end: object, where: str) -> DagSettings:
    try:
        first = None if start is None else parse_time(start, tz, what="start")  # type: ignore[arg-type]
        last = None if end is None else parse_time(end, tz, what="end")  # type: ignore[arg-type]
    except InvalidValue as error:
        raise InvalidValue(f"{where}: {error}") from None
    if first is not None and last is not None and last < first:
        raise InvalidValue(f"{where}: end {format_time(last)} lies before start {format_time(first)}")
    return evolve(found, start=first, end=last)


def _day(given: object) -> GivenTime | None:
    return given if is_bare_day(given) else None  # type: ignore[return-value]


def _anchored(deadline: int | Scheduled | None, start: int | None) -> int | Scheduled | None:
    return deadline.anchored(start) if start is not None and isinstance(deadline, Scheduled) else deadline


def differing(settings: TaskSettings | DagSettings) -> dict[str, object]:
    """The settings that are not the default, by name, in order. O(settings).

    >>> differing(TaskSettings(retries=2))
    {'retries': 2}
    """
    found = {each.name: getattr(settings, each.name) for each in fields(type(settings))}
    return {each.name: found[each.name] for each in fields(type(settings)) if found[each.name] != each.default}
