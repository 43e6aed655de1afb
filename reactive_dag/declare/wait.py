"""Waiting for another DAG or for a dataset: what is awaited, as frozen data.

Owns `Wait` and what is refused when one is written down (semantics, "Waiting"). Whether a wait is over is decided
elsewhere, by the one decision function that the engine and the simulator share. Making one costs O(states).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime, timedelta
from typing import Any, Literal, TypeAlias, TypedDict

from attrs import frozen

from reactive_dag.declare.parameters import TaskLike
from reactive_dag.declare.settings.looking import MODES, NOT_OF_DAGS, NOT_OF_DATASETS, POKE, PUSH
from reactive_dag.declare.settings.parsers import flag, only_known, optional_duration, task_name
from reactive_dag.declare.settings.pool import Pool
from reactive_dag.model.calendar import Calendar
from reactive_dag.model.callables import Call, check_takes
from reactive_dag.model.errors import InvalidValue
from reactive_dag.model.partitions.given import GivenPartition, partition_text
from reactive_dag.model.records import FINAL_RUN_STATES, FINAL_TASK_STATES
from reactive_dag.model.scalars import own
from reactive_dag.model.text import exact, seen, text_at
from reactive_dag.model.times import (
    DAY,
    HOUR,
    MICROSECOND,
    MINUTE,
    GivenDuration,
    days_before,
    format_duration,
    format_time,
    parse_date,
    parse_duration,
    zone,
)
from reactive_dag.triggers.base import Trigger
from reactive_dag.triggers.checks import choice_of, choices_of, id_of, listed, names_of
from reactive_dag.triggers.leaves.dataset import Dataset

FAILED_STATES = frozenset({"failed", "upstream_failed", "cancelled"})
"""The states that fail a wait, unless told."""

MATCHES = ("exact", "latest", "same_day")
DEFAULTS = {"mode": PUSH, "poll": "1m"}
OF_A_WORKER = ("priority", "pool", "slots")
"""The options that count for what holds a worker."""

GivenPartitions: TypeAlias = "GivenPartition | timedelta | Callable[..., object] | Iterable[GivenPartition] | None"
LONGEST_PERIODS = {"hour": HOUR, "day": DAY, "week": 7 * DAY, "month": 31 * DAY}
"""Of each unit of a calendar the longest period, as it is counted on the wall clock."""

GivenDates: TypeAlias = "str | timedelta | Callable[..., object] | Iterable[datetime | date | str]"
States: TypeAlias = str | Iterable[str]


@frozen
class Wait:
    """A wait for runs of `dag`, or for `tasks` of theirs; or for events of `dataset` (then `dag` is ""), R28.

    Durations are nanoseconds, dates nanoseconds UTC. `logical_date` is "same", an offset that is taken from the waiting
    run's date, a function of that date, or dates; so is `partition`, or texts, or None for any event.
    """

    id: str
    dag: str = ""
    tasks: tuple[str, ...] = ()
    states: frozenset[str] = frozenset({"success"})
    failed_states: frozenset[str] = FAILED_STATES
    skipped_states: frozenset[str] = frozenset()
    logical_date: str | int | Call | tuple[int, ...] = "same"
    match: str = "exact"
    timeout: int | None = None
    poll: int = MINUTE
    mode: str = PUSH
    soft_fail: bool = False
    since: str | None = None
    missing: str = "error"
    after: tuple[str, ...] = ()
    dataset: Dataset | None = None
    partition: str | int | Call | tuple[str, ...] | None = "same"

    @property
    def is_polled(self) -> bool:
        """Whether it looks each `poll`, and not when something was recorded (R27). O(1)."""
        return self.mode != PUSH

    @property
    def task_ids(self) -> tuple[str, ...]:
        """The tasks awaited; of one that awaits instances, the mapped tasks. O(tasks)."""
        return tuple(dict.fromkeys([mapped_task(each)[0] for each in self.tasks]))

    def awaited_from(self, date: int, tz: str, wall: datetime | None = None) -> int:
        """The date that it awaits from an own one, where it is an offset (or "same"). O(1).

        Whole days are counted on the clock on the wall in `tz`; `wall` is the time that a schedule names for the date.
        """
        given = self.logical_date if self.dataset is None else self.partition
        offset = given if isinstance(given, int) else 0
        days, rest = divmod(offset, DAY)
        if rest or not days or tz in ("", "UTC"):
            return date - offset
        return days_before(date, days, zone(tz), wall)

    @property
    def looks_back(self) -> bool:
        """Whether it awaits an earlier date than its own, so that time itself breaks a circle through it. O(1)."""
        if self.dataset is not None:
            return type(self.partition) is int and self.partition >= self._least_back
        return type(self.logical_date) is int and self.logical_date > 0 and self.match == "exact"

    @property
    def _least_back(self) -> int:
        """How far (ns) back at least lies a date of another partition, from wherever in one."""
        of = None if self.dataset is None or self.dataset.partitions is None else self.dataset.partitions.calendar
        return LONGEST_PERIODS[of.unit] if isinstance(of, Calendar) else 1

    def __str__(self) -> str:
        return f"{self.what} {self.when}"

    @property
    def what(self) -> str:
        """What is awaited, in words. O(tasks)."""
        if self.dataset is not None:
            return f"dataset {self.dataset.uri!r}"
        if not self.tasks:
            return f"DAG {self.dag!r}"
        return f"task{'s' if len(self.tasks) > 1 else ''} {listed(self.tasks)} of DAG {self.dag!r}"

    @property
    def when(self) -> str:
        """Which dates are awaited, in words. O(dates)."""
        if self.dataset is not None:
            return self._which_partitions
        match = "" if self.match == "exact" else f" ({self.match.replace('_', ' ')})"
        if isinstance(self.logical_date, Call):
            return f"at the dates of {self.logical_date}{match}"
        if isinstance(self.logical_date, tuple):
            return f"at {', '.join(map(format_time, self.logical_date))}{match}"
        if isinstance(self.logical_date, int):
            before = "before" if self.logical_date >= 0 else "after"
            return f"{format_duration(abs(self.logical_date))} {before} its own date{match}"
        return f"at its own date{match}"

    @property
    def _which_partitions(self) -> str:
        if self.partition is None:
            return "(any event)"
        if isinstance(self.partition, Call):
            return f"at the partitions of {self.partition}"
        if isinstance(self.partition, tuple):
            return f"at {', '.join(self.partition)}"
        if isinstance(self.partition, int):
            before = "before" if self.partition >= 0 else "after"
            return f"at the partition {format_duration(abs(self.partition))} {before} its own"
        return "at its own partition" if self.partition == "same" else f"at {self.partition}"


class EventWaitOptions(TypedDict, total=False):
    """What a wait for a dataset may be told beside its id and what it follows."""

    partition: GivenPartitions
    timeout: GivenDuration | None
    poll: GivenDuration
    mode: Literal["push", "poke", "reschedule"]
    soft_fail: bool
    since: Literal["start"] | None
    retries: int
    retry_delay: GivenDuration | Callable[..., object]
    backoff: Literal["fixed", "exponential"]
    max_delay: GivenDuration | None
    jitter: bool
    priority: int
    pool: Pool | str | None
    slots: int


class WaitOptions(EventWaitOptions, total=False):
    """What a wait may be told beside what is awaited, its id and what it follows; `partition` is of datasets alone."""

    tasks: Iterable[TaskLike[Any] | str] | None
    states: States
    failed_states: States | None
    skipped_states: States
    logical_date: GivenDates
    match: Literal["exact", "latest", "same_day"]
    missing: Literal["error", "wait"]


OF_DAGS = frozenset(WaitOptions.__annotations__) - {"partition"}
OF_DATASETS = frozenset(EventWaitOptions.__annotations__)


def wait_of(
    dag: object, task: object, options: WaitOptions, *, id: str | None, after: tuple[str, ...], tz: Callable[[], str]
) -> Wait:
    """A wait from what a user gives. O(states and tasks). Raises InvalidValue for options that are not valid.

    >>> wait_of("ingest", "load", {"timeout": "1h"}, id=None, after=(), tz=lambda: "UTC").id
    'wait_ingest_load'
    """
    only_known(options, OF_DAGS, "wait_for() of a DAG", NOT_OF_DAGS)
    awaited, inside = _awaited(dag, task, options.get("tasks"))
    states, failed_states, skipped_states = _three_sets(options, bool(inside))
    named = "_".join(("wait", awaited, *(inside if options.get("tasks") is None else ())))
    named = named.replace("[", "_").replace("]", "")
    return Wait(
        id=task_name(named if id is None else id, "the id of a wait"),
        dag=awaited,
        tasks=inside,
        states=states,
        failed_states=failed_states,
        skipped_states=skipped_states,
        logical_date=_dates(options.get("logical_date", "same"), tz),
        match=choice_of(options.get("match", "exact"), MATCHES, "match"),
        missing=choice_of(options.get("missing", "error"), ("error", "wait"), "missing"),
        after=after,
        **_how(options),
    )


def event_wait_of(dataset: Dataset, options: WaitOptions, *, id: str | None, after: tuple[str, ...]) -> Wait:
    """A wait for events of a dataset (R28). O(partitions). Raises InvalidValue for options that are not valid.

    >>> str(event_wait_of(Dataset("s3://lake/orders"), {"partition": ["a", "b"]}, id=None, after=()))
    "dataset 's3://lake/orders' at a, b"
    """
    only_known(options, OF_DATASETS, f"wait_for() of a dataset ({dataset.uri!r})", NOT_OF_DATASETS)
    named = f"wait_{dataset.uri.rstrip('/').rpartition('/')[2]}" if id is None else id
    return Wait(
        id=task_name(named, "the id of a wait"),
        after=after,
        dataset=dataset,
        partition=_partitions(options.get("partition", "same"), dataset),
        **_how(options),
    )


def _how(options: WaitOptions) -> dict[str, Any]:
    """How a wait waits, for whatever it is."""
    since = options.get("since")
    return {
        "timeout": optional_duration(options.get("timeout"), "timeout"),
        "poll": parse_duration(options.get("poll", DEFAULTS["poll"]), what="poll"),
        "mode": mode_of(options, "wait_for()"),
        "soft_fail": flag(options.get("soft_fail", False), "soft_fail"),
        "since": None if since is None else choice_of(since, ("start",), "since"),
    }


def _partitions(value: object, dataset: Dataset) -> str | int | Call | tuple[str, ...] | None:
    """Which partitions are awaited; texts are judged by the dataset's calendar where it is known here."""
    value = own(value)
    if value is None:
        return None
    if isinstance(value, timedelta):
        return value // timedelta(microseconds=1) * MICROSECOND
    if isinstance(value, str | date):
        return "same" if value == "same" else partition_text(value, dataset.partitions, "partition")
    if not (callable(value) or isinstance(value, Iterable)):
        raise InvalidValue(
            f"partition must be 'same', a text, a date, a timedelta, a function of the run's date, several texts or "
            f"dates, or None for any event, not {seen(value)}"
        )
    if callable(value):
        check_takes(value, ("the run's date",), "partition=")
        return Call(value)
    found = [partition_text(each, dataset.partitions, "partition") for each in value]
    if not found:
        raise InvalidValue("partition=[] names no partition, so there is nothing to wait for")
    return tuple(dict.fromkeys(found))


def _awaited(dag: object, task: object, tasks: Iterable[TaskLike[Any] | str] | None) -> tuple[str, tuple[str, ...]]:
    if isinstance(dag, Trigger):
        raise InvalidValue(f"wait_for() waits for a DAG or its id, or for a dataset, not for {seen(dag)}")
    owner = text_at(dag, "dag")
    if owner is not None:  # a task was given: it knows its DAG
        if task is not None:
            raise InvalidValue(f"wait_for() was given the task {seen(dag)} and task={seen(task)}; give one of them")
        dag, task = owner, dag
    found = id_of(dag, "the DAG of wait_for()")
    if found == "*":
        raise InvalidValue("wait_for('*'): a wait is for one DAG; name it, or use on=rd.completed('*')")
    if task is not None and tasks is not None:
        raise InvalidValue(f"wait_for({found!r}): task={seen(task)} and tasks=... at once; give tasks=[...]")
    if isinstance(tasks, str):
        raise InvalidValue(
            f"wait_for({found!r}): tasks={seen(tasks)} is text; write task={seen(tasks)} or tasks=[{seen(tasks)}]"
        )
    return found, _tasks(found, [task] if task is not None else tasks)


def _tasks(dag: str, tasks: Iterable[object] | None) -> tuple[str, ...]:
    if tasks is None:
        return ()
    if not isinstance(tasks, Iterable):
        raise InvalidValue(f"wait_for({dag!r}): tasks must be tasks or their ids, not {seen(tasks)}")
    found = tuple([id_of(each, f"the task of wait_for({dag!r})") for each in tasks])
    if not found:
        raise InvalidValue(f"wait_for({dag!r}, tasks=[]): nothing to wait for; leave tasks out for the run")
    twice = [each for at, each in enumerate(found) if each in found[:at]]
    if twice:
        raise InvalidValue(f"wait_for({dag!r}): {twice[0]!r} is there twice in tasks; give it once")
    return found


def _three_sets(options: WaitOptions, of_tasks: bool) -> tuple[frozenset[str], frozenset[str], frozenset[str]]:
    """The states that end a wait well, those that fail it, and those that skip it."""
    states, failed = options.get("states", "success"), options.get("failed_states")
    known = FINAL_TASK_STATES if of_tasks else FINAL_RUN_STATES
    good = known if names_of(states, "states") == {"any"} else choices_of(states, known, "states")
    off = _some(options.get("skipped_states", ()), "skipped_states")
    bad = FAILED_STATES - good - off if failed is None else _some(failed, "failed_states")
    for one, other, names in ((good, bad, "states and failed_states"), (good, off, "states and skipped_states"),
                              (bad, off, "failed_states and skipped_states")):  # fmt: skip
        if one & other:
            raise InvalidValue(f"{listed(one & other)} stands in both {names}; take it out of one")
    return good, bad, off


def _some(states: States, what: str) -> frozenset[str]:
    found = names_of(states, what)
    return choices_of(found, FINAL_TASK_STATES, what) if found else found


def mode_of(options: Mapping[str, object], where: str) -> str:
    """The mode of a wait for what is recorded; what only a worker's slot needs is refused without one. O(options)."""
    mode = choice_of(options.get("mode", DEFAULTS["mode"]), MODES, "mode")
    for name in OF_A_WORKER if mode != POKE else ():
        if name in options:
            raise InvalidValue(f"{where}: {name}= is of mode='poke', which holds a worker; mode={mode!r} holds nothing")
    return mode


def mapped_task(name: str) -> tuple[str, int | None]:
    """The task that a name means, and the place of the instance that it means. O(its length).

    >>> mapped_task("eval[3]"), mapped_task("eval")
    (('eval', 3), ('eval', None))
    """
    task, bracket, rest = name.partition("[")
    number = rest.removesuffix("]")
    return (task, int(number)) if bracket and number.isdecimal() and rest != number else (name, None)


def _dates(value: GivenDates, tz: Callable[[], str]) -> str | int | Call | tuple[int, ...]:
    value = own(value)
    if isinstance(value, str) and exact(value) == "same":
        return "same"
    if isinstance(value, timedelta):
        return value // timedelta(microseconds=1) * MICROSECOND
    if isinstance(value, str):
        return _offset(value)
    if isinstance(value, datetime | date):
        raise InvalidValue(f"logical_date={seen(value)} is one date for all runs; if that is meant, write [that date]")
    if callable(value):
        check_takes(value, ("the run's date",), "logical_date=")
        return Call(value)
    if not isinstance(value, Iterable):
        raise InvalidValue(
            f"logical_date must be 'same', a timedelta, a function of the run's date, or dates, not {seen(value)}"
        )
    place = tz()
    found = {parse_date(each, place) for each in value}
    if not found:
        raise InvalidValue("logical_date=[] names no date, so there is nothing to wait for")
    return tuple(sorted(found))


def _offset(value: str) -> int:
    try:
        return parse_duration(value, what="logical_date", zero_ok=True)
    except InvalidValue:
        raise InvalidValue(
            f"logical_date={seen(value)} is none of 'same', a duration such as '1d' (so long before the run's date), "
            "a function of that date, or a list of dates"
        ) from None
