"""What `engine.pending` gives: where the items of each part went, and what else the DAG waits for. O(parts + waits)."""

from __future__ import annotations

from reactive_dag.engine.inspect.pending import Part, Pending
from reactive_dag.engine.inspect.trigger_tree import TriggerTree
from reactive_dag.model.text import counted, one_line
from reactive_dag.notebook.graphs.dag_selection import select_tree
from reactive_dag.notebook.graphs.drawing import svg_of
from reactive_dag.notebook.graphs.layout import placed_selection
from reactive_dag.notebook.graphs.look import sheet_of_graphs
from reactive_dag.notebook.kit.markup import Markup, tag
from reactive_dag.notebook.kit.states import state_shown
from reactive_dag.notebook.kit.tables import CellContent, cell_of, table, titled
from reactive_dag.notebook.kit.theme import picture
from reactive_dag.notebook.kit.times import Zone
from reactive_dag.notebook.runs.events import line

NAMES = ("part", "pending", "delivered", "consumed", "dropped", "waits with")
RIGHT = frozenset({"pending", "delivered", "consumed"})
MOST_ITEMS = 3


def draw_pending(found: object) -> str:
    """What a DAG holds and waits for."""
    assert isinstance(found, Pending)
    tz = Zone()
    rows = [_row(part, tz) for part in found.parts]
    title = f"{one_line(found.dag)} is {'paused' if found.paused else 'waiting' if _waits(found) else 'idle'}"
    above, _ = titled(title, tz.note)
    parts = table(NAMES, rows, right=RIGHT, label=title) if rows else None
    trees = [_tree(label, tree) for label, tree in found.trees.items()]
    rules = sheet_of_graphs() if trees else None
    return picture(rules, above, trees, parts, tag("ul", [tag("li", each) for each in _lines(found, tz)]))


def _tree(label: str, tree: TriggerTree) -> Markup:
    """A trigger drawn, with what is pending in it."""
    shown = placed_selection(select_tree(tree, f"Trigger {label}".rstrip()))
    name = tag("div", label, class_="rd-quiet") if label else None
    return tag("div", name, tag("div", svg_of(shown), class_="rd-scroll"), class_="rd-tree")


def _waits(found: Pending) -> bool:
    return bool(any(part.pending for part in found.parts) or found.waits or found.queued or found.held)


def _row(part: Part, tz: Zone) -> list[CellContent]:
    dropped = ", ".join(f"{count} {policy}" for policy, count in sorted(part.dropped.items()))
    parked = f" ({len(part.parked)} parked)" if part.parked else ""
    items = "; ".join(line(event, tz) for event in part.items[:MOST_ITEMS])
    more = f"; and {len(part.items) - MOST_ITEMS} more" if len(part.items) > MOST_ITEMS else ""
    texts = (part.text.replace("rd.", ""), f"{part.pending}{parked}", str(part.delivered), str(part.consumed), dropped)
    return [*map(cell_of, texts), cell_of(items + more)]


def _lines(found: Pending, tz: Zone) -> list[Markup]:
    """What it waits for besides, a line each."""
    lines = [state_shown("failed", one_line(text)) for text in found.faults]
    lines += [tag("span", f"joined: {one_line(text)}", class_="rd-quiet") for text in found.joins.values() if text]
    lines += [state_shown("waiting", str(period)) for period in found.gathering]
    lines += [state_shown("waiting", str(wait)) for wait in found.waits]
    if found.held:
        lines.append(state_shown("paused", f"{counted(found.held, 'firing')} held by the pause"))
    if found.queued:
        lines.append(state_shown("queued", f"{counted(found.queued, 'run')} queued"))
    if found.deadline is not None:
        lines.append(state_shown("missed", f"a deadline at {tz.text(found.deadline)}"))
    lines += [state_shown("queued", one_line(text)) for text in found.backfills]
    if found.undecided:
        lines.append(state_shown("queued", f"records not decided yet: {found.undecided}; engine.run_until_idle()"))
    return lines
