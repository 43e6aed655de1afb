"""What other wings may know of a declaration beyond its public face.

Owns nothing: each function reads one thing that users have no need of. O(1) unless it says otherwise.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable
from hashlib import blake2b
from itertools import islice

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
from reactive_dag.model.schedule import Schedule
from reactive_dag.triggers.base import Trigger
from reactive_dag.triggers.leaves.schedule import Scheduled


def version_of(graph: Graph) -> int:
    """How many changes the graph has had."""
    return graph._declared.version


def analysis_of(graph: Graph) -> GraphAnalysis:
    """What follows from the declarations of this version, each answer worked out as it is first asked for."""
    return graph._declared.analysis


def region_since(graph: Graph, version: int) -> set[str] | None:
    """The DAGs about which an answer may be another than in that version, gone ones too; None: all. O(result)."""
    return graph._declared.region_since(version)


def declared_among(graph: Graph, ids: Iterable[str]) -> list[str]:
    """Those of these DAGs that are declared, in the order in which they were. O(ids * log)."""
    analysis = analysis_of(graph)
    return sorted([id for id in ids if id in analysis.dags], key=analysis.place)


def head_json(graph: Graph) -> dict[str, Json]:
    """What of `graph.to_json()` is not the DAGs. O(datasets + pools)."""
    return jsonform.head_out(graph.id, graph.datasets, graph.pools)


def newest_datasets(graph: Graph, n: int) -> list[str]:
    """The uris of the n datasets that were declared last. O(n)."""
    return list(islice(reversed(graph._declared.datasets), n))


def dag_json(dag: Dag) -> dict[str, Json]:
    """A DAG as it stands in `graph.to_json()`. O(its size)."""
    return dag.to_json()


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
    return dag._told()


def settings_of(task: AnyTask) -> TaskSettings:
    """How a task is to be run, as one object."""
    return task._settings


def task_digest(task: AnyTask) -> str:
    """The hash of a task's declaration: body, parameters, outlets, options (I7). O(its size).

    >>> from reactive_dag.declare.task import Task
    >>> def body(run): ...
    >>> task_digest(Task(body, retries=1)) == task_digest(Task(body)), len(task_digest(Task(body)))
    (False, 32)
    """
    text = json.dumps(task.to_json(), sort_keys=True)
    return blake2b(text.encode(errors="replace"), digest_size=16).hexdigest()


def import_path(graph: Graph) -> str | None:
    """Where a graph can be imported from, as "module:name", None if nowhere. O(names of the modules of its bodies).

    >>> import_path(Graph("local")) is None
    True
    """
    bodies = (task.fn for dag in list(graph.dags.values()) for task in list(dag.tasks.values()))
    for module in dict.fromkeys(getattr(body, "__module__", None) for body in bodies):
        names = vars(sys.modules[module]) if module in sys.modules and module != "__main__" else {}
        for name, value in list(names.items()):
            if value is graph:
                return f"{module}:{name}"
    return None


def has_priorities(dag: Dag) -> bool:
    """Whether any task of a DAG has a priority. O(tasks)."""
    return any(task._settings.priority for task in list(dag.tasks.values()))


def deadline_of(dag: Dag) -> int | Schedule | None:
    """By when a DAG's runs are to have succeeded: so long (ns) after their date, or by the next tick (R13)."""
    found = dag.deadline
    return found.schedule if isinstance(found, Scheduled) else found


def due_after(dag: Dag, date: int | None) -> int | None:
    """By when a run of a date is to have succeeded, if it was requested at that date; None without a deadline (R13)."""
    deadline = deadline_of(dag)
    if deadline is None or date is None:
        return None
    return date + deadline if isinstance(deadline, int) else deadline.after(date)


def params_of(dag: Dag) -> Params:
    """The params of the DAG's runs: names, defaults and class."""
    return dag._settings.params


def params_type_of(dag: Dag) -> Callable[..., object] | None:
    """The class that types `run.params`, if one was given."""
    found = dag._settings.params.type
    return found.fn if isinstance(found, Call) else found
