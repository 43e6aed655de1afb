"""Which definition of each trigger is in force (T11), pauses (T12), and what changes when a definition does.

Invariant: a station stands for the newest `Registered` record of its trigger that the cursor has passed, and is built
from it: the graph's own trigger when the digests agree, else what the record holds (G5: nothing is imported).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

import msgspec

from reactive_dag.engine.deciding.paused import dissolved, let_go
from reactive_dag.engine.deciding.router import Station, nature_of
from reactive_dag.model.collector import no_garbage
from reactive_dag.model.errors import UnknownId
from reactive_dag.model.records import AnyRecord, FaultsRetried, Json, Registered, Removed
from reactive_dag.triggers.base import Trigger, walk
from reactive_dag.triggers.leaves.completed import Completed
from reactive_dag.triggers.leaves.dataset import Dataset
from reactive_dag.triggers.machine.compiled import CompiledTrigger

if TYPE_CHECKING:
    from reactive_dag.declare.dag import Dag
    from reactive_dag.engine.fold.fold import Core

Name = tuple[str, str]
"""A trigger: its DAG and label."""


class Definitions:
    """The registered triggers of one engine."""

    def __init__(self, core: Core) -> None:
        self.core = core
        self.known: dict[Name, Registered] = {}
        self.latest: dict[Name, tuple[int, Registered]] = {}
        self._leaving: dict[Name, int] = {}
        self.numbers: dict[Name, int] = {}
        self._stamps: dict[str, int] = {}

    # ------------------------------------------------------------------------------------- what is wanted

    def changes(self, at: int) -> list[AnyRecord]:
        """The records that bring the log's definitions up to the graph's; a DAG counts once it has a task. O(DAGs)."""
        with no_garbage():
            return self._changes(at)

    def _changes(self, at: int) -> list[AnyRecord]:
        records: list[AnyRecord] = []
        graph = self.core.graph
        wanted: set[Name] = set()
        for dag_id, dag in list(graph.dags.items()):
            try:
                triggers: Mapping[str, Trigger | None] = graph.effective(dag_id) or {"": None}
            except UnknownId:
                continue  # another thread has just removed it
            for label, trigger in triggers.items():
                wanted.add((dag_id, label))
                if dag.tasks or not self.core.executing or (dag_id, label) in self.latest:
                    self._compare(records, at, dag, label, trigger)
            if self._reborn(dag):
                records.append(FaultsRetried(at, dag_id))
        records.extend(Removed(at, *name) for name in self.latest if name not in wanted)
        return records

    def _compare(self, records: list[AnyRecord], at: int, dag: Dag, label: str, trigger: Trigger | None) -> None:
        digest = "" if trigger is None else trigger.digest
        options = options_of(dag)
        if trigger is not None and (stars := self._stars(dag, trigger)):
            options["hears"] = stars
        _, latest = self.latest.get((dag.id, label), (-1, None))
        if latest is not None and latest.digest == digest and _same_options(latest.options, options):
            return
        if latest is not None and latest.digest != digest:
            options["since"] = self.core.cursor
        text = "" if trigger is None else msgspec.json.encode(trigger.to_json()).decode()
        records.append(Registered(at, dag.id, label, digest, text, options))

    def _stars(self, dag: Dag, trigger: Trigger) -> list[Json]:
        """Whom a `completed("*")` hears: recorded, since it depends on the whole graph and decides about facts."""
        tags = {leaf.tags for leaf in walk(trigger) if isinstance(leaf, Completed) and leaf.dag == "*"}
        heard = self.core.graph.heard
        return [[sorted(each), sorted(heard(dag.id, each))] for each in sorted(tags, key=sorted)]

    def _reborn(self, dag: Dag) -> bool:
        """Whether a DAG was declared again since this was last asked, while items of it are parked (T10)."""
        before, self._stamps[dag.id] = self._stamps.get(dag.id, dag.stamp), dag.stamp
        stations = self.core.wiring.stations.values()
        return before != dag.stamp and any(s.dag == dag.id and s.circuit.parked for s in stations)

    def ahead(self, records: Iterable[AnyRecord], first: int, cursor: int) -> None:
        """Take note of what is in the log, from offset `first` on, and will redefine a trigger once it is applied.

        Facts that no decision covers yet go to the new definition, not to the one that it replaces (I6, T11); nothing
        is decided for what is removed. O(records).
        """
        for offset, record in enumerate(records, first):
            if type(record) is Registered:
                self.latest[record.dag, record.label] = offset, record
                since = (record.options or {}).get("since")
                if since is not None and since >= cursor:
                    self._hold_back((record.dag, record.label), since)
            elif type(record) is Removed:
                for name in self._names(record):
                    self.latest.pop(name, None)
                    self._leaving[name] = offset
                    self._hold_back(name, cursor)

    def _hold_back(self, name: Name, since: int) -> None:
        station = self.core.wiring.stations.get(name)
        if station is not None and station.stale_from is None:
            self.core.wiring.grow_stale(station, since)

    def _names(self, record: Removed) -> list[Name]:
        if record.label is not None:
            return [(record.dag, record.label)]
        return [name for name in self.known if name[0] == record.dag]

    # ------------------------------------------------------------------------------------- applying

    def registered(self, offset: int, record: Registered) -> None:
        """A definition comes into force; the one before it hands over what it still holds (T11)."""
        name = record.dag, record.label
        options = record.options or {}
        if options.get("paused") and not any(dag == record.dag for dag, _ in self.numbers):
            self.core.runs.paused.add(record.dag)
        self.numbers[name] = self.numbers.get(name, 0) + 1
        self.known[name] = record
        self.core.runs.gone.discard(record.dag)
        self._compile(record.dag)
        old = self.core.wiring.stations.get(name)
        if old is not None and old.digest == record.digest and old.stale_from is None:
            old.catchup, old.max_catchup = options.get("catchup", "one"), options.get("max_catchup", 1000)
            old.hears = _hears(options)
            return
        newest, _ = self.latest.get(name, (offset, record))
        overtaken = max(newest, self._leaving.get(name, -1)) > offset
        if old is None or not overtaken:
            self._replace(offset, record, old, overtaken)
        self.core.runs.start_what_may(record.dag)
        self.core.waits.heard(record.dag)

    def _replace(self, offset: int, record: Registered, old: Station | None, overtaken: bool) -> None:
        """Put a station in the place of another; one that is `overtaken` by a newer definition gets no facts."""
        if old is not None:
            self.core.wiring.remove(*old.name)
        if record.trigger:
            self._build(offset, record, old)
            if overtaken:
                self._hold_back((record.dag, record.label), offset)

    def _compile(self, dag: str) -> None:
        """Work out now what the first run of a DAG would ask for: a graph is compiled once, not on the way."""
        found = self.core.graph.dags.get(dag)
        if found is not None:
            found.plan()
            self.core.graph.origins(dag)

    def _build(self, offset: int, record: Registered, old: Station | None) -> None:
        core = self.core
        station = self.station(record)
        circuit = station.circuit
        options = record.options or {}
        circuit.arm(
            record.at, number=station.number, start=options.get("start"), end=options.get("end"),
            catchup=station.catchup, max_catchup=station.max_catchup,
        )  # fmt: skip
        core.wiring.add(station)
        if old is not None:
            self._hand_over(old, station, record.at)
        core.wiring.schedule(station)

    def station(self, record: Registered) -> Station:
        """A fresh station for a `Registered` record."""
        core = self.core
        name = record.dag, record.label
        trigger = self._trigger(record)
        circuit = CompiledTrigger(
            trigger,
            ask=lambda kind, call, given, item: core.answers.ask(name, kind, call, given, item, core.log.last_at),
            identity=core.facts.identity,
            max_pending=core.max_pending,
            on_expired=lambda policy, part, key, count: core.expired(name, policy, part, key, count),
        )
        options, nature = record.options or {}, nature_of(trigger)
        return Station(
            record.dag, record.label, core.graph.height(record.dag) if record.dag in core.graph.dags else 0,
            record.digest, self.numbers.get(name, 1), record, trigger, circuit, catchup=options.get("catchup", "one"),
            max_catchup=options.get("max_catchup", 1000), unique=nature.unique, timed=nature.timed, plain=nature.plain,
            hears=_hears(options),
        )  # fmt: skip

    def _trigger(self, record: Registered) -> Trigger:
        graph = self.core.graph
        if record.dag in graph.dags:
            own = graph.effective(record.dag).get(record.label)
            if own is not None and own.digest == record.digest:
                return own
        known = graph.datasets
        return Trigger.from_json(
            msgspec.json.decode(record.trigger), lambda uri: known[uri] if uri in known else Dataset(uri)
        )

    def _hand_over(self, old: Station, new: Station, at: int) -> None:
        """Deliver anew what the old trigger holds, on every leaf source that both name; the rest is `redefined`."""
        parts = old.circuit.parts
        pending = [(parts[part].trigger, item) for part, item in old.circuit.take_pending()]
        held = [pair for firing in old.held for pair in dissolved(old.circuit, firing, self.core.log)]
        fired, left = new.circuit.adopt([*held, *pending, *old.backlog], at, self.core.told_event)
        for leaf, _ in left:
            new.redefined[repr(leaf)] = new.redefined.get(repr(leaf), 0) + 1
        if fired:
            self.core.wiring.fire(new, fired, at)

    def removed(self, offset: int, record: Removed) -> None:
        """A DAG, or one of its triggers, is gone: its queued runs are cancelled, waits for it fail."""
        for name in self._names(record):
            self.known.pop(name, None)
            if self._leaving.get(name) == offset:
                del self._leaving[name]
            self.core.wiring.remove(*name)
        if not any(name[0] == record.dag for name in self.known):
            self.core.runs.dag_removed(record.dag)
            self.core.waits.gone(record.dag)

    def _check(self) -> None:
        """A station stands for what is known, and nothing else has one. O(triggers)."""
        triggers = {name for name, record in self.known.items() if record.trigger}
        assert triggers == self.core.wiring.stations.keys(), triggers ^ self.core.wiring.stations.keys()
        for name, station in self.core.wiring.stations.items():
            assert station.stale_from is not None or station.digest == self.known[name].digest, name
            assert station.stale_from is not None or not station.backlog, name

    # ------------------------------------------------------------------------------------- pauses

    def pause(self, dag: str) -> None:
        """Firings of the DAG are held from now on (T12)."""
        self.core.runs.paused.add(dag)

    def resume(self, dag: str, at: int) -> None:
        """Let the held firings go, as the DAG's `catchup` says (T12)."""
        self.core.runs.paused.discard(dag)
        for (owner, _), station in list(self.core.wiring.stations.items()):
            if owner == dag and station.held:
                held, station.held = station.held, []
                self.core.wiring.fire(station, let_go(station, held), at)


def options_of(dag: Dag) -> dict[str, Json]:
    """What of a DAG's options decides about its triggers, and so is recorded with them."""
    options: dict[str, Json] = {"catchup": dag.catchup, "max_catchup": dag.max_catchup}
    if dag.start is not None:
        options["start"] = dag.start
    if dag.end is not None:
        options["end"] = dag.end
    if dag.paused:
        options["paused"] = True
    return options


def _hears(options: Json) -> dict[frozenset[str], frozenset[str]]:
    if "hears" not in options:
        return {}
    return {frozenset(tags): frozenset(dags) for tags, dags in options["hears"]}


def _same_options(known: Json, options: dict[str, Json]) -> bool:
    ignored = ("since", "paused")
    return {k: v for k, v in (known or {}).items() if k not in ignored} == {
        k: v for k, v in options.items() if k not in ignored
    }
