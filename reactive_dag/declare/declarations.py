"""What has been declared in one graph: the truth that `Graph` shows and changes.

Owns `Declarations`: DAGs, datasets and pools by id, the edges between them, the version, who is told of a change.
Invariants: the edges are acyclic; a change that is refused leaves all as it was; `version` rises with each that is not,
and listeners are told after it; a dataset is one object for each uri, partitioned in one way.
Cost: declaring a DAG O(its edges), many in one bulk O(DAGs + edges) at its end; what follows from the declarations
(`analysis`, `problems`) is worked out when asked for, of the version before where there was one.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from threading import RLock
from typing import TypeAlias, TypeVar

from attrs import define, field

from reactive_dag.declare.analysis.datasets import DatasetTable, Taking
from reactive_dag.declare.analysis.edges import DeclaredEdges, explained
from reactive_dag.declare.analysis.problem import Problem, cycle_problem, summary
from reactive_dag.declare.analysis.problems import errors_of, problems_of
from reactive_dag.declare.analysis.relations import GraphAnalysis
from reactive_dag.declare.dag import Dag
from reactive_dag.declare.place import forget_calls, in_one_loop, note_twice
from reactive_dag.declare.settings.pool import Pool
from reactive_dag.declare.task import AnyTask
from reactive_dag.model.collector import paused_collector
from reactive_dag.model.errors import CycleError, DuplicateError, GraphError, UnknownId
from reactive_dag.model.partitions.products import Partitions
from reactive_dag.model.suggest import did_you_mean
from reactive_dag.triggers.checks import id_of
from reactive_dag.triggers.leaves.dataset import Dataset

MOST_REGIONS = 64
"""Of so many analyses is remembered which DAGs changed."""

T = TypeVar("T")

Listener: TypeAlias = Callable[[str | None], object]
"""Told of each change: the DAG's id, or None for many at once."""


@define
class _Bulk:
    """What was there before, the DAGs that were touched since, and those whose edges are still to be laid."""

    dags: dict[str, Dag]
    datasets: dict[str, Dataset]
    pools: dict[str, Pool]
    twice: dict[str, str]
    _touched: dict[int, tuple[Dag, Callable[[], None]]] = field(factory=dict)
    _takings: list[Taking] = field(factory=list)
    pending: dict[str, None] = field(factory=dict)

    def bound(self, taking: Taking) -> None:
        """Remember that DAGs have a dataset of which more is known than before. O(1)."""
        self._takings.append(taking)

    def touch(self, dag: Dag) -> None:
        """Remember how a DAG is before it changes. O(tasks) once."""
        if id(dag) not in self._touched:
            self._touched[id(dag)] = (dag, dag._keeper())

    def restore(self) -> None:
        """Put every DAG that was touched back as it was. O(their tasks)."""
        for taking in reversed(self._takings):
            taking.take_back()
        for _, restore in self._touched.values():
            restore()


class Declarations:
    """The declarations of the graph `id`; the owner of its DAGs.

    `version` counts changes. `checked` is the version that was last checked or run, or that a listener was told of (-1:
    none). `twice` is where a DAG was declared before, if declaring it again was a mistake.
    """

    __slots__ = (
        "_analysis", "_bulk", "_changed", "_datasets", "_edges", "_last_place", "_listeners", "_lock", "_places",
        "_problems", "_regions", "checked", "dags", "datasets", "id", "pools", "twice", "version",
    )  # fmt: skip

    def __init__(self, id: str) -> None:
        self.id = id
        self.dags: dict[str, Dag] = {}
        self._datasets = DatasetTable(self.dags)
        self.datasets = self._datasets.by_uri
        self.pools: dict[str, Pool] = {}
        self.twice: dict[str, str] = {}
        self.version = 0
        self.checked = -1
        self._edges = DeclaredEdges()
        self._listeners: list[Listener] = []
        self._bulk: _Bulk | None = None
        self._analysis: tuple[int, GraphAnalysis] | None = None
        self._problems: tuple[int, list[Problem]] | None = None
        self._changed: set[str] | None = None
        """The DAGs that changed since the last analysis; None where the next one is to be made of nothing."""
        self._places: dict[str, int] = {}
        """Numbers that rise in the order of `dags`."""
        self._last_place = -1
        self._regions: deque[tuple[int, set[str] | None]] = deque(maxlen=MOST_REGIONS)
        self._lock = RLock()

    # ------------------------------------------------------------------------------------------ declare

    def dataset(self, uri: str, partitions: Partitions | None, metadata: Mapping[str, object] | None) -> Dataset:
        """The dataset of that uri; metadata given again replaces what was there. Raises GraphError.

        O(1), where it says how one is partitioned that was only mentioned until now O(what names it).
        """
        with self._lock, self._taking() as taking:
            found = self._datasets.declare(uri, partitions, metadata, taking)
            self.version += taking.any
        if taking.rebound:
            self.tell(None)
        return found

    def pool(self, id: object, slots: object) -> Pool:
        """Declare a pool, or how many slots it has from now on (R16). O(tasks). Raises InvalidValue."""
        with self._lock:
            if (made := Pool.of(id, slots)) == self.pools.get(made.id):
                return made
            self.pools[made.id] = made
            self.version += 1
            if self._changed is not None:
                self._changed |= {dag.id for dag in self.dags.values() for t in dag.tasks.values() if t.pool == made.id}
        self.tell(None)
        return made

    def admit(self, dag: Dag, *, meant: bool = False) -> None:
        """Take in a DAG, in the place of one with the same id; `meant` says that it is no mistake. O(its edges)."""
        with self._lock:
            old = self.dags.get(dag.id)
            if old is not None and not meant and old._stamp > self.checked and in_one_loop(old._place, dag._place):
                raise DuplicateError(
                    f"DAG {dag.id!r} was declared by this line before, in the same loop ({dag.place}), and would be "
                    f"replaced; give each an id of its own: graph.dag(f'{dag.id}_{{name}}', ...)"
                )
            with self._taking() as taking:
                self._datasets.take(dag, taking)
                self._put(dag, old)
            if old is not None:
                old._leave()
                checked = self.version if meant else self.checked
                note_twice(self.twice, dag.id, (old._place, old._stamp), dag._place, checked)
        self.tell(dag.id)

    def _put(self, dag: Dag, old: Dag | None) -> None:
        self.dags[dag.id] = dag
        if old is None:
            self._last_place += 1
            self._places[dag.id] = self._last_place
        dag._join(self, self.version + 1)
        try:
            self._lay(dag.id)
        except BaseException:
            dag._leave()
            if old is None:
                del self.dags[dag.id], self._places[dag.id]
            else:
                self.dags[dag.id] = old
            raise

    @contextmanager
    def _taking(self) -> Iterator[Taking]:
        """A change of the datasets, which is taken back if what it belongs to is refused."""
        taking = Taking()
        try:
            yield taking
        except BaseException:
            taking.take_back()
            raise
        if taking.rebound:
            if self._changed is not None:
                self._changed |= taking.rebound
            if self._bulk is not None:
                self._bulk.bound(taking)

    def remove(self, dag: str | Dag) -> None:
        """Take a DAG out; what listens to it stays. O(its edges). Raises UnknownId."""
        with self._lock:
            id = self.known(dag)
            old = self.dags.pop(id)
            del self._places[id]
            self._lay(id)
            old._leave()
            self.twice.pop(id, None)
        self.tell(id)

    def known(self, dag: str | Dag) -> str:
        """The id of a DAG of this graph. O(1). Raises UnknownId with the nearest one."""
        id = id_of(dag, "a DAG")
        if id not in self.dags:
            raise UnknownId(f"graph {self.id!r} has no DAG {id!r}{did_you_mean(id, self.dags)}")
        return id

    # ---------------------------------------------------------------------------------- changes of a DAG

    def touch(self, dag: Dag) -> None:
        """A DAG is about to change: inside a bulk, remember how it was. O(tasks) once."""
        if self._bulk is not None:
            self._bulk.touch(dag)

    def changed(self, dag: Dag, task: str, is_apart: bool) -> None:
        """A DAG has a new task: take in its datasets and edges. Raises CycleError, GraphError.

        O(the task's edges) where the task changes what no other needs (`is_apart`), else O(the DAG's edges).
        """
        made = dag.tasks[task]
        with self._lock, self._taking() as taking:
            try:
                self._datasets.take_task(dag.id, made, taking)
            except GraphError as error:
                raise GraphError(f"task {task!r} of DAG {dag.id!r} ({made.place}): {error}") from None
            self._lay(dag.id, made if is_apart else None)

    def tell(self, id: str | None) -> None:
        """Tell those who subscribed of a change; inside a bulk that waits for its end. O(listeners).

        What they were told of is in use, so declaring it again is a change and no mistake, as after a `check`.
        """
        if self._bulk is None:
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

    def _lay(self, id: str, task: AnyTask | None = None) -> None:
        """Lay the edges of a DAG anew, or only those of a task that was added to it."""
        self.version += 1
        if self._changed is not None:
            self._changed.add(id)
        if self._bulk is not None:
            self._bulk.pending[id] = None
            return
        try:
            if task is None:
                self._edges.lay(self.dags, (id,))
            else:
                self._edges.lay_task(self.dags, self.dags[id], task)
        except CycleError as error:
            raise explained(error, self.dags.get(id)) from None

    # ----------------------------------------------------------------------------------------- many at once

    @property
    def in_bulk(self) -> bool:
        """Whether many declarations are being made as one just now, by any thread. O(1)."""
        return self._bulk is not None

    @contextmanager
    def bulk(self) -> Iterator[None]:
        """Many declarations as one; an exception takes all back. O(DAGs + edges). Raises CycleError."""
        with self._lock:
            if self._bulk is not None:
                yield
                return
            bulk = self._bulk = _Bulk(dict(self.dags), dict(self.datasets), dict(self.pools), dict(self.twice))
            restore_edges, version = self._edges.keeper(), self.version
            try:
                with paused_collector(), self._edges.topology.bulk():
                    yield
                    self._lay_pending(bulk)
            except BaseException as error:
                restore_edges()
                self._take_back(bulk)
                if isinstance(error, CycleError) and not all(isinstance(node, str) for node in error.path):
                    raise explained(error, None) from None
                raise
            finally:
                self._bulk = None
        if self.version != version:
            self.tell(None)

    def _lay_pending(self, bulk: _Bulk) -> None:
        pending, bulk.pending = bulk.pending, {}
        self._edges.lay(self.dags, pending)

    def _take_back(self, bulk: _Bulk) -> None:
        for dag in self.dags.values():
            dag._leave()
        _put_back(self.dags, bulk.dags)
        _put_back(self.datasets, bulk.datasets)
        _put_back(self.pools, bulk.pools)
        self.twice = bulk.twice
        self._places = {id: at for at, id in enumerate(self.dags)}
        self._last_place = max(self._last_place, len(self.dags))
        bulk.restore()
        for dag in self.dags.values():
            dag._join(self, dag._stamp)
        self.version, self._changed = self.version + 1, None

    # ------------------------------------------------------------------------------------------ what follows

    @property
    def analysis(self) -> GraphAnalysis:
        """What follows from the declarations of this version. O(1), and each answer as it is first asked for."""
        with self._lock:
            if self._analysis is None or self._analysis[0] != self.version:
                self._analysis = (self.version, self._analyzed())
            return self._analysis[1]

    def zone_of_origins(self, id: str) -> str | None:
        """The zone on which the origins of a DAG agree (R1). O(origins) amortised."""
        return self.analysis.zone_of_origins(id)

    def _analyzed(self) -> GraphAnalysis:
        dags, changed, pools = self.dags, self._changed, dict(self.pools)
        if self._analysis is None or changed is None or len(changed) > 16 + len(dags) // 4:
            made = GraphAnalysis(dags, pools=pools, places=self._places)
        else:
            made = GraphAnalysis(dags, self._analysis[1], changed, pools, self._places)
        self._changed = set()
        self._regions.append((self.version, made.region))
        return made

    def region_since(self, version: int) -> set[str] | None:
        """The DAGs about which an answer may be another than in that version; None: all. O(result)."""
        with self._lock:
            _ = self.analysis
            if self._regions[0][0] > version:
                return None
            found: set[str] = set()
            for when, region in self._regions:
                if when > version:
                    if region is None:
                        return None
                    found |= region
            return found

    def problems(self) -> list[Problem]:
        """All that is wrong, errors before warnings (G3). O(graph) a version."""
        with self._lock, paused_collector():
            if self._problems is None or self._problems[0] != self.version or self._bulk is not None:
                cycles = [] if self._bulk is None else self._cycles(self._bulk)
                self._problems = (self.version, [*cycles, *problems_of(self.analysis, self.twice)])
            return list(self._problems[1])

    def _cycles(self, bulk: _Bulk) -> list[Problem]:
        self._lay_pending(bulk)
        way = self._edges.topology.find_cycle()
        if way is None:
            return []
        error = explained(CycleError("", way), None)  # type: ignore[arg-type]
        known = [self.dags[each].place for each in error.path if each in self.dags]
        return [cycle_problem(error.path, str(error), known[0] if known else "")]

    def check(self) -> None:
        """Raise what is wrong: CycleError with the path, else GraphError with all errors.

        O(graph) once, then O(what changed and what follows from it).
        """
        with self._lock, paused_collector():
            found = self.problems() if self._bulk is not None else errors_of(self.analysis, self.twice)
        for problem in found:
            if problem.kind == "cycle":
                raise CycleError(problem.text, problem.ids)
        if text := summary(found):
            raise GraphError(text)
        self.checked = self.version
        forget_calls()

    def _check(self) -> None:
        assert all(dag._owner is self and dag.id == id for id, dag in self.dags.items())
        assert all(dataset.uri == uri for uri, dataset in self.datasets.items())
        assert sorted(self._places, key=self._places.__getitem__) == list(self.dags)
        self._edges._check(self.dags)


def _put_back(table: dict[str, T], before: Mapping[str, T]) -> None:
    """Make a table what it was: the same object, since engines hold it and look into it meanwhile. O(n)."""
    for id in table.keys() - before.keys():
        del table[id]
    table.update(before)
    for id in before if list(table) != list(before) else ():
        table[id] = table.pop(id)
