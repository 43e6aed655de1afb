"""The engine's questions, asked of a course that is over: runs, causes, what is pending.

Owns no state but the finished core; what would change it is refused.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn

from reactive_dag.engine.inspect.queries import Asking
from reactive_dag.model.errors import UsageError

if TYPE_CHECKING:
    from reactive_dag.engine.fold.fold import Core


class Lens(Asking):
    """Looks at a finished core as an engine looks at its own."""

    def __init__(self, core: Core) -> None:
        self.graph = core.graph
        self.core = core
        self._log = core.log

    def wait_for_run(self, run: int, timeout: object) -> NoReturn:
        """Refuse: what has not ended in a course that is over never will. Raises UsageError."""
        raise UsageError("nothing more happens in a finished course: its .pending() says what this run waits for")
