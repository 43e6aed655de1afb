"""A trigger in a graph: its joins, windows, clocks and silences as small nodes between what it hears and its DAG.

What only filters, renames or keys (`.where`, `.map`, `.by`) is a second line of the node that it changes, and `any_of`
above all others is none: its parts lead to the DAG each. O(size of the trigger).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from attrs import define, field

from reactive_dag.model.schedule import CronSchedule, EverySchedule
from reactive_dag.model.times import format_duration
from reactive_dag.notebook.graphs.shown import EdgeMeaning, ShownEdge, ShownKind, ShownNode
from reactive_dag.notebook.graphs.sizes import fitted
from reactive_dag.triggers.base import Trigger
from reactive_dag.triggers.leaves.absent import Absent
from reactive_dag.triggers.leaves.completed import Completed
from reactive_dag.triggers.leaves.dataset import Feedback, Updated
from reactive_dag.triggers.leaves.missed import Missed
from reactive_dag.triggers.leaves.schedule import Scheduled
from reactive_dag.triggers.walks import own_text

SHOWN_AS: dict[str, ShownKind] = {
    "all_of": "join", "at_least": "join", "sequence": "join", "with_latest": "join", "any_of": "any", "batch": "window",
    "debounce": "window", "throttle": "window", "within": "window", "reset": "window", "rollup": "window",
    "by": "function", "where": "function", "map": "function", "clock": "clock", "absent": "silence",
}  # fmt: skip
EVERY_DAG = ShownNode("dag", "*", "every DAG", "rd.completed('*'): each DAG but this one and those that follow from it")


def clock_words(clock: Scheduled) -> tuple[str, str]:
    """What a clock says, and the zone in which it does. O(length)."""
    schedule = clock.schedule
    if isinstance(schedule, CronSchedule):
        return schedule.expr, "" if schedule.tz == "UTC" else schedule.tz
    if isinstance(schedule, EverySchedule):
        return f"every {format_duration(schedule.period)}", ""
    return repr(clock).removeprefix("rd."), ""


def _batch(of: Any) -> str:
    wait = None if of.max_wait is None else format_duration(of.max_wait)
    return f"batch of {of.count or 'all'}" + (f" or {wait}" if wait and of.count else f" in {wait}" if wait else "")


def _silent(of: Any) -> str:
    return f"silent for {format_duration(of.for_)}" if of.for_ is not None else "silent until its tick"


SAYS: dict[str, Callable[[Any], str]] = {
    "all_of": lambda of: "all of" if of.consume == "all" else f"all of, {of.consume}",
    "at_least": lambda of: f"{of.n} of {len(of.parts)}",
    "sequence": lambda of: "in this order",
    "with_latest": lambda of: "with the newest",
    "any_of": lambda of: "any of",
    "batch": _batch,
    "debounce": lambda of: f"pause of {format_duration(of.pause)}",
    "throttle": lambda of: f"once in {format_duration(of.period)}",
    "within": lambda of: f"within {format_duration(of.window)}",
    "reset": lambda of: f"reset at {clock_words(of.at)[0]}",
    "absent": _silent,
    "clock": lambda of: clock_words(of)[0],
}
"""What a part of a trigger says in a box; others say what they are written as."""


def says(trigger: Trigger) -> str:
    """A part of a trigger in few words. O(size)."""
    words = SAYS.get(trigger.kind)
    return own_text(trigger) if words is None else words(trigger)


@define
class TriggerShapes:
    """The nodes and edges of one DAG's trigger; `name` keeps those of all DAGs apart."""

    dag: str
    name: str
    nodes: list[ShownNode] = field(factory=list)
    links: list[ShownEdge] = field(factory=list)

    def add(self, trigger: Trigger, target: str) -> None:
        """All of it, down to what it hears. O(size)."""
        todo: list[tuple[Trigger, str, EdgeMeaning | None, str, bool]] = [(trigger, target, None, "", True)]
        while todo:
            each, below, kind, note, outermost = todo.pop()
            if not each.parts:
                self._leaf(each, below, kind)
            elif each.kind == "any_of" and outermost and not note:
                todo.extend((part, below, kind, "", True) for part in reversed(each.parts))
            elif SHOWN_AS.get(each.kind) == "function":
                said = f"{own_text(each).removeprefix('.')} {note}".strip()
                todo.append((each.parts[0], below, kind, said, False))
            else:
                id = self._node(each, below, kind, note)
                todo.extend((part, id, how, "", False) for part, how in reversed(list(self._parts(each))))
                if isinstance(each, Absent) and each.at is not None:
                    self._leaf(each.at, id, None)

    def _parts(self, trigger: Trigger) -> Iterator[tuple[Trigger, EdgeMeaning | None]]:
        for number, part in enumerate(trigger.parts):
            if trigger.kind == "with_latest" and number:
                yield part, "latest"
            else:
                yield part, "absent" if trigger.kind == "absent" and not number else None

    def _node(self, trigger: Trigger, below: str, kind: EdgeMeaning | None, note: str = "") -> str:
        label, second = says(trigger), note
        if isinstance(trigger, Scheduled):
            second = clock_words(trigger)[1]
        made = ShownNode(
            SHOWN_AS.get(trigger.kind, "function"), f"{self.name}#{len(self.nodes) + 1}", fitted(label), repr(trigger),
            fitted(second),
        )  # fmt: skip
        self.nodes.append(made)
        self.links.append(ShownEdge(kind or ("clock" if made.kind == "clock" else "trigger"), made.id, below))
        return made.id

    def _leaf(self, leaf: Trigger, below: str, kind: EdgeMeaning | None) -> None:
        if isinstance(leaf, Updated):
            own: EdgeMeaning = "feedback" if isinstance(leaf, Feedback) else "updated"
            self.links.append(ShownEdge(kind or own, f"dataset {leaf.dataset.uri}", below))
        elif isinstance(leaf, Completed | Missed):
            if leaf.dag == "*":
                self.nodes.append(EVERY_DAG)
            own = "missed" if isinstance(leaf, Missed) else "completed"
            self.links.append(ShownEdge(kind or own, f"dag {leaf.dag}", below))
        else:
            self._node(leaf, below, kind)
