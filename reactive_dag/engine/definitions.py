"""Which definition of each trigger is in force (T11), pauses (T12), and what changes when a definition does.

Invariant: a station stands for the newest `Registered` record of its trigger that the cursor has passed, and is built
from it: the graph's own trigger when the digests agree, else what the record holds (G5: nothing is imported).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import msgspec

from reactive_dag.engine.wiring import Station, can_repeat, has_timers, is_plain
from reactive_dag.model.records import AnyRecord, Json, Mark, Registered, Removed
from reactive_dag.triggers.circuit import Circuit
from reactive_dag.triggers.clock import Clock
from reactive_dag.triggers.firing import Firing, in_order
from reactive_dag.triggers.trigger import Trigger

if TYPE_CHECKING:
    from reactive_dag.declare.dag import Dag
    from reactive_dag.engine.core import Core

Name = tuple[str, str]
"""A trigger: its DAG and label."""


class Definitions:
    """The registered triggers of one engine."""

    def __init__(self, core: Core) -> None:
        self.core = core
        self.known: dict[Name, Registered] = {}
        self.numbers: dict[Name, int] = {}

    # ------------------------------------------------------------------------------------- what is wanted

    def changes(self, at: int) -> list[AnyRecord]:
        """The records that bring the log's definitions up to the graph's; a DAG counts once it has a task. O(DAGs)."""
        records: list[AnyRecord] = []
        graph = self.core.graph
        wanted: set[Name] = set()
        for dag_id, dag in graph.dags.items():
            triggers = graph.effective(dag_id)
            for label, trigger in triggers.items():
                wanted.add((dag_id, label))
                if dag.tasks or not self.core.executing or (dag_id, label) in self.known:
                    self._compare(records, at, dag, label, trigger)
            if not triggers and (dag.tasks or dag_id not in self.known):
                wanted.add((dag_id, ""))
                self._compare(records, at, dag, "", None)
        gone = [name for name in self.known if name not in wanted]
        records.extend(Removed(at, dag, label) for dag, label in gone)
        return records

    def _compare(self, records: list[AnyRecord], at: int, dag: Dag, label: str, trigger: Trigger | None) -> None:
        digest = "" if trigger is None else trigger.digest
        options = options_of(dag)
        known = self.known.get((dag.id, label))
        if known is not None and known.digest == digest and _same_options(known.options, options):
            return
        if known is not None and known.digest != digest:
            options["since"] = self.core.cursor
        text = "" if trigger is None else msgspec.json.encode(trigger.to_json()).decode()
        records.append(Registered(at, dag.id, label, digest, text, options))

    def expect(self, records: Iterable[AnyRecord]) -> None:
        """Facts that no decision covers yet go to the new definition, not to the one that it replaces (I6, T11)."""
        for record in records:
            if isinstance(record, (Registered, Removed)):
                self._hold_back(record, self.core.cursor)

    def ahead(self, group: Iterable[AnyRecord], cursor: int) -> None:
        """The same at a replay: what the group about to be applied redefines. O(group)."""
        for record in group:
            if type(record) is Registered:
                self._hold_back(record, cursor)

    def _hold_back(self, record: Registered | Removed, cursor: int) -> None:
        station = self.core.wiring.stations.get((record.dag, record.label or ""))
        since = record.options.get("since") if isinstance(record, Registered) and record.options else None
        if station is not None and since is not None and since >= cursor:
            self.core.wiring.grow_stale(station, since)

    # ------------------------------------------------------------------------------------- applying

    def registered(self, offset: int, record: Registered) -> None:
        """A definition comes into force; the one before it hands over what it still holds (T11)."""
        name = record.dag, record.label
        first = name not in self.numbers
        self.numbers[name] = self.numbers.get(name, 0) + 1
        self.known[name] = record
        options = record.options or {}
        if first and options.get("paused"):
            self.core.runs.paused.add(record.dag)
        old = self.core.wiring.stations.get(name)
        if old is not None and old.digest == record.digest:
            old.catchup, old.max_catchup = options.get("catchup", "one"), options.get("max_catchup", 1000)
            return
        if old is not None:
            self.core.wiring.remove(*name)
        if record.trigger:
            self._build(offset, record, old)
        self.core.runs.start_what_may(record.dag)
        self.core.waits.heard(record.dag)

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
        circuit = Circuit(
            trigger,
            ask=lambda kind, call, given, item: core.answers.ask(name, kind, call, given, item, core.log.last_at),
            identity=core.facts.identity,
            on_expired=lambda policy, part, key, count: core.expired(name, policy, part, key, count),
        )
        options = record.options or {}
        return Station(
            record.dag, record.label, core.graph.height(record.dag) if record.dag in core.graph.dags else 0,
            record.digest, self.numbers.get(name, 1), trigger, circuit, catchup=options.get("catchup", "one"),
            max_catchup=options.get("max_catchup", 1000), unique=can_repeat(trigger), timed=has_timers(trigger), plain=is_plain(trigger),
        )  # fmt: skip

    def _trigger(self, record: Registered) -> Trigger:
        graph = self.core.graph
        if record.dag in graph.dags:
            own = graph.effective(record.dag).get(record.label)
            if own is not None and own.digest == record.digest:
                return own
        return Trigger.from_json(msgspec.json.decode(record.trigger), graph.datasets.get)  # type: ignore[arg-type]

    def _hand_over(self, old: Station, new: Station, at: int) -> None:
        """Deliver anew what the old trigger holds, on every leaf source that both name; the rest is `redefined`."""
        parts = old.circuit.parts
        pending = [(parts[part].trigger, item) for part, item in old.circuit.take_pending()]
        fired, left = new.circuit.adopt([*pending, *old.backlog], at, self.core.told_event)
        new.held = old.held
        for leaf, _ in left:
            new.redefined[repr(leaf)] = new.redefined.get(repr(leaf), 0) + 1
        if fired:
            self.core.wiring.fire(new, fired, at)

    def removed(self, offset: int, record: Removed) -> None:
        """A DAG, or one of its triggers, is gone: its queued runs are cancelled, waits for it fail."""
        labels = None if record.label is None else {record.label}
        names = [name for name in self.known if name[0] == record.dag and (labels is None or name[1] in labels)]
        for name in names:
            del self.known[name]
            self.core.wiring.remove(*name)
        if not any(name[0] == record.dag for name in self.known):
            self.core.runs.dag_removed(record.dag)
            self.core.waits.gone(record.dag)

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


def let_go(station: Station, held: list[Firing]) -> list[Firing]:
    """Which firings a resume requests: `all`, `one` for each key with all causes, or `none`; the rest is `paused`."""
    circuit = station.circuit
    if station.catchup == "all":
        return held
    if station.catchup == "none":
        for firing in held:
            circuit.recount(firing, "paused")
        return []
    by_key: dict[tuple[object, ...], list[Firing]] = {}
    for firing in held:
        by_key.setdefault(firing.key, []).append(firing)
    return [_united(station, firings) for firings in by_key.values()]


def _united(station: Station, firings: list[Firing]) -> Firing:
    """One firing with all causes; of several ticks of one part only the newest stays."""
    ticks = [(part, mark, firing) for firing in firings for part, mark in _ticks(station, firing)]
    newest = {part: mark for part, mark, _ in ticks}
    gone = set()
    for part, mark, firing in ticks:
        if newest[part] != mark:
            gone.add(mark)
            station.circuit.recount(firing, "paused", part)
    last = firings[-1]
    items = in_order([item for firing in firings for item in firing.items if item not in gone])
    parts = [part for firing in firings for part in firing.parts]
    for part, mark, _ in ticks:
        if mark in gone:
            parts.remove(part)
    payload = last.payload if len(firings) == 1 else [firing.payload for firing in firings]
    return Firing(items, payload, last.mapped, last.key, parts)


def _ticks(station: Station, firing: Firing) -> list[tuple[int, Mark]]:
    """The ticks among a firing's items, each with the clock part that gave it."""
    clocks = {part: station.circuit.parts[part].trigger for part in firing.parts}
    return [
        (part, item)
        for item in firing.items
        if isinstance(item, Mark) and item.kind == "tick"
        for part, trigger in clocks.items()
        if isinstance(trigger, Clock) and trigger.schedule.has_tick(item.due)
    ]


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


def _same_options(known: Json, options: dict[str, Json]) -> bool:
    ignored = ("since", "paused")
    return {k: v for k, v in (known or {}).items() if k not in ignored} == {
        k: v for k, v in options.items() if k not in ignored
    }
