"""The graph as a store keeps it, for those who look without declaring it: a head, its changes, each DAG by itself.

Owns the names under which they are kept. Invariant: the head with its changes names the DAGs that are kept, in their
order; what is kept of others is not read. Keeping a change costs what changed, the head is written anew after so many.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from reactive_dag.declare.graph import Graph
from reactive_dag.declare.internals import analysis_of, dag_json, head_json, newest_datasets
from reactive_dag.log.protocol import EventLog
from reactive_dag.model.errors import StoreDamaged
from reactive_dag.model.records import Json

HEAD = "graph"
CHANGES = "graph changes"
"""How many changes of the head there are."""
_CHANGE = "graph change "
_DAG = "graph dag "

MOST_CHANGES = 64
"""After so many, and a quarter of the DAGs more, the head is written anew."""


class GraphKeeper:
    """Keeps the graph of one engine in its log."""

    def __init__(self, log: EventLog, graph: Graph) -> None:
        self._log = log
        self._graph = graph
        self._changes = 0
        self._places: dict[str, int] = {}
        """The DAGs that the head names, with their places in the order of declaration."""
        self._datasets = 0
        self._pools: dict[str, object] = {}

    def keep(self, region: set[str] | None, changed: bool) -> None:
        """Keep the graph in the next commit; only the DAGs of `region` are others than those kept already.

        O(region) amortised. Without a region O(graph): all is written, if a definition `changed` or the head did.
        """
        if region is None:
            self._changes = int(self._log.meta(CHANGES) or 0)
            if changed or self._whole_head() != _head(self._log):
                self._keep_dags(self._graph.dags)
                self._keep_head()
            self._note()
        else:
            self._keep_dags(region)
            self._keep_change(region)

    def _whole_head(self) -> dict[str, Json]:
        dags: Json = list(self._graph.dags)
        found: dict[str, Json] = msgspec.json.decode(_text({**head_json(self._graph), "dags": dags}))
        return found

    def _keep_dags(self, ids: Iterable[str]) -> None:
        dags = self._graph.dags
        for id in list(ids):
            dag = dags.get(id)  # other threads may declare meanwhile
            if dag is not None:
                self._log.set_meta(_DAG + id, _text(dag_json(dag)))

    def _keep_head(self) -> None:
        self._log.set_meta(HEAD, _text(self._whole_head()))
        if self._changes:
            self._changes = 0
            self._log.set_meta(CHANGES, "0")

    def _note(self) -> None:
        self._places = dict(analysis_of(self._graph).places.flat())
        self._datasets, self._pools = len(self._graph.datasets), dict(self._graph.pools)

    def _keep_change(self, region: set[str]) -> None:
        datasets, places = self._graph.datasets, analysis_of(self._graph).places
        new = len(datasets) - self._datasets
        if new < 0 or self._changes >= MOST_CHANGES + len(self._places) // 4:
            self._keep_head()
            self._note()
            return
        gone = [id for id in region if id in self._places and places.get(id) != self._places[id]]
        for id in gone:
            del self._places[id]
        there = {id: place for id in region if id not in self._places and (place := places.get(id)) is not None}
        self._places.update(there)
        uris = {*newest_datasets(self._graph, new), *analysis_of(self._graph).neighbours.uses(region)}
        change: dict[str, Json] = {
            "gone": sorted(gone),
            "dags": sorted(there, key=there.__getitem__),
            "datasets": [datasets[uri].to_json() for uri in sorted(uris) if uri in datasets],
        }
        self._datasets += new
        if self._pools != self._graph.pools:
            self._pools = dict(self._graph.pools)
            change["pools"] = [pool.to_json() for pool in self._graph.pools.values()]
        self._changes += 1
        self._log.set_meta(f"{_CHANGE}{self._changes}", _text(change))
        self._log.set_meta(CHANGES, str(self._changes))


def kept_graph(log: EventLog) -> Graph | None:
    """The graph that a store keeps; None where no engine has run on it. O(graph). Raises StoreDamaged."""
    head = _head(log)
    if head is None:
        return None
    return Graph.from_json({**head, "dags": [_kept(log, _DAG, id) for id in head["dags"]]})


def _head(log: EventLog) -> dict[str, Json] | None:
    """The head with all changes of it. O(head + changes). Raises StoreDamaged."""
    text = log.meta(HEAD)
    if text is None:
        return None
    head: dict[str, Json] = msgspec.json.decode(text)
    dags = dict.fromkeys(head["dags"])
    datasets = {each["uri"]: each for each in head["datasets"]}
    for number in range(1, int(log.meta(CHANGES) or 0) + 1):
        change = _kept(log, _CHANGE, str(number))
        for id in change["gone"]:
            dags.pop(id, None)
        dags.update(dict.fromkeys(change["dags"]))
        datasets.update({each["uri"]: each for each in change["datasets"]})
        if "pools" in change:
            head["pools"] = change["pools"]
    return {**head, "dags": list(dags), "datasets": list(datasets.values())}


def _kept(log: EventLog, kind: str, name: str) -> dict[str, Json]:
    text = log.meta(kind + name)
    if text is None:
        what = f"DAG {name!r}" if kind == _DAG else f"change {name}"
        where = f"meta {kind + name!r}"
        raise StoreDamaged(f"the store names {what} in its graph, and what it keeps of it is gone ({where})")
    found: dict[str, Json] = msgspec.json.decode(text)
    return found


def _text(data: object) -> str:
    return msgspec.json.encode(data).decode()
