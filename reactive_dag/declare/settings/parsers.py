"""Parsers of options: what is refused where it is written down (R15), with the option's name and the place.

Owns nothing. A parser takes the value and what it is called in a message. O(1) unless it says otherwise.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TypeAlias

from reactive_dag.model.errors import InvalidValue, UnknownOption
from reactive_dag.model.scalars import own
from reactive_dag.model.suggest import did_you_mean
from reactive_dag.model.text import exact, seen, text_in
from reactive_dag.model.times import parse_duration
from reactive_dag.triggers.checks import choice_of

Parser: TypeAlias = Callable[[object, str], object]
NOWHERE: Mapping[str, str] = {}


def whole(value: object, what: str, least: int | None = None) -> int:
    """A whole number, at least `least`; a bool is none. O(1)."""
    value = own(value)
    if type(value) is not int:
        raise InvalidValue(f"{what} must be a whole number, not {seen(value)}")
    if least is not None and value < least:
        raise InvalidValue(f"{what} must be at least {least}, not {value}")
    return value


def flag(value: object, what: str) -> bool:
    """True or False. O(1)."""
    if type(value) is not bool:
        raise InvalidValue(f"{what} must be True or False, not {seen(value)}")
    return value


def optional_duration(value: object, what: str) -> int | None:
    """A positive duration, or None for no bound. O(1)."""
    return None if value is None else parse_duration(value, what=what)  # type: ignore[arg-type]


def limit(value: object, what: str) -> int | None:
    """A whole number of at least 1, or None for no limit. O(1)."""
    return None if value is None else whole(value, what, 1)


def text(value: object, what: str) -> str:
    """Some text. O(1)."""
    if not isinstance(value, str):
        raise InvalidValue(f"{what} must be text, not {seen(value)}")
    return text_in(value, what)


def valid_name(value: object, what: str) -> str:
    """An id: text that is not empty, in one line, without space around it. O(its length).

    >>> valid_name("build_mart", "the id")
    'build_mart'
    """
    found = exact(value) if isinstance(value, str) else ""
    if not found or found != found.strip() or not found.isprintable():  # a lone surrogate is not printable either
        raise InvalidValue(f"{what} must be text on one line that is not empty, not {seen(value)}")
    return found


def task_name(value: object, what: str) -> str:
    """The id of a task, which has no brackets. O(its length). Raises InvalidValue.

    >>> task_name("load", "the id of a task")
    'load'
    """
    found = valid_name(value, what)
    if "[" in found or "]" in found:
        raise InvalidValue(f"{what} has no brackets, since 'task[3]' is one of many instances: {found!r}")
    return found


def one_of(known: tuple[str, ...]) -> Parser:
    """A parser for one text among `known`. O(1)."""
    return lambda value, what: choice_of(value, known, what)


def parsed(given: Mapping[str, object], parsers: Mapping[str, Parser], where: str) -> dict[str, object]:
    """The given options, each through its parser. O(options). Raises InvalidValue saying where.

    >>> from reactive_dag.declare.settings.task_settings import TASK_PARSERS
    >>> parsed({"retries": -1}, TASK_PARSERS, "task 'load' (etl.py:3)")
    Traceback (most recent call last):
    reactive_dag.model.errors.InvalidValue: task 'load' (etl.py:3): retries must be at least 0, not -1
    """
    try:
        return {key: parsers[key](value, key) for key, value in given.items()}
    except InvalidValue as error:
        raise InvalidValue(f"{where}: {error}") from None


def only_known(given: Iterable[str], known: Iterable[str], what: str, elsewhere: Mapping[str, str] = NOWHERE) -> None:
    """Refuse options that there are not, with the nearest name, or what is said of those of something else.

    O(options). Raises UnknownOption.
    """
    unknown = [key for key in given if key not in set(known)]
    if unknown:
        said = (
            f": {elsewhere[unknown[0]]}" if unknown[0] in elsewhere else did_you_mean(unknown[0], [*known, *elsewhere])
        )
        raise UnknownOption(f"{what} has no option {unknown[0]!r}{said}")
