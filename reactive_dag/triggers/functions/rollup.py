"""The rollup: one firing for each coarse partition, when all finer ones that begin in it are there (T18).

Owns `Rollup` and its cell. It is compiled to two keys with the cell between them: what stands before it has a state for
each finer partition, and the cell one for each coarse one, its *period*. That state is `[due, missing, item, …]`:
`missing` names the finer partitions that are not there, in order; it is None where nothing came for the period. A
period that has fired holds no item, and is remembered as long as its key is. Invariants: it holds items of open periods
only; it is due only if it holds something and has a `wait`. Cost: O(1) to make and an item, O(finer partitions) a
firing; state: L rows and the names of a period, for each of `max_keys` periods.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar, Literal, NamedTuple, TypeAlias

from attrs import evolve, field, frozen

from reactive_dag.model.calendar import Calendar
from reactive_dag.model.errors import InvalidValue
from reactive_dag.model.partitions.nesting import Known, as_flags, inside, of_flags, why_not_finer
from reactive_dag.model.partitions.products import Partitions
from reactive_dag.model.scalars import own
from reactive_dag.model.text import seen
from reactive_dag.model.times import NEVER, GivenDuration, format_duration, parse_duration
from reactive_dag.triggers.base import MAX_KEYS, Trigger
from reactive_dag.triggers.cell import ALONE, Arrivals, Cell, Convert, Opaque, State, Surroundings
from reactive_dag.triggers.checks import choice_of, optional_positive, positive
from reactive_dag.triggers.firing import Key, Rolled
from reactive_dag.triggers.functions.by import By
from reactive_dag.triggers.keys import FIELDS, KeySpec, PeriodKey
from reactive_dag.triggers.leaves.dataset import Updated
from reactive_dag.triggers.shapes import Modifier

LATE = ("fire", "drop")
Late: TypeAlias = Literal["fire", "drop"]
"""What becomes of an item whose period has fired: a correction, or it is dropped."""


@frozen(cache_hash=True)
class Rollup(Modifier):
    """Fires with all that its part fired for a coarse partition, when each finer one in it is there.

    `finer` is the calendar of those; None: that of the datasets below.
    """

    kind: ClassVar[str] = "rollup"
    gathers: ClassVar[bool] = True
    dates_anew: ClassVar[bool] = True

    coarse: Calendar = field()
    late: str = "fire"
    wait: int | None = None
    finer: Partitions | None = None
    max_keys: int = field(default=MAX_KEYS, converter=own)

    def __attrs_post_init__(self) -> None:
        if not isinstance(self.coarse, Calendar):
            raise InvalidValue(f".rollup() takes a calendar such as rd.day('Europe/Berlin'), not {seen(self.coarse)}")
        if self.finer is not None and not isinstance(self.finer, Partitions):
            raise InvalidValue(f"of= of .rollup() takes a calendar such as rd.hour('UTC'), not {seen(self.finer)}")
        object.__setattr__(self, "late", choice_of(self.late, LATE, "late of .rollup()"))
        optional_positive(self.wait, "wait of .rollup()")
        positive(self.max_keys, "max_keys of .rollup()")
        finer, _ = self._judged()
        if finer is not None and (problem := why_not_finer(finer, self.coarse)):
            raise InvalidValue(f"{self!r} gathers {finer!r}, which is not finer than {self.coarse!r}: {problem}")

    @classmethod
    def of(
        cls,
        part: object,
        coarse: object,
        late: str = "fire",
        wait: GivenDuration | None = None,
        finer: object = None,
        max_keys: int = MAX_KEYS,
    ) -> Rollup:
        """`part.rollup(coarse, ...)`. O(size). Raises InvalidValue as that does."""
        span = None if wait is None else parse_duration(wait, what="wait of .rollup()")
        return cls(part, coarse, late, span, finer, max_keys)  # type: ignore[arg-type]

    @property
    def partitions(self) -> Calendar | None:
        """The coarse calendar: what it fires is of its partitions. O(1)."""
        return self.coarse

    @property
    def keys_inside(self) -> tuple[KeySpec, ...]:
        """The coarse calendar. O(1)."""
        return (self.coarse,)

    def _judged(self) -> tuple[Partitions | None, str]:
        """The calendar of what it gathers; None, and why, where nothing says which that is. O(size)."""
        if self.finer is not None:
            return self.finer, ""
        first: Updated | Rollup | None = None
        for leaf in _heard(self.part):
            if leaf.partitions is None:
                return None, f"{leaf!r} has no partitions=; give its dataset some, or the rollup of="
            if first is None:
                first = leaf
            elif leaf.partitions != first.partitions:
                one, other = (f"{each!r} has {each.partitions!r}" for each in (first, leaf))
                return None, f"{one} and {other}; give the rollup of="
        if first is None:
            return None, "it gathers no dataset's events; give it of=, such as of=rd.hour('Europe/Berlin')"
        return first.partitions, ""

    def settled(self) -> Trigger:
        """With the finer calendar written into it. O(size). Raises InvalidValue where nothing says which that is."""
        found = super().settled()
        assert isinstance(found, Rollup)
        finer, problem = found._judged()
        if finer is None:
            raise InvalidValue(f"{self!r}: nothing says which finer partitions there are: {problem}")
        return evolve(found, finer=finer)

    def why_not_under(self, key: object) -> str:
        """Why a key would keep apart what one period needs; "" if it does not. O(size)."""
        if isinstance(key, Calendar):
            apart = key != self.coarse and (self.coarse.unit == "week" or why_not_finer(self.coarse, key))
        else:
            finer, _ = self._judged()
            divided = [finer, *[each.partitions for each in _heard(self.part)]]
            names = [each.name for of in divided if of is not None for each in of.dimensions if each.calendar]
            apart = key in (*FIELDS, *names)
        if not apart:
            return ""
        return (
            f"{key!r} keeps apart what one {self.coarse.unit} needs, so that it would never be whole; take a key that "
            "all of it shares (a static dimension, the rollup's own calendar), or none"
        )

    @property
    def compiled_as(self) -> Trigger:
        """A key of coarse partitions around the cell, one of finer ones around the part. O(size)."""
        finer, problem = self._judged()
        if finer is None:
            raise InvalidValue(f"{self!r}: nothing says which finer partitions there are: {problem}")
        apart = By(self.part, (PeriodKey(finer, self.coarse, True),), NEVER)
        return ByPeriod(Period(apart, self, finer), (PeriodKey(finer, self.coarse),), self.max_keys)

    def cell(self, around: Surroundings) -> None:
        """None: what it is compiled as has one. O(1)."""

    def __repr__(self) -> str:
        late = "" if self.late == "fire" else f", late={self.late!r}"
        wait = "" if self.wait is None else f", wait={format_duration(self.wait)!r}"
        of = "" if self.finer is None else f", of={self.finer!r}"
        most = "" if self.max_keys == MAX_KEYS else f", max_keys={self.max_keys}"
        return f"{self.part!r}.rollup({self.coarse!r}{late}{wait}{of}{most})"


def _heard(trigger: Trigger) -> Iterator[Updated | Rollup]:
    """What drives a trigger and is partitioned, or may be: datasets, and rollups, which give coarse partitions."""
    if isinstance(trigger, Updated | Rollup):
        yield trigger
        return
    for part in trigger.drives:
        yield from _heard(part)


@frozen(cache_hash=True)
class ByPeriod(By):
    """What a rollup is compiled as: the key of its coarse partitions. No kind of trigger: nobody writes it."""

    kind: ClassVar[str] = ""

    def __repr__(self) -> str:
        assert isinstance(self.part, Period)
        return repr(self.part.whole)


@frozen(cache_hash=True)
class Period(Modifier):
    """Where the finer partitions of one coarse partition gather. No kind of trigger: nobody writes it."""

    gathers: ClassVar[bool] = True

    whole: Rollup = field()
    finer: Partitions = field()

    def cell(self, around: Surroundings) -> Cell:
        """The rollup's cell. O(1)."""
        return RollupCell(self.finer, self.whole.coarse, self.whole.late, self.whole.wait, around)


# ------------------------------------------------------------------------------------------------ cell


class Gathered(NamedTuple):
    """How a period stands that has not fired: key and span, the finer partitions not there, when it fires without."""

    key: Key
    start: int
    end: int
    there: int
    missing: list[str]
    due: int


class RollupCell(Cell):
    """Releases `(key, items, missing, correction)` for a period; its surroundings say to which each item belongs.

    >>> from reactive_dag.model.calendar import month, week
    >>> class Weeks(Surroundings):
    ...     keys = (month(),)
    ...     def key(self, part, item): return ("2026-11", item)
    >>> cell = RollupCell(week(), month(), around=Weeks())
    >>> state = cell.fresh()
    >>> [cell.feed(state, 0, f"2026-W{n}", 0) for n in (45, 46, 48, 47)]
    [None, None, None, None]
    >>> cell.feed(state, 0, "2026-W49", 0)
    [(('2026-11',), ['2026-W45', '2026-W46', '2026-W48', '2026-W47', '2026-W49'], [], False)]
    """

    __slots__ = ("coarse", "depth", "dimensions", "finer", "first", "key", "keys", "late", "timed", "wait")

    bound: ClassVar[str] = "L"
    head: ClassVar[int] = 2
    lasting: bool = True

    def __init__(
        self,
        finer: Partitions,
        coarse: Calendar,
        late: str = "fire",
        wait: int | None = None,
        around: Surroundings = ALONE,
    ) -> None:
        super().__init__(around)
        self.finer, self.coarse, self.late, self.wait = finer, coarse, late, wait
        self.timed = wait is not None
        self.key, self.keys, self.depth, self.first = around.key, around.keys, len(around.keys), around.first
        self.dimensions = [(at, key) for at, key in enumerate(around.keys) if key in finer.names]

    def fresh(self) -> State:
        """Nothing came for the period."""
        return [NEVER, None]

    def known(self, key: Key) -> Known:
        """The texts that a key has in dimensions of the finer partitions. O(keys)."""
        return tuple([(str(name), str(key[at])) for at, name in self.dimensions])

    def expected(self, key: Key) -> tuple[str, ...]:
        """The finer partitions of a period. O(result) once."""
        return inside(self.finer, self.coarse, str(key[-1]), self.known(key))

    def lacking(self, period: str, flags: bytes, known: Known) -> list[str]:
        """The finer partitions that `rolled` said are missing of a period. O(finer partitions)."""
        return of_flags(inside(self.finer, self.coarse, period, known), flags)

    @property
    def calendars(self) -> tuple[object, ...]:
        """The keys around it, what it gathers as calendar and dimensions, whatever their values. O(keys)."""
        like = (self.finer.calendar, self.finer.names)
        return tuple([(like, key.coarse) if isinstance(key, PeriodKey) else key for key in self.keys])

    def has_fired(self, state: State) -> bool:
        """Whether the period has fired."""
        return state[1] is not None and len(state) == self.head

    def feed_many(self, state: State, arrivals: Arrivals, now: int) -> list[Opaque] | None:
        """Take each for its finer partition; release all with the last one, and each that comes later."""
        released: list[Opaque] = list(self.step(state, now) or ()) if state[0] <= now else []
        for part, item in arrivals:
            key = self.key(part, item)
            period, finer = key[: self.depth], key[self.depth]
            if self.has_fired(state):
                released += self._correct(state, period, finer, item)
                continue
            if state[1] is None:
                self._open(state, period, now)
            elif len(state) - self.head >= self.limit:
                self._make_room(state)
            state[1].pop(finer, None)
            state.append(item)
            if not state[1]:
                released.append(self._fire(state))
        return released or None

    def _open(self, state: State, period: Key, now: int) -> None:
        names = self.expected(period)
        state[1] = dict.fromkeys(names)
        if self.wait is not None:
            _, end = self.finer.interval(names[-1]) or (now, now)
            state[0] = min(max(now, end) + self.wait, NEVER)

    def _make_room(self, state: State) -> None:
        """Drop the oldest item; if it was the only one of its finer partition, that is missing again. O(pending)."""
        oldest = state.pop(self.head)
        finer = self._finer(oldest)
        if not any(self._finer(item) == finer for item in state[self.head :]):
            period = self.key(0, oldest)[: self.depth]
            state[1] = {name: None for name in self.expected(period) if name in state[1] or name == finer}
        self.drop("expired", 0, oldest)

    def _finer(self, item: Opaque) -> object:
        return self.key(0, item)[self.depth]

    def _correct(self, state: State, period: Key, finer: object, item: Opaque) -> list[Opaque]:
        """What comes for a period that has fired."""
        if self.late == "drop":
            self.drop("late", 0, item)
            return []
        state[1].pop(finer, None)
        return [(period, [item], list(state[1]), True)]

    def _fire(self, state: State) -> Opaque:
        period = self.key(0, state[self.head])[: self.depth]
        release = (period, state[self.head :], list(state[1]), False)
        state[:] = [NEVER, state[1]]
        return release

    def step(self, state: State, now: int) -> list[Opaque] | None:
        """Fire without what is missing, if the wait is over."""
        return [self._fire(state)] if state[0] <= now else None

    def flush(self, state: State) -> list[Opaque] | None:
        """What is there of a period, without what is missing."""
        return [self._fire(state)] if len(state) > self.head else None

    def due(self, state: State) -> int:
        """The first field, which is NEVER while nothing is held."""
        due: int = state[0]
        return due

    def is_idle(self, state: State, now: int) -> bool:
        """Whether nothing came for the period."""
        return state[1] is None

    def holds(self, state: State, now: int) -> bool:
        """Whether something is half gathered."""
        return len(state) > self.head

    def remembers_until(self, state: State) -> int:
        """For ever, once it has fired."""
        return NEVER if self.has_fired(state) else -NEVER

    def reset(self, state: State) -> None:
        """Forget what is held; a period that has fired stays so. O(pending)."""
        if not self.has_fired(state):
            super().reset(state)

    def gathered(self, state: State) -> Gathered | None:
        """How a period stands that has not fired; None for any other. O(finer partitions)."""
        if len(state) == self.head:
            return None
        period = self.key(0, state[self.head])[: self.depth]
        missing = list(state[1])
        span = self.coarse.span(str(period[-1]))
        return Gathered(period, *span, len(self.expected(period)) - len(missing), missing, state[0])

    def spread(self, release: Opaque) -> list[tuple[int, Opaque]]:
        """The items, in order of arrival."""
        return [(0, item) for item in release[1]]

    def converted(self, release: Opaque, change: Convert) -> Opaque:
        """A release with each of its items through `change`."""
        key, items, missing, correction = release
        return key, [change(0, item) for item in items], missing, correction

    def rolled(self, release: Opaque) -> Rolled:
        """What a release says of its period. O(1), where some is missing O(finer partitions)."""
        key, _, missing, correction = release
        flags = as_flags(self.expected(key), missing) if missing else b""
        return Rolled(self.first, key, *self.coarse.span(str(key[-1])), flags, correction, self.known(key))

    def check(self, state: State) -> None:
        """What is there is not missing; it is due only if it holds something; it holds no more than it may."""
        assert len(state) - self.head <= self.limit
        assert state[0] == NEVER or (self.wait is not None and len(state) > self.head)
        assert state[1] is not None or len(state) == self.head
        assert len(state) == self.head or state[1], state
        assert not any(self._finer(item) in state[1] for item in state[self.head :])
        period = self.key(0, state[self.head])[: self.depth] if len(state) > self.head else None
        assert period is None or list(state[1]) == [name for name in self.expected(period) if name in state[1]]

    def save(self, state: State, put: Convert) -> list[Any]:
        """The state as plain data; what is missing as a list."""
        missing = None if state[1] is None else list(state[1])
        return [state[0], missing, *[put(0, item) for item in state[self.head :]]]

    def load(self, plain: list[Any], take: Convert) -> State:
        """The state that `save` wrote."""
        missing = None if plain[1] is None else dict.fromkeys(plain[1])
        return [plain[0], missing, *[take(0, item) for item in plain[self.head :]]]
