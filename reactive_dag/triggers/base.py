"""Triggers are values: the base of the algebra, and what all of it can do.

Owns `Trigger` (frozen data: which facts fire a DAG, and what others ask of a kind of trigger) and the methods that
every trigger and every dataset has. Invariant: a trigger that exists is right; whatever could not mean anything was
refused when it was written (R15). Equal triggers have equal digests, in every process (I7). The digest is made when it
is first asked for: O(size of the trigger) once, O(1) after. Making a trigger costs some 1 µs a part.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cached_property
from typing import Any, ClassVar, Literal, TypeAlias

from attrs import frozen

from reactive_dag.model import pictures
from reactive_dag.model.calendar import Calendar
from reactive_dag.model.callables import shown
from reactive_dag.model.errors import InvalidValue, UsageError
from reactive_dag.model.partitions.products import Partitions
from reactive_dag.model.records import AnyRecord, Json, Mark
from reactive_dag.model.text import seen, text_at
from reactive_dag.model.times import GivenDuration
from reactive_dag.triggers import jsonform
from reactive_dag.triggers.cell import Cell, Surroundings
from reactive_dag.triggers.jsonform import Kinded
from reactive_dag.triggers.keys import KeySpec

DrawnAs: TypeAlias = Literal["task", "dag", "dataset", "clock"]
"""What a trigger looks like in a drawing: "task" for something that works on what its parts give."""

MAX_KEYS = 100_000
"""How many keys a `.by` holds unless told (T7)."""


class Combinable:
    """What a trigger and a dataset have in common: operators and modifiers, each of which makes a new trigger."""

    __slots__ = ()

    def as_trigger(self) -> Trigger:
        """This, as a trigger. O(1)."""
        raise UsageError(f"{type(self).__name__} gives no trigger")

    def __and__(self, other: object) -> Trigger:
        return _made("all_of", self, other)

    def __rand__(self, other: object) -> Trigger:
        return _made("all_of", other, self)

    def __or__(self, other: object) -> Trigger:
        return _made("any_of", self, other)

    def __ror__(self, other: object) -> Trigger:
        return _made("any_of", other, self)

    def __bool__(self) -> bool:
        raise UsageError(
            f"{self!r} is neither true nor false. Write `a & b` for 'a and b', `a | b` for 'a or b', "
            "and `trigger is None` to ask whether there is one"
        )

    def where(self, predicate: Callable[..., object]) -> Trigger:
        """Let only those items pass for which `predicate` is true; others are dropped as `filtered` (T1). O(1).

        It must be pure (I6). Raises InvalidValue for what cannot be called or compared (I7).

        >>> from reactive_dag.triggers.leaves.dataset import updated
        >>> updated("orders").where(bool).parts
        (rd.updated('orders'),)
        """
        return _made("where", self, predicate)

    def map(self, change: Callable[..., object]) -> Trigger:
        """Change the payload that the run receives, never its events (T13). O(1).

        It must be pure (I6). Raises InvalidValue for what cannot be called or compared (I7).
        """
        return _made("map", self, change)

    def batch(self, count: int | None = None, max_wait: GivenDuration | None = None) -> Trigger:
        """Gather up to `count` firings, or what came until `max_wait` after the first; never empty (T5). O(1).

        Raises InvalidValue where both are missing, or one is not positive.

        >>> from reactive_dag.triggers.leaves.dataset import updated
        >>> updated("orders").batch(count=10, max_wait="5m")
        rd.updated('orders').batch(count=10, max_wait='5m')
        """
        return _made("batch", self, count, max_wait)

    def debounce(self, pause: GivenDuration, max_wait: GivenDuration | None = None) -> Trigger:
        """Wait for a pause, then fire with all that came, at the latest `max_wait` after the first (T5). O(1).

        Raises InvalidValue where a duration is none or not positive.
        """
        return _made("debounce", self, pause, max_wait)

    def throttle(self, period: GivenDuration) -> Trigger:
        """Fire at most once a period; what came in between rides with the next firing (T5). O(1).

        Raises InvalidValue where the period is no duration or not positive.
        """
        return _made("throttle", self, period)

    def within(self, window: GivenDuration) -> Trigger:
        """Fire only if all parts came within one window; what is older is dropped as `outside_window` (T6). O(1).

        Raises InvalidValue on anything but `all_of`, `at_least` and `sequence`.
        """
        return _made("within", self, window)

    def reset(self, *, at: object) -> Trigger:
        """Drop everything that is pending in it at each tick of a clock; windows begin again (T16). O(size).

        Raises InvalidValue where `at` is no clock, and on what holds nothing.

        >>> from reactive_dag.triggers.leaves.dataset import updated
        >>> from reactive_dag.triggers.leaves.schedule import cron
        >>> (updated("a") & updated("b")).reset(at=cron("0 0 * * *"))
        rd.all_of(rd.updated('a'), rd.updated('b')).reset(at=rd.cron('0 0 * * *'))
        """
        return _made("reset", self, at)

    def with_latest(self, *others: object) -> Trigger:
        """Fire for each item of it, with the newest item of each other part, which stays (T17). O(parts).

        Raises InvalidValue without another part.

        >>> from reactive_dag.triggers.leaves.dataset import updated
        >>> updated("orders").with_latest(updated("rates"))
        rd.updated('orders').with_latest(rd.updated('rates'))
        """
        return _made("with_latest", self, *others)

    def rollup(
        self,
        coarse: Calendar,
        *,
        late: Literal["fire", "drop"] = "fire",
        wait: GivenDuration | None = None,
        of: Partitions | None = None,
        max_keys: int = MAX_KEYS,
    ) -> Trigger:
        """Fire once for each partition of `coarse`, when all finer ones that begin in it are there (T18). O(size).

        The finer ones are those of the datasets below, or `of`. What comes later is a run of its own
        (`run.correction`), or is dropped (`late="drop"`); `wait` after the period's end it fires with `run.missing`.
        Raises InvalidValue where `coarse` is no coarser calendar.

        >>> from reactive_dag.model.calendar import day, hour
        >>> from reactive_dag.triggers.leaves.dataset import updated
        >>> updated("orders").rollup(day(), of=hour(), wait="6h")
        rd.updated('orders').rollup(rd.day("UTC"), wait='6h', of=rd.hour("UTC"))
        """
        return _made("rollup", self, coarse, late, wait, of, max_keys)

    def by(
        self,
        *keys: object,
        max_keys: int = MAX_KEYS,
        ttl: GivenDuration | None = None,
        undated: Literal["arrival"] | None = None,
    ) -> Trigger:
        """Keep what stands before it apart by key: a join (T7). O(parts).

        A key is "partition", "logical_date", a calendar such as `rd.day("Europe/Berlin")`, the name of a dimension of
        the datasets such as "region" (T19), or a pure function of the event; one that gives a list gives several keys.
        `.by(None)` says that there is none. `undated="arrival"` puts what has no date into the calendar's period in
        which it came. Raises InvalidValue for other keys, and for a clock among the parts that the key cannot place.

        >>> from reactive_dag.triggers.leaves.dataset import updated
        >>> (updated("a") & updated("b")).by("partition")
        rd.all_of(rd.updated('a'), rd.updated('b')).by('partition')
        """
        return _made("by", self, keys, max_keys, ttl, undated)


MOST_NESTED = 100
"""So many triggers stand in each other at most, as lists and objects of a payload do: walks over them recurse."""


def as_trigger(value: object) -> Trigger:
    """A trigger, or a dataset's `updated`. O(1). Raises InvalidValue, saying what to write, for anything else.

    >>> from reactive_dag.triggers.leaves.dataset import Dataset
    >>> as_trigger(Dataset("orders"))
    rd.updated('orders')
    """
    if isinstance(value, Combinable):
        return value.as_trigger()
    if isinstance(value, str):
        raise InvalidValue(f"{seen(value)} is text; write rd.updated({seen(value)}) or rd.completed({seen(value)})")
    if (id := text_at(value, "id")) is not None:
        raise InvalidValue(f"{seen(value)} is no trigger; write rd.completed({id!r})")
    if isinstance(value, Iterable):
        raise InvalidValue(f"a trigger's parts are given one by one: write f(*parts), not f(parts), with {seen(value)}")
    raise InvalidValue(
        f"{shown(value)} is no trigger; write rd.updated(...), rd.completed(...) or a combination of those"
    )


@frozen(eq=False, repr=False)
class Trigger(Combinable, Kinded):
    """Which facts fire a DAG: frozen, hashable data that prints as the expression that makes it.

    All that is special about a kind of trigger stands on its class, beside its cell: what others ask of it is here.
    """

    kind: ClassVar[str] = ""
    """Its name in JSON; the classes between the kinds have none."""
    by_kind: ClassVar[dict[str, type[Trigger]]] = {}
    """Every kind of trigger there is; a class enters itself when it is made."""

    gathers: ClassVar[bool]
    """Whether one firing takes several facts at once, so that its DAG is its own origin (T8). Each kind must say."""
    emits: ClassVar[bool] = False
    """Whether items come in here: facts of a source, ticks, silences."""
    hears: ClassVar[bool] = False
    """Whether what comes in are facts of a source."""
    holds_one: ClassVar[bool] = False
    """Whether a join holds at most one of its items, a newer one superseding it (T9)."""
    joins: ClassVar[bool] = False
    """Whether its parts meet in it: T8 joins those by date, and `.within` may stand on it (T6)."""
    asks: ClassVar[bool] = False
    """Whether it asks a function, `fn`; directly behind a leaf that is done before the item is in any cell."""
    passes: ClassVar[bool] = False
    """Whether it passes on what its part fires, one for one."""
    needs_dated_key: ClassVar[bool] = False
    """Whether only keys that an instant has may stand behind it (T7)."""
    dates_anew: ClassVar[bool] = False
    """Whether what it fires has a date of its own, whatever its items have (T18)."""
    drawn_as: ClassVar[DrawnAs] = "task"
    """What it looks like in a drawing: a dataset, a dag, a clock, or something that works."""

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        if not cls.kind:
            return
        other = Trigger.by_kind.get(cls.kind, cls)
        if (other.__module__, other.__qualname__) != (cls.__module__, cls.__qualname__):
            raise TypeError(f"{cls.__qualname__}.kind is {cls.kind!r}, and so is that of {other.__qualname__}")
        if not hasattr(cls, "gathers"):
            raise TypeError(f"{cls.__qualname__} must say gathers = True or False: is one firing several facts? (T8)")
        if not cls.emits and cls.cell is Trigger.cell:
            raise TypeError(f"{cls.__qualname__} must have a method cell(around) that gives its cell")
        Trigger.by_kind[cls.kind] = cls

    @property
    def parts(self) -> tuple[Trigger, ...]:
        """The triggers that this one is made of; none for a leaf. O(1)."""
        return ()

    @property
    def drives(self) -> tuple[Trigger, ...]:
        """The parts whose items fire it: of them it has dates, origins, keys, height and boolean form (G4). O(1)."""
        return self.parts

    @property
    def needs(self) -> int:
        """How many of the parts that drive it must have fired before it can. O(1)."""
        return len(self.drives)

    @property
    def holds_for(self) -> int | None:
        """How long (ns) it may hold what came, by its own timer; None: it waits for what may never come. O(1).

        A simulation goes on so long beyond its end.
        """
        return 0

    @property
    def holds(self) -> bool:
        """Whether something can be half gathered in it, for `.reset` to drop (T16). O(1)."""
        return self.gathers

    @property
    def keeps_key(self) -> bool:
        """Whether what it fires is of the key that its first part fired with (T7). O(1)."""
        return self.passes

    @property
    def keys_inside(self) -> tuple[KeySpec, ...]:
        """The keys by which it keeps what stands before it apart (T7). O(1)."""
        return ()

    @property
    def compiled_as(self) -> Trigger:
        """What is compiled for it, where it is made of other triggers. O(1). Raises InvalidValue if it cannot be."""
        return self

    @property
    def payload_is_list(self) -> bool:
        """Whether its payload is the flat list of its parts' payloads (T13). O(depth)."""
        return self.parts[0].payload_is_list if self.passes else bool(self.parts) and not self.emits

    @property
    def source(self) -> object:
        """What its items are events of, whatever kinds or states it takes; for what hears no facts, itself. O(1)."""
        return self

    @property
    def partitions(self) -> Partitions | None:
        """How what it hears is partitioned, if it is. O(1)."""
        return None

    def takes(self, fact: Any) -> bool:
        """Whether a fact of its source is delivered here: by its kind or state (T1). O(1)."""
        return True

    def came(self, fact: AnyRecord | Mark) -> bool:
        """Whether a fact or a tick is one of its source. O(1)."""
        return False

    @classmethod
    def of(cls, *given: Any) -> Trigger:
        """The trigger that its fluent method makes, of the part and the arguments as people write them. O(1)."""
        return cls(*given)

    def cell(self, around: Surroundings) -> Cell | None:
        """Its cell, where it stands in `around`; None for a leaf. Each other kind must have it. O(parts)."""
        return None

    def settled(self) -> Trigger:
        """With what follows from its datasets written into it: what is registered. O(size). Raises InvalidValue."""
        parts = tuple([part.settled() for part in self.parts])
        return self if parts == self.parts else self.rebuilt(parts)

    def why_not_under(self, key: object) -> str:
        """Why it can stand under no such key of a `.by`, as its datasets are divided (T18); "" if it can. O(size)."""
        return ""

    def anchored(self, start: int) -> Trigger:
        """With each `every` that says nothing else counted from `start` (R9). O(size)."""
        return self.with_parts_anchored(start)

    def with_parts_anchored(self, start: int) -> Trigger:
        """With the parts anchored. O(size)."""
        parts = tuple([part.anchored(start) for part in self.parts])
        return self if parts == self.parts else self.rebuilt(parts)

    @cached_property
    def digest(self) -> str:
        """The content's hash: 32 hexadecimal digits, equal in every process (I7). O(size), once."""
        return jsonform.digest(self)

    @cached_property
    def _depth(self) -> int:
        """How many triggers stand in each other here. O(parts), once."""
        return 1 + max([part._depth for part in self.parts], default=0)

    def as_trigger(self) -> Trigger:
        """The trigger itself, as a part of another one. O(1). Raises InvalidValue where too many stand in it."""
        if self._depth >= MOST_NESTED:
            raise InvalidValue(
                f"{MOST_NESTED} triggers stand in each other here already; one more is no trigger that somebody wrote: "
                "give a DAG of its own to a part of it"
            )
        return self

    def __dir__(self) -> list[str]:
        """What people use of it; what its kind says of itself is for those who write one (docs/adding-a-trigger.md)."""
        own = {name for name in (*vars(Trigger), "gathers") if not name.startswith("_")}
        return sorted(set(object.__dir__(self)) - (own - {"digest", "from_json", "parts", "to_json"}))

    def _repr_mimebundle_(self, **_: object) -> dict[str, str]:
        return pictures.bundle("Trigger", self)

    def to_json(self) -> dict[str, Json]:
        """Plain JSON data; callables as references (G5). O(size)."""
        return jsonform.to_json(self)

    @staticmethod
    def from_json(data: Json, datasets: Callable[[str], object] | None = None) -> Trigger:
        """The trigger that `to_json` wrote; imports nothing (G5). O(size).

        `datasets` gives the dataset of a uri, with its calendar. Raises InvalidValue naming the place in `data`.
        """
        return jsonform.from_json(data, Trigger.by_kind, datasets)

    def rebuilt(self, parts: tuple[Trigger, ...]) -> Trigger:
        """A trigger like this one with other parts, as many as before. O(parts).

        >>> from reactive_dag.triggers.leaves.dataset import updated
        >>> updated("a").batch(count=2).rebuilt((updated("b"),))
        rd.updated('b').batch(count=2)
        """
        return self


def _made(kind: str, *given: Any) -> Trigger:
    """What the fluent methods above make: they name a kind, since its class stands on top of this module."""
    return Trigger.by_kind[kind].of(*given)
