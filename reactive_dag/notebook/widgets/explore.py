"""`rd.explore`: the what-if panel in a cell.

Owns `WhatIfPanel`, which is only the wire between the pages and `PanelTalk`. What it shows is state that is kept in
step, so a page that comes later, or is opened twice, has it too. Cost: that of the answers, on a thread.
"""

from __future__ import annotations

from typing import Any

import anywidget
import traitlets

from reactive_dag.declare.settings.parsers import whole
from reactive_dag.model.errors import InvalidValue
from reactive_dag.model.text import seen
from reactive_dag.notebook.widgets.assets import script, style
from reactive_dag.notebook.widgets.glyphs import glyphs
from reactive_dag.notebook.widgets.panel_talk import PanelTalk, Part
from reactive_dag.whatif.simulation import Simulation

FUTURES = 500


def explore(simulation: Simulation, *, futures: int = FUTURES) -> WhatIfPanel:
    """A panel in which things are dragged and everything follows; landing times are of so many `futures`. O(1).

    What it shows is worked out on a thread, the newest value first: cells run meanwhile. Raises InvalidValue for what
    is no simulation, ImportError without the extra `notebook`.
    """
    if not isinstance(simulation, Simulation):
        raise InvalidValue(f"rd.explore() takes a simulation, as rd.simulate(...) gives it, not {seen(simulation)}")
    return WhatIfPanel(simulation, whole(futures, "futures", 1))


class WhatIfPanel(anywidget.AnyWidget):
    """The panel of one simulation; made by `rd.explore`."""

    _esm = script("graph.js", "panel.js")
    _css = style("views.css")
    glyphs = traitlets.Dict().tag(sync=True)
    base = traitlets.Dict().tag(sync=True)
    base_landing = traitlets.Dict().tag(sync=True)
    answer = traitlets.Dict().tag(sync=True)
    landing = traitlets.Dict().tag(sync=True)

    def __init__(self, simulation: Simulation, futures: int) -> None:
        super().__init__(glyphs=glyphs())
        self._talk = PanelTalk(simulation, futures, self._show)
        self.on_msg(self._hear)

    def _hear(self, _widget: object, message: object, _buffers: object) -> None:
        self._talk.hear(message)

    def _show(self, part: Part, data: dict[str, object]) -> None:
        if self.comm is not None:
            self.set_trait(part, data)

    @property
    def simulation(self) -> Simulation:
        """What is set now, as a value: the base with the panel's interventions. O(what they reach) once."""
        return self._talk.exploration.simulation

    @property
    def scenarios(self) -> dict[str, Simulation]:
        """The scenarios that were kept, by name. O(what they reach) each."""
        tried = self._talk.exploration
        return {each.name: tried.simulation_of(each.settings, each.name) for each in tried.kept}

    @property
    def code(self) -> str:
        """The Python of what is set now; the base is called `simulation`. O(settings)."""
        return self._talk.exploration.code

    def close(self) -> None:
        """Show it no more; what is worked on is left. O(1)."""
        self._talk.close()
        super().close()

    def __repr__(self, *_: Any) -> str:
        return f"<WhatIfPanel {self._talk.exploration.base.graph.id!r}: {self.code}>"
