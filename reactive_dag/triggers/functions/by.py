"""The key: what stands before it has a state for each key (T7).

Owns `By`, its cell and `Keys`, that cell's state: a dict from key to the state of what stands inside, in the order in
which keys were opened. A key is a scalar, or a tuple where `.by` has several names. Invariants: every leaf can have the
key, so a clock stands under `logical_date` and calendars only; a key that holds nothing and has nothing to remember is
not there; there are at most `max_keys`; `dues` has the instant of every key that is due. What can be computed again
(`dues` and the heaps) is not saved. Cost: making one O(size of the part); O(1) a feed beside what stands inside,
O(log keys) where that keeps timers; state: max_keys times the bound of what stands inside.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from heapq import heappop, heappush
from typing import Any, ClassVar, Protocol

from attrs import field, frozen

from reactive_dag.model.calendar import Calendar
from reactive_dag.model.errors import InvalidValue
from reactive_dag.model.scalars import own
from reactive_dag.model.times import NEVER, GivenDuration, format_duration, parse_duration
from reactive_dag.triggers.base import MAX_KEYS, Trigger
from reactive_dag.triggers.cell import ALONE, Cell, Opaque, Surroundings
from reactive_dag.triggers.checks import choice_of, optional_positive, positive
from reactive_dag.triggers.keys import KeySpec, as_keys, has_instants, is_dimension
from reactive_dag.triggers.shapes import Modifier
from reactive_dag.triggers.walks import walk


@frozen(cache_hash=True)
class By(Modifier):
    """Fires as its part does, with a state for each key; without keys, one state for all (`.by(None)`)."""

    kind: ClassVar[str] = "by"
    gathers: ClassVar[bool] = False
    passes: ClassVar[bool] = True

    keys: tuple[KeySpec, ...] = field(converter=as_keys)
    max_keys: int = field(default=MAX_KEYS, converter=own)
    ttl: int | None = None
    undated: str | None = None

    def __attrs_post_init__(self) -> None:
        positive(self.max_keys, "max_keys of .by()")
        optional_positive(self.ttl, "ttl of .by()")
        if self.undated is not None:
            object.__setattr__(self, "undated", choice_of(self.undated, ("arrival",), "undated of .by()"))
            if not any(isinstance(key, Calendar) for key in self.keys):
                raise InvalidValue(
                    f".by({_keys_text(self.keys)}, undated={self.undated!r}): only a calendar such as "
                    "rd.day('Europe/Berlin') has a period for what has no date"
                )
        if len(set(self.keys)) < len(self.keys):
            raise InvalidValue(f".by({_keys_text(self.keys)}): a key is there twice; give it once")
        if not all(map(has_instants, self.keys)):
            self._refuse_clocks()

    def _refuse_clocks(self) -> None:
        for found in walk(self.part):
            if found.needs_dated_key:
                raise InvalidValue(
                    f".by({_keys_text(self.keys)}): a tick of {found!r} has no such key; use .by('logical_date') or a "
                    "calendar such as .by(rd.day('Europe/Berlin')), or leave the clock outside of .by"
                )

    @classmethod
    def of(
        cls,
        part: object,
        keys: tuple[object, ...],
        max_keys: int = MAX_KEYS,
        ttl: GivenDuration | None = None,
        undated: str | None = None,
    ) -> By:
        """`part.by(*keys, ...)`. O(size). Raises InvalidValue as that does."""
        if not keys:
            raise InvalidValue(".by() without a key; name one, or write .by(None) to say that there is none")
        none = any(key is None for key in keys)
        if none and len(keys) > 1:
            raise InvalidValue(".by(None) says that there is no key, and stands alone")
        life = None if ttl is None else parse_duration(ttl, what="ttl of .by()")
        return cls(part, () if none else keys, max_keys, life, undated)

    @property
    def keys_inside(self) -> tuple[KeySpec, ...]:
        """Its keys. O(1)."""
        return self.keys

    @property
    def holds(self) -> bool:
        """It holds keys, if it has one. O(1)."""
        return bool(self.keys)

    def settled(self) -> Trigger:
        """With its parts settled. O(size). Raises InvalidValue for a key that would split what a rollup gathers."""
        found = super().settled()
        for each in walk(self.part):
            for key in self.keys:
                if problem := each.why_not_under(key):
                    raise InvalidValue(f".by({_keys_text(self.keys)}) behind {each!r}: {problem}")
        return found

    def cell(self, around: Surroundings) -> None:
        """None: the compiler makes a `ByCell` of what stands inside. O(1)."""

    def __repr__(self) -> str:
        most = "" if self.max_keys == MAX_KEYS else f", max_keys={self.max_keys}"
        ttl = "" if self.ttl is None else f", ttl={format_duration(self.ttl)!r}"
        undated = "" if self.undated is None else f", undated={self.undated!r}"
        return f"{self.part!r}.by({_keys_text(self.keys)}{most}{ttl}{undated})"


def _keys_text(keys: tuple[KeySpec, ...]) -> str:
    if not keys:
        return "None"
    return ", ".join(map(repr, keys))


def has_by(trigger: Trigger) -> bool:
    """Whether a `.by`, or a rollup, is written anywhere in the trigger. O(size)."""
    return any(map(is_keyed, walk(trigger)))


def is_keyed(trigger: Trigger) -> bool:
    """Whether a trigger says how what stands before it is kept apart by key, `.by(None)` included. O(1)."""
    return isinstance(trigger, By) or bool(trigger.keys_inside)


def keying_dimensions(trigger: Trigger) -> tuple[Calendar | str, ...]:
    """The calendar and the dimensions that alone key all that drives a trigger (R1, T19); else none. O(size).

    >>> from reactive_dag.model.calendar import day
    >>> from reactive_dag.triggers.leaves.dataset import updated
    >>> keying_dimensions((updated("a") & updated("b")).by(day(), "region").batch(count=2))
    (rd.day("UTC"), 'region')
    """
    first, *others = {*_keys_around(trigger, ())}
    found = [key for key in first if isinstance(key, Calendar) or (isinstance(key, str) and is_dimension(key))]
    return tuple(found) if not others and len(found) == len(first) else ()


def _keys_around(trigger: Trigger, outer: tuple[KeySpec, ...]) -> Iterator[tuple[KeySpec, ...]]:
    """The keys under which each source that drives the trigger stands."""
    outer += tuple([key for key in trigger.keys_inside if not trigger.dates_anew or key not in outer])
    whole = trigger.emits or trigger.dates_anew  # what stands below a rollup is of its period
    if whole:
        yield outer
    for part in () if whole else trigger.drives:
        yield from _keys_around(part, outer)


# ------------------------------------------------------------------------------------------------ cell


class Inside(Protocol):
    """What stands inside of `.by`: a part of a trigger, with one state for each key."""

    @property
    def has_memory(self) -> bool:
        """Whether a state can have something to remember while it holds nothing."""
        return False

    @property
    def lasting(self) -> bool:
        """Whether all that it remembers outlives a reset."""
        return False

    @property
    def timed(self) -> bool:
        """Whether a state can ever be due."""
        return False

    def fresh(self) -> Any:
        """A state that holds nothing."""

    def due(self, states: Any) -> int:
        """When it must step next."""
        return NEVER

    def is_idle(self, states: Any, now: int) -> bool:
        """Whether it is as good as fresh."""
        return True

    def remembers_until(self, states: Any) -> int:
        """Until when it must be kept although it holds nothing and is not due."""
        return -NEVER

    def held(self, states: Any) -> Iterator[tuple[int, Opaque]]:
        """The pairs of leaf part and item that are pending."""
        return iter(())

    def check(self, states: Any) -> None:
        """Raise AssertionError unless the invariants hold."""


class Keys:
    """The states of all keys. `opened` is kept only where somebody asks: for a `ttl`, or where keys can have a memory.

    `dues` and `heap` know the timers, `quiet` the keys that only remember; an entry of a heap may be out of date.
    """

    __slots__ = ("by_key", "count", "dues", "heap", "opened", "quiet")

    def __init__(self) -> None:
        self.by_key: dict[Any, Any] = {}
        self.opened: dict[Any, int] = {}
        self.dues: dict[Any, int] = {}
        self.heap: list[tuple[int, int, Any]] = []
        self.quiet: list[tuple[int, int, Any]] = []
        self.count = 0

    def refill(self, other: Keys) -> None:
        """Be as another; the dict of states stays the same one, since compiled closures hold it. O(keys)."""
        self.by_key.clear()
        self.by_key.update(other.by_key)
        self.opened, self.dues, self.count = other.opened, other.dues, other.count
        self.heap, self.quiet = other.heap, other.quiet

    def number(self) -> int:
        """A number that breaks ties between keys, which may not compare."""
        self.count += 1
        return self.count

    def forget(self, key: Any) -> None:
        """A key is gone."""
        del self.by_key[key]
        self.opened.pop(key, None)
        self.dues.pop(key, None)


Expire = Callable[[list[tuple[int, Opaque]], Any], None]
"""Takes what a key that is dropped held, as pairs of leaf part and item, and the key."""


def unheeded(pairs: list[tuple[int, Opaque]], key: object) -> None:
    """Told of keys that are dropped where nobody asks."""


class ByCell(Cell):
    """Keeps what stands inside apart by key. What is fed and released goes through the tree, not through `feed`."""

    __slots__ = ("expire", "has_memory", "inside", "lasting", "max_keys", "timed", "ttl", "width")

    bound: ClassVar[str] = "max_keys * (what stands inside)"

    def __init__(
        self, inside: Inside, width: int, max_keys: int, ttl: int | None = None, expire: Expire = unheeded
    ) -> None:
        super().__init__(ALONE)
        self.inside = inside
        self.width = width
        self.max_keys = max_keys
        self.ttl = ttl
        self.expire = expire
        self.timed = inside.timed or ttl is not None
        self.has_memory, self.lasting = inside.has_memory, inside.lasting

    def fresh(self) -> Keys:  # type: ignore[override]
        """No key."""
        return Keys()

    def path(self, key: Any) -> tuple[object, ...]:
        """A key as a tuple, however many names it has."""
        return (key,) if self.width == 1 else tuple(key)

    # ------------------------------------------------------------------------------------- in a step

    def opened(self, keys: Keys, key: Any, now: int) -> Any:
        """The state of a key, made where there is none. Amortised O(log keys)."""
        self._purge(keys, now)
        state = keys.by_key.get(key)
        if state is None:
            state = keys.by_key[key] = self.inside.fresh()
        return state

    def settle(self, keys: Keys, key: Any, now: int) -> None:
        """A key was fed or stepped: forget it if it is idle, know when it is due, make room if it is one too many."""
        inside = self.inside
        state = keys.by_key[key]
        if inside.is_idle(state, now):
            keys.forget(key)
            return
        if inside.has_memory or self.ttl is not None:
            self._open(keys, key, state, now)
        if inside.timed:
            self._schedule(keys, key, state)
        if len(keys.by_key) > self.max_keys:
            self._evict(keys, next(iter(keys.by_key)))

    def _open(self, keys: Keys, key: Any, state: Any, now: int) -> None:
        """Know since when the key has something pending; it stands behind the keys that were opened before."""
        if self.inside.has_memory and next(self.inside.held(state), None) is None:
            keys.opened.pop(key, None)
        elif key not in keys.opened:
            keys.opened[key] = now
            keys.by_key[key] = keys.by_key.pop(key)

    def _schedule(self, keys: Keys, key: Any, state: Any) -> None:
        due = self.inside.due(state)
        if due < NEVER:
            if keys.dues.get(key) != due:
                keys.dues[key] = due
                heappush(keys.heap, (due, keys.number(), key))
            return
        keys.dues.pop(key, None)
        if self.inside.has_memory and -NEVER < (until := self.inside.remembers_until(state)) < NEVER:
            heappush(keys.quiet, (until, keys.number(), key))

    def _purge(self, keys: Keys, now: int) -> None:
        """Forget keys that held nothing and now have nothing to remember either."""
        while keys.quiet and keys.quiet[0][0] <= now:
            key = heappop(keys.quiet)[2]
            state = keys.by_key.get(key)
            if state is not None and self.inside.is_idle(state, now):
                keys.forget(key)

    def _evict(self, keys: Keys, key: Any) -> None:
        state = keys.by_key[key]
        pairs = list(self.inside.held(state))
        if pairs or self.inside.due(state) < NEVER:
            self.expire(pairs, key)
        keys.forget(key)

    # ----------------------------------------------------------------------------------------- timers

    def due(self, state: Any) -> int:
        """When the first key is due, by what stands inside or by its `ttl`. Amortised O(log keys)."""
        keys: Keys = state
        heap = keys.heap
        while heap and keys.dues.get(heap[0][2]) != heap[0][0]:
            heappop(heap)
        due = heap[0][0] if heap else NEVER
        if self.ttl is not None and keys.opened:
            due = min(due, next(iter(keys.opened.values())) + self.ttl)
        return due

    def due_keys(self, keys: Keys, now: int) -> list[Any]:
        """The keys that are due at `now`; each is to be stepped and settled. O(their number * log keys)."""
        found: dict[Any, None] = {}
        while keys.heap and keys.heap[0][0] <= now:
            due, _, key = heappop(keys.heap)
            if keys.dues.get(key) == due:
                del keys.dues[key]
                found[key] = None
        if self.ttl is not None:
            for key, at in keys.opened.items():
                if at + self.ttl > now:
                    break
                found[key] = None
        return list(found)

    def outlived(self, keys: Keys, key: Any, now: int) -> bool:
        """Whether the `ttl` of a key is over."""
        at = keys.opened.get(key)
        return self.ttl is not None and at is not None and at + self.ttl <= now

    def outlive(self, keys: Keys, key: Any, now: int) -> None:
        """Drop a key whose `ttl` is over."""
        if self.outlived(keys, key, now):
            self._evict(keys, key)

    # ----------------------------------------------------------------------------------------- states

    def is_idle(self, state: Any, now: int) -> bool:
        """Whether there is no key."""
        self._purge(state, now)
        return not state.by_key

    def holds(self, state: Any, now: int) -> bool:
        """Whether a reset would change a key. Amortised O(log keys)."""
        return bool(state.opened) if self.lasting else not self.is_idle(state, now)

    def remembers_until(self, state: Any) -> int:
        """Until when some key must be kept. O(keys)."""
        return max((self.inside.remembers_until(inner) for inner in state.by_key.values()), default=-NEVER)

    def check(self, state: Any) -> None:
        """There are no more keys than may be, none that is idle, and the timers of all are known."""
        keys: Keys = state
        assert len(keys.by_key) <= self.max_keys
        dues = {key: due for key, inner in keys.by_key.items() if (due := self.inside.due(inner)) < NEVER}
        assert not self.inside.timed or dues == keys.dues, (dues, keys.dues)
        for inner in keys.by_key.values():
            assert not self.inside.is_idle(inner, -NEVER), inner
            self.inside.check(inner)

    def refill(self, state: Any, other: Any) -> None:
        """Be as another; the dict of states stays the one that it is, since compiled closures hold it. O(keys)."""
        state.refill(other)

    def rebuild(self, keys: Keys) -> None:
        """Compute `dues` and the heaps again. O(keys * log keys)."""
        keys.dues, keys.heap, keys.quiet = {}, [], []
        if self.inside.timed:
            for key, state in keys.by_key.items():
                self._schedule(keys, key, state)
