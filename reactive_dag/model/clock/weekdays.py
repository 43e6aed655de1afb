"""Days of the week by their short names. Owns no state; O(1)."""

from __future__ import annotations

from typing import Final

from reactive_dag.model.errors import InvalidValue
from reactive_dag.model.text import exact, seen

_WEEKDAYS: Final = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")


def weekday(day: object) -> str:
    """A day of the week by its short name. O(1). Raises `InvalidValue` for what is none.

    >>> weekday("Sunday")
    'sun'
    """
    given = exact(day).strip().lower() if isinstance(day, str) else ""
    short = given[:3]
    if short not in _WEEKDAYS or given not in (short, *_full(short)):
        raise InvalidValue(f"{seen(day)} is no day of the week: write one of {', '.join(_WEEKDAYS)}")
    return short


def _full(short: str) -> tuple[str, ...]:
    return (short + {"tue": "s", "wed": "nes", "thu": "rs", "sat": "ur"}.get(short, "") + "day",)
