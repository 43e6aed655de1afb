"""The filter: items for which a function is true.

Owns `Where`. What it turns away is dropped as `filtered` (T1); its function counts by its content (I7). O(1) to make
but for reading the function's source where it has no importable name.
"""

from __future__ import annotations

from typing import ClassVar

from attrs import field, frozen

from reactive_dag.model.callables import Call
from reactive_dag.model.errors import InvalidValue
from reactive_dag.triggers.base import Modifier


def as_call(value: object) -> Call:
    """A function as data; a `Call` stays what it is. O(its source). Raises InvalidValue for what is no function."""
    if callable(value) or isinstance(value, Call):
        return Call.of(value)
    raise InvalidValue(
        f"{value!r} cannot be called; give a function of the event, such as lambda event: event.partition"
    )


@frozen(cache_hash=True)
class Where(Modifier):
    """Fires with those firings of its part for which `fn` is true."""

    kind: ClassVar[str] = "where"

    fn: Call = field(converter=as_call)

    def __repr__(self) -> str:
        return f"{self.part!r}.where({self.fn.text})"
