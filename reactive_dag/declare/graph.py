"""The graph: the datasets and DAGs that belong together, kept acyclic.

Owns `Graph`, the public face of what is declared (`declarations.py`) and of what can be asked of it
(`analysis/graph_queries.py`); it keeps nothing of its own but its id. Invariant: a change that is refused leaves the
graph as it was. Declaring a DAG costs its edges, many inside `with graph.bulk():` one check at the end.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal, Unpack, overload

from attrs import Factory, define, field, setters

from reactive_dag.declare import jsonform
from reactive_dag.declare.analysis.edges import Edge
from reactive_dag.declare.analysis.graph_queries import DagOrDataset, GraphQueries, Impact
from reactive_dag.declare.analysis.inclusion import include
from reactive_dag.declare.analysis.problem import Problem, Problems
from reactive_dag.declare.bind import bind_dags
from reactive_dag.declare.dag import Dag, dag_at
from reactive_dag.declare.declarations import Declarations
from reactive_dag.declare.place import caller_place
from reactive_dag.declare.settings.dag_settings import DagOptions
from reactive_dag.declare.settings.parsers import valid_name
from reactive_dag.declare.settings.pool import Pool
from reactive_dag.declare.task import Task, task_id
from reactive_dag.model import pictures
from reactive_dag.model.errors import DuplicateError, GraphError, InvalidValue, UsageError
from reactive_dag.model.partitions.products import Partitions
from reactive_dag.model.records import Json
from reactive_dag.model.text import seen
from reactive_dag.model.times import GivenTime
from reactive_dag.triggers.base import Trigger
from reactive_dag.triggers.leaves.dataset import Dataset


def _graph_id(value: str) -> str:
    return valid_name(value, "the id of a graph")


@define(eq=False, repr=False, on_setattr=setters.frozen)
class Graph:
    """Datasets and DAGs. In a notebook it shows itself.

    >>> graph = Graph("sales")
    >>> orders = graph.dataset("s3://lake/orders")
    >>> @graph.dag(schedule="0 2 * * *", outlets=[orders])
    ... def ingest(run): return 10
    >>> report = graph.dag("report", on=orders)
    >>> graph.order(), graph.upstream("report")
    (['ingest', 'report'], frozenset({'ingest'}))
    """

    id: str = field(converter=_graph_id)
    _declared: Declarations = field(init=False, default=Factory(lambda graph: Declarations(graph.id), takes_self=True))
    _queries: GraphQueries = field(
        init=False, default=Factory(lambda graph: GraphQueries(graph._declared), takes_self=True)
    )

    @property
    def dags(self) -> Mapping[str, Dag]:
        """The DAGs by id, in the order of declaration. O(1)."""
        return self._declared.dags

    @property
    def datasets(self) -> Mapping[str, Dataset]:
        """The datasets by uri, in the order of declaration. O(1)."""
        return self._declared.datasets

    @property
    def pools(self) -> Mapping[str, Pool]:
        """The pools by id, in the order of declaration. O(1)."""
        return self._declared.pools

    def __repr__(self) -> str:
        return f"Graph({self.id!r}, dags={len(self.dags)}, datasets={len(self.datasets)})"

    def _repr_mimebundle_(self, **_: object) -> dict[str, str]:
        return pictures.bundle("Graph", self)

    def draw(
        self, *, focus: DagOrDataset | None = None, hops: int | None = None, datasets: bool | None = None,
        groups: Literal["prefix", "tag", False] | Mapping[str, str] | Callable[[Dag], str | None] | None = None,
        open: str | Iterable[str] = (),
    ) -> pictures.SavablePicture:  # fmt: skip
        """The drawing of it, or of what is near one name, with `.save("g.svg")` or `.save("g.html")`.

        `focus`: a DAG or a dataset, of which all that leads to it and follows from it is shown, within `hops` DAGs each
        way. `datasets`: with them or DAGs alone. `groups`: DAGs as groups, by the beginning of their names, their first
        tag, a group a DAG, or a function of a DAG; those in `open` are shown open. What is not said is folded where
        there are more than 60 nodes (N4). O(graph). Raises UnknownId for names that are not there, InvalidValue.

        >>> graph = Graph("sales")
        >>> _ = graph.dag("report", on=graph.dataset("orders"))
        >>> graph.draw(focus="report", hops=1)
        GraphPicture('Graph sales, around report', nodes=2, edges=1)
        """
        return pictures.drawing("Graph", self, focus=focus, hops=hops, datasets=datasets, groups=groups, open=open)

    # ------------------------------------------------------------------------------------------ declare

    def dataset(
        self, uri: str, partitions: Partitions | None = None, metadata: Mapping[str, object] | None = None
    ) -> Dataset:
        """The dataset of that uri: the same object each time. O(1).

        `metadata` given again replaces what was there. Raises InvalidValue for what no dataset can be, GraphError for
        other partitions than before.

        >>> graph = Graph("sales")
        >>> graph.dataset("orders") is graph.dataset("orders")
        True
        """
        return self._declared.dataset(uri, partitions, metadata)

    def pool(self, id: str, slots: int) -> Pool:
        """Declare a pool, whose slots tasks of all DAGs share: `pool=` and `slots=` of a task (R16). O(tasks).

        Declared again with other slots it has those from then on, in a running engine too. Raises InvalidValue.

        >>> Graph("sales").pool("warehouse", slots=16)
        Pool(id='warehouse', slots=16)
        """
        return self._declared.pool(id, slots)

    @overload
    def dag(self, id: Callable[..., object], /) -> Dag: ...

    @overload
    def dag(self, id: str | None = None, **options: Unpack[DagOptions]) -> Dag: ...

    def dag(self, id: str | Callable[..., object] | None = None, **options: Unpack[DagOptions]) -> Dag:
        """Declare a DAG: a call, `@graph.dag`, or `@graph.dag(...)`, which makes the function its one task. O(edges).

        Options: `on` or `schedule`, `outlets`, `tz`, `start`, `end`, `catchup`, `max_catchup`, `paused`,
        `max_active_runs`, `overlap`, `timeout` (of the whole run), `deadline`, `defaults`, `tags`, `description`,
        `params`; as a decorator those of a task too.
        An id declared again is replaced, but not by one line in a loop (DuplicateError). Raises InvalidValue for
        options that are not valid, GraphError for completions that need a key (T8), CycleError with the whole path.
        """
        place = caller_place()
        if isinstance(id, str):
            made = dag_at(place, valid_name(id, "the id of a DAG"), options)
        elif id is None:
            return dag_at(place, "", options, self._declared)
        elif callable(id) and not isinstance(id, Task | Dag):
            made = dag_at(place, valid_name(task_id(id, None), "the id of a DAG"), options)(id)
        else:
            raise InvalidValue(f"graph.dag() takes an id or a function, not {seen(id)}")
        self._declared.admit(made)
        return made

    def register(self, dag: Dag, *, replace: bool = False) -> Dag:
        """Take in a DAG that was made by hand. O(its edges).

        Raises DuplicateError if its id is there and `replace` is not set; CycleError with the whole path.
        """
        if not isinstance(dag, Dag):
            raise InvalidValue(f"graph.register() takes a Dag, not {seen(dag)}; to declare one write graph.dag(...)")
        if not dag.id:
            raise UsageError(f"the DAG at {dag.place} has no id yet: it waits for its function")
        old, owner = self.dags.get(dag.id), dag._owner
        if old is not None and not replace:
            raise DuplicateError(
                f"DAG {dag.id!r} is in graph {self.id!r} already ({old.place}); write replace=True to replace it "
                f"by the one at {dag.place}"
            )
        if owner is not None and owner is not self._declared:
            raise GraphError(
                f"DAG {dag.id!r} ({dag.place}) belongs to graph {owner.id!r}; make another one for {self.id!r}"
            )
        if old is not dag:
            self._declared.admit(dag, meant=replace)
        return dag

    def remove(self, dag: str | Dag) -> None:
        """Take a DAG out; what listens to it stays, and `problems()` says so. O(its edges). Raises UnknownId."""
        self._declared.remove(dag)

    def include(self, other: Graph, *, replace: bool = False) -> None:
        """Take in the DAGs, datasets and pools of another graph as they are declared now: one change (G6).

        They keep their ids and places; `other` stays as it is, and what it declares later is not taken until it is
        included again, with `replace`. O(what it declares, DAGs + edges). Raises DuplicateError for an id that both
        have, naming both places; GraphError for a dataset or a pool that they declare differently; CycleError.

        >>> crm, sales = Graph("crm"), Graph("sales")
        >>> _ = crm.dag("contacts", on=crm.dataset("imports"))
        >>> sales.include(crm)
        >>> list(sales.dags), list(sales.datasets)
        (['contacts'], ['imports'])
        """
        if not isinstance(other, Graph):
            raise InvalidValue(f"graph.include() takes a graph, not {seen(other)}")
        if other is self:
            raise UsageError(f"graph {self.id!r} cannot be included in itself")
        include(self._declared, other._declared, replace)

    @contextmanager
    def bulk(self) -> Iterator[Graph]:
        """Many declarations as one: cycles are looked for once, at its end; an exception takes all back.

        O(DAGs + edges). Raises CycleError with the whole path.

        >>> graph = Graph("sales")
        >>> with graph.bulk():
        ...     for n in range(3):
        ...         _ = graph.dag(f"d{n}")
        >>> list(graph.dags)
        ['d0', 'd1', 'd2']
        """
        with self._declared.bulk():
            yield self

    # --------------------------------------------------------------------------------------------- check

    def problems(self) -> list[Problem]:
        """All that is wrong, errors before warnings, each with ids, place and what to do (G3).

        O(graph) once, then O(what changed, what follows from it, and the problems).
        """
        return Problems(self._declared.problems())

    def check(self) -> None:
        """Raise what is wrong: CycleError with the path, else GraphError with all errors; warnings pass.

        O(graph) once, then O(what changed and what follows from it).
        """
        self._declared.check()

    def bind(self) -> None:
        """Import every callable that was loaded as a reference. O(callables).

        Raises one GraphError that names all that cannot be found, and then binds none.
        """
        bind_dags(list(self.dags.values()))

    # --------------------------------------------------------------------------------------------- resolve

    def upstream(self, id: DagOrDataset) -> frozenset[str]:
        """All DAGs that a DAG, or a dataset, follows from, transitively. O(what is found). Raises UnknownId.

        >>> graph = Graph("sales")
        >>> for id, above in (("ingest", None), ("mart", "ingest"), ("report", "mart")):
        ...     _ = graph.dag(id, on=above and graph.dataset(above), outlets=[graph.dataset(id)])
        >>> sorted(graph.upstream("report"))
        ['ingest', 'mart']
        """
        return self._queries.upstream(id)

    def downstream(self, id: DagOrDataset) -> frozenset[str]:
        """All DAGs that follow from a DAG, or from a dataset, transitively. O(what is found). Raises UnknownId."""
        return self._queries.downstream(id)

    def impact(self, id: DagOrDataset) -> Impact:
        """What follows from a DAG or a dataset, in order, with the datasets it reaches. O(DAGs). Raises UnknownId.

        >>> graph = Graph("sales")
        >>> _ = graph.dag("mart", on=graph.dataset("orders"), outlets=[graph.dataset("mart")])
        >>> graph.impact("orders")
        Impact(dags=('mart',), datasets=('mart',))
        """
        return self._queries.impact(id)

    def producers(self, dataset: str | Dataset) -> tuple[str, ...]:
        """The DAGs that have the dataset among their outlets. O(1)."""
        return self._queries.producers(dataset)

    def partitions(
        self, dataset: str | Dataset, start: GivenTime | None = None, end: GivenTime | None = None
    ) -> list[str]:
        """The partitions that there should be of a dataset from `start` to `end`, both included (T19). O(result).

        A bound is a time, or a partition of its calendar; a bare day as `end` means all of it. Static values have
        none. Raises UnknownId, UsageError for a dataset that is not partitioned, InvalidValue.

        >>> from reactive_dag.model.calendar import day
        >>> graph = Graph("sales")
        >>> _ = graph.dataset("orders", partitions=day("Europe/Berlin"))
        >>> graph.partitions("orders", "2026-11-22", "2026-11-23")
        ['2026-11-22', '2026-11-23']
        """
        return self._queries.partitions(dataset, start, end)

    def consumers(self, dataset: str | Dataset) -> tuple[str, ...]:
        """The DAGs that an event of the dataset, or its absence, can fire. O(1)."""
        return self._queries.consumers(dataset)

    def height(self, dag: str | Dag) -> int:
        """The longest path of trigger edges and waits that ends at the DAG (G1). O(1). Raises UnknownId."""
        return self._queries.height(dag)

    def levels(self) -> list[list[str]]:
        """The DAGs by height, each level in the order of declaration. O(DAGs)."""
        return self._queries.levels()

    def order(self) -> list[str]:
        """The DAGs in an order in which they can run: by height, then as declared. O(DAGs)."""
        return self._queries.order()

    @property
    def edges(self) -> list[Edge]:
        """Every edge between DAGs, tasks, datasets and clocks, in the order of declaration. O(edges)."""
        return self._queries.edges()

    def origins(self, dag: str | Dag) -> frozenset[str]:
        """The DAGs and outside datasets ("dataset <uri>") that its events go back to (T8). O(1). Raises UnknownId."""
        return self._queries.origins(dag)

    def effective(self, dag: str | Dag) -> dict[str, Trigger]:
        """Its triggers by label, with the joins that T8 puts around completions. O(size). Raises UnknownId."""
        return self._queries.effective(dag)

    def joins(self, dag: str | Dag) -> dict[str, str]:
        """Which of T8's rules holds for each trigger, in words; "" where none is. O(size). Raises UnknownId."""
        return self._queries.joins(dag)

    def ready(self, history: Iterable[object] = ()) -> frozenset[str]:
        """The DAGs ready to run after these ran well, in this order: ids, or runs (G4). O(history and out-degrees).

        A run that did not succeed is passed over. Raises UnknownId for a DAG that is not here.

        >>> from reactive_dag.triggers.leaves.completed import completed
        >>> graph = Graph("sales")
        >>> _ = graph.dag("a"), graph.dag("b", on=completed("a"))
        >>> sorted(graph.ready()), sorted(graph.ready(["a"]))
        (['a'], ['b'])
        """
        return self._queries.ready(history)

    def to_networkx(self) -> Any:
        """The drawn graph as a networkx MultiDiGraph: nodes and edges have a `kind`. O(nodes + edges).

        A DAG's tasks follow from it by edges of the kind `contains`, so that ancestors and paths go through DAGs. A
        name that two kinds share, such as a DAG's and a dataset's, becomes a pair (kind, name) for each. Raises
        ImportError without networkx.
        """
        return self._queries.to_networkx()

    # ---------------------------------------------------------------------------------------------- JSON

    def to_json(self) -> dict[str, Json]:
        """The graph as plain JSON data, callables as references (G5). O(graph)."""
        return jsonform.graph_out(self.id, self.datasets, self.pools, self.dags)

    @classmethod
    def from_json(cls, data: Json, place: str = "graph") -> Graph:
        """The graph that `to_json` wrote; imports nothing. O(graph). Raises InvalidValue naming the place in `data`."""
        graph = cls(jsonform.id_in(data, place))
        with graph.bulk():
            jsonform.fill(data, place, graph.dataset, graph.pool, graph.register)
        return graph

    def save(self, path: str | Path) -> None:
        """Write the graph as a JSON file. O(graph)."""
        Path(path).write_text(jsonform.written(self.to_json()), encoding="utf-8")

    @classmethod
    def load(cls, path: str | Path) -> Graph:
        """Read a graph from a JSON file; it draws, resolves and checks, and imports nothing until `bind`. O(graph).

        Raises InvalidValue for a file that is no such graph, naming the place; CycleError as `bulk` does.
        """
        return cls.from_json(jsonform.parsed_file(Path(path)), Path(path).name)

    def _check(self) -> None:
        self._declared._check()
