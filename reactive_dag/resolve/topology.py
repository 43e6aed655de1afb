"""Nodes and edges that stay acyclic: the graph below the graph.

Owns which node follows which. Nodes are any hashable values (`str`, tuples); it knows nothing of DAGs. An edge is
`(tail, head)` of one *kind* (a text, `""` unless said); `head` follows `tail`; two kinds between the same nodes are two
edges, the same edge twice is one. Kinds named in `free=` are stored and drawn, and count for neither cycle nor height
(clock, absent, missed, feedback).
Invariant: the counted edges are acyclic, and every change that is refused leaves nodes, edges, order and heights
exactly as they were. Nothing recurses.
Cost: an edge O(1) where the ranks agree already, else O(sqrt(edges)) amortised (ranks.py); a bulk O(nodes + edges)
once, at its end; heights are brought up to date when somebody asks, O(what follows the changes).

The signatures, for who builds on this::

    from reactive_dag.resolve.topology import Topology

    Topology(*, free: Collection[str] = (), name: Callable[[N], str] = str)   # `name` writes a node into messages
    .add_node(node) -> None                # a node that is there stays as it is
    .remove_node(node) -> None             # with all its edges; UnknownId
    .add_edges(edges: Iterable[tuple[N, N]], kind: str = "") -> None     # all or none; adds missing nodes; CycleError
    .remove_edges(edges: Iterable[tuple[N, N]], kind: str = "") -> None  # edges that are not there: ignored
    .change() -> ContextManager[None]      # all done inside is one change: an exception undoes it and goes on
    .bulk() -> ContextManager[None]        # the same; looks for cycles once, at its end (or when a query asks)
    .find_cycle(edges: Iterable[tuple[N, N]] = ()) -> tuple[N, ...] | None    # the one they would close; no change
    .height(node) -> int                   # longest path of counted edges that ends here; sources have 0
    .order() -> list[N]                    # by (height, when added)
    .levels() -> list[list[N]]             # the same, a list a height
    .upstream(node, *, free: bool = False) -> frozenset[N]    # transitively, without itself; free: free edges too
    .downstream(node, *, free: bool = False) -> frozenset[N]
    .parents(node, *, free: bool = False) -> tuple[N, ...]    # direct
    .children(node, *, free: bool = False) -> tuple[N, ...]
    .edges(kind: str | None = None) -> Iterator[tuple[N, N, str]]             # (tail, head, kind); None: all kinds
    node in topology; len(topology); iter(topology)           # in the order in which the nodes were added

`CycleError.path` holds the nodes all the way round, the first repeated at the end, in the direction of the edges. A
refused edge (t, h) gives the shortest one, from t: `(t, h, …, t)`.

    from reactive_dag.resolve.heights import heights, components    # where circles are allowed (DAGs that wait)
    heights(nodes: Iterable[N], down: Mapping[N, Collection[N]]) -> dict[N, int]        # those in a circle share one
    components(nodes, down) -> list[list[N]]                                          # upstream first

    from reactive_dag.resolve.bulk import find_cycle
    find_cycle(nodes, down) -> tuple[N, ...] | None

    from reactive_dag.resolve.origins import origins
    origins(nodes, up: Mapping[N, Collection[N]], own: Collection[N]) -> dict[N, frozenset[N]]   # T8; `own`: themselves

    from reactive_dag.resolve.ready import Form, ReadySet
    Form = str | tuple["all" | "any" | "at_least", int, tuple[Form | None, ...]]      # n counts for at_least only
    ReadySet(forms: Mapping[str, Form | None])     # a part that is None (a clock) is left out; nothing left: a source
    .complete(id) -> bool                          # whether the ready set changed; amortised O(out-degree)
    .ready -> frozenset[str]; .changed -> bool     # since `.ready` was last read
    .define(id, form) -> None; .remove(id) -> None # begin anew / forget
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from itertools import chain
from typing import Any, Generic, TypeVar, cast

from reactive_dag.model.errors import CycleError, UnknownId
from reactive_dag.resolve.bulk import cycle_in, kahn
from reactive_dag.resolve.links import Links, Rows
from reactive_dag.resolve.ranks import Moves, Ranks
from reactive_dag.resolve.search import path, reach

N = TypeVar("N", bound=Hashable)
_EMPTY: dict[Any, int] = {}
_SHOWN = 40
"""A message writes at most this many nodes of a cycle; `path` has them all."""


class _TakeBack(Exception):
    """Ends a change that was only tried."""


class Topology(Generic[N]):
    """A graph whose counted edges are acyclic; see the module's docstring for each method.

    >>> graph = Topology()
    >>> graph.add_edges([("a", "b"), ("b", "c")])
    >>> graph.order(), graph.height("c")
    (['a', 'b', 'c'], 2)
    >>> graph.add_edges([("c", "a")])
    Traceback (most recent call last):
    reactive_dag.model.errors.CycleError: the edge c -> a closes a cycle: c -> a -> b -> c; leave one of its edges out
    """

    __slots__ = (
        "_added", "_bulks", "_changes", "_counted", "_free", "_free_kinds", "_heights", "_name", "_numbers", "_ranks",
        "_stale", "_unchecked", "_undo",
    )  # fmt: skip

    def __init__(self, *, free: Collection[str] = (), name: Callable[[N], str] = str) -> None:
        self._free_kinds = frozenset(free)
        self._name = name
        self._added = 0
        self._numbers: dict[N, int] = {}
        self._counted: Links[N] = Links()
        self._free: Links[N] = Links()
        self._ranks: Ranks[N] = Ranks(self._counted.down, self._counted.up)
        self._heights: dict[N, int] = {}
        self._stale: set[N] = set()
        self._undo: list[Any] = []
        """How to undo the change: arguments, their number, a method, and again; flat, to spare the collector."""
        self._changes = 0
        self._bulks = 0
        self._unchecked = False

    # ------------------------------------------------------------------------------------------- change

    def add_node(self, node: N) -> None:
        """Add a node; one that is there stays as it is. O(1)."""
        if node not in self._numbers:
            self._added += 1
            self._put(node, self._added, 0)
            if self._changes:
                self._undo += (node, 1, Topology._drop)

    def remove_node(self, node: N) -> None:
        """Take a node away with all its edges. O(its edges). Raises UnknownId."""
        self._known(node)
        with self.change():
            for links in (self._counted, self._free):
                for edge in links.touching(node):
                    self._cut(links, *edge)
            self._undo += (node, self._numbers[node], self._ranks.rank[node], 3, Topology._put)
            self._drop(node)

    def add_edges(self, edges: Iterable[tuple[N, N]], kind: str = "") -> None:
        """Add edges (tail, head), all or none; missing nodes are added. O(sqrt(edges)) each, amortised.

        Raises CycleError with the way round, and leaves everything as it was.
        """
        links = self._free if kind in self._free_kinds else self._counted
        with self.change():
            self._add(links, edges, kind)

    def remove_edges(self, edges: Iterable[tuple[N, N]], kind: str = "") -> None:
        """Take edges of this kind away; what is not there is ignored. O(edges given)."""
        links = self._free if kind in self._free_kinds else self._counted
        with self.change():
            for tail, head in edges:
                self._cut(links, tail, head, kind)

    def change(self) -> AbstractContextManager[None]:
        """What is done inside is one change: an exception undoes all of it and goes on.

        >>> graph = Topology()
        >>> try:
        ...     with graph.change():
        ...         graph.add_edges([("a", "b")])
        ...         graph.add_edges([("b", "a")])
        ... except CycleError:
        ...     list(graph)
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
                if self._bulks == 1:
                    self._settle()
            finally:
                self._bulks -= 1

    # -------------------------------------------------------------------------------------------- look

    def __contains__(self, node: object) -> bool:
        return node in self._numbers

    def __len__(self) -> int:
        return len(self._numbers)

    def __iter__(self) -> Iterator[N]:
        return iter(sorted(self._numbers, key=self._numbers.__getitem__))

    def edges(self, kind: str | None = None) -> Iterator[tuple[N, N, str]]:
        """All edges as (tail, head, kind), of one kind or of all, by tail, head and kind. O(edges), sorted."""
        for tail in self:
            for head in self.children(tail, free=True):
                kinds = {*self._counted.kinds(tail, head), *self._free.kinds(tail, head)}
                yield from ((tail, head, one) for one in sorted(kinds) if kind in (None, one))

    def parents(self, node: N, *, free: bool = False) -> tuple[N, ...]:
        """What `node` follows directly, in the order in which they were added. O(its edges). Raises UnknownId."""
        return self._beside(node, self._counted.up, self._free.up, free)

    def children(self, node: N, *, free: bool = False) -> tuple[N, ...]:
        """What follows `node` directly, in the order in which they were added. O(its edges). Raises UnknownId."""
        return self._beside(node, self._counted.down, self._free.down, free)

    def upstream(self, node: N, *, free: bool = False) -> frozenset[N]:
        """All that `node` follows, transitively, without itself. O(what is found). Raises UnknownId."""
        return self._reach(node, self._counted.up, self._free.up, free)

    def downstream(self, node: N, *, free: bool = False) -> frozenset[N]:
        """All that follows `node`, transitively, without itself. O(what is found). Raises UnknownId."""
        return self._reach(node, self._counted.down, self._free.down, free)

    def find_cycle(self, edges: Iterable[tuple[N, N]] = ()) -> tuple[N, ...] | None:
        """The cycle that these edges would close, or None; nothing changes. O(as adding them)."""
        try:
            with self.change():
                self._add(self._counted, edges, "")
                self._settle()
                raise _TakeBack
        except CycleError as error:
            return cast("tuple[N, ...]", error.path)
        except _TakeBack:
            return None

    def height(self, node: N) -> int:
        """The longest path of counted edges that ends at `node`; 0 for a source. O(1) if nothing changed."""
        self._known(node)
        self._refresh()
        return self._heights[node]

    def order(self) -> list[N]:
        """All nodes, upstream first: by height, then by when they were added. O(nodes log nodes)."""
        return list(chain.from_iterable(self.levels()))

    def levels(self) -> list[list[N]]:
        """The nodes of each height, in the order in which they were added. O(nodes log nodes)."""
        self._refresh()
        levels: list[list[N]] = [[] for _ in range(1 + max(self._heights.values(), default=-1))]
        for node in self:
            levels[self._heights[node]].append(node)
        return levels

    # ------------------------------------------------------------------------------------------- inside

    def _add(self, links: Links[N], edges: Iterable[tuple[N, N]], kind: str) -> None:
        edges = list(edges)
        numbers = self._numbers
        for node in dict.fromkeys(chain.from_iterable(edges)):
            if node not in numbers:
                self.add_node(node)
        if links is not self._counted or self._bulks:
            self._unchecked |= links is self._counted
            self._undo += (links, links.link(edges, kind), kind, 3, Topology._unlink)
            return
        for edge in edges:
            tail, head = edge
            if head not in links.down[tail]:
                self._admit(tail, head)
            self._undo += (links, links.link((edge,), kind), kind, 3, Topology._unlink)

    def _admit(self, tail: N, head: N) -> None:
        """Make sure that the edge closes no cycle."""
        self._stale.add(head)
        moves = self._ranks.agree(tail, head)
        if moves is None:
            self._refuse(tail, head)
        elif moves:
            self._undo += (moves, 1, Topology._restore)

    def _refuse(self, tail: N, head: N) -> None:
        back = path(head, tail, self._counted.down.__getitem__)
        assert back is not None, "the ranks found a way back"
        what = f"the edge {self._name(tail)} -> {self._name(head)} closes a cycle"
        raise self._cycle(what, (tail, *back))

    def _cycle(self, what: str, way: tuple[N, ...]) -> CycleError:
        names = [self._name(node) for node in way]
        if len(names) > _SHOWN:
            half = _SHOWN // 2
            names[half:-half] = [f"({len(names) - 2 * half} more)"]
        return CycleError(f"{what}: {' -> '.join(names)}; leave one of its edges out", cast("tuple[str, ...]", way))

    def _cut(self, links: Links[N], tail: N, head: N, kind: str) -> None:
        if links.unlink(tail, head, kind):
            self._stale.add(head)
            self._undo += (links, tail, head, kind, 4, Topology._relink)

    def _unlink(self, links: Links[N], edges: list[tuple[N, N]], kind: str) -> None:
        for tail, head in edges:
            links.unlink(tail, head, kind)
            self._stale.add(head)

    def _relink(self, links: Links[N], tail: N, head: N, kind: str) -> None:
        links.link(((tail, head),), kind)
        self._stale.add(head)

    def _put(self, node: N, number: int, rank: int) -> None:
        self._numbers[node] = number
        self._counted.put(node)
        self._ranks.rank[node] = rank
        self._stale.add(node)

    def _drop(self, node: N) -> None:
        self._counted.drop(node)
        self._free.drop(node)
        del self._numbers[node], self._ranks.rank[node]
        self._heights.pop(node, None)
        self._stale.discard(node)

    def _settle(self) -> None:
        """Check all edges at once if a bulk has put that off. Raises CycleError."""
        if not self._unchecked:
            return
        missing = {node: len(row) for node, row in self._counted.up.items()}
        waves = kahn(missing, self._counted.down)
        way = cycle_in(missing, self._counted.down)
        if way is not None:
            raise self._cycle("these edges close a cycle", way)
        self._undo += (self._ranks.rank, 1, Topology._unsettle)
        self._ranks.renew(waves)
        self._heights = {node: height for height, wave in enumerate(waves) for node in wave}
        self._stale.clear()
        self._unchecked = False

    def _restore(self, moves: Moves[N]) -> None:
        self._ranks.restore(moves)

    def _unsettle(self, rank: dict[N, int]) -> None:
        self._ranks.rank = rank
        self._unchecked = True

    def _refresh(self) -> None:
        """Bring the heights of what follows the changes up to date."""
        self._settle()
        if self._stale:
            up, down, heights = self._counted.up, self._counted.down, self._heights
            moved = self._stale | reach(self._stale, down.__getitem__)
            missing = {node: sum(above in moved for above in up[node]) for node in moved}
            for node in chain.from_iterable(kahn(missing, down)):
                heights[node] = max((heights[above] + 1 for above in up[node]), default=0)
            self._stale.clear()

    def _take_back(self, mark: int) -> None:
        undo = self._undo
        while len(undo) > mark:
            method, count = undo.pop(), undo.pop()
            arguments = undo[-count:]
            del undo[-count:]
            method(self, *arguments)
        if not self._bulks:
            self._unchecked = False

    def _beside(self, node: N, counted: Rows[N], free: Rows[N], both: bool) -> tuple[N, ...]:
        self._known(node)
        found = counted[node].keys() | free.get(node, _EMPTY).keys() if both else counted[node].keys()
        return tuple(sorted(found, key=self._numbers.__getitem__))

    def _reach(self, node: N, counted: Rows[N], free: Rows[N], both: bool) -> frozenset[N]:
        self._known(node)
        follow = (lambda at: chain(counted[at], free.get(at, ()))) if both else counted.__getitem__
        return frozenset(reach([node], follow) - {node})

    def _known(self, node: N) -> None:
        if node not in self._numbers:
            raise UnknownId(f"{self._name(node)} is no node of this graph: add it first, or mend its name")

    def _check(self) -> None:
        self._counted._check()
        self._free._check()
        self._refresh()
        assert self._numbers.keys() == self._counted.down.keys() == self._counted.up.keys() == self._ranks.rank.keys()
        assert self._numbers.keys() == self._heights.keys()
        assert self._changes or not self._undo
        for node, row in self._counted.up.items():
            assert self._heights[node] == max((self._heights[above] + 1 for above in row), default=0)
            assert all(self._ranks.rank[above] <= self._ranks.rank[node] for above in row)


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
