"""How fast a graph of 50,000 nodes with 3 upstreams each is checked for cycles: in bulk and one by one.

Run it with `python benchmarks/bench_resolve.py`. The edges come shuffled, and so do the nodes. Each line states what it
ran beside: networkx for all jobs, graphlib of the standard library where it can do the job. networkx has no incremental
check, so its line for single edges searches for a way back before each of the last edges of the same graph (a sample).
Best of three, except where one run takes seconds.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from graphlib import TopologicalSorter
from time import perf_counter

import networkx as nx
from attrs import frozen
from rich.console import Console
from rich.table import Table

import reactive_dag as rd
from reactive_dag.resolve.bulk import kahn
from reactive_dag.resolve.heights import heights
from reactive_dag.resolve.ready import ReadySet
from reactive_dag.resolve.topology import Topology

NODES = 50_000
UPSTREAMS = 3
DEEP_NODES = 10_000
SAMPLE = 200
Edge = tuple[str, str]


@frozen
class Line:
    """One measured job: seconds in all, how many units it did, and what is asked of it (seconds a unit)."""

    job: str
    by: str
    seconds: float
    units: int
    goal: float | None = None

    @property
    def each(self) -> float:
        """Seconds a unit."""
        return self.seconds / self.units


def random_edges(nodes: int, window: int | None = None, seed: int = 7) -> list[Edge]:
    """Edges of a random acyclic graph, shuffled; with `window`, upstreams are near and the graph is deep."""
    chance = random.Random(seed)
    names = [f"dag_{i}" for i in range(nodes)]
    chance.shuffle(names)
    edges: list[Edge] = []
    for i in range(UPSTREAMS, nodes):
        first = 0 if window is None else max(0, i - window)
        edges.extend((names[j], names[i]) for j in chance.sample(range(first, i), UPSTREAMS))
    chance.shuffle(edges)
    return edges


def names_of(edges: list[Edge], seed: int = 11) -> list[str]:
    """All nodes, shuffled."""
    names = sorted({name for edge in edges for name in edge})
    random.Random(seed).shuffle(names)
    return names


def timed(work: Callable[[], object], repeat: int = 3) -> float:
    """The best of some runs, in seconds."""
    best = float("inf")
    for _ in range(repeat):
        began = perf_counter()
        work()
        best = min(best, perf_counter() - began)
    return best


# ------------------------------------------------------------------------------------------------- in bulk


def upstreams_of(names: list[str], edges: list[Edge]) -> dict[str, list[str]]:
    """What each node follows."""
    found: dict[str, list[str]] = {name: [] for name in names}
    for tail, head in edges:
        found[head].append(tail)
    return found


def bulk_declared(upstreams: dict[str, list[str]]) -> rd.Graph:
    """Dag objects with `on=all_of(completed x 3)`, registered and checked in one bulk."""
    graph = rd.Graph("bench")
    with graph.bulk():
        for name, above in upstreams.items():
            graph.dag(name, on=rd.all_of(*map(rd.completed, above)) if above else None)
    return graph


def bulk_topology(names: list[str], edges: list[Edge]) -> None:
    """The same graph as plain nodes and edges, checked, with all heights."""
    topology: Topology[str] = Topology()
    with topology.bulk():
        topology.add_edges(edges)
    heights(names, {name: topology.children(name) for name in names})


def bulk_networkx(names: list[str], edges: list[Edge]) -> None:
    """networkx: build it and find its generations (the heights), which fails for a cycle."""
    graph = nx.DiGraph()
    graph.add_nodes_from(names)
    graph.add_edges_from(edges)
    for _ in nx.topological_generations(graph):
        pass


def bulk_graphlib(names: list[str], edges: list[Edge]) -> None:
    """graphlib: build it and check it; it has no heights."""
    sorter: TopologicalSorter[str] = TopologicalSorter()
    for name in names:
        sorter.add(name)
    for tail, head in edges:
        sorter.add(head, tail)
    sorter.prepare()


def bulk_lines(edges: list[Edge]) -> list[Line]:
    """The job "in bulk"."""
    names = names_of(edges)
    upstreams = upstreams_of(names, edges)
    job = f"{NODES:,} nodes, {UPSTREAMS} upstreams each, in bulk"
    lines = [
        Line(job, "reactive_dag, nodes and edges, heights", timed(lambda: bulk_topology(names, edges)), 1),
        Line(job, "networkx, nodes and edges, heights", timed(lambda: bulk_networkx(names, edges)), 1),
        Line(job, "graphlib, nodes and edges", timed(lambda: bulk_graphlib(names, edges)), 1),
        Line(job, "reactive_dag, DAGs declared", timed(lambda: bulk_declared(upstreams)), 1, goal=1.5),
    ]
    graph = bulk_declared(upstreams)
    return [*lines, Line(job, "… and then their heights", timed(lambda: graph.height(names[0]), repeat=1), 1)]


# ---------------------------------------------------------------------------------------------- one by one


def single_topology(edges: list[Edge]) -> float:
    """Seconds to add the edges one by one, each checked before the next."""
    topology: Topology[str] = Topology()
    began = perf_counter()
    for edge in edges:
        topology.add_edges((edge,))
    return perf_counter() - began


def single_networkx(edges: list[Edge]) -> float:
    """Seconds that networkx takes for the last edges, looking for a way back before each."""
    graph = nx.DiGraph()
    graph.add_nodes_from(names_of(edges))
    graph.add_edges_from(edges[:-SAMPLE])
    began = perf_counter()
    for tail, head in edges[-SAMPLE:]:
        assert not nx.has_path(graph, head, tail)
        graph.add_edge(tail, head)
    return perf_counter() - began


def single_lines(job: str, edges: list[Edge], goal: float | None = None) -> list[Line]:
    """A job "one by one"."""
    ours = min(single_topology(edges) for _ in range(2))
    return [
        Line(job, "reactive_dag", ours, len(edges), goal),
        Line(job, f"networkx, the last {SAMPLE}", single_networkx(edges), SAMPLE),
    ]


# -------------------------------------------------------------------------------------------- the ready set


def ready_lines(edges: list[Edge]) -> list[Line]:
    """Every node completes once: the ready set kept, or (a sample) looked up by scanning all."""
    upstreams = upstreams_of(names_of(edges), edges)
    ready = ReadySet({name: ("all", 0, tuple(above)) for name, above in upstreams.items()})
    followers: dict[str, list[str]] = {name: [] for name in upstreams}
    for tail, head in edges:
        followers[tail].append(head)
    order = [name for wave in kahn({name: len(above) for name, above in upstreams.items()}, followers) for name in wave]
    kept = timed(lambda: [ready.complete(name) for name in order], repeat=1)
    done = set(order[: NODES // 2])
    scan = timed(lambda: [name for name, above in upstreams.items() if name not in done and done.issuperset(above)])
    job = f"{NODES:,} completions, the ready set after each"
    return [Line(job, "reactive_dag", kept, NODES), Line(job, "a scan of all nodes", scan, 1)]


# ------------------------------------------------------------------------------------------------- the table


def written(seconds: float) -> str:
    """A time in the unit that suits it."""
    for unit, factor in (("s", 1.0), ("ms", 1e3)):
        if seconds * factor >= 1:
            return f"{seconds * factor:.2f} {unit}"
    return f"{seconds * 1e6:.1f} µs"


def table(lines: list[Line]) -> Table:
    """The lines, each beside the first one of its job."""
    found = Table("job", "by", "each", "goal", "ratio", title="resolve")
    first: dict[str, Line] = {}
    for line in lines:
        ours = first.setdefault(line.job, line)
        goal = "" if line.goal is None else f"{written(line.goal)} {'met' if line.each <= line.goal else 'MISSED'}"
        ratio = "" if ours is line else f"{line.each / ours.each:,.2f} x"
        found.add_row(line.job if ours is line else "", line.by, written(line.each), goal, ratio)
    return found


def measure() -> list[Line]:
    """All lines of this benchmark."""
    edges = random_edges(NODES)
    deep = random_edges(DEEP_NODES, window=10)
    return [
        *bulk_lines(edges),
        *single_lines(f"one edge of a random graph of {NODES:,} nodes", edges, goal=15e-6),
        *single_lines(f"one edge of a deep graph of {DEEP_NODES:,} nodes", deep),
        *ready_lines(edges),
    ]


def main() -> None:
    """Measure and print."""
    Console(width=120).print(table(measure()))


if __name__ == "__main__":
    main()
