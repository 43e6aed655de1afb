"""What a simulation is asked for: the graph, its span of time, what outside publishes, durations, seed, interventions.

Owns `Scenario` (what was given, judged) and `Effects` (the same, worked out for the graph as it is now). Invariant: an
`Effects` names only tasks, DAGs and sources that are there; nothing of it changes while a simulation runs.
Cost: O(tasks + interventions).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, TypeAlias

from attrs import evolve, field, frozen

from reactive_dag.model.errors import InvalidValue
from reactive_dag.model.schedule import Schedule
from reactive_dag.model.suggest import did_you_mean
from reactive_dag.model.times import format_time, parse_duration, parse_time
from reactive_dag.triggers.base import Trigger
from reactive_dag.triggers.joins.any_of import AnyOf
from reactive_dag.triggers.leaves.dataset import Dataset
from reactive_dag.triggers.leaves.schedule import Scheduled
from reactive_dag.whatif.course.prepared import Prepared
from reactive_dag.whatif.question.durations import Durations, GivenDurations, GivenSpan
from reactive_dag.whatif.question.interventions import Delay, Duration, Fail, Intervention
from reactive_dag.whatif.question.names import Names, TaskName

if TYPE_CHECKING:
    from reactive_dag.declare.graph import Graph

Time: TypeAlias = datetime | date | str
_DATE = re.compile(r"\s*\d{4}-")
GivenSources: TypeAlias = "Mapping[Dataset | str, Trigger]"
About: TypeAlias = tuple[str, str]
"""What an intervention is about: "dag", "task" or "dataset", and its name."""


@frozen
class Source:
    """A dataset that outside publishes, and when: the dataset's uri and the schedules."""

    dataset: str
    schedules: tuple[Schedule, ...]


@frozen
class Scenario:
    """One question. Times are nanoseconds UTC; `start` is included, `until` is not."""

    graph: Graph
    start: int
    until: int
    sources: tuple[Source, ...]
    durations: Durations
    seed: int
    interventions: tuple[Intervention, ...] = ()

    def with_more(self, interventions: tuple[Intervention, ...]) -> Scenario:
        """The same with more interventions. O(1). Raises InvalidValue for what is none."""
        for each in interventions:
            if not isinstance(each, Delay | Duration | Fail):
                raise InvalidValue(
                    f"what_if() takes interventions such as rd.delay('ingest', '2h'), not {each!r}; "
                    "this version knows rd.delay, rd.duration and rd.fail"
                )
        return evolve(self, interventions=(*self.interventions, *interventions))

    def effects(self) -> Effects:
        """What all of it means for the graph as it is now. O(tasks). Raises UnknownId, InvalidValue."""
        prepared = Prepared.of(self.graph)
        names = prepared.names
        found = Effects(prepared.spans(self.graph, self.durations))
        for each in self.interventions:
            if isinstance(each, Delay):
                about = [self._delay(found, names, each)]
            elif isinstance(each, Duration):
                tasks = names.tasks(each.what, "rd.duration()")
                found.changed.update((task, each.span.of(".".join(task))) for task in tasks)
                about = [("task", ".".join(task)) for task in tasks]
            else:
                task = names.only_task(each.what, "rd.fail()")
                found.fails[task] = each.p
                about = [("task", ".".join(task))]
            found.about.append((each, about))
        return found

    def _delay(self, found: Effects, names: Names, given: Delay) -> About:
        dag, dataset = names.dag(given.what), names.dataset(given.what)
        if dag is not None:
            found.dags[dag] = found.dags.get(dag, 0) + given.by
            return "dag", dag
        if dataset is not None:
            if dataset not in {source.dataset for source in self.sources}:
                raise InvalidValue(self._nobody_outside(given, dataset))
            found.datasets[dataset] = found.datasets.get(dataset, 0) + given.by
            return "dataset", dataset
        task = names.task(given.what, "rd.delay()")
        found.tasks[task] = found.tasks.get(task, 0) + given.by
        return "task", ".".join(task)

    def _nobody_outside(self, given: Delay, dataset: str) -> str:
        makers = self.graph.producers(dataset)
        instead = f"delay the DAG that publishes it: {', '.join(makers)}" if makers else "give it one in sources="
        return f"{given!r}: nothing outside publishes dataset {dataset!r} in this simulation; {instead}"


@frozen
class Effects:
    """What a scenario means for one graph, in nanoseconds: durations of tasks, delays, chances of failure.

    `usual` are the durations without interventions, `changed` what those make of them. `about` says which things each
    intervention is about.
    """

    usual: dict[TaskName, int]
    changed: dict[TaskName, int] = field(factory=dict)
    dags: dict[str, int] = field(factory=dict)
    tasks: dict[TaskName, int] = field(factory=dict)
    datasets: dict[str, int] = field(factory=dict)
    fails: dict[TaskName, float] = field(factory=dict)
    about: list[tuple[Intervention, list[About]]] = field(factory=list)


def scenario_of(
    graph: Graph, start: Time, until: timedelta | Time, sources: GivenSources | None, durations: GivenDurations,
    default_duration: GivenSpan | None, seed: int,
) -> Scenario:  # fmt: skip
    """What a user wrote, judged. O(given). Raises InvalidValue, UnknownId."""
    begin = parse_time(start, what="start")
    if type(seed) is not int:
        raise InvalidValue(f"seed={seed!r} must be a whole number")
    found = tuple([_source(graph, dataset, trigger) for dataset, trigger in (sources or {}).items()])
    spans = Durations.of(durations, default_duration)
    return Scenario(graph, begin, _until(begin, until), found, spans, seed)


def _until(start: int, until: timedelta | Time) -> int:
    """An instant, or so long after the start."""
    if isinstance(until, timedelta) or (isinstance(until, str) and not _DATE.match(until)):
        return start + parse_duration(until, what="until")
    end = parse_time(until, what="until")
    if end <= start:
        raise InvalidValue(f"until={format_time(end)} does not come after start={format_time(start)}")
    return end


def _source(graph: Graph, dataset: Dataset | str, trigger: Trigger) -> Source:
    uri = dataset.uri if isinstance(dataset, Dataset) else dataset
    if uri not in graph.datasets:
        hint = did_you_mean(str(uri), graph.datasets)
        raise InvalidValue(f"sources=: graph {graph.id!r} has no dataset {uri!r}{hint}")
    parts = trigger.parts if isinstance(trigger, AnyOf) else (trigger,)
    schedules = [part.schedule for part in parts if isinstance(part, Scheduled)]
    if len(schedules) != len(parts):
        raise InvalidValue(
            f"sources=: {uri!r} is published on the clock: give rd.cron(...), rd.every(...) or several joined by |, "
            f"not {trigger!r}"
        )
    return Source(uri, tuple(schedules))
