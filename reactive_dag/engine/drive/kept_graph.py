"""The graph as a store keeps it, for those who look without declaring it: a head, and each DAG by itself.

Owns the names under which they are kept. Invariant: the head names the DAGs that are kept, in their order; what is kept
of others is not read. Keeping a change costs what changed, and O(DAGs + datasets) for the head.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from reactive_dag.declare.graph import Graph
from reactive_dag.declare.internals import dag_json, head_json
from reactive_dag.log.protocol import EventLog
from reactive_dag.model.errors import StoreDamaged

HEAD = "graph"
_DAG = "graph dag "


def keep_graph(log: EventLog, graph: Graph, region: Iterable[str] | None, changed: bool) -> None:
    """Keep a graph in the next commit; only the DAGs of `region` are others than those kept already.

    Without a region all DAGs are written, if a definition `changed` or other DAGs are there than before.
    """
    dags = dict(graph.dags)  # other threads may declare meanwhile
    head = _text({**head_json(graph), "dags": list(dags)})
    if region is None:
        if not changed and log.meta(HEAD) == head:
            return
        region = dags
    for id in region:
        if id in dags:
            log.set_meta(_DAG + id, _text(dag_json(dags[id])))
    log.set_meta(HEAD, head)


def kept_graph(log: EventLog) -> Graph | None:
    """The graph that a store keeps; None where no engine has run on it. O(graph). Raises StoreDamaged."""
    head = log.meta(HEAD)
    if head is None:
        return None
    data = msgspec.json.decode(head)
    return Graph.from_json({**data, "dags": [_kept_dag(log, id) for id in data["dags"]]})


def _kept_dag(log: EventLog, id: str) -> object:
    text = log.meta(_DAG + id)
    if text is None:
        raise StoreDamaged(
            f"the store names DAG {id!r} in its graph, and what it keeps of it is gone (meta {_DAG + id!r})"
        )
    return msgspec.json.decode(text)


def _text(data: object) -> str:
    return msgspec.json.encode(data).decode()
