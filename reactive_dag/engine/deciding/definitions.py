"""Which definition of each trigger is in force (T11), pauses (T12), and what changes when a definition does.

Invariant: an active trigger stands for the newest `Registered` record of its name that the cursor has passed, and is
built from it: the graph's own trigger when the digests agree, else what the record holds (G5: nothing is imported).
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping
from functools import partial
from typing import TYPE_CHECKING

import msgspec

from reactive_dag.declare.internals import analysis_of, declared_among, plan_of, stamp_of
from reactive_dag.engine.deciding.options import (
    dags_by_tags,
    divided_by,
    dividing,
    means_the_same,
    options_of,
    same_options,
)
from reactive_dag.engine.deciding.paused import dissolved, release
from reactive_dag.engine.deciding.router import ActiveTrigger, Router
from reactive_dag.engine.deciding.trigger_snapshot import TriggerSnapshot
from reactive_dag.engine.items.events import subject_of
from reactive_dag.model.collector import paused_collector
from reactive_dag.model.errors import UnknownId
from reactive_dag.model.records import (
    AnyRecord,
    EngineStarted,
    Expired,
    FaultsRetried,
    Json,
    Registered,
    Removed,
    Slept,
)
from reactive_dag.model.times import zone
from reactive_dag.triggers.base import Trigger
from reactive_dag.triggers.leaves.completed import Completed
from reactive_dag.triggers.leaves.dataset import Dataset
from reactive_dag.triggers.machine.compiled import CompiledTrigger
from reactive_dag.triggers.walks import walk

if TYPE_CHECKING:
    from reactive_dag.declare.dag import Dag
    from reactive_dag.declare.graph import Graph
    from reactive_dag.engine.deciding.recorded_calls import RecordedCalls
    from reactive_dag.engine.facts.outbox import Outbox
    from reactive_dag.engine.items.identity import Identities
    from reactive_dag.engine.limits.slots import Slots
    from reactive_dag.engine.table.table import RunTable

Name = tuple[str, str]
"""A trigger: its DAG and label."""


class DefinitionsSnapshot(msgspec.Struct, array_like=True):
    """Definitions and active triggers, as a snapshot holds them."""

    registered: list[Registered]
    numbers: list[tuple[str, str, int]]
    triggers: list[TriggerSnapshot]


class Definitions:
    """The registered triggers of one engine."""

    def __init__(
        self, graph: Graph, outbox: Outbox, identities: Identities, calls: RecordedCalls, router: Router,
        runs: RunTable, slots: Slots, max_pending: int,
    ) -> None:  # fmt: skip
        self.graph = graph
        self.dags = graph.dags
        self.outbox = outbox
        self.identities = identities
        self.calls = calls
        self.router = router
        self.runs = runs
        self.slots = slots
        self.max_pending = max_pending
        self.known: dict[Name, Registered] = {}
        self.latest: dict[Name, tuple[int, Registered]] = {}
        self._leaving: dict[Name, int] = {}
        self.numbers: dict[Name, int] = {}
        self._labels: dict[str, dict[str, None]] = {}
        """The labels that each DAG ever had."""
        self._stamps: dict[str, int] = {}

    # ------------------------------------------------------------------------------------- what is wanted

    def changes(self, at: int, cursor: int, region: set[str] | None = None) -> list[AnyRecord]:
        """The records that bring the log's definitions up to the graph's; a DAG counts once it has a task.

        With `region` only those of the DAGs there are looked at. Facts from offset `cursor` on are not decided yet:
        they go to a changed trigger. O(those DAGs).
        """
        with paused_collector():
            return self._changes(at, cursor, region)

    def _changes(self, at: int, cursor: int, region: set[str] | None) -> list[AnyRecord]:
        records: list[AnyRecord] = []
        graph = self.graph
        wanted: set[Name] = set()
        for dag_id, dag in self._dags_in(region):
            try:
                triggers: Mapping[str, Trigger | None] = graph.effective(dag_id) or {"": None}
            except UnknownId:
                continue  # another thread has just removed it
            for label, trigger in triggers.items():
                wanted.add((dag_id, label))
                if dag.tasks or not self.outbox.executing or (dag_id, label) in self.latest:
                    self._compare(records, at, cursor, dag, label, trigger)
            if self._reborn(dag):
                records.append(FaultsRetried(at, dag_id))
        known = self.latest if region is None else [n for id in region for n in self._names_of(id, self.latest)]
        records.extend(Removed(at, *name) for name in sorted(known) if name not in wanted)
        return records

    def _dags_in(self, region: set[str] | None) -> list[tuple[str, Dag]]:
        """All DAGs, or those of a region, in the order in which they were declared."""
        if region is None:
            return list(self.dags.items())
        return [(id, dag) for id in declared_among(self.graph, region) if (dag := self.dags.get(id)) is not None]

    def _names_of(self, dag: str, table: Container[Name]) -> list[Name]:
        """The triggers of a DAG that are in a table. O(its labels)."""
        return [(dag, label) for label in self._labels.get(dag, ()) if (dag, label) in table]

    def _compare(
        self, records: list[AnyRecord], at: int, cursor: int, dag: Dag, label: str, trigger: Trigger | None
    ) -> None:
        digest = "" if trigger is None else trigger.digest
        options = options_of(dag, trigger)
        if trigger is not None and (stars := self._stars(dag, trigger)):
            options["dags_by_tags"] = stars
        _, latest = self.latest.get((dag.id, label), (-1, None))
        if latest is not None and latest.digest == digest and same_options(latest.options, options):
            return
        if latest is not None and not means_the_same(latest, digest, options):
            options["since"] = cursor
        text = "" if trigger is None else msgspec.json.encode(trigger.to_json()).decode()
        records.append(Registered(at, dag.id, label, digest, text, options))

    def _stars(self, dag: Dag, trigger: Trigger) -> list[Json]:
        """Which DAGs a `completed("*")` listens to: recorded, since that depends on the whole graph and decides."""
        tags = {leaf.tags for leaf in walk(trigger) if isinstance(leaf, Completed) and leaf.dag == "*"}
        heard = analysis_of(self.graph).heard
        return [[sorted(each), sorted(heard(dag.id, each))] for each in sorted(tags, key=sorted)]

    def _reborn(self, dag: Dag) -> bool:
        """Whether a DAG was declared again since this was last asked, while items of it are parked (T10)."""
        stamp = stamp_of(dag)
        before, self._stamps[dag.id] = self._stamps.get(dag.id, stamp), stamp
        return before != stamp and any(active.circuit.parked for active in self.router.of(dag.id))

    def ahead(self, records: Iterable[AnyRecord], first: int, cursor: int) -> None:
        """Take note of what is in the log, from offset `first` on, and will redefine a trigger once it is applied.

        Facts that no decision covers yet go to the new definition, not to the one that it replaces (I6, T11); nothing
        is decided for what is removed. O(records).
        """
        for offset, record in enumerate(records, first):
            if type(record) is Registered:
                self.latest[record.dag, record.label] = offset, record
                self._labels.setdefault(record.dag, {})[record.label] = None
                since = (record.options or {}).get("since")
                if since is not None and since >= cursor:
                    self._hold_back((record.dag, record.label), since)
            elif type(record) is Removed:
                for name in self._names(record):
                    self.latest.pop(name, None)
                    self._leaving[name] = offset
                    self._hold_back(name, cursor)

    def _hold_back(self, name: Name, since: int) -> None:
        active = self.router.triggers.get(name)
        if active is not None and active.stale_from is None:
            self.router.grow_stale(active, since)

    def _names(self, record: Removed) -> list[Name]:
        if record.label is not None:
            return [(record.dag, record.label)]
        return self._names_of(record.dag, self.known)

    # ------------------------------------------------------------------------------------- applying

    def registered(self, offset: int, record: Registered) -> None:
        """A definition comes into force; the one before it hands over what it still holds (T11)."""
        name = record.dag, record.label
        options = record.options or {}
        if options.get("paused") and not self._names_of(record.dag, self.numbers):
            self.slots.paused.add(record.dag)
        self._labels.setdefault(record.dag, {})[record.label] = None
        self.numbers[name] = self.numbers.get(name, 0) + 1
        self.known[name] = record
        self.runs.dag_declared(record.dag)
        self._compile(record.dag)
        self.router.deadlines.registered(record.dag, options, record.at)
        old = self.router.triggers.get(name)
        if old is not None and means_the_same(old.record, record.digest, options) and old.stale_from is None:
            old.catchup, old.max_catchup = options.get("catchup", "one"), options.get("max_catchup", 1000)
            old.dags_by_tags = dags_by_tags(options)
            old.take_deadline("deadline" in options)
            self.runs.waits.on_ticks_changed(record.dag)
            return
        newest, _ = self.latest.get(name, (offset, record))
        overtaken = max(newest, self._leaving.get(name, -1)) > offset
        if old is None or not overtaken:
            self._replace(offset, record, old, overtaken)
        self.runs.waits.on_ticks_changed(record.dag)

    def _replace(self, offset: int, record: Registered, old: ActiveTrigger | None, overtaken: bool) -> None:
        """Put a trigger in the place of another; one that is `overtaken` by a newer definition gets no facts."""
        if old is not None:
            self.router.remove(*old.name)
        if record.trigger:
            self._build(offset, record, old)
            if overtaken:
                self._hold_back((record.dag, record.label), offset)

    def _compile(self, dag: str) -> None:
        """Work out now what the first run of a DAG would ask for: a graph is compiled once, not on the way."""
        found = self.dags.get(dag)
        if found is not None:
            plan_of(found)
            self.runs.logical_dates.see(found)
            zone(found.tz)
            self.graph.origins(dag)

    def _build(self, offset: int, record: Registered, old: ActiveTrigger | None) -> None:
        active = self.activated(offset, record)
        circuit = active.circuit
        options = record.options or {}
        circuit.arm(
            record.at, number=active.number, start=options.get("start"), end=options.get("end"),
            catchup=active.catchup, max_catchup=active.max_catchup,
        )  # fmt: skip
        self.router.add(active)
        if old is not None:
            self._hand_over(old, active, record.at)
        self.router.schedule(active)

    def activated(self, offset: int, record: Registered) -> ActiveTrigger:
        """A fresh trigger for a `Registered` record."""
        name, log = (record.dag, record.label), self.outbox.log
        trigger = self._trigger(record)
        circuit = CompiledTrigger(
            trigger,
            ask=lambda kind, call, given, item: self.calls.ask(name, kind, call, given, item, log.last_at),
            identity=self.identities.identity,
            max_pending=self.max_pending,
            on_expired=lambda policy, part, key, count: self._expired(name, policy, part, key, count),
            loops=self.router.loops.of_trigger(*name, lambda part: circuit.parts[part].text),
            on_turned_away=lambda due: self.router.deadlines.turned_away(record.dag, due),
        )
        options = record.options or {}
        found = ActiveTrigger(
            *name, self.slots.heights.get(record.dag, 0), record.digest, self.numbers.get(name, 1), record, trigger,
            circuit, offset, catchup=options.get("catchup", "one"), max_catchup=options.get("max_catchup", 1000),
            unique=circuit.repeats, timed=circuit.timed, dags_by_tags=dags_by_tags(options),
        )  # fmt: skip
        found.take_deadline("deadline" in options)
        return found

    def _expired(self, name: Name, policy: str, part: str, key: object, count: int) -> None:
        """Record that a trigger dropped items by one of its bounds (T7, T14)."""
        text = "" if key is None else str(key)
        self.outbox.decide(Expired(self.outbox.log.last_at, *name, policy, part, text, count))

    def _trigger(self, record: Registered) -> Trigger:
        graph = self.graph
        if record.dag in self.dags:
            own = graph.effective(record.dag).get(record.label)
            if own is not None and own.digest == record.digest and dividing(own) == divided_by(record):
                return own
        known = divided_by(record)
        return Trigger.from_json(msgspec.json.decode(record.trigger), lambda uri: Dataset(uri, known.get(uri)))

    def _hand_over(self, old: ActiveTrigger, new: ActiveTrigger, at: int) -> None:
        """Deliver anew what the old trigger holds, on every leaf source that both name; the rest is `redefined`."""
        parts = old.circuit.parts
        periods = old.circuit.fired_periods(old.held)
        ridden = [(parts[part].trigger, item) for part, item in old.circuit.ridden()]
        pending = [(parts[part].trigger, item) for part, item in old.circuit.take_pending()]
        held = [pair for firing in old.held for pair in dissolved(old.circuit, firing, self.outbox.log)]
        fired, left = new.circuit.adopt(
            [*held, *pending, *old.backlog], at, partial(subject_of, self.identities), ridden, periods
        )
        for leaf, _ in left:
            new.redefined[repr(leaf)] = new.redefined.get(repr(leaf), 0) + 1
        if fired:
            self.router.fire(new, fired, at)

    def removed(self, offset: int, record: Removed) -> None:
        """A DAG, or one of its triggers, is gone: its queued runs are cancelled, waits for it fail."""
        for name in self._names(record):
            self.known.pop(name, None)
            if self._leaving.get(name) == offset:
                del self._leaving[name]
            self.router.remove(*name)
        if not self._names_of(record.dag, self.known):
            self.router.deadlines.removed(record.dag)
            self.runs.dag_removed(record.dag)
            self.runs.waits.gone(record.dag)

    def snapshot(self) -> DefinitionsSnapshot:
        """What a restored engine needs of definitions and active triggers. O(triggers + pending items)."""
        numbers = [(dag, label, number) for (dag, label), number in self.numbers.items()]
        triggers = []
        for active in self.router.triggers.values():
            known = self.known.get(active.name)
            is_newest = known is not None and means_the_same(known, active.digest, active.record.options)
            triggers.append(active.snapshot(None if is_newest else active.record))
        return DefinitionsSnapshot(list(self.known.values()), numbers, triggers)

    def restore(self, state: DefinitionsSnapshot) -> None:
        """Take what `snapshot` gave. O(triggers + pending items)."""
        self.numbers = {(dag, label): number for dag, label, number in state.numbers}
        for dag, label, _ in state.numbers:
            self._labels.setdefault(dag, {})[label] = None
        for record in state.registered:
            self.known[record.dag, record.label] = record
            self.latest[record.dag, record.label] = -1, record
        for kept in state.triggers:
            active = self.activated(kept.offset, kept.definition or self.known[kept.dag, kept.label])
            active.restore(kept)
            self.router.add(active)
            self.router.schedule(active)

    def _check(self) -> None:
        """A trigger is active for each definition that is known, and no other. O(triggers)."""
        triggers = {name for name, record in self.known.items() if record.trigger}
        assert triggers == self.router.triggers.keys(), triggers ^ self.router.triggers.keys()
        for name, active in self.router.triggers.items():
            assert active.stale_from is not None or active.digest == self.known[name].digest, name
            assert active.stale_from is not None or not active.backlog, name

    # ------------------------------------------------------------------------------------- pauses

    def pause(self, dag: str) -> None:
        """Firings of the DAG are held from now on (T12)."""
        self.slots.paused.add(dag)

    def resume(self, dag: str, at: int) -> None:
        """Let the held firings go, as the DAG's `catchup` says, and its queued runs begin (T12)."""
        self.slots.paused.discard(dag)
        for active in self.router.of(dag):
            if active.held:
                held, active.held = active.held, []
                self.router.fire(active, release(active, held), at)
        self.slots.reconsider(dag)
        self.runs.waits.on_ticks_changed(dag)

    # ------------------------------------------------------------------------------------- gaps and faults

    def nobody_awake(self, record: EngineStarted | Slept) -> None:
        """No engine ran for a time, or it slept: clocks missed the ticks that lie in it (R9). O(triggers)."""
        until = record.until if isinstance(record, Slept) else record.until - record.lateness
        clocks = [active for active in self.router.triggers.values() if active.timed]
        for active in clocks:
            active.circuit.gap(record.at, until, active.catchup, active.max_catchup)
            self.router.schedule(active)
        self.runs.waits.on_ticks_changed(*{active.dag for active in clocks})

    def retry_faults(self, record: FaultsRetried) -> None:
        """Deliver again what the triggers of a DAG have parked (T10). O(items parked)."""
        for active in self.router.of(record.dag):
            fired = active.circuit.retry_parked(record.at, partial(subject_of, self.identities))
            if fired:
                self.router.fire(active, fired, record.at)
            self.router.schedule(active)
        self.runs.waits.on_ticks_changed(record.dag)
