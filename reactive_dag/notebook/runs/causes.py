"""The tree of `engine.why`: a line a node, indented below what it caused, runs with their states. O(nodes shown)."""

from __future__ import annotations

from reactive_dag.declare.analysis.zones import zone_of
from reactive_dag.engine.inspect.run import Run
from reactive_dag.engine.inspect.why import Why
from reactive_dag.model.text import one_line
from reactive_dag.notebook.kit.markup import Content, Markup, tag
from reactive_dag.notebook.kit.states import glyph, state_shown
from reactive_dag.notebook.kit.theme import picture
from reactive_dag.notebook.kit.times import Zone
from reactive_dag.notebook.runs.events import line
from reactive_dag.notebook.runs.run_lists import is_readable, short_key

MOST_LINES, MOST_INDENTED, INDENT = 200, 24, 18
"""So many lines are drawn; so many are indented under each other, by so many pixels each."""


def draw_why(found: object) -> str:
    """The tree of causes, or what is missing."""
    assert isinstance(found, Why)
    if not _is_readable(found):
        return picture(one_line(found.text))
    tz = _zone(found)
    lines: list[Markup] = []
    todo = [(1, found)]
    while todo and len(lines) < MOST_LINES:
        level, node = todo.pop()
        lines.append(_item(level, _said(node, tz)))
        lines += [_item(level + 1, state_shown("failed", one_line(text))) for text in (node.error or "").splitlines()]
        lines += [_item(level + 1, state_shown("missing", f"missing: {one_line(text)}")) for text in node.missing]
        todo += [(level + 1, cause) for cause in reversed(node.causes)]
    more = tag("div", f"… and {len(todo)} more branches: print(…) shows all", class_="rd-quiet") if todo else None
    note = tag("div", tz.note, class_="rd-quiet")
    return picture(tag("ul", lines, role="tree", aria_label="why"), more, note)


def why_text(found: object) -> str:
    """The tree as text; where the engine was closed meanwhile, its root."""
    assert isinstance(found, Why)
    return str(found) if _is_readable(found) else one_line(found.text)


def _is_readable(found: Why) -> bool:
    return found.run is None or is_readable([found.run])


def _zone(found: Why) -> Zone:
    todo = [found]
    while todo:
        node = todo.pop()
        if node.run is not None:
            return Zone(zone_of(node.run._host.graph, node.run.dag))
        todo += node.causes
    return Zone()


def _item(level: int, *inside: Content) -> Markup:
    indent = min(level - 1, MOST_INDENTED) * INDENT
    return tag("li", *inside, role="treeitem", aria_level=level, style=f"padding-left:{indent}px")


def _said(node: Why, tz: Zone) -> Content:
    if node.run is None:
        return one_line(node.text) if node.event is None else line(node.event, tz)
    return [run_line(node.run, tz), _how(node)]


def run_line(run: Run, tz: Zone) -> Content:
    """A run in one line: state, DAG, what it is for, key. O(1)."""
    about = run.partition or tz.date(run.logical_date)
    return [
        tag("span", glyph(run.state), tag("b", run.dag), class_="rd-state", title=run.state),
        f" {about}" if about else None,
        tag("span", f" {run.state}, run ", tag("code", short_key(run.key), title=run.key), class_="rd-quiet"),
    ]  # fmt: skip


def _how(node: Why) -> Markup | None:
    """What of the run was the cause, where it is not the run itself."""
    if node.event is None:
        return None
    if node.event.kind == "missed":
        return tag("span", " missed its deadline", class_="rd-purple")
    task = f"task {node.event.task} " if node.event.task else ""
    return tag("span", f", {task}completed", class_="rd-quiet")
