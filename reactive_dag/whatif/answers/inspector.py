"""The engine's questions, asked of a course that is over: runs, events, reasons, what triggers hold.

Owns `inspector_of`. Invariant: nothing changes the finished fold. What asks for something still to come, the end of a
run or the next record, raises UsageError; a stream from an offset on gives what is recorded.
"""

from __future__ import annotations

from typing import Any, NoReturn

from reactive_dag.engine.fold.fold import Fold
from reactive_dag.engine.inspect.fold_host import FoldHost
from reactive_dag.engine.inspect.queries import Queries
from reactive_dag.model.errors import UsageError
from reactive_dag.model.records import AnyRecord
from reactive_dag.streams.observers import Observers


def inspector_of(fold: Fold) -> Queries:
    """Answers about a finished fold, as an engine gives them about its own. O(1)."""
    return Queries(FoldHost(fold, _refuse_to_wait), _FinishedLog(fold.log))


class _FinishedLog(Observers[AnyRecord]):
    """The records of a log that no record is added to."""

    def observe(self, view: Any, start: int | None = None) -> Any:
        """What is recorded from `start` on. Raises UsageError without a start."""
        if start is None:
            raise UsageError(
                "nothing more happens in a finished course, so there is nothing to observe: its .runs, .timeline() and "
                ".pending() say what happened"
            )
        return super().observe(view, start)


def _refuse_to_wait(run: int, timeout: object) -> NoReturn:
    raise UsageError("nothing more happens in a finished course: its .pending() says what this run waits for")
