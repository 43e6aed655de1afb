"""A layout as SVG: each node a box of its kind with a glyph, each edge a line with rounded corners and a tip.

What a reader's script needs to open groups, search and focus stands in `data-…` of the elements. Text is what was
declared, escaped by the kit. O(nodes + edges).
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import compress
from operator import not_

from reactive_dag.model.text import counted
from reactive_dag.notebook.graphs.shown import EdgeMeaning, GraphLayout, PlacedEdge, PlacedNode, ShownKind
from reactive_dag.notebook.graphs.unfolding import HEAD, connections, opened_shell
from reactive_dag.notebook.kit.markup import Content, Markup, joined, number, tag
from reactive_dag.notebook.layers.ranks import XY

SVG = "http://www.w3.org/2000/svg"
CORNER, TIP, STACK = 6.0, 7.0, 4.0
ICON_ROOM = 28.0
"""Where the text begins behind a glyph."""

ICONS: dict[ShownKind, str] = {
    "dataset": "M2 3c0-1 1.8-1.8 4-1.8S10 2 10 3v6c0 1-1.8 1.8-4 1.8S2 10 2 9zM2 3c0 1 1.8 1.8 4 1.8S10 4 10 3",
    "clock": "M6 1a5 5 0 1 0 0 10a5 5 0 1 0 0-10zM6 3.2V6l2 1.4",
    "silence": "M2.6 8.8h6.8M3.8 8.8V5.4a2.2 2.2 0 0 1 4.4 0v3.4M5.4 10.6h1.2M1.4 1.4l9.2 9.2",
    "wait": "M3 1.5h6M3 10.5h6M3.6 1.5c0 3.4 4.8 5.6 4.8 9M8.4 1.5c0 3.4-4.8 5.6-4.8 9",
    "join": "M1 2.5h2.5L7 6h4M1 9.5h2.5L7 6",
    "any": "M1 3.4h9M8 1.4l2.4 2L8 5.4M1 8.6h9M8 6.6l2.4 2-2.4 2",
    "window": "M3.4 1.5H1.5v9h1.9M8.6 1.5h1.9v9H8.6M4 6h.2M6 6h.2M8 6h.2",
    "function": "M8.6 2c-2-.8-2.7.3-3 2L4.4 9c-.3 1.4-1 1.8-2 1.4M3.6 5h4.2",
    "group": "M1.5 4.2h6.3v6.3H1.5zM4.2 4.2V1.5h6.3v6.3H7.8",
}
"""The glyph of a kind, in a square of twelve; a DAG and a task have none."""
COUNTED = (("dag", "DAG"), ("dataset", "dataset"), ("task", "task"), ("group", "group"))
CALLED: dict[ShownKind, str] = {
    "dag": "DAG", "dataset": "dataset", "task": "task", "wait": "wait", "group": "group of DAGs", "clock": "clock",
    "silence": "silence", "join": "join", "any": "any of several", "window": "window", "function": "function",
}  # fmt: skip
MEANING: dict[EdgeMeaning, str] = {
    "updated": "starts on its events", "completed": "starts on its runs", "clock": "starts on the clock",
    "absent": "starts on its silence", "missed": "starts when it is late", "latest": "gives its newest",
    "feedback": "comes back", "outlet": "produces", "wait": "waits for", "task": "comes before",
    "trigger": "leads to", "port": "leads out of the group",
}  # fmt: skip
DASHES: dict[EdgeMeaning, str] = {
    "wait": "rd-dotted", "absent": "rd-dashed", "missed": "rd-dashed", "latest": "rd-dashed", "feedback": "rd-dashed",
}  # fmt: skip


def svg_of(folded: GraphLayout, style: Markup | None = None) -> Markup:
    """The picture at its own size; with a style sheet it is a file of its own. O(nodes + edges)."""
    shown = opened_shell(folded)
    width, height = max(shown.width, 60.0), max(shown.height, 40.0)
    background = tag("rect", width="100%", height="100%", fill="var(--rd-page)") if style else None
    frames = {node.id: node for node in shown.nodes}
    ports = [e for id in folded.open for e in connections(frames[id], folded.inside[id], shown.edges)]
    lines = [_edge(edge, base.points) for edge, base in zip(shown.edges, folded.edges, strict=True)]
    boxes = [_node(node, base) for node, base in zip(shown.nodes, folded.nodes, strict=True)]
    is_open = [node.node.mark == "open" for node in shown.nodes]
    inside = [_inside(frames[id], each, id in folded.open) for id, each in folded.inside.items()]
    layers = _layers(compress(boxes, is_open), [lines, map(_edge, ports)], compress(boxes, map(not_, is_open)))
    return tag(
        "svg", style, tag("title", shown.title), background, layers, inside, xmlns=SVG, role="img",
        aria_label=f"{folded.title}: {about(folded)}", width=width, height=height,
        viewBox=f"0 0 {number(width)} {number(height)}", class_="rd" if style else None,
    )  # fmt: skip


def about(shown: GraphLayout) -> str:
    """What a picture shows, in a line. O(nodes)."""
    all_nodes = [*shown.nodes, *(node for each in shown.inside.values() for node in each.nodes)]
    counts = [
        counted(count, name) for kind, name in COUNTED
        if (count := sum(node.kind == kind and node.node.name != "*" for node in all_nodes))
    ]  # fmt: skip
    return ", ".join([*counts, *([shown.note] if shown.note else [])])


def _layers(frames: Content, lines: Content, boxes: Content) -> Markup:
    """Frames of open groups, lines above them, boxes above those."""
    layers = (("rd-frames", frames), ("rd-edges", lines), ("rd-boxes", boxes))
    return joined(tag("g", content, class_=name) for name, content in layers)


def _inside(frame: PlacedNode, inside: GraphLayout, is_open: bool) -> Markup:
    """What is inside a group; of a closed one for the script that opens it, which draws the lines then."""
    lines = [_edge(edge, edge.points, hidden=not is_open) for edge in inside.edges]
    layers = _layers(None, lines, [_node(node, node) for node in inside.nodes])
    corner = f"translate({number(frame.x)} {number(frame.y + HEAD)})"
    size = f"{number(inside.width)} {number(inside.height)}"
    return tag(
        "g", layers, class_="rd-inside", display=None if is_open else "none", transform=corner, data_of=frame.id,
        data_size=size,
    )  # fmt: skip


def _node(placed: PlacedNode, base: PlacedNode) -> Markup:
    """A node; where it stands when all groups are closed is in its data."""
    node, kind = placed.node, placed.kind
    box = " ".join(map(number, (base.x, base.y, base.width, base.height)))
    classes = f"rd-node rd-is-{kind}" + (f" rd-{node.mark}" if node.mark else "")
    inside = None if kind == "port" else [tag("title", node.title or node.name), _boxes(placed), _words(placed)]
    corner = f"translate({number(placed.x)} {number(placed.y)})"
    return tag("g", inside, class_=classes, transform=corner, data_id=placed.id, data_box=box, data_row=placed.row)


def _boxes(placed: PlacedNode) -> list[Markup]:
    """The frame of a node; a pile for what is many."""
    width, height, kind = placed.width, placed.height, placed.kind
    round_by = height / 2 if kind in ("dataset", "clock", "silence") else 3.0 if kind == "task" else 7.0
    boxes = [tag("rect", width=width, height=height, rx=min(round_by, 15.0))]
    if kind == "group" or placed.node.mark == "mapped":
        behind = f"M{number(STACK)} {number(-STACK)}H{number(width + STACK - 6)}q6 0 6 6V{number(height - STACK)}"
        boxes.insert(0, tag("path", d=behind, class_="rd-back", fill="none"))
    return boxes


def _words(placed: PlacedNode) -> list[Markup]:
    node, kind = placed.node, placed.kind
    high = placed.height if node.mark != "open" else HEAD
    middle = high / 2
    lines: list[Markup] = []
    at: dict[str, str | float] = {"x": placed.width / 2, "text_anchor": "middle"}
    if kind in ICONS:
        at = {"x": ICON_ROOM}
        lines.append(tag("path", d=ICONS[kind], class_="rd-icon", transform=f"translate(10 {number(middle - 6)})"))
    first = middle + 4.2 if not node.note else middle - 3
    lines.append(tag("text", node.label, y=first, **at))
    if node.note:
        lines.append(tag("text", node.note, y=first + 15, class_="rd-note", **at))
    return lines


def _edge(edge: PlacedEdge, base: Sequence[XY] | None = None, hidden: bool = False) -> Markup:
    """An edge; how it goes when all groups are closed is in its data."""
    link, is_joint, is_port = edge.link, base is None, edge.kind == "port"
    times = f", {link.count} times" if link.count > 1 else ""
    title = None if is_joint else f"{_name(link.source)} → {_name(link.target)}: {MEANING[link.kind]}{times}"
    line, end = ("", "") if hidden else (way(edge.points, is_port), tip(edge.points))
    return tag(
        "g", tag("title", title) if title else None, tag("path", d=line, class_="rd-line"),
        None if is_port else tag("path", d=end, class_="rd-tip"),
        class_=f"rd-edge {'rd-joint' if is_joint else DASHES.get(link.kind, '')}".rstrip(),
        data_source=link.source, data_target=link.target,
        data_way=None if base is None else " ".join(f"{number(x)},{number(y)}" for x, y in base),
    )  # fmt: skip


def _name(id: str) -> str:
    """The name in an id; that of its DAG for a part of a trigger."""
    kind, _, name = id.partition(" ")
    return name if kind in ("dag", "dataset", "task", "wait", "group", "port") else name.rpartition("#")[0]


def way(points: Sequence[XY], to_the_end: bool = False) -> str:
    """A line through points, its corners rounded, that ends where its tip begins. O(points).

    >>> way([(0, 0), (20, 0), (20, 30)])
    'M0 0L14 0Q20 0 20 6L20 23'
    """
    points = points if to_the_end else [*points[:-1], _toward(points[-1], points[-2], TIP)]
    path = f"M{number(points[0][0])} {number(points[0][1])}"
    for before, at, after in zip(points, points[1:], points[2:]):
        (x, y), (x2, y2) = _toward(at, before, CORNER), _toward(at, after, CORNER)
        path += f"L{number(x)} {number(y)}Q{number(at[0])} {number(at[1])} {number(x2)} {number(y2)}"
    return f"{path}L{number(points[-1][0])} {number(points[-1][1])}"


def tip(points: Sequence[XY]) -> str:
    """The tip of a line, a triangle that ends at its last point. O(1).

    >>> tip([(0, 0), (20, 0)])
    'M20 0L13 3.5L13 -3.5Z'
    """
    (x, y), (base_x, base_y) = points[-1], _toward(points[-1], points[-2], TIP)
    across, along = (x - base_x) / 2, (y - base_y) / 2
    corners = ((x, y), (base_x - along, base_y + across), (base_x + along, base_y - across))
    return "M" + "L".join(f"{number(a)} {number(b)}" for a, b in corners) + "Z"


def _toward(at: XY, other: XY, by: float) -> XY:
    """The point so far from one toward another, at most half of the way."""
    length = max(abs(other[0] - at[0]), abs(other[1] - at[1]))
    share = min(by, length / 2) / length if length else 0.0
    return (at[0] + (other[0] - at[0]) * share, at[1] + (other[1] - at[1]) * share)


def legend(shown: GraphLayout) -> Markup:
    """What the boxes and lines of this picture mean. O(nodes + edges)."""
    kinds = dict.fromkeys(node.kind for node in shown.nodes if node.kind in CALLED)
    glyphs = [_key(kind) for kind in CALLED if kind in kinds and (kind in ICONS)]
    dashes = dict.fromkeys(edge.kind for edge in shown.edges if edge.kind in DASHES)
    lines = [
        tag("span", tag("svg", tag("g", tag("path", d="M0 6h22", class_="rd-line"), class_=DASHES[kind]), width=22,
            height=12, aria_hidden="true"), MEANING[kind]) for kind in dashes
    ]  # fmt: skip
    return tag("div", glyphs, lines, class_="rd-legend")


def _key(kind: ShownKind) -> Markup:
    icon = tag("g", tag("path", d=ICONS[kind], class_="rd-icon"), class_=f"rd-node rd-is-{kind}")
    return tag("span", tag("svg", icon, width=12, height=12, aria_hidden="true"), CALLED[kind])
