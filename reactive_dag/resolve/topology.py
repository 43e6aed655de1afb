"""Nodes and edges that stay acyclic.

Owns which node follows which. Nodes are any hashable values; nothing here knows of DAGs. An edge is `(tail, head)`,
`head` follows `tail`, and the same edge twice is one; a node is there from its first edge until it is pruned.
Invariant: the edges are acyclic, and every change that is refused leaves nodes, edges and ranks exactly as they were.
Cost: an edge O(1) where the ranks agree already, else O(sqrt(edges)) amortised (ranks.py); a bulk O(nodes + edges)
once, at its end. Nothing recurses.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from itertools import chain
from typing import Any, Generic, TypeVar, cast

from reactive_dag.model.errors import CycleError
from reactive_dag.resolve.adjacency import Adjacency
from reactive_dag.resolve.bulk import cycle_in, kahn
from reactive_dag.resolve.ranks import Moves, Ranks
from reactive_dag.resolve.search import path

N = TypeVar("N", bound=Hashable)
_SHOWN = 40
"""A message writes at most this many nodes of a cycle; `path` has them all."""


class Topology(Generic[N]):
    """A graph whose edges are acyclic; `name` writes a node into messages.

    `CycleError.path` holds the nodes all the way round, the first repeated at the end, in the direction of the edges; a
    refused edge (t, h) gives a shortest one, `(t, h, …, t)`.

    >>> graph = Topology()
    >>> graph.add_edges([("a", "b"), ("b", "c")])
    >>> graph.add_edges([("c", "a")])
    Traceback (most recent call last):
    reactive_dag.model.errors.CycleError: the edge c -> a closes a cycle: c -> a -> b -> c; leave one of its edges out
    """

    __slots__ = ("_bulks", "_changes", "_name", "_ranks", "_rows", "_unchecked", "_undo")

    def __init__(self, *, name: Callable[[N], str] = str) -> None:
        self._name = name
        self._rows: Adjacency[N] = Adjacency()
        self._ranks: Ranks[N] = Ranks(self._rows.down, self._rows.up)
        self._undo: list[Any] = []
        """How to undo the change: an argument, a method, and again; flat, to spare the collector."""
        self._changes = 0
        self._bulks = 0
        self._unchecked = False

    # ------------------------------------------------------------------------------------------- change

    def add_edges(self, edges: Iterable[tuple[N, N]]) -> None:
        """Add edges (tail, head), all or none, with their nodes. O(sqrt(edges)) each, amortised.

        Raises CycleError with the way round, and leaves everything as it was.
        """
        edges = list(edges)
        with self.change():
            self._add_nodes(edges)
            if self._bulks:
                self._unchecked = True
                self._undo += (self._rows.link(edges), Topology._unlink)
                return
            down = self._rows.down
            for edge in edges:
                if edge[1] not in down[edge[0]]:
                    self._make_room(*edge)
                    self._undo += (self._rows.link((edge,)), Topology._unlink)

    def remove_edges(self, edges: Iterable[tuple[N, N]]) -> None:
        """Take edges away; what is not there is ignored. O(edges given)."""
        with self.change():
            self._undo += (self._rows.unlink(edges), Topology._relink)

    def prune(self, nodes: Iterable[N]) -> None:
        """Take away those of these nodes that have no edges. O(nodes given)."""
        rows, ranks = self._rows, self._ranks.rank
        with self.change():
            for node in nodes:
                if node in rows.down and not rows.down[node] and not rows.up[node]:
                    self._undo += ((node, ranks[node]), Topology._put)
                    self._drop((node,))

    def change(self) -> AbstractContextManager[None]:
        """What is done inside is one change: an exception undoes all of it and goes on.

        >>> graph = Topology()
        >>> try:
        ...     with graph.change():
        ...         graph.add_edges([("a", "b")])
        ...         graph.add_edges([("b", "a")])
        ... except CycleError:
        ...     list(graph.edges())
        []
        """
        return _Change(self)

    @contextmanager
    def bulk(self) -> Iterator[None]:
        """One change whose cycles are looked for once, at its end. O(nodes + edges). Raises CycleError."""
        with self.change():
            self._bulks += 1
            try:
                yield
                if self._bulks == 1 and self._unchecked:
                    self._settle()
            finally:
                self._bulks -= 1

    # -------------------------------------------------------------------------------------------- look

    def __contains__(self, node: object) -> bool:
        return node in self._rows.down

    def edges(self) -> Iterator[tuple[N, N]]:
        """All edges as (tail, head). O(edges)."""
        return ((tail, head) for tail, row in self._rows.down.items() for head in row)

    def parents(self, node: N) -> Collection[N]:
        """What `node` follows directly; nothing for a node that is not there. O(1)."""
        return self._rows.up.get(node, ())

    def children(self, node: N) -> Collection[N]:
        """What follows `node` directly; nothing for a node that is not there. O(1)."""
        return self._rows.down.get(node, ())

    def find_cycle(self) -> tuple[N, ...] | None:
        """The cycle that the bulk under way would be refused for, or None. O(nodes + edges)."""
        return self._waves()[1]

    # ------------------------------------------------------------------------------------------- inside

    def _add_nodes(self, edges: list[tuple[N, N]]) -> None:
        rows, rank = self._rows, self._ranks.rank
        new = [node for node in dict.fromkeys(chain.from_iterable(edges)) if node not in rank]
        if new:
            for node in new:
                rows.put(node)
                rank[node] = 0
            self._undo += (new, Topology._drop)

    def _make_room(self, tail: N, head: N) -> None:
        """Move ranks so that the edge can be added; raises CycleError where it would close a cycle."""
        moves = self._ranks.agree(tail, head)
        if moves is None:
            back = path(head, tail, self._rows.down.__getitem__)
            assert back is not None, "the ranks found a way back"
            what = f"the edge {self._name(tail)} -> {self._name(head)} closes a cycle"
            raise self._cycle(what, (tail, *back))
        if moves:
            self._undo += (moves, Topology._restore)

    def _cycle(self, what: str, way: tuple[N, ...]) -> CycleError:
        names = [self._name(node) for node in way]
        if len(names) > _SHOWN:
            half = _SHOWN // 2
            names[half:-half] = [f"({len(names) - 2 * half} more)"]
        return CycleError(f"{what}: {' -> '.join(names)}; leave one of its edges out", cast("tuple[str, ...]", way))

    def _waves(self) -> tuple[list[list[N]], tuple[N, ...] | None]:
        missing = {node: len(row) for node, row in self._rows.up.items()}
        waves = kahn(missing, self._rows.down)
        return waves, cycle_in(missing, self._rows.down)

    def _settle(self) -> None:
        """Check all edges at once, which a bulk has put off. Raises CycleError."""
        waves, way = self._waves()
        if way is not None:
            raise self._cycle("these edges close a cycle", way)
        self._undo += (self._ranks.rank, Topology._unsettle)
        self._ranks.renew(waves)
        self._unchecked = False

    # ------------------------------------------------------------------------------------------- undoing

    def _unlink(self, edges: list[tuple[N, N]]) -> None:
        self._rows.unlink(edges)

    def _relink(self, edges: list[tuple[N, N]]) -> None:
        self._rows.link(edges)

    def _put(self, given: tuple[N, int]) -> None:
        self._rows.put(given[0])
        self._ranks.rank[given[0]] = given[1]

    def _drop(self, nodes: Iterable[N]) -> None:
        for node in nodes:
            self._rows.drop(node)
            del self._ranks.rank[node]

    def _restore(self, moves: Moves[N]) -> None:
        self._ranks.restore(moves)

    def _unsettle(self, rank: dict[N, int]) -> None:
        self._ranks.rank = rank

    def _take_back(self, mark: int) -> None:
        undo = self._undo
        while len(undo) > mark:
            method = undo.pop()
            method(self, undo.pop())
        if not self._bulks:
            self._unchecked = False

    def _check(self) -> None:
        self._rows._check()
        assert self._rows.down.keys() == self._ranks.rank.keys()
        assert self._changes or not self._undo
        assert all(self._ranks.rank[tail] <= self._ranks.rank[head] for tail, head in self.edges())


class _Change(Generic[N]):
    """The span of one change; the outermost one forgets how to undo it when it is done."""

    __slots__ = ("_mark", "_topology")

    def __init__(self, topology: Topology[N]) -> None:
        self._topology = topology
        self._mark = 0

    def __enter__(self) -> None:
        self._topology._changes += 1
        self._mark = len(self._topology._undo)

    def __exit__(self, kind: type[BaseException] | None, error: object, trace: object) -> None:
        topology = self._topology
        topology._changes -= 1
        if kind is not None:
            topology._take_back(self._mark)
        if not topology._changes:
            topology._undo.clear()
