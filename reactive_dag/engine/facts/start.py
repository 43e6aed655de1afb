"""Starts by hand on their way into the log: validation, numbers, keys (I3, I5, R8)."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from datetime import date as date_type
from typing import NamedTuple, Protocol

import msgspec

from reactive_dag.declare.analysis.body_warnings import may_publish
from reactive_dag.declare.dag import Dag
from reactive_dag.declare.internals import deadline_of, params_of
from reactive_dag.engine.facts.event_fields import check_key, check_text
from reactive_dag.log.protocol import EventLog
from reactive_dag.model.errors import InvalidValue, UnknownId, UsageError
from reactive_dag.model.partitions.given import GivenPartition, partition_text
from reactive_dag.model.partitions.products import Partitions, Periods
from reactive_dag.model.payload import plain
from reactive_dag.model.records import Json, KeyConflict, RunDeadline, RunRequested, RunStarted, StartRequested
from reactive_dag.model.scalars import own
from reactive_dag.model.schedule import Schedule
from reactive_dag.model.suggest import did_you_mean
from reactive_dag.model.text import exact, seen, text_at
from reactive_dag.model.times import MICROSECOND, GivenTime, format_time, parse_date

LOGGER = logging.getLogger("reactive_dag.engine")
MOST_TOLD = 5
"""So many partitions at most are named in a message."""
CONTENT = ("params", "payload", "logical_date", "partition")
"""What a key stands for besides its DAG (I5)."""
MOST_STARTS = 1_000
"""So many starts out of bodies at most lead to each other at one instant."""


class Calendars(Protocol):
    """Knows how what a DAG reads and writes is partitioned, and dates its runs."""

    def own_calendar(self, dag: Dag) -> Periods | None:
        """The calendar of its outlets. O(1) amortised."""

    def of_dag(self, dag: Dag) -> Sequence[Partitions]:
        """How all that it writes and reads is partitioned. O(tasks + size of its triggers)."""

    def deadline(self, request: RunRequested, deadline: int | Schedule, by_hand: bool) -> RunDeadline:
        """By when a run is to have succeeded (R13). O(causes)."""


def dated_by_hand(request: RunRequested, dag: Dag | None, dates: Calendars) -> RunRequested:
    """The request of a run that somebody asked for, with its deadline unless that has passed (R13). O(causes)."""
    deadline = None if dag is None else deadline_of(dag)
    if deadline is None:
        return request
    about = dates.deadline(request, deadline, by_hand=True)
    return msgspec.structs.replace(request, deadline=about) if about.due > request.at else request


class StartFields(NamedTuple):
    """What a caller gave of a start."""

    params: object = None
    payload: object = None
    logical_date: GivenTime | None = None
    partition: GivenPartition | None = None
    key: str | None = None


class StartedBy(NamedTuple):
    """The task of a run that starts another, and how many of each DAG its attempt has started."""

    begun: RunStarted
    task: str
    children: dict[str, int]


class Starting:
    """The starts of one engine, and the number of each DAG's next one. A start costs O(1) besides its payload."""

    def __init__(self, graph: str, log: EventLog, dags: Mapping[str, Dag], calendars: Calendars) -> None:
        self._calendars = calendars
        self.graph = graph
        self.log = log
        self.dags = dags
        self.numbers: dict[str, int] = {}

    def push(self, at: int, dag: Dag | str, fields: StartFields, by: StartedBy | None = None) -> int:
        """Push one start with its request (the log's lock is held); its run, or that of the first start with this key.

        The request stands right behind its fact, in one commit: there is nothing to decide about it.
        """
        declared = self.dag(dag)
        where = f"start({declared.id!r})" if by is None else f"run.start({declared.id!r}) in {by.begun.dag}.{by.task}"
        params, payload, date, partition, key = fields
        given = self._params(declared, params, where)
        body = None if payload is None else plain(payload, f"{where}: payload")
        place = self.partition_of(declared, partition, where)
        if isinstance(date, str) and exact(date) == "now":
            when: int | None = at - at % MICROSECOND
        else:
            when = None if date is None else parse_date(date, declared.tz)
        name = check_key(key, where)
        if by is None:
            self._check_dated(declared, place, when, where)
            return self.judge(StartRequested(at, declared.id, 0, name, given, body, when, place))
        begun, task, children = by
        if when is None and place is None:
            when, place = begun.logical_date, self._inherited(declared, begun.partition)
        self._check_dated(declared, place, when, where)
        if name is None:
            number = children.get(declared.id, 0)
            children[declared.id] = number + 1
            name = f"{begun.key}/{task}#{number}"
        about = name, given, body, when, place, begun.run, task, begun.cascade, self._depth(at, begun.run, where)
        return self.judge(StartRequested(at, declared.id, 0, *about))

    def _depth(self, at: int, run: int, where: str) -> int:
        """How many starts led to each other at this instant, if a run starts one more (R3). Raises UsageError.

        O(triggers between the run and the start that led to it).
        """
        depth = 1
        while run >= 0:
            request = self.log.record(run)
            assert isinstance(request, RunRequested)
            made = max([cause for cause in request.causes if isinstance(cause, int)], default=-1)
            if request.at < at or made < 0:
                break
            fact = self.log.record(made)  # the newest cause: what made the trigger fire
            if isinstance(fact, StartRequested):
                depth = fact.depth + 1 if fact.at == at else 1
                break
            run = getattr(fact, "run", -1)
        if depth > MOST_STARTS:
            raise UsageError(
                f"{where}: {MOST_STARTS} runs were started by run.start() at this one instant, each in what the one "
                "before led to, so they may never end; let a param or a date end them, or time pass in between"
            )
        return depth

    def partition_of(self, dag: Dag, partition: object, where: str) -> str | None:
        """A given partition as text; a date is of the first calendar that has days or longer. Raises InvalidValue."""
        if not isinstance(own(partition), date_type):
            return check_text(partition, where, "partition")
        known = self._calendars.of_dag(dag)
        best = min(known, key=lambda of: (not of.is_dated, "hour" in of.names), default=None)
        return partition_text(partition, best, f"{where}: partition")

    def _inherited(self, dag: Dag, partition: str | None) -> str | None:
        """The partition of the run that starts another, where one of that DAG's calendars has it (R3)."""
        known = () if partition is None else self._calendars.of_dag(dag)
        if partition is None or (known and not any(each.fits(partition) for each in known)):
            return None
        return partition

    def keyed(self, dag: str, key: str) -> int | None:
        """The run of the first start of a DAG with this key (I5). O(log n)."""
        first = self.log.find(f"start:{dag}", key)
        return None if first is None else first + 1

    def judge(self, record: StartRequested) -> int:
        """Number a start that is right and push it, unless its key is known; its run (the log's lock is held)."""
        scope = f"start:{record.dag}"
        record = msgspec.structs.replace(record, n=self.numbers.get(record.dag, 0))
        first = None if record.key is None else self.log.find(scope, record.key)
        if first is not None:
            self._conflict(record.at, scope, first, record)
            return first + 1
        self.on_start_requested(record)
        return self._append(record)

    def on_start_requested(self, record: StartRequested) -> None:
        """Count a start by hand: the next one's number is one more (I3). O(1)."""
        self.numbers[record.dag] = max(self.numbers.get(record.dag, 0), record.n + 1)

    def restore(self, numbers: dict[str, int]) -> None:
        """Go on with these numbers. O(1)."""
        self.numbers = numbers

    def _append(self, record: StartRequested) -> int:
        log = self.log
        offset = log.push(record)
        if record.key is not None:
            log.note_key(f"start:{record.dag}", record.key, offset)
        request = RunRequested(record.at, record.dag, "", (offset,), record.payload, record.payload is not None)
        return log.push(dated_by_hand(request, self.dags.get(record.dag), self._calendars))

    def dag(self, dag: Dag | str) -> Dag:
        """A DAG of this graph. Raises UnknownId, InvalidValue for what is no DAG."""
        given = dag if isinstance(dag, str) else text_at(dag, "id")
        if given is None:
            raise InvalidValue(f"{seen(dag)} is no DAG; give one, or its id")
        name = exact(given)
        found = self.dags.get(name)
        if found is None:
            raise UnknownId(f"no DAG {name!r} in graph {self.graph!r}{did_you_mean(name, self.dags)}")
        return found

    def _check_dated(self, dag: Dag, partition: str | None, date: int | None, where: str) -> None:
        """Refuse a partition that no calendar of the DAG has, and neither date nor partition where outlets need one."""
        if partition is not None:
            check_partition(partition, self._calendars.of_dag(dag), where)
        else:
            check_said(dag, date, self._calendars.own_calendar(dag), where)

    def _params(self, dag: Dag, params: object, where: str) -> Json:
        known = params_of(dag)
        if params is None:
            if known.required:
                known.merged({}, where)
            return None
        given = plain(known.of_object(params), f"{where}: params")
        if not isinstance(given, Mapping):
            raise InvalidValue(f"{where}: params={seen(params)} must be a dict of the DAG's params")
        known.merged(given, where)
        return given

    def _conflict(self, at: int, scope: str, first: int, record: StartRequested) -> None:
        there = self.log.record(first)
        assert isinstance(there, StartRequested)
        other = [name for name in CONTENT if getattr(there, name) != getattr(record, name)]
        if other:
            self.log.push(KeyConflict(at, scope, str(record.key), first))
            LOGGER.warning(
                "start(%r, key=%r) with %s gets the run of the first start under this key, which has %s; "
                "give another key for a run of its own",
                record.dag, record.key, _shown(record, other), _shown(there, other),
            )  # fmt: skip


def _shown(start: StartRequested, names: Sequence[str]) -> str:
    """What a start gave of these, as a message says it."""
    values = [(name, getattr(start, name)) for name in names]
    return ", ".join(f"{name}={seen(format_time(v) if v and name == 'logical_date' else v)}" for name, v in values)


def check_partition(partition: str, among: Sequence[Partitions], where: str) -> None:
    """Refuse a partition that none of those has in which a DAG reads and writes (R3). Raises InvalidValue."""
    if among and not any(each.fits(partition) for each in among):
        known = ", ".join(dict.fromkeys(map(repr, among)))
        raise InvalidValue(f"{where}: partition={partition!r} is none of {known}, which this DAG reads or writes")


def check_said(dag: Dag, date: int | None, calendar: Periods | None, where: str) -> None:
    """Refuse a start without a partition that does not say what an outlet needs (R3, T19). Raises InvalidValue.

    That is a static value where no body could say it either, and a date where the outlets have that calendar.
    """
    silent = [task for task in dag.tasks.values() if task.outlets and not may_publish(task)]
    for outlet in dict.fromkeys([*dag.outlets, *[outlet for task in silent for outlet in task.outlets]]):
        of = outlet.partitions
        if of is None or of.is_dated or of.made_of({}, date) is not None:
            continue
        known = of.of_instant(date) if date is not None else of.of_instant(0) if of.calendar is None else ()
        more = f" and {len(known) - MOST_TOLD} more" if len(known) > MOST_TOLD else ""
        names = f", one of {', '.join(map(repr, known[:MOST_TOLD]))}{more}" if known else ""
        raise InvalidValue(
            f"{where}: its outlet {outlet.uri!r} is partitioned by {of!r}, so a start needs partition={names}"
        )
    if date is None and calendar is not None:
        raise InvalidValue(
            f'{where}: its outlets are partitioned by {calendar!r}, so a start needs logical_date= ("now" will do) '
            "or partition="
        )
