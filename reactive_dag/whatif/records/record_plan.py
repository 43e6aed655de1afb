"""What of a window's records follows from its structure alone: what each node reaches, and in which order.

Owns `RecordPlan`. Invariant: an order in it is that in which the engine's fold comes to the things that one record
reaches: triggers by height, DAG and label, followers as in the plan. It is made by planning.py, once for a window.
"""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

from attrs import frozen

TriggerName: TypeAlias = tuple[str, str]
"""A DAG and a label."""

Nodes: TypeAlias = tuple[int, ...]
Runs: TypeAlias = tuple[int, ...]
Triggers: TypeAlias = tuple[TriggerName, ...]


class MadeEvent(NamedTuple):
    """An event that a success publishes: its dataset, number and partition, the runs that it causes.

    `tells` are the triggers with a clock that hear it.
    """

    dataset: str
    number: int
    partition: str | None
    causes: Runs
    tells: Triggers


@frozen(eq=False)
class RecordPlan:
    """The structure of a window's records.

    Of each node: its task's name and priority, its place in the plan, the date that it awaits (None: it is no wait),
    the tasks that may go when it has succeeded (`direct` before `others`), how many tasks it needs (the beginning of
    its run in place of none, itself in the run before if it depends on its past), the events that its success
    publishes, the runs that its end causes, the triggers with a clock that hear that end, and whether that end reaches
    any trigger or wait. Of each run: its trigger, date and rank by height and DAG, the tasks that need nothing, how
    many tasks and how many causes it has. `ticks` are the instants at which clocks are due, with the runs that they
    cause. `keyed` are the triggers with a clock, whose requests bear keys; `originals` the DAGs whose runs begin
    cascades of their own.
    """

    names: list[str]
    priorities: list[int]
    places: list[int]
    awaits: list[int | None]
    direct: list[Nodes]
    others: list[Nodes]
    needs: list[int]
    events: list[tuple[MadeEvent, ...]]
    caused: list[Runs]
    tells: list[Triggers]
    reaches: list[bool]
    triggers: list[TriggerName]
    dates: list[int]
    ranks: list[int]
    roots: list[Nodes]
    tasks: list[int]
    causes: list[int]
    ticks: dict[int, Runs]
    keyed: frozenset[TriggerName]
    originals: frozenset[str]
