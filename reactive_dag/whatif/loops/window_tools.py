"""What evaluates a window and is made once for it: the keys of draws, the levels, the plan of the event loop.

Owns `WindowTools`, kept with the version of the graph. O(nodes + edges) once.
"""

from __future__ import annotations

import sys
from functools import cached_property
from importlib.util import find_spec
from typing import TYPE_CHECKING

from reactive_dag.declare.internals import analysis_of
from reactive_dag.whatif.loops.drawn import DrawnNodes
from reactive_dag.whatif.loops.levels import Levels
from reactive_dag.whatif.loops.loop_plan import LoopPlan

if TYPE_CHECKING:
    from reactive_dag.declare.graph import Graph
    from reactive_dag.whatif.loops.compiled_levels import CompiledLevels
    from reactive_dag.whatif.loops.compiled_play import CompiledPlan
    from reactive_dag.whatif.loops.drawn import WindowDraws
    from reactive_dag.whatif.window.arrays import Window

KEPT_AS = "futures"
"""The name under which a version of a graph keeps what evaluates its last window."""

WORTH_LOADING = 10_000_000
"""From so many nodes, of all futures together, on levels are worth loading numba for, which takes half a second."""

WORTH_LOADING_LOOP = 100_000
"""After so many nodes of single futures in plain Python the compiled loop is worth loading numba for: as much time."""


class WindowTools:
    """What evaluates a window, made once for it: the keys of draws, the levels, the plan of the event loop."""

    def __init__(self, window: Window) -> None:
        self.drawn = DrawnNodes(window)
        self._played = 0

    @cached_property
    def levels(self) -> Levels:
        """Those of the window. O(nodes + edges) once."""
        return Levels(self.drawn.window)

    @cached_property
    def loop_plan(self) -> LoopPlan:
        """That of the window. O(nodes + edges) once."""
        return LoopPlan.of(self.drawn.window)

    @cached_property
    def compiled(self) -> CompiledPlan | None:
        """The arrays of the compiled loop; None without numba, or where it cannot play. O(nodes + edges) once."""
        from reactive_dag.whatif.loops.compiled_play import CompiledPlan, can_play  # imports numba

        return CompiledPlan(self.loop_plan) if can_play(self.loop_plan) else None

    def compiled_for_one(self) -> CompiledPlan | None:
        """The compiled loop for one future more; None where it is played in plain Python. O(1).

        It is used where it is loaded already, and loaded once plain plays of this window have taken as long as that.
        """
        self._played += self.drawn.window.size
        if self._played < WORTH_LOADING_LOOP:
            module = sys.modules.get("reactive_dag.whatif.loops.compiled_play")
            if module is None or not module.is_loaded():
                return None
        return self.compiled if find_spec("numba") is not None else None

    def compiles_levels(self, n: int) -> bool:
        """Whether levels of `n` futures are compiled: with numba, where NumPy is not done before that. O(1)."""
        if "reactive_dag.whatif.loops.compiled_levels" in sys.modules:
            return True
        return n * self.drawn.window.size >= WORTH_LOADING and find_spec("numba") is not None

    def compiled_levels(self, draws: WindowDraws, n: int) -> CompiledLevels | None:
        """The compiled levels of a question; None where they are not compiled. O(nodes)."""
        if not self.compiles_levels(n):
            return None
        from reactive_dag.whatif.loops.compiled_levels import CompiledLevels  # imports numba

        return CompiledLevels(draws)


def tools_of(graph: Graph, window: Window) -> WindowTools:
    """What evaluates a window of a version of a graph. O(1), the first time O(nodes)."""
    kept = analysis_of(graph).kept
    found = kept.get(KEPT_AS)
    if not isinstance(found, WindowTools) or found.drawn.window is not window:
        found = kept[KEPT_AS] = WindowTools(window)
    return found
