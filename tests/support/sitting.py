"""Bodies that wait for a child (R3), as the test wants it: in a thread each, of which one moves at a time."""

from __future__ import annotations

from collections.abc import Callable
from threading import Event, Thread

import reactive_dag as rd
from reactive_dag.engine.execute.assignment import Assignment

CHILD = "s"
"""The DAG whose runs they start."""


class Sitting:
    """A body that starts a run and waits for it; when it may go on, it waits for the test to say how it ends.

    `moved`: it waits for the child, or has ended. `back`: it waits no more. `end` lets it end.
    """

    def __init__(self, job: Assignment) -> None:
        self.job = job
        self.name = "", "", 0
        self.then: Callable[[rd.Run], object] = lambda run: None
        self.waits = self.is_gone = False
        self.moved, self.back, self.end = Event(), Event(), Event()
        self.thread = Thread(target=self.execute, daemon=True)

    def execute(self) -> None:
        """What the thread does."""
        try:
            self.job.execute()
        except BaseException:
            if not self.is_gone:
                raise
        finally:
            self.moved.set()
            self.back.set()

    def body(self, run: rd.Run) -> object:
        """What the task does."""
        try:
            run.start(CHILD).wait()
        finally:
            self.back.set()
            self.end.wait()
        return self.then(run)

    def begin(self) -> bool:
        """Execute up to where it waits; whether it does."""
        self.thread.start()
        self.moved.wait()
        return self.waits

    def is_waiting(self) -> None:
        """The engine has its slots."""
        self.waits = True
        self.moved.set()

    def finish(self, then: Callable[[rd.Run], object]) -> None:
        """Let it end in some way."""
        self.then = then
        self.end.set()
        self.thread.join()

    def leave(self) -> None:
        """Its process is gone: whatever it does counts for nothing."""
        self.is_gone = True
        self.end.set()
        self.thread.join()
