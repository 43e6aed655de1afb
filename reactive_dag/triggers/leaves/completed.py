"""The trigger on a DAG's, or a task's, end.

Owns `Completed`: which DAG ("*": every one but the DAG that has the trigger, and those that follow from it), which
task, in which final states. Making one costs about 1 µs.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar

from attrs import frozen

from reactive_dag.model.errors import InvalidValue
from reactive_dag.model.records import FINAL_RUN_STATES, FINAL_TASK_STATES, AnyRecord, Mark, RunFinished, TaskFinished
from reactive_dag.model.text import seen, text_at
from reactive_dag.triggers.base import Combinable, DrawnAs, Trigger
from reactive_dag.triggers.checks import choices_of, id_of, names_of, text_of

SUCCESS = frozenset({"success"})
NO_TAGS: frozenset[str] = frozenset()


@frozen(cache_hash=True)
class Completed(Trigger):
    """Fires when a run of `dag` (or its `task`) ends in one of `states`; with "*", of DAGs that have all `tags`."""

    kind: ClassVar[str] = "completed"
    gathers: ClassVar[bool] = False
    emits: ClassVar[bool] = True
    hears: ClassVar[bool] = True
    drawn_as: ClassVar[DrawnAs] = "dag"

    dag: str
    task: str | None = None
    states: frozenset[str] = SUCCESS
    tags: frozenset[str] = NO_TAGS

    def __attrs_post_init__(self) -> None:
        dag = text_of(self.dag, "the DAG of completed()")
        if dag is not self.dag:
            object.__setattr__(self, "dag", dag)
        if self.task is not None:
            object.__setattr__(self, "task", text_of(self.task, f"the task of completed({self.dag!r})"))
        if self.states is not SUCCESS:
            object.__setattr__(self, "states", self._final(self.states))
        if self.tags is not NO_TAGS:
            object.__setattr__(self, "tags", self._checked_tags())

    def _final(self, states: Iterable[str]) -> frozenset[str]:
        known = FINAL_RUN_STATES if self.task is None else FINAL_TASK_STATES
        asked = names_of(states, f"states of completed({self.dag!r})")
        return known if asked == {"any"} else choices_of(asked, known, f"states of completed({self.dag!r})")

    def _checked_tags(self) -> frozenset[str]:
        tags = names_of(self.tags, f"tags of completed({self.dag!r})")
        if tags and self.dag != "*":
            raise InvalidValue(
                f"completed({self.dag!r}, tags={sorted(tags)}): tags choose among all DAGs; "
                'write completed("*", tags=...) or leave them out'
            )
        return tags

    @property
    def source(self) -> tuple[str, str | None]:
        """The DAG, "*" for all, and the task. O(1)."""
        return self.dag, self.task

    def takes(self, fact: Any) -> bool:
        """Whether the run, or the task, ended in one of the states. O(1)."""
        return fact.state in self.states

    def came(self, fact: AnyRecord | Mark) -> bool:
        """Whether it is the end of a run of the DAG, or of the task. O(1)."""
        if self.task is None:
            return isinstance(fact, RunFinished) and self.dag in ("*", fact.dag)
        return isinstance(fact, TaskFinished) and fact.task == self.task

    def __repr__(self) -> str:
        known = FINAL_RUN_STATES if self.task is None else FINAL_TASK_STATES
        task = "" if self.task is None else f", task={self.task!r}"
        states = "" if self.states == SUCCESS else f", states={_texts(self.states, known)}"
        tags = "" if not self.tags else f", tags={_texts(self.tags)}"
        return f"rd.completed({self.dag!r}{task}{states}{tags})"


def _texts(names: frozenset[str], every: frozenset[str] | None = None) -> str:
    if names == every:
        return "'any'"
    found = sorted(names)
    return repr(found[0]) if len(found) == 1 else "{" + ", ".join(map(repr, found)) + "}"


def completed(
    dag: object, task: object = None, states: Iterable[str] = SUCCESS, tags: Iterable[str] = NO_TAGS
) -> Completed:
    """Fire when a run of the DAG, or that task of it, ends in one of the states ("any": all final ones). O(states).

    `dag` is an id, a DAG, a task (then that task of its DAG is meant), or "*". Raises InvalidValue for an unknown
    state, and for tags without "*".

    >>> completed("report", states="failed")
    rd.completed('report', states='failed')
    """
    if type(dag) is str and task is None:
        return Completed(dag, None, states, tags)  # type: ignore[arg-type]
    dag, task = _dag_and_task(dag, task)
    return Completed(dag, task, states, tags)  # type: ignore[arg-type]


def _dag_and_task(dag: object, task: object) -> tuple[str, str | None]:
    """The ids of a DAG and a task that may be given as objects; a task's DAG must be the one given."""
    if isinstance(dag, Combinable):
        raise InvalidValue(f"completed() takes a DAG or its id, not {seen(dag)}; for a dataset write rd.updated(...)")
    if task is None and (named := text_at(dag, "dag")) is not None:
        dag, task = named, dag
    found = id_of(dag, "the DAG of completed()")
    owner = text_at(task, "dag")
    if owner is not None and found not in (owner, "*"):
        raise InvalidValue(f"completed({found!r}, task=...): that task belongs to the DAG {owner!r}")
    return found, None if task is None else id_of(task, f"the task of completed({found!r})")
