"""The notebook wing: how graphs, DAGs and triggers show themselves in Jupyter.

Owns `register_pictures`, the one place where the wings below get what leads up to this one. It loads nothing: a drawing
is imported when it is first shown.
"""

from __future__ import annotations

from reactive_dag.model import pictures


def register_pictures() -> None:
    """Let graphs, DAGs and triggers draw themselves; the module that draws is loaded when it is first needed. O(1)."""
    pictures.register("Graph", "text/html", "reactive_dag.notebook.drawing:draw_graph")
    pictures.register("Dag", "text/html", "reactive_dag.notebook.drawing:draw_dag")
    pictures.register("Trigger", "text/html", "reactive_dag.notebook.drawing:draw_trigger")
