"""The naive model of triggers: T1 to T10 and T13 in the most obvious form, as the reference for everything faster.

Nothing here is quick or clever, and nothing is shared with the cells but the trigger itself. Each node of a trigger is
an object that holds plain lists; `.by` holds a whole copy of what stands inside for each key; due times, counts and
pending items are looked for anew each time somebody asks. A step (`go`) runs down the tree and back up.
"""

from __future__ import annotations

from collections import Counter

from reactive_dag.model.calendar import Calendar
from reactive_dag.model.errors import InvalidValue
from reactive_dag.model.records import Mark
from reactive_dag.model.times import NEVER
from reactive_dag.triggers.absent import Absent
from reactive_dag.triggers.all_of import AllOf
from reactive_dag.triggers.any_of import AnyOf
from reactive_dag.triggers.at_least import AtLeast
from reactive_dag.triggers.batch import Batch
from reactive_dag.triggers.by import By, JoinKey
from reactive_dag.triggers.clock import Clock
from reactive_dag.triggers.completed import Completed
from reactive_dag.triggers.dataset import Updated
from reactive_dag.triggers.debounce import Debounce
from reactive_dag.triggers.faults import CallableFault
from reactive_dag.triggers.map import Map
from reactive_dag.triggers.sequence import Sequence
from reactive_dag.triggers.throttle import Throttle
from reactive_dag.triggers.where import Where
from reactive_dag.triggers.within import Within


def order(item):
    """Where an item stands in the order of delivery."""
    return (item.after, 1, item.due, item.kind, item.by, item.part) if isinstance(item, Mark) else (item, 0)


class Given:
    """What a node gives: pairs of leaf part and item, and the payload (`flat`: a composite's list of payloads)."""

    def __init__(self, pairs, payload, flat=False, key=()):
        self.pairs, self.payload, self.flat, self.key = pairs, payload, flat, key

    @property
    def items(self):
        return sorted({item for _, item in self.pairs}, key=order)


def united(given):
    payload = [value for each in given for value in (each.payload if each.flat else [each.payload])]
    return Given([pair for each in given for pair in each.pairs], payload, flat=True)


class Naive:
    """A trigger with its state. `ask(kind, fn, payload, item)` answers callables; `event_of(item)` finds an event."""

    def __init__(self, trigger, ask=None, event_of=lambda item: item, max_pending=1_000_000, identity=str):
        self.ask = ask or (lambda kind, fn, payload, item: fn.fn(payload))
        self.event_of, self.limit, self.identity = event_of, max_pending, identity
        self.fates = {}  # (part, item) -> "pending", "consumed" or the policy that dropped it
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
        self.clocks = {i: [[], NEVER, NEVER] for i, (leaf, _) in enumerate(self.parts) if isinstance(leaf, Clock)}
        self.top = build(self, trigger, (), ())

    # ---------------------------------------------------------------------------------------- what happens

    def feed(self, hits, item, now, event):
        for part in hits:
            self.fates[part, item] = "pending"
        self.last = max(self.last, item)
        return self.deliver(hits, item, now, event)

    def deliver(self, hits, item, now, event):
        self.event = event
        landing = {part: given for part in hits for given in self.through(part, item, event)}
        return self.go(landing, now, None) if landing else []

    def go(self, landing, now, path):
        self.step_number += 1
        fired = self.top.go(landing, now, path)
        for given in fired:
            for pair in given.pairs:
                assert self.fates[pair] == "pending", pair
                self.fates[pair] = "consumed"
        return [(given.items, given.payload, given.key) for given in fired]

    def step(self, now):
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
            path = tuple(key_of(key, self.parts[part][0], mark) for by in self.parts[part][1] for key in by.keys)
            for given in self.through(part, mark, mark):
                due.setdefault(path, {})[part] = given
        for path in self.top.due_paths(now):
            due.setdefault(path, {})
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
            else:
                facts.setdefault(item, []).append(part)
        for item, parts in facts.items():
            fired += self.deliver(sorted(parts), item, now, self.event_of(item))
        return fired

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
        payload = event
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

    def drop(self, policy, pairs, path):
        for pair in pairs:
            assert self.fates[pair] == "pending", (policy, pair, self.fates[pair])
            if policy == "no_key" and not any(
                fate == "no_key" and source(self.parts[part][0]) == source(self.parts[pair[0]][0])
                for (part, _), fate in self.fates.items()
            ):
                self.told.append((policy, pair[0], path, 1))
            self.fates[pair] = policy
        if policy == "expired":
            parts = Counter(part for part, _ in pairs)
            self.told += [(policy, part, path, parts[part]) for part in sorted(parts)]

    # ---------------------------------------------------------------------------------------- to look

    @property
    def due(self):
        return min([self.top.due(), *(min([*kept, following]) for kept, following, _ in self.clocks.values())])

    def counts(self):
        found = [[0, 0, 0, {}] for _ in self.parts]
        for (part, _), fate in self.fates.items():
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

    def pending(self):
        return sorted([*self.top.pending(), *((p, path, i) for p, i, path in self.parked)], key=str)


def is_source(leaf):
    return isinstance(leaf, Updated | Completed)


def source(leaf):
    return leaf.dataset if isinstance(leaf, Updated) else (leaf.dag, leaf.task) if isinstance(leaf, Completed) else leaf


def leaf_places(trigger, place=(), bys=(), chain=()):
    """The leaf parts in the order in which they are written: where, what, under which `.by`, behind which functions."""
    if isinstance(trigger, Absent) or not trigger.parts:
        yield place, trigger, bys, () if isinstance(trigger, Absent) else chain
    if isinstance(trigger, Where | Map):
        chain = ((trigger.kind, trigger.fn), *chain)
    elif not isinstance(trigger, By) or trigger.keys:
        chain = ()
    if isinstance(trigger, By) and trigger.keys:
        bys = (*bys, trigger)
    for i, part in enumerate(trigger.parts):
        yield from leaf_places(part, (*place, i), bys, chain)


def key_of(key, leaf, event):
    """The value of a key for an event; a function is not asked here."""
    if isinstance(key, str):
        return getattr(event, key)
    if isinstance(key, JoinKey):
        if event.logical_date is not None:
            return event.logical_date
        return event.cascade if key.mode == "date+cascade" else ""
    assert isinstance(key, Calendar)
    if event.logical_date is not None:
        return key.of(event.logical_date)
    for calendar in ([leaf.dataset.partitions] if isinstance(leaf, Updated) else []) + [key]:
        try:
            return key.of(calendar.start(event.partition))
        except (AttributeError, InvalidValue):
            pass
    return None


# -------------------------------------------------------------------------------------------------- nodes


class Node:
    """`go(landing, now, path)`: one step. `landing` says which leaf parts get something.

    With a `path` it is the step of the timers of that key, else it is a fact's.
    """

    def __init__(self, model, trigger, place, path):
        self.model, self.trigger, self.place, self.path = model, trigger, place, path
        self.kids = self.build_kids()

    def build_kids(self):
        return [build(self.model, part, (*self.place, i), self.path) for i, part in enumerate(self.trigger.parts)]

    def go(self, landing, now, path):
        given = [(i, each) for i, kid in enumerate(self.kids) for each in kid.go(landing, now, path)]
        closed = self.close(now) if path == self.path and self.own_due() <= now else []
        return closed + (self.take(given, now) if given else [])

    def close(self, now):
        return []

    def own_due(self):
        return NEVER

    def due(self):
        return min([self.own_due(), *(kid.due() for kid in self.kids)])

    def due_paths(self, now):
        return ([self.path] if self.own_due() <= now else []) + [p for kid in self.kids for p in kid.due_paths(now)]

    def own_pending(self):
        return []

    def pending(self):
        own = [(part, self.path, item) for given in self.own_pending() for part, item in given.pairs]
        return own + [each for kid in self.kids for each in kid.pending()]

    def idle(self, now):
        return not self.own_pending() and all(kid.idle(now) for kid in self.kids)

    def arm(self, now, name):
        for kid in self.kids:
            kid.arm(now, name)

    def drop(self, policy, given):
        self.model.drop(policy, given.pairs, self.path)


class Leaf(Node):
    def __init__(self, model, trigger, place, path):
        super().__init__(model, trigger, place, path)
        self.part = model.numbers[place]

    def go(self, landing, now, path):
        return [landing[self.part]] if self.part in landing else []


class Composite(Node):
    """`held`: for each part a list of (instant, number of the step, what was given)."""

    def __init__(self, model, trigger, place, path, window=None):
        super().__init__(model, trigger, place, path)
        self.window = window
        self.held = [[] for _ in self.kids]

    def own_pending(self):
        return [given for part in self.held for _, _, given in part]

    def forget_old(self, now):
        gone = False
        for held in self.held:
            while self.window is not None and held and held[0][0] < now - self.window:
                self.drop("outside_window", held.pop(0)[2])
                gone = True
        return gone

    def hold(self, part, given, now):
        held = self.held[part]
        if held and is_solo(self.trigger.parts[part]):
            self.drop("superseded", held.pop(0)[2])
        elif len(held) == self.model.limit:
            self.drop("expired", held.pop(0)[2])
        held.append((now, self.model.step_number, given))

    def take(self, arrived, now):
        self.forget_old(now)
        for part, given in arrived:
            self.hold(part, given, now)
        fired = []
        while self.ready():
            fired.append(self.fire())
        return fired

    def fire(self):
        taken = united([given for held in self.held for _, _, given in held])
        self.held = [[] for _ in self.kids]
        return taken


class AllOfNode(Composite):
    def ready(self):
        return all(self.held)

    def fire(self):
        if self.trigger.consume == "each":
            return united([held.pop(0)[2] for held in self.held])
        if self.trigger.consume == "latest":
            for held in self.held:
                while len(held) > 1:
                    self.drop("superseded", held.pop(0)[2])
        return super().fire()


class AtLeastNode(Composite):
    def ready(self):
        return len([held for held in self.held if held]) >= self.trigger.n


class SequenceNode(Composite):
    def take(self, arrived, now):
        if self.forget_old(now):
            self.forget_out_of_order()
        opened = [stage == 0 or bool(self.held[stage - 1]) for stage in range(len(self.held))]
        placed = set()
        for stage, given in sorted(arrived, key=lambda each: -each[0]):
            if opened[stage] and not set(given.items) <= placed:
                self.hold(stage, given, now)
                placed |= set(given.items)
            else:
                self.drop("filtered", given)
        return [self.fire()] if self.held[-1] else []

    def forget_out_of_order(self):
        """What a stage holds must have come after something that the stage before still holds."""
        for before, stage in zip(self.held, self.held[1:], strict=False):
            first = min([number for _, number, _ in before], default=NEVER)
            for entry in [entry for entry in stage if entry[1] <= first]:
                stage.remove(entry)
                self.drop("filtered", entry[2])


class AnyOfNode(Composite):
    def take(self, arrived, now):
        return [united([given for _, given in arrived])]


class BatchNode(Node):
    def __init__(self, *args):
        super().__init__(*args)
        self.gathered, self.opened = [], None

    def own_pending(self):
        return self.gathered

    def own_due(self):
        return NEVER if self.trigger.max_wait is None or not self.gathered else self.opened + self.trigger.max_wait

    def close(self, now):
        gathered, self.gathered = self.gathered, []
        return [united(gathered)]

    def gather(self, given, now):
        if not self.gathered:
            self.opened = now
        elif len(self.gathered) == self.model.limit:
            self.drop("expired", self.gathered.pop(0))
        self.gathered.append(given)

    def take(self, arrived, now):
        fired = []
        for _, given in arrived:
            self.gather(given, now)
            if len(self.gathered) == self.trigger.count:
                fired += self.close(now)
        return fired


class DebounceNode(BatchNode):
    def own_due(self):
        if not self.gathered:
            return NEVER
        longest = NEVER if self.trigger.max_wait is None else self.opened + self.trigger.max_wait
        return min(self.latest + self.trigger.pause, longest)

    def take(self, arrived, now):
        for _, given in arrived:
            self.gather(given, now)
            self.latest = now
        return []


class ThrottleNode(BatchNode):
    period_end = -NEVER

    def own_due(self):
        return self.period_end if self.gathered else NEVER

    def close(self, now):
        self.period_end = now + self.trigger.period
        return super().close(now)

    def take(self, arrived, now):
        fired = []
        for _, given in arrived:
            self.gather(given, now)
            if now >= self.period_end:
                fired += self.close(now)
        return fired

    def idle(self, now):
        return super().idle(now) and now >= self.period_end


class AbsentNode(Node):
    """`armed`: None, or (since when, the name of what armed it); `heard`: whether the part came since the last tick."""

    def __init__(self, *args):
        super().__init__(*args)
        self.armed, self.heard = None, False
        self.part = self.model.numbers[self.place]

    def own_due(self):
        if self.armed is None:
            return NEVER
        if self.trigger.for_ is not None:
            return self.armed[0] + self.trigger.for_
        return self.trigger.at.schedule.after(self.armed[0]) or NEVER

    def arm(self, now, name):
        super().arm(now, name)
        if self.trigger.after is None:
            self.armed = (now, name)

    def go(self, landing, now, path):
        return ([landing[self.part]] if self.part in landing else []) + super().go(landing, now, path)

    def close(self, now):
        heard, name, self.heard = self.heard, self.armed[1], False
        goes = self.trigger.for_ is not None or ((self.path or self.trigger.after is not None) and not heard)
        self.armed = None if goes else (now, name)
        if heard:
            return []
        by = name if self.trigger.at is None else f"{name}@{now}"
        mark = Mark("absent", now, self.model.last, by, self.model.silences.index(self.part))
        self.model.fates[self.part, mark] = "pending"
        return [Given([(self.part, mark)], mark)]

    def take(self, arrived, now):
        for which, given in arrived:
            name = self.model.identity(given.items[-1])
            if which == 1:
                self.armed, self.heard = (now, name), False
            elif self.trigger.after is not None:
                self.armed = None
            elif self.trigger.for_ is not None:
                self.armed = (now, name)
            else:
                self.armed, self.heard = (now if self.armed is None else self.armed[0], name), True
            self.drop("heard", given)
        if self.own_due() == NEVER:
            self.armed = None
        return []

    def idle(self, now):
        return self.own_due() == NEVER and super().idle(now)


class AskNode(Node):
    """`.where` and `.map` on what is no leaf."""

    def take(self, arrived, now):
        passed = []
        for _, given in arrived:
            answer = self.model.answer(self.trigger.kind, self.trigger.fn, given.payload, given.items, given, self.path)
            if answer is None:
                continue
            if isinstance(self.trigger, Map):
                passed.append(Given(given.pairs, answer[0], key=given.key))
            elif answer[0]:
                passed.append(given)
            else:
                self.drop("filtered", given)
        return passed


class ByNode(Node):
    """`copies`: for each key its own copy of what stands inside; `opened`: since when it has something pending."""

    def __init__(self, *args):
        self.copies, self.opened = {}, {}
        super().__init__(*args)

    def build_kids(self):
        return []

    def go(self, landing, now, path):
        for key in [key for key, copy in self.copies.items() if copy.idle(now)]:
            self.forget(key)
        inside = {part for place, part in self.model.numbers.items() if place[: len(self.place)] == self.place}
        mine = {part: given for part, given in landing.items() if part in inside}
        key = self.key_of(mine, path)
        if key is None or (key not in self.copies and not mine):
            return []
        if key not in self.copies:
            self.copies[key] = build(self.model, self.trigger.part, (*self.place, 0), self.path + key)
        copy = self.copies[key]
        fired = copy.go(mine, now, path)
        self.settle(key, copy, now, path)
        for given in fired:
            given.key = given.key if keyed(self.trigger.part) else self.path + key
        return fired

    def settle(self, key, copy, now, path):
        if copy.idle(now):
            return self.forget(key)
        if not copy.pending():
            self.opened.pop(key, None)
        elif key not in self.opened:
            self.opened[key] = now
            self.copies[key] = self.copies.pop(key)
        if len(self.copies) > self.trigger.max_keys:
            self.expire(next(iter(self.copies)))
        if path == self.path + key and self.outlived(key) <= now:
            self.expire(key)
        return None

    def forget(self, key):
        del self.copies[key]
        self.opened.pop(key, None)

    def expire(self, key):
        pairs = [(part, item) for part, _, item in self.copies[key].pending()]
        if not pairs and self.copies[key].due() < NEVER:
            self.model.told.append(("expired", None, self.path + key, 0))
        self.model.drop("expired", pairs, self.path + key)
        self.forget(key)

    def key_of(self, mine, path):
        if path is not None:
            key = path[len(self.path) : len(self.path) + len(self.trigger.keys)]
            return key if path[: len(self.path)] == self.path and len(key) == len(self.trigger.keys) else None
        if not mine:
            return None
        values, both = [], united(mine.values())
        leaf = self.model.parts[min(mine)][0]
        for key in self.trigger.keys:
            if isinstance(key, str | Calendar | JoinKey):
                value = [key_of(key, leaf, self.model.event)]
            else:
                value = self.model.answer("by", key, self.model.event, both.items[0], both, self.path)
            if value is None:
                return None
            if value[0] is None:
                self.model.drop("no_key", both.pairs, self.path)
                return None
            values.append(value[0])
        return tuple(values)

    def outlived(self, key):
        return NEVER if self.trigger.ttl is None or key not in self.opened else self.opened[key] + self.trigger.ttl

    def due(self):
        return min([min(copy.due(), self.outlived(key)) for key, copy in self.copies.items()], default=NEVER)

    def due_paths(self, now):
        own = [self.path + key for key in self.copies if self.outlived(key) <= now]
        return own + [path for copy in self.copies.values() for path in copy.due_paths(now)]

    def pending(self):
        return [each for copy in self.copies.values() for each in copy.pending()]

    def idle(self, now):
        return all(copy.idle(now) for copy in self.copies.values())

    def arm(self, now, name):
        pass


def is_solo(trigger):
    """A clock or a silence, perhaps behind a function, holds one pending item at most (T9)."""
    return is_solo(trigger.part) if isinstance(trigger, Where | Map) else isinstance(trigger, Clock | Absent)


def keyed(trigger):
    """Whether what it gives is of one key already."""
    if isinstance(trigger, By) and trigger.keys:
        return True
    return isinstance(trigger, Where | Map | By) and keyed(trigger.part)


NODES = {
    AllOf: AllOfNode, AnyOf: AnyOfNode, AtLeast: AtLeastNode, Sequence: SequenceNode, Batch: BatchNode,
    Debounce: DebounceNode, Throttle: ThrottleNode, Absent: AbsentNode, Where: AskNode, Map: AskNode, By: ByNode,
}  # fmt: skip


def build(model, trigger, place, path, window=None):
    if isinstance(trigger, Within):
        return build(model, trigger.part, (*place, 0), path, trigger.window)
    if isinstance(trigger, By) and not trigger.keys:
        return build(model, trigger.part, (*place, 0), path)
    if not trigger.parts:
        return Leaf(model, trigger, place, path)
    if isinstance(trigger, Where | Map):
        node = build(model, trigger.part, (*place, 0), path)
        if isinstance(node, Leaf):
            return node
    if isinstance(trigger, AllOf | AtLeast | Sequence | AnyOf):
        return NODES[type(trigger)](model, trigger, place, path, window)
    return NODES[type(trigger)](model, trigger, place, path)
