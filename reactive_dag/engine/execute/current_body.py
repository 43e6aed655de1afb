"""Whether this code runs inside a task's body: calls that make no sense there look here, and raise UsageError.

Owns one context variable, so threads, coroutines and inline bodies are told apart. A look costs 0.1 µs.
"""

from __future__ import annotations

from contextvars import ContextVar

BODY: ContextVar[tuple[object, str]] = ContextVar("reactive_dag_body", default=(None, ""))
"""Whose body executes: the host of its engine, and the task ("dag.task"); set before the body, reset after it."""


def current_body(host: object = None) -> str:
    """The task ("dag.task") whose body executes here, "" outside of one; given a host, only that engine's. O(1).

    >>> token = BODY.set((1, "sales.load"))
    >>> current_body(), current_body(1), current_body(2), BODY.reset(token), current_body()
    ('sales.load', 'sales.load', '', None, '')
    """
    owner, body = BODY.get()
    return body if host is None or host is owner else ""
