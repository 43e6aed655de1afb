"""The naive model of triggers: T1 to T10 and T13 in the most obvious form, as the reference for everything faster.

Nothing here is quick or clever, and nothing is shared with the cells but the trigger itself. Each node of a trigger is
an object that holds plain lists; `.by` holds a whole copy of what stands inside for each key; due times, counts and
pending items are looked for anew each time somebody asks. A step (`go`) runs down the tree and back up. The nodes
are in naive_nodes.py, naive_timed.py and naive_keys.py.
"""

from __future__ import annotations

from collections import Counter

from reactive_dag.model.records import Mark
from reactive_dag.model.times import NEVER
from reactive_dag.triggers.faults import CallableFault
from reactive_dag.triggers.functions.by import By
from reactive_dag.triggers.functions.map import Map
from reactive_dag.triggers.functions.rollup import Rollup
from reactive_dag.triggers.functions.where import Where
from reactive_dag.triggers.joins.all_of import AllOf
from reactive_dag.triggers.joins.any_of import AnyOf
from reactive_dag.triggers.joins.at_least import AtLeast
from reactive_dag.triggers.joins.sequence import Sequence
from reactive_dag.triggers.joins.with_latest import WithLatest
from reactive_dag.triggers.leaves.absent import Absent
from reactive_dag.triggers.leaves.dataset import Feedback
from reactive_dag.triggers.leaves.schedule import Scheduled
from reactive_dag.triggers.windows.batch import Batch
from reactive_dag.triggers.windows.debounce import Debounce
from reactive_dag.triggers.windows.reset import Reset
from reactive_dag.triggers.windows.throttle import Throttle
from reactive_dag.triggers.windows.within import Within
from tests.reference.naive_given import Given, is_source, key_of, leaf_places, order, source, united
from tests.reference.naive_keys import ByNode
from tests.reference.naive_nodes import AllOfNode, AnyOfNode, AskNode, AtLeastNode, Leaf, SequenceNode, WithLatestNode
from tests.reference.naive_rollup import (
    PeriodNode,
    RollupNode,
    coarse_partition,
    finer_partition,
    fired_below,
    remember,
)
from tests.reference.naive_timed import AbsentNode, BatchNode, DebounceNode, ThrottleNode

__all__ = ["Naive", "order", "united"]


class Naive:
    """A trigger with its state. `ask(kind, fn, payload, item)` answers callables; `event_of(item)` finds an event."""

    def __init__(self, trigger, ask=None, event_of=lambda item: item, max_pending=1_000_000, identity=str):
        self.ask = ask or (lambda kind, fn, payload, item: fn.fn(payload))
        self.depth = lambda part, item: 0  # how often a cascade went through a feedback part once this item did
        self.event_of, self.limit, self.identity = event_of, max_pending, identity
        self.fates = {}  # (part, item) -> "pending", "consumed" or the policy that dropped it
        self.more = {}  # the fates of further deliveries of an item that was given several keys
        self.missed = Counter()
        self.told = []  # what a bound dropped, and the first item of a source without a key
        self.parked = []
        self.last, self.event, self.step_number = -1, None, 0
        places = list(leaf_places(trigger))
        places = [p for p in places if is_source(p[1])] + [p for p in places if not is_source(p[1])]
        self.numbers = {place: number for number, (place, _, _, _) in enumerate(places)}  # of the leaf parts
        self.parts = [(leaf, bys) for _, leaf, bys, _ in places]
        self.chains = [chain for _, _, _, chain in places]  # the functions directly behind a leaf part
        self.silences = [i for i, (leaf, _) in enumerate(self.parts) if isinstance(leaf, Absent)]
        self.clocks = {i: [[], NEVER, NEVER] for i, (leaf, _) in enumerate(self.parts) if isinstance(leaf, Scheduled)}
        self.top = self.build(trigger, (), ())
        self.riding = {self.numbers[p] for p in self.numbers if any(p[: len(r)] == r for r in riders_of(trigger))}
        self.resets = {place: [found, NEVER] for place, found in resets_of(trigger)}

    # ---------------------------------------------------------------------------------------- what happens

    def feed(self, hits, item, now, event):
        for part in hits:
            self.fates[part, item] = "pending"
        self.last = max(self.last, item)
        return self.looked(now, self.deliver(hits, item, now, event))

    def deliver(self, hits, item, now, event):
        self.event = event
        landing = {part: given for part in hits for given in self.through(part, item, event)}
        return self.go(landing, now, None) if landing else []

    def go(self, landing, now, path):
        self.step_number += 1
        fired = self.top.go(landing, now, path)
        for given in fired:
            for pair in given.pairs:
                self.move(pair, "consumed")
        return [(given.all_items, given.payload, given.key, given.items, given.rolled) for given in fired]

    def step(self, now):
        if not any(due <= now for _, due in self.resets.values()):
            return self.looked(now, self.step_all(now))
        fired = self.step_paths({path: {} for path in self.top.due_paths(now)}, now)
        for place, (_, due) in self.resets.items():
            if due <= now:
                self.reset(place, now)
                self.resets[place][1] = NEVER
        return self.looked(now, fired + self.step_all(now))

    def step_all(self, now):
        due = {}
        for part, clock in self.clocks.items():
            kept, following, end = clock
            if now not in kept and now != following:
                continue
            if now in kept:
                kept.remove(now)
            else:
                clock[1] = self.tick_after(part, now, end)
            mark = Mark("tick", now, self.last)
            self.fates[part, mark] = "pending"
            path = tuple(key for by in self.parts[part][1] for key in keys_of_mark(by, self.parts[part][0], mark))
            for given in self.through(part, mark, mark):
                due.setdefault(path, {})[part] = given
        for path in self.top.due_paths(now):
            due.setdefault(path, {})
        return self.step_paths(due, now)

    def step_paths(self, due, now):
        fired = []
        for path in sorted(due, key=lambda path: [(isinstance(key, str), key) for key in path]):
            fired += self.go(due[path], now, path)
        return fired

    def retry(self, now):
        parked, self.parked = self.parked, []
        facts, fired = {}, []
        for part, item, path in sorted(parked, key=lambda entry: order(entry[1])):
            if isinstance(self.parts[part][0], Absent):
                fired += self.go({part: Given([(part, item)], item)}, now, path)
            elif path and (part, item) in self.more:
                self.event = self.event_of(item)
                for given in self.through(part, item, self.event):
                    fired += self.go({part: given}, now, path)
            else:
                facts.setdefault(item, []).append(part)
        for item, parts in facts.items():
            fired += self.deliver(sorted(parts), item, now, self.event_of(item))
        return self.looked(now, fired)

    # ---------------------------------------------------------------------------------------------- resets

    def reset(self, place, now):
        """All that stands before a `.reset` is dropped, under all keys; then keys that hold nothing are forgotten."""
        inside = {part for at, part in self.numbers.items() if at[: len(place)] == place}
        pairs = [(part, item) for part, item, _ in self.parked if part in inside]
        self.parked = [entry for entry in self.parked if entry[0] not in inside]
        self.drop("reset", pairs, ())
        self.clear_below(self.top, place, now)

    def clear_below(self, node, place, now):
        if len(node.place) >= len(place):
            if node.place[: len(place)] == place:
                node.clear(now)
            return
        if isinstance(node, ByNode):
            for key, copy in list(node.copies.items()):
                self.clear_below(copy, place, now)
                if place[: len(node.place)] == node.place:
                    node.settle(key, copy, now, None)
        for kid in node.kids:
            self.clear_below(kid, place, now)

    def looked(self, now, fired):
        """After each step: a reset is due at its next tick, if there is anything to drop."""
        for place, (found, due) in self.resets.items():
            if not self.holds(place, now):
                self.resets[place][1] = NEVER
            elif due == NEVER:
                self.resets[place][1] = found.at.schedule.after(now) or NEVER
        return fired

    def holds(self, place, now):
        inside = {part for at, part in self.numbers.items() if at[: len(place)] == place}
        if any(part in inside for part, _, _ in self.parked):
            return True
        outer = [node for node in self.top.below() if isinstance(node, ByNode)]
        around = [n for n in outer if len(n.place) < len(place) and place[: len(n.place)] == n.place and not n.path]
        if around:
            return around[0].holds()
        nodes = [node for node in self.top.below() if node.place[: len(place)] == place]
        return any(not n.own_idle(now) for n in nodes if not isinstance(n, AbsentNode | PeriodNode)) or any(
            isinstance(n, ByNode) and n.holds() for n in nodes
        )

    def arm(self, now, number, start=None, end=None, keep=1):
        for part, clock in self.clocks.items():
            clock[2] = NEVER if end is None else end
            if start is None or start >= now:
                clock[1] = self.tick_after(part, now if start is None else max(now, start - 1), clock[2])
            else:
                clock[1] = self.tick_after(part, start - 1, clock[2])
                self.miss(part, now, keep)
                clock[1] = self.tick_after(part, now, clock[2])
        self.top.arm(now, f"reg:{number}")
        self.looked(now, [])

    def gap(self, until, keep):
        for part in self.clocks:
            self.miss(part, until, keep)

    def miss(self, part, until, keep):
        clock, ticks = self.clocks[part], []
        while clock[1] < until:
            ticks.append(clock[1])
            clock[1] = self.tick_after(part, clock[1], clock[2])
        gone = max(0, len(ticks) - keep)
        self.missed[part] += gone
        clock[0] += ticks[gone:]

    def tick_after(self, part, now, end):
        tick = self.parts[part][0].schedule.after(now)
        return NEVER if tick is None or tick > end else tick

    # ---------------------------------------------------------------------------------- what nodes need

    def through(self, part, item, event):
        """The functions directly behind a leaf; [] if the item does not pass."""
        payload, leaf = event, self.parts[part][0]
        if isinstance(leaf, Feedback):
            stops = leaf.max_depth is not None and self.depth(part, item) > leaf.max_depth
            if not stops and leaf.until is not None:
                stops = self.answer("until", leaf.until, payload, item, Given([(part, item)], payload), ())
                if stops is None:
                    return []
                stops = stops[0]
            if stops:
                self.drop("feedback_bound", [(part, item)], ())
                return []
        for kind, fn in self.chains[part]:
            answer = self.answer(kind, fn, payload, item, Given([(part, item)], payload), ())
            if answer is None:
                return []
            if kind == "map":
                payload = answer[0]
            elif not answer[0]:
                self.drop("filtered", [(part, item)], ())
                return []
        return [Given([(part, item)], payload)]

    def answer(self, kind, fn, payload, item, given, path):
        try:
            return [self.ask(kind, fn, payload, item)]
        except CallableFault:
            self.parked += [(part, item, path) for part, item in given.pairs]
            return None

    def copy(self, pairs, count):
        """Items were given several keys: as many deliveries."""
        for pair in pairs:
            self.more.setdefault(pair, []).extend(["pending"] * (count - 1))

    def move(self, pair, fate, was="pending"):
        """A delivery that was pending is so no more."""
        if self.fates[pair] == was:
            self.fates[pair] = fate
        else:
            more = self.more[pair]
            more[more.index(was)] = fate

    def drop(self, policy, pairs, path):
        for pair in pairs:
            if policy == "no_key" and not any(
                "no_key" in (fate, *self.more.get((part, item), ()))
                and source(self.parts[part][0]) == source(self.parts[pair[0]][0])
                for (part, item), fate in self.fates.items()
            ):
                self.told.append((policy, pair[0], path, 1))
            self.move(pair, policy)
        if policy == "expired":
            parts = Counter(part for part, _ in pairs)
            self.told += [(policy, part, path, parts[part]) for part in sorted(parts)]

    # ---------------------------------------------------------------------------------------- to look

    @property
    def due(self):
        clocks = [min([*kept, following]) for kept, following, _ in self.clocks.values()]
        return min([self.top.due(), *clocks, *(due for _, due in self.resets.values())])

    def counts(self):
        found = [[0, 0, 0, {}] for _ in self.parts]
        more = [(pair, fate) for pair, fates in self.more.items() for fate in fates]
        for (part, _), fate in [*self.fates.items(), *more]:
            row = found[part]
            row[0] += 1
            if fate in ("consumed", "pending"):
                row[1 if fate == "consumed" else 2] += 1
            else:
                row[3][fate] = row[3].get(fate, 0) + 1
        for part, missed in self.missed.items():
            if missed:
                found[part][0] += missed
                found[part][3]["missed"] = missed
        return found

    def ridden(self):
        """What is pending and rode in a firing already: leaf part and item."""
        nodes = [node for node in self.top.below() if isinstance(node, WithLatestNode)]
        return [pair for node in nodes for part in node.rode for pair in node.newest[part].pairs]

    def fired_periods(self, held):
        """The periods that have fired, but for those whose firing is held here or outside: it is gathered anew."""
        nodes = self.top.below()
        givens = [*held, *(given for node in nodes for given in node.own_pending())]
        waiting = [path for given in givens for _, path, _, correction in given.rolled if not correction]
        return [fired for fired in fired_below(self.top) if fired[1] not in waiting]

    def remember(self, periods):
        """These fired under an earlier definition."""
        for fired in periods:
            remember(self.top, fired)

    def mark_ridden(self, items):
        """These rode under an earlier definition."""
        for node in self.top.below():
            if isinstance(node, WithLatestNode):
                node.rode |= {part for part, given in node.newest.items() if {i for _, i in given.pairs} <= items}

    def pending(self):
        return sorted([*self.top.pending(), *((p, path, i) for p, i, path in self.parked)], key=str)

    def build(self, trigger, place, path, window=None):
        if isinstance(trigger, Within):
            return self.build(trigger.part, (*place, 0), path, trigger.window)
        if isinstance(trigger, Reset):
            return self.build(trigger.part, (*place, 0), path)
        if isinstance(trigger, By) and not trigger.keys:
            return self.build(trigger.part, (*place, 0), path)
        if not trigger.parts:
            return Leaf(self, trigger, place, path)
        if isinstance(trigger, Where | Map):
            node = self.build(trigger.part, (*place, 0), path)
            if isinstance(node, Leaf):
                return node
        if isinstance(trigger, AllOf | AtLeast | Sequence | AnyOf):
            return NODES[type(trigger)](self, trigger, place, path, window)
        return NODES[type(trigger)](self, trigger, place, path)


def keys_of_mark(by, leaf, mark):
    if isinstance(by, Rollup):
        return [coarse_partition(by, leaf, mark), finer_partition(by, leaf, mark)]
    return [key_of(key, leaf, mark) for key in by.keys]


def riders_of(trigger, place=()):
    """The places of what only rides along."""
    for i, part in enumerate(trigger.parts):
        if isinstance(trigger, WithLatest) and i:
            yield (*place, i)
        yield from riders_of(part, (*place, i))


def resets_of(trigger, place=()):
    """The `.reset` in a trigger: the place of what each drops, and the trigger."""
    if isinstance(trigger, Reset):
        yield (*place, 0), trigger
    for i, part in enumerate(trigger.parts):
        yield from resets_of(part, (*place, i))


NODES = {
    AllOf: AllOfNode, AnyOf: AnyOfNode, AtLeast: AtLeastNode, Sequence: SequenceNode, Batch: BatchNode,
    Debounce: DebounceNode, Throttle: ThrottleNode, Absent: AbsentNode, Where: AskNode, Map: AskNode, By: ByNode,
    WithLatest: WithLatestNode, Rollup: RollupNode,
}  # fmt: skip
