"""The wire between the pages of a view and who talks to them in the kernel. Owns `BaseView`. O(1) a message."""

from __future__ import annotations

from typing import Protocol

import anywidget
import traitlets

from reactive_dag.notebook.widgets.glyphs import glyphs


class Talk(Protocol):
    """Who answers what pages send."""

    def hear(self, message: object) -> None:
        """Take a message of a page."""

    def close(self) -> None:
        """Answer no more."""


class BaseView(anywidget.AnyWidget):
    """What views have in common: each part that is shown is state, kept in step with every page of the view."""

    glyphs = traitlets.Dict().tag(sync=True)
    base = traitlets.Dict().tag(sync=True)
    _talk: Talk

    def __init__(self, **shown: object) -> None:
        super().__init__(glyphs=glyphs(), **shown)
        self.on_msg(self._hear)

    def _hear(self, _widget: object, message: object, _buffers: object) -> None:
        self._talk.hear(message)

    def _show(self, part: str, data: dict[str, object]) -> None:
        if self.comm is not None:
            self.set_trait(part, data)

    def close(self) -> None:
        """Show it no more; what it shows goes on. O(1)."""
        self._talk.close()
        super().close()
