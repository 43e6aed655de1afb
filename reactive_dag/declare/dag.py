"""A DAG: what fires it, what it produces, its tasks and how its runs are kept in order.

Owns `Dag`. Invariants: its id never changes once it has one; the tasks are acyclic; a change that is refused leaves it
as it was. A DAG belongs to at most one graph, which hears of each change. Making one costs some 3 µs beside its
options, adding a task O(1) unless an earlier task waited for that name; plan, links and place are worked out when they
are first asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar, Unpack, cast, overload

from attrs import define

from reactive_dag.declare.dag_reader import Outline
from reactive_dag.declare.named_triggers import sources_of, triggers_of
from reactive_dag.declare.options import (
    DAG_PARSERS,
    DEFAULTS,
    TASK_PARSERS,
    After,
    DagOptions,
    DagSettings,
    TaskOptions,
    dag_settings,
    name,
    only_known,
    parsed,
)
from reactive_dag.declare.place import Place, declared_twice, here, note_twice, text_of
from reactive_dag.declare.plan import Links, Plan, circle_of, links_of, plan_of
from reactive_dag.declare.task import AnyTask, Task, ids_after, outlets_of, task_id, wait_task
from reactive_dag.declare.wait import Wait, WaitOptions, wait_of
from reactive_dag.model.errors import CycleError, DuplicateError, GraphError, InvalidValue, UsageError
from reactive_dag.triggers.base import Trigger
from reactive_dag.triggers.leaves.dataset import Dataset

if TYPE_CHECKING:
    from reactive_dag.declare.graph import Graph

P = ParamSpec("P")
R = TypeVar("R")

_OPTIONS = (*DAG_PARSERS, *TASK_PARSERS, "on", "schedule", "start", "end", "outlets")


@define(eq=False, init=False, repr=False)
class Dag(Outline):
    """One DAG. `graph.dag(...)` makes one and registers it; made by hand it is registered by `graph.register`.

    >>> report = Dag("report", schedule="0 6 * * *", tags="tier1")
    >>> @report.task
    ... def render(run): return "done"
    >>> report, render(None)
    (Dag('report', on=rd.cron('0 6 * * *'), tasks=['render']), 'done')
    """

    id: str
    triggers: dict[str, Trigger]
    outlets: tuple[Dataset, ...]
    settings: DagSettings
    twice: dict[str, str] | None
    stamp: int
    _tasks: dict[str, AnyTask]
    _wanted: set[str] | None
    _options: TaskOptions | None
    _place: Place
    _graph: Graph | None
    _sources: tuple[Trigger, ...] | None
    _links: dict[str, Links] | None
    _plan: Plan | None

    def __init__(self, id: str, **options: Unpack[DagOptions]) -> None:
        self._make(name(id, "the id of a DAG"), options, here())

    @classmethod
    def at(cls, id: str, options: DagOptions, place: Place) -> Dag:
        """A DAG that was declared at `place`; its id may be "" until a function gives it one. O(options)."""
        made: Dag = cls.__new__(cls)
        made._make(id, options, place)
        return made

    def _make(self, id: str, options: DagOptions, place: Place) -> None:
        self.id, self._place, self._graph, self.stamp = id, place, None, 0
        self._tasks, self._links, self._plan, self._sources = {}, None, None, None
        self.twice, self._wanted = None, None
        self.outlets, self.settings, self._options = (), DEFAULTS, None
        if id == "*":
            raise InvalidValue(f"DAG '*' ({self.place}): '*' stands for every DAG; choose another id")
        if not options:
            self.triggers = {}
            return
        if len(options) > 1 or "on" not in options:
            self._take(options)
        self.triggers = triggers_of(options, self.settings, self._where)

    def _take(self, options: DagOptions) -> None:
        only_known(options, _OPTIONS, f"DAG {self.id!r}" if self.id else "a DAG")
        where = self._where()
        given = {key: value for key, value in options.items() if key in DAG_PARSERS or key in ("start", "end")}
        self.settings = dag_settings(given, where)
        self.outlets = outlets_of(options.get("outlets", ()), where)
        of_task = {key: value for key, value in options.items() if key in TASK_PARSERS}
        if of_task:
            parsed(of_task, TASK_PARSERS, where)  # refused now, not when the function comes
            self._options = cast("TaskOptions", of_task)

    def _where(self) -> str:
        return f"DAG {self.id!r} ({self.place})"

    # ----------------------------------------------------------------------------------------- its tasks

    @property
    def fn(self) -> Callable[..., Any]:
        """The function of the DAG's one task. O(1). Raises UsageError where there is none, or more than one."""
        found = [task for task in self._tasks.values() if task.kind == "task"]
        if len(found) != 1:
            raise UsageError(f"{self!r} has {len(found)} functions; name the task: dag.tasks['id'].fn")
        return found[0].fn

    def __call__(self, fn: Callable[..., object]) -> Dag:
        """As a decorator: `fn` becomes the DAG's one task. O(1). Raises UsageError if there are tasks already."""
        if self._tasks or isinstance(fn, Task) or not callable(fn):
            raise UsageError(f"{self!r} is called as a decorator only; to call its function write .fn(...)")
        task = Task(fn, task_id(fn, None), **(self._options or {}))
        graph = None if self.id else self._graph
        if graph is not None:
            self.id, self._graph = name(task.id, "the id of a DAG"), None
        self._take_over(task)
        if graph is not None:
            graph.admit(self)
        return self

    def _take_over(self, task: AnyTask) -> None:
        """The outlets of a DAG that is one function are its task's, which may publish to them (R3)."""
        options, outlets, self._options = self._options, self.outlets, None
        task.outlets, self.outlets = outlets, ()
        try:
            self._put(task)
        except BaseException:
            self._options, self.outlets = options, outlets
            raise

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

        Options: `outlets`, `after`, `retries`, `retry_delay`, `backoff`, `max_delay`, `jitter`, `timeout`,
        `trigger_rule`, `depends_on_past`, `priority`, `id`. A task declared again replaces the one before. Raises
        InvalidValue for what cannot be meant, CycleError where tasks would need each other in a circle.
        """
        if fn is None:
            return lambda given: self._declare(given, id, options)
        return self._declare(fn, id, options)

    def _declare(self, fn: Callable[P, R], id: str | None, options: TaskOptions) -> Task[P, R]:
        made = Task(fn, id, **options)
        self._put(made)
        return made

    def add(
        self, task: Task[P, R] | Callable[P, R], id: str | None = None, **options: Unpack[TaskOptions]
    ) -> Task[P, R]:
        """Add a task, or a function as one: `@dag.task`, called. Gives the task that was added. O(parameters).

        A task of another DAG is copied. Raises as `task` does.
        """
        if not isinstance(task, Task):
            return self._declare(task, id, options)
        if id is not None or options:
            raise UsageError(f"{task!r} has its options already; give the function, or change them where it is made")
        if task.dag is self:
            return task
        made = task if task.dag is None else task.copy()
        self._put(made)
        return made

    def wait_for(
        self,
        dag: object,
        task: object = None,
        *,
        id: str | None = None,
        after: After = (),
        **options: Unpack[WaitOptions],
    ) -> AnyTask:
        """Add a task that waits for another DAG's run, or for tasks of it; what follows it gets the awaited run. O(1).

        Options: `tasks`, `states`, `failed_states`, `skipped_states`, `logical_date` ("same", a duration: so long
        before this run's date, a function of that date, or dates), `match` ("exact", "latest", "same_day"), `timeout`,
        `poll`, `mode`, `soft_fail`, `since`, `missing`. The id is `wait_<dag>`, with a task `wait_<dag>_<task>`.
        Raises InvalidValue for what cannot mean anything, CycleError where tasks would wait in a circle.
        """
        place = here()
        where = f"wait in DAG {self.id!r} ({text_of(place)})"
        try:
            made = wait_of(dag, task, options, id=id, after=ids_after(after, "wait_for()"), tz=self.tz)
        except InvalidValue as error:
            raise InvalidValue(f"{where}: {error}") from None
        return self._add_wait(made, place, named=id is not None)

    def _add_wait(self, wait: Wait, place: Place, named: bool) -> AnyTask:
        made = wait_task(wait, place)
        before = self._tasks.get(wait.id)
        if before is not None and not named and before.wait != wait and declared_twice(before, made, -1, loop=True):
            raise DuplicateError(
                f"DAG {self.id!r} has a task {wait.id!r} already ({before.place}); give this one a name with id= "
                f"({made.place})"
            )
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
        graph, before = self._graph, self._tasks.get(task.id)
        if graph is not None:
            graph.touch(self)
            task.stamp = graph.version + 1
        task.join(self)
        self._tasks[task.id] = task
        try:
            self._learn(task)
            if graph is not None:
                graph.changed(self, task)
        except BaseException:
            self._take_back(task, before)
            raise
        if before is not None:
            before.leave()
            self.twice = {} if self.twice is None else self.twice
            note_twice(self.twice, task.id, before, task, -1 if graph is None else graph.checked)
        if graph is not None:
            graph.tell(self.id)

    def _refuse(self, task: AnyTask) -> None:
        for parameter in task.parameters:
            asked = parameter.output
            if asked is not None and asked.dag not in (None, self.id):
                raise GraphError(
                    f"task {task.id!r} of DAG {self.id!r} ({task.place}) asks for the output of task {asked.task!r} of "
                    f"DAG {asked.dag!r}; wait for it: wait_for({asked.dag!r}, task={asked.task!r})"
                )

    def _learn(self, task: AnyTask) -> None:
        """Only a task whose name is asked for already, or by itself, changes what others need or closes a circle."""
        asked = set() if self._wanted is None else self._wanted
        wanted = task.id in asked
        asked.update(task.after, [each.name for each in task.parameters])
        asked.update([each.output.task for each in task.parameters if each.output is not None])
        self._wanted, self._plan = asked, None
        if wanted or self._links is None:
            self._links = None
        else:
            self._links[task.id] = links_of(task, self._tasks, self.settings.params)
        if task.id in asked:
            self._refuse_circle(task)

    def _refuse_circle(self, task: AnyTask) -> None:
        found = circle_of(self._tasks, self.all_links())
        if found is not None:
            path = tuple([f"{self.id}.{each}" for each in found])
            raise CycleError(
                f"task {task.id!r} of DAG {self.id!r} ({task.place}) closes a cycle: {' -> '.join(path)}; "
                "take one of these parameters or after= away",
                path,
            )

    def _take_back(self, task: AnyTask, before: AnyTask | None) -> None:
        task.leave()
        if before is None:
            del self._tasks[task.id]
        else:
            self._tasks[task.id] = before
        self.forget()

    def forget(self) -> None:
        """Work links and plan out anew when they are asked for. O(1)."""
        self._links, self._plan = None, None

    def keeper(self) -> Callable[[], None]:
        """What puts the tasks and outlets back as they are now. O(tasks)."""
        tasks, outlets, options, twice = dict(self._tasks), self.outlets, self._options, dict(self.twice or {})

        def restore() -> None:
            for task in self._tasks.values():
                task.leave()
            for task in tasks.values():
                task.join(self)
            self._tasks, self.outlets, self._options, self.twice = tasks, outlets, options, twice
            self.forget()

        return restore

    def rebind(self, triggers: dict[str, Trigger], settings: DagSettings) -> None:
        """Have the functions that were only named until now (G5). O(tasks)."""
        self.triggers, self.settings, self._sources = triggers, settings, None
        for task in self._tasks.values():
            task.join(self)

    def attach(self, graph: Graph | None) -> None:
        """Belong to this graph, or to none. O(1)."""
        self._graph = graph

    # -------------------------------------------------------------------------------------- what follows

    def links(self, task: str) -> Links:
        """What a task needs and where its parameters come from. O(1) after the first time."""
        return self.all_links()[task]

    def all_links(self) -> Mapping[str, Links]:
        """The same for every task. O(tasks) after a change, else O(1)."""
        found = self._links
        if found is None:
            params, tasks = self.settings.params, dict(self._tasks)  # other threads may declare tasks meanwhile
            found = self._links = {each: links_of(task, tasks, params) for each, task in tasks.items()}
        return found

    def plan(self) -> Plan:
        """Which task follows which, by number. O(tasks + edges) after a change, else O(1)."""
        found = self._plan
        if found is None or len(found.ids) != len(self._tasks):
            links = dict(self.all_links())
            found = self._plan = plan_of({each: self._tasks[each] for each in links}, links)
        return found

    @property
    def sources(self) -> tuple[Trigger, ...]:
        """All that can deliver an item to its triggers. O(size) the first time."""
        if self._sources is None:
            self._sources = sources_of(self.triggers.values())
        return self._sources
