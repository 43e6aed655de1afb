"""What a question means for its graph as it is now: durations, delays and chances of failure, by task, DAG and dataset.

Owns `Effects`. Invariant: it names only tasks, DAGs and outside sources that are there, and nothing of it changes while
a course is played. O(tasks + interventions) to work out.
"""

from __future__ import annotations

from typing import TypeAlias

from attrs import field, frozen

from reactive_dag.model.errors import InvalidValue
from reactive_dag.model.records import Json
from reactive_dag.whatif.question.interventions import Delay, Duration, Intervention
from reactive_dag.whatif.question.names import GraphNames, TaskName
from reactive_dag.whatif.question.outputs import given_outputs
from reactive_dag.whatif.question.question import Question

About: TypeAlias = tuple[str, str]
"""What an intervention is about: "dag", "task" or "dataset", and its name."""


@frozen
class Effects:
    """What a question means for one graph, in nanoseconds: durations of tasks, delays, chances of failure.

    `usual` are the durations without interventions, `changed` those that interventions give. `outputs` are what tasks
    return, `given` those of whose outputs the question says it. `about` says which things each intervention is about.
    """

    usual: dict[TaskName, int]
    changed: dict[TaskName, int] = field(factory=dict)
    dags: dict[str, int] = field(factory=dict)
    tasks: dict[TaskName, int] = field(factory=dict)
    datasets: dict[str, int] = field(factory=dict)
    fails: dict[TaskName, float] = field(factory=dict)
    outputs: dict[TaskName, Json] = field(factory=dict)
    given: frozenset[TaskName] = frozenset()
    about: list[tuple[Intervention, list[About]]] = field(factory=list)

    @classmethod
    def of(
        cls, question: Question, names: GraphNames, usual: dict[TaskName, int], assumed: dict[TaskName, Json]
    ) -> Effects:
        """Work out a question's interventions and outputs, over those that are `assumed`. O(tasks + interventions).

        Raises UnknownId, InvalidValue.
        """
        given = given_outputs(question.outputs, names)
        found = cls(usual, outputs=assumed | given, given=frozenset(given))
        for each in question.interventions:
            found.about.append((each, found._take(question, names, each)))
        return found

    def _take(self, question: Question, names: GraphNames, given: Intervention) -> list[About]:
        """Add one intervention; what it is about."""
        if isinstance(given, Delay):
            return [self._delay(question, names, given)]
        if isinstance(given, Duration):
            tasks = names.tasks(given.what, "rd.duration()")
            self.changed.update((task, given.span.of(".".join(task))) for task in tasks)
            return [("task", ".".join(task)) for task in tasks]
        task = names.only_task(given.what, "rd.fail()")
        self.fails[task] = given.p
        return [("task", ".".join(task))]

    def _delay(self, question: Question, names: GraphNames, given: Delay) -> About:
        dag, dataset = names.dag(given.what), names.dataset(given.what)
        if dag is not None:
            self.dags[dag] = self.dags.get(dag, 0) + given.by
            return "dag", dag
        if dataset is not None:
            if dataset not in {source.dataset for source in question.sources}:
                raise InvalidValue(_no_outside_source(question, given, dataset))
            self.datasets[dataset] = self.datasets.get(dataset, 0) + given.by
            return "dataset", dataset
        task = names.task(given.what, "rd.delay()")
        self.tasks[task] = self.tasks.get(task, 0) + given.by
        return "task", ".".join(task)


def _no_outside_source(question: Question, given: Delay, dataset: str) -> str:
    makers = question.graph.producers(dataset)
    instead = f"delay the DAG that publishes it: {', '.join(makers)}" if makers else "give it one in sources="
    return f"{given!r}: nothing outside publishes dataset {dataset!r} in this simulation; {instead}"
