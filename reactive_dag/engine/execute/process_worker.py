"""A worker process: executes bodies that an engine sends it, one after the other, and ends when the engine is gone.

Owns the process. What a body asks of its run goes back over the pipe, and is answered by the engine's own run, so all
of it works here as it does there; what the briefing holds is not asked for. Invariant: one question is on the pipe at
a time, but for those that an effect of `run.once` asks in its turn, and none when a body has ended, whatever threads it
left behind.
"""

from __future__ import annotations

import asyncio
import inspect
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import partial
from multiprocessing.connection import Connection
from typing import Any, TypeVar

from reactive_dag.engine.execute.capture import CAPTURE
from reactive_dag.engine.execute.context import RunContext
from reactive_dag.engine.execute.current_body import BODY
from reactive_dag.engine.execute.endings import Ending, ending_of
from reactive_dag.engine.execute.once import takes_key
from reactive_dag.engine.execute.process_wire import Message, Name, Wire, WireGone
from reactive_dag.engine.execute.run_log import RunLog
from reactive_dag.engine.inspect.run import Run
from reactive_dag.model.callables import Call
from reactive_dag.model.errors import UsageError, said
from reactive_dag.model.payload import plain

T = TypeVar("T")
LOOK = 0.5
"""Seconds between two looks whether the engine's process is still there."""


class AskingRun(Run):
    """A run as a body in a worker process has it: it asks the engine's own for everything that is not `known`."""

    def __init__(self, desk: Desk, body: Body, offset: int, known: Mapping[str, object]) -> None:
        self._host = desk  # type: ignore[assignment]  # it serves only to tell runs apart
        self._desk = desk
        self._body = body
        self._offset = offset
        self._known = known

    def __getattribute__(self, name: str) -> Any:
        if name.startswith("_"):
            return object.__getattribute__(self, name)
        if name in self._known:
            return self._known[name]
        if name in self._own:
            return object.__getattribute__(self, name)
        if callable(getattr(RunContext, name, None)):
            return partial(self._desk.call, self, name)
        return self._desk.ask("get", self, name)

    _own: frozenset[str] = frozenset()
    """What is answered here."""

    def __repr__(self) -> str:
        return str(self._desk.call(self, "__repr__"))


class AskingContext(AskingRun):
    """The context of an attempt in a worker process."""

    _own = frozenset({"once", "log"})

    def once(self, name: str, fn: Callable[..., T]) -> T:
        """Do something once for this run and task: `fn` is called here (X2)."""
        return self._desk.once(self, name, fn)

    @property
    def log(self) -> RunLog:
        """A logger that names the run; the attempt keeps what is logged (R20)."""
        about = {"dag": self.dag, "task": self.task, "run": self.key, "attempt": self.attempt}
        return RunLog(about, self._body.write_line)


class Body:
    """One body that executes here; what it prints and logs goes over the pipe."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self.over = False
        """Whether it has ended: the engine listens to it no more."""

    def write(self, text: str) -> None:
        """Tell what it printed."""
        self._desk.tell(self, "write", text)

    def write_line(self, level: str, message: str) -> None:
        """Tell what it logged."""
        self._desk.tell(self, "line", level, message)


class Desk:
    """What a worker has to do with its engine."""

    def __init__(self, connection: Connection) -> None:
        self._wire = Wire(connection, _name, self._find)
        self._lock = threading.RLock()
        self._known: dict[str, object] = {}
        self._body = Body(self)

    def _find(self, name: Name) -> object:
        kind, which = name
        if kind == "context":
            return AskingContext(self, self._body, which, self._known)
        if kind == "run":
            return AskingRun(self, self._body, which, {})
        return _Answer(self, self._body, which)

    # ------------------------------------------------------------------------------------- questions

    def ask(self, kind: str, target: AskingRun | _Answer, *more: object) -> Any:
        """What the engine answers. Raises what it raised, UsageError if the body has ended."""
        with self._lock:
            _refuse_late(target)
            self._wire.send((kind, target, *more))
            kind, value = self._wire.unpacked(self._wire.receive())
        if kind == "error":
            raise value
        return value

    def call(self, target: AskingRun | _Answer, name: str, *args: object, **kwargs: object) -> Any:
        """What a method of the engine's own object gives."""
        return self.ask("call", target, name, args, kwargs)

    def once(self, run: AskingContext, name: str, fn: Callable[..., T]) -> T:
        """The recorded result of an effect, or that of `fn`, called here (X2)."""
        failed: BaseException | None = None
        with self._lock:
            _refuse_late(run)
            self._wire.send(("once", run, name))
            while True:
                kind, value = self._wire.unpacked(self._wire.receive())
                if kind == "compute":
                    try:
                        with self._computing():
                            result = plain(
                                _value(fn(key=value) if takes_key(fn) else fn()), f"the result of once({name!r})"
                            )
                    except BaseException as error:
                        failed = error
                        self._wire.send(("failed",))
                    else:
                        self._wire.send(("computed", result))
                elif kind == "error":
                    raise failed or value
                else:
                    return value  # type: ignore[no-any-return]

    @contextmanager
    def _computing(self) -> Iterator[None]:
        """Let other threads ask meanwhile: an effect may be a coroutine, which runs on one of its own."""
        outer, self._lock = self._lock, threading.RLock()
        try:
            yield
        finally:
            with self._lock:
                self._lock = outer

    # ------------------------------------------------------------------------------------- what is written

    def tell(self, body: Body, *what: str) -> None:
        """Tell what a body printed or logged; after its end nothing."""
        with self._lock, suppress(WireGone):
            if not body.over:
                self._wire.send(what)

    # ------------------------------------------------------------------------------------- bodies

    def serve(self) -> None:
        """Execute what comes until the engine is gone."""
        worker = os.getpid()
        while True:
            data = self._wire.receive()
            self._known, self._body = {}, Body(self)
            try:
                name, briefing, body, arguments, finish = self._wire.unpacked(data)
            except BaseException as error:
                text = f"the body cannot be loaded in a worker process: {said(error)}"
                self._wire.send(("raised", Ending("fail", text, ())))
                continue
            self._known.update(briefing)
            ended = self._execute(name, body, arguments, finish)
            if os.getpid() != worker:
                os._exit(0)  # a body forked, and its child came back: the answer is its parent's
            with self._lock:
                self._body.over = True
                self._wire.send(ended)

    def _execute(
        self,
        name: str,
        body: str | Callable[..., object],
        arguments: dict[str, Any],
        finish: Callable[[object], object],
    ) -> Message:
        outer = BODY.get()
        try:
            BODY.set((None, name, self._body))
            fn = Call.from_json({"ref": body}).bind().fn if isinstance(body, str) else body
            return "returned", finish(_value(fn(**arguments)))
        except BaseException as error:  # whatever a user's code raises fails that attempt, not the worker
            return "raised", ending_of(error)
        finally:
            BODY.set(outer)
            for stream in (sys.stdout, sys.stderr):
                with suppress(Exception):
                    stream.flush()


class _Answer:
    """Something that is read in the engine's process, when it is called for."""

    def __init__(self, desk: Desk, body: Body, which: int) -> None:
        self._desk = desk
        self._body = body
        self.which = which

    def __call__(self) -> Any:
        return self._desk.call(self, "__call__")


def _refuse_late(target: AskingRun | _Answer) -> None:
    if target._body.over:
        raise UsageError(
            "the body that had this run has ended, and in a worker process nothing can be asked of it any more; let a "
            "body wait for the threads that it starts"
        )


def _name(value: object) -> Name | None:
    if isinstance(value, AskingContext):
        return "context", value._offset
    if isinstance(value, AskingRun):
        return "run", value._offset
    return ("answer", value.which) if isinstance(value, _Answer) else None


def _value(given: Any) -> object:
    """What a body gave, also if it is a coroutine."""
    if not inspect.iscoroutine(given):
        return given
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(given)
    found: list[object] = []  # this thread runs a loop already: an effect of a body that is a coroutine itself
    raised: list[BaseException] = []

    def run_apart() -> None:
        try:
            found.append(asyncio.run(given))
        except BaseException as error:
            raised.append(error)

    thread = threading.Thread(target=run_apart)
    thread.start()
    thread.join()
    if raised:
        raise raised[0]
    return found[0]


def _end_with(engine: int) -> None:
    """End this process, and what its bodies began, when the engine's process is gone, whatever executes here."""
    pause = threading.Event()
    while os.getppid() == engine:
        pause.wait(LOOK)
    os.killpg(os.getpgid(0), signal.SIGKILL)


def work_for(pipe: int, engine: int) -> None:
    """Serve the engine at the other end of a pipe, whose process has that id."""
    threading.Thread(target=_end_with, args=(engine,), daemon=True).start()
    with CAPTURE, suppress(WireGone):
        Desk(Connection(pipe)).serve()


if __name__ == "__main__":
    work_for(int(sys.argv[1]), int(sys.argv[2]))
