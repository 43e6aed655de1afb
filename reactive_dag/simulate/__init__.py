"""What if: the engine's own graph, run in virtual time, with durations instead of bodies.

`rd.simulate` is the name of this wing and of its one function, so the wing can be called: see `simulation.simulate`.
"""

from __future__ import annotations

import sys
from inspect import Signature, signature
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from reactive_dag.simulate.simulation import Simulation


class Wing(ModuleType):
    """A module that can be called."""

    def __call__(self, *args: Any, **asked: Any) -> Simulation:
        """Play a graph in virtual time: `reactive_dag.simulate.simulation.simulate`. O(records)."""
        from reactive_dag.simulate.simulation import simulate

        return simulate(*args, **asked)

    @property
    def __signature__(self) -> Signature:
        from reactive_dag.simulate.simulation import simulate

        return signature(simulate)


sys.modules[__name__].__class__ = Wing
