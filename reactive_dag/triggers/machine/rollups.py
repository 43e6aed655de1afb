"""What rollups say of a compiled trigger: of its firings, of its open periods, and of those that have fired (T18).

Owns no state. A firing is of the periods whose releases are in it; a period that fired twice into one firing is as the
later release says. What a trigger remembers of fired periods goes to the one that replaces it, where both gather the
same calendars (T11). Cost: O(periods) but for `rolled_in`, O(items).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Any, NamedTuple

import msgspec

from reactive_dag.model.records import AnyRecord, Item, MissingPartitions, Registered, RollupFired
from reactive_dag.triggers.base import Trigger
from reactive_dag.triggers.cell import MAX_PENDING, Opaque
from reactive_dag.triggers.firing import Firing, Key, Rolled, ask_directly, in_order
from reactive_dag.triggers.functions.by import Keys
from reactive_dag.triggers.functions.rollup import Gathered, RollupCell
from reactive_dag.triggers.machine.books import Loops, Pairs, mark_text, nobody
from reactive_dag.triggers.machine.compile import Compiler
from reactive_dag.triggers.machine.tree import ByNode, PartPlace, Scope


class Fired(NamedTuple):
    """A period that has fired: the calendars and keys that it stands under, their values, what is missing of it."""

    calendars: tuple[object, ...]
    key: Key
    missing: list[str]


def rolled_in(top: PartPlace, release: Opaque, taken: Pairs) -> tuple[list[Rolled], list[Item]]:
    """What rollups say of a release, and which of the items that it takes are of none. O(items)."""
    of_rollups: set[Item] = set()
    latest: dict[tuple[int, Key], Rolled] = {}
    for rolled, pairs in top.rolled(release):
        of_rollups.update(item for _, item in pairs)
        latest[rolled.place, rolled.key] = rolled
    return list(latest.values()), in_order([item for _, item in taken if item not in of_rollups])


def united(firings: Iterable[Firing]) -> tuple[list[Rolled], list[Item]]:
    """What rollups say of several firings of one trigger as one, the oldest first: `rolled` and `rest`. O(items)."""
    found = list(firings)
    latest: dict[tuple[int, Key], Rolled] = {}
    for rolled in [each for firing in found for each in firing.rolled]:
        before = latest.get((rolled.place, rolled.key), rolled)
        correction = rolled.correction and before.correction
        latest[rolled.place, rolled.key] = msgspec.structs.replace(rolled, correction=correction)
    rest = in_order([item for firing in found for item in firing.rest])
    return list(latest.values()), rest if latest else []


def fired_rollup(firing: Firing, definition: int) -> RollupFired:
    """What the request of a firing's run says of its rollups; the offset of their definition. O(periods)."""
    periods = {(str(rolled.key[-1]), rolled.start, rolled.end): None for rolled in firing.rolled}
    lacking = [MissingPartitions(r.place, str(r.key[-1]), r.missing, r.known) for r in firing.rolled if r.missing]
    correction = all(rolled.correction for rolled in firing.rolled)
    return RollupFired(tuple(periods), tuple(lacking), correction, tuple(firing.rest), definition)


def missing_of(fired: RollupFired, definition: AnyRecord) -> list[str]:
    """The finer partitions that were not there as rollups fired, each once. O(those that there should be)."""
    assert isinstance(definition, Registered), definition
    cells = _cells_recorded(definition.trigger)
    names = [name for each in fired.lacking for name in cells[each.place].lacking(each.period, each.flags, each.known)]
    return list(dict.fromkeys(names))


@lru_cache(maxsize=64)
def _cells_recorded(text: str) -> dict[int, RollupCell]:
    trigger = Trigger.from_json(msgspec.json.decode(text))
    return cells_of(Compiler(trigger, ask_directly, nobody, mark_text, MAX_PENDING, Loops(), None).scope)


def cells_of(scope: Scope) -> dict[int, RollupCell]:
    """The cells of rollups by their place, of those that stand in each other the outermost. O(nodes)."""
    found = {node.cell.first: node.cell for node in scope.nodes if isinstance(node.cell, RollupCell)}
    for node in scope.nodes:
        if isinstance(node, ByNode):
            found = cells_of(node.within) | found
    return found


# --------------------------------------------------------------------------------------------- periods


def half_gathered(scope: Scope, states: Any) -> Iterator[Gathered]:
    """The periods that have something and have not fired, key after key. O(nodes * keys)."""
    for node, state in scope.everywhere(states):
        if isinstance(node.cell, RollupCell) and (found := node.cell.gathered(state)) is not None:
            yield found


def fired_periods(scope: Scope, states: Any, held: Iterable[Firing]) -> list[Fired]:
    """The periods that have fired, but for those whose firing has not gone: it is gathered anew. O(pending)."""
    waiting: set[Key] = set()
    for node, state in scope.everywhere(states):
        for part, release in node.cell.held(state):
            waiting |= {rolled.key for rolled, _ in node.kids[part].rolled(release) if not rolled.correction}
    waiting |= {rolled.key for firing in held for rolled in firing.rolled if not rolled.correction}
    return [fired for fired in _fired(scope, states, ()) if fired.key not in waiting]


def _fired(scope: Scope, states: Any, path: Key) -> Iterator[Fired]:
    for node in scope.nodes:
        state = scope.state(states, node)
        if isinstance(node, ByNode):
            for key, inner in state.by_key.items():
                yield from _fired(node.within, inner, path + node.keys_cell.path(key))
        elif isinstance(node.cell, RollupCell) and node.cell.has_fired(state):
            yield Fired(node.cell.calendars, path, list(state[1]))


def remember(scope: Scope, states: Any, fired: Iterable[Fired], now: int) -> None:
    """Know which periods fired under an earlier definition. O(periods)."""
    for each in fired:
        _remember(scope, states, each, each.key, now)


def _remember(scope: Scope, states: Any, fired: Fired, path: Key, now: int) -> None:
    """Go down to the rollup under these keys, value after value, and make only what leads there."""
    for node in scope.nodes:
        state = scope.state(states, node)
        if isinstance(node, ByNode):
            width = node.keys_cell.width
            if len(path) >= width and _leads_to(node, fired):
                keys: Keys = state
                key = path[0] if width == 1 else path[:width]
                _remember(node.within, node.keys_cell.opened(keys, key, now), fired, path[width:], now)
                node.keys_cell.settle(keys, key, now)
        elif isinstance(node.cell, RollupCell) and node.cell.calendars == fired.calendars:
            lacking = frozenset(fired.missing)
            state[1] = {name: None for name in node.cell.expected(fired.key) if name in lacking}


def _leads_to(node: ByNode, fired: Fired) -> bool:
    """Whether the rollup under these keys stands inside."""
    cells = [each.cell for each in node.within.nodes]
    found = any(isinstance(cell, RollupCell) and cell.calendars == fired.calendars for cell in cells)
    return found or any(_leads_to(each, fired) for each in node.within.bys)
