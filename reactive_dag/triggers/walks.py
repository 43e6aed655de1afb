"""Walks over a trigger's parts.

Owns no state. Invariant: parts come in the order in which they are written. All costs are O(size of the trigger).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from reactive_dag.triggers.base import Trigger


def walk(trigger: Trigger) -> Iterator[Trigger]:
    """The trigger and all its parts, each before its own parts, in the order they are written. O(size).

    >>> from reactive_dag.triggers.leaves.dataset import updated
    >>> [type(t).__name__ for t in walk(updated("a").batch(count=2) & updated("b"))]
    ['AllOf', 'Batch', 'Updated', 'Updated']
    """
    yield trigger
    stack = [*trigger.parts[::-1]]
    while stack:
        found = stack.pop()
        yield found
        if parts := found.parts:
            stack.extend(parts[::-1])


def leaves(trigger: Trigger) -> list[Trigger]:
    """The parts that have no parts, in the order they are written. O(size).

    >>> from reactive_dag.triggers.leaves.dataset import updated
    >>> leaves(updated("a").batch(count=2) & updated("b"))
    [rd.updated('a'), rd.updated('b')]
    """
    return [found for found in walk(trigger) if not found.parts]


def replaced(trigger: Trigger, change: Callable[[Trigger], Trigger]) -> Trigger:
    """The trigger with `change` made to each leaf; the same object where nothing changed. O(size).

    >>> from reactive_dag.triggers.leaves.dataset import updated
    >>> replaced(updated("a") & updated("b"), lambda leaf: updated("c") if leaf == updated("a") else leaf)
    rd.all_of(rd.updated('c'), rd.updated('b'))
    """
    if not trigger.parts:
        return change(trigger)
    parts = tuple([replaced(part, change) for part in trigger.parts])
    unchanged = all(new is old for new, old in zip(parts, trigger.parts, strict=True))
    return trigger if unchanged else trigger.rebuilt(parts)


def own_text(trigger: Trigger) -> str:
    """What a trigger says without its parts: `.batch(count=10)`, `all_of(consume='each')`, or all of a leaf. O(size).

    >>> from reactive_dag.triggers.leaves.dataset import updated
    >>> own_text(updated("a").batch(count=2)), own_text(updated("a"))
    ('.batch(count=2)', "updated('a')")
    """
    text = repr(trigger)
    for part in trigger.parts:
        text = text.replace(f"{part!r}, ", "", 1) if f"{part!r}, " in text else text.replace(repr(part), "", 1)
    return text.removeprefix("rd.").replace("after=)", "after=…)").replace(", )", ")").removesuffix("()")
