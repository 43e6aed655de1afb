"""What a graph can be asked (tour, section 4).

Owns `Look`, the questions that `Graph` answers from the view of its version, and `Impact`. Nothing here changes a
graph. Each answer costs O(what it names) once the view has what it needs, O(DAGs + edges) the first time in a version.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias, cast

from attrs import frozen

from reactive_dag.declare.analysis.edges import Edge
from reactive_dag.declare.analysis.relations import View, nodes_of
from reactive_dag.declare.dag import Dag
from reactive_dag.model.errors import UnknownId
from reactive_dag.model.suggest import did_you_mean
from reactive_dag.resolve.ready import Form, ReadySet
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


class Look:
    """The questions; `dags`, `datasets` and `view` are the graph's."""

    __slots__ = ()

    id: str
    dags: dict[str, Dag]
    datasets: dict[str, Dataset]

    @property
    def view(self) -> View:
        """What follows from the declarations. O(1)."""
        return View(self.dags)

    @property
    def in_bulk(self) -> bool:
        """Whether many declarations are being made as one just now, by any thread. O(1)."""
        return getattr(self, "_inside", None) is not None

    def known(self, dag: str | Dag) -> str:
        """The id of a DAG of this graph. O(1). Raises UnknownId with the nearest one."""
        id = id_of(dag, "a DAG")
        if id not in self.dags:
            raise UnknownId(f"graph {self.id!r} has no DAG {id!r}{did_you_mean(id, self.dags)}")
        return id

    # ------------------------------------------------------------------------------------ who follows whom

    def upstream(self, id: DagOrDataset) -> frozenset[str]:
        """All DAGs that a DAG, or a dataset, follows from, transitively. O(what is found). Raises UnknownId."""
        own, start = self._start(id)
        if own is None:
            return frozenset(self.view.upstream(start) | set(start))
        return frozenset(self.view.upstream((own,)) - {own})

    def downstream(self, id: DagOrDataset) -> frozenset[str]:
        """All DAGs that follow from a DAG, or from a dataset, transitively. O(what is found). Raises UnknownId."""
        own, start = self._start(id, below=True)
        if own is None:
            return frozenset(self.view.downstream(start) | set(start))
        return frozenset(self.view.downstream((own,)) - {own})

    def impact(self, id: DagOrDataset) -> Impact:
        """What follows from a DAG or a dataset, in order, with the datasets it reaches. O(DAGs). Raises UnknownId.

        >>> from reactive_dag.declare.graph import Graph
        >>> graph = Graph("sales")
        >>> _ = graph.dag("mart", on=graph.dataset("orders"), outlets=[graph.dataset("mart")])
        >>> graph.impact("orders")
        Impact(dags=('mart',), datasets=('mart',))
        """
        own, _ = self._start(id)
        found = self.downstream(id)
        makers = [each for each in self.order() if each in found or each == own]
        datasets = dict.fromkeys(dataset.uri for each in makers for dataset in self.dags[each].produces)
        return Impact(tuple(each for each in makers if each in found), tuple(datasets))

    def _start(self, id: DagOrDataset, below: bool = False) -> tuple[str | None, tuple[str, ...]]:
        """A DAG's own id; or None and the DAGs beside a dataset: its producers, or its consumers."""
        text = id_of(id, "a DAG or a dataset")
        if text in self.dags and not isinstance(id, Dataset):
            return text, ()
        if text not in self.datasets:
            raise UnknownId(
                f"graph {self.id!r} has no DAG or dataset {text!r}{did_you_mean(text, [*self.dags, *self.datasets])}"
            )
        return None, self.consumers(text) if below else self.producers(text)

    def producers(self, dataset: str | Dataset) -> tuple[str, ...]:
        """The DAGs that have the dataset among their outlets. O(1)."""
        return self.view.producers.get(id_of(dataset, "a dataset"), ())

    def consumers(self, dataset: str | Dataset) -> tuple[str, ...]:
        """The DAGs that an event of the dataset, or its absence, can fire. O(1)."""
        return self.view.consumers.get(id_of(dataset, "a dataset"), ())

    def heard(self, dag: str | Dag, tags: frozenset[str] = frozenset()) -> frozenset[str]:
        """The DAGs whose ends a `completed("*", tags=...)` of this DAG hears. O(DAGs). Raises UnknownId."""
        return self.view.heard(self.known(dag), tags)

    # --------------------------------------------------------------------------------------------- order

    def height(self, dag: str | Dag) -> int:
        """The longest path of trigger edges and waits that ends at the DAG (G1). O(1). Raises UnknownId."""
        return self.view.heights[self.known(dag)]

    def levels(self) -> list[list[str]]:
        """The DAGs by height, each level in the order of declaration. O(DAGs)."""
        return [list(level) for level in self.view.levels]

    def order(self) -> list[str]:
        """The DAGs in an order in which they can run: by height, then as declared. O(DAGs)."""
        return [id for level in self.view.levels for id in level]

    @property
    def edges(self) -> list[Edge]:
        """Every edge between DAGs, tasks, datasets and clocks, in the order of declaration. O(edges)."""
        return list(self.view.edges)

    # ------------------------------------------------------------------------------------ joins, readiness

    def origins(self, dag: str | Dag) -> frozenset[str]:
        """The DAGs and outside datasets ("dataset <uri>") that its events go back to (T8). O(1). Raises UnknownId."""
        return self.view.origins[self.known(dag)]

    def effective(self, dag: str | Dag) -> dict[str, Trigger]:
        """Its triggers by label, with the joins that T8 puts around completions. O(size). Raises UnknownId."""
        return {label: trigger for label, (trigger, _) in self.view.effective(self.known(dag)).items()}

    def joins(self, dag: str | Dag) -> dict[str, str]:
        """Which of T8's rules holds for each trigger, in words; "" where none is. O(size). Raises UnknownId."""
        return {label: text for label, (_, text) in self.view.effective(self.known(dag)).items()}

    @property
    def forms(self) -> Mapping[str, Form | None]:
        """Each DAG's triggers as a boolean form of upstream DAGs, as `ReadySet` takes it (G4). O(1)."""
        return self.view.forms

    def ready(self, history: Iterable[object] = ()) -> frozenset[str]:
        """The DAGs ready to run after these ran well, in this order: ids, or runs (G4). O(history and out-degrees).

        A run that did not succeed is passed over. Raises UnknownId for a DAG that is not here.

        >>> from reactive_dag.declare.graph import Graph
        >>> from reactive_dag.triggers.leaves.completed import completed
        >>> graph = Graph("sales")
        >>> _ = graph.dag("a"), graph.dag("b", on=completed("a"))
        >>> sorted(graph.ready()), sorted(graph.ready(["a"]))
        (['a'], ['b'])
        """
        found = ReadySet(self.view.forms)
        for each in history:
            if getattr(each, "state", "success") == "success":
                found.complete(self.known(cast("str | Dag", getattr(each, "dag", each))))
        return found.ready

    # ------------------------------------------------------------------------------------------- networkx

    def to_networkx(self) -> Any:
        """The drawn graph as a networkx MultiDiGraph: nodes and edges have a `kind`. O(nodes + edges).

        A DAG's tasks follow from it by edges of the kind `contains`, so that ancestors and paths go through DAGs. A
        name that two kinds share, such as a DAG's and a dataset's, becomes a pair (kind, name) for each. Raises
        ImportError without networkx.
        """
        from networkx import MultiDiGraph

        kinds: dict[str, dict[str, None]] = {}
        for name, kind in nodes_of(self.view.edges, self.dags):
            kinds.setdefault(name, {})[kind] = None

        def node(name: str, kind: str) -> str | tuple[str, str]:
            return name if len(kinds[name]) == 1 else (kind, name)

        found = MultiDiGraph(name=self.id)
        for name, of in kinds.items():
            found.add_nodes_from((node(name, kind), {"kind": kind, "name": name}) for kind in of)
        for edge in self.view.edges:
            source, target = node(edge.source, edge.source_kind), node(edge.target, edge.target_kind)
            found.add_edge(source, target, key=edge.kind, kind=edge.kind)
        for dag in self.dags.values():
            for task in dag.tasks:
                found.add_edge(node(dag.id, "dag"), node(f"{dag.id}.{task}", "task"), key="contains", kind="contains")
        return found
