"""Triggers are values: the base of the algebra, and what all of it can do.

Owns `Trigger` (frozen data: which facts fire a DAG), the methods that every trigger and every dataset has, and the
walks over a trigger's parts. Invariant: a trigger that exists is right; whatever could not mean anything was refused
when it was written (R15). Equal triggers have equal digests, in every process (I7). The digest is made when it is
first asked for: O(size of the trigger) once, O(1) after. Making a trigger costs some 1 µs a part.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import cached_property
from typing import TYPE_CHECKING, ClassVar

from attrs import evolve, field, frozen

from reactive_dag.model import hooks
from reactive_dag.model.callables import shown
from reactive_dag.model.errors import InvalidValue, UsageError
from reactive_dag.model.times import GivenDuration

if TYPE_CHECKING:
    from reactive_dag.model.records import Json
    from reactive_dag.triggers.functions.by import By
    from reactive_dag.triggers.functions.map import Map
    from reactive_dag.triggers.functions.where import Where
    from reactive_dag.triggers.joins.all_of import AllOf
    from reactive_dag.triggers.joins.any_of import AnyOf
    from reactive_dag.triggers.leaves.dataset import Dataset
    from reactive_dag.triggers.windows.batch import Batch
    from reactive_dag.triggers.windows.debounce import Debounce
    from reactive_dag.triggers.windows.throttle import Throttle
    from reactive_dag.triggers.windows.within import Within

MAX_KEYS = 100_000
"""How many keys a `.by` holds unless told (T7)."""


class Combinable:
    """What a trigger and a dataset have in common: operators and modifiers, each of which makes a new trigger."""

    __slots__ = ()

    def as_trigger(self) -> Trigger:
        """This, as a trigger. O(1)."""
        raise UsageError(f"{type(self).__name__} gives no trigger")

    def __and__(self, other: object) -> AllOf:
        from reactive_dag.triggers.joins.all_of import all_of

        return all_of(self, other)

    def __rand__(self, other: object) -> AllOf:
        from reactive_dag.triggers.joins.all_of import all_of

        return all_of(other, self)

    def __or__(self, other: object) -> AnyOf:
        from reactive_dag.triggers.joins.any_of import any_of

        return any_of(self, other)

    def __ror__(self, other: object) -> AnyOf:
        from reactive_dag.triggers.joins.any_of import any_of

        return any_of(other, self)

    def __bool__(self) -> bool:
        raise UsageError(
            f"{self!r} is neither true nor false. Write `a & b` for 'a and b', `a | b` for 'a or b', "
            "and `trigger is None` to ask whether there is one"
        )

    def where(self, predicate: Callable[..., object]) -> Where:
        """Let only those items pass for which `predicate` is true; others are dropped as `filtered` (T1). O(1).

        It must be pure (I6). Raises InvalidValue for what cannot be called or compared (I7).

        >>> from reactive_dag.triggers.leaves.dataset import updated
        >>> updated("orders").where(bool).parts
        (rd.updated('orders'),)
        """
        from reactive_dag.triggers.functions.where import Where

        return Where(self, predicate)

    def map(self, change: Callable[..., object]) -> Map:
        """Change the payload that the run receives, never its events (T13). O(1).

        It must be pure (I6). Raises InvalidValue for what cannot be called or compared (I7).
        """
        from reactive_dag.triggers.functions.map import Map

        return Map(self, change)

    def batch(self, count: int | None = None, max_wait: GivenDuration | None = None) -> Batch:
        """Gather up to `count` firings, or what came until `max_wait` after the first; never empty (T5). O(1).

        Raises InvalidValue where both are missing, or one is not positive.

        >>> from reactive_dag.triggers.leaves.dataset import updated
        >>> updated("orders").batch(count=10, max_wait="5m")
        rd.updated('orders').batch(count=10, max_wait='5m')
        """
        from reactive_dag.triggers.windows.batch import batch

        return batch(self, count, max_wait)

    def debounce(self, pause: GivenDuration, max_wait: GivenDuration | None = None) -> Debounce:
        """Wait for a pause, then fire with all that came, at the latest `max_wait` after the first (T5). O(1).

        Raises InvalidValue where a duration is none or not positive.
        """
        from reactive_dag.triggers.windows.debounce import debounce

        return debounce(self, pause, max_wait)

    def throttle(self, period: GivenDuration) -> Throttle:
        """Fire at most once a period; what came in between rides with the next firing (T5). O(1).

        Raises InvalidValue where the period is no duration or not positive.
        """
        from reactive_dag.triggers.windows.throttle import throttle

        return throttle(self, period)

    def within(self, window: GivenDuration) -> Within:
        """Fire only if all parts came within one window; what is older is dropped as `outside_window` (T6). O(1).

        Raises InvalidValue on anything but `all_of`, `at_least` and `sequence`.
        """
        from reactive_dag.triggers.windows.within import within

        return within(self, window)

    def by(self, *keys: object, max_keys: int = MAX_KEYS, ttl: GivenDuration | None = None) -> By:
        """Keep what stands before it apart by key: a join (T7). O(parts).

        A key is "partition", "logical_date", a calendar such as `rd.day("Europe/Berlin")`, or a pure function of the
        event. `.by(None)` says that there is none. Raises InvalidValue for other keys, and for a clock among the parts
        that the key cannot place.

        >>> from reactive_dag.triggers.leaves.dataset import updated
        >>> (updated("a") & updated("b")).by("partition")
        rd.all_of(rd.updated('a'), rd.updated('b')).by('partition')
        """
        from reactive_dag.triggers.functions.by import by

        return by(self, keys, max_keys, ttl)


def as_trigger(value: object) -> Trigger:
    """A trigger, or a dataset's `updated`. O(1). Raises InvalidValue, saying what to write, for anything else.

    >>> from reactive_dag.triggers.leaves.dataset import Dataset
    >>> as_trigger(Dataset("orders"))
    rd.updated('orders')
    """
    if isinstance(value, Combinable):
        return value.as_trigger()
    if isinstance(value, str):
        raise InvalidValue(f"{value!r} is text; write rd.updated({value!r}) or rd.completed({value!r})")
    if isinstance(getattr(value, "id", None), str):
        raise InvalidValue(f"{value!r} is no trigger; write rd.completed({value.id!r})")  # type: ignore[attr-defined]
    if isinstance(value, Iterable):
        raise InvalidValue(f"a trigger's parts are given one by one: write f(*parts), not f(parts) (given {value!r})")
    raise InvalidValue(
        f"{shown(value)} is no trigger; write rd.updated(...), rd.completed(...) or a combination of those"
    )


def as_triggers(values: object) -> tuple[Trigger, ...]:
    """Each value as a trigger, at least one. O(n). Raises InvalidValue for what is none."""
    if not isinstance(values, tuple | list):
        raise InvalidValue(f"parts must be a tuple of triggers, not {values!r}")
    if not values:
        raise InvalidValue(
            "a combination of no triggers could never fire; give all_of() and its like at least one part"
        )
    return tuple([value if isinstance(value, Trigger) else as_trigger(value) for value in values])


@frozen(eq=False, repr=False)
class Trigger(Combinable):
    """Which facts fire a DAG: frozen, hashable data that prints as the expression that makes it."""

    kind: ClassVar[str] = ""

    @property
    def parts(self) -> tuple[Trigger, ...]:
        """The triggers that this one is made of; none for a leaf. O(1)."""
        return ()

    @cached_property
    def digest(self) -> str:
        """The content's hash: 32 hexadecimal digits, equal in every process (I7). O(size), once."""
        from reactive_dag.triggers.jsonform import digest

        return digest(self)

    def as_trigger(self) -> Trigger:
        """The trigger itself. O(1)."""
        return self

    def _repr_mimebundle_(self, **_: object) -> dict[str, str]:
        return hooks.bundle("Trigger", self)

    def to_json(self) -> dict[str, Json]:
        """Plain JSON data; callables as references (G5). O(size)."""
        from reactive_dag.triggers.jsonform import to_json

        return to_json(self)

    @staticmethod
    def from_json(data: Json, datasets: Callable[[str], Dataset] | None = None) -> Trigger:
        """The trigger that `to_json` wrote; imports nothing (G5). O(size).

        `datasets` gives the dataset of a uri, with its calendar. Raises InvalidValue naming the place in `data`.
        """
        from reactive_dag.triggers.jsonform import from_json

        return from_json(data, datasets)

    def rebuilt(self, parts: tuple[Trigger, ...]) -> Trigger:
        """The same with other parts, as many as before. O(parts).

        >>> from reactive_dag.triggers.leaves.dataset import updated
        >>> updated("a").batch(count=2).rebuilt((updated("b"),))
        rd.updated('b').batch(count=2)
        """
        return self


@frozen(eq=False, repr=False)
class Modifier(Trigger):
    """A trigger that changes when the one part before it fires, or what it gives."""

    part: Trigger = field(converter=as_trigger)

    @property
    def parts(self) -> tuple[Trigger, ...]:
        """The one part. O(1)."""
        return (self.part,)

    def rebuilt(self, parts: tuple[Trigger, ...]) -> Trigger:
        """The same on another part. O(1)."""
        return evolve(self, part=parts[0])


@frozen(eq=False, repr=False)
class Composite(Trigger):
    """A trigger of several parts."""

    parts: tuple[Trigger, ...] = field(converter=as_triggers)

    def rebuilt(self, parts: tuple[Trigger, ...]) -> Trigger:
        """The same of other parts. O(parts)."""
        return evolve(self, parts=parts)


def walk(trigger: Trigger) -> Iterator[Trigger]:
    """The trigger and all its parts, each before its own parts, in the order they are written. O(size).

    >>> from reactive_dag.triggers.leaves.dataset import updated
    >>> [type(t).__name__ for t in walk(updated("a").batch(count=2) & updated("b"))]
    ['AllOf', 'Batch', 'Updated', 'Updated']
    """
    yield trigger
    stack = [*trigger.parts[::-1]]
    while stack:
        found = stack.pop()
        yield found
        if parts := found.parts:
            stack.extend(parts[::-1])


def leaves(trigger: Trigger) -> list[Trigger]:
    """The parts that have no parts, in the order they are written. O(size).

    >>> from reactive_dag.triggers.leaves.dataset import updated
    >>> leaves(updated("a").batch(count=2) & updated("b"))
    [rd.updated('a'), rd.updated('b')]
    """
    return [found for found in walk(trigger) if not found.parts]


def replaced(trigger: Trigger, change: Callable[[Trigger], Trigger]) -> Trigger:
    """The trigger with `change` made to each leaf; the same object where nothing changed. O(size).

    >>> from reactive_dag.triggers.leaves.dataset import updated
    >>> replaced(updated("a") & updated("b"), lambda leaf: updated("c") if leaf == updated("a") else leaf)
    rd.all_of(rd.updated('c'), rd.updated('b'))
    """
    if not trigger.parts:
        return change(trigger)
    parts = tuple([replaced(part, change) for part in trigger.parts])
    unchanged = all(new is old for new, old in zip(parts, trigger.parts, strict=True))
    return trigger if unchanged else trigger.rebuilt(parts)
