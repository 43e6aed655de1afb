"""What of a window's records follows from its structure alone: what each node reaches, and in which order.

Owns `RecordPlan`. Invariant: an order in it is that in which the engine's fold comes to the things that one record
reaches: triggers by height, DAG and label, followers as in the plan. It is made by planning.py, once for a window.
"""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

from attrs import frozen

from reactive_dag.whatif.outcome.window_runs import Cause

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


Request: TypeAlias = tuple[str, str, bool, tuple[object, ...] | None]
"""DAG and label of a run, whether its request bears its key, and the key under which its trigger fired."""

Step: TypeAlias = tuple[
    int, str, tuple[str, str | None] | None, tuple[MadeEvent, ...], bool, tuple[tuple[int, int, int], ...], Nodes
]
"""What the success of a task is about: its run and name; dataset and partition of its only event, if nobody hears it;
its events; whether its end reaches a trigger or a wait; the tasks that go as soon as all that they need succeeded, with
their priorities and places in the plan; waits and those with other rules."""


@frozen(eq=False)
class RecordPlan:
    """The structure of a window's records.

    Of each node: what its success is about (`steps`), its task's name and priority, its place in the plan, the date
    that it awaits (None: it is no wait), how many tasks it needs (the beginning of its run in place of none, itself in
    the run before if it depends on its past), the events that its success publishes, the runs that its end causes, the
    triggers with a clock that hear that end. Of each run: what its request says, date and rank by height and DAG, the
    tasks that need nothing, how many tasks it has, its causes but for a tick, how many it has. `ticks` are the instants
    at which clocks are due, with the runs that they cause; `originals` are the DAGs whose runs begin cascades of their
    own.
    """

    steps: list[Step]
    names: list[str]
    priorities: list[int]
    places: list[int]
    awaits: list[int | None]
    needs: list[int]
    events: list[tuple[MadeEvent, ...]]
    caused: list[Runs]
    tells: list[Triggers]
    requests: list[Request]
    dates: list[int]
    ranks: list[int]
    roots: list[Nodes]
    tasks: list[int]
    causes: list[tuple[Cause, ...]]
    lacking: list[int]
    ticks: dict[int, Runs]
    originals: frozenset[str]
