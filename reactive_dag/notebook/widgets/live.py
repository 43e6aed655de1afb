"""The live view in a cell: the wire between pages and `LiveTalk`. Owns `LiveView`. Cost: frames, on a thread."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import traitlets

from reactive_dag.notebook.widgets.assets import script, style
from reactive_dag.notebook.widgets.base_view import BaseView
from reactive_dag.notebook.widgets.glyphs import marks
from reactive_dag.notebook.widgets.live_talk import LiveTalk

if TYPE_CHECKING:
    from reactive_dag.engine.engine import Engine


class LiveView(BaseView):
    """The view of one engine; made by `engine.view()`. It does not keep the engine alive, and ends with it."""

    _esm = script("graph.js", "live.js")
    _css = style("views.css")
    marks = traitlets.Dict().tag(sync=True)
    frame = traitlets.Dict().tag(sync=True)

    def __init__(self, engine: Engine) -> None:
        super().__init__(marks=marks())
        self._graph = engine.graph.id
        self._talk: LiveTalk = LiveTalk(engine, self._show)

    def __dir__(self) -> list[str]:
        return ["close"]

    def __repr__(self, *_: Any) -> str:
        return f"<LiveView of engine {self._graph!r}>"
