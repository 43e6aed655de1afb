"""The datasets of a graph: one object for each uri, partitioned in one way, for all that name it.

Owns `DatasetTable`, and `Taking`, one change of it. A dataset that nobody said the partitions of is only mentioned: who
says them later binds it, and every DAG that names it has the bound one from then on (G6). Invariant: a change that is
taken back leaves the table and the DAGs as they were. Cost: O(1) a dataset, binding one O(what names it).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING

from attrs import define, evolve, field

from reactive_dag.declare.named_triggers import settle
from reactive_dag.model.errors import GraphError, InvalidValue
from reactive_dag.triggers.base import Trigger
from reactive_dag.triggers.leaves.completed import Completed
from reactive_dag.triggers.leaves.dataset import Dataset, Updated
from reactive_dag.triggers.leaves.schedule import Scheduled
from reactive_dag.triggers.walks import leaves

if TYPE_CHECKING:
    from reactive_dag.declare.dag import Dag
    from reactive_dag.declare.task import AnyTask
    from reactive_dag.model.partitions.products import Partitions


@define
class Taking:
    """One change of a graph's datasets: what takes it back, and the DAGs for which a dataset is another one now."""

    _undo: list[Callable[[], object]] = field(factory=list)
    rebound: set[str] = field(factory=set)

    def note(self, undo: Callable[[], object]) -> None:
        """Remember what takes a step back. O(1)."""
        self._undo.append(undo)

    @property
    def any(self) -> bool:
        """Whether anything is another than before. O(1)."""
        return bool(self._undo)

    def take_back(self) -> None:
        """Have all as it was before. O(steps)."""
        while self._undo:
            self._undo.pop()()


class DatasetTable:
    """The datasets by uri, in the order of declaration, of the graph whose DAGs are `dags`."""

    __slots__ = ("_dags", "_mentions", "by_uri")

    def __init__(self, dags: Mapping[str, Dag]) -> None:
        self.by_uri: dict[str, Dataset] = {}
        self._dags = dags
        self._mentions: dict[str, dict[str, None]] = {}
        """The DAGs that name a dataset of which nobody said how it is partitioned; some may name it no more."""

    def declare(
        self, uri: str, partitions: Partitions | None, metadata: Mapping[str, object] | None, taking: Taking
    ) -> Dataset:
        """The dataset of that uri; metadata given again replaces what was there. O(1). Raises GraphError."""
        made = Dataset(uri, partitions, metadata)
        found = self._own(made, taking)
        if metadata is not None and found is not made:
            found.metadata.clear()
            found.metadata.update(made.metadata)
        return found

    def take(self, dag: Dag, taking: Taking) -> None:
        """Take in what a DAG names, and give it this graph's own objects. O(its size). Raises GraphError."""
        try:
            for source in (*dag._read_sources(), *dag._read_riders()):
                if type(source) is not Completed and type(source) is not Scheduled:
                    self._mentioned(dag.id, _heard(source), taking)
            self._mentioned(dag.id, dag.outlets, taking)
            for task in dag.tasks.values():
                self._mentioned(dag.id, _named_by(task), taking)
            taking.note(dag._hear(self.by_uri))
            settle(dag._written)
        except (GraphError, InvalidValue) as error:
            raise GraphError(f"DAG {dag.id!r} ({dag.place}): {error}") from None

    def take_task(self, dag: str, task: AnyTask, taking: Taking) -> None:
        """Take in what a new task of a DAG names. O(its datasets). Raises GraphError."""
        self._mentioned(dag, _named_by(task), taking)
        taking.note(task._hear(self.by_uri))

    def _mentioned(self, dag: str, given: Iterable[Dataset], taking: Taking) -> None:
        for each in given:
            if self._own(each, taking).partitions is None:
                self._mentions.setdefault(each.uri, {})[dag] = None

    def _own(self, given: Dataset, taking: Taking) -> Dataset:
        """The table's own object for a dataset, which is taken in, or bound, where it says more than the table."""
        uri, own = given.uri, self.by_uri.get(given.uri)
        if own is None:
            self.by_uri[uri] = given
            taking.note(lambda: self.by_uri.pop(uri, None))
            return given
        if given.partitions is None or given.partitions == own.partitions:
            return own
        if own.partitions is not None:
            raise GraphError(
                f"dataset {uri!r} is declared with partitions={own.partitions!r}, not {given.partitions!r}; "
                "a dataset is partitioned in one way: use another uri, or change the first declaration"
            )
        return self._bind(own, given.partitions, taking)

    def _bind(self, own: Dataset, partitions: Partitions, taking: Taking) -> Dataset:
        """Say how a dataset is partitioned that was only mentioned until now. O(what names it)."""
        uri, bound = own.uri, evolve(own, partitions=partitions)
        mentions = self._mentions.pop(uri, {})
        self.by_uri[uri] = bound
        taking.note(lambda: (self.by_uri.update({uri: own}), self._mentions.update({uri: mentions})))
        for dag in [self._dags[id] for id in mentions if id in self._dags]:
            taking.note(dag._hear(self.by_uri))
            taking.rebound.add(dag.id)
            try:
                settle(dag._written)
            except InvalidValue as error:
                raise GraphError(
                    f"dataset {uri!r} cannot have partitions={partitions!r}, since DAG {dag.id!r} ({dag.place}) "
                    f"names it: {error}"
                ) from None
        return bound


def _heard(source: Trigger) -> Iterator[Dataset]:
    return (leaf.dataset for leaf in leaves(source) if isinstance(leaf, Updated))


def _named_by(task: AnyTask) -> tuple[Dataset, ...]:
    awaited = None if task.wait is None else task.wait.dataset
    return task.outlets if awaited is None else (*task.outlets, awaited)
