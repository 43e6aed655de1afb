"""The two shapes that most kinds of triggers have: one part, or several.

Owns `Modifier` and `Composite`. Invariant: a composite has a part. Making one costs some 1 µs a part.
"""

from __future__ import annotations

from attrs import evolve, field, frozen

from reactive_dag.model.errors import InvalidValue
from reactive_dag.model.text import seen
from reactive_dag.triggers.base import Trigger, as_trigger


def as_triggers(values: object) -> tuple[Trigger, ...]:
    """Each value as a trigger, at least one. O(n). Raises InvalidValue for what is none."""
    if not isinstance(values, tuple | list):
        raise InvalidValue(f"parts must be a tuple of triggers, not {seen(values)}")
    if not values:
        raise InvalidValue(
            "a combination of no triggers could never fire; give all_of() and its like at least one part"
        )
    return tuple([value if isinstance(value, Trigger) and value.emits else as_trigger(value) for value in values])


@frozen(eq=False, repr=False)
class Modifier(Trigger):
    """A trigger that changes when the one part before it fires, or what it gives."""

    part: Trigger = field(converter=as_trigger)

    @property
    def parts(self) -> tuple[Trigger, ...]:
        """The one part. O(1)."""
        return (self.part,)

    def rebuilt(self, parts: tuple[Trigger, ...]) -> Trigger:
        """A trigger like this one on another part. O(1)."""
        return evolve(self, part=parts[0])


@frozen(eq=False, repr=False)
class Composite(Trigger):
    """A trigger of several parts."""

    parts: tuple[Trigger, ...] = field(converter=as_triggers)

    def rebuilt(self, parts: tuple[Trigger, ...]) -> Trigger:
        """A trigger like this one of other parts. O(parts)."""
        return evolve(self, parts=parts)
