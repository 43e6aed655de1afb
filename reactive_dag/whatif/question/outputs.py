"""What tasks return in a simulation, where bodies do not say: which items are mapped over, which way a branch goes.

Owns the parsing of `outputs=`, and what is assumed where nothing is given: one item, and every way. O(given), O(tasks)
once for a version of a graph.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, TypeAlias

from reactive_dag.declare.dag import Dag
from reactive_dag.declare.internals import plan_of
from reactive_dag.engine.runs.choices import choice_of_branch
from reactive_dag.model.errors import InvalidValue
from reactive_dag.model.payload import plain
from reactive_dag.whatif.question.names import GivenName, GraphNames, TaskName, given_name

if TYPE_CHECKING:
    from reactive_dag.declare.task import AnyTask
    from reactive_dag.model.records import Json

GivenOutputs: TypeAlias = "Mapping[Dag | AnyTask | str, object]"


def parsed_outputs(outputs: GivenOutputs | None) -> tuple[tuple[GivenName, object], ...]:
    """The names and values that a user wrote. O(given). Raises InvalidValue."""
    if outputs is not None and not isinstance(outputs, Mapping):
        raise InvalidValue(f"outputs={outputs!r}: give a dict of tasks and what they return")
    return tuple([(given_name(name, "outputs="), value) for name, value in (outputs or {}).items()])


def given_outputs(outputs: Iterable[tuple[GivenName, object]], names: GraphNames) -> dict[TaskName, Json]:
    """What these tasks return, as plain data. O(given). Raises UnknownId, InvalidValue."""
    found: dict[TaskName, Json] = {}
    for name, value in outputs:
        place = names.only_task(name, "outputs=")
        found[place] = _output(names.graph.dags[place[0]], place[1], value)
    return found


def _output(dag: Dag, id: str, value: object) -> Json:
    task, name = dag.tasks[id], f"{dag.id}.{id}"
    if task.kind == "wait":
        raise InvalidValue(f"outputs=: {name!r} is a wait, which gives the run that it awaited")
    if task.branch:
        value = choice_of_branch(value, name, [each.id for each in dag.tasks.values() if id in each.needs])
    output = plain(value, f"outputs[{name!r}]")
    mapped = next((each.id for each in dag.tasks.values() if each.map_over == id), None)
    if mapped is not None and task.map_over is None and not isinstance(output, list):
        raise InvalidValue(f"outputs=: {dag.id}.{mapped} is mapped over {name!r}; give a list, not {output!r}")
    return output


def assumed_outputs(dags: Iterable[Dag]) -> dict[TaskName, Json]:
    """What is assumed of tasks whose outputs decide something: one item, None, and every way of a branch. O(tasks)."""
    found: dict[TaskName, Json] = {}
    for dag in dags:
        for id, task in dag.tasks.items():
            if task.branch:
                plan = plan_of(dag)
                found[dag.id, id] = [plan.ids[each] for each in plan.followers[plan.index[id]]]
            over = None if task.map_over is None else dag.tasks.get(task.map_over)
            if over is not None and over.kind != "wait" and over.map_over is None and not over.branch:
                found[dag.id, over.id] = [None]
    return found
