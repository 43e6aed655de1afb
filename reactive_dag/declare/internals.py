"""What other wings may know of a declaration beyond its public face.

Owns nothing: each function reads one thing that users have no need of. O(1) unless it says otherwise.
"""

from __future__ import annotations

from collections.abc import Callable

from reactive_dag.declare import jsonform
from reactive_dag.declare.analysis.relations import GraphAnalysis
from reactive_dag.declare.dag import Dag
from reactive_dag.declare.declarations import Listener
from reactive_dag.declare.graph import Graph
from reactive_dag.declare.parameters import Binding
from reactive_dag.declare.plan import Plan
from reactive_dag.declare.settings.dag_settings import DagSettings
from reactive_dag.declare.settings.params import Params
from reactive_dag.declare.settings.task_settings import TaskSettings
from reactive_dag.declare.task import AnyTask
from reactive_dag.model.callables import Call
from reactive_dag.model.records import Json
from reactive_dag.triggers.base import Trigger


def version_of(graph: Graph) -> int:
    """How many changes the graph has had."""
    return graph._declared.version


def analysis_of(graph: Graph) -> GraphAnalysis:
    """What follows from the declarations of this version, each answer worked out as it is first asked for."""
    return graph._declared.analysis


def region_since(graph: Graph, version: int) -> set[str] | None:
    """The DAGs about which an answer may be another than in that version, gone ones too; None: all. O(result)."""
    return graph._declared.region_since(version)


def head_json(graph: Graph) -> dict[str, Json]:
    """What of `graph.to_json()` is not the DAGs. O(datasets)."""
    return jsonform.head_out(graph.id, graph.datasets)


def dag_json(dag: Dag) -> dict[str, Json]:
    """A DAG as it stands in `graph.to_json()`. O(its size)."""
    return jsonform.dag_out(dag)


def in_bulk(graph: Graph) -> bool:
    """Whether many declarations are being made as one just now, by any thread."""
    return graph._declared.in_bulk


def subscribe(graph: Graph, listener: Listener) -> Callable[[], None]:
    """Have `listener` called after each change, with the DAG's id or None for many; gives what ends that."""
    return graph._declared.subscribe(listener)


def known_dag(graph: Graph, dag: str | Dag) -> str:
    """The id of a DAG of the graph. Raises UnknownId with the nearest one."""
    return graph._declared.known(dag)


def stamp_of(dag: Dag) -> int:
    """The version of the graph that the DAG's declaration made."""
    return dag._stamp


def plan_of(dag: Dag) -> Plan:
    """Which task follows which, by number. O(tasks + edges) after a change, else O(1)."""
    return dag._table.plan()


def sources_of(dag: Dag) -> tuple[Trigger, ...]:
    """All that can fire the DAG's triggers. O(size) the first time."""
    return dag._read_sources()


def bindings_of(task: AnyTask) -> tuple[Binding, ...]:
    """Where each parameter of a task comes from. O(1) after the first time."""
    return task._bindings


def dag_settings_of(dag: Dag) -> DagSettings:
    """A DAG's options, as one object."""
    return dag._settings


def settings_of(task: AnyTask) -> TaskSettings:
    """How a task is to be run, as one object."""
    return task._settings


def has_priorities(dag: Dag) -> bool:
    """Whether any task of a DAG has a priority. O(tasks)."""
    return any(task._settings.priority for task in list(dag.tasks.values()))


def params_of(dag: Dag) -> Params:
    """The params of the DAG's runs: names, defaults and class."""
    return dag._settings.params


def params_type_of(dag: Dag) -> Callable[..., object] | None:
    """The class that types `run.params`, if one was given."""
    found = dag._settings.params.type
    return found.fn if isinstance(found, Call) else found
