"""The edges of a graph: which make an order, and which are only drawn (G1).

Owns `Edge`, what people see, and `DeclaredEdges`, the topology in which cycles are looked for. There a DAG is one node
as long as nothing enters it in the middle; one whose tasks wait is its tasks, with a node before (its id) and one after
them ("end", id), so two DAGs may wait for each other's tasks while the tasks are acyclic. Clocks, silences, missed
deadlines, what only rides along and waits for an earlier date make no edge there: time breaks those circles. Nor does
declared feedback, which has a bound.
Invariant: the topology holds exactly the edges that the declared DAGs give, or, refused, those from before.
Cost: O(edges of the DAGs that changed) and what the topology takes for them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import chain
from typing import Literal, TypeAlias

from attrs import Factory, define, evolve, frozen

from reactive_dag.declare.dag import Dag
from reactive_dag.declare.named_triggers import sources_of
from reactive_dag.declare.task import AnyTask
from reactive_dag.model.errors import CycleError
from reactive_dag.resolve.topology import Topology
from reactive_dag.triggers.base import Trigger
from reactive_dag.triggers.leaves.absent import Absent
from reactive_dag.triggers.leaves.completed import Completed
from reactive_dag.triggers.leaves.dataset import Dataset, Feedback, Updated
from reactive_dag.triggers.leaves.missed import Missed
from reactive_dag.triggers.leaves.schedule import Scheduled
from reactive_dag.triggers.walks import leaves

NodeKind: TypeAlias = Literal["dag", "task", "dataset", "clock"]
EdgeKind: TypeAlias = Literal[
    "updated", "completed", "clock", "absent", "missed", "latest", "feedback", "outlet", "wait", "task"
]
Node: TypeAlias = str | tuple[str, ...] | Dataset
"""A node of the topology: a DAG's id (also what comes before its tasks), ("end", dag), ("task", dag, task), dataset."""
Way: TypeAlias = tuple[Node, Node]


@frozen
class Edge:
    """One edge as it is drawn: `target` follows `source`. Tasks are named "dag.task", "*" stands for every DAG.

    Kinds: updated, completed, clock, absent, missed, latest, feedback (a source of a trigger to its DAG), outlet (a DAG
    or task to a dataset), wait (what is awaited to the task that waits), task (a task to the next of its DAG).
    """

    kind: EdgeKind
    source: str
    target: str
    source_kind: NodeKind = "dag"
    target_kind: NodeKind = "dag"


# ------------------------------------------------------------------------------------------------- drawn


def edges_of(dag: Dag) -> Iterator[Edge]:
    """All edges that a DAG's declaration gives, drawn ones too. O(edges)."""
    told = dag.triggers  # where only the graph says of which zone its start is, the clocks count from that
    for source in dag._read_sources() if told is dag._written else sources_of(told.values())[0]:
        yield from _drawn(source, dag.id)
    for rider in dag._read_riders():
        yield from (evolve(edge, kind="latest") for edge in _drawn(rider, dag.id))
    yield from (Edge("outlet", dag.id, each.uri, "dag", "dataset") for each in dag.outlets)
    for task in dag.tasks.values():
        own = f"{dag.id}.{task.id}"
        yield from (Edge("task", f"{dag.id}.{above}", own, "task", "task") for above in task.needs)
        yield from (Edge("outlet", own, each.uri, "task", "dataset") for each in task.outlets)
        wait = task.wait
        if wait is not None and wait.dataset is not None:
            yield Edge("wait", wait.dataset.uri, own, "dataset", "task")
        elif wait is not None and wait.tasks:
            yield from (Edge("wait", f"{wait.dag}.{each}", own, "task", "task") for each in wait.task_ids)
        elif wait is not None:
            yield Edge("wait", wait.dag, own, "dag", "task")


def _drawn(source: Trigger, dag: str) -> Iterator[Edge]:
    if isinstance(source, Updated):
        kind: EdgeKind = "feedback" if isinstance(source, Feedback) else "updated"
        yield Edge(kind, source.dataset.uri, dag, "dataset")
    elif isinstance(source, Completed):
        yield _completion(source, dag, "completed")
    elif isinstance(source, Scheduled):
        yield Edge("clock", repr(source), dag, "clock")
    elif isinstance(source, Missed):
        yield Edge("missed", source.dag, dag)
    elif isinstance(source, Absent):
        for heard in leaves(source):
            if isinstance(heard, Missed):
                yield Edge("absent", heard.dag, dag)
            elif isinstance(heard, Updated):
                yield Edge("absent", heard.dataset.uri, dag, "dataset")
            elif isinstance(heard, Completed):
                yield _completion(heard, dag, "absent")
        if source.at is not None:
            yield Edge("clock", repr(source.at), dag, "clock")


def _completion(source: Completed, dag: str, kind: EdgeKind) -> Edge:
    if source.task is None:
        return Edge(kind, source.dag, dag)
    return Edge(kind, f"{source.dag}.{source.task}", dag, "task")


# ----------------------------------------------------------------------------------------------- counted


def node_text(node: Node) -> str:
    """A node as people write it. O(1).

    >>> node_text(("task", "ingest", "load")), node_text(("end", "ingest")), node_text("ingest")
    ('ingest.load', 'ingest', 'ingest')
    """
    if isinstance(node, Dataset):
        return node.uri
    return node if isinstance(node, str) else ".".join(node[1:])


def is_split(dag: Dag) -> bool:
    """Whether something enters the DAG in its middle. O(waits)."""
    return any(not wait.looks_back for wait in dag.waits)


@define
class DeclaredEdges:
    """The topology of the edges that count.

    `_laid` holds the edges of each split DAG (one that is its tasks), `_ends` the nodes of a split DAG where edges of
    other DAGs begin.
    """

    topology: Topology[Node] = Factory(lambda: Topology[Node](name=node_text))
    _laid: dict[str, dict[Way, None]] = Factory(dict)
    _split: set[str] = Factory(set)
    _ends: dict[str, set[Node]] = Factory(dict)

    def lay(self, dags: Mapping[str, Dag], changed: Iterable[str]) -> None:
        """Bring the edges of these DAGs up to date, or leave all as it was. O(their edges). Raises CycleError."""
        ids = dict.fromkeys(changed)
        before = self._split
        after = self._split_after(dags, ids)
        for flipped in before ^ after:
            ids.update(dict.fromkeys(self._followers(flipped)))
        self._split = after
        try:
            laid = {each: self._ways(dags[each]) if each in dags else [] for each in ids}
            self._replace(laid)
        except BaseException:
            self._split = before
            raise
        for each, ways in laid.items():
            if each in after and each in dags:
                self._laid[each] = dict.fromkeys(ways)
            else:
                self._laid.pop(each, None)

    def lay_task(self, dags: Mapping[str, Dag], dag: Dag, task: AnyTask) -> None:
        """Bring the edges up to date after a task was added that nothing follows yet. Raises CycleError.

        O(its edges); O(the DAG's) for the first that waits.
        """
        id, wait = dag.id, task.wait
        if id not in self._split:
            if wait is not None and not wait.looks_back:
                self.lay(dags, (id,))
            else:
                self.topology.add_edges([(id, each) for each in task.outlets])
            return
        laid, node, end = self._laid[id], ("task", id, task.id), ("end", id)
        needs: list[Node] = [("task", id, each) for each in dag._table.links(task.id).needs]
        gone = [way for need in needs if (way := (need, end)) in laid]
        new = [(need, node) for need in needs or (id,)] + [(node, end), *self._of_task(task, node)]
        with self.topology.change():
            self.topology.remove_edges(gone)
            self.topology.add_edges(new)
        for way in gone:
            del laid[way]
        laid.update(dict.fromkeys(new))

    def keeper(self) -> Callable[[], None]:
        """What puts the books back as they are now (the topology undoes its own changes). O(DAGs)."""
        laid, split = dict(self._laid), self._split

        def restore() -> None:
            self._laid, self._split = laid, split

        return restore

    def _split_after(self, dags: Mapping[str, Dag], ids: Iterable[str]) -> set[str]:
        now = {each for each in ids if each in dags and is_split(dags[each])}
        gone = {each for each in self._split if each in ids and each not in now}
        return (self._split | now) - gone if now - self._split or gone else self._split

    def _followers(self, dag: str) -> Iterator[str]:
        """The DAGs whose edges begin at this one or at its tasks."""
        for node in (dag, *self._ends.get(dag, ())):
            for head in self.topology.children(node):
                if not isinstance(head, Dataset):
                    yield head if isinstance(head, str) else head[1]

    def _replace(self, laid: Mapping[str, list[Way]]) -> None:
        old = [way for each in laid for way in self._old(each)]
        if not old:
            self.topology.add_edges(chain.from_iterable(laid.values()))
            return
        new = {way for ways in laid.values() for way in ways}
        gone = [way for way in old if way not in new]
        with self.topology.change():
            self.topology.remove_edges(gone)
            self.topology.add_edges(new.difference(old))
            self.topology.prune(dict.fromkeys(chain.from_iterable(gone)))

    def _old(self, id: str) -> Iterable[Way]:
        """What a DAG has laid; for one that is a single node, all that leads in, and its outlets."""
        if id in self._laid:
            return self._laid[id]
        if id not in self.topology:
            return ()
        outlets = [(id, head) for head in self.topology.children(id) if isinstance(head, Dataset)]
        return [(tail, id) for tail in self.topology.parents(id)] + outlets

    # ------------------------------------------------------------------------------- the edges of one DAG

    def _ways(self, dag: Dag) -> list[Way]:
        id = dag.id
        ways: list[Way] = []
        split = self._split
        for source in dag._read_sources():
            if type(source) is Completed:
                above = source.dag
                if above != "*":
                    ways.append((self._end(above, source.task) if above in split else above, id))
            elif type(source) is Updated:
                ways.append((source.dataset, id))
        if id in self._split:
            ways.extend(self._inside(dag))
        else:
            ways.extend([(id, each) for each in dag.produces])
        return ways

    def _end(self, dag: str, task: str | None) -> Node:
        if dag not in self._split:
            return dag
        end = ("end", dag) if task is None else ("task", dag, task)
        self._ends.setdefault(dag, set()).add(end)
        return end

    def _inside(self, dag: Dag) -> Iterator[Way]:
        id, plan = dag.id, dag._table.plan()
        nodes: list[Node] = [("task", id, each) for each in plan.ids]
        yield from ((id, nodes[root]) for root in plan.roots)
        yield from ((nodes[last], ("end", id)) for last in plan.last)
        yield from ((nodes[at], nodes[below]) for at, row in enumerate(plan.followers) for below in row)
        yield from ((("end", id), each) for each in dag.outlets)
        for node, task in zip(nodes, dag.tasks.values(), strict=True):
            yield from self._of_task(task, node)

    def _of_task(self, task: AnyTask, node: Node) -> Iterator[Way]:
        """What a task of a split DAG publishes and waits for."""
        yield from ((node, each) for each in task.outlets)
        wait = task.wait
        if wait is None or wait.looks_back:
            return
        if wait.dataset is not None:
            yield wait.dataset, node
        else:
            yield from ((self._end(wait.dag, each), node) for each in wait.task_ids or (None,))

    def _check(self, dags: Mapping[str, Dag]) -> None:
        assert self._split == {each for each, dag in dags.items() if is_split(dag)}
        expected = {way for dag in dags.values() for way in self._ways(dag)}
        assert expected == set(self.topology.edges())


def explained(error: CycleError, dag: Dag | None) -> CycleError:
    """A cycle's error with the names that people gave, and the place of the declaration that closed it. O(path)."""
    path = _readable(error.path)
    shown = [*path[:10], f"({len(path) - 20} more)", *path[-10:]] if len(path) > 24 else path
    who = "these DAGs close" if dag is None else f"DAG {dag.id!r} ({dag.place}) closes"
    text = f"{who} a cycle: {' -> '.join(shown)}; leave one of these triggers, outlets or waits out"
    loop = ", or declare a loop that is meant: rd.updated(..., feedback=True, max_depth=...)"
    return CycleError(text + loop * any(isinstance(node, Dataset) for node in error.path), path)


def _readable(way: tuple[Node, ...]) -> tuple[str, ...]:
    """Without the nodes that only stand for a DAG's end behind one of its tasks."""
    ring = way[:-1]
    kept = [node for node in ring if not (isinstance(node, tuple) and node[0] == "end")] or list(ring)
    return tuple(node_text(node) for node in (*kept, kept[0]))
