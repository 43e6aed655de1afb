"""Which runs the triggers of a window's DAGs start, from ticks, outside events and the ends of other runs.

Owns `Runs`, the runs of one DAG with the numbers of their nodes, and `Firings`, which makes them, a DAG after those
that it follows. Here nodes are numbered run by run: the START, the tasks in the order of the plan, the END; sources
come before all. Invariant: what is made follows from declarations, span and sources alone, else NotStatic is raised.
O(runs + causes).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING

from attrs import define, field

from reactive_dag.declare.internals import plan_of
from reactive_dag.engine.runs.logical_dates import calendar_of_outlets
from reactive_dag.model.partitions.products import Periods
from reactive_dag.triggers.functions.by import By
from reactive_dag.triggers.joins.all_of import AllOf
from reactive_dag.triggers.joins.any_of import AnyOf
from reactive_dag.triggers.leaves.completed import SUCCESS, Completed
from reactive_dag.triggers.leaves.dataset import Updated
from reactive_dag.triggers.leaves.schedule import Scheduled
from reactive_dag.triggers.walks import leaves
from reactive_dag.whatif.window.items import CauseItem, Causes, RunDates, join_key
from reactive_dag.whatif.window.white_list import NotStatic

if TYPE_CHECKING:
    from reactive_dag.declare.dag import Dag
    from reactive_dag.declare.graph import Graph
    from reactive_dag.declare.plan import Plan
    from reactive_dag.model.partitions.products import Partitions
    from reactive_dag.model.schedule import Schedule
    from reactive_dag.triggers.base import Trigger
    from reactive_dag.triggers.keys import KeySpec
    from reactive_dag.whatif.question.question import OutsideSource

AUTOMATIC = "updated"
"""The kind of the event that a success publishes, and that a source does."""


@define
class Runs:
    """The runs of one DAG, by date. Run i has its START at `first + i * stride`, its tasks behind it, then its END."""

    dag: Dag
    plan: Plan
    first: int
    run: int
    stride: int
    """How many nodes a run has."""
    dates: list[int] = field(factory=list)
    bases: list[int] = field(factory=list)
    partitions: list[str | None] = field(factory=list)
    labels: list[int] = field(factory=list)
    groups: list[tuple[object, ...] | None] = field(factory=list)
    """The key under which the trigger fired."""
    causes: list[Causes | None] = field(factory=list)
    """None for a run of a tick."""

    @property
    def on_clocks(self) -> bool:
        """Whether ticks caused all of them. O(runs)."""
        return not any(self.causes)

    def node(self, at: int, task: str | None) -> int:
        """The node of a task of the run at a place, without a task of its END. O(1)."""
        return self.first + at * self.stride + (self.stride - 1 if task is None else 1 + self.plan.index[task])


class Firings:
    """Makes the runs of DAGs. `datasets` and `labels` number those names; `sources` are (tick, partition) a dataset."""

    def __init__(self, graph: Graph, begin: int, until: int, sources: Iterable[OutsideSource]) -> None:
        self.graph = graph
        self.begin = begin
        self.until = until
        self.of_dag: dict[str, Runs] = {}
        self.datasets: dict[str, int] = {uri: n for n, uri in enumerate(graph.datasets)}
        self.partitions: list[Partitions | None] = [each.partitions for each in graph.datasets.values()]
        self.labels: dict[str, int] = {"": 0}
        self.events: list[tuple[int, int, str | None]] = []
        """The outside events: the number of the source, tick and partition."""
        self.on_failure: dict[str, str] = {}
        self.last_tick = begin
        """When a clock ticked last, whether that caused a run or not."""
        self._dag = ""
        self._ticks: dict[tuple[Schedule, int, int], list[int]] = {}
        self._outside: dict[str, list[CauseItem]] = {}
        for number, source in enumerate(sources):
            self._publish(number, source)
        self.nodes = len(self.events)
        self.runs = 0

    # ------------------------------------------------------------------------------------- outside

    def _publish(self, number: int, source: OutsideSource) -> None:
        dataset = self.datasets[source.dataset]
        partitions = self.partitions[dataset]
        found = self._outside.setdefault(source.dataset, [])
        for tick in source.ticks(self.begin, self.until):
            for partition in (None,) if partitions is None else partitions.of_instant(tick):
                found.append(CauseItem(len(self.events), tick, tick, partition, dataset))
                self.events.append((number, tick, partition))

    def _ticks_of(self, schedule: Schedule, begin: int, until: int) -> list[int]:
        """The ticks of a schedule in `begin <= tick < until`. O(result) once."""
        name = schedule, begin, until
        found = self._ticks.get(name)
        if found is None:
            found = self._ticks[name] = ticks_between(schedule, begin, until)
            self.last_tick = max([self.last_tick, *found[-1:]])
        return found

    # ------------------------------------------------------------------------------------- runs

    def add(self, dag: Dag, triggers: Mapping[str, Trigger]) -> Runs:
        """Make the runs of a DAG; those of the DAGs that it follows are there. O(runs + causes). Raises NotStatic."""
        plan, self._dag = plan_of(dag), dag.id
        runs = self.of_dag[dag.id] = Runs(dag, plan, self.nodes, self.runs, len(plan.ids) + 2)
        begin = max(self.begin, self.begin if dag.start is None else dag.start)
        until = self.until if dag.end is None else min(self.until, dag.end + 1)
        calendar = calendar_of_outlets(dag)
        for label, trigger in triggers.items():
            number = self.labels.setdefault(label, len(self.labels))
            if type(trigger) is Scheduled:
                self._add_clocked(runs, self._ticks_of(trigger.schedule, begin, until), number, calendar)
            else:
                dates = RunDates(dag.triggers[label], calendar, self.partitions)
                keys = trigger.keys if isinstance(trigger, By) else ()
                self._add_fired(runs, self._fired(trigger, begin, until), number, dates, keys)
        if len(triggers) > 1 or type(trigger) is not Scheduled:
            _sort(runs)
        self.nodes += runs.stride * len(runs.dates)
        self.runs += len(runs.dates)
        return runs

    def _add_clocked(self, runs: Runs, ticks: list[int], label: int, calendar: Periods | None) -> None:
        """The runs of one clock: the common case, and worth a short way. O(ticks)."""
        runs.dates += ticks
        runs.bases += ticks
        runs.partitions += [None] * len(ticks) if calendar is None else map(calendar.of, ticks)
        runs.labels += [label] * len(ticks)
        runs.groups += [None] * len(ticks)
        runs.causes += [None] * len(ticks)

    def _add_fired(
        self, runs: Runs, fired: Iterable[Causes], label: int, dates: RunDates, keys: tuple[KeySpec, ...]
    ) -> None:  # fmt: skip
        for causes in fired:
            date, partition = dates.of(causes)
            nodes = [each for each in causes if each.node >= 0]
            runs.dates.append(date)
            runs.bases.append(max(each.base for each in causes) if len(nodes) < len(causes) else 0)
            runs.partitions.append(partition)
            runs.labels.append(label)
            runs.groups.append(join_key(causes[0], keys) if keys else None)
            runs.causes.append(nodes or None)

    # ------------------------------------------------------------------------------------- triggers

    def _fired(self, trigger: Trigger, begin: int, until: int) -> Iterator[Causes]:
        """The firings of a trigger, each with its causes. O(items). Raises NotStatic."""
        if isinstance(trigger, Scheduled):
            for tick in self._ticks_of(trigger.schedule, begin, until):
                yield (CauseItem(-1, tick, tick),)
        elif isinstance(trigger, (Completed, Updated)):
            for item in self._heard(trigger):
                yield (item,)
        elif isinstance(trigger, AnyOf):
            yield from self._of_any(trigger, begin, until)
        elif isinstance(trigger, By) and isinstance(trigger.part, AllOf):
            yield from self._joined(trigger, trigger.part, begin, until)
        elif isinstance(trigger, By) and isinstance(trigger.part, (Scheduled, Completed, Updated, AnyOf)):
            for firing in self._fired(trigger.part, begin, until):
                if all(join_key(each, trigger.keys) is not None for each in firing):
                    yield firing
        else:
            raise NotStatic(f"{trigger!r} takes what is there, or has keys in keys")

    def _of_any(self, trigger: AnyOf, begin: int, until: int) -> Iterator[Causes]:
        heard = [_heard_by(leaf) for leaf in leaves(trigger) if not isinstance(leaf, Scheduled)]
        if len({*heard}) < len(heard):
            raise NotStatic(f"{trigger!r} hears one source twice")
        ticks: set[int] = set()
        for part in trigger.parts:
            if isinstance(part, Scheduled):  # clocks that are due at one instant are one firing (R9)
                fresh = set(self._ticks_of(part.schedule, begin, until)) - ticks
                ticks |= fresh
                for tick in sorted(fresh):
                    yield (CauseItem(-1, tick, tick),)
            else:
                yield from self._fired(part, begin, until)

    def _joined(self, by: By, join: AllOf, begin: int, until: int) -> Iterator[Causes]:
        """A firing for each key that all parts have: each part may have one item of a key. O(items)."""
        if not by.keys:
            raise NotStatic(f"{by!r} takes what is there: which events meet depends on durations")
        heard = [_heard_by(leaf) for leaf in leaves(join) if not isinstance(leaf, Scheduled)]
        if len({*heard}) < len(heard):
            raise NotStatic(f"{by!r} hears one source twice")
        parts: list[dict[tuple[object, ...], CauseItem]] = []
        for part in join.parts:
            if not isinstance(part, (Scheduled, Completed, Updated, AnyOf)):
                raise NotStatic(f"{by!r} has a join inside of a join")
            parts.append(self._by_key(by, part, begin, until))
        keys = set().union(*parts)
        if len(keys) > by.max_keys:
            raise NotStatic(f"{by!r} has more than {by.max_keys} keys, so some are dropped")
        for key in parts[0]:
            if all(key in part for part in parts):
                yield [part[key] for part in parts]

    def _by_key(self, by: By, part: Trigger, begin: int, until: int) -> dict[tuple[object, ...], CauseItem]:
        found: dict[tuple[object, ...], CauseItem] = {}
        for (item,) in self._fired(part, begin, until):
            key = join_key(item, by.keys)
            if key in found:
                raise NotStatic(f"{part!r} has several events of one key in {by!r}: which meet depends on durations")
            if key is not None:
                found[key] = item
        return found

    def _heard(self, leaf: Completed | Updated) -> Iterator[CauseItem]:
        """What a leaf hears: ends of runs or of a task of them, or events of a dataset. O(result)."""
        if isinstance(leaf, Completed):
            if leaf.states != SUCCESS:
                self.on_failure[self._dag] = repr(leaf)
            if "success" in leaf.states:
                yield from self._ends(leaf.dag, leaf.task)
            return
        if AUTOMATIC not in leaf.kinds:
            return
        uri = leaf.dataset.uri
        yield from self._outside.get(uri, ())
        for dag, task in makers_of(self.graph, uri):
            yield from self._events(uri, dag, task)

    def _ends(self, dag: str, task: str | None) -> Iterator[CauseItem]:
        runs = self.of_dag.get(dag)
        if runs is None or (task is not None and task not in runs.plan.index):
            return
        for at, date in enumerate(runs.dates):
            yield CauseItem(runs.node(at, task), 0, date, runs.partitions[at])

    def _events(self, uri: str, dag: str, task: str | None) -> Iterator[CauseItem]:
        """The events of a dataset that the successes of a task, or of a DAG, publish (R3, T19). O(runs)."""
        number = self.datasets[uri]
        partitions = self.partitions[number]
        for item in self._ends(dag, task):
            if partitions is None or partitions.fits(item.partition):
                yield item._replace(dataset=number)
            elif isinstance(partitions, Periods):
                yield item._replace(dataset=number, partition=partitions.of(item.date))
            else:
                raise NotStatic(f"{dag}.{task} publishes {uri!r} in several partitions")


def ticks_between(schedule: Schedule, begin: int, until: int) -> list[int]:
    """The ticks of a schedule in `begin <= tick < until`. O(result)."""
    found, last = list[int](), begin - 1
    while (tick := schedule.after(last)) is not None and tick < until:
        found.append(tick)
        last = tick
    return found


def _sort(runs: Runs) -> None:
    """Order runs by date, then by tick; what is left keeps its order. O(n log n)."""
    order = sorted(range(len(runs.dates)), key=lambda at: (runs.dates[at], runs.bases[at]))
    runs.dates = [runs.dates[at] for at in order]
    runs.bases = [runs.bases[at] for at in order]
    runs.partitions = [runs.partitions[at] for at in order]
    runs.labels = [runs.labels[at] for at in order]
    runs.groups = [runs.groups[at] for at in order]
    runs.causes = [runs.causes[at] for at in order]


def _heard_by(leaf: Trigger) -> tuple[str, str]:
    if isinstance(leaf, Completed):
        return f"dag {leaf.dag}", leaf.task or ""
    assert isinstance(leaf, Updated), leaf
    return "dataset", leaf.dataset.uri


def makers_of(graph: Graph, uri: str) -> list[tuple[str, str | None]]:
    """The tasks, and the DAGs with the success of their runs (None), that publish a dataset. O(tasks of those DAGs)."""
    found: list[tuple[str, str | None]] = []
    for id in graph.producers(uri):
        dag = graph.dags[id]
        if any(outlet.uri == uri for outlet in dag.outlets):
            found.append((id, None))
        found += [(id, task.id) for task in dag.tasks.values() if any(each.uri == uri for each in task.outlets)]
    return found


def followed(graph: Graph, triggers: Iterable[Trigger]) -> set[str]:
    """The DAGs whose runs these triggers hear. O(leaves + their producers)."""
    found: set[str] = set()
    for trigger in triggers:
        for leaf in leaves(trigger):
            if isinstance(leaf, Completed):
                found.add(leaf.dag)
            elif isinstance(leaf, Updated):
                found.update(graph.producers(leaf.dataset.uri))
    return found
