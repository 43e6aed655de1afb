"""Firings that a pause holds: what a resume lets go (T12), and what they had taken when the trigger changes (T11).

Owns no state. Invariant: a held firing's items are pending, and each ends as consumed or dropped under a name.
Costs O(items of the firings).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from reactive_dag.engine.deciding.router import ActiveTrigger
from reactive_dag.log.protocol import EventLog
from reactive_dag.model.records import AnyRecord, Item, Mark
from reactive_dag.triggers.base import Trigger
from reactive_dag.triggers.firing import in_order
from reactive_dag.triggers.machine.compiled import CompiledTrigger, Firing, Leaf


def release(active: ActiveTrigger, held: list[Firing]) -> list[Firing]:
    """Which firings a resume requests: `all`, `one` for each key with all causes, or `none`; the rest is `paused`."""
    if active.catchup == "all":
        return held
    if active.catchup == "none":
        for firing in held:
            active.circuit.recount(firing, "paused")
        return []
    by_key: dict[tuple[object, ...], list[Firing]] = {}
    for firing in held:
        by_key.setdefault(firing.key, []).append(firing)
    return [_united(active, firings) for firings in by_key.values()]


def _united(active: ActiveTrigger, firings: list[Firing]) -> Firing:
    """One firing with all causes; of several ticks of one part only the newest stays."""
    ticks = [pair for firing in firings for pair in _ticks(active, firing)]
    newest = set(dict(ticks).values())
    parts = [part for firing in firings for part in firing.parts]
    gone = {mark for _, mark in ticks} - newest
    for part, mark in ticks:
        if mark in gone:
            parts.remove(part)
            active.circuit.recount(Firing([mark], parts=[part]), "paused")
    last = firings[-1]
    payload = last.payload if len(firings) == 1 else [firing.payload for firing in firings]
    riders = {item for firing in firings for item in firing.riders}
    taken = {item for firing in firings for item in firing.items if item not in firing.riders} - gone
    items = in_order([*(riders | taken)])
    split = any(firing.split for firing in firings)
    return Firing(items, payload, last.mapped, last.key, parts, in_order([*(riders - taken)]), split)


def _ticks(active: ActiveTrigger, firing: Firing) -> list[tuple[int, Mark]]:
    """The ticks that a firing took, each with the clock parts that gave it; one that only rode is not its own (T17)."""
    parts = sorted(set(firing.parts))
    return [
        (part, item)
        for item in firing.items
        if isinstance(item, Mark) and item.kind == "tick" and item not in firing.riders
        for part in parts
        if active.circuit.parts[part].trigger.came(item)
    ]


def dissolved(circuit: CompiledTrigger, firing: Firing, log: EventLog) -> Iterator[tuple[Trigger, Item]]:
    """What a held firing had taken, as pending again: leaf and item, as many of a leaf as it took. O(items * parts)."""
    took = Counter(firing.parts)
    own = [item for item in firing.items if item not in firing.riders]
    facts = {item: item if isinstance(item, Mark) else log.record(item) for item in own}
    given = {part: [item for item in own if _came_by(circuit, part, facts[item])] for part in took}
    seen: set[Item] = set()
    for part in sorted(took, key=lambda part: (len(given[part]) - took[part], part)):
        for item in sorted(given[part], key=seen.__contains__)[: took[part]]:
            seen.add(item)
            yield circuit.parts[part].trigger, item
    for part in took:  # which leaf took what is not kept: rather count one too many than lose it
        for item in given[part]:
            if item not in seen:
                seen.add(item)
                yield circuit.parts[part].trigger, item


def _came_by(circuit: CompiledTrigger, part: int, fact: AnyRecord | Mark) -> bool:
    leaf = circuit.parts[part]
    if isinstance(fact, Mark) and fact.kind == "absent":
        return leaf is _silence(circuit, fact)
    return leaf.trigger.came(fact) and (isinstance(fact, Mark) or leaf.takes(fact))


def _silence(circuit: CompiledTrigger, mark: Mark) -> Leaf:
    return [leaf for leaf in circuit.parts if leaf.trigger.parts][mark.part]
