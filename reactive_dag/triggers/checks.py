"""What the constructors of triggers refuse, and how they say it (R15).

Owns no state. Each function gives the value back in its one inside form or raises `InvalidValue` naming what was
given, where, and what to write instead. O(1) in all but `names_of`, which is O(n).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from reactive_dag.model.callables import Call, check_takes, shown
from reactive_dag.model.errors import InvalidValue
from reactive_dag.model.scalars import own
from reactive_dag.model.suggest import did_you_mean
from reactive_dag.model.text import exact, seen, text_at, text_in


def positive(value: object, what: str) -> int:
    """A whole number of at least 1 (a count, or nanoseconds). O(1).

    >>> positive(3, "count")
    3
    """
    value = own(value)
    if type(value) is not int or value < 1:
        raise InvalidValue(f"{what} must be a whole number of at least 1, not {seen(value)}")
    return value


def optional_positive(value: object, what: str) -> int | None:
    """None, or what `positive` gives. O(1)."""
    return None if value is None else positive(value, what)


def text_of(value: object, what: str) -> str:
    """A text that is not empty, as plain `str`. O(its length). Raises InvalidValue, also for what UTF-8 cannot write.

    >>> text_of("report", "dag")
    'report'
    """
    if isinstance(value, str):
        text = text_in(value, what)
        if text.strip():
            return text
    raise InvalidValue(f"{what} must be a text that is not empty, not {seen(value)}")


def id_of(value: object, what: str) -> str:
    """The id of an object, or the id itself. O(1).

    >>> id_of("report", "dag")
    'report'
    """
    found = value if isinstance(value, str) else text_at(value, "id")
    if found is None:
        raise InvalidValue(f"{what} must be an id (text) or an object that has one, not {shown(value)}")
    return text_of(found, what)


def names_of(value: object, what: str) -> frozenset[str]:
    """A set of texts; a single text is a set of one. O(n).

    >>> sorted(names_of({"failed", "success"}, "states")), sorted(names_of("failed", "states"))
    (['failed', 'success'], ['failed'])
    """
    if isinstance(value, str):
        return frozenset((text_in(value, what),))
    if not isinstance(value, Iterable):
        raise InvalidValue(f"{what} must be a text or a set of texts, not {seen(value)}")
    names: list[str] = []
    for name in value:
        if not isinstance(name, str):
            raise InvalidValue(f"{what} must hold texts only, not {seen(name)}")
        names.append(text_in(name, what))
    return frozenset(names)


def choices_of(value: object, known: Collection[str], what: str) -> frozenset[str]:
    """A set of texts, at least one, all of them among `known`. O(n)."""
    found = names_of(value, what)
    if not found:
        raise InvalidValue(f"{what} is empty, so nothing could ever fire; choose from {listed(known)}")
    for name in sorted(found - frozenset(known)):
        raise InvalidValue(f"{what}: {name!r} is none of {listed(known)}{did_you_mean(name, sorted(known))}")
    return found


def choice_of(value: object, known: Collection[str], what: str) -> str:
    """One text, among `known`. O(len(known))."""
    text = exact(value) if isinstance(value, str) else None
    if text is not None and text in known:
        return text
    hint = "" if text is None else did_you_mean(text, sorted(known))
    raise InvalidValue(f"{what} is {seen(value)}, which is none of {listed(known)}{hint}")


def listed(names: Iterable[str]) -> str:
    """Names for a message, sorted. O(n log n)."""
    return ", ".join(map(repr, sorted(names)))


def as_call(value: object, what: str) -> Call:
    """A function of one argument as data; a `Call` stays what it is. O(its source). Raises InvalidValue for another."""
    if isinstance(value, Call):
        return value
    if callable(value):
        check_takes(value, ("the event",), what)
        return Call(value)
    raise InvalidValue(
        f"{seen(value)} cannot be called; give a function of the event, such as lambda event: event.partition"
    )
