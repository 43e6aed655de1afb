"""Every error that reactive_dag raises on purpose, in one family.

Owns the names only. Each message says what was given, where, and what to do.
"""

from __future__ import annotations

from typing import NoReturn

from reactive_dag.model.ctrl_c import raise_ctrl_c


def said(error: BaseException) -> str:
    """An exception as text that can be recorded, whatever its class does. O(text).

    >>> said(ValueError("no rows"))
    'ValueError: no rows'
    """
    return f"{type(error).__name__}: {reason(error)}".encode(errors="backslashreplace").decode()


def why_of(error: BaseException) -> str:
    """An error of ours by its text, another one with its class. O(text).

    >>> why_of(UsageError("no date")), why_of(KeyError("a"))
    ('no date', "KeyError: 'a'")
    """
    return reason(error) if isinstance(error, ReactiveDagError) else said(error)


def reason(error: BaseException) -> str:
    """The text of an exception as it can be recorded, whatever its class does. O(text).

    >>> reason(ValueError("no rows")), reason(ValueError("a lone surrogate: \\ud800"))
    ('no rows', 'a lone surrogate: \\\\ud800')
    """
    try:
        text = str.__str__(str(error))  # a subclass of str is what `str` may give
    except BaseException as second:  # even that may raise
        raise_ctrl_c(second)
        text = f"(its text cannot be had: {type(second).__name__})"
    return text.encode(errors="backslashreplace").decode()


class ReactiveDagError(Exception):
    """The family of all errors raised here."""


class UsageError(ReactiveDagError):
    """A call that is not allowed there, or whose arguments contradict each other; the message says what to write."""


class InvalidValue(ReactiveDagError, ValueError):
    """A value was refused where it was written down (R15)."""


class UnknownOption(InvalidValue, TypeError):
    """An option that there is not, or not for this; Python's own word for an unknown keyword is TypeError."""


class GraphError(ReactiveDagError):
    """A graph, a DAG or a task is not right; the message names the ids and the place."""


class DuplicateError(GraphError):
    """An id was registered twice without `replace=True`."""


class UnknownId(GraphError, KeyError):
    """An id names nothing in this graph."""

    def __str__(self) -> str:
        return str(self.args[0]) if self.args else ""


class CycleError(GraphError):
    """Following the graph leads back to where one started; `path` is the whole way round, datasets included."""

    def __init__(self, message: str, path: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.path = path


class StoreError(ReactiveDagError):
    """The store cannot be used as it is."""


class NotAStore(StoreError):
    """The file is there, but it is no store of ours."""


class StoreTooNew(StoreError):
    """A newer version of reactive_dag wrote this store."""


class StoreDamaged(StoreError):
    """A record inside the store cannot be read; nothing was changed."""


class StoreInUse(StoreError):
    """Another engine has this store open (X3)."""


def raise_fault(fault: BaseException) -> NoReturn:
    """Raise for an engine whose log has failed what made it fail, in the same class. O(text).

    >>> raise_fault(StoreDamaged("a.db: the file is damaged"))
    Traceback (most recent call last):
    reactive_dag.model.errors.StoreDamaged: a.db: the file is damaged (the engine stopped at this; open it again)
    """
    kind, text = (type(fault), str(fault)) if isinstance(fault, StoreError) else (StoreError, said(fault))
    raise kind(f"{text} (the engine stopped at this; open it again)") from fault


class NotIdle(ReactiveDagError, TimeoutError):
    """`run_until_idle` or `wait` ran out of time; the message names what it waited for."""


class Overflow(ReactiveDagError):
    """More records wait to be decided than `max_queue` allows (X4)."""


class EngineClosed(UsageError):
    """The engine was closed."""


class TaskError(ReactiveDagError):
    """Something about one attempt of one task."""


class SkipTask(TaskError):
    """Raised in a task's body: this task, and what needs it, is skipped."""


class FailTask(TaskError):
    """Raised in a task's body: fail now, with no more attempts."""


class TaskGone(FailTask):
    """A run has a task that its DAG declares no more, so nothing can execute it (R11)."""


class UndatedOutlet(FailTask):
    """A run without date and partition changed an outlet that has a calendar, and said no `partition=` (R3)."""


class RetryTask(TaskError):
    """Raised in a task's body: try again, `after` this long (uses up a retry).

    >>> said(RetryTask(after="5m")), said(RetryTask("not there yet", after="5m")), said(RetryTask())
    ('RetryTask: after 5m', 'RetryTask: not there yet', 'RetryTask: again')
    """

    after: object = None

    def __init__(self, message: str = "", *, after: object = None) -> None:
        super().__init__(message or ("again" if after is None else f"after {after}"))
        self.after = after


class OutputGone(ReactiveDagError):
    """The file that holds an output is not there any more, or is not what was written (R21)."""


class UndeclaredOutlet(TaskError):
    """A task published to a dataset that is not among its outlets (R3)."""


class EngineReplaced(UserWarning):
    """An engine of the same process and graph was closed to make room for this one (X3)."""
