"""A DAG: what fires it, what it produces, its tasks and how its runs are kept in order.

Owns `Dag`. Invariants: its id never changes once it has one; the tasks are acyclic; a change that is refused leaves it
as it was. A DAG belongs to at most one graph, which hears of each change. Making one costs some 3 µs beside its
options; what follows from the declaration (sources, plan, place as text) is worked out when it is first asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, ParamSpec, TypeVar, Unpack, cast, overload

from attrs import define, evolve

from reactive_dag.declare import named_triggers
from reactive_dag.declare.owner import DagOwner
from reactive_dag.declare.place import Place, caller_place, in_one_loop, place_text
from reactive_dag.declare.settings.dag_settings import (
    DAG_PARSERS,
    DEFAULTS,
    DagOptions,
    DagSettings,
    ReadsDagSettings,
    dag_settings,
    differing,
)
from reactive_dag.declare.settings.parsers import only_known, parsed, valid_name
from reactive_dag.declare.settings.task_settings import DEFAULT_PARSERS, TaskOptions
from reactive_dag.declare.task import AnyTask, Task, outlets_of, task_id
from reactive_dag.declare.task_json import dag_out
from reactive_dag.declare.task_table import TaskTable
from reactive_dag.declare.wait import Wait
from reactive_dag.declare.wait_tasks import DeclaresWaits
from reactive_dag.model import pictures
from reactive_dag.model.errors import DuplicateError, GraphError, InvalidValue, UsageError
from reactive_dag.model.records import Json
from reactive_dag.model.times import format_duration
from reactive_dag.triggers.base import Trigger
from reactive_dag.triggers.leaves.dataset import Dataset

P = ParamSpec("P")
R = TypeVar("R")

_OPTIONS = (*DAG_PARSERS, *DEFAULT_PARSERS, "on", "schedule", "start", "end", "outlets")
_NO_TASKS = TaskTable("", DEFAULTS)
"""The table of every DAG that has no task yet; nothing is ever put into it."""


@define(eq=False, init=False, repr=False)
class Dag(ReadsDagSettings, DeclaresWaits):
    """One DAG. `graph.dag(...)` makes one and registers it; made by hand it is registered by `graph.register`.

    Its settings are attributes: `tz`, `start`, `end` (nanoseconds UTC), `catchup`, `max_catchup`, `paused`,
    `max_active_runs`, `overlap`, `timeout`, `deadline`, `defaults`, `tags`, `description`.

    >>> report = Dag("report", schedule="0 6 * * *", tags="tier1")
    >>> @report.task
    ... def render(run): return "done"
    >>> report, render(None)
    (Dag('report', on=rd.cron('0 6 * * *'), tasks=['render']), 'done')
    """

    id: str
    outlets: tuple[Dataset, ...]
    _place: Place
    _settings: DagSettings
    _table: TaskTable
    _options: TaskOptions | None
    _owner: DagOwner[Dag] | None
    _stamp: int
    _sources: tuple[tuple[Trigger, ...], tuple[Trigger, ...]] | None
    _zone: tuple[int, str] | None
    _written: dict[str, Trigger]
    _counted: tuple[int | None, dict[str, Trigger]] | None

    def __init__(self, id: str, **options: Unpack[DagOptions]) -> None:
        self._make(valid_name(id, "the id of a DAG"), options, caller_place(), None)

    def _make(self, id: str, options: DagOptions, place: Place, owner: DagOwner[Dag] | None) -> None:
        self.id, self.outlets, self._place, self._owner, self._stamp = id, (), place, owner, 0
        self._settings, self._table, self._options, self._sources, self._zone = DEFAULTS, _NO_TASKS, None, None, None
        self._counted = None
        if id == "*":
            raise InvalidValue(f"DAG '*' ({self.place}): '*' stands for every DAG; choose another id")
        if not options:
            self._written = {}
            return
        if len(options) > 1 or "on" not in options:
            self._take(options)
        self._written = named_triggers.triggers_of(options, self._settings, self._where)

    def _take(self, options: DagOptions) -> None:
        only_known(options, _OPTIONS, f"DAG {self.id!r}" if self.id else "a DAG")
        where = self._where()
        given = {key: value for key, value in options.items() if key in DAG_PARSERS or key in ("start", "end")}
        self.outlets = outlets_of(options.get("outlets", ()), where)
        zone_of_on = partial(named_triggers.zone_of_given, options.get("on"))
        self._settings = dag_settings(given, where, zone_of_on, self._zone_of_outlets)
        of_task = {k: value for k, value in options.items() if k in DEFAULT_PARSERS and k not in DAG_PARSERS}
        if of_task:
            parsed(of_task, DEFAULT_PARSERS, where)  # refused now, not when the function comes
            self._options = cast("TaskOptions", of_task)

    def _where(self) -> str:
        return f"DAG {self.id!r} ({self.place})"

    # ----------------------------------------------------------------------------------------- what it says

    @property
    def triggers(self) -> dict[str, Trigger]:
        """Its triggers by label ("" for the one of a plain `on=`). O(1), of a start that is a day alone O(size) once.

        Where only the graph says of which zone that day is, each `every` counts from it there (R1, R9).
        """
        if self._settings.bare is None or self._settings.bare[0] is None:
            return self._written
        try:
            start = self._told().start
        except InvalidValue:
            return self._written  # `check()` says so
        counted = self._counted
        if counted is None or counted[0] != start:
            counted = self._counted = start, named_triggers.anchored(self._written, start)
        return counted[1]

    @property
    def tz(self) -> str:
        """Its zone: the one given, of its clocks, rollups, origins, outlets, or UTC (R1). O(size) once a version."""
        owner = self._owner
        if owner is None:
            return self._own_zone() or self._zone_of_outlets() or "UTC"
        if self._zone is None or self._zone[0] != owner.version:
            found = self._own_zone() or owner.zone_of_origins(self.id) or self._zone_of_outlets() or "UTC"
            self._zone = owner.version, found
        return self._zone[1]

    def _told(self) -> DagSettings:
        """What it was told, bare days read in its zone. O(1). Raises InvalidValue for a day that this skipped."""
        told = self._settings
        if told.bare is None:
            return told
        try:
            return told.in_zone(self.tz)
        except InvalidValue as error:
            raise InvalidValue(f"{self._where()}: {error}") from None

    def _own_zone(self) -> str | None:
        """The zone that its options, clocks and rollups say."""
        return self._settings.tz or named_triggers.own_zone(self._read_sources(), self._written.values())

    def _zone_of_outlets(self) -> str | None:
        """The zone on which the calendars of its outlets agree. O(outlets)."""
        return named_triggers.zone_of_datasets(self.produces)

    @property
    def graph(self) -> str | None:
        """The id of the graph that it belongs to, None without one. O(1)."""
        return None if self._owner is None else self._owner.id

    @property
    def place(self) -> str:
        """Where it is declared, "file:line". O(lines of the function around it)."""
        return place_text(self._place)

    @property
    def tasks(self) -> Mapping[str, AnyTask]:
        """The tasks by id, in the order of declaration. O(1)."""
        return self._table.tasks

    @property
    def waits(self) -> list[Wait]:
        """What its tasks wait for, in order. O(waits)."""
        return [task.wait for task in list(self._table.waiting.values()) if task.wait is not None]

    @property
    def produces(self) -> tuple[Dataset, ...]:
        """Every dataset among its own outlets and its tasks', each once. O(outlets)."""
        found = dict.fromkeys(self.outlets)
        for task in list(self._table.producing.values()):
            found.update(dict.fromkeys(task.outlets))
        return tuple(found)

    def __repr__(self) -> str:
        on = f", on={named_triggers.expression(self._written)}" if self._written else ""
        return f"Dag({self.id!r}{on}, tasks={list(self.tasks)})"

    def _repr_mimebundle_(self, **_: object) -> dict[str, str]:
        return pictures.bundle("Dag", self)

    def draw(self) -> pictures.SavablePicture:
        """The drawing of its triggers, tasks and datasets, with `.save("d.svg")` as of a graph's. O(tasks + edges)."""
        return pictures.drawing("Dag", self)

    def _read_sources(self) -> tuple[Trigger, ...]:
        """All that can fire its triggers. O(size) the first time."""
        if self._sources is None:
            self._sources = named_triggers.sources_of(self._written.values())
        return self._sources[0]

    def _read_riders(self) -> tuple[Trigger, ...]:
        """All that only rides along in its firings (T17). O(size) the first time."""
        self._read_sources()
        return self._sources[1] if self._sources else ()

    @property
    def fn(self) -> Callable[..., Any]:
        """The function of the DAG's one task. O(1). Raises UsageError where there is none, or more than one."""
        found = [task for task in self.tasks.values() if task.kind == "task"]
        if len(found) != 1:
            raise UsageError(f"{self!r} has {len(found)} functions; name the task: dag.tasks['id'].fn")
        return found[0].fn

    def __call__(self, fn: Callable[..., object]) -> Dag:
        """As a decorator: `fn` becomes the DAG's one task. O(1). Raises UsageError if there are tasks already."""
        if self.tasks or isinstance(fn, Task) or not callable(fn):
            raise UsageError(f"{self!r} is called as a decorator only; to call its function write .fn(...)")
        options: TaskOptions = {**(self._options or {})}
        if self._settings.timeout is not None:  # of a DAG that is one function it is the task's (R17)
            options["timeout"] = format_duration(self._settings.timeout)
        task = Task(fn, task_id(fn, None), **options)
        owner = None if self.id else self._owner
        if owner is not None:
            self.id, self._owner = valid_name(task.id, "the id of a DAG"), None
        self._take_over(task)
        if owner is not None:
            owner.admit(self)
        return self

    def _take_over(self, task: AnyTask) -> None:
        """The outlets of a DAG that is one function are its task's, which may publish to them (R3)."""
        options, outlets, self._options = self._options, self.outlets, None
        settings, self._settings = self._settings, evolve(self._settings, timeout=None)
        task._take_outlets(outlets)
        self.outlets = ()
        try:
            self._put(task)
        except BaseException:
            self._options, self.outlets, self._settings = options, outlets, settings
            raise

    def to_json(self) -> dict[str, Json]:
        """Plain data, as it stands in `graph.to_json()`. O(its size)."""
        outlets, tasks = [each.uri for each in self.outlets], [each.to_json() for each in list(self.tasks.values())]
        return dag_out(self.id, self.triggers, outlets, differing(self._told()), tasks)

    @overload
    def task(self, fn: Callable[P, R], /) -> Task[P, R]: ...

    @overload
    def task(
        self, fn: None = None, /, *, id: str | None = None, **options: Unpack[TaskOptions]
    ) -> Callable[[Callable[P, R]], Task[P, R]]: ...

    def task(
        self, fn: Callable[P, R] | None = None, /, *, id: str | None = None, **options: Unpack[TaskOptions]
    ) -> Task[P, R] | Callable[[Callable[P, R]], Task[P, R]]:
        """Make a function a task of this DAG: `@dag.task`, or with options `@dag.task(retries=2)`. O(parameters).

        Options: `outlets`, `after`, `map_over`, `branch`, `teardown`, `retries`, `retry_delay`, `backoff`, `max_delay`,
        `jitter`, `retry_on`, `timeout`, `trigger_rule`, `depends_on_past`, `priority`, `pool`, `slots`, `save`, `id`.
        A task declared again replaces the one before, but not in a loop (DuplicateError). Raises InvalidValue for an
        option that is not valid, CycleError where tasks would need each other in a circle.
        """
        if fn is None:
            return lambda given: self._declare(given, id, options, caller_place())
        return self._declare(fn, id, options, caller_place())

    def _declare(self, fn: Callable[P, R], id: str | None, options: TaskOptions, place: Place) -> Task[P, R]:
        made = Task(fn, id, **options)
        before = self.tasks.get(made.id)
        used = -1 if self._owner is None else self._owner.checked
        if before is not None and before._stamp > used and in_one_loop(self._table.declared.get(made.id, ""), place):
            raise DuplicateError(
                f"task {made.id!r} of {self._where()} was declared by this line before, in the same loop "
                f"({place_text(place)}), and would be replaced; give each an id of its own with id="
            )
        self._put(made)
        self._table.declared[made.id] = place
        return made

    def add(
        self, task: Task[P, R] | Callable[P, R], id: str | None = None, **options: Unpack[TaskOptions]
    ) -> Task[P, R]:
        """Add a task, or a function as one: `@dag.task`, called. Gives the task that was added. O(parameters).

        A task of another DAG is copied. Raises as `task` does.
        """
        if not isinstance(task, Task):
            return self._declare(task, id, options, caller_place())
        if id is not None or options:
            raise UsageError(f"{task!r} has its options already; give the function, or change them where it is made")
        if task._owner is self._table:
            return task
        made = task if task._owner is None else task._copy()
        self._put(made)
        return made

    # -------------------------------------------------------------------------------------- being changed

    def _put(self, task: AnyTask) -> None:
        if not self.id:
            raise UsageError(f"the DAG at {self.place} has no id: write graph.dag('id', ...), or use it as a decorator")
        if self._options is not None and task.kind == "task":
            given = ", ".join(self._options)
            raise UsageError(
                f"{self._where()} was given {given}, which a task takes, and is no decorated function: give that to "
                "its tasks, or write defaults={...}"
            )
        self._refuse(task)
        owner = self._owner
        if owner is not None:
            owner.touch(self)
        if self._table is _NO_TASKS:
            self._table = TaskTable(self.id, self._settings)
        table = self._table
        before, is_apart = table.put(task, 0 if owner is None else owner.version + 1)
        if owner is not None:
            try:
                owner.changed(self, task.id, is_apart)
            except BaseException:
                table.take_back(task, before)
                raise
        if before is not None:
            table.note_replaced(before, task, -1 if owner is None else owner.checked)
        if owner is not None:
            owner.tell(self.id)

    def _refuse(self, task: AnyTask) -> None:
        for parameter in task._parameters:
            asked = parameter.output
            if asked is not None and asked.dag not in (None, self.id):
                raise GraphError(
                    f"task {task.id!r} of DAG {self.id!r} ({task.place}) asks for the output of task {asked.task!r} of "
                    f"DAG {asked.dag!r}; wait for it: wait_for({asked.dag!r}, task={asked.task!r})"
                )

    def _keeper(self) -> Callable[[], None]:
        """What puts the tasks and outlets back as they are now. O(tasks)."""
        table, outlets, options = self._table, self.outlets, self._options
        restore_tasks = table.keeper()

        def restore() -> None:
            for task in self.tasks.values():
                task._leave()
            self._table, self.outlets, self._options = table, outlets, options
            restore_tasks()

        return restore

    def _hear(self, datasets: Mapping[str, Dataset]) -> Callable[[], None]:
        """Name these datasets, by their uris, wherever it names any; gives what takes that back. O(size)."""
        triggers, outlets = self._written, self.outlets
        if (heard := named_triggers.hearing(triggers, datasets)) is not triggers:
            self._rebind(heard, self._settings)
        if outlets:
            self.outlets = tuple([datasets[each.uri] for each in outlets])
        tasks = [task._hear(datasets) for task in self.tasks.values() if task.outlets or task.wait is not None]

        def restore() -> None:
            self.outlets = outlets
            if heard is not triggers:
                self._rebind(triggers, self._settings)
            for restore_task in tasks:
                restore_task()

        return restore

    def _rebind(self, triggers: dict[str, Trigger], settings: DagSettings) -> None:
        """Have the functions that were only named until now (G5). O(tasks)."""
        self._written, self._settings, self._sources, self._zone, self._counted = triggers, settings, None, None, None
        if self._table is not _NO_TASKS:
            self._table.rebind(settings)

    def _copy(self) -> Dag:
        """A DAG that is declared alike, with tasks of its own, and belongs to no graph. O(tasks)."""
        made: Dag = Dag.__new__(Dag)
        made.id, made._written, made.outlets, made._place = self.id, dict(self._written), self.outlets, self._place
        made._settings, made._options, made._sources, made._zone = self._settings, self._options, self._sources, None
        made._counted = None
        made._table = _NO_TASKS if self._table is _NO_TASKS else self._table.copied()
        made._owner, made._stamp = None, 0
        return made

    def _join(self, owner: DagOwner[Dag], stamp: int) -> None:
        """Belong to this graph since that version of it. O(1)."""
        self._owner, self._stamp, self._zone = owner, stamp, None

    def _leave(self) -> None:
        """Belong to no graph. O(1)."""
        self._owner = None


def dag_at(place: Place, id: str, options: DagOptions, owner: DagOwner[Dag] | None = None) -> Dag:
    """A DAG declared at `place`. Its id may be "" until a function gives it one, then `owner` takes it. O(options)."""
    made: Dag = Dag.__new__(Dag)
    made._make(id, options, place, owner)
    return made
