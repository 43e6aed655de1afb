"""The graph: the datasets and DAGs that belong together, kept acyclic.

Owns `Graph`. Invariants: a change that is refused leaves the graph as it was; `version` rises with each change that is
not, and those who subscribed are told after it; what follows from the declarations (heights, order, origins) is worked
out once a version, when asked for. Declaring a DAG costs its edges (`edges.py`), many inside `with graph.bulk():` one
check at the end, O(DAGs + edges).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from threading import RLock
from typing import Any, TypeAlias, Unpack, overload

from attrs import define, field, setters

from reactive_dag.declare import jsonform
from reactive_dag.declare.analysis.edges import Wiring, explained
from reactive_dag.declare.analysis.graph_queries import Look
from reactive_dag.declare.analysis.problems import Problem, cycle_problem, problems_of, summary
from reactive_dag.declare.analysis.relations import View
from reactive_dag.declare.bind import bind_dags
from reactive_dag.declare.bulk import Bulk, owned, refuse_other_partitions
from reactive_dag.declare.dag import Dag, dag_at
from reactive_dag.declare.options import DagOptions, name
from reactive_dag.declare.place import caller_place, note_twice
from reactive_dag.declare.task import Task, task_id
from reactive_dag.model import hooks
from reactive_dag.model.calendar import Calendar
from reactive_dag.model.collector import no_garbage
from reactive_dag.model.errors import CycleError, DuplicateError, GraphError, InvalidValue, UsageError
from reactive_dag.model.records import Json
from reactive_dag.triggers.base import leaves
from reactive_dag.triggers.leaves.completed import Completed
from reactive_dag.triggers.leaves.dataset import Dataset, Updated
from reactive_dag.triggers.leaves.schedule import Scheduled


def _graph_id(value: str) -> str:
    return name(value, "the id of a graph")


Listener: TypeAlias = Callable[[str | None], object]
"""Told of each change: the DAG's id, or None for many at once."""


@define(eq=False, repr=False, on_setattr=setters.NO_OP)
class Graph(Look):
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
    dags: dict[str, Dag] = field(factory=dict, init=False)
    datasets: dict[str, Dataset] = field(factory=dict, init=False)
    version: int = field(default=0, init=False)
    checked: int = field(default=-1, init=False)
    _twice: dict[str, str] = field(factory=dict, init=False)
    _wiring: Wiring = field(factory=Wiring, init=False)
    _listeners: list[Listener] = field(factory=list, init=False)
    _inside: Bulk | None = field(default=None, init=False)
    _seen: tuple[int, View] | None = field(default=None, init=False)
    _found: tuple[int, list[Problem]] | None = field(default=None, init=False)
    _lock: Any = field(factory=RLock, init=False)

    # ------------------------------------------------------------------------------------------ declare

    def dataset(
        self, uri: str, partitions: Calendar | None = None, metadata: Mapping[str, object] | None = None
    ) -> Dataset:
        """The dataset of that uri: the same object each time. O(1).

        `metadata` given again replaces what was there. Raises InvalidValue for what no dataset can be, GraphError for
        other partitions than before.

        >>> graph = Graph("sales")
        >>> graph.dataset("orders") is graph.dataset("orders")
        True
        """
        with self._lock:
            made = Dataset(uri, partitions, metadata)
            found = self.datasets.setdefault(made.uri, made)
            if found is made:
                self.version += 1
            else:
                refuse_other_partitions(found, partitions)
                if metadata is not None:
                    found.metadata.clear()
                    found.metadata.update(made.metadata)
            return found

    @overload
    def dag(self, id: Callable[..., object], /) -> Dag: ...

    @overload
    def dag(self, id: str | None = None, **options: Unpack[DagOptions]) -> Dag: ...

    def dag(self, id: str | Callable[..., object] | None = None, **options: Unpack[DagOptions]) -> Dag:
        """Declare a DAG: a call, `@graph.dag`, or `@graph.dag(...)`, which makes the function its one task. O(edges).

        Options: `on` or `schedule`, `outlets`, `tz`, `start`, `end`, `catchup`, `max_catchup`, `paused`,
        `max_active_runs`, `overlap`, `defaults`, `tags`, `description`, `params`; as a decorator those of a task too.
        An id declared again is replaced. Raises InvalidValue for what cannot be meant, GraphError for completions
        that need a key (T8), CycleError with the whole path.
        """
        place = caller_place()
        if isinstance(id, str):
            made = dag_at(place, name(id, "the id of a DAG"), options)
            self.admit(made)
        elif id is None:
            made = dag_at(place, "", options, self)
        elif callable(id) and not isinstance(id, Task | Dag):
            made = dag_at(place, name(task_id(id, None), "the id of a DAG"), options)(id)
            self.admit(made)
        else:
            raise InvalidValue(f"graph.dag() takes an id or a function, not {id!r}")
        return made

    def register(self, dag: Dag, *, replace: bool = False) -> Dag:
        """Take in a DAG that was made by hand. O(its edges).

        Raises DuplicateError if its id is there and `replace` is not set; CycleError with the whole path.
        """
        if not isinstance(dag, Dag):
            raise InvalidValue(f"graph.register() takes a Dag, not {dag!r}; to declare one write graph.dag(...)")
        if not dag.id:
            raise UsageError(f"the DAG at {dag.place} has no id yet: it waits for its function")
        old, owner = self.dags.get(dag.id), dag._owner
        if old is not None and not replace:
            raise DuplicateError(
                f"DAG {dag.id!r} is in graph {self.id!r} already ({old.place}); write replace=True to replace it "
                f"by the one at {dag.place}"
            )
        if owner is not None and owner is not self:
            raise GraphError(
                f"DAG {dag.id!r} ({dag.place}) belongs to graph {owner.id!r}; make another one for {self.id!r}"
            )
        if old is not dag:
            self.admit(dag, meant=replace)
        return dag

    def admit(self, dag: Dag, *, meant: bool = False) -> None:
        """Take in a DAG, in the place of one with the same id; `meant` says that it is no mistake. O(its edges)."""
        with self._lock:
            old = self.dags.get(dag.id)
            new = self._adopt(dag)
            self.dags[dag.id] = dag
            dag._join(self, self.version + 1)
            try:
                self._lay(dag.id)
            except BaseException:
                dag._leave()
                if old is None:
                    del self.dags[dag.id]
                else:
                    self.dags[dag.id] = old
                self._forget_datasets(new)
                raise
            if old is not None:
                old._leave()
                note_twice(
                    self._twice, dag.id, (old._place, old._stamp), dag._place, self.version if meant else self.checked
                )
        self.tell(dag.id)

    def remove(self, dag: str | Dag) -> None:
        """Take a DAG out; what listens to it stays, and `problems()` says so. O(its edges). Raises UnknownId."""
        with self._lock:
            id = self.known(dag)
            old = self.dags.pop(id)
            self._lay(id)
            old._leave()
            self._twice.pop(id, None)
        self.tell(id)

    # ---------------------------------------------------------------------------------- changes of a DAG

    def touch(self, dag: Dag) -> None:
        """A DAG is about to change: inside a bulk, remember how it was. O(tasks) once."""
        if self._inside is not None:
            self._inside.touch(dag)

    def changed(self, dag: Dag, task: str) -> None:
        """A DAG has a task that it had not: take in its datasets and edges. O(its edges). Raises CycleError."""
        with self._lock:
            new: list[str] = []
            made = dag.tasks[task]
            try:
                made._take_outlets(owned(self.datasets, made.outlets, new))
                self._lay(dag.id)
            except BaseException as error:
                self._forget_datasets(new)
                if type(error) is GraphError:
                    raise GraphError(f"task {task!r} of DAG {dag.id!r} ({made.place}): {error}") from None
                raise

    def tell(self, id: str | None) -> None:
        """Tell those who subscribed of a change; inside a bulk that waits for its end. O(listeners).

        What they heard of is in use, so declaring it again is a change and no mistake, as after a `check`.
        """
        if self._inside is None:
            for listener in list(self._listeners):
                listener(id)
                self.checked = self.version

    def subscribe(self, listener: Listener) -> Callable[[], None]:
        """Have `listener` called after each change, with the DAG's id or None; gives what ends that. O(1)."""
        self._listeners.append(listener)

        def unsubscribe() -> None:
            if listener in self._listeners:
                self._listeners.remove(listener)

        return unsubscribe

    def _lay(self, id: str) -> None:
        self.version += 1
        if self._inside is not None:
            self._inside.pending[id] = None
            return
        try:
            self._wiring.lay(self.dags, (id,))
        except CycleError as error:
            raise explained(error, self.dags.get(id)) from None

    def _adopt(self, dag: Dag) -> list[str]:
        """Take in the datasets of a DAG, and give it this graph's own objects. Gives the uris that are new."""
        new: list[str] = []
        try:
            for source in dag._read_sources():
                if type(source) is not Completed and type(source) is not Scheduled:
                    owned(self.datasets, [leaf.dataset for leaf in leaves(source) if isinstance(leaf, Updated)], new)
            if dag.outlets:
                dag._take_outlets(owned(self.datasets, dag.outlets, new))
            for task in dag.tasks.values():
                task._take_outlets(owned(self.datasets, task.outlets, new))
        except GraphError as error:
            self._forget_datasets(new)
            raise GraphError(f"DAG {dag.id!r} ({dag.place}): {error}") from None
        return new

    def _forget_datasets(self, uris: Iterable[str]) -> None:
        for uri in uris:
            self.datasets.pop(uri, None)

    # ----------------------------------------------------------------------------------------- many at once

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
        with self._lock:
            if self._inside is not None:
                yield self
                return
            bulk = self._inside = Bulk(dict(self.dags), dict(self.datasets), dict(self._twice))
            before, version = self._wiring.keeper(), self.version
            try:
                with no_garbage(), self._wiring.topology.bulk():
                    yield self
                    self._lay_pending()
            except BaseException as error:
                before()
                self._take_back(bulk)
                if isinstance(error, CycleError) and not all(isinstance(node, str) for node in error.path):
                    raise explained(error, None) from None
                raise
            finally:
                self._inside = None
        if self.version != version:
            self.tell(None)

    def _lay_pending(self) -> None:
        if self._inside is not None and self._inside.pending:
            pending, self._inside.pending = self._inside.pending, {}
            self._wiring.lay(self.dags, pending)

    def _take_back(self, bulk: Bulk) -> None:
        for dag in self.dags.values():
            dag._leave()
        self.dags, self.datasets, self._twice = bulk.dags, bulk.datasets, bulk.twice
        bulk.restore()
        for dag in self.dags.values():
            dag._join(self, dag._stamp)
        self.version += 1

    # --------------------------------------------------------------------------------------------- check

    def problems(self) -> list[Problem]:
        """All that is wrong, errors before warnings, each with ids, place and what to do (G3). O(graph) a version."""
        with self._lock, no_garbage():
            if self._found is None or self._found[0] != self.version or self._inside is not None:
                self._found = (self.version, [*self._cycle(), *problems_of(self.view, self._twice)])
            return list(self._found[1])

    def _cycle(self) -> list[Problem]:
        """Only inside a bulk can there be one."""
        if self._inside is None:
            return []
        self._lay_pending()
        way = self._wiring.topology.find_cycle()
        if way is None:
            return []
        error = explained(CycleError("", way), None)  # type: ignore[arg-type]
        known = [self.dags[each].place for each in error.path if each in self.dags]
        return [cycle_problem(error.path, str(error), known[0] if known else "")]

    def check(self) -> None:
        """Raise what is wrong: CycleError with the path, else GraphError with all errors; warnings pass. O(graph)."""
        found = self.problems()
        for problem in found:
            if problem.kind == "cycle":
                raise CycleError(problem.text, problem.ids)
        text = summary(found)
        if text:
            raise GraphError(text)
        self.checked = self.version

    def bind(self) -> None:
        """Import every callable that was loaded as a reference. O(callables).

        Raises one GraphError that names all that cannot be found, and then binds none.
        """
        with self._lock:
            bind_dags(self.dags.values())

    # ---------------------------------------------------------------------------------------------- JSON

    def to_json(self) -> dict[str, Json]:
        """The graph as plain JSON data, callables as references (G5). O(graph)."""
        return jsonform.graph_out(self.id, self.datasets, self.dags)

    @classmethod
    def from_json(cls, data: Json, place: str = "graph") -> Graph:
        """The graph that `to_json` wrote; imports nothing. O(graph). Raises InvalidValue naming the place in `data`."""
        graph = cls(jsonform.id_in(data, place))
        with graph.bulk():
            jsonform.fill(data, place, graph.dataset, graph.register)
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

    # ---------------------------------------------------------------------------------------------- look

    @property
    def view(self) -> View:
        """What follows from the declarations of this version. O(1), and each answer as it is first asked for."""
        with self._lock:
            if self._seen is None or self._seen[0] != self.version:
                self._seen = (self.version, View(dict(self.dags)))  # other threads may declare while it is asked
            return self._seen[1]

    def __repr__(self) -> str:
        return f"Graph({self.id!r}, dags={len(self.dags)}, datasets={len(self.datasets)})"

    def _repr_mimebundle_(self, **_: object) -> dict[str, str]:
        return hooks.bundle("Graph", self)

    def _check(self) -> None:
        assert all(dag._owner is self and dag.id == id for id, dag in self.dags.items())
        assert all(dataset.uri == uri for uri, dataset in self.datasets.items())
        self._wiring._check(self.dags)
