"""The workers of a scenario: several attempts under way at one time, all on the thread that drives.

Owns `InlineWorkers`. Invariant: attempts are executed in the order in which they were handed out, and end in the order
in which their ends are due, so that a scenario goes the same way each time.
"""

from __future__ import annotations

from reactive_dag.engine.execute.assignment import Assignment
from reactive_dag.engine.execute.runners import LocalRunner


class InlineWorkers(LocalRunner):
    """A runner of so many workers that executes bodies inline; what a stub holds does not hold up the others."""

    inline = True

    def __init__(self, workers: int) -> None:
        self.workers = self.ahead = workers
        self._handed: list[Assignment] = []

    def submit(self, assignment: Assignment) -> None:
        """Take one attempt. O(1)."""
        self._handed.append(assignment)

    def run_next(self) -> bool:
        """Execute the next attempt that can be executed now; False if there is none. O(workers)."""
        for assignment in self._handed:
            if assignment.is_held:
                continue
            if assignment.execute():
                self._handed.remove(assignment)
                return True
        return False

    def close(self, grace: float) -> None:
        """Forget what was handed out."""
        self._handed.clear()

    def __repr__(self) -> str:
        return f"InlineWorkers({self.workers})"
