"""The nodes of the naive model that hold until others come: T1 to T4, T6, and the functions (T13)."""

from __future__ import annotations

from reactive_dag.model.times import NEVER
from reactive_dag.triggers.functions.map import Map
from tests.reference.naive_given import Given, is_solo, united


class Node:
    """`go(landing, now, path)`: one step. `landing` says which leaf parts get something.

    With a `path` it is the step of the timers of that key, else it is a fact's.
    """

    def __init__(self, model, trigger, place, path):
        self.model, self.trigger, self.place, self.path = model, trigger, place, path
        self.kids = self.build_kids()

    def build_kids(self):
        return [self.model.build(part, (*self.place, i), self.path) for i, part in enumerate(self.trigger.parts)]

    def go(self, landing, now, path):
        given = [(i, each) for i, kid in enumerate(self.kids) for each in kid.go(landing, now, path)]
        comes = path == self.path or (path is None and given)  # what comes at the closing instant opens the next (T5)
        closed = self.close(now) if comes and self.own_due() <= now else []
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

    def own_idle(self, now):
        return not self.own_pending()

    def idle(self, now):
        return self.own_idle(now) and all(kid.idle(now) for kid in self.kids)

    def clear(self, now):
        """A reset: what is pending is dropped, and all is as if nothing had ever come."""
        for given in self.own_pending():
            self.drop("reset", given)
        self.begin()
        for kid in self.kids:
            kid.clear(now)

    def begin(self):
        """As nothing had ever come."""

    def below(self):
        """The node, and all below it under every key."""
        return [self, *(node for kid in self.kids for node in kid.below())]

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
        self.begin()

    def begin(self):
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


class AskNode(Node):
    """`.where` and `.map` on what is no leaf."""

    def take(self, arrived, now):
        passed = []
        for _, given in arrived:
            answer = self.model.answer(
                self.trigger.kind, self.trigger.fn, given.payload, given.all_items, given, self.path
            )
            if answer is None:
                continue
            if isinstance(self.trigger, Map):
                passed.append(Given(given.pairs, answer[0], key=given.key, riders=given.riders, rolled=given.rolled))
            elif answer[0]:
                passed.append(given)
            else:
                self.drop("filtered", given)
        return passed


class WithLatestNode(Node):
    """`newest`: of each other part what it gave last; `waiting`: what came before all of those had given something."""

    def __init__(self, *args):
        super().__init__(*args)
        self.begin()

    def begin(self):
        self.newest, self.waiting, self.rode = {}, [], set()

    def own_pending(self):
        return [*self.newest.values(), *self.waiting]

    def take(self, arrived, now):
        for part, given in sorted(arrived, key=lambda each: -each[0]):
            if part == 0:
                self.wait(given)
                continue
            if part in self.newest:
                self.drop("superseded", self.newest[part])
            self.newest[part] = given
            self.rode.discard(part)
        if len(self.newest) < len(self.trigger.others):
            return []
        waiting, self.waiting = self.waiting, []
        return [self.riding(given) for given in waiting]

    def wait(self, given):
        single = is_solo(self.trigger.part)
        if self.waiting and (single or len(self.waiting) >= self.model.limit):
            self.drop("superseded" if single else "expired", self.waiting.pop(0))
        self.waiting.append(given)

    def riding(self, given):
        others = [self.newest[part] for part in sorted(self.newest)]
        self.rode |= self.newest.keys()
        whole = united([given, *others])
        riders = [*given.riders, *(pair for other in others for pair in (*other.pairs, *other.riders))]
        return Given(given.pairs, whole.payload, flat=True, key=given.key, riders=riders, rolled=given.rolled)
