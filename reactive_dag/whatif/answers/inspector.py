"""The engine's questions, asked of a course that is over: runs, causes, what is pending.

Owns no state but the finished fold; what would change it is refused.
"""

from __future__ import annotations

from typing import NoReturn

from reactive_dag.engine.fold.fold import Fold
from reactive_dag.engine.inspect.fold_host import FoldHost
from reactive_dag.engine.inspect.queries import Queries
from reactive_dag.model.errors import UsageError
from reactive_dag.streams.observers import Feed


def inspector_of(fold: Fold) -> Queries:
    """Answers about a finished fold, as an engine gives them about its own."""
    return Queries(FoldHost(fold, _refuse), Feed(fold.log))


def _refuse(run: int, timeout: object) -> NoReturn:
    """Refuse to wait: what has not ended in a course that is over never will. Raises UsageError."""
    raise UsageError("nothing more happens in a finished course: its .pending() says what this run waits for")
