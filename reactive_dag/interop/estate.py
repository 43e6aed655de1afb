"""The reader of the estate format: DAGs, their tasks and tables, read into a graph.

Owns `Estate` and the rules by which one is built:

- Each DAG runs on its cron or interval; `once`, and a DAG without tasks, is started by hand. `retries`,
  `retry_delay_s`, `catchup`, `tags` and `start_date` are carried over.
- A task has no body here (`nothing`), the tables that it produces as outlets, and `depends_on_past`. A
  `partition_offset_days` stands in the metadata of these tables and moves no date: runs keep the day of their tick.
- What a task consumes is an order within its DAG (`after`), and a wait for the producing task across DAGs, for the run
  that `estate_dates` names. Its own table, as an earlier run left it, makes neither. A declared wait says the date
  itself: exactly so many seconds before the consumer's; within one DAG, without an offset, it is an order.
- Tasks of one DAG that await the same task at the same date share one wait, `wait_<dag>_<task>`; one for another date
  says so in its id.
- External datasets, and waits for what the file does not hold, are taken to be there in time: listed, and no wait.

Invariant: a file that is not right is refused before anything is built. Cost: O(size), some 75 ms for 157 DAGs and 874
tasks.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import timedelta
from itertools import chain, count
from pathlib import Path
from typing import TypeAlias

from attrs import define, field, frozen

from reactive_dag.declare.analysis.problem import Problem
from reactive_dag.declare.dag import Dag, dag_at
from reactive_dag.declare.graph import Graph
from reactive_dag.declare.settings.dag_settings import DagOptions
from reactive_dag.declare.settings.task_settings import TaskOptions
from reactive_dag.declare.task import Task, wait_task
from reactive_dag.declare.wait import WaitOptions, wait_of
from reactive_dag.interop.estate_dates import awaited
from reactive_dag.interop.estate_form import EstateFacts, TaskForm, WaitForm, read_bytes, read_data
from reactive_dag.model.errors import CycleError
from reactive_dag.model.times import SECOND, format_duration
from reactive_dag.triggers.leaves.schedule import Scheduled
from reactive_dag.whatif.question.names import TaskName

AwaitedTask: TypeAlias = tuple[str, str, int | None]
"""The awaited DAG and task, and the declared offset in seconds, if there is one."""


def nothing() -> None:
    """The body of every task: the estate tells what there is, not what it does."""


@frozen
class OutsideWait:
    """A declared wait for a DAG or a task that the file does not hold; `earlier` is nanoseconds."""

    dag: str
    task: str
    external_dag: str
    external_task: str
    earlier: int = 0

    def __str__(self) -> str:
        return f"{self.dag}.{self.task} waits for {self.external_dag}.{self.external_task}, which is outside"


@frozen
class Estate:
    """An estate that was read: its graph, and what lies outside of it.

    `sources` are the external datasets with the tasks ("dag.task") that read each; `assumed_on_time` the declared waits
    for what the file does not hold; `started_by_hand` the DAGs without a clock; `about` where the facts are from.
    """

    graph: Graph
    sources: Mapping[str, tuple[str, ...]]
    started_by_hand: tuple[str, ...]
    assumed_on_time: tuple[OutsideWait, ...]
    about: Mapping[str, str] = field(factory=dict)

    @property
    def warnings(self) -> tuple[Problem, ...]:
        """What is odd about it: DAGs without tasks, waits for a date that never comes. O(graph) the first time.

        The format has no timeouts, so that no wait has one is left out here; `graph.problems()` has those too.
        """
        return tuple([problem for problem in self.graph.problems() if problem.kind != "no_timeout"])


def load_estate(estate: str | Path | Mapping[str, object], id: str | None = None) -> Estate:
    """Read an estate from a file, or from its data. O(size).

    The graph's id is `id`, else the file's name. Raises InvalidValue for what is no estate, naming the place,
    CycleError with the whole path for tasks in a circle, and OSError for a file that cannot be read.

    >>> etl = {"id": "etl", "schedule": "daily"}
    >>> load = {"dag": "etl", "id": "load", "produces": ["lake.orders"], "consumes": ["shop.orders"]}
    >>> found = load_estate({"dags": [etl], "tasks": [load], "external_datasets": ["shop.orders"]})
    >>> found.graph.dags["etl"], found.sources
    (Dag('etl', on=rd.cron('0 0 * * *'), tasks=['load']), {'shop.orders': ('etl.load',)})
    """
    if isinstance(estate, Mapping):
        facts, stem = read_data(estate, "estate"), "estate"
    else:
        path = Path(estate)
        facts, stem = read_bytes(path.read_bytes(), path.name), path.stem
    return _Builder(facts, Graph(stem if id is None else id)).estate()


# ----------------------------------------------------------------------------------------------- building


@define
class _Needs:
    """What one task follows: tasks of its DAG, and waits with the place in the file that asks for each."""

    after: dict[str, None] = field(factory=dict)
    waits: dict[AwaitedTask, str] = field(factory=dict)


@define
class _Builder:
    """Builds the graph of facts that are right."""

    facts: EstateFacts
    graph: Graph
    outside: list[OutsideWait] = field(factory=list)

    def estate(self) -> Estate:
        """The whole estate, in the order of the file. O(size)."""
        form = self.facts.form
        tasks: dict[str, list[TaskForm]] = {dag.id: [] for dag in form.dags}
        for task in form.tasks:
            tasks[task.dag].append(task)
        needs = self._needs()
        with self.graph.bulk():
            self._datasets()
            for number, dag in enumerate(form.dags):
                self._dag(number, tasks[dag.id], needs)
        return Estate(
            graph=self.graph,
            sources={table: tuple(dict.fromkeys(readers)) for table, readers in self.facts.outside.items()},
            started_by_hand=tuple([id for id, dag in self.graph.dags.items() if not dag.triggers]),
            assumed_on_time=tuple(self.outside),
            about=dict(form.source),
        )

    # ------------------------------------------------------------------------------- needs

    def _needs(self) -> dict[TaskName, _Needs]:
        needs = {key: _Needs() for key in self.facts.tasks}
        declared: set[tuple[TaskName, TaskName]] = set()
        for number, wait in enumerate(self.facts.form.waits):
            consumer, producer = (wait.dag, wait.task), (wait.external_dag, wait.external_task)
            if producer in needs:
                declared.add((consumer, producer))
                self._declared(needs[consumer], number, wait)
            else:
                self.outside.append(OutsideWait(*consumer, *producer, wait.execution_delta_s * SECOND))
        for number, task in enumerate(self.facts.form.tasks):
            for at, table in enumerate(task.consumes):
                maker = self.facts.producers.get(table)
                if maker is not None and ((task.dag, task.id), maker) not in declared:
                    self._consumed(needs[task.dag, task.id], task, maker, number, at)
        return needs

    def _declared(self, needs: _Needs, number: int, wait: WaitForm) -> None:
        if wait.external_dag == wait.dag and not wait.execution_delta_s:
            needs.after[wait.external_task] = None
        else:
            key = (wait.external_dag, wait.external_task, wait.execution_delta_s)
            needs.waits.setdefault(key, self.facts.at("waits", number))

    def _consumed(self, needs: _Needs, task: TaskForm, maker: TaskName, number: int, at: int) -> None:
        if maker[0] != task.dag:
            needs.waits.setdefault((*maker, None), self.facts.at("tasks", number, f".consumes[{at}]"))
        elif maker[1] != task.id:
            needs.after[maker[1]] = None

    # ------------------------------------------------------------------------------- declarations

    def _datasets(self) -> None:
        for task in self.facts.form.tasks:
            days = task.partition_offset_days
            metadata = {"partition_offset_days": days} if days else None
            for table in task.produces:
                self.graph.dataset(table, metadata=metadata)
        for table in self.facts.outside:
            self.graph.dataset(table)

    def _dag(self, number: int, tasks: list[TaskForm], needs: dict[TaskName, _Needs]) -> None:
        form = self.facts.form.dags[number]
        dag = dag_at(self.facts.at("dags", number), form.id, self._options(number, bool(tasks)))
        waits = self._waits(dag, [needs[form.id, task.id] for task in tasks], {task.id for task in tasks})
        for task in tasks:
            wanted = needs[form.id, task.id]
            self._task(dag, task, [*(waits[key] for key in wanted.waits), *wanted.after])
        self.graph.register(dag)

    def _task(self, dag: Dag, task: TaskForm, after: list[str]) -> None:
        options: TaskOptions = {"outlets": [self.graph.datasets[table] for table in task.produces]}
        if after:
            options["after"] = after
        if task.depends_on_past:
            options["depends_on_past"] = True
        try:
            dag.add(Task(nothing, task.id, **options))
        except CycleError as error:
            where = self.facts.at("tasks", self.facts.tasks[dag.id, task.id])
            way = " -> ".join(error.path)
            raise CycleError(f"{where}: the tasks of DAG {dag.id!r} need each other: {way}", error.path) from None

    def _options(self, number: int, has_tasks: bool) -> DagOptions:
        form = self.facts.form.dags[number]
        schedule = self.facts.schedules[form.id]
        options: DagOptions = {"catchup": form.catchup, "tags": form.tags}
        if schedule is not None and has_tasks:
            options["on"] = Scheduled(schedule)
        if form.start_date is not None:
            options["start"] = form.start_date
        if form.retries:
            delay = timedelta(seconds=form.retry_delay_s or 0)
            options["defaults"] = {"retries": form.retries, "retry_delay": delay}
        return options

    # --------------------------------------------------------------------------------------------- waits

    def _waits(self, dag: Dag, needs: Iterable[_Needs], taken: set[str]) -> dict[AwaitedTask, str]:
        """Add each wait once, where it is first asked for; gives their ids."""
        ids: dict[AwaitedTask, str] = {}
        for key, place in chain.from_iterable(each.waits.items() for each in needs):
            if key not in ids:
                options = self._date(dag.id, key)
                ids[key] = next(id for id in _ids(key, options) if id not in taken)
                taken.add(ids[key])
                dag.add(wait_task(wait_of(key[0], key[1], options, id=ids[key], after=(), tz=lambda: "UTC"), place))
        return ids

    def _date(self, consumer: str, key: AwaitedTask) -> WaitOptions:
        producer, _, earlier = key
        if earlier is not None:
            return {"logical_date": timedelta(seconds=earlier) if earlier else "same"}
        return awaited(self.facts.schedules[consumer], self.facts.schedules[producer])


def _ids(key: AwaitedTask, options: WaitOptions) -> Iterator[str]:
    """Ids that a wait may have, the best one first."""
    dag, task, earlier = key
    yield f"wait_{dag}_{task}"
    if earlier is None:
        longer = f"wait_{dag}_{task}_{options['match']}"
    else:
        longer = f"wait_{dag}_{task}_{format_duration(abs(earlier) * SECOND)}_{'after' if earlier < 0 else 'before'}"
    yield longer
    yield from (f"{longer}_{n}" for n in count(2))
