"""The compiled graph: which triggers a fact reaches, in which order, and what they decide (semantics I6, T3, T15).

An *active trigger* is one trigger of one DAG with its compiled form (`circuit`). Routes are dictionaries from a source
to its triggers, sorted by height and id, so a fact costs the triggers that it reaches and nothing else. Decisions go to
the outbox; while a log is replayed it throws them away, since the recorded ones are applied instead.
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Callable, Container, Iterable, Iterator

import attrs

from reactive_dag.engine.deciding.deadlines import Deadlines
from reactive_dag.engine.deciding.feedback import FeedbackLoops
from reactive_dag.engine.deciding.heard import heard_by
from reactive_dag.engine.deciding.recorded_calls import RecordedCalls
from reactive_dag.engine.deciding.trigger_snapshot import TriggerSnapshot
from reactive_dag.engine.facts.outbox import Outbox
from reactive_dag.engine.items.identity import Identities, run_key
from reactive_dag.engine.items.timers import Timer, Timers
from reactive_dag.model.records import Duplicate, Item, Registered, RunRequested
from reactive_dag.model.times import NEVER
from reactive_dag.triggers.base import Trigger
from reactive_dag.triggers.leaves.completed import Completed
from reactive_dag.triggers.machine.books import Pairs
from reactive_dag.triggers.machine.compiled import CompiledTrigger, Firing
from reactive_dag.triggers.machine.fast_paths import FeedFunction
from reactive_dag.triggers.machine.pack import pack_firing, unpack_firing
from reactive_dag.triggers.machine.replace import Replacement, replaced_in_firing
from reactive_dag.triggers.machine.rollups import fired_rollup


@attrs.define(eq=False)
class ActiveTrigger:
    """One trigger of one DAG, in force since its `Registered` record."""

    dag: str
    label: str
    height: int
    digest: str
    number: int
    record: Registered
    trigger: Trigger
    circuit: CompiledTrigger
    offset: int
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
    dags_by_tags: dict[frozenset[str], frozenset[str]] = attrs.field(factory=dict)
    has_deadline: bool = False

    def listens_to(self, dag: str, part: int) -> bool:
        """Whether a leaf part that listens to `"*"` listens to a DAG. O(1)."""
        leaf = self.circuit.leaves[part].trigger
        return isinstance(leaf, Completed) and dag in self.dags_by_tags.get(leaf.tags, ())

    def take_deadline(self, has_deadline: bool) -> None:
        """Whether its DAG has a deadline: then a firing is more than its causes. O(1)."""
        self.has_deadline = has_deadline
        self.plain = self.circuit.is_bare and not self.circuit.repeats and not has_deadline

    def snapshot(self, definition: Registered | None) -> TriggerSnapshot:
        """What a restored engine needs of it; `definition` where it is not the newest of its name. O(pending items)."""
        held = [pack_firing(firing) for firing in self.held]
        places = {id(leaf.trigger): leaf.index for leaf in self.circuit.leaves}
        backlog = [(places[id(leaf)], item) for leaf, item in self.backlog if isinstance(item, int)]
        return TriggerSnapshot(
            self.dag, self.label, self.number, definition, self.circuit.snapshot(), held, self.redefined,
            self.stale_from, backlog, self.offset,
        )  # fmt: skip

    def restore(self, kept: TriggerSnapshot) -> None:
        """Take what `snapshot` gave. O(pending items)."""
        self.circuit.restore(kept.circuit)
        self.number, self.redefined, self.stale_from = kept.number, kept.redefined, kept.stale_from
        self.backlog = [(self.circuit.leaves[part].trigger, item) for part, item in kept.backlog]
        self.held = [unpack_firing(plain) for plain in kept.held]

    def replace(self, change: Replacement, pairs_of: Callable[[Firing], Pairs]) -> None:
        """Put an item in the place of one that it holds, in some leaf parts (R10). O(pending items)."""
        self.circuit.replace(change)
        self.held = [
            replaced_in_firing(firing, pairs_of(firing), change) if change.old in firing.items else firing
            for firing in self.held
        ]
        places = {id(leaf.trigger): leaf.index for leaf in self.circuit.leaves}
        self.backlog = [(leaf, change.item(places[id(leaf)], item)) for leaf, item in self.backlog]

    @property
    def name(self) -> tuple[str, str]:
        """Its DAG and label."""
        return self.dag, self.label

    @property
    def order(self) -> tuple[int, str, str]:
        """Its place among the triggers that one fact reaches."""
        return self.height, self.dag, self.label


FastRoute = tuple[FeedFunction, tuple[int, ...], ActiveTrigger, bool]
"""The feed function of a compiled trigger, the leaf parts hit, the trigger, and whether it may have set a timer."""

Route = tuple[ActiveTrigger, tuple[int, ...], frozenset[str]]
"""A trigger, the leaf parts hit, and the kinds or states that these take."""


BeforeFire = Callable[[ActiveTrigger, list[Firing], int], list[Firing]]
"""Gives those of a trigger's firings at an instant that are to count."""


class Router:
    """All triggers and the routes to them. Of a DAG that is `awaited`, `on_tick` is told each step of a timer."""

    def __init__(
        self, graph: str, identities: Identities, timers: Timers, outbox: Outbox, calls: RecordedCalls,
        paused: Container[str], awaited: Container[str], on_tick: Callable[[str, int], None], deadlines: Deadlines,
        before_fire: BeforeFire | None = None,
    ) -> None:  # fmt: skip
        self.graph = graph
        self.identities = identities
        self.timers = timers
        self.outbox = outbox
        self.calls = calls
        self.paused = paused
        self._awaited = awaited
        self._on_tick = on_tick
        self.deadlines = deadlines
        self.loops = FeedbackLoops(outbox, identities)
        self._before_fire = before_fire
        self.triggers: dict[tuple[str, str], ActiveTrigger] = {}
        self._of_dag: dict[str, dict[str, ActiveTrigger]] = {}
        self.by_dataset: dict[str, list[Route]] = {}
        self.by_dag: dict[str, list[Route]] = {}
        self.by_task: dict[tuple[str, str], list[Route]] = {}
        self.by_missed: dict[str, list[Route]] = {}
        self.everyone: list[Route] = []
        self.fast_routes: dict[str, tuple[FastRoute, ...]] = {}
        self.listeners: dict[str, FeedFunction] = {}
        """Who is told of each event of a dataset beside the triggers."""

    # ------------------------------------------------------------------------------------- building

    def add(self, active: ActiveTrigger) -> None:
        """Put a trigger on its routes. O(leaves * (log + length of the route))."""
        self.triggers[active.name] = active
        self._of_dag.setdefault(active.dag, {})[active.label] = active
        self.loops.add(active.dag, active.label, active.circuit.leaves)
        self._touch_routes(active)
        grouped: dict[tuple[str, object, frozenset[str]], list[int]] = {}
        for leaf in active.circuit.leaves:
            for where, source, kinds in heard_by(leaf.trigger):
                grouped.setdefault((where, source, kinds), []).append(leaf.index)
        for (where, source, kinds), hits in grouped.items():
            insort(self._route(where, source), (active, tuple(hits), kinds), key=_order)

    def remove(self, dag: str, label: str) -> ActiveTrigger | None:
        """Take a trigger off its routes."""
        active = self.triggers.pop((dag, label), None)
        if active is None:
            return None
        self.loops.remove(dag, label)
        del self._of_dag[dag][label]
        if not self._of_dag[dag]:
            del self._of_dag[dag]
        self.timers.drop(active.timer)
        for route in self._touch_routes(active):
            route[:] = [r for r in route if r[0] is not active]
        return active

    def _touch_routes(self, active: ActiveTrigger) -> Iterable[list[Route]]:
        """The routes that lead to a trigger, each once; what was laid out flat of them is forgotten. O(leaves)."""
        found: dict[tuple[str, object], list[Route]] = {}
        for leaf in active.circuit.leaves:
            for where, source, _ in heard_by(leaf.trigger):
                found[where, source] = self._route(where, source)
                if where == "dataset":
                    self.fast_routes.pop(str(source), None)
        return found.values()

    def listen(self, dataset: str, on_event: FeedFunction | None) -> None:
        """Tell of each event of a dataset after the triggers have it; None: no more. O(1)."""
        if on_event is None:
            del self.listeners[dataset]
        else:
            self.listeners[dataset] = on_event
        self.fast_routes.pop(dataset, None)

    def of(self, dag: str) -> list[ActiveTrigger]:
        """The triggers of a DAG. O(result)."""
        return list(self._of_dag.get(dag, {}).values())

    def triggers_of(self, dag: str) -> list[Trigger]:
        """The triggers of a DAG, as they are registered. O(result)."""
        return [active.trigger for active in self._of_dag.get(dag, {}).values()]

    def reorder(self, height: Callable[[str], int | None], dags: Iterable[str]) -> None:
        """The graph changed, and with it perhaps the heights of these DAGs.

        O(DAGs), and the routes that lead to those of which it did.
        """
        moved: list[ActiveTrigger] = []
        for active in [active for dag in dags for active in self.of(dag)]:
            now = height(active.dag)
            if now is not None and now != active.height:
                active.height, active.scheduled = now, NEVER
                self.schedule(active)
                moved.append(active)
        for route in {id(route): route for active in moved for route in self._touch_routes(active)}.values():
            route.sort(key=_order)

    def _route(self, where: str, source: object) -> list[Route]:
        if where == "dataset":
            return self.by_dataset.setdefault(str(source), [])
        if where == "dag":
            return self.by_dag.setdefault(str(source), [])
        if where == "task":
            assert isinstance(source, tuple)
            return self.by_task.setdefault(source, [])
        if where == "missed":
            return self.by_missed.setdefault(str(source), [])
        return self.everyone

    def _routes(self) -> Iterator[list[Route]]:
        for table in (self.by_dataset, self.by_dag, self.by_missed, self.by_task):
            yield from table.values()
        yield self.everyone

    # ------------------------------------------------------------------------------------- feeding

    def fast_route(self, dataset: str) -> tuple[FastRoute, ...]:
        """What `feed` would do for an ordinary update of a dataset, laid out flat: the hot path of events.

        Kept until a trigger comes, goes or grows stale. O(route) once.
        """
        found = self.fast_routes.get(dataset)
        if found is None:
            found = self.fast_routes[dataset] = tuple(self._fast_routes_of(dataset))
        return found

    def _fast_routes_of(self, dataset: str) -> Iterator[FastRoute]:
        hits: dict[ActiveTrigger, tuple[int, ...]] = {}
        for active, parts, kinds in self.by_dataset.get(dataset, ()):
            if "updated" in kinds:
                hits[active] = hits.get(active, ()) + parts
        for active, parts in hits.items():
            feed = active.circuit.feed if active.stale_from is None else self._holding(active)
            yield feed, parts, active, active.timed
        if dataset in self.listeners:
            yield self.listeners[dataset], (), _NOBODY, False

    def _holding(self, active: ActiveTrigger) -> FeedFunction:
        def feed(hits: tuple[int, ...], item: Item, at: int, event: object) -> None:
            self.deliver(active, hits, item, at, event)

        return feed

    def grow_stale(self, active: ActiveTrigger, since: int) -> None:
        """From offset `since` on the trigger's facts wait for the definition that replaces it."""
        active.stale_from = since
        self._touch_routes(active)

    def feed(self, routes: Iterable[Route], kind: str, item: int, at: int, event: object) -> None:
        """Give one fact to the triggers of `routes` whose leaf parts take `kind`. O(triggers reached)."""
        last: ActiveTrigger | None = None
        hits: tuple[int, ...] = ()
        for active, parts, kinds in routes:
            if kind not in kinds:
                continue
            if active is last:
                hits += parts
                continue
            if last is not None:
                self.deliver(last, hits, item, at, event)
            last, hits = active, parts
        if last is not None:
            self.deliver(last, hits, item, at, event)

    def deliver(self, active: ActiveTrigger, hits: tuple[int, ...], item: Item, at: int, event: object) -> None:
        """One step of one trigger: the leaf parts `hits` get `item` at `at`."""
        stale = active.stale_from
        if stale is not None and isinstance(item, int) and item >= stale:
            active.backlog.extend((active.circuit.leaves[hit].trigger, item) for hit in hits)
            return
        fired = active.circuit.feed(hits, item, at, event)
        if fired:
            self.fire(active, fired, at)
        if active.timed:
            self.schedule(active)

    def completion_routes(self, dag: str) -> list[Route]:
        """Who listens to the runs of `dag`, `"*"` included: every DAG but this one and those that follow from it."""
        named = self.by_dag.get(dag, [])
        if not self.everyone:
            return named
        extra = [
            (active, heard, kinds)
            for active, hits, kinds in self.everyone
            if (heard := tuple([hit for hit in hits if active.listens_to(dag, hit)]))
        ]
        return sorted([*named, *extra], key=_order)

    # ------------------------------------------------------------------------------------- deciding

    def fire(self, active: ActiveTrigger, fired: list[Firing], at: int) -> None:
        """Turn firings into requests; a pause holds them (T12), a key that the ledger has seen is a duplicate (I4)."""
        if self._before_fire is not None:
            fired = self._before_fire(active, fired, at)
        if active.dag in self.paused:
            active.held.extend(fired)
            return
        if active.plain and not self.loops.of_dag:
            out = self.outbox.decisions
            for firing in fired:
                out.append(RunRequested(at, active.dag, active.label, tuple(firing.items)))
            return
        for firing in fired:
            key = None
            if active.unique or firing.split:
                key = self.key(active, firing)
                if self._is_duplicate(active, key):
                    active.circuit.recount(firing.parts, "duplicate")
                    self.outbox.decide(Duplicate(at, active.dag, active.label, key))
                    continue
            request = RunRequested(
                at, active.dag, active.label, tuple(firing.items),
                self.calls.payload(firing.payload) if firing.mapped else None, firing.mapped, key,
                list(firing.key) if firing.key else None, tuple(firing.riders), None,
                fired_rollup(firing, active.offset) if firing.rolled else None,
                self.loops.of_firing(active.dag, active.label, firing),
            )  # fmt: skip
            if active.has_deadline:
                request = self.deadlines.asked(request, key or self.key(active, firing))
            self.outbox.decide(request)

    def _is_duplicate(self, active: ActiveTrigger, key: str) -> bool:
        """Whether the ledger has seen a key; a replay is told what was recorded."""
        if self.outbox.replaying:
            return self.calls.was_duplicate(active.name)
        return self.outbox.knows(key)

    def key(self, active: ActiveTrigger, firing: Firing) -> str:
        """The run key of a firing; where an item of it was given several keys, its own is in it (I4)."""
        group = firing.key if firing.split else ()
        return run_key(self.graph, active.dag, active.label, map(self.identities.identity, firing.items), group)

    def schedule(self, active: ActiveTrigger) -> None:
        """Set a timer for the instant at which the trigger is due, unless an earlier one is set. O(log timers)."""
        due = active.circuit.due
        if due < active.scheduled:
            active.scheduled = due
            self.timers.drop(active.timer)
            active.timer = self.timers.set(
                due, active.height, *active.name, lambda now: self.wake(active, now), lambda: self._look(active)
            )

    def _look(self, active: ActiveTrigger) -> int:
        """When a trigger is due now: later than its timer says if its windows began again since that was set."""
        active.scheduled = active.circuit.due
        return active.scheduled

    def wake(self, active: ActiveTrigger, now: int) -> None:
        """The timer of a trigger is due at `now`."""
        active.scheduled = NEVER
        if active.circuit.due == now:
            fired = active.circuit.step(now)
            if fired:
                self.fire(active, fired, now)
            if active.dag in self._awaited:
                self._on_tick(active.dag, now)
        self.schedule(active)

    def _check(self) -> None:
        """Routes are in order and lead to triggers that are there; what is due has its timer; T1. O(state)."""
        for routes in self._routes():
            assert [_order(route) for route in routes] == sorted(map(_order, routes)), "a route is out of order"
            assert all(self.triggers.get(route[0].name) is route[0] for route in routes), "a route leads nowhere"
        assert sum(map(len, self._of_dag.values())) == len(self.triggers), "a trigger is filed under its DAG"
        for name, active in self.triggers.items():
            assert self._of_dag[name[0]][name[1]] is active and name == active.name, name
            active.circuit._check()
            assert active.scheduled <= active.circuit.due, f"{name} is due and nobody wakes it"
            assert active.scheduled == NEVER or self.timers.has(active.scheduled, *name), f"{name} has no timer"


_NOBODY: ActiveTrigger = None  # type: ignore[assignment]  # of a listener, which fires nothing


def _order(route: Route) -> tuple[int, str, str]:
    return route[0].order
