"""What a run says of itself, from what caused it: logical date, partition and its dimensions, cascade, data interval
(R1, T8, T19).

Owns no state: causes are read from the log, calendars and schedules from the declarations in force. Costs O(causes).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime

from reactive_dag.declare.dag import Dag
from reactive_dag.declare.graph import Graph
from reactive_dag.declare.internals import sources_of, version_of
from reactive_dag.engine.items.identity import Identities, RunInfo
from reactive_dag.log.history import RunRow
from reactive_dag.model.errors import InvalidValue, UnknownId
from reactive_dag.model.partitions.products import SEPARATOR, Dimension, Partitions, Periods, Product
from reactive_dag.model.records import (
    Item,
    Mark,
    Published,
    RollupFired,
    RunDeadline,
    RunFinished,
    RunRequested,
    RunStarted,
    StartRequested,
    TaskFinished,
)
from reactive_dag.model.schedule import CronSchedule, Schedule
from reactive_dag.model.times import NEVER, is_after_gap, zone
from reactive_dag.triggers.base import Trigger
from reactive_dag.triggers.functions.by import keying_dimensions
from reactive_dag.triggers.implicit_joins import sources
from reactive_dag.triggers.keys import partition_time
from reactive_dag.triggers.leaves.dataset import Updated
from reactive_dag.triggers.leaves.schedule import Scheduled
from reactive_dag.triggers.walks import leaves

Interval = tuple[int | None, int | None]
"""From, and up to: ns UTC."""

Deadline = int | Schedule
"""By when a run is to have succeeded (R13): so long (ns) after its date, or by the next tick."""

MOST_HOPS = 1_000
"""So many runs at most are gone back for a schedule."""


class OutletCalendars:
    """The calendars of DAGs' outlets in one version of a graph; engines of that graph may share them."""

    __slots__ = ("_known", "_version")

    def __init__(self, version: int = -1, dags: Iterable[Dag] = ()) -> None:
        self._version = version
        self._known = {dag.id: calendar_of_outlets(dag) for dag in dags}

    def of(self, dag: Dag, version: int) -> Periods | None:
        """The calendar of a DAG's outlets. O(1), once a version of the graph O(tasks + outlets)."""
        if version != self._version:
            self._known, self._version = {}, version
        if dag.id not in self._known:
            self._known[dag.id] = calendar_of_outlets(dag)
        return self._known[dag.id]


def partitions_of(dag: Dag, graph: Graph) -> list[Partitions]:
    """How a DAG's outlets, its triggers' keys and what they hear are partitioned. O(tasks + size of its triggers)."""
    made = [outlet.partitions for outlet in dag.produces]
    keys = [keyed_by(trigger) for trigger in dag.triggers.values()]
    uris = [source.dataset.uri for source in sources_of(dag) if isinstance(source, Updated)]
    heard = [found.partitions for uri in uris if (found := graph.datasets.get(uri)) is not None]
    return [each for each in (*made, *keys, *heard) if each is not None]


class LogicalDates:
    """Dates the runs of one graph."""

    def __init__(self, identities: Identities, graph: Graph, calendars: OutletCalendars) -> None:
        self.identities = identities
        self.graph = graph
        self.dag_of: Callable[[str], Dag | None] = graph.dags.get
        self.calendars = calendars
        self._keyed: dict[str, tuple[Dag, dict[str, Partitions]]] = {}
        self._begins: dict[str, bool] = {}
        self._begins_of = -1
        """The version of the graph for which it is known what begins cascades."""

    def info(self, request: RunRequested, dag: Dag | None) -> RunInfo:
        """The logical date, partition and cascade of a run ("" for one of its own). O(causes).

        Without its DAG, which is gone, the causes say it alone.
        """
        causes = request.driving if request.riders else request.causes
        rollup = request.rollup
        if rollup is not None:
            found = self._of_rollup(rollup)
        else:
            found = self.identities.info(causes[0]) if len(causes) == 1 else self._agreed(causes)
        date, partition, cascade = found
        if dag is None:
            if date is None and partition is not None:
                of = self.partitions_of(request)
                date = of.time(partition) if of is not None and of.fits(partition) else None
            return RunInfo(date, partition, "")
        keyed = self._keyed.get(dag.id)
        if keyed is None or keyed[0] is not dag:
            keyed = self.see(dag)
        if keyed[1] and (keys := keyed[1].get(request.label)) and (key := self._key(request, keys)):
            partition = key
            if rollup is None and (begin := keys.time(key)) is not None:
                agreed = self._dated(causes)
                date = begin if agreed is None else agreed
            elif rollup is None and date is None:
                date = self._common_time(causes)
        if date is None and partition is not None:
            of = self.partitions_of(request)
            if of is not None and of.fits(partition):
                date = of.time(partition)
        if partition is None and date is not None:
            own = self.own_calendar(dag)
            partition = None if own is None else own.of(date)
        if cascade and self.begins_cascades(dag.id) and not self._is_child(causes[0]):
            cascade = ""
        told = date, partition, cascade
        return found if found == told else RunInfo(date, partition, cascade)

    def _of_rollup(self, rollup: RollupFired) -> RunInfo:
        """What a rollup fires counts as one cause, which has the coarse partition and its start (T18). O(rest)."""
        periods = [RunInfo(start, name, "") for name, start, _ in rollup.periods]
        date, partition, _ = _agreement([*periods, *map(self.identities.info, rollup.rest)])
        return RunInfo(date, partition, "")

    def deadline(self, request: RunRequested, deadline: Deadline, by_hand: bool = False) -> RunDeadline:
        """By when a run is to have succeeded (R13). O(causes)."""
        dag = self.dag_of(request.dag)
        date, partition, _ = self.info(request, dag)
        if isinstance(deadline, int):
            due = min((request.at if date is None else date) + deadline, NEVER)
        else:
            due = deadline.after(request.at) or NEVER
        return RunDeadline(due, date, partition, by_hand)

    def _is_child(self, cause: Item) -> bool:
        """Whether a run was started by another, whose cascade it is in (R3). O(1)."""
        return isinstance(cause, int) and isinstance(self.identities.record(cause), StartRequested)

    def begins_cascades(self, dag: str) -> bool:
        """Whether a DAG is its own origin, so that its runs begin cascades of their own (T8). O(1) amortised."""
        version = version_of(self.graph)
        if self._begins_of != version:
            self._begins, self._begins_of = {}, version
        found = self._begins.get(dag)
        if found is None:
            try:
                found = self._begins[dag] = dag in self.graph.origins(dag)
            except UnknownId:
                return True  # another thread has just removed it: nothing goes back further
        return found

    def own_calendar(self, dag: Dag) -> Periods | None:
        """The calendar of a DAG's outlets. O(1), once a version of the graph O(tasks + outlets)."""
        return self.calendars.of(dag, version_of(self.graph))

    def of_dag(self, dag: Dag) -> list[Partitions]:
        """How a DAG's outlets, its triggers' keys and what they hear are partitioned. O(tasks + triggers)."""
        return partitions_of(dag, self.graph)

    def _agreed(self, causes: Iterable[Item]) -> RunInfo:
        """The newest date among the causes; the partition and the cascade on which they agree (None, "" if not)."""
        found = _agreement(map(self.identities.info, causes))
        if found.logical_date is None and found.partition is None:
            return RunInfo(self._common_time(causes), None, found.cascade)
        return found

    def _common_time(self, causes: Iterable[Item]) -> int | None:
        """When the period begins on which the calendar dimensions of the causes agree (T19). O(causes)."""
        periods = set[tuple[Periods, int]]()
        for cause in causes:
            partition, of = self.identities.info(cause).partition, self._own(cause)
            if partition is None:
                continue
            if of is None or not of.fits(partition):
                return None
            if (calendar := of.calendar) is not None and (begin := of.time(partition)) is not None:
                periods.add((calendar, begin))
        return periods.pop()[1] if len(periods) == 1 else None

    def see(self, dag: Dag) -> tuple[Dag, dict[str, Partitions]]:
        """A DAG as it is declared now, with the dimensions that key its triggers, by label. O(size of its triggers)."""
        found = {label: keyed_by(trigger) for label, trigger in dag.triggers.items()}
        self._keyed[dag.id] = dag, {label: each for label, each in found.items() if each is not None}
        return self._keyed[dag.id]

    def _key(self, request: RunRequested, by: Partitions) -> str | None:
        """The key of all causes of a run whose trigger these dimensions key; None if they have several. O(causes)."""
        if request.group:
            keys: set[str | None] = {SEPARATOR.join(map(str, request.group))}
        else:  # a window gathered the firings of several keys, or of one; or it was started by hand
            keys = {self._group(cause, by) for cause in request.driving}
        key = keys.pop() if len(keys) == 1 else None
        return key if by.fits(key) else None

    def _group(self, cause: Item, by: Partitions) -> str | None:
        """The key that a cause belongs to (T7)."""
        date, partition, _ = self.identities.info(cause)
        calendar = by.calendar
        if isinstance(cause, Mark):
            if by.fits(partition):
                return partition
            if date is None and cause.kind == "missed":
                found = None if partition is None or calendar is None else partition_time(partition, (calendar,))
                date = cause.due if found is None else found
            return by.made_of({}, date)
        fact = self.identities.record(cause)
        if isinstance(fact, StartRequested):
            return None
        own = self._own(cause)
        if date is None and partition is not None:
            date = partition_time(partition, tuple([each for each in (own, calendar) if each is not None]))
        known = own.split(partition) if own is not None and partition is not None and own.fits(partition) else {}
        return by.made_of(known, fact.at if date is None else date)

    def _own(self, cause: Item) -> Partitions | None:
        """How the dataset of an event is partitioned."""
        fact = self.identities.record(cause) if isinstance(cause, int) else None
        dataset = self.graph.datasets.get(fact.dataset) if isinstance(fact, Published) else None
        return None if dataset is None else dataset.partitions

    def _dated(self, causes: Iterable[Item]) -> int | None:
        """The date on which the dated causes agree."""
        dates = {date for date, _, _ in map(self.identities.info, causes) if date is not None}
        return dates.pop() if len(dates) == 1 else None

    def partitions_of(self, request: RunRequested) -> Partitions | None:
        """What a run's partition is one of: its trigger's keys, else its first cause's with one, else its outlets'."""
        dag = self.dag_of(request.dag)
        keyed = None if dag is None else self.see(dag)[1].get(request.label)
        if keyed is not None and self._key(request, keyed) is not None:
            return keyed
        for cause in request.driving:
            fact = self.identities.record(cause) if isinstance(cause, int) else None
            if isinstance(fact, Published) and fact.partition is not None:
                return self._own(cause)
        if dag is None:
            return None
        causes = map(self.identities.info, request.driving)
        given = next((partition for _, partition, _ in causes if partition is not None), None)
        if given is not None:
            return next((each for each in self.of_dag(dag) if each.fits(given)), None)
        return self.own_calendar(dag)

    # ------------------------------------------------------------------------------------- dimensions

    def of_run(self, run: RunStarted) -> Mapping[str, str]:
        """What a run has in each dimension of its partition, by name (T19). O(causes)."""
        return self.dimensions(self.identities.request(run.run), run.partition)

    def of_causes(self, run: int) -> Iterator[tuple[str, Mapping[str, str]]]:
        """The partitions among a run's causes, with what they have by name. O(causes)."""
        for cause in self.identities.request(run).driving:
            partition, own = self.identities.info(cause).partition, self._own(cause)
            if partition is not None:
                yield partition, own.split(partition) if own is not None and own.fits(partition) else {}

    def dimensions(self, request: RunRequested, partition: str | None) -> dict[str, str]:
        """What a run's partition has in each dimension, by name; nothing where it is a text of no dimension.

        A run that follows other runs may have theirs. O(causes of the runs gone back).
        """
        for _ in range(MOST_HOPS if partition is not None else 0):
            dag = self.dag_of(request.dag)
            for of in (self.partitions_of(request), None if dag is None else self.own_calendar(dag)):
                if of is not None and of.fits(partition):
                    return of.split(str(partition))
            facts = [self.identities.record(cause) for cause in request.driving if isinstance(cause, int)]
            ends = [fact.run for fact in facts if isinstance(fact, (RunFinished, TaskFinished))]
            if not ends:
                break
            request = self.identities.request(ends[-1])
        return {}

    # ------------------------------------------------------------------------------------- schedules

    def newest_tick(self, dag_id: str, at: int) -> int | None:
        """The newest tick at or before an instant of a DAG that runs on a clock; None for any other. O(clocks)."""
        dag = self.dag_of(dag_id)
        found = [] if dag is None else [schedule.before(at) for schedule in schedules_of(dag)]
        return max([tick for tick in found if tick is not None], default=None)

    def interval(self, row: RunRow, row_of: Callable[[int], RunRow]) -> Interval:
        """A run's data interval: its partition's span, else from the tick before its own to its own.

        A DAG without a clock follows the run that dated it, and so on. O(causes of the runs gone back).
        """
        for _ in range(MOST_HOPS):
            request = self.identities.record(row.run)
            assert isinstance(request, RunRequested), request
            for name, start, end in request.rollup.periods if request.rollup is not None else ():
                if name == row.partition:
                    return start, end
            of = None if row.partition is None else self.partitions_of(request)
            if of is not None and of.fits(row.partition) and (span := of.interval(str(row.partition))):
                return span
            dag = self.dag_of(row.dag)
            if row.logical_date is None or (dag is not None and schedules_of(dag)):
                break
            cause = self._dated_by(request, row.logical_date)
            if cause is None:
                break
            row = row_of(cause)
        if row.logical_date is None:
            return None, None
        return self.newest_tick(row.dag, row.logical_date - 1), row.logical_date

    def named_wall(self, request: RunRequested, dag: Dag, date: int) -> datetime | None:
        """The time that a schedule names for a run's logical date, where a clock change moved it; None elsewhere.

        O(1); after a clock change O(causes of the runs gone back).
        """
        tz = dag.tz
        if tz in ("", "UTC") or not is_after_gap(date, zone(tz)):
            return None
        for _ in range(MOST_HOPS):
            for schedule in schedules_of(dag):
                if isinstance(schedule, CronSchedule) and schedule.tz == tz and schedule.has_tick(date):
                    return schedule.named_wall(date)
            cause = self._dated_by(request, date)
            if cause is None:
                break
            request = self.identities.request(cause)
            found = self.dag_of(request.dag)
            if found is None:
                break
            dag = found
        return None

    def _dated_by(self, request: RunRequested, date: int) -> int | None:
        """The run among the causes that the date comes from."""
        for cause in reversed(request.driving):
            fact = self.identities.record(cause) if isinstance(cause, int) else None
            if not isinstance(fact, (RunFinished, TaskFinished, Published)):
                continue
            if fact.run >= 0 and self.identities.info_of_fact(fact)[0] == date:
                return fact.run
        return None


def _agreement(causes: Iterable[RunInfo]) -> RunInfo:
    """The newest date among the causes; the partition and the cascade on which they agree (None, "" if not)."""
    infos = list(causes)
    partitions = {partition for _, partition, _ in infos if partition is not None}
    cascades = {cascade for _, _, cascade in infos}
    return RunInfo(
        max([date for date, _, _ in infos if date is not None], default=None),
        partitions.pop() if len(partitions) == 1 else None,
        cascades.pop() if len(cascades) == 1 else "",
    )


def calendar_of_outlets(dag: Dag) -> Periods | None:
    """The calendar of the first outlet that has one. O(tasks + outlets)."""
    made = [outlet.partitions for outlet in dag.produces if outlet.partitions is not None]
    return next((found for each in made if (found := each.calendar) is not None), None)


def keyed_by(trigger: Trigger) -> Partitions | None:
    """The dimensions that key all that drives a trigger, in the order of its keys (T19); None if others do. O(size)."""
    found: list[Dimension] = []
    datasets = [leaf.dataset.partitions for leaf in leaves(trigger) if isinstance(leaf, Updated)]
    known = [each for of in datasets if of is not None for each in of.dimensions]
    for key in keying_dimensions(trigger):
        dimension = next((each for each in known if each.name == key), None) if isinstance(key, str) else key
        if dimension is None or dimension.name in [each.name for each in found]:
            return None
        found.append(dimension)
    try:
        return Product(found) if len(found) > 1 else found[0] if found else None
    except InvalidValue:  # two calendars
        return None


def schedules_of(dag: Dag) -> list[Schedule]:
    """The schedules of a DAG's clocks. O(size of its triggers)."""
    if not any(isinstance(source, Scheduled) for source in sources_of(dag)):
        return []
    found = [source for trigger in dag.triggers.values() for source in sources(trigger)]
    return [source.schedule for source in found if isinstance(source, Scheduled)]
