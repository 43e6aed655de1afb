"""Classes of errors by name (R24): how `retry_on=` is kept, compared and written, without importing anything.

Owns nothing. A name is "module:Class". O(classes above the error's).
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from reactive_dag.model.errors import InvalidValue
from reactive_dag.model.fingerprint import ref_of
from reactive_dag.model.text import exact, seen


def error_names(value: object, what: str) -> tuple[str, ...] | None:
    """The names of the classes given: one, several, or None for all errors. O(n). Raises InvalidValue.

    >>> error_names((KeyError, "json.decoder:JSONDecodeError"), "retry_on")
    ('builtins:KeyError', 'json.decoder:JSONDecodeError')
    """
    if value is None:
        return None
    several = value if isinstance(value, Iterable) and not isinstance(value, str) else (value,)
    found = tuple(dict.fromkeys(_name(each, what) for each in several))
    if not found:
        raise InvalidValue(f"{what} names no error: leave it out to retry all, or say retries=0 to retry none")
    return found


def _name(value: object, what: str) -> str:
    if isinstance(value, type) and issubclass(value, BaseException):
        return ref_of(value) or value.__qualname__
    if isinstance(value, str) and re.fullmatch(r"[^\W\d][\w.]*:[^\W\d][\w.<>]*", value):
        return exact(value)
    raise InvalidValue(f"{what} must be classes of errors, such as ConnectionError, not {seen(value)}")


def names_of_error(error: type[BaseException]) -> tuple[str, ...]:
    """The names of an error's class and of all above it. O(classes).

    >>> names_of_error(KeyError)[:2]
    ('builtins:KeyError', 'builtins:LookupError')
    """
    return tuple(ref_of(each) or each.__qualname__ for each in error.__mro__)


def is_among(error: Iterable[str], retry_on: tuple[str, ...] | None) -> bool:
    """Whether an error of these names is one of those that are retried. O(names).

    >>> is_among(names_of_error(KeyError), ("builtins:LookupError",)), is_among(names_of_error(KeyError), ("a:B",))
    (True, False)
    """
    return retry_on is None or any(name in retry_on for name in error)


TIMED_OUT = names_of_error(TimeoutError)
"""What a timeout counts as."""
