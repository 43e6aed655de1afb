"""What a graph can be asked (tour, section 4).

Owns `GraphQueries`, the questions that `Graph` answers from the analysis of its version, and `Impact`. Nothing here
changes a graph. Each answer costs O(what it names) once the analysis has what it needs, O(DAGs + edges) the first time
in a version.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any, TypeAlias, cast

from attrs import frozen

from reactive_dag.declare.analysis.edges import Edge
from reactive_dag.declare.analysis.expected import expected_partitions
from reactive_dag.declare.analysis.relations import nodes_of
from reactive_dag.declare.dag import Dag
from reactive_dag.declare.declarations import Declarations
from reactive_dag.model.errors import InvalidValue, UnknownId, UsageError
from reactive_dag.model.suggest import did_you_mean
from reactive_dag.model.text import seen
from reactive_dag.model.times import GivenTime
from reactive_dag.resolve.ready import ReadySet
from reactive_dag.triggers.base import Trigger
from reactive_dag.triggers.checks import id_of
from reactive_dag.triggers.leaves.dataset import Dataset

DagOrDataset: TypeAlias = str | Dag | Dataset


@frozen
class Impact:
    """What follows from a DAG or a dataset: DAGs in an order in which they can run, and the datasets they produce."""

    dags: tuple[str, ...]
    datasets: tuple[str, ...]

    def __contains__(self, id: object) -> bool:
        return id in self.dags or id in self.datasets


class GraphQueries:
    """The questions about what is declared."""

    __slots__ = ("_declared",)

    def __init__(self, declared: Declarations) -> None:
        self._declared = declared

    # ------------------------------------------------------------------------------------ who follows whom

    def upstream(self, id: DagOrDataset) -> frozenset[str]:
        """All DAGs that a DAG, or a dataset, follows from, transitively. O(what is found). Raises UnknownId."""
        own, start = self._start(id)
        analysis = self._declared.analysis
        if own is None:
            return frozenset(analysis.upstream(start) | set(start))
        return frozenset(analysis.upstream((own,)) - {own})

    def downstream(self, id: DagOrDataset) -> frozenset[str]:
        """All DAGs that follow from a DAG, or from a dataset, transitively. O(what is found). Raises UnknownId."""
        own, start = self._start(id, below=True)
        analysis = self._declared.analysis
        if own is None:
            return frozenset(analysis.downstream(start) | set(start))
        return frozenset(analysis.downstream((own,)) - {own})

    def impact(self, id: DagOrDataset) -> Impact:
        """What follows from a DAG or a dataset, in order, with the datasets it reaches. O(DAGs). Raises UnknownId."""
        own, _ = self._start(id)
        found = self.downstream(id)
        makers = [each for each in self.order() if each in found or each == own]
        datasets = dict.fromkeys(dataset.uri for each in makers for dataset in self._declared.dags[each].produces)
        return Impact(tuple(each for each in makers if each in found), tuple(datasets))

    def _start(self, id: DagOrDataset, below: bool = False) -> tuple[str | None, tuple[str, ...]]:
        """A DAG's own id; or None and the DAGs beside a dataset: its producers, or its consumers."""
        text = id_of(id, "a DAG or a dataset")
        dags, datasets = self._declared.dags, self._declared.datasets
        if text in dags and not isinstance(id, Dataset):
            return text, ()
        if text not in datasets:
            hint = did_you_mean(text, [*dags, *datasets])
            raise UnknownId(f"graph {self._declared.id!r} has no DAG or dataset {text!r}{hint}")
        return None, self.consumers(text) if below else self.producers(text)

    def producers(self, dataset: str | Dataset) -> tuple[str, ...]:
        """The DAGs that have the dataset among their outlets. O(1)."""
        return self._declared.analysis.producers.get(id_of(dataset, "a dataset"), ())

    def partitions(self, dataset: str | Dataset, start: GivenTime | None, end: GivenTime | None) -> list[str]:
        """The partitions that there should be of a dataset from `start` to `end`. O(result).

        Raises UnknownId, UsageError, InvalidValue.
        """
        name, datasets = id_of(dataset, "a dataset"), self._declared.datasets
        if name not in datasets:
            raise UnknownId(f"no dataset {name!r} in this graph{did_you_mean(name, datasets)}")
        of = datasets[name].partitions
        if of is None:
            raise UsageError(f"dataset {name!r} is not partitioned; declare its partitions=")
        return expected_partitions(of, start, end, f"partitions({name!r})")

    def consumers(self, dataset: str | Dataset) -> tuple[str, ...]:
        """The DAGs that an event of the dataset, or its absence, can fire. O(1)."""
        return self._declared.analysis.consumers.get(id_of(dataset, "a dataset"), ())

    # --------------------------------------------------------------------------------------------- order

    def height(self, dag: str | Dag) -> int:
        """The longest path of trigger edges and waits that ends at the DAG (G1). O(1). Raises UnknownId."""
        return self._declared.analysis.heights[self._declared.known(dag)]

    def levels(self) -> list[list[str]]:
        """The DAGs by height, each level in the order of declaration. O(DAGs)."""
        return [list(level) for level in self._declared.analysis.levels]

    def order(self) -> list[str]:
        """The DAGs in an order in which they can run: by height, then as declared. O(DAGs)."""
        return [id for level in self._declared.analysis.levels for id in level]

    def edges(self) -> list[Edge]:
        """Every edge between DAGs, tasks, datasets and clocks, in the order of declaration. O(edges)."""
        return list(self._declared.analysis.edges)

    # ------------------------------------------------------------------------------------ joins, readiness

    def origins(self, dag: str | Dag) -> frozenset[str]:
        """The DAGs and outside datasets ("dataset <uri>") that its events go back to (T8). O(1). Raises UnknownId."""
        return self._declared.analysis.origins[self._declared.known(dag)]

    def effective(self, dag: str | Dag) -> dict[str, Trigger]:
        """Its triggers by label, with the joins that T8 puts around completions. O(size). Raises UnknownId."""
        found = self._declared.analysis.effective(self._declared.known(dag))
        return {label: trigger for label, (trigger, _) in found.items()}

    def joins(self, dag: str | Dag) -> dict[str, str]:
        """Which of T8's rules holds for each trigger, in words; "" where none is. O(size). Raises UnknownId."""
        found = self._declared.analysis.effective(self._declared.known(dag))
        return {label: text for label, (_, text) in found.items()}

    def ready(self, history: Iterable[object]) -> frozenset[str]:
        """The DAGs ready to run after these ran well, in this order: ids, or runs (G4). O(history and out-degrees).

        Raises UnknownId for a DAG that is not here.
        """
        found = ReadySet(self._declared.analysis.forms)
        if isinstance(history, str) or not isinstance(history, Iterable):
            raise InvalidValue(f"graph.ready() takes DAGs or runs that ended, in a list, not {seen(history)}")
        for each in history:
            if getattr(each, "state", "success") == "success":
                found.complete(self._declared.known(cast("str | Dag", getattr(each, "dag", each))))
        return found.ready

    # ------------------------------------------------------------------------------------------- networkx

    def to_networkx(self) -> Any:
        """The drawn graph as a networkx MultiDiGraph. O(nodes + edges). Raises ImportError without networkx."""
        from networkx import MultiDiGraph

        edges, dags = self._declared.analysis.edges, self._declared.dags
        node = _node_names(nodes_of(edges, dags))
        found = MultiDiGraph(name=self._declared.id)
        found.add_nodes_from((key, {"kind": kind, "name": name}) for (name, kind), key in node.items())
        for edge in edges:
            source, target = node[edge.source, edge.source_kind], node[edge.target, edge.target_kind]
            found.add_edge(source, target, key=edge.kind, kind=edge.kind)
        for dag in dags.values():
            for task in dag.tasks:
                found.add_edge(node[dag.id, "dag"], node[f"{dag.id}.{task}", "task"], key="contains", kind="contains")
        return found


def _node_names(nodes: Iterable[tuple[str, str]]) -> dict[tuple[str, str], str | tuple[str, str]]:
    """What each (name, kind) is called: the name, or the pair (kind, name) where several kinds share it."""
    each = dict.fromkeys(nodes)
    count = Counter(name for name, _ in each)
    return {(name, kind): name if count[name] == 1 else (kind, name) for name, kind in each}
