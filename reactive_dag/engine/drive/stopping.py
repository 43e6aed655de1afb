"""Who is told that the end of an attempt counts no more: its body, and its runner (R5, R6, R17, R19).

Owns no state. Each costs O(attempts handed out).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from reactive_dag.engine.execute.assignment import Assignment
from reactive_dag.engine.execute.runners import Runner


class Stopping:
    """Tells of the attempts `inflight`, which change."""

    def __init__(self, inflight: Mapping[tuple[int, int], Assignment], runner: Runner | None) -> None:
        self._inflight = inflight
        self._runner = runner

    def stop(self, which: Callable[[Assignment], bool]) -> None:
        """Tell bodies, and their runner."""
        for job in list(self._inflight.values()):
            if which(job):
                job.stop()
                if self._runner is not None:
                    self._runner.cancel(job.key)

    def stop_run(self, run: int, again: bool) -> None:
        """Tell the bodies of a run that it was cancelled (R5); a teardown's only `again` (R18)."""
        self.stop(lambda job: job.run.run == run and (again or not job.arrays.teardowns[job.index]))

    def stop_marked(self, run: int, task: str) -> None:
        """Tell the bodies of a task that was given its state by hand, or of a run without one (R19)."""
        self.stop(lambda job: job.run.run == run and task in ("", job.arrays.ids[job.index], job.task.id))

    def cancel(self, which: Callable[[Assignment], bool]) -> None:
        """Tell the runner alone."""
        for job in list(self._inflight.values()):
            if self._runner is not None and which(job):
                self._runner.cancel(job.key)
