"""The node of the naive model that keeps a whole copy of what stands inside for each key: T7, T8."""

from __future__ import annotations

from itertools import product

from reactive_dag.model.calendar import Calendar
from reactive_dag.model.times import NEVER
from reactive_dag.triggers.keys import JoinKey
from tests.reference.naive_given import Given, key_of, keyed, united
from tests.reference.naive_nodes import Node


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
        fired = []
        for key in self.keys_of(mine, path):
            if key in self.copies or mine:
                fired += self.go_under(key, mine, now, path)
        return fired

    def go_under(self, key, mine, now, path):
        if key not in self.copies:
            self.copies[key] = self.built(self.path + key)
        copy = self.copies[key]
        fired = copy.go(mine, now, path)
        self.settle(key, copy, now, path)
        under = self.path + key
        return [
            Given(each.pairs, each.payload, each.flat, each.key if self.keyed() else under, each.riders, each.rolled)
            for each in fired
        ]

    def built(self, path):
        """What stands inside, for one key."""
        return self.model.build(self.trigger.part, (*self.place, 0), path)

    def keyed(self):
        """Whether what stands inside gives keys of its own."""
        return keyed(self.trigger.part)

    @property
    def most(self):
        return self.trigger.max_keys

    def settle(self, key, copy, now, path):
        if copy.idle(now):
            return self.forget(key)
        if not copy.pending():
            self.opened.pop(key, None)
        elif key not in self.opened:
            self.opened[key] = now
            self.copies[key] = self.copies.pop(key)
        if len(self.copies) > self.most:
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

    def keys_of(self, mine, path):
        if path is not None and not (mine and len(path) <= len(self.path)):
            key = path[len(self.path) : len(self.path) + len(self.trigger.keys)]
            return [key] if path[: len(self.path)] == self.path and len(key) == len(self.trigger.keys) else []
        if not mine:
            return []
        values, both = [], united(mine.values())
        leaf = self.model.parts[min(mine)][0]
        for key in self.trigger.keys:
            if isinstance(key, str | Calendar | JoinKey):
                value = [[key_of(key, leaf, self.model.event, self.trigger.undated)]]
            else:
                value = self.model.answer("by", key, self.model.event, both.items[0], both, self.path)
            if value is None:
                return []
            given = value[0] if isinstance(value[0], list) else [value[0]]
            if all(each is None for each in given):
                self.model.drop("no_key", both.pairs, self.path)
                return []
            values.append(given)
        keys = list(dict.fromkeys(product(*values)))
        self.model.copy(both.pairs, len(keys)) if len(keys) > 1 else None
        for key in keys:
            if None in key:
                self.model.drop("no_key", both.pairs, self.path)
        return [key for key in keys if None not in key]

    def holds(self):
        """Whether there is something for a reset to clear."""
        return bool(self.copies)

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

    def clear(self, now):
        for key, copy in list(self.copies.items()):
            copy.clear(now)
            self.settle(key, copy, now, None)

    def below(self):
        return [self, *(node for copy in self.copies.values() for node in copy.below())]

    def arm(self, now, name):
        pass
