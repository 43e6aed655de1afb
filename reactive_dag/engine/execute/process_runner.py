"""`ProcessRunner`: bodies execute in worker processes, which live on (R25).

Owns the processes: each belongs to one thread, which sends it a body, answers what that asks of its run, and takes its
end. Invariants: a process that dies takes one attempt with it, which is lost; no process outlives its engine. A process
costs 0.3 s to start, an attempt some 2 ms.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from reactive_dag.engine.execute.assignment import Assignment, CallBody, WorkerLost
from reactive_dag.engine.execute.context import RunContext
from reactive_dag.engine.execute.endings import RaisedElsewhere
from reactive_dag.engine.execute.process_wire import Message, Name, Wire, WireGone
from reactive_dag.engine.execute.runners import ThreadRunner
from reactive_dag.engine.host import Host
from reactive_dag.engine.inspect.run import Run
from reactive_dag.model.callables import AnyCallable, Call, importable_name
from reactive_dag.model.errors import FailTask, GraphError, UsageError, said
from reactive_dag.model.records import Json

WORKER = "reactive_dag.engine.execute.process_worker"
TO_END = 5.0
"""Seconds that a process has to end that has nothing more to do."""


class ProcessRunner(ThreadRunner):
    """So many worker processes, started when first needed.

    Raises InvalidValue for fewer than one, UsageError on Windows.

    >>> ProcessRunner(2)
    rd.ProcessRunner(2)
    """

    kills = True

    def __init__(self, workers: int = 4) -> None:
        if not hasattr(os, "killpg"):
            raise UsageError("rd.ProcessRunner needs a system with process groups; rd.ThreadRunner runs everywhere")
        super().__init__(workers)
        self._executing: dict[str, WorkerProcess] = {}

    @contextmanager
    def _worker(self) -> Iterator[CallBody | None]:
        worker = WorkerProcess()

        def call(assignment: Assignment, arguments: dict[str, Any], finish: Callable[[object], Json]) -> Json:
            key = assignment.key
            with self._lock:
                self._executing[key] = worker
            try:
                return worker.execute(assignment, arguments, finish)
            finally:
                with self._lock:
                    del self._executing[key]

        try:
            yield call
        finally:
            worker.stop()

    def cancel(self, key: str) -> None:
        """Kill the process that executes an attempt, and what its body began. O(1)."""
        with self._lock:
            worker = self._executing.get(key)
            if worker is not None:
                worker.kill()

    def __repr__(self) -> str:
        return f"rd.ProcessRunner({self.workers})"


class WorkerProcess:
    """One worker process; another one once it has died."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._connection: Connection | None = None

    # ------------------------------------------------------------------------------------- the process

    def _start(self) -> Connection:
        here, there = socket.socketpair()
        with there:
            self._process = subprocess.Popen(
                [sys.executable, "-m", WORKER, str(there.fileno()), str(os.getpid())], pass_fds=[there.fileno()],
                stdin=subprocess.DEVNULL, start_new_session=True,  # so a Ctrl-C is the engine's alone
                env={**os.environ, "PYTHONPATH": os.pathsep.join(path or str(Path.cwd()) for path in sys.path)},
            )  # fmt: skip
        self._connection = Connection(here.detach())
        return self._connection

    def kill(self) -> None:
        """End the process at once, and what its body began. O(1)."""
        if self._process is not None:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)

    def stop(self) -> None:
        """Let the process end, which has nothing to do."""
        if self._connection is not None:
            self._connection.close()
        if self._process is not None:
            try:
                self._process.wait(TO_END)
            except subprocess.TimeoutExpired:
                self.kill()
                self._process.wait()
        self._process = self._connection = None

    def _died(self) -> WorkerLost:
        assert self._process is not None
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(TO_END)
        code = self._process.poll()
        self.kill()
        self.stop()
        how = "is gone" if code is None else f"ended with code {code}"
        if code is not None and code < 0:
            how = f"was ended by {signal.Signals(-code).name}"
        return WorkerLost(f"the worker process {how} while this task executed")

    # ------------------------------------------------------------------------------------- one body

    def execute(self, assignment: Assignment, arguments: dict[str, Any], finish: Callable[[object], Json]) -> Json:
        """Have a body executed there; its value as it is recorded.

        Raises RaisedElsewhere, FailTask for a body that cannot be sent, WorkerLost if the process dies.
        """
        if self._process is not None and self._process.poll() is not None:
            self.stop()
        connection = self._connection or self._start()
        if assignment.stopped or assignment.over:
            raise WorkerLost("its end counted no more before it began")
        exchange = Exchange(connection, assignment, arguments)
        body = exchange.packed(assignment, arguments, finish)
        try:
            return exchange.run(body)
        except WireGone as error:
            raise self._died() from error
        except WorkerLost:
            self.kill()
            self.stop()
            raise


class Exchange:
    """What is said over the pipe while one body executes."""

    def __init__(self, connection: Connection, assignment: Assignment, arguments: dict[str, Any]) -> None:
        self._wire = Wire(connection, self._name, self._find)
        self._assignment = assignment
        self._runs = [value for value in arguments.values() if isinstance(value, Run)]
        self._context = next((run for run in self._runs if isinstance(run, RunContext)), None)
        self._answers: list[partial[Any]] = []

    def packed(self, assignment: Assignment, arguments: dict[str, Any], finish: Callable[[object], Json]) -> bytes:
        """What the worker needs to execute the body. Raises FailTask where that cannot be sent."""
        briefing = {} if self._context is None else dict(assignment.briefing)
        try:
            return self._wire.packed((assignment.name, briefing, _sent(assignment.task.fn), arguments, finish))
        except Exception as error:
            raise FailTask(
                f"{assignment.name} cannot be sent to a worker process: {said(error)}; let its body use what it can "
                "make itself, or run this task by rd.ThreadRunner"
            ) from error

    def run(self, body: bytes) -> Json:
        """Send the body, and answer until it ends. Raises RaisedElsewhere; WireGone if the process dies."""
        self._wire.send_packed(body)
        kind, value = self._serve()
        if kind == "raised":
            raise RaisedElsewhere(value)
        return value

    def _serve(self) -> Message:
        """Answer questions until something else comes."""
        while True:
            kind, *rest = self._wire.unpacked(self._wire.receive())
            if kind == "write":
                self._assignment.write(*rest)
            elif kind == "line":
                self._assignment.write_line(*rest)
            elif kind == "once":
                self._reply(partial(self._once, *rest))
            elif kind == "get":
                self._reply(partial(getattr, *rest))
            elif kind == "call":
                target, name, args, kwargs = rest
                self._reply(partial(_method(target, name), *args, **kwargs))
            else:
                return kind, *rest

    def _reply(self, answer: Callable[[], object]) -> None:
        try:
            data = self._wire.packed(("value", answer()))
        except (WireGone, WorkerLost):  # the latter: the engine closes while the body waits for a run
            raise
        except Exception as error:
            try:
                data = self._wire.packed(("error", error))
                self._wire.unpacked(data)
            except Exception:  # an error that is made of more than its text
                data = self._wire.packed(("error", UsageError(said(error))))
        self._wire.send_packed(data)

    def _once(self, context: RunContext, name: str) -> object:
        def compute(key: str) -> object:
            self._wire.send(("compute", key))
            kind, *value = self._serve()
            if kind == "failed":
                raise UsageError("the effect raised in the worker process")
            return value[0]

        return context.once(name, compute)

    # ------------------------------------------------------------------------------------- names

    def _name(self, value: object) -> Name | None:
        if isinstance(value, RunContext):
            return "context", value._offset
        if isinstance(value, Run):
            return "run", value._offset
        if type(value) is partial and _reads_here(value):
            self._answers.append(value)
            return "answer", len(self._answers) - 1
        return None

    def _find(self, name: Name) -> object:
        kind, which = name
        if kind == "answer":
            return self._answers[which]
        return self._context if kind == "context" else Run(self._host, which)

    @property
    def _host(self) -> Host:
        return self._runs[0]._host


def _method(target: object, name: str) -> Callable[..., object]:
    found: Callable[..., object] = getattr(target, name)
    return found


def _reads_here(value: partial[Any]) -> bool:
    """Whether it is one of those by which a task's row reads its value or its log: they need the engine's store."""
    return value.func.__name__ in ("value_of_row", "log_text") and value.func.__module__.startswith("reactive_dag.")


def _sent(fn: AnyCallable) -> str | AnyCallable:
    """A body as it is sent: its name if importing that gives this function, else itself."""
    ref = importable_name(fn)
    if ref is not None:
        with suppress(GraphError):
            if Call.from_json({"ref": ref}).bind().fn is fn:
                return ref
    return fn
