"""How waits look (R27), and the options of a task whose function looks (R29).

Owns `Until` (frozen, parsed). O(1).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, TypedDict

from attrs import frozen

from reactive_dag.declare.settings.parsers import flag
from reactive_dag.declare.settings.pool import Pool
from reactive_dag.declare.settings.task_settings import ErrorClasses
from reactive_dag.model.errors import InvalidValue
from reactive_dag.model.records import Json
from reactive_dag.model.times import GivenDuration, format_duration, parse_duration
from reactive_dag.triggers.checks import choice_of

PUSH, POKE, RESCHEDULE = "push", "poke", "reschedule"
MODES = (PUSH, POKE, RESCHEDULE)
"""Who looks when (R27): at each record that can decide, or each `poll`, with or without a worker between the looks."""


@frozen
class Until:
    """How a task looks whose function is executed until it gives something true (R29). `poll` in nanoseconds."""

    poll: int
    mode: str = RESCHEDULE
    soft_fail: bool = False

    @classmethod
    def of(cls, poll: object, mode: object, soft_fail: object) -> Until:
        """Out of what a user gives. O(1). Raises InvalidValue.

        >>> Until.of("1m", "poke", False).mode
        'poke'
        """
        if mode == PUSH:
            raise InvalidValue("wait_until(mode='push'): nothing is recorded when a function would give another answer")
        found = choice_of(mode, (POKE, RESCHEDULE), "mode")
        return cls(parse_duration(poll, what="poll"), found, flag(soft_fail, "soft_fail"))  # type: ignore[arg-type]

    def to_json(self) -> dict[str, Json]:
        """Plain data, without defaults. O(1)."""
        found: dict[str, Json] = {"poll": format_duration(self.poll)}
        found |= {} if self.mode == RESCHEDULE else {"mode": self.mode}
        return {**found, "soft_fail": True} if self.soft_fail else found


class UntilOptions(TypedDict, total=False):
    """What a task that looks may be told beside how it looks: what any task may."""

    timeout: GivenDuration | None
    retries: int
    retry_delay: GivenDuration | Callable[..., object]
    backoff: Literal["fixed", "exponential"]
    max_delay: GivenDuration | None
    jitter: bool
    retry_on: ErrorClasses | None
    priority: int
    pool: Pool | str | None
    slots: int


# ------------------------------------------------------------------------- options of another kind of wait

_STATES = "runs and tasks have states, events of a dataset have none; a deleted one is not there"
OF_FUNCTIONS = {"retry_on": "a wait for what is recorded raises nothing; retries= count for whatever failed it"}
NOT_OF_DATASETS = {
    "tasks": "a dataset has no tasks",
    "states": _STATES,
    "failed_states": _STATES,
    "skipped_states": _STATES,
    "logical_date": "write partition=, of a date the text of its partition",
    "match": "partitions match exactly; for any event of the dataset write partition=None",
    "missing": "a dataset that nobody declared is waited for",
} | OF_FUNCTIONS
NOT_OF_DAGS = {"partition": "runs are awaited by their dates: write logical_date="} | OF_FUNCTIONS
NOT_OF_FUNCTIONS = dict.fromkeys(
    [*NOT_OF_DATASETS.keys() - OF_FUNCTIONS.keys(), "partition", "since"],
    "it is of wait_for(); the function of wait_until() says itself what it awaits, from what it gets of the run",
)
"""What is said of an option that another kind of wait has."""
