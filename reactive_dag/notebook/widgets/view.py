"""`engine.view()`: the live view of an engine, made where the extra `notebook` is installed. Owns no state. O(DAGs)."""

from __future__ import annotations

from reactive_dag.engine.engine import Engine
from reactive_dag.notebook.widgets.extra import need_anywidget


def live_view(engine: object) -> object:
    """The live view of an engine. O(DAGs). Raises ImportError without the extra `notebook`."""
    assert isinstance(engine, Engine)
    need_anywidget("engine.view()")
    from reactive_dag.notebook.widgets.live import LiveView

    return LiveView(engine)
