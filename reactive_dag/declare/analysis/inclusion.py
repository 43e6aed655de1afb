"""One graph taken into another (G6).

Owns what stands against it, and the taking. Invariant: either all is taken, as one change, or nothing; the graph that
is included stays as it is. Cost: O(what is included), and O(DAGs + edges) for the check of the whole.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from attrs import evolve

from reactive_dag.declare.dag import Dag
from reactive_dag.declare.declarations import Declarations
from reactive_dag.declare.settings.pool import Pool
from reactive_dag.model.errors import DuplicateError, GraphError
from reactive_dag.model.text import counted
from reactive_dag.triggers.leaves.dataset import Dataset

_SHOWN = 10
"""How many contradictions an error names."""


def include(into: Declarations, other: Declarations, replace: bool) -> None:
    """Take in what another graph declares now. Raises DuplicateError, GraphError, CycleError."""
    with other._lock:  # only while it is read: two graphs may be included in each other by two threads
        dags = [dag._copy() for dag in other.dags.values()]
        datasets = [evolve(each) for each in other.datasets.values()]
        pools, twice = list(other.pools.values()), dict(other.twice)
    with into.bulk():
        if not replace:
            _refuse(DuplicateError, into, other, _taken_ids(into, dags), "; give one of each two another id, or "
                    "write replace=True to replace the DAGs that are here")  # fmt: skip
        _refuse(GraphError, into, other, _contradictions(into, datasets, pools), "; declare them alike")
        for dataset in datasets:
            own = into.dataset(dataset.uri, dataset.partitions, None)
            own.metadata.update({} if own.metadata else dataset.metadata)
        for pool in pools:
            into.pool(pool.id, pool.slots)
        for dag in dags:
            into.admit(dag, meant=True)
        into.twice.update({dag.id: twice[dag.id] for dag in dags if dag.id in twice})


def _refuse(
    kind: type[GraphError], into: Declarations, other: Declarations, found: Iterable[str], what_to_do: str
) -> None:
    rows = list(found)
    if rows:
        more = f" and {len(rows) - _SHOWN} more" if len(rows) > _SHOWN else ""
        raise kind(
            f"graph {other.id!r} cannot be included in graph {into.id!r}, {counted(len(rows), 'contradiction')}: "
            f"{', '.join(rows[:_SHOWN])}{more}{what_to_do}"
        )


def _taken_ids(into: Declarations, dags: Iterable[Dag]) -> Iterator[str]:
    for dag in dags:
        if dag.id in into.dags:
            yield f"DAG {dag.id!r} is declared at {into.dags[dag.id].place} and at {dag.place}"


def _contradictions(into: Declarations, datasets: Iterable[Dataset], pools: Iterable[Pool]) -> Iterator[str]:
    for dataset in datasets:
        own, given = into.datasets.get(dataset.uri), dataset.partitions
        if own is not None and None not in (given, own.partitions) and own.partitions != given:
            yield f"dataset {own.uri!r} has partitions={own.partitions!r} here and partitions={given!r} there"
    for pool in pools:
        there = into.pools.get(pool.id)
        if there is not None and there.slots != pool.slots:
            yield f"pool {pool.id!r} has {there.slots} slots here and {pool.slots} there"
