"""What a picture of a graph is made of, as plain data: nodes and edges before they have a place, and with one.

Owns no logic: `Selection` says what is shown, `GraphLayout` where it stands. Lengths are CSS pixels, (0, 0) is the top
left. A node's id is its kind and its name, so that a DAG and a dataset of one name are two.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, TypeAlias

from attrs import asdict, field, frozen

from reactive_dag.notebook.layers.ranks import XY

ShownKind: TypeAlias = Literal[
    "dag", "dataset", "task", "wait", "group", "clock", "silence", "join", "any", "window", "function", "port"
]
"""What a node is: what people declare, a group of DAGs, or a part of a trigger as what it is; a port is where the edges
of a group go in or out."""
EdgeMeaning: TypeAlias = Literal[
    "updated",
    "completed",
    "clock",
    "absent",
    "missed",
    "latest",
    "feedback",
    "outlet",
    "wait",
    "task",
    "trigger",
    "port",
]


@frozen
class ShownNode:
    """One node: what it is and says, a second line, and a `mark`: "mapped", "branch", "teardown", "open", "focus"."""

    kind: ShownKind
    name: str
    label: str
    title: str = ""
    note: str = ""
    mark: str = ""
    members: tuple[str, ...] = ()

    @property
    def id(self) -> str:
        """Its kind and its name. O(1).

        >>> ShownNode("dag", "ingest", "ingest").id
        'dag ingest'
        """
        return f"{self.kind} {self.name}"


@frozen
class ShownEdge:
    """One edge between two nodes by id; `count` edges that were folded into one."""

    kind: EdgeMeaning
    source: str
    target: str
    count: int = 1


@frozen
class Selection:
    """What is shown of a graph: its nodes and edges, what each group has inside by its id, and what was left out.

    Where there are groups, all of them are nodes, closed; `open` says which are shown open, and `whole` has the edges
    between what is in them.
    """

    title: str
    nodes: tuple[ShownNode, ...]
    links: tuple[ShownEdge, ...]
    inside: Mapping[str, Selection] = field(factory=dict)
    open: tuple[str, ...] = ()
    whole: tuple[ShownEdge, ...] = ()
    note: str = ""


@frozen
class PlacedNode:
    """A node where it stands: `x` and `y` are its top left, `row` counts parts of the graph that stand side by side."""

    node: ShownNode
    x: float
    y: float
    width: float
    height: float
    row: int = 0

    @property
    def id(self) -> str:
        """The id of its node. O(1)."""
        return self.node.id

    @property
    def kind(self) -> ShownKind:
        """The kind of its node. O(1)."""
        return self.node.kind

    @property
    def label(self) -> str:
        """The text in it. O(1)."""
        return self.node.label


@frozen
class PlacedEdge:
    """An edge as a line from border to border; where lines share a way, they have these points in common."""

    link: ShownEdge
    points: tuple[XY, ...]

    @property
    def source(self) -> str:
        """The id of the node that it leaves. O(1)."""
        return self.link.source

    @property
    def target(self) -> str:
        """The id of the node that it reaches. O(1)."""
        return self.link.target

    @property
    def kind(self) -> EdgeMeaning:
        """What it means. O(1)."""
        return self.link.kind


@frozen
class GraphLayout:
    """A picture of a graph as plain data: what stands where, how large all is; `inside`, `open`, `whole` as chosen."""

    title: str
    nodes: tuple[PlacedNode, ...]
    edges: tuple[PlacedEdge, ...]
    width: float
    height: float
    inside: Mapping[str, GraphLayout] = field(factory=dict)
    open: tuple[str, ...] = ()
    whole: tuple[ShownEdge, ...] = ()
    note: str = ""

    def to_json(self) -> dict[str, object]:
        """It as JSON data: a node has id, kind, label, x, y, width, height, an edge its points. O(nodes + edges)."""
        nodes = [
            {"id": each.id, **asdict(each.node), "x": each.x, "y": each.y, "width": each.width, "height": each.height}
            for each in self.nodes
        ]
        edges = [{**asdict(each.link), "points": [list(point) for point in each.points]} for each in self.edges]
        inside = {id: found.to_json() for id, found in self.inside.items()}
        return {
            "title": self.title, "note": self.note, "width": self.width, "height": self.height, "nodes": nodes,
            "edges": edges, "inside": inside, "open": list(self.open),
        }  # fmt: skip
