"""What the compiled window knows, and what it leaves to the reference: each option, setting and kind of trigger.

Owns `NotStatic` and the lists. An option that is not handled must have its default; a kind of trigger that is not
handled is refused. Invariant: every option of a DAG, a task and a wait and every kind of trigger is on one list (a test
walks all that are declared), so what is new is refused here until somebody says what it means. O(options) a DAG.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from operator import attrgetter
from typing import TYPE_CHECKING

from attrs import fields

from reactive_dag.declare.internals import dag_settings_of, settings_of
from reactive_dag.declare.settings.dag_settings import DagSettings
from reactive_dag.declare.settings.task_settings import TASK_DEFAULTS, TaskSettings
from reactive_dag.declare.wait import FAILED_STATES, Wait
from reactive_dag.model.callables import Call
from reactive_dag.model.errors import ReactiveDagError
from reactive_dag.triggers.functions.by import By
from reactive_dag.triggers.joins.all_of import AllOf
from reactive_dag.triggers.joins.any_of import AnyOf
from reactive_dag.triggers.keys import FIELDS, PeriodKey
from reactive_dag.triggers.leaves.completed import SUCCESS, Completed
from reactive_dag.triggers.leaves.dataset import Updated
from reactive_dag.triggers.leaves.schedule import Scheduled
from reactive_dag.triggers.walks import walk

if TYPE_CHECKING:
    from reactive_dag.declare.dag import Dag
    from reactive_dag.triggers.base import Trigger


class NotStatic(ReactiveDagError):
    """Which runs there are, or what waits for what, depends on durations here: the reference plays it.

    `dags` are the DAGs of which that is said; none where it is said of all.
    """

    def __init__(self, why: str, *dags: str) -> None:
        super().__init__(why)
        self.dags = dags


@contextmanager
def said_of(dag: str) -> Iterator[None]:
    """What is not static inside of the block is so in this DAG. O(1)."""
    try:
        yield
    except NotStatic as why:
        raise NotStatic(str(why), *(why.dags or (dag,))) from why


FREE_OF_DAG = frozenset(
    {"tz", "start", "end", "bare", "catchup", "max_catchup", "defaults", "tags", "description", "params", "deadline"}
)
"""Options of a DAG that change no time, or whose meaning is in the ticks and zones that are asked for."""
LIMITS_OF_DAG = frozenset({"max_active_runs", "overlap", "timeout"})
"""Those that a pass holds to be kept (limits.py), else the event loop follows."""
REFUSED_OF_DAG = {"paused": False}
"""Those that must have their default."""

FREE_OF_TASK = frozenset({"save", "retry_on", "depends_on_past"})
LIMITS_OF_TASK = frozenset({"retries", "retry_delay", "backoff", "max_delay", "timeout", "priority", "pool", "slots"})
REFUSED_OF_TASK = {"jitter": False, "map_over": None, "branch": False}
RULES_OF_TASK = frozenset({"trigger_rule", "teardown"})
"""Options that say when a task begins: alike for all `ALIKE` rules as long as nothing fails."""
ALIKE = frozenset({"all_success", "all_done", "none_failed", "none_failed_min_one_success"})

FREE_OF_WAIT = frozenset({"id", "dag", "tasks", "match", "logical_date", "poll", "missing", "after", "partition"})
LIMITS_OF_WAIT = frozenset({"timeout", "soft_fail"})
REFUSED_OF_WAIT = {
    "states": SUCCESS, "failed_states": FAILED_STATES, "skipped_states": frozenset(), "mode": "push", "since": None,
    "dataset": None,
}  # fmt: skip

_refused_of_task, _usual_of_task = attrgetter(*REFUSED_OF_TASK), tuple(REFUSED_OF_TASK.values())
_refused_of_wait, _usual_of_wait = attrgetter(*REFUSED_OF_WAIT), tuple(REFUSED_OF_WAIT.values())

TRIGGERS = frozenset({Scheduled, Completed, Updated, AllOf, AnyOf, By})
"""The kinds of triggers that are handled; all others are refused."""


def refused(dag: Dag, triggers: Iterable[Trigger]) -> str:
    """Why the runs of a DAG are not static, by its options and the kinds of its triggers; "" if nothing says so.

    O(options + size of the triggers).
    """
    reasons = (*_of_triggers(triggers), *_of_settings(dag), *_of_tasks(dag))
    return next(iter(reasons), "")


def _of_settings(dag: Dag) -> Iterator[str]:
    settings = dag_settings_of(dag)
    for name, usual in REFUSED_OF_DAG.items():
        if getattr(settings, name) != usual:
            yield f"DAG {dag.id!r} has {name}={getattr(settings, name)!r}"
    if not dag.tasks:
        yield f"DAG {dag.id!r} has no task, so its runs never begin"


def _of_tasks(dag: Dag) -> Iterator[str]:
    for task in dag.tasks.values():
        settings = settings_of(task)
        if settings is not TASK_DEFAULTS:
            if _refused_of_task(settings) != _usual_of_task:
                yield f"{dag.id}.{task.id} has {_first_of(settings, REFUSED_OF_TASK)}"
            if settings.trigger_rule not in ALIKE:
                yield f"{dag.id}.{task.id} has trigger_rule={settings.trigger_rule!r}"
            if type(settings.retry_delay) is Call:
                yield f"{dag.id}.{task.id} has a function as retry_delay="
        if task.until is not None:
            yield f"{dag.id}.{task.id} waits for a function"
        elif task.wait is not None:
            yield from _of_wait(f"{dag.id}.{task.id}", task.wait)


def _first_of(settings: object, refused: Mapping[str, object]) -> str:
    """The first option that has not its default, as it would be written."""
    return next(
        f"{name}={getattr(settings, name)!r}" for name, usual in refused.items() if getattr(settings, name) != usual
    )


def _of_wait(where: str, wait: Wait) -> Iterator[str]:
    if wait.dataset is not None:
        yield f"{where} waits for a dataset"
    elif _refused_of_wait(wait) != _usual_of_wait:
        yield f"{where} has {_first_of(wait, REFUSED_OF_WAIT)}"
    if isinstance(wait.logical_date, Call):
        yield f"{where} asks a function for its dates"
    elif isinstance(wait.logical_date, tuple):
        yield f"{where} waits for a list of dates"
    if len(wait.tasks) > 1:
        yield f"{where} waits for several tasks"


def _of_triggers(triggers: Iterable[Trigger]) -> Iterator[str]:
    for trigger in triggers:
        for part in walk(trigger):
            if type(part) not in TRIGGERS:
                yield f"{part!r} is {type(part).__name__}, whose firings depend on durations"
            elif isinstance(part, Completed):
                if part.dag == "*" and "success" in part.states:
                    yield f"{part!r} hears all DAGs"
            elif isinstance(part, AllOf):
                if part.consume != "all":
                    yield f"{part!r} takes part of what is pending"
            elif isinstance(part, By):
                yield from _of_keys(part)


def _of_keys(part: By) -> Iterator[str]:
    if part.ttl is not None:
        yield f"{part!r} lets keys expire"
    for key in part.keys:
        if isinstance(key, Call) or (isinstance(key, str) and key not in FIELDS):
            yield f"{part!r} has a key that events say in other ways than by date or partition"
        elif isinstance(key, PeriodKey):
            yield f"{part!r} gathers periods"


def all_options() -> dict[type, frozenset[str]]:
    """For each class of options the names that a list here holds: what a test compares with what is declared."""
    return {
        DagSettings: FREE_OF_DAG | LIMITS_OF_DAG | REFUSED_OF_DAG.keys(),
        TaskSettings: FREE_OF_TASK | LIMITS_OF_TASK | RULES_OF_TASK | REFUSED_OF_TASK.keys(),
        Wait: FREE_OF_WAIT | LIMITS_OF_WAIT | REFUSED_OF_WAIT.keys(),
    }


def unlisted(of: type) -> set[str]:
    """The options of a class that no list here holds. O(options)."""
    return {each.name for each in fields(of)} - all_options()[of]
