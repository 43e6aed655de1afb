"""The what-if panel in a cell.

Owns `WhatIfPanel`, which is only the wire between the pages and `PanelTalk`. What it shows is state that is kept in
step, so a page that comes later, or is opened twice, has it too. Cost: that of the answers, on a thread.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import traitlets

from reactive_dag.notebook.exploring.panel_talk import PanelTalk
from reactive_dag.notebook.widgets.assets import script, style
from reactive_dag.notebook.widgets.base_view import BaseView

if TYPE_CHECKING:
    from reactive_dag.whatif.simulation import Simulation


class WhatIfPanel(BaseView):
    """The panel of one simulation; made by `rd.explore`."""

    _esm = script("graph.js", "panel.js")
    _css = style("views.css")
    near = traitlets.Dict().tag(sync=True)
    base_landing = traitlets.Dict().tag(sync=True)
    answer = traitlets.Dict().tag(sync=True)
    landing = traitlets.Dict().tag(sync=True)

    def __init__(self, simulation: Simulation, futures: int) -> None:
        super().__init__()
        self._talk: PanelTalk = PanelTalk(simulation, futures, self._show)

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

    def __dir__(self) -> list[str]:
        return ["close", "code", "scenarios", "simulation"]

    def __repr__(self, *_: Any) -> str:
        return f"<WhatIfPanel {self._talk.exploration.base.graph.id!r}: {self.code}>"
