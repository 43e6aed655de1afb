"""The fast paths for triggers of the common shapes: one closure for a whole step.

Owns `fast_path`, which gives a compiled trigger its `feed` where the trigger is a leaf, an `any_of` of leaves, a join
of leaves by one key, or any one cell behind leaves; a batch and an `all_of` have the logic of their cell written out.
Invariant: it works on the states and counts of the evaluator (evaluate.py) and does to them what that does; what is not
the common case (a bound reached, no key) goes through the evaluator. A property test holds the two equal. Cost: 0.1 to
0.3 µs a feed, firings included, where the logic is written out; else the cell's and some 0.3 µs.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol, TypeAlias, cast

from reactive_dag.model.callables import Call
from reactive_dag.model.records import Item
from reactive_dag.model.times import NEVER
from reactive_dag.triggers.cell import Cell, Opaque
from reactive_dag.triggers.firing import Firing
from reactive_dag.triggers.functions.by import Keys
from reactive_dag.triggers.joins.all_of import AllOfCell
from reactive_dag.triggers.joins.any_of import AnyOfCell
from reactive_dag.triggers.machine.counts import Counters
from reactive_dag.triggers.machine.leaf import Leaf
from reactive_dag.triggers.machine.tree import ByNode, CellNode, PartPlace, Scope
from reactive_dag.triggers.windows.batch import BatchCell

FeedFunction: TypeAlias = Callable[[tuple[int, ...], Item, int, object], "list[Firing] | None"]


class WithoutFastPath(Protocol):
    """The trigger whose common case is taken here: its parts, its timer, and the way for all that is not common."""

    parts: tuple[Leaf, ...]
    due: int

    def feed_slowly(self, hits: tuple[int, ...], item: Item, now: int, event: object) -> list[Firing] | None:
        """Feed without a fast path."""

    def fire(self, released: list[Opaque]) -> list[Firing]:
        """Firings of what the top released."""


def fast_path(compiled: WithoutFastPath, scope: Scope, states: Any, counters: Counters) -> FeedFunction | None:
    """The fast path of this trigger, or None if its trigger has no such shape. O(parts)."""
    if any(leaf.chain or leaf.rides or not leaf.is_source for leaf in compiled.parts):
        return None
    top = scope.top
    if isinstance(top, Leaf):
        return _leaf(counters)
    if len(scope.nodes) > 1:
        return None
    if isinstance(top.cell, AnyOfCell):
        return _any_of(counters)
    if not _apart(compiled):
        return None
    if isinstance(top.cell, BatchCell) and top.cell.count <= top.cell.limit:
        return _batch(compiled, top.cell, states, counters)
    if _is_bare_join(top):
        return _all_of(compiled, cast(AllOfCell, top.cell), states, counters)
    if top.inside is None:
        return _one_cell(compiled, top.cell, states, counters)
    return _by(compiled, top, states, counters) if isinstance(top, ByNode) and _is_bare_join(top.within.top) else None


def _apart(compiled: WithoutFastPath) -> bool:
    """Whether no item can come in by two leaves."""
    if len(compiled.parts) == 1:
        return True
    sources = {leaf.source for leaf in compiled.parts}
    return len(sources) == len(compiled.parts) and ("*", None) not in sources


def _is_bare_join(place: PartPlace) -> bool:
    """Whether it is an `all_of` of several leaves that takes all."""
    if not isinstance(place, CellNode) or not isinstance(place.cell, AllOfCell) or len(place.scope.nodes) > 1:
        return False
    return len(place.kids) > 1 and not place.cell.latest and place.cell.window is None


def _leaf(counters: Counters) -> FeedFunction:
    delivered, consumed = counters.delivered, counters.consumed

    def feed(hits: tuple[int, ...], item: Item, now: int, event: object) -> list[Firing] | None:
        delivered[0] += 1
        consumed[0] += 1
        return [Firing([item], None, False, (), hits)]

    return feed


def _any_of(counters: Counters) -> FeedFunction:
    delivered, consumed = counters.delivered, counters.consumed

    def feed(hits: tuple[int, ...], item: Item, now: int, event: object) -> list[Firing] | None:
        for part in hits:
            delivered[part] += 1
            consumed[part] += 1
        return [Firing([item], None, False, (), hits)]

    return feed


def _batch(compiled: WithoutFastPath, cell: BatchCell, state: list[Any], counters: Counters) -> FeedFunction:
    delivered, consumed = counters.delivered, counters.consumed
    count, wait = cell.count, cell.max_wait
    append = state.append
    parts = bytes(count)  # `count` times the only leaf part, 0, in a byte each

    def feed(hits: tuple[int, ...], item: Item, now: int, event: object) -> list[Firing] | None:
        delivered[0] += 1
        append(item)
        held = len(state)
        if held <= count:
            if held == 2 and wait is not None:
                compiled.due = state[0] = now + wait
            return None
        items = state[1:]
        state.clear()
        append(NEVER)
        consumed[0] += count
        if wait is not None:
            compiled.due = NEVER
        return [Firing(items, None, False, (), parts)]

    return feed


def _all_of(compiled: WithoutFastPath, cell: AllOfCell, state: list[Any], counters: Counters) -> FeedFunction:
    delivered, rounds, consume = counters.delivered, counters.rounds, counters.consume
    full, room, general, append, count = (
        cell.full,
        2 * cell.limit,
        compiled.feed_slowly,
        state.append,
        1 + 2 * cell.parts,
    )
    bits, whole = tuple([1 << part for part in range(cell.parts)]), tuple(range(cell.parts))

    def feed(hits: tuple[int, ...], item: Item, now: int, event: object) -> list[Firing] | None:
        (part,) = hits
        held = state[0]
        bit = bits[part]
        if held & bit:
            if len(state) > room:
                return general(hits, item, now, event)
            delivered[part] += 1
            append(part)
            append(item)
            return None
        delivered[part] += 1
        append(part)
        append(item)
        held |= bit
        if held != full:
            state[0] = held
            return None
        items = state[2::2]
        if len(state) == count:
            parts: Any = whole
            rounds[0] += 1
        else:
            parts = state[1::2]
            consume(parts)
        state.clear()
        append(0)
        return [Firing(items, None, False, (), parts)]

    return feed


def _one_cell(compiled: WithoutFastPath, cell: Cell, state: list[Any], counters: Counters) -> FeedFunction:
    delivered, step, fire = counters.delivered, cell.feed, compiled.fire
    due = cell.due if cell.timed else None

    def feed(hits: tuple[int, ...], item: Item, now: int, event: object) -> list[Firing] | None:
        (part,) = hits
        delivered[part] += 1
        released = step(state, part, item, now)
        if due is not None:
            compiled.due = due(state)
        return fire(released) if released else None

    return feed


def _by(compiled: WithoutFastPath, top: ByNode, keys: Keys, counters: Counters) -> FeedFunction | None:
    cell, inside = top.keys_cell, top.within
    readers = [read for leaf in compiled.parts if not isinstance(read := top.asks[leaf][0], Call)]
    if cell.width > 1 or cell.ttl is not None or len(readers) < len(compiled.parts):
        return None
    join = cast(AllOfCell, inside.nodes[0].cell)
    delivered, rounds, consume = counters.delivered, counters.rounds, counters.consume
    full, room, max_keys, general, count = join.full, 2 * join.limit, cell.max_keys, compiled.feed_slowly, join.parts
    by_key = keys.by_key
    find, whole = by_key.get, tuple(range(join.parts))

    def feed(hits: tuple[int, ...], item: Item, now: int, event: object) -> list[Firing] | None:
        (part,) = hits
        key = readers[part](event)
        pile = find(key)
        if pile is None:
            if key is None or len(by_key) >= max_keys:
                return general(hits, item, now, event)
            delivered[part] += 1
            by_key[key] = [1 << part, part, item]
            return None
        held = pile[0] | 1 << part
        if held != full:
            if len(pile) > room:
                return general(hits, item, now, event)
            delivered[part] += 1
            pile[0] = held
            pile.append(part)
            pile.append(item)
            return None
        delivered[part] += 1
        del by_key[key]
        items = pile[2::2]
        items.append(item)
        if len(items) == count:
            parts: Any = whole
            rounds[0] += 1
        else:
            parts = pile[1::2]
            parts.append(part)
            consume(parts)
        return [Firing(items, None, False, (key,), parts)]

    return feed
