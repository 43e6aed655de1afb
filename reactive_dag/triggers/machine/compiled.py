"""A trigger at work: facts and timers in, firings out.

Owns `CompiledTrigger`, the one object that engine and simulator use of a trigger: its tree of cells, their states, the
counts and what is parked. It reads no clock and no log; equal calls give equal firings (I1, X6). Invariants: every
delivery is consumed, pending or dropped under a name (T1, `_check`); `due` is current after every call. Cost: about
0.15 µs a feed on the fast paths (fast_paths.py), about 2 µs for others; state: what the cells say of themselves.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from reactive_dag.model.records import Item, Mark
from reactive_dag.model.times import NEVER
from reactive_dag.triggers.base import Trigger
from reactive_dag.triggers.cell import MAX_PENDING, Opaque
from reactive_dag.triggers.firing import GONE, Ask, Firing, Key, ask_directly, delivery, in_order
from reactive_dag.triggers.functions.rollup import Gathered
from reactive_dag.triggers.leaves.schedule import Scheduled, kept
from reactive_dag.triggers.machine.books import Loops, OnExpired, OnTurnedAway, mark_text, nobody
from reactive_dag.triggers.machine.clocks import Clocks
from reactive_dag.triggers.machine.compile import Compiler
from reactive_dag.triggers.machine.counts import Count
from reactive_dag.triggers.machine.evaluate import Evaluator
from reactive_dag.triggers.machine.fast_paths import FeedFunction, fast_path
from reactive_dag.triggers.machine.leaf import Leaf, takers
from reactive_dag.triggers.machine.pack import pack, unpack
from reactive_dag.triggers.machine.replace import Replacement, replace_pending
from reactive_dag.triggers.machine.rollups import Fired, fired_periods, half_gathered, remember, rolled_in

__all__ = ["CompiledTrigger", "Count", "Firing", "Leaf"]


class CompiledTrigger:
    """A compiled trigger with its state. Making one costs 10 to 50 µs.

    `leaves` are the sources, `parts` all leaf parts: the sources, then clocks and silences. `due` is when `step` must
    be called next, NEVER if never.

    >>> from reactive_dag.triggers.leaves.dataset import updated
    >>> compiled = CompiledTrigger(updated("a") & updated("b"))
    >>> compiled.feed((0,), 7, 0, None), compiled.feed((1,), 8, 0, None)[0].items
    (None, [7, 8])
    """

    __slots__ = (
        "_alone", "_books", "_clocks", "_keyed", "_mapped", "_resets", "_riders", "_rolls", "_scope", "_states",
        "_work", "due", "feed", "leaves", "parts", "timed", "trigger",
    )  # fmt: skip

    feed: FeedFunction
    """feed(hits, item, now, event): one fact at `now` (ns) comes in by all the leaf parts that it hits, as one step."""

    def __init__(
        self,
        trigger: Trigger,
        *,
        ask: Ask = ask_directly,
        max_pending: int = MAX_PENDING,
        on_expired: OnExpired | None = None,
        identity: Callable[[Item], str] = mark_text,
        fast: bool = True,
        loops: Loops | None = None,
        on_turned_away: OnTurnedAway | None = None,
    ) -> None:
        """`identity` names what armed a silence (I3); `fast=False` takes no fast path."""
        tree = Compiler(trigger, ask, on_expired or nobody, identity, max_pending, loops or Loops(), on_turned_away)
        self.trigger = trigger
        self.parts: tuple[Leaf, ...] = tree.leaves
        self.leaves = tree.sources
        self.due = NEVER
        self._scope = scope = tree.scope
        self._states = scope.fresh()
        self._clocks = Clocks(self.parts, tree.books)
        self._resets = tree.resets
        self.timed = scope.timed or bool(self._clocks) or bool(tree.resets)
        self._mapped, self._rolls = tree.mapped, tree.rolls
        self._keyed = scope.top.keyed
        self._riders = any(leaf.rides for leaf in self.parts)
        self._alone = fast and isinstance(trigger, Scheduled)
        self._books = tree.books
        self._work = Evaluator(scope, self.parts, tree.books)
        self.feed = (
            fast_path(self, scope, self._states, tree.books.counters) if fast and not tree.resets else None
        ) or self.feed_slowly

    @property
    def needs_event(self) -> bool:
        """Whether `feed` must be given the event, not only the item. O(parts)."""
        return any(leaf.chain or leaf.route for leaf in self.parts)

    @property
    def newest(self) -> int:
        """The newest fact that came in; -1 before the first. O(1)."""
        return self._books.last

    @property
    def repeats(self) -> bool:
        """Whether two firings could have equal causes: a tick is named by its due time, a source can be there twice."""
        sources = [leaf.source for leaf in self.leaves]
        return bool(self._clocks) or len(set(sources)) < len(sources) or ("*", None) in sources

    @property
    def is_bare(self) -> bool:
        """Whether a firing is its causes and nothing more: no payload, no key, no rider, no rollup."""
        return not (self._mapped or self._keyed or self._riders or self._rolls)

    # ------------------------------------------------------------------------------------------- steps

    def feed_slowly(self, hits: tuple[int, ...], item: Item, now: int, event: object) -> list[Firing] | None:
        """Feed without a fast path. O(depth), O(nodes) for several hits."""
        delivered = self._books.counters.delivered
        for index in hits:
            delivered[index] += 1
        return self._again(hits, item, now, event)

    def _again(self, hits: tuple[int, ...], item: Item, now: int, event: object) -> list[Firing] | None:
        """A step for what was counted as delivered already."""
        books = self._books
        if type(item) is int and item > books.last:
            books.last = item
        released = self._work.deliver(self._states, hits, item, now, event)
        firings = self.fire(released) if released else None
        if self.timed:
            self._look(now)
        return firings

    def step(self, now: int) -> list[Firing] | None:
        """Step all timers that are due at exactly `now` (ns), key after key (I1). O(what is due)."""
        if self._alone:
            return self._step_alone(now)
        firings: list[Firing] = []
        if any(point.due <= now for point in self._resets):  # what closes fires before it, ticks come after it
            for released in self._work.steps(self._states, now, []):
                firings += self.fire(released or [])
            for point in self._resets:
                if point.due <= now:
                    point.clear(self._scope, self._states, self._books, now)
        for released in self._work.steps(self._states, now, self._clocks.ticks(now)):
            if released:
                firings += self.fire(released)
        self._look(now)
        return firings or None

    def _step_alone(self, now: int) -> list[Firing] | None:
        """Step a trigger that is a clock and nothing else."""
        ticks = self._clocks.ticks(now)
        self.due = self._clocks.due
        if not ticks:
            return None
        ((leaf, mark),) = ticks
        self._books.counters.consumed[leaf.index] += 1
        return [Firing([mark], None, False, (), [leaf.index], pairs=[(leaf.index, mark)])]

    def fire(self, released: list[Opaque]) -> list[Firing]:
        """Firings of what the top of the tree released; what they take is counted as consumed. O(items)."""
        top, books, firings = self._scope.top, self._books, []
        for release in released:
            pairs = top.walk(release)
            taken = top.walk(release, False) if self._riders else pairs
            parts = [part for part, _ in taken]
            books.counters.consume(parts)
            payload = top.payload(release) if self._mapped else None
            key = top.key_of(release) if self._keyed else ()
            items = in_order([item for _, item in pairs])
            riders = in_order([*(set(items) - {item for _, item in taken})]) if self._riders else ()
            split = bool(books.copies) and books.settle_copies(taken)
            rolled, rest = rolled_in(top, release, taken) if self._rolls else ((), ())
            firings.append(Firing(items, payload, self._mapped, key, parts, riders, split, pairs, rolled, rest))
        return firings

    def _look(self, now: int | None = None) -> None:
        """Know when the next timer is due; after a step at `now` a reset may be, or need not be. O(top nodes)."""
        due = self._scope.due(self._states)
        for point in self._resets:
            if now is not None:
                point.look(self._scope, self._states, self._books, now)
            due = min(due, point.due)
        ticks = self._clocks.due
        self.due = due if due < ticks else ticks

    # ------------------------------------------------------------------------------------ registration

    def arm(
        self,
        now: int,
        *,
        number: int,
        start: int | None = None,
        end: int | None = None,
        catchup: str | bool = "one",
        max_catchup: int = 1000,
    ) -> None:
        """Begin at registration `number`: clocks tick strictly after `now` (ns), silences are waited for (R9, T9).

        Ticks from `start` on that lie before `now` are missed: `catchup` lets some through, which are due at their own
        instants. Both `start` and `end` are included. O(missed ticks). Raises InvalidValue for an unknown `catchup`.
        """
        self._clocks.begin(now, start, end, kept(catchup, max_catchup))
        scope = self._scope
        for node in scope.nodes:
            node.cell.arm(scope.state(self._states, node), now, f"reg:{number}")
        self._look(now)

    def gap(self, a: int, b: int, catchup: str | bool = "one", max_catchup: int = 1000) -> None:
        """Nobody was there from `a` to `b` (ns): the ticks between them, both excluded, were missed (R9).

        What `catchup` lets through is due at its own instant, the rest is dropped as `missed`. Everything else is
        ordinary log time. O(missed ticks). Raises InvalidValue for an unknown `catchup`.
        """
        self._clocks.gap(a, b, kept(catchup, max_catchup))
        self._look()

    # ---------------------------------------------------------------------------------------- to look

    def pending(self) -> list[tuple[int, Key, Item]]:
        """What is pending: leaf part, key, item; what is parked too. O(pending)."""
        return [
            *self._scope.pending(self._states, ()),
            *[(part, path, item) for part, item, path in self._books.parked],
        ]

    def coming(self, high: int, end: int) -> list[int]:
        """The newest tick up to `high` that is still to come of each clock, and missed ones that are. O(clocks)."""
        return self._clocks.coming(high, end)

    def keys(self) -> list[Key]:
        """The keys under which something is pending, the one opened first first. O(pending)."""
        return list(dict.fromkeys(path for _, path, _ in self._scope.pending(self._states, ()) if path))

    def counts(self) -> list[Count]:
        """For each leaf part what was delivered, consumed, is pending and was dropped, by policy (T1). O(pending)."""
        waiting = [0] * len(self.parts)
        for part, _, _ in self.pending():
            waiting[part] += 1
        rows = zip(*self._books.counters.save(), strict=True)
        return [
            Count(leaf.text, delivered, consumed, waiting[leaf.index], dropped)
            for leaf, (delivered, consumed, dropped) in zip(self.parts, rows, strict=True)
        ]

    def recount(self, parts: Sequence[int], policy: str) -> None:
        """Count what firings took, an item of each of these leaf parts, as dropped after all. O(parts)."""
        self._books.counters.recount(policy, parts)

    def canonical(self, identity: Callable[[Item], str]) -> list[Any]:
        """The state as plain data without any offset, items by identity (law `replay_equals_live`). O(pending)."""
        books = self._books
        counts = [[c.text, c.delivered, c.consumed, c.pending, c.dropped] for c in self.counts()]
        states = self._scope.save(self._states, lambda place, item: place.show(item, identity))
        parked = [[part, identity(item), pack(path)] for part, item, path in books.parked]
        return [counts, states, self._clocks.save(), [point.due for point in self._resets], parked]

    # ----------------------------------------------------------------------------------- to keep, to go

    def snapshot(self) -> dict[str, Any]:
        """Everything that the future depends on, as data that msgpack and JSON keep. O(pending)."""
        books = self._books
        return {
            "counters": books.counters.save(),
            "states": self._scope.save(self._states, lambda place, item: pack(item)),
            "clocks": self._clocks.save(),
            "resets": [point.due for point in self._resets],
            "parked": [[part, pack(item), pack(path)] for part, item, path in books.parked],
            "copies": [[part, pack(item), left] for (part, item), left in books.copies.items()],
            "last": books.last,
        }

    def restore(self, plain: dict[str, Any]) -> None:
        """Be as the circuit of the same trigger was that made the snapshot. O(pending)."""
        books = self._books
        books.counters.load(plain["counters"])
        for node, fresh in zip(self._scope.nodes, plain["states"], strict=True):
            node.cell.refill(self._scope.state(self._states, node), node.load(fresh, lambda place, item: unpack(item)))
        self._clocks.load(plain["clocks"])
        books.parked[:] = [(part, unpack(item), unpack(path)) for part, item, path in plain["parked"]]
        books.copies.clear()
        books.copies.update({(part, unpack(item)): left for part, item, left in plain["copies"]})
        books.last = plain["last"]
        for point, due in zip(self._resets, plain["resets"], strict=True):
            point.due = due
        self._look()

    def take_pending(self) -> list[tuple[int, Item]]:
        """Take out what is pending, parked too: leaf part and item, in order of delivery (T11). O(n log n).

        It is as if it had never been delivered; windows and periods are over, clocks and silences go on.
        """
        pairs = self._empty()
        for part, _ in pairs:
            self._books.counters.delivered[part] -= 1
        self._books.copies.clear()
        return pairs

    def replace(self, change: Replacement) -> None:
        """Put an item in the place of one that is pending; nothing fires. O(pending)."""
        replace_pending(self._scope, self._states, self._books, change)

    def gathering(self) -> list[Gathered]:
        """The periods of its rollups that have something and have not fired, the outermost first (T18). O(keys)."""
        return sorted(half_gathered(self._scope, self._states), key=lambda each: len(each.key)) if self._rolls else []

    def fired_periods(self, held: Iterable[Firing]) -> list[Fired]:
        """The periods of its rollups that have fired, but for those whose firing has not gone (T11). O(pending)."""
        return fired_periods(self._scope, self._states, held) if self._rolls else []

    def ridden(self) -> list[tuple[int, Item]]:
        """Leaf parts with the pending items that rode in a firing already (T17). O(pending of those)."""
        return [
            pair
            for node, state in self._scope.everywhere(self._states)
            for part, release in node.cell.rode(state)
            for pair in node.kids[part].walk(release, False)
        ]

    def drop_all(self, policy: str) -> None:
        """Drop what is pending, parked too; windows and periods are over, clocks and silences go on. O(pending)."""
        self._books.path = ()
        self._books.drop(policy, self._empty())

    def _empty(self) -> list[tuple[int, Item]]:
        found = sorted([(delivery(item), part, item) for part, _, item in self.pending()], key=lambda row: row[:2])
        pairs = [(part, item) for _, part, item in found]
        self._books.parked.clear()
        for node in self._scope.nodes:
            node.cell.reset(self._scope.state(self._states, node))
        self._look(NEVER - 1)
        return pairs

    def adopt(
        self, pending: Iterable[tuple[Trigger, Item]], now: int, event_of: Callable[[Item], object],
        ridden: Iterable[tuple[Trigger, Item]] = (), fired: Iterable[Fired] = (),
    ) -> tuple[list[Firing], list[tuple[Trigger, Item]]]:  # fmt: skip
        """Deliver anew what an earlier definition held, as leaf and item, in order; they may fire here (T11).

        An item goes to all parts on its source that take it; one that rode already only to parts that ride (T17); a
        period that `fired` stays so (T18). Gives the firings, and what nobody takes (`redefined`). O(pending * parts).
        """
        remember(self._scope, self._states, fired, now)
        taken, left = takers(self.parts, pending, event_of, Counter(ridden))
        firings: list[Firing] = []
        for item, event, hits, _ in taken:
            firings += self.feed_slowly(hits, item, now, event) or ()
        rode = {item for item, _, _, rides in taken if rides}
        for node, state in self._scope.everywhere(self._states) if rode else ():
            node.mark_ridden(state, rode)
        return firings, left

    # ------------------------------------------------------------------------------------------ faults

    @property
    def parked(self) -> list[tuple[int, Item]]:
        """The leaf parts and items whose callable raised (T10). O(parked)."""
        return [(part, item) for part, item, _ in self._books.parked]

    def park(self, part: int, item: Item) -> None:
        """Keep an item, delivered already, apart from all firings. O(1)."""
        self._books.path = ()
        self._books.park([(part, item)])

    def retry_parked(self, now: int, event_of: Callable[[Item], object]) -> list[Firing] | None:
        """Deliver what is parked again, in order, each item as one step; it is not counted anew. O(parked * step)."""
        parked, self._books.parked = self._books.parked, []
        facts: dict[Item, list[int]] = {}
        firings: list[Firing] = []
        for part, item, path in sorted(parked, key=lambda entry: delivery(entry[1])):
            leaf = self.parts[part]
            if leaf.trigger.parts:  # a silence
                firings += self._return(leaf, item, path, now, None)
            elif path and (part, item) in self._books.copies:  # one of several keys
                firings += self._return(leaf, item, path, now, item if isinstance(item, Mark) else event_of(item))
            else:
                facts.setdefault(item, []).append(part)
        for item, parts in facts.items():
            event = item if isinstance(item, Mark) else event_of(item)
            firings += self._again(tuple(sorted(set(parts))), item, now, event) or ()
        self._look(now)
        return firings or None

    def _return(self, leaf: Leaf, item: Item, path: Key, now: int, event: object) -> list[Firing]:
        """A step for what was parked under a key, and stays under it."""
        value = self._work.through(leaf, item, event) if leaf.chain else item
        if value is GONE:
            return []
        return self.fire(self._work.run(self._scope, self._states, (), path, [(leaf, value)], now, event) or [])

    def _check(self) -> None:
        """Raise AssertionError unless the invariants hold. O(pending)."""
        for count in self.counts():
            gone = sum(count.dropped.values())
            assert count.delivered == count.consumed + count.pending + gone, count
        self._scope.check(self._states)
        before = self.due
        self._look()
        assert before == self.due, (before, self.due)
