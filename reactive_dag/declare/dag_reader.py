"""What a DAG says about itself, read only.

Owns `Outline`: the settings as attributes, and what can be told from triggers and tasks. Nothing here changes a DAG.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from reactive_dag.declare.named_triggers import expression
from reactive_dag.declare.options import DagSettings, Setting, TaskSettings
from reactive_dag.declare.place import Place, text_of
from reactive_dag.declare.wait import Wait
from reactive_dag.model import pictures
from reactive_dag.model.callables import Call
from reactive_dag.model.records import Json
from reactive_dag.triggers.base import Trigger
from reactive_dag.triggers.leaves.dataset import Dataset

if TYPE_CHECKING:
    from reactive_dag.declare.graph import Graph
    from reactive_dag.declare.task import AnyTask


class Outline:
    """The part of a DAG that is only looked at."""

    __slots__ = ()

    id: str
    triggers: dict[str, Trigger]
    outlets: tuple[Dataset, ...]
    settings: DagSettings
    _tasks: dict[str, AnyTask]
    _place: Place
    _graph: Graph | None

    @property
    def tasks(self) -> Mapping[str, AnyTask]:
        """The tasks by id, in the order of declaration. O(1)."""
        return self._tasks

    @property
    def waits(self) -> list[Wait]:
        """What its tasks wait for, in order. O(tasks)."""
        return [task.wait for task in list(self._tasks.values()) if task.wait is not None]

    @property
    def produces(self) -> tuple[Dataset, ...]:
        """Every dataset among its own outlets and its tasks', each once. O(outlets)."""
        found = dict.fromkeys(self.outlets)
        for task in list(self._tasks.values()):
            found.update(dict.fromkeys(task.outlets))
        return tuple(found)

    @property
    def graph(self) -> Graph | None:
        """The graph that it belongs to. O(1)."""
        return self._graph

    @property
    def place(self) -> str:
        """Where it is declared, "file:line". O(lines of the function around it)."""
        return text_of(self._place)

    @property
    def declared(self) -> Place:
        """The same place, unread. O(1)."""
        return self._place

    @property
    def params(self) -> Mapping[str, Json]:
        """The defaults of its params, as plain data. O(1)."""
        return self.settings.params.defaults

    @property
    def params_type(self) -> Callable[..., object] | None:
        """The class that types `run.params`, if one was given. O(1)."""
        found = self.settings.params.type
        return found.fn if isinstance(found, Call) else found

    tz = Setting[str]()
    start = Setting[int | None]()
    end = Setting[int | None]()
    catchup = Setting[str]()
    max_catchup = Setting[int]()
    paused = Setting[bool]()
    max_active_runs = Setting[int | None]()
    overlap = Setting[str]()
    defaults = Setting[TaskSettings | None]()
    tags = Setting["frozenset[str]"]()
    description = Setting[str]()

    def __repr__(self) -> str:
        on = f", on={expression(self.triggers)}" if self.triggers else ""
        return f"Dag({self.id!r}{on}, tasks={list(self._tasks)})"

    def _repr_mimebundle_(self, **_: object) -> dict[str, str]:
        return pictures.bundle("Dag", self)
