"""From what a user writes as `store=` to a log."""

from __future__ import annotations

import os
from typing import TypeAlias

from reactive_dag.log.memory import MemoryLog
from reactive_dag.log.protocol import EventLog
from reactive_dag.log.sqlite.files import parse_store
from reactive_dag.model.errors import InvalidValue, UsageError
from reactive_dag.model.text import seen

GivenStore: TypeAlias = str | os.PathLike[str] | EventLog | None
"""A path, `sqlite:///relative.db`, `sqlite:////absolute.db`, "memory" or None, or a log that is open already."""


def open_log(store: GivenStore = None, *, read_only: bool = False) -> EventLog:
    """Open a log. O(1), and the last segment of a store is read.

    Raises InvalidValue (a text that names no store), UsageError, and what SQLiteLog raises.

    >>> open_log().durable, open_log("memory").next_offset
    (False, 0)
    """
    if store is None:
        return _in_memory(read_only)
    if isinstance(store, str | os.PathLike):
        path = parse_store(store)
        if path is None:
            return _in_memory(read_only)
        # Here, so that who stays in memory does not pay for loading SQLite.
        from reactive_dag.log.sqlite.store import SQLiteLog

        return SQLiteLog(path, read_only=read_only)
    if not hasattr(store, "push_many"):
        raise InvalidValue(f"store={seen(store)} is no store: write a path, sqlite:///file.db, or None for memory.")
    return store


def _in_memory(read_only: bool) -> EventLog:
    if read_only:
        raise UsageError("read_only=True needs a store to look at: a log in memory begins empty.")
    return MemoryLog()
