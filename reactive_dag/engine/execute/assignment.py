"""`Assignment`: one attempt that was handed out, as a runner gets it (R25).

Owns what of an attempt under way is in no record: whether it is to stop, and what cancels its coroutine. What a runner
elsewhere needs is data, worked out when it is asked for, so an attempt that executes in this process pays for none of
it. Each answer is O(1), `digest` O(the task's declaration), `briefing` O(the run's causes).
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import Any, Protocol

import attrs

from reactive_dag.declare.internals import task_digest
from reactive_dag.declare.task import AnyTask
from reactive_dag.engine.execute.event_loops import Cancel
from reactive_dag.engine.inspect.attempt_logs import AttemptLog
from reactive_dag.engine.runs.state import RunState
from reactive_dag.engine.runs.task_arrays import TaskArrays
from reactive_dag.model.records import Json
from reactive_dag.model.times import NEVER

CallBody = Callable[["Assignment", dict[str, Any], Callable[[object], Json]], Json]
"""Calls the body of an attempt with its arguments, wherever it executes; what it returned, as it is recorded.

The last is what makes it so, and is called where the body executes. Raises `RaisedElsewhere` or `WorkerLost`.
"""


class Dispatcher(Protocol):
    """What an assignment asks of the engine that handed it out."""

    @property
    def graph_path(self) -> str | None:
        """The import path of the graph, "module:name"; None for one that no module holds."""

    def execute(self, assignment: Assignment, call: CallBody | None) -> bool:
        """Execute an attempt on this thread, and record its end; False if its end is not due yet."""

    def briefing(self, assignment: Assignment) -> Mapping[str, object]:
        """What the body may read of its run."""

    def log_of(self, key: str) -> AttemptLog:
        """The log of an attempt that writes for the first time."""


@attrs.define(eq=False, repr=False)
class Assignment:
    """One attempt that was handed out, of a task in the run's `arrays` of then. `stopped`: its run was cancelled.

    `waits`: so many calls in its body wait for runs.

    One that a stub holds (R23) `began` at an instant and is `held_until` another.
    """

    run: RunState
    index: int
    attempt: int
    arrays: TaskArrays
    _dispatcher: Dispatcher
    stopped: bool = False
    waits: int = 0
    began: int | None = None
    held_until: int | None = None
    log: AttemptLog | None = None
    _cancel: Cancel | None = None
    _released: threading.Event | None = None

    # ---------------------------------------------------------------------------------------- what it is

    @property
    def key(self) -> str:
        """`run key/task/round.attempt`: the same attempt has it in every process, and no other attempt has it."""
        started = self.run.started
        return f"{started.key}/{self.arrays.ids[self.index]}/{started.round}.{self.attempt}"

    @property
    def name(self) -> str:
        """The task for people, "dag.task"."""
        return self.arrays.names[self.index]

    @property
    def task(self) -> AnyTask:
        """The task's declaration."""
        return self.arrays.tasks[self.index]

    @property
    def graph(self) -> str | None:
        """The import path of the graph, "module:name"; None for one that no module holds."""
        return self._dispatcher.graph_path

    @property
    def digest(self) -> str:
        """The hash of the task's declaration (I7): a worker that has another one must not execute it."""
        return task_digest(self.task)

    @property
    def pool(self) -> str | None:
        """The pool whose slots it holds."""
        return self.task.pool

    @property
    def priority(self) -> int:
        """The task's priority; higher goes first."""
        return self.task.priority

    @property
    def timeout(self) -> int | None:
        """How long (ns) it may take, from its beginning."""
        return self.arrays.timeouts[self.index]

    @property
    def briefing(self) -> Mapping[str, object]:
        """What the body may read of its run, by name."""
        return self._dispatcher.briefing(self)

    def __repr__(self) -> str:
        return f"<Assignment {self.name} {self.key}>"

    # ---------------------------------------------------------------------------------------- executing it

    def execute(self, call: CallBody | None = None) -> bool:
        """Execute it on this thread, once, and record its end; `call` calls the body where that is elsewhere.

        False if its end is not due yet: call this again when `wait` has returned. Raises nothing but the user's
        Ctrl-C. `call` raises `WorkerLost` for an attempt of which nothing is known any more.
        """
        return self._dispatcher.execute(self, call)

    def write(self, text: str) -> None:
        """Keep something that the body printed (R20)."""
        if self.log is None:
            self.log = self._dispatcher.log_of(self.key)
        self.log.write(text)

    def write_line(self, level: str, message: str) -> None:
        """Keep something that the body logged (R20)."""
        if self.log is None:
            self.log = self._dispatcher.log_of(self.key)
        self.log.line(level, message)

    @property
    def begun(self) -> bool:
        """Whether its `TaskStarted` was applied."""
        return self.run.attempt[self.index] >= self.attempt or self.run.final(self.index)

    @property
    def over(self) -> bool:
        """Whether its end is recorded, or another attempt took its place: it timed out, or was cancelled."""
        return self.index not in self.run.open or self.run.attempt[self.index] != self.attempt

    def hold(self, now: int, until: int) -> int:
        """Begin to be held, unless it is; until when it is."""
        if self.held_until is None:
            self.began, self._released, self.held_until = now, threading.Event(), until
        return self.held_until

    @property
    def is_held(self) -> bool:
        """Whether a stub holds it, and its end is not due yet."""
        return self.held_until is not None and self.held_until > -NEVER

    def release(self) -> None:
        """Its end is due: it is held no more."""
        self.held_until = -NEVER
        if self._released is not None:
            self._released.set()

    def wait(self) -> None:
        """Return when its end is due."""
        if self._released is not None:
            self._released.wait()

    def count_wait(self, more: int) -> int:
        """So many calls in its body more (or fewer) wait for runs; how many do now."""
        self.waits += more
        return self.waits

    def stop(self) -> None:
        """Tell the body that its run was cancelled: a coroutine at its next `await`, others when they ask (R5)."""
        self.stopped = True
        if self.held_until is not None:
            self.release()
        if self._cancel is not None:
            self._cancel()

    def stop_by(self, cancel: Cancel) -> None:
        """What cancels the coroutine that runs now; if it was to stop before, it is cancelled at once."""
        self._cancel = cancel
        if self.stopped:
            cancel()


class WorkerLost(Exception):
    """The worker that executed a body is gone, and with it what became of the attempt: it is lost, and made again."""
