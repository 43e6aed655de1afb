"""What a picture of a graph shows: all of it, or what is near one name; whole, or folded.

Owns `select`. What folds when (N4): up to FOLDS_ABOVE nodes all is shown; above that the DAGs alone; where there are
more DAGs than that, groups of them, closed but for those in `open`. O(nodes + edges), by focus O(what is near).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from typing import Literal, TypedDict, Unpack

from attrs import evolve, frozen

from reactive_dag.declare.analysis.graph_queries import DagOrDataset
from reactive_dag.declare.dag import Dag
from reactive_dag.declare.graph import Graph
from reactive_dag.model.errors import InvalidValue, UnknownId
from reactive_dag.model.suggest import did_you_mean
from reactive_dag.model.text import counted, seen
from reactive_dag.notebook.graphs.grouping import GroupBy, groups_of
from reactive_dag.notebook.graphs.shown import EdgeMeaning, Selection, ShownEdge, ShownNode
from reactive_dag.notebook.graphs.sizes import fitted
from reactive_dag.notebook.graphs.trigger_shapes import TriggerShapes
from reactive_dag.triggers.checks import id_of
from reactive_dag.triggers.leaves.dataset import Dataset

FOLDS_ABOVE = 60
NOT_PLAIN: Collection[EdgeMeaning] = ("absent", "missed", "latest", "feedback")
"""Among DAGs alone all other edges lead to a DAG, whatever they are made of."""


@frozen
class _Drawn:
    """Nodes by id and edges, before anything is folded; `owner` is the DAG of a part of a trigger."""

    nodes: Mapping[str, ShownNode]
    links: Collection[ShownEdge]
    owner: Mapping[str, str]

    def only(self, ids: Collection[str]) -> _Drawn:
        nodes = {id: shape for id, shape in self.nodes.items() if id in ids}
        return evolve(self, nodes=nodes, links=[e for e in self.links if e.source in nodes and e.target in nodes])


class SelectOptions(TypedDict, total=False):
    """What to show of a graph: see `Graph.draw`."""

    focus: DagOrDataset | None
    hops: int | None
    datasets: bool | None
    groups: GroupBy | Literal[False] | None
    open: str | Iterable[str]


def select(graph: Graph, **options: Unpack[SelectOptions]) -> Selection:
    """What `graph.draw` with these options shows. Raises UnknownId, InvalidValue."""
    focus, hops = options.get("focus"), options.get("hops")
    datasets, groups, open = options.get("datasets"), options.get("groups"), options.get("open", ())
    drawn = _whole(graph)
    title = f"Graph {graph.id}"
    if focus is not None:
        start = _node_of(graph, focus)
        drawn = drawn.only(_near(drawn, start, _checked_hops(hops)))
        drawn = evolve(drawn, nodes={**drawn.nodes, start: evolve(drawn.nodes[start], mark="focus")})
        title += f", around {start.partition(' ')[2]}"
    elif hops is not None:
        raise InvalidValue("hops= counts from a DAG or a dataset: give focus= too")
    shown = drawn if datasets or (datasets is None and len(drawn.nodes) <= FOLDS_ABOVE) else _dags_alone(drawn)
    dags = [shape.name for shape in shown.nodes.values() if shape.kind == "dag" and shape.name != "*"]
    if groups is None and len(dags) > FOLDS_ABOVE:
        groups = "prefix"
    group = groups_of({id: graph.dags[id] for id in dags}, groups) if groups else {}
    opened = _known_groups((open,) if isinstance(open, str) else open, set(group.values()))
    return evolve(_grouped(shown, group, title), open=opened, note=_note(drawn, shown))


# -------------------------------------------------------------------------------------------- the whole


def _whole(graph: Graph) -> _Drawn:
    nodes: dict[str, ShownNode] = {}
    links: dict[ShownEdge, None] = {}
    owner: dict[str, str] = {}
    for dag in graph.dags.values():
        own = ShownNode("dag", dag.id, fitted(dag.id), _about(dag))
        for label, trigger in dag.triggers.items():
            found = TriggerShapes(dag.id, f"{dag.id}.{label}" if label else dag.id)
            found.add(trigger, own.id)
            nodes.update((each.id, each) for each in found.nodes)
            owner.update((each.id, own.id) for each in found.nodes if each.kind != "dag")
            links.update(dict.fromkeys(found.links))
        nodes[own.id] = own
        links.update((ShownEdge("outlet", own.id, f"dataset {each.uri}"), None) for each in dag.produces)
        links.update((each, None) for each in _waits(dag, own.id))
    for uri in dict.fromkeys([*graph.datasets, *(id[8:] for link in links for id in (link.source, link.target)
                                                if id.startswith("dataset "))]):  # fmt: skip
        each = ShownNode("dataset", uri, fitted(uri), f"dataset {uri}")
        nodes[each.id] = each
    for link in links:
        if link.source not in nodes:  # a DAG that is listened to and not there: problems() says so
            nodes[link.source] = ShownNode("dag", link.source[4:], fitted(link.source[4:]), "not in this graph")
    return _Drawn(nodes, list(links), owner)


def _about(dag: Dag) -> str:
    about = f"DAG {dag.id}: {counted(len(dag.tasks), 'task')}"
    return f"{about}\n{dag.description}" if dag.description else about


def _waits(dag: Dag, own: str) -> Iterable[ShownEdge]:
    for wait in dag.waits:
        source = f"dag {wait.dag}" if wait.dataset is None else f"dataset {wait.dataset.uri}"
        if source != own:
            yield ShownEdge("wait", source, own)


# ------------------------------------------------------------------------------------------------ focus


def _node_of(graph: Graph, given: DagOrDataset) -> str:
    name = id_of(given, "a DAG or a dataset")
    if name in graph.dags and not isinstance(given, Dataset):
        return f"dag {name}"
    if name in graph.datasets:
        return f"dataset {name}"
    hint = did_you_mean(name, [*graph.dags, *graph.datasets])
    raise UnknownId(f"graph {graph.id!r} has no DAG or dataset {name!r}{hint}")


def _checked_hops(hops: int | None) -> int | None:
    if hops is not None and (type(hops) is not int or hops < 0):
        raise InvalidValue(f"hops={seen(hops)} is no number of steps: give 0, 1, 2, … or None for all")
    return hops


def _near(drawn: _Drawn, start: str, hops: int | None) -> set[str]:
    """What leads to a node and what it leads to, within so many DAGs each way."""
    near = {start}
    for forth in (True, False):
        ways: dict[str, list[str]] = {}
        for link in drawn.links:
            source, target = (link.source, link.target) if forth else (link.target, link.source)
            ways.setdefault(source, []).append(target)
        seen, wave, step = {start}, [start], 0
        while wave and (hops is None or step <= hops):
            wave = _step(drawn, ways, wave, seen, last=step == hops)
            step += 1
        near |= seen
    return near


def _step(drawn: _Drawn, ways: Mapping[str, list[str]], wave: list[str], seen: set[str], last: bool) -> list[str]:
    """The DAGs one further; what lies between is seen too, and of the last step nothing but what lies beside."""
    todo = list(wave)
    further: list[str] = []
    while todo:
        for id in ways.get(todo.pop(), ()):
            is_dag = drawn.nodes[id].kind == "dag"
            if id in seen or (is_dag and last):
                continue
            seen.add(id)
            (further if is_dag else todo).append(id)
    return further


# ---------------------------------------------------------------------------------------------- folding


def _dags_alone(drawn: _Drawn) -> _Drawn:
    """DAGs, and an edge where one leads to another, whatever lies between."""
    ways: dict[str, list[ShownEdge]] = {}
    for link in drawn.links:
        ways.setdefault(link.source, []).append(link)
    links: dict[ShownEdge, None] = {}
    dags = {id: shape for id, shape in drawn.nodes.items() if shape.kind == "dag"}
    for source in dags:
        todo: list[tuple[str, EdgeMeaning | None]] = [(source, None)]
        seen = {source}
        while todo:
            at, kind = todo.pop()
            for link in ways.get(at, ()):
                how = link.kind if kind in (None, "outlet", "trigger") else kind
                if link.target in dags:
                    if link.target != source:
                        links[ShownEdge(how if how in NOT_PLAIN else "trigger", source, link.target)] = None
                elif link.target not in seen:
                    seen.add(link.target)
                    todo.append((link.target, how))
    return _Drawn(dags, list(links), {})


def _note(drawn: _Drawn, shown: _Drawn) -> str:
    left = sum(1 for id, shape in drawn.nodes.items() if shape.kind == "dataset" and id not in shown.nodes)
    return f"{counted(left, 'dataset')} not shown (datasets=True)" if left else ""


def _known_groups(given: Iterable[str], groups: Collection[str]) -> tuple[str, ...]:
    opened = dict.fromkeys(given)
    for each in opened:
        if each not in groups:
            raise UnknownId(f"there is no group {each!r}{did_you_mean(each, sorted(groups))}")
    return tuple(f"group {each}" for each in opened)


def _grouped(drawn: _Drawn, group: Mapping[str, str], title: str) -> Selection:
    """The selection with a node in place of each group."""
    home = _homes(drawn, group)
    members: dict[str, list[str]] = {}
    for id in drawn.nodes:
        if id in home:
            members.setdefault(home[id], []).append(id)
    nodes: dict[str, ShownNode] = {}
    shown_as: dict[str, str] = {}
    for id, node in drawn.nodes.items():
        shown = node if id not in home else _group_node(home[id], [drawn.nodes[each] for each in members[home[id]]])
        nodes[shown.id] = shown
        shown_as[id] = shown.id
    between: Counter[tuple[EdgeMeaning, str, str]] = Counter()
    for link in drawn.links:
        source, target = shown_as[link.source], shown_as[link.target]
        if source != target or link.source == link.target:
            folded = source != link.source or target != link.target
            between["trigger" if folded else link.kind, source, target] += 1
    links = tuple(ShownEdge(kind, source, target, count) for (kind, source, target), count in between.items())
    inside = {f"group {name}": _inside(drawn, name, ids, home) for name, ids in members.items()}
    return Selection(title, tuple(nodes.values()), links, inside, whole=tuple(drawn.links) if inside else ())


def _inside(drawn: _Drawn, name: str, ids: Collection[str], home: Mapping[str, str]) -> Selection:
    """What a group has inside, with a port for what comes in, and one for what goes out."""
    nodes = [drawn.nodes[id] for id in ids]
    links: dict[ShownEdge, None] = {}
    for link in drawn.links:
        into, out = home.get(link.target) == name, home.get(link.source) == name
        if into and out:
            links[link] = None
        elif into:
            links[ShownEdge("trigger", f"port in {name}", link.target)] = None
        elif out:
            links[ShownEdge("port", link.source, f"port out {name}")] = None
    used = {id for link in links for id in (link.source, link.target)}
    ports = [ShownNode("port", way, "") for way in (f"in {name}", f"out {name}") if f"port {way}" in used]
    return Selection(f"Group {name}", (*nodes, *ports), tuple(links))


def _homes(drawn: _Drawn, group: Mapping[str, str]) -> dict[str, str]:
    """The group of each node: a DAG's own, of a part of a trigger its DAG's, of a dataset that of all around it."""
    home = {id: group[node.name] for id, node in drawn.nodes.items() if node.kind == "dag" and node.name in group}
    home.update((id, home[dag]) for id, dag in drawn.owner.items() if dag in home and id in drawn.nodes)
    around: dict[str, set[str]] = {}
    for link in drawn.links:
        for one, other in ((link.source, link.target), (link.target, link.source)):
            if one.startswith("dataset "):
                around.setdefault(one, set()).add(home.get(other, ""))
    home.update((id, min(found)) for id, found in around.items() if len(found) == 1 and found != {""})
    return home


def _group_node(name: str, members: list[ShownNode]) -> ShownNode:
    dags = [node.name for node in members if node.kind == "dag"]
    listed = "\n".join(dags[:12]) + (f"\n… and {len(dags) - 12} more" if len(dags) > 12 else "")
    size = counted(len(dags), "DAG")
    title = f"group {name}: {size}\n{listed}"
    return ShownNode("group", name, fitted(name), title, size, members=tuple(node.id for node in members))
