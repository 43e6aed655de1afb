"""A plain drawing of a graph: columns by height, left to right, as SVG in HTML that follows the notebook's theme.

Owns the layout and nothing else: nodes in a column are ordered by the mean place of what they follow (the barycentre of
Sugiyama's method), so few edges cross. Costs O((nodes + edges) log nodes).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from hashlib import blake2b

import attrs

from reactive_dag.declare.analysis.edges import Edge, NodeKind
from reactive_dag.declare.dag import Dag
from reactive_dag.declare.graph import Graph
from reactive_dag.notebook.kit.markup import Markup, tag
from reactive_dag.notebook.kit.theme import picture
from reactive_dag.resolve.heights import heights
from reactive_dag.triggers.base import Trigger

BOX = 30
ROW = 48
GAP = 64
LETTER = 7.2
LONGEST_LABEL = 42
SWEEPS = 4
"""Passes of ordering, forth and back."""

SVG = "http://www.w3.org/2000/svg"
INK = {"dag": "blue", "dataset": "green", "task": "blue", "clock": "orange"}
"""The colour of a frame; its shape says the same: a DAG has corners, a dataset is round, a clock is dashed."""

DASHED = {"clock": "4 3", "absent": "4 3", "missed": "4 3", "latest": "4 3", "feedback": "4 3", "wait": "2 3"}
MEANING = {
    "updated": "starts on its events", "completed": "starts on its runs", "clock": "starts on the clock",
    "absent": "starts on its silence", "missed": "starts when it is late", "latest": "gives its newest",
    "feedback": "comes back",
    "outlet": "produces",    "wait": "waits for", "task": "comes before",
}  # fmt: skip


@attrs.define
class Box:
    """One node: what it is, its text, and where it stands (in SVG units)."""

    id: str
    kind: str
    text: str
    x: float = 0.0
    y: float = 0.0
    width: float = 0.0
    column: int = 0

    @property
    def middle(self) -> float:
        """The height of its middle."""
        return self.y + BOX / 2


def draw_graph(graph: object) -> str:
    """A graph as SVG: DAGs, datasets and clocks. O((nodes + edges) log nodes)."""
    assert isinstance(graph, Graph)
    edges = [edge for edge in graph.edges if "task" not in (edge.source_kind, edge.target_kind)]
    edges += _waits_by_dag(graph)
    kinds = dict.fromkeys(graph.dags, "dag")
    return _svg(f"Graph {graph.id}", *_laid_out(kinds, list(dict.fromkeys(edges)), _text))


def draw_dag(dag: object) -> str:
    """A DAG's tasks as SVG. O((tasks + edges) log tasks)."""
    assert isinstance(dag, Dag)
    kinds = dict.fromkeys(dag.tasks, "task")
    edges = [Edge("task", need, task.id, "task", "task") for task in dag.tasks.values() for need in task.needs]
    return _svg(f"DAG {dag.id}", *_laid_out(kinds, edges, str))


def draw_trigger(trigger: object) -> str:
    """A trigger as SVG: what it hears on the left, what it makes of that to the right. O(size log size)."""
    assert isinstance(trigger, Trigger)
    texts: dict[str, str] = {}
    kinds: dict[str, NodeKind] = {}
    edges: list[Edge] = []
    todo: list[tuple[Trigger, str]] = [(trigger, "")]
    while todo:
        each, above = todo.pop()
        id = f"{len(texts) + 1}: {each!r}"
        texts[id], kinds[id] = _own_text(each), each.drawn_as
        if above:
            edges.append(Edge("task", id, above, kinds[id], kinds[above]))
        todo.extend((part, id) for part in reversed(each.parts))
    return _svg(f"Trigger {trigger!r}", *_laid_out(dict(kinds), edges, texts.__getitem__))


def _own_text(trigger: Trigger) -> str:
    """What a trigger says without its parts: `.batch(count=10)`, `all_of(consume='each')`, or all of a leaf."""
    text = repr(trigger)
    for part in trigger.parts:
        text = text.replace(f"{part!r}, ", "", 1) if f"{part!r}, " in text else text.replace(repr(part), "", 1)
    return _text(text).replace("after=)", "after=…)").replace(", )", ")").removesuffix("()")


def _waits_by_dag(graph: Graph) -> Iterable[Edge]:
    for edge in graph.edges:
        if edge.kind == "wait" or (edge.kind == "outlet" and edge.source_kind == "task"):
            kind: NodeKind = "dataset" if edge.source_kind == "dataset" else "dag"
            source = edge.source if kind == "dataset" else _owner(graph, edge.source)
            target = _owner(graph, edge.target)
            if source != target:
                target_kind = "dag" if edge.kind == "wait" else edge.target_kind
                yield Edge(edge.kind, source, target if edge.kind == "wait" else edge.target, kind, target_kind)


def _owner(graph: Graph, id: str) -> str:
    while id not in graph.dags and "." in id:
        id = id.rpartition(".")[0]
    return id


# ----------------------------------------------------------------------------------------- layout


def _laid_out(kinds: dict[str, str], edges: list[Edge], text: Callable[[str], str]) -> tuple[list[Box], list[Edge]]:
    kinds = dict(kinds)
    for edge in edges:
        kinds.setdefault(edge.source, edge.source_kind)
        kinds.setdefault(edge.target, edge.target_kind)
    edges = [edge for edge in edges if edge.source != "*"]
    kinds.pop("*", None)
    boxes = {id: Box(id, kind, _short(text(id))) for id, kind in kinds.items()}
    down: dict[str, list[str]] = {id: [] for id in boxes}
    for edge in edges:
        down[edge.source].append(edge.target)
    columns: dict[int, list[Box]] = {}
    for id, height in heights(boxes, down).items():
        columns.setdefault(height, []).append(boxes[id])
    rows = [columns[height] for height in sorted(columns)]
    _order(rows, edges)
    _set_positions(rows)
    return list(boxes.values()), edges


def _order(columns: list[list[Box]], edges: list[Edge]) -> None:
    near: dict[str, list[str]] = {}
    for edge in edges:
        near.setdefault(edge.source, []).append(edge.target)
        near.setdefault(edge.target, []).append(edge.source)
    position = {box.id: float(n) for column in columns for n, box in enumerate(column)}
    for sweep in range(SWEEPS):
        for column in columns if sweep % 2 == 0 else reversed(columns):
            column.sort(key=lambda box: _mean([position[id] for id in near.get(box.id, ())], position[box.id]))
            position.update({box.id: n - len(column) / 2 for n, box in enumerate(column)})


def _mean(values: list[float], otherwise: float) -> float:
    return sum(values) / len(values) if values else otherwise


def _set_positions(columns: list[list[Box]]) -> None:
    tallest = max((len(column) for column in columns), default=0)
    x = 8.0
    for number, column in enumerate(columns):
        width = max(len(box.text) for box in column) * LETTER + 24
        top = 8 + (tallest - len(column)) * ROW / 2
        for n, box in enumerate(column):
            box.x, box.y, box.width, box.column = x, top + n * ROW, width, number
        x += width + GAP


def _text(id: str) -> str:
    return id.removeprefix("rd.")


def _short(text: str) -> str:
    return text if len(text) <= LONGEST_LABEL else f"{text[: LONGEST_LABEL // 2 - 1]}…{text[-(LONGEST_LABEL // 2) :]}"


# ----------------------------------------------------------------------------------------- SVG


def _svg(title: str, boxes: list[Box], edges: list[Edge]) -> Markup:
    at = {box.id: box for box in boxes}
    width = round(max((box.x + box.width for box in boxes), default=80) + 8)
    height = round(max((box.y + BOX for box in boxes), default=24) + ROW / 2)
    arrow = f"rd-{blake2b(repr((title, boxes, edges)).encode(), digest_size=6).hexdigest()}"
    tip = tag("path", d="M0 0 8 4 0 8z", fill="currentColor", class_="rd-quiet")
    marker = tag(
        "marker", tip, id=arrow, viewBox="0 0 8 8", refX=8, refY=4, markerWidth=7, markerHeight=7, orient="auto"
    )
    drawing = tag(
        "svg", tag("defs", marker), [_curve(edge, at, arrow) for edge in edges], map(_node, boxes), role="img",
        xmlns=SVG, aria_label=title, width=width, height=height, viewBox=f"0 0 {width} {height}",
    )  # fmt: skip
    return picture(drawing)


def _node(box: Box) -> Markup:
    frame = tag(
        "rect", x=box.x, y=box.y, width=box.width, height=BOX, rx=BOX / 2 if box.kind == "dataset" else 4.0,
        fill="var(--rd-stripe)", stroke=f"var(--rd-{INK[box.kind]})", stroke_width=1.5,
        stroke_dasharray="4 3" if box.kind == "clock" else None,
    )  # fmt: skip
    text = tag("text", box.text, x=box.x + box.width / 2, y=box.middle + 4.5, text_anchor="middle", fill="currentColor")
    return tag("g", tag("title", f"{box.kind} {box.id}"), frame, text)


def _curve(edge: Edge, at: dict[str, Box], arrow: str) -> Markup:
    source, target = at[edge.source], at[edge.target]
    x, y = source.x + source.width, source.middle
    x2, y2 = target.x - 1, target.middle
    bend = max((x2 - x) / 2, GAP / 2)
    # An edge that skips a column swings out, so that it does not hide behind the boxes in between.
    swing = ROW * 0.8 if target.column - source.column > 1 and abs(y2 - y) < ROW else 0.0
    curve = f"C{x + bend:.1f} {y + swing:.1f} {x2 - bend:.1f} {y2 + swing:.1f}"
    return tag(
        "path", tag("title", f"{edge.source} → {edge.target}: {MEANING[edge.kind]}"),
        d=f"M{x:.1f} {y:.1f} {curve} {x2:.1f} {y2:.1f}", fill="none", stroke="currentColor", class_="rd-quiet",
        stroke_dasharray=DASHED.get(edge.kind), marker_end=f"url(#{arrow})",
    )  # fmt: skip
