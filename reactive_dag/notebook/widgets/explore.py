"""`rd.explore`: the what-if panel of a simulation, made where the extra `notebook` is installed.

Owns no state. Cost: O(1); what the panel shows is worked out on a thread.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from reactive_dag.declare.settings.parsers import whole
from reactive_dag.model.errors import InvalidValue
from reactive_dag.model.text import seen
from reactive_dag.notebook.widgets.extra import need_anywidget
from reactive_dag.whatif.simulation import Simulation

if TYPE_CHECKING:
    from reactive_dag.notebook.widgets.panel import WhatIfPanel

FUTURES, WANTED = 500, Simulation


def explore(simulation: Simulation, *, futures: int = FUTURES) -> WhatIfPanel:
    """A panel in which things are dragged and everything follows; landing times are of so many `futures`. O(1).

    What it shows is worked out on a thread, the newest value first: cells run meanwhile (N20). Raises InvalidValue for
    what is no simulation, ImportError without the extra `notebook`.
    """
    explored: object = simulation
    if not isinstance(explored, WANTED):
        raise InvalidValue(f"rd.explore() takes a simulation, as rd.simulate(...) gives it, not {seen(explored)}")
    count = whole(futures, "futures", 1)
    need_anywidget("rd.explore()")
    from reactive_dag.notebook.widgets.panel import WhatIfPanel

    return WhatIfPanel(simulation, count)
