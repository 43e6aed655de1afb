"""What the picture of one DAG shows: what starts it, its tasks in order, what they wait for and what they change.

Owns `select_dag` and `select_tree`. A mapped task is a pile, a teardown dashed, a wait has its own glyph; a trigger
is a tree, what it hears on the left. O(tasks + edges + size of the triggers).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from reactive_dag.declare.dag import Dag
from reactive_dag.declare.task import AnyTask
from reactive_dag.engine.inspect.trigger_tree import TriggerTree
from reactive_dag.notebook.graphs.shown import Selection, ShownEdge, ShownNode
from reactive_dag.notebook.graphs.sizes import fitted
from reactive_dag.notebook.graphs.trigger_shapes import SHOWN_AS, TriggerShapes


def select_dag(dag: Dag) -> Selection:
    """A DAG's triggers, tasks and datasets. O(tasks + edges + size of the triggers)."""
    own = ShownNode("dag", dag.id, fitted(dag.id), f"DAG {dag.id}", mark="focus")
    nodes: dict[str, ShownNode] = {}
    links: dict[ShownEdge, None] = {}
    for label, trigger in dag.triggers.items():
        found = TriggerShapes(dag.id, f"{dag.id}.{label}" if label else dag.id)
        found.add(trigger, own.id)
        nodes.update((each.id, each) for each in found.nodes)
        links.update(dict.fromkeys(found.links))
    nodes[own.id] = own
    for task in dag.tasks.values():
        shown = _task(task)
        nodes[shown.id] = shown
        above = [ShownEdge("task", _id(dag.tasks[need]), shown.id) for need in task.needs]
        links.update(dict.fromkeys(above or [ShownEdge("task", own.id, shown.id)]))
        links.update(dict.fromkeys(_outside(task, shown.id)))
    links.update((ShownEdge("outlet", own.id, f"dataset {each.uri}"), None) for each in dag.outlets)
    for id in dict.fromkeys(id for link in links for id in (link.source, link.target)):
        if id not in nodes:
            kind, _, name = id.partition(" ")
            nodes[id] = ShownNode("dataset" if kind == "dataset" else "dag", name, fitted(name), f"{kind} {name}")
    return Selection(f"DAG {dag.id}", tuple(nodes.values()), tuple(links))


def _task(task: AnyTask) -> ShownNode:
    if task.map_over is not None:
        note, mark = f"for each of {task.map_over}", "mapped"
    elif task.branch:
        note, mark = "chooses what follows", "branch"
    elif task.teardown:
        note, mark = "whatever happened", "teardown"
    else:
        note, mark = "", ""
    kind = _kind(task)
    title = f"wait {task.id}: {task.wait}" if task.wait is not None else f"task {task.id}"
    return ShownNode(kind, task.id, fitted(task.id), title, fitted(note), mark)


def _kind(task: AnyTask) -> Literal["task", "wait"]:
    return "task" if task.kind == "task" else "wait"


def _id(task: AnyTask) -> str:
    return f"{_kind(task)} {task.id}"


def _outside(task: AnyTask, id: str) -> Iterator[ShownEdge]:
    """What a task waits for, and what it changes."""
    wait = task.wait
    if wait is not None:
        yield ShownEdge("wait", f"dag {wait.dag}" if wait.dataset is None else f"dataset {wait.dataset.uri}", id)
    yield from (ShownEdge("outlet", id, f"dataset {each.uri}") for each in task.outlets)


def select_tree(tree: TriggerTree, title: str = "") -> Selection:
    """A trigger as a tree, with what is pending in its leaves where that is known. O(size)."""
    nodes: list[ShownNode] = []
    links: list[ShownEdge] = []
    todo: list[tuple[TriggerTree, str]] = [(tree, "")]
    while todo:
        each, above = todo.pop()
        kind = SHOWN_AS.get(each.kind) or ("dataset" if each.drawn_as == "dataset" else "dag")
        note = "" if each.pending is None else f"{each.pending} pending"
        mark = "held" if each.pending else ""
        shown = ShownNode(kind, f"{each.kind}#{len(nodes) + 1}", fitted(each.text), each.whole, note, mark)
        nodes.append(shown)
        if above:
            links.append(ShownEdge("trigger", shown.id, above))
        todo.extend((part, shown.id) for part in reversed(each.parts))
    return Selection(title or f"Trigger {fitted(tree.text)}", tuple(nodes), tuple(links))
