"""In which zone people read the times of a graph and its DAGs. O(DAGs + datasets)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from reactive_dag.declare.dag import Dag
from reactive_dag.triggers.leaves.dataset import Dataset

UTC = "UTC"


class Declares(Protocol):
    """What a graph has: DAGs and datasets by id."""

    @property
    def dags(self) -> Mapping[str, Dag]:
        """Its DAGs."""

    @property
    def datasets(self) -> Mapping[str, Dataset]:
        """Its datasets."""


def zone_of(graph: Declares, dag: str = "") -> str:
    """The zone of a DAG; where it has none, the one zone that the graph's other DAGs and calendars have, else UTC.

    >>> from reactive_dag import Graph
    >>> graph = Graph("g")
    >>> _ = graph.dag("a", schedule="0 2 * * *", tz="Europe/Berlin"), graph.dag("b")
    >>> zone_of(graph), zone_of(graph, "b"), zone_of(Graph("other"))
    ('Europe/Berlin', 'Europe/Berlin', 'UTC')
    """
    own = graph.dags[dag].tz if dag in graph.dags else UTC
    if own != UTC:
        return own
    found = {each.tz for each in graph.dags.values()}
    found |= {tz for each in graph.datasets.values() if isinstance(tz := getattr(each.partitions, "tz", None), str)}
    found.discard(UTC)
    return found.pop() if len(found) == 1 else UTC
