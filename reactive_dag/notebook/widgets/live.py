"""The live view in a cell: the wire between pages and `LiveTalk`. Owns `LiveView`. Cost: frames, on a thread."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import anywidget
import traitlets

from reactive_dag.notebook.widgets.assets import script, style
from reactive_dag.notebook.widgets.glyphs import glyphs, marks
from reactive_dag.notebook.widgets.live_talk import LivePart, LiveTalk

if TYPE_CHECKING:
    from reactive_dag.engine.engine import Engine


class LiveView(anywidget.AnyWidget):
    """The view of one engine; made by `engine.view()`. It does not keep the engine alive, and ends with it."""

    _esm = script("graph.js", "live.js")
    _css = style("views.css")
    glyphs = traitlets.Dict().tag(sync=True)
    marks = traitlets.Dict().tag(sync=True)
    base = traitlets.Dict().tag(sync=True)
    frame = traitlets.Dict().tag(sync=True)

    def __init__(self, engine: Engine) -> None:
        super().__init__(glyphs=glyphs(), marks=marks())
        self._graph = engine.graph.id
        self._talk = LiveTalk(engine, self._show)
        self.on_msg(self._hear)

    def _hear(self, _widget: object, message: object, _buffers: object) -> None:
        self._talk.hear(message)

    def _show(self, part: LivePart, data: dict[str, object]) -> None:
        if self.comm is not None:
            self.set_trait(part, data)

    def close(self) -> None:
        """Show it no more; the engine goes on. O(1)."""
        self._talk.close()
        super().close()

    def __dir__(self) -> list[str]:
        return ["close"]

    def __repr__(self, *_: Any) -> str:
        return f"<LiveView of engine {self._graph!r}>"
