"""What a question means for its graph as it is now: durations, delays, chances, limits.

Owns `Effects`. Invariant: it names only tasks, DAGs, pools and outside sources that are there, and nothing of it
changes while a course is played. O(tasks) to work out for a first question, O(what interventions touch) for a further.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeAlias

from attrs import evolve, field, frozen

from reactive_dag.declare.analysis.zones import zone_of
from reactive_dag.model.errors import InvalidValue, UnknownId
from reactive_dag.model.records import Json
from reactive_dag.model.suggest import did_you_mean
from reactive_dag.whatif.question.distribution_kinds import LONGEST_SPAN
from reactive_dag.whatif.question.durations import TaskDuration
from reactive_dag.whatif.question.interventions import (
    Capacity,
    Delay,
    Duration,
    Fail,
    Intervention,
    Workers,
)
from reactive_dag.whatif.question.lateness import Lateness
from reactive_dag.whatif.question.names import GraphNames, TaskName
from reactive_dag.whatif.question.outputs import given_outputs
from reactive_dag.whatif.question.question import Question
from reactive_dag.whatif.question.shared_factors import FactorOfTasks, SharedFactor

About: TypeAlias = tuple[str, str]
"""What an intervention is about: "dag", "task", "dataset", "pool" or "workers", and its name."""


@frozen
class Touched:
    """What the interventions of the last question touched, which need not mean that it changed."""

    durations: set[TaskName] = field(factory=set)
    delays: set[TaskName] = field(factory=set)
    fails: set[TaskName] = field(factory=set)
    dags: set[str] = field(factory=set)
    datasets: set[str] = field(factory=set)
    limits: set[str] = field(factory=set)

    def and_of(self, other: Touched) -> Touched:
        """What either touched. O(both)."""
        return Touched(
            self.durations | other.durations, self.delays | other.delays, self.fails | other.fails,
            self.dags | other.dags, self.datasets | other.datasets, self.limits | other.limits,
        )  # fmt: skip


@frozen
class Effects:
    """What a question means for one graph, times in nanoseconds.

    `usual` are the durations without interventions, `changed` those that interventions give; `shared` the factors by
    their names. `dags`, `tasks` and `datasets` say what comes later, `fails` which tasks may fail, `capacities` the
    slots of pools that are others than declared, `workers` how many attempts at once run at most. `outputs` are what
    tasks return, `given` those of whose outputs the question says it. `about` says which things each intervention is
    about, `touched` what is new beside the question before. In `zone` people read the graph's times.
    """

    usual: dict[TaskName, TaskDuration]
    changed: dict[TaskName, TaskDuration] = field(factory=dict)
    shared: dict[str, FactorOfTasks] = field(factory=dict)
    dags: dict[str, Lateness] = field(factory=dict)
    tasks: dict[TaskName, Lateness] = field(factory=dict)
    datasets: dict[str, Lateness] = field(factory=dict)
    fails: dict[TaskName, float] = field(factory=dict)
    capacities: dict[str, int] = field(factory=dict)
    workers: int | None = None
    outputs: dict[TaskName, Json] = field(factory=dict)
    given: frozenset[TaskName] = frozenset()
    about: tuple[tuple[Intervention, tuple[About, ...]], ...] = ()
    touched: Touched = field(factory=Touched)
    zone: str = "UTC"

    @classmethod
    def of(
        cls,
        question: Question,
        names: GraphNames,
        usual: dict[TaskName, TaskDuration],
        assumed: dict[TaskName, Json],
    ) -> Effects:
        """Work out a question's interventions and outputs, over those that are `assumed`. O(tasks + interventions).

        Raises UnknownId, InvalidValue.
        """
        given = given_outputs(question.outputs, names)
        shared = {each.name: FactorOfTasks.of(each, names, "durations=: ") for each in question.durations.shared}
        base = cls(usual, shared=shared, outputs=assumed | given, given=frozenset(given))
        base = evolve(base, zone=zone_of(names.graph))
        return base.with_more(question.interventions, question, names)

    def with_more(self, interventions: Iterable[Intervention], question: Question, names: GraphNames) -> Effects:
        """These with more interventions. O(what was changed before + what these touch).

        Raises UnknownId, InvalidValue.
        """
        taken = _Taken(self, question, names)
        about = [*self.about, *((each, taken.take(each)) for each in interventions)]
        return evolve(
            self, changed=taken.changed, shared=taken.shared, dags=taken.dags, tasks=taken.tasks,
            datasets=taken.datasets, fails=taken.fails, capacities=taken.capacities, workers=taken.workers,
            about=tuple(about), touched=taken.touched,
        )  # fmt: skip

    def duration(self, task: TaskName) -> TaskDuration:
        """How long each attempt of a task takes, without shared factors. O(1)."""
        changed = self.changed.get(task)
        return self.usual[task] if changed is None else changed

    def factors(self, task: TaskName) -> tuple[str, ...]:
        """The names of the factors that a task shares, in the order in which they multiply. O(factors)."""
        return tuple([name for name in sorted(self.shared) if task in self.shared[name].tasks])


class _Taken:
    """The effects of one more question while its interventions are taken, one by one."""

    def __init__(self, before: Effects, question: Question, names: GraphNames) -> None:
        self.before = before
        self.question = question
        self.names = names
        self.changed = dict(before.changed)
        self.shared = dict(before.shared)
        self.dags = dict(before.dags)
        self.tasks = dict(before.tasks)
        self.datasets = dict(before.datasets)
        self.fails = dict(before.fails)
        self.capacities = dict(before.capacities)
        self.workers = before.workers
        self.touched = Touched()

    def take(self, given: Intervention) -> tuple[About, ...]:
        """Add one intervention; what it is about."""
        match given:
            case Delay():
                return (self._delay(given),)
            case Duration():
                return self._duration(given)
            case Fail():
                task = self.names.no_wait(self.names.only_task(given.what, "rd.fail()"), "rd.fail()")
                self.fails[task] = given.p
                self.touched.fails.add(task)
                return _tasks((task,))
            case Capacity():
                return (self._capacity(given),)
            case Workers():
                self.workers = given.slots
                self.touched.limits.add("")
                return (("workers", ""),)
            case SharedFactor():
                return self._share(given)

    def _duration(self, given: Duration) -> tuple[About, ...]:
        tasks = self.names.working([given.what], "rd.duration()")
        made: dict[int, TaskDuration] = {}  # tasks whose durations are one object go on sharing one
        for task in tasks:
            was = self.changed.get(task) or self.before.usual[task]
            if given.span is not None:
                self.changed[task] = TaskDuration(given.span.of(".".join(task)))
                continue
            if id(was) not in made:
                made[id(was)] = evolve(was, factor=min(was.factor * given.times, LONGEST_SPAN))
            self.changed[task] = made[id(was)]
        self.touched.durations.update(tasks)
        return _tasks(tasks)

    def _share(self, given: SharedFactor) -> tuple[About, ...]:
        found = FactorOfTasks.of(given, self.names)
        replaced = self.shared.get(given.name)
        self.shared[given.name] = found
        self.touched.durations.update(found.tasks, replaced.tasks if replaced else ())
        return _tasks(sorted(found.tasks))

    def _capacity(self, given: Capacity) -> About:
        pools = self.names.graph.pools
        if given.pool not in pools:
            hint = did_you_mean(given.pool, pools)
            raise UnknownId(f"{given!r}: graph {self.names.graph.id!r} has no pool {given.pool!r}{hint}")
        most, task = self.names.most_slots(given.pool)
        if most > given.slots:
            raise InvalidValue(f"{given!r}: {'.'.join(task)!r} takes {most} slots of it, so it could never run")
        self.capacities[given.pool] = given.slots
        self.touched.limits.add(given.pool)
        return "pool", given.pool

    def _delay(self, given: Delay) -> About:
        names, what = self.names, given.what
        dag, dataset = names.dag(what), names.dataset(what)
        if dag is not None:
            self.dags[dag] = self.dags.get(dag, Lateness()).plus(given.by)
            self.touched.dags.add(dag)
            return "dag", dag
        if dataset is not None:
            if dataset not in {source.dataset for source in self.question.sources}:
                raise InvalidValue(_no_outside_source(self.question, given, dataset))
            self.datasets[dataset] = self.datasets.get(dataset, Lateness()).plus(given.by)
            self.touched.datasets.add(dataset)
            return "dataset", dataset
        task = names.task(what, "rd.delay()")
        self.tasks[task] = self.tasks.get(task, Lateness()).plus(given.by)
        self.touched.delays.add(task)
        return "task", ".".join(task)


def _tasks(tasks: Iterable[TaskName]) -> tuple[About, ...]:
    return tuple([("task", ".".join(task)) for task in tasks])


def _no_outside_source(question: Question, given: Delay, dataset: str) -> str:
    makers = question.graph.producers(dataset)
    instead = f"delay the DAG that publishes it: {', '.join(makers)}" if makers else "give it one in sources="
    return f"{given!r}: nothing outside publishes dataset {dataset!r} in this simulation; {instead}"
