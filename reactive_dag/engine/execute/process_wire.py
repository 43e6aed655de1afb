"""What an engine and its worker processes send each other: pickled messages over a pipe, runs by name.

Owns one end of a pipe. A run is never sent: the other side gets one of its own, which asks over the pipe. Functions
that can be imported go by name, others by value (cloudpickle); of a DAG only its id goes, of a task its id and its
function. A message costs its size, and some 20 µs.
"""

from __future__ import annotations

import io
import pickle
from collections import ChainMap
from collections.abc import Callable
from multiprocessing.connection import Connection
from types import CodeType
from typing import Any, ClassVar

import attrs
import cloudpickle  # type: ignore[import-untyped]

from reactive_dag.declare.dag import Dag
from reactive_dag.declare.graph import Graph
from reactive_dag.declare.task import Task
from reactive_dag.model.callables import AnyCallable
from reactive_dag.model.errors import UsageError

Name = tuple[Any, ...]
"""What stands on the wire for an object that stays where it is."""
Message = tuple[Any, ...]
NO_FILE = "<dynamic-code>"


def _code(code: CodeType) -> tuple[Any, ...]:
    """Code as cloudpickle sends it, but for the name of its file, which it leaves out: errors name it."""
    make, fields = cloudpickle.Pickler.dispatch_table[CodeType](code)
    return make, tuple(code.co_filename if field == NO_FILE else field for field in fields)


@attrs.define(slots=False)
class Declared:
    """What stands for a DAG or a task in another process: its id does wherever the object would."""

    id: str
    fn: AnyCallable | None = None
    """The function of a task."""

    def __call__(self, *args: object, **kwargs: object) -> object:
        """Call the function of a task. Raises UsageError for a DAG."""
        if self.fn is None:
            raise UsageError(f"DAG {self.id!r} stands in a worker process by its id alone")
        return self.fn(*args, **kwargs)


class _Pickler(cloudpickle.Pickler):  # type: ignore[misc]
    dispatch_table: ClassVar[Any] = ChainMap({CodeType: _code}, cloudpickle.Pickler.dispatch_table)

    def __init__(self, file: io.BytesIO, name: Callable[[object], Name | None]) -> None:
        super().__init__(file)
        self._name = name

    def persistent_id(self, value: object) -> Name | None:
        return self._name(value)

    def reducer_override(self, value: object) -> Any:
        if isinstance(value, Dag):
            return Declared, (value.id,)
        if isinstance(value, Task):  # its function is sent behind it, since it may name the task
            return Declared, (value.id,), {"fn": value.fn}
        if isinstance(value, Graph):
            raise UsageError(f"graph {value.id!r} stays where it is, and its DAGs go by their ids")
        return super().reducer_override(value)


class _Unpickler(pickle.Unpickler):
    def __init__(self, file: io.BytesIO, find: Callable[[Name], object]) -> None:
        super().__init__(file)
        self._find = find

    def persistent_load(self, name: Name) -> object:
        return self._find(name)


class WireGone(Exception):
    """The process at the other end is gone."""


class Wire:
    """One end. `name` gives the names of objects that stay here, `find` the object for a name from the other side."""

    def __init__(
        self, connection: Connection, name: Callable[[object], Name | None], find: Callable[[Name], object]
    ) -> None:
        self._connection = connection
        self._name = name
        self._find = find

    def packed(self, message: Message) -> bytes:
        """A message as it is sent. Raises whatever pickling raises."""
        file = io.BytesIO()
        _Pickler(file, self._name).dump(message)
        return file.getvalue()

    def unpacked(self, data: bytes) -> Message:
        """A message that was received. Raises whatever unpickling raises."""
        found: Message = _Unpickler(io.BytesIO(data), self._find).load()
        return found

    def send(self, message: Message) -> None:
        """Send a message. Raises WireGone."""
        self.send_packed(self.packed(message))

    def send_packed(self, data: bytes) -> None:
        """Send a message that was packed. Raises WireGone."""
        try:
            self._connection.send_bytes(data)
        except OSError as error:
            raise WireGone from error

    def receive(self) -> bytes:
        """Wait for a message. Raises WireGone."""
        try:
            return self._connection.recv_bytes()
        except (EOFError, OSError) as error:
            raise WireGone from error

    def close(self) -> None:
        """Let the other side know that nothing more comes."""
        self._connection.close()
