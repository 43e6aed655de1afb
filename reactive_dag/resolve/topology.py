"""Nodes and edges that stay acyclic: the graph below the graph.

Owns which node follows which. Nodes are any hashable values (`str`, tuples); it knows nothing of DAGs. An edge is
`(tail, head)` of one *kind* (a text, `""` unless said); `head` follows `tail`; two kinds between the same nodes are two
edges, the same edge twice is one. Kinds named in `free=` are stored and drawn, and count for neither cycle nor height
(clock, absent, missed, feedback).
Invariant: the counted edges are acyclic, and every change that is refused leaves nodes, edges, order and heights
exactly as they were. Nothing recurses.
Cost: an edge that agrees with the order kept so far O(1), else O(nodes between its ends that it moves); a bulk
O(nodes + edges) once, at its end; heights are brought up to date when somebody asks.

The signatures, for who builds on this::

    from reactive_dag.resolve.topology import Topology

    Topology(*, free: Collection[str] = (), name: Callable[[N], str] = str)     # `name` writes a node into messages
    .add_node(node) -> None                              # a node that is there stays as it is
    .remove_node(node) -> None                           # with all its edges; UnknownId
    .add_edges(edges: Iterable[tuple[N, N]], kind: str = "") -> None   # all or none; missing nodes are added; CycleError
    .remove_edges(edges: Iterable[tuple[N, N]], kind: str = "") -> None         # edges that are not there: ignored
    .change() -> ContextManager[None]    # what is done inside is one change: an exception undoes all of it and goes on
    .bulk() -> ContextManager[None]      # the same, and cycles are looked for once, at the end (or when a query asks)
    .find_cycle(edges: Iterable[tuple[N, N]] = ()) -> tuple[N, ...] | None      # the cycle they would close; no change
    .height(node) -> int                 # longest path of counted edges that ends here; sources have 0
    .order() -> list[N]                  # by (height, when added)
    .levels() -> list[list[N]]           # the same, a list a height
    .upstream(node, *, free: bool = False) -> frozenset[N]      # transitively, without itself; free=True: free edges too
    .downstream(node, *, free: bool = False) -> frozenset[N]
    .parents(node, *, free: bool = False) -> tuple[N, ...]      # direct
    .children(node, *, free: bool = False) -> tuple[N, ...]
    .edges(kind: str | None = None) -> Iterator[tuple[N, N, str]]               # (tail, head, kind), all kinds
    node in topology; len(topology); iter(topology)      # in the order in which the nodes were added

`CycleError.path` holds the nodes all the way round, the first repeated at the end, in the direction of the edges. A
refused edge (t, h) gives the shortest one, from t: `(t, h, …, t)`.

    from reactive_dag.resolve.heights import heights, components      # where circles are allowed (DAGs that wait)
    heights(nodes: Iterable[N], down: Mapping[N, Iterable[N]]) -> dict[N, int]          # those in a circle share one
    components(nodes, down) -> list[list[N]]                                            # upstream first

    from reactive_dag.resolve.bulk import find_cycle
    find_cycle(nodes, down) -> tuple[N, ...] | None

    from reactive_dag.resolve.origins import origins
    origins(nodes, up: Mapping[N, Iterable[N]], own: Collection[N]) -> dict[N, frozenset[N]]   # T8: `own` stand for themselves

    from reactive_dag.resolve.ready import Form, ReadySet
    Form = N | tuple["all" | "any" | "at_least", int, tuple[Form, ...]]    # ids are str; n counts for at_least only
    ReadySet(forms: Mapping[str, Form | None])     # None, or no parts: no upstream DAG
    .complete(id) -> bool                # whether the ready set changed; amortised O(out-degree)
    .ready -> frozenset[str]; .changed -> bool     # since `.ready` was last read
    .define(id, form) -> None; .remove(id) -> None # begin anew / forget
"""
