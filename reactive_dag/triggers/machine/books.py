"""What a trigger keeps beside the states of its cells: counts, what is parked, the key of the step under way.

Owns `Books`, which a compiled trigger's nodes tell of items that go without a firing, and through which callables are
asked. Invariants: an item that goes without a firing is counted under its policy's name (T1); one whose callable raised
is parked (T10). Cost: O(items) each.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Container
from typing import Any, Protocol, TypeAlias

from reactive_dag.model.callables import Call
from reactive_dag.model.records import Item, Mark
from reactive_dag.triggers.faults import CallableFault
from reactive_dag.triggers.firing import GONE, Ask, Key
from reactive_dag.triggers.keys import key_text
from reactive_dag.triggers.machine.counts import Counters

OnExpired: TypeAlias = Callable[[str, str, str, int], None]
"""Told of items that a bound dropped, or that had no key: policy, part, key, how many."""

OnTurnedAway: TypeAlias = Callable[[int], None]
"""Told of each tick that a clock's `where`, or a `sequence`, turned away: its due time."""

Pairs: TypeAlias = list[tuple[int, Item]]
"""Leaf parts with the items that were delivered to them."""


class Loops:
    """Knows how deep items are in feedback loops (G2). This one is for a trigger by itself: nothing comes back."""

    def depth(self, part: int, item: Item) -> int:
        """How often a cascade went through a feedback part once an item did."""
        return 0

    def stopped(self, part: int, item: Item) -> None:
        """An item went no further."""


class Bound(Protocol):
    """How far a feedback part lets items go round."""

    max_depth: int | None
    until: Call | None


class LeafPart(Protocol):
    """What the books ask of a leaf part: its number, how it is written, and what it hears."""

    index: int
    source: object

    @property
    def text(self) -> str:
        """How it is written."""


class Books:
    """The books of one trigger, whose leaf parts are `leaves`, in no order.

    `path` is the key of the step under way, `last` the newest fact, `silences` the leaf parts that silences come in by.
    `copies` counts the deliveries that are left of an item that was given several keys (T7).
    """

    __slots__ = (
        "ask", "copies", "counters", "identity", "last", "leaves", "limit", "loops", "on_expired", "on_turned_away",
        "parked", "path", "silences",
    )  # fmt: skip

    def __init__(
        self, parts: int, ask: Ask, on_expired: OnExpired, identity: Callable[[Item], str], limit: int, loops: Loops,
        on_turned_away: OnTurnedAway | None,
    ) -> None:  # fmt: skip
        self.loops = loops
        self.on_turned_away = on_turned_away
        self.ask = ask
        self.on_expired = on_expired
        self.identity = identity
        self.limit = limit
        self.counters = Counters(parts)
        self.leaves: list[LeafPart] = []
        self.silences: list[int] = []
        self.parked: list[tuple[int, Item, Key]] = []
        self.copies: dict[tuple[int, Item], int] = {}
        self.path: Key = ()
        self.last = -1

    def text_of(self, part: int) -> str:
        """How a leaf part is written. O(size)."""
        return next(leaf.text for leaf in self.leaves if leaf.index == part)

    # ---------------------------------------------------------------------------------------- dropping

    def drop(self, policy: str, pairs: Pairs) -> None:
        """Count items that go without a firing; bounds are told of (T7, T14). O(items)."""
        if policy == "no_key":
            self._warn(pairs)
        if self.copies:
            self.settle_copies(pairs)
        if policy == "filtered" and self.on_turned_away is not None:
            for _, item in pairs:
                if isinstance(item, Mark) and item.kind == "tick":
                    self.on_turned_away(item.due)
        for part, count in sorted(Counter([part for part, _ in pairs]).items()):
            self.counters.drop(policy, part, count)
            if policy == "expired":
                self.on_expired(policy, self.text_of(part), key_text(self.path), count)

    def drop_parked(self, policy: str, parts: Container[int]) -> None:
        """Drop what is parked of these leaf parts. O(parked)."""
        gone = [(part, item) for part, item, _ in self.parked if part in parts]
        self.parked = [entry for entry in self.parked if entry[0] not in parts]
        self.path = ()
        self.drop(policy, gone)

    def expire(self, pairs: Pairs, key: Key, text: str) -> None:
        """A key below the one of this step goes with what it held; `text` is how its `.by` is written. O(items)."""
        outer, self.path = self.path, self.path + key
        self.drop("expired", pairs)
        if not pairs:  # a silence was waited for under this key
            self.on_expired("expired", text, key_text(self.path), 0)
        self.path = outer

    def _warn(self, pairs: Pairs) -> None:
        """One warning for each source that gives items without a key (T7)."""
        for part, _ in pairs:
            source = next(leaf.source for leaf in self.leaves if leaf.index == part)
            if not any("no_key" in self.counters.dropped[leaf.index] for leaf in self.leaves if leaf.source == source):
                self.on_expired("no_key", self.text_of(part), key_text(self.path), 1)
                self.counters.drop("no_key", part, 0)

    # ------------------------------------------------------------------------------------------ copies

    def copy(self, pairs: Pairs, count: int) -> None:
        """Items were given `count` keys, and so are so many deliveries, counted so (T7). O(items)."""
        for pair in pairs:
            self.counters.delivered[pair[0]] += count - 1
            self.copies[pair] = self.copies.get(pair, 1) + count - 1

    def settle_copies(self, pairs: Pairs) -> bool:
        """A delivery of each is consumed or dropped; say whether one of them was one of several. O(items)."""
        copied = False
        for pair in pairs:
            left = self.copies.get(pair)
            if left is not None:
                copied = True
                if left > 1:
                    self.copies[pair] = left - 1
                else:
                    del self.copies[pair]
        return copied

    def replace(self, change: Callable[[int, Item], Item], new: int) -> None:
        """One item takes the place of another, in the leaf parts where `change` gives that. O(parked + copies)."""
        self.parked = [(part, change(part, item), path) for part, item, path in self.parked]
        self.copies = {(part, change(part, item)): left for (part, item), left in self.copies.items()}
        self.last = max(self.last, new)

    # ------------------------------------------------------------------------------------------ asking

    def park(self, pairs: Pairs) -> None:
        """Keep items whose callable raised, apart from all firings (T10). O(items)."""
        self.parked += [(part, item, self.path) for part, item in pairs]

    def answer(self, kind: str, fn: Call, payload: object, item: object, pairs: Pairs) -> Any:
        """What a function says to a payload; GONE if it raised, and `pairs` are parked. The function's cost."""
        try:
            return self.ask(kind, fn, payload, item)
        except CallableFault:
            self.park(pairs)
            return GONE

    def crosses(self, part: int, item: Item, bound: Bound, event: object) -> bool:
        """Whether an item goes on through a feedback part; else it is dropped, or parked where `until` raised (G2)."""
        stops = bound.max_depth is not None and self.loops.depth(part, item) > bound.max_depth
        if not stops and bound.until is not None:
            answer = self.answer("until", bound.until, event, item, [(part, item)])
            if answer is GONE:
                return False
            stops = bool(answer)
        if stops:
            self.drop("feedback_bound", [(part, item)])
            self.loops.stopped(part, item)
        return not stops

    def silence(self, part: int, due: int, armed: object, ticking: bool, by_function: bool) -> Mark:
        """The mark of a silence, delivered to its leaf part; what armed it names it (I3). O(1).

        `by_function`: a function gave its key, perhaps one of several; so the key names it too.
        """
        by = armed if isinstance(armed, str) else self.identity(armed)  # type: ignore[arg-type]
        if by_function:
            by = f"{by}[{key_text(self.path)}]"
        self.counters.delivered[part] += 1
        return Mark("absent", due, self.last, f"{by}@{due}" if ticking else by, self.silences.index(part))


def nobody(policy: str, part: str, key: str, count: int) -> None:
    """Ignore a drop: what `on_expired` is unless given."""


def mark_text(item: Item) -> str:
    """How a silence names what armed it where nobody gives identities: `@` and the offset of a fact. O(1)."""
    if isinstance(item, Mark):
        return f"{item.kind}:{item.due}" if item.kind == "tick" else f"{item.kind}:{item.by}"
    return f"@{item}"
