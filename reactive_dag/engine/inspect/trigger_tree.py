"""A trigger as a tree of plain data, with what is pending in each leaf: what `engine.pending` and its picture show.

Owns `TriggerTree`. O(size of the trigger).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

import attrs

from reactive_dag.model.payload import PlainForm
from reactive_dag.triggers.base import Trigger
from reactive_dag.triggers.walks import own_text


@attrs.frozen
class TriggerTree(PlainForm):
    """One part: its kind (`all_of`, `batch`, …), what it says without its parts, and those; of a leaf what is pending.

    `whole` is the expression that makes it, `drawn_as` what it looks like in a drawing.
    """

    kind: str
    text: str
    whole: str
    drawn_as: str
    pending: int | None = None
    parts: list[TriggerTree] = attrs.field(factory=list)


def tree_of(trigger: Trigger, pending: Iterable[tuple[str, int]] = ()) -> TriggerTree:
    """The tree of a trigger; `pending` says of leaves, by their text and in order, how many items they hold. O(size).

    >>> from reactive_dag.triggers.leaves.dataset import updated
    >>> tree = tree_of(updated("a").batch(count=2), [("rd.updated('a')", 1)])
    >>> tree.text, [(part.text, part.pending) for part in tree.parts]
    ('.batch(count=2)', [("updated('a')", 1)])
    """
    held: dict[str, deque[int]] = {}
    for text, count in pending:
        held.setdefault(text, deque()).append(count)

    def made(part: Trigger) -> TriggerTree:
        whole = repr(part)
        counts = None if part.parts else held.get(whole)
        count = counts.popleft() if counts else None
        return TriggerTree(part.kind, own_text(part), whole, part.drawn_as, count, [made(each) for each in part.parts])

    return made(trigger)
