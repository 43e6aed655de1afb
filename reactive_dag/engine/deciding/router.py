"""The compiled graph: which triggers a fact reaches, in which order, and what they decide (semantics I6, T3, T15).

A *station* is one trigger of one DAG with its circuit. Routes are dictionaries from a source to its stations, sorted by
height and id, so a fact costs the stations that it reaches and nothing else. Decisions go to `sink`; while a log is
replayed the sink throws them away, since the recorded ones are applied instead.
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple, Protocol

import attrs

from reactive_dag.engine.items.identity import Facts, run_key
from reactive_dag.engine.items.timers import Timer, Timers
from reactive_dag.model.records import AnyRecord, Duplicate, Item, Json, Registered, RunRequested
from reactive_dag.model.times import NEVER
from reactive_dag.triggers.base import Trigger, walk
from reactive_dag.triggers.functions.by import By
from reactive_dag.triggers.functions.map import Map
from reactive_dag.triggers.functions.where import Where
from reactive_dag.triggers.leaves.absent import Absent
from reactive_dag.triggers.leaves.completed import Completed
from reactive_dag.triggers.leaves.dataset import Updated
from reactive_dag.triggers.leaves.schedule import Scheduled
from reactive_dag.triggers.machine.compiled import CompiledTrigger, Firing
from reactive_dag.triggers.windows.batch import Batch
from reactive_dag.triggers.windows.debounce import Debounce
from reactive_dag.triggers.windows.throttle import Throttle
from reactive_dag.triggers.windows.within import Within

TIMED = (Scheduled, Absent, Debounce, Throttle)
"""Triggers that can have something due; so can a batch with `max_wait` and a `.by` with a `ttl`."""


class Sink(Protocol):
    """Where decisions go."""

    out: list[AnyRecord]

    def decide(self, record: AnyRecord) -> None:
        """Take one decision record."""

    def known(self, name: tuple[str, str], key: str) -> bool:
        """Whether the ledger has seen the key of a trigger's firing."""


@attrs.define(eq=False)
class Station:
    """One trigger of one DAG, in force since its `Registered` record."""

    dag: str
    label: str
    height: int
    digest: str
    number: int
    record: Registered
    trigger: Trigger
    circuit: CompiledTrigger
    text: str = ""
    catchup: str = "one"
    max_catchup: int = 1000
    unique: bool = False
    timed: bool = False
    plain: bool = False
    scheduled: int = NEVER
    timer: Timer | None = None
    stale_from: int | None = None
    backlog: list[tuple[Trigger, Item]] = attrs.field(factory=list)
    held: list[Firing] = attrs.field(factory=list)
    redefined: dict[str, int] = attrs.field(factory=dict)
    hears: dict[frozenset[str], frozenset[str]] = attrs.field(factory=dict)

    def hears_of(self, dag: str, part: int) -> bool:
        """Whether a leaf part that listens to `"*"` hears a DAG. O(1)."""
        leaf = self.circuit.leaves[part].trigger
        return isinstance(leaf, Completed) and dag in self.hears.get(leaf.tags, ())

    @property
    def name(self) -> tuple[str, str]:
        """Its DAG and label."""
        return self.dag, self.label

    @property
    def order(self) -> tuple[int, str, str]:
        """Its place among the stations that one fact reaches."""
        return self.height, self.dag, self.label


Feed = Callable[[tuple[int, ...], int, int, object], list[Firing] | None]
Lane = tuple[Feed, tuple[int, ...], Station, bool]
"""A circuit's feed, the leaf parts hit, the station, and whether it may have set a timer."""

Route = tuple[Station, tuple[int, ...], frozenset[str]]
"""A station, the leaf parts hit, and the kinds or states for which they are."""


class Nature(NamedTuple):
    """What of a trigger decides how its facts and firings are dealt with.

    `unique`: two firings could have the same causes, since a clock is among them or one source twice (I4). `timed`: its
    circuit can have something due. `plain`: a firing is its causes and nothing more, no payload, no key of a join.
    """

    unique: bool
    timed: bool
    plain: bool


def nature_of(trigger: Trigger) -> Nature:
    """One look at all parts of a trigger. O(size)."""
    sources: list[object] = []
    clock = timed = told = False
    for part in walk(trigger):
        if isinstance(part, Updated):
            sources.append(part.dataset.uri)
        elif isinstance(part, Completed):
            sources.append((part.dag, part.task))
        elif isinstance(part, Batch):
            timed = timed or part.max_wait is not None
        elif isinstance(part, By):
            timed, told = timed or part.ttl is not None, True
        else:
            clock = clock or isinstance(part, Scheduled)
            timed = timed or isinstance(part, TIMED)
            told = told or isinstance(part, Map)
    unique = clock or len(sources) != len(set(sources)) or ("*", None) in sources
    return Nature(unique, timed, not unique and not told)


def is_composite(trigger: Trigger) -> bool:
    """Whether the payload of a firing is a list, even of one event (T13)."""
    while isinstance(trigger, Where | By | Within):
        trigger = trigger.part
    return bool(trigger.parts) and not isinstance(trigger, Absent)


class Wiring:
    """All stations and the routes to them."""

    def __init__(self, graph: str, facts: Facts, timers: Timers, sink: Sink) -> None:
        self.graph = graph
        self.facts = facts
        self.timers = timers
        self.sink = sink
        self.stations: dict[tuple[str, str], Station] = {}
        self.by_dataset: dict[str, list[Route]] = {}
        self.by_dag: dict[str, list[Route]] = {}
        self.by_task: dict[tuple[str, str], list[Route]] = {}
        self.everyone: list[Route] = []
        self.lanes: dict[str, tuple[Lane, ...]] = {}
        self.paused: set[str] = set()
        self.payload: Callable[[object], Json] = lambda payload: payload

    # ------------------------------------------------------------------------------------- building

    def add(self, station: Station) -> None:
        """Put a station on its routes. O(leaves * (log + length of the route))."""
        self.stations[station.dag, station.label] = station
        self.lanes.clear()
        grouped: dict[tuple[str, object, frozenset[str]], list[int]] = {}
        for leaf in station.circuit.leaves:
            for where, source, kinds in _sources(leaf.trigger):
                grouped.setdefault((where, source, kinds), []).append(leaf.index)
        for (where, source, kinds), hits in grouped.items():
            insort(self._route(where, source), (station, tuple(hits), kinds), key=_order)

    def remove(self, dag: str, label: str) -> Station | None:
        """Take a station off its routes."""
        station = self.stations.pop((dag, label), None)
        if station is None:
            return None
        self.timers.drop(station.timer)
        self.lanes.clear()
        for leaf in station.circuit.leaves:
            for where, source, _ in _sources(leaf.trigger):
                route = self._route(where, source)
                route[:] = [r for r in route if r[0] is not station]
        return station

    def reorder(self, height: Callable[[str], int | None]) -> None:
        """The graph changed, and with it perhaps the heights of DAGs. O(stations), and the routes if one did."""
        changed = False
        for station in self.stations.values():
            now = height(station.dag)
            if now is not None and now != station.height:
                station.height, station.scheduled, changed = now, NEVER, True
                self.schedule(station)
        if changed:
            self.lanes.clear()
            for route in (*self.by_dataset.values(), *self.by_dag.values(), *self.by_task.values(), self.everyone):
                route.sort(key=_order)

    def _route(self, where: str, source: object) -> list[Route]:
        if where == "dataset":
            return self.by_dataset.setdefault(str(source), [])
        if where == "dag":
            return self.by_dag.setdefault(str(source), [])
        if where == "task":
            assert isinstance(source, tuple)
            return self.by_task.setdefault(source, [])
        return self.everyone

    # ------------------------------------------------------------------------------------- feeding

    def lane(self, dataset: str) -> tuple[Lane, ...]:
        """What `feed` would do for an ordinary update of a dataset, laid out flat: the hot path of events.

        Kept until a station comes, goes or grows stale. O(route) once.
        """
        found = self.lanes.get(dataset)
        if found is None:
            found = self.lanes[dataset] = tuple(self._laid(dataset))
        return found

    def _laid(self, dataset: str) -> Iterator[Lane]:
        hits: dict[Station, tuple[int, ...]] = {}
        for station, parts, kinds in self.by_dataset.get(dataset, ()):
            if "updated" in kinds:
                hits[station] = hits.get(station, ()) + parts
        for station, parts in hits.items():
            feed = station.circuit.feed if station.stale_from is None else self._holding(station)
            yield feed, parts, station, station.timed

    def _holding(self, station: Station) -> Feed:
        def feed(hits: tuple[int, ...], item: int, at: int, event: object) -> None:
            self.deliver(station, hits, item, at, event)

        return feed

    def grow_stale(self, station: Station, since: int) -> None:
        """From offset `since` on the station's facts wait for the definition that replaces it."""
        station.stale_from = since
        self.lanes.clear()

    def feed(self, routes: Iterable[Route], kind: str, item: int, at: int, event: object) -> None:
        """Give one fact to the stations of `routes` whose leaf parts take `kind`. O(stations reached)."""
        last: Station | None = None
        hits: tuple[int, ...] = ()
        for station, parts, kinds in routes:
            if kind not in kinds:
                continue
            if station is last:
                hits += parts
                continue
            if last is not None:
                self.deliver(last, hits, item, at, event)
            last, hits = station, parts
        if last is not None:
            self.deliver(last, hits, item, at, event)

    def deliver(self, station: Station, hits: tuple[int, ...], item: int, at: int, event: object) -> None:
        """One step of one trigger: the leaf parts `hits` get `item` at `at`."""
        stale = station.stale_from
        if stale is not None and item >= stale:
            station.backlog.extend((station.circuit.leaves[hit].trigger, item) for hit in hits)
            return
        fired = station.circuit.feed(hits, item, at, event)
        if fired:
            self.fire(station, fired, at)
        if station.timed:
            self.schedule(station)

    def completion_routes(self, dag: str) -> list[Route]:
        """Who listens to the runs of `dag`, `"*"` included: every DAG but this one and those that follow from it."""
        named = self.by_dag.get(dag, [])
        if not self.everyone:
            return named
        extra = [
            (station, heard, kinds)
            for station, hits, kinds in self.everyone
            if (heard := tuple([hit for hit in hits if station.hears_of(dag, hit)]))
        ]
        return sorted([*named, *extra], key=_order)

    # ------------------------------------------------------------------------------------- deciding

    def fire(self, station: Station, fired: list[Firing], at: int) -> None:
        """Turn firings into requests; a pause holds them (T12), a key that the ledger has seen is a duplicate (I4)."""
        if station.dag in self.paused:
            station.held.extend(fired)
            return
        if station.plain:
            out = self.sink.out
            for firing in fired:
                out.append(RunRequested(at, station.dag, station.label, tuple(firing.items)))
            return
        for firing in fired:
            key = None
            if station.unique:
                key = self.key(station, firing.items)
                if self.sink.known(station.name, key):
                    station.circuit.recount(firing, "duplicate")
                    self.sink.decide(Duplicate(at, station.dag, station.label, key))
                    continue
            self.sink.decide(
                RunRequested(
                    at, station.dag, station.label, tuple(firing.items),
                    self.payload(firing.payload) if firing.mapped else None, firing.mapped, key,
                    list(firing.key) if firing.key else None,
                )
            )  # fmt: skip

    def key(self, station: Station, items: Iterable[Item]) -> str:
        """The run key of a firing (I4)."""
        return run_key(self.graph, station.dag, station.label, map(self.facts.identity, items))

    def schedule(self, station: Station) -> None:
        """Set the timer that the circuit's `due` asks for, unless an earlier one is set. O(log timers)."""
        due = station.circuit.due
        if due < station.scheduled:
            station.scheduled = due
            self.timers.drop(station.timer)
            station.timer = self.timers.set(
                due, station.height, *station.name, lambda now: self.wake(station, now), lambda: self._look(station)
            )

    def _look(self, station: Station) -> int:
        """When a station is really due: later than its timer says if its windows began again since."""
        station.scheduled = station.circuit.due
        return station.scheduled

    def wake(self, station: Station, now: int) -> None:
        """The timer of a station is due at `now`."""
        station.scheduled = NEVER
        if station.circuit.due == now:
            fired = station.circuit.step(now)
            if fired:
                self.fire(station, fired, now)
        self.schedule(station)

    def _check(self) -> None:
        """Routes are in order and lead to stations that are there; what is due has its timer; T1. O(state)."""
        for routes in (*self.by_dataset.values(), *self.by_dag.values(), *self.by_task.values(), self.everyone):
            assert [_order(route) for route in routes] == sorted(map(_order, routes)), "a route is out of order"
            assert all(self.stations.get(route[0].name) is route[0] for route in routes), "a route leads nowhere"
        for name, station in self.stations.items():
            assert name == station.name
            station.circuit._check()
            assert station.scheduled <= station.circuit.due, f"{name} is due and nobody wakes it"
            waiting = self.timers.has(station.scheduled, *name)
            assert station.scheduled == NEVER or waiting, f"{name} counts on a timer that is not there"


def _order(route: Route) -> tuple[int, str, str]:
    return route[0].order


def _sources(leaf: Trigger) -> list[tuple[str, object, frozenset[str]]]:
    if isinstance(leaf, Updated):
        return [("dataset", leaf.dataset.id, leaf.kinds)]
    if isinstance(leaf, Completed):
        if leaf.dag == "*":
            return [("everyone", None, leaf.states)]
        if leaf.task is None:
            return [("dag", leaf.dag, leaf.states)]
        return [("task", (leaf.dag, leaf.task), leaf.states)]
    return []
