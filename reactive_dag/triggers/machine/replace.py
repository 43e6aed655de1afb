"""An item takes the place of another that a trigger holds (R10): under the same keys, with what callables said of it.

Owns no state. Invariant: the replaced item stays where the other stood, so nothing fires and no count changes.
Cost: O(pending).
"""

from __future__ import annotations

from typing import Any

from reactive_dag.triggers.firing import Firing, Keyed, Mapped, Ref, in_order
from reactive_dag.triggers.machine.books import Books
from reactive_dag.triggers.machine.tree import Scope


def replaced(value: Any, old: int, new: int) -> Any:
    """An item, or a release or payload that it is in, with another in its place. O(size).

    >>> replaced(([3, 7], [Mapped({"rows": 3}, 3)]), 3, 9)
    ([9, 7], [Mapped(value={'rows': 3}, item=9)])
    """
    kind = type(value)
    if kind is int:
        return new if value == old else value
    if kind is tuple or kind is list:
        return kind([replaced(each, old, new) for each in value])
    if kind is Mapped:
        return Mapped(replaced_payload(value.value, old, new), replaced(value.item, old, new))
    if kind is Keyed:
        return Keyed(value.key, replaced(value.release, old, new))
    return value


def replaced_payload(payload: Any, old: int, new: int) -> Any:
    """A payload that refers to one item, so that it refers to another. O(size)."""
    if type(payload) is Ref:
        return Ref(new) if payload.item == old else payload
    return [replaced_payload(each, old, new) for each in payload] if type(payload) is list else payload


def replace_pending(scope: Scope, states: Any, books: Books, old: int, new: int) -> None:
    """Put an item in the place of another in all states of a trigger. O(pending)."""
    for node in scope.nodes:
        state = scope.state(states, node)
        kept = node.save(state, lambda place, item: replaced(item, old, new))
        node.cell.refill(state, node.load(kept, lambda place, item: item))
    books.replace(old, new)


def replaced_in_firing(firing: Firing, old: int, new: int) -> Firing:
    """A firing that has one item as a cause, with another in its place. O(items)."""
    return Firing(
        in_order(replaced(firing.items, old, new)), replaced_payload(firing.payload, old, new), firing.mapped,
        firing.key, firing.parts, in_order(replaced(list(firing.riders), old, new)), firing.split,
        [(part, replaced(item, old, new)) for part, item in firing.pairs],
    )  # fmt: skip
