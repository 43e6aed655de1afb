"""Firings that a pause holds: what a resume lets go (T12), and what they had taken when the trigger changes (T11).

Owns no state. Invariant: a held firing's items are pending, and each ends as consumed or dropped under a name.
Costs O(items of the firings).
"""

from __future__ import annotations

from collections.abc import Container, Iterator
from typing import Any

import msgspec

from reactive_dag.engine.deciding.router import ActiveTrigger
from reactive_dag.log.protocol import EventLog
from reactive_dag.model.records import Item, Mark
from reactive_dag.triggers.base import Trigger
from reactive_dag.triggers.firing import in_order
from reactive_dag.triggers.machine.compiled import CompiledTrigger, Firing
from reactive_dag.triggers.machine.rollups import united


def release(active: ActiveTrigger, held: list[Firing]) -> list[Firing]:
    """Which firings a resume requests: `all`, `one` for each key with all causes, or `none`; the rest is `paused`."""
    if active.catchup == "all":
        return held
    if active.catchup == "none":
        for firing in held:
            active.circuit.recount(firing.parts, "paused")
        return []
    by_key: dict[tuple[object, ...], list[Firing]] = {}
    for firing in held:
        by_key.setdefault(firing.key, []).append(firing)
    return [_united(active, _newest_ticks(active, firings)) for firings in by_key.values()]


def _newest_ticks(active: ActiveTrigger, firings: list[Firing]) -> list[Firing]:
    """The firings with only the newest tick of each clock part; the others that it gave are dropped as `paused`."""
    taken = [pair for firing in firings for pair in _taken(active.circuit, firing)]
    ticks = [(part, item) for part, item in taken if isinstance(item, Mark) and item.kind == "tick"]
    newest = dict(sorted(ticks, key=lambda pair: pair[1].due))
    gone = {(part, item) for part, item in ticks if item.due < newest[part].due}
    active.circuit.recount([part for part, item in ticks if (part, item) in gone], "paused")
    return [_without(active.circuit, firing, gone) for firing in firings] if gone else firings


def _taken(circuit: CompiledTrigger, firing: Firing) -> list[tuple[int, Item]]:
    """What a firing consumes; what only rides is not its own (T17)."""
    return [pair for pair in firing.pairs if not circuit.parts[pair[0]].rides]


def _without(circuit: CompiledTrigger, firing: Firing, gone: Container[tuple[int, Item]]) -> Firing:
    pairs = [pair for pair in firing.pairs if pair not in gone]
    left = msgspec.structs.replace(firing, pairs=pairs)
    taken = _taken(circuit, left)
    items, own = in_order([item for _, item in pairs]), {item for _, item in taken}
    riders = [item for item in items if item not in own]
    rest = [item for item in firing.rest if item in own]
    return msgspec.structs.replace(left, items=items, parts=[part for part, _ in taken], riders=riders, rest=rest)


def _united(active: ActiveTrigger, firings: list[Firing]) -> Firing:
    """One firing with all causes, and the payloads of those that take something still."""
    left, last = [firing for firing in firings if firing.parts], firings[-1]
    payload: Any = [firing.payload for firing in left]
    if len(left) == 1:
        (payload,) = payload
    elif last.mapped and active.trigger.payload_is_list:
        payload = [each for part in payload for each in part]
    riders = {item for firing in firings for item in firing.riders}
    own = {item for firing in left for item in firing.items if item not in firing.riders}
    return Firing(
        in_order([*(riders | own)]), payload, last.mapped, last.key,
        [part for firing in left for part in firing.parts], in_order([*(riders - own)]),
        any(firing.split for firing in left), [pair for firing in firings for pair in firing.pairs], *united(left),
    )  # fmt: skip


def dissolved(circuit: CompiledTrigger, firing: Firing, log: EventLog) -> Iterator[tuple[Trigger, Item]]:
    """What a held firing had taken, as pending again: leaf and item, as many of a leaf as it took. O(items * parts)."""
    for part, item in _taken(circuit, firing) or _by_source(circuit, firing, log):
        yield circuit.parts[part].trigger, item


def pairs_of(circuit: CompiledTrigger, firing: Firing, log: EventLog) -> list[tuple[int, Item]]:
    """The leaf parts of a firing with its items, those that ride too. O(items * parts)."""
    return [*firing.pairs] or [*_by_source(circuit, firing, log)]


def _by_source(circuit: CompiledTrigger, firing: Firing, log: EventLog) -> Iterator[tuple[int, Item]]:
    for item in firing.items:
        fact = item if isinstance(item, Mark) else log.record(item)
        for part in dict.fromkeys(firing.parts):
            leaf = circuit.parts[part]
            if leaf.trigger.came(fact) and leaf.takes(fact):
                yield part, item
