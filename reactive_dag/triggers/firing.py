"""A firing: a trigger's decision, with its causes and what the run receives (T13).

Owns `Firing`; `Ref` and `Mapped`, the two forms of a payload inside a trigger; `Keyed`; and how a callable is asked. A
payload is by reference: an event that no `.map` has changed is a `Ref` to its item, since bodies stay in the log (T14).
Cost: making a firing about 0.1 µs; `resolved` O(payload).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, TypeAlias, final

import msgspec

from reactive_dag.model.callables import Call
from reactive_dag.model.ctrl_c import raise_ctrl_c
from reactive_dag.model.errors import said
from reactive_dag.model.records import Item, Mark
from reactive_dag.triggers.faults import CallableFault

Key: TypeAlias = tuple[object, ...]
"""The values of all `.by` that a state stands under, the outermost first; () outside of them."""


class Rolled(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """What a rollup says of one firing: the period by its whole key, its span (ns), what is missing of it (T18).

    `place` tells the rollups of one trigger apart; `correction`: the period had fired before. What is missing are flags
    of the finer partitions that there should be (`partitions.nesting`), those with the `known` texts of dimensions.
    """

    place: int
    key: Key
    start: int
    end: int
    missing: bytes = b""
    correction: bool = False
    known: tuple[tuple[str, str], ...] = ()


class Firing(msgspec.Struct, gc=False):
    """What a trigger decided: `items` each once, in order of delivery.

    `payload` is the outermost one if the trigger has a `.map` (`mapped`), else None. `parts` are the leaf parts of the
    deliveries that were consumed, for `CompiledTrigger.recount`; an item that two parts got is two of them. `riders`
    are the items that it did not consume (T17). `split`: an item of it was given several keys, so that its own key
    tells it from others of the same items (T7, I4). `pairs`: leaf part with item, riders too; () where a leaf part's
    source tells its items (fast_paths.py). `rolled`: what rollups say of it; `rest`: the items of no rollup then.
    """

    items: list[Item]
    payload: object = None
    mapped: bool = False
    key: Key = ()
    parts: Sequence[int] = ()
    riders: Sequence[Item] = ()
    split: bool = False
    pairs: Sequence[tuple[int, Item]] = ()
    rolled: Sequence[Rolled] = ()
    rest: Sequence[Item] = ()


class Ref(msgspec.Struct, frozen=True, gc=False):
    """The event of an item, by reference."""

    item: Item


class Mapped(msgspec.Struct, frozen=True):
    """A release, and the payload that a `.map` gave it."""

    value: object
    item: object


class Keyed(msgspec.Struct, frozen=True):
    """A release of what stands before a `.by`, and its key."""

    key: Key
    release: object


@final
class Gone:
    """No answer: the callable raised, and the item is parked (T10)."""

    def __repr__(self) -> str:
        return "GONE"


GONE: Final = Gone()

Ask: TypeAlias = Callable[[str, Call, object, object], object]
"""Ask a callable: "where", "by" or "map"; the function; the event or the payload so far, events by `Ref`; the item, or
the list of items. Raises `CallableFault` if there is no answer."""


def ask_directly(kind: str, fn: Call, payload: object, item: object) -> object:
    """Call the function on what there is: an event as it was given, an item where only its `Ref` is at hand.

    Raises CallableFault for whatever the function raises. Cost: the function's.
    """
    try:
        return fn.fn(resolved(payload, _itself))
    except BaseException as error:
        raise_ctrl_c(error)
        raise CallableFault(fn.text, fn.place, said(error)) from error


def _itself(item: Item) -> object:
    return item


def resolved(payload: object, event_of: Callable[[Item], object]) -> object:
    """A payload with each `Ref` replaced by the event that `event_of` gives. O(payload).

    >>> resolved([Ref(3), {"rows": 1}], lambda item: f"event {item}")
    ['event 3', {'rows': 1}]
    """
    if type(payload) is Ref:
        return event_of(payload.item)
    if type(payload) is list:
        return [event_of(each.item) if type(each) is Ref else each for each in payload]
    return payload


def in_order(items: Sequence[Item]) -> list[Item]:
    """Items each once, in order of delivery: offsets ascending, a mark behind the fact that came before it. O(n log n).

    >>> in_order([7, Mark("tick", 50, after=5), 3, 7])
    [3, Mark(kind='tick', due=50, after=5, by='', part=0, dag='', date=None, place=None), 7]
    """
    return sorted(set(items), key=delivery)


def delivery(item: Item) -> tuple[int, int, int, str, str, int, str]:
    """Where an item stands in the order of delivery. O(1)."""
    if isinstance(item, Mark):
        return item.after, 1, item.due, item.kind, item.by, item.part, item.dag
    return item, 0, 0, "", "", 0, ""
