"""What answers point at: tasks of runs, begins and ends of runs, and what nothing caused.

Owns `Point`, `Predecessor` and their words. Invariant: both are frozen, and mean something only beside the outcome that
they are of. O(1).
"""

from __future__ import annotations

from typing import Literal, TypeAlias

from attrs import frozen

PointKind: TypeAlias = Literal["task", "start", "end", "tick", "silence", "deadline", "event"]
Relation: TypeAlias = Literal[
    "needs", "awaits", "caused by", "slot", "past", "window", "silence", "deadline", "unheard", "room", ""
]
MARKS: dict[str, PointKind] = {"tick": "tick", "absent": "silence", "missed": "deadline"}
"""What no fact stands behind, by the kind of its mark."""


@frozen
class Point:
    """Something that happened: `of` is a run's number (of an event its own, of a mark its instant).

    `task` is a task's id; of a silence, the identity of what was heard last before it; of a missed deadline, the key of
    the run that missed it.
    """

    kind: PointKind
    of: int
    task: str = ""


@frozen
class Predecessor:
    """What a point followed, how they are related, and when the earlier one had ended (ns).

    `detail` names the timer that ran in between, as its trigger says it.
    """

    point: Point
    link: Relation
    at: int
    detail: str = ""
