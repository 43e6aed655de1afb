"""What a leaf part of a trigger hears: on which routes, and of which kinds or states. Owns no state."""

from __future__ import annotations

from reactive_dag.triggers.base import Trigger
from reactive_dag.triggers.leaves.completed import Completed
from reactive_dag.triggers.leaves.dataset import Updated
from reactive_dag.triggers.leaves.missed import Missed


def heard_by(leaf: Trigger) -> list[tuple[str, object, frozenset[str]]]:
    """The routes on which a leaf part hears: the kind of each, its source, and the kinds or states taken. O(1)."""
    if isinstance(leaf, Updated):
        return [("dataset", leaf.dataset.id, leaf.kinds)]
    if isinstance(leaf, Missed):
        return [("missed", leaf.dag, frozenset({"missed"}))]
    if isinstance(leaf, Completed):
        if leaf.dag == "*":
            return [("everyone", None, leaf.states)]
        if leaf.task is None:
            return [("dag", leaf.dag, leaf.states)]
        return [("task", (leaf.dag, leaf.task), leaf.states)]
    return []
