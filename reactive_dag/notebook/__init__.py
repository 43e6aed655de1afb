"""The notebook wing: how things show themselves in Jupyter. `register()` tells the wings below, loading nothing."""

from __future__ import annotations

from reactive_dag.model import hooks


def register() -> None:
    """Let graphs, DAGs and triggers draw themselves; the drawing is loaded when it is first asked for. O(1)."""
    hooks.register("Graph", "text/html", "reactive_dag.notebook.drawing:draw_graph")
    hooks.register("Dag", "text/html", "reactive_dag.notebook.drawing:draw_dag")
    hooks.register("Trigger", "text/html", "reactive_dag.notebook.drawing:draw_trigger")
