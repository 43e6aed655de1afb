"""The nodes of the naive model that gather finer partitions: T18."""

from __future__ import annotations

from reactive_dag.model.times import NEVER
from reactive_dag.triggers.leaves.dataset import Updated
from reactive_dag.triggers.windows.throttle import Throttle
from tests.reference.naive_given import united
from tests.reference.naive_keys import ByNode
from tests.reference.naive_nodes import Node


def finer_of(trigger):
    """The calendar of what a rollup gathers: the one given, else that of the first dataset, or rollup, below."""
    if trigger.finer is not None:
        return trigger.finer
    found = trigger.part
    while found.partitions is None:
        found = found.parts[0]
    return found.partitions


def finer_partition(trigger, leaf, event):
    """By an item's own partition, read in its dataset's calendar, else by its date."""
    known, at, finer = {}, event.logical_date, finer_of(trigger)
    for partitions in ([leaf.dataset.partitions] if isinstance(leaf, Updated) else []) + [finer]:
        if partitions is not None and event.partition is not None and partitions.fits(event.partition):
            known, own = partitions.split(event.partition), partitions.time(event.partition)
            at = event.logical_date if own is None else own
            break
    texts = [each.of(at) if each.calendar and at is not None else known.get(each.name) for each in finer.dimensions]
    return None if None in texts or not finer.fits("|".join(texts)) else "|".join(texts)


def coarse_partition(trigger, leaf, event):
    finer = finer_partition(trigger, leaf, event)
    return None if finer is None else trigger.coarse.of(finer_of(trigger).time(finer))


def expected(trigger, period):
    """All that start in a period."""
    start, end = trigger.coarse.span(period)
    finer, names, at = finer_of(trigger), [], start
    while at < end:
        names += [name for name in finer.of_instant(at) if start <= finer.time(name)]
        at = finer.calendar.span(finer.calendar.of(at))[1]
    return names


def has_throttle(trigger):
    return isinstance(trigger, Throttle) or any(map(has_throttle, trigger.parts))


class RollupNode(ByNode):
    """The coarse partitions: one `PeriodNode` each."""

    read = staticmethod(coarse_partition)
    outlived = staticmethod(lambda key: NEVER)

    def built(self, path):
        return PeriodNode(self.model, self.trigger, self.place, path)

    def holds(self):
        """That a period has fired is nothing to clear; the period of a throttle below is."""
        if has_throttle(self.trigger):
            return bool(self.copies)
        return bool(self.pending())

    def keyed(self):
        return False

    def keys_of(self, mine, path):
        if path is not None and not (mine and len(path) <= len(self.path)):
            key = path[len(self.path) : len(self.path) + 1]
            return [key] if path[: len(self.path)] == self.path and key else []
        if not mine:
            return []
        found = self.read(self.trigger, self.model.parts[min(mine)][0], self.model.event)
        if found is None:
            self.model.drop("no_key", united(mine.values()).pairs, self.path)
        return [] if found is None else [(found,)]


def keys_of(node):
    """What a node keeps apart what stands inside by."""
    if isinstance(node, RollupNode):
        finer = finer_of(node.trigger)
        return (type(node), [each.calendar or each.name for each in finer.dimensions], node.trigger.coarse)
    return tuple(node.trigger.keys) if isinstance(node, ByNode) else ()


def fired_below(node, keys=()):
    """The periods below that have fired: under which keys, the values of those, and what is missing."""
    keys += keys_of(node)
    if isinstance(node, PeriodNode) and node.missing is not None:
        yield keys, node.path, node.missing
    for below in node.copies.values() if isinstance(node, ByNode) else node.kids:
        yield from fired_below(below, keys)


def remember(node, fired, keys=()):
    """A period fired under an earlier definition: a rollup of the same calendars under the same keys knows of it."""
    keys += keys_of(node)
    under, path, missing = fired
    if isinstance(node, PeriodNode) and (keys, node.path) == (under, path):
        node.missing = [each for each in expected(node.trigger, path[-1]) if each in missing]
    for kid in node.kids:
        remember(kid, fired, keys)
    if isinstance(node, ByNode):
        width = 1 if isinstance(node, RollupNode) else len(node.trigger.keys)
        key = path[len(node.path) : len(node.path) + width]
        if node.path == path[: len(node.path)] and len(key) == width:
            copy = node.copies[key] = node.copies.get(key) or node.built(node.path + key)
            remember(copy, fired, keys)
            node.settle(key, copy, 0, None)


class FinerNode(RollupNode):
    """The finer partitions of one coarse one: a whole copy of what stands inside each."""

    read = staticmethod(finer_partition)

    def built(self, path):
        return self.model.build(self.trigger.part, (*self.place, 0), path)

    def keyed(self):
        return super(RollupNode, self).keyed()

    @property
    def most(self):
        return NEVER


class PeriodNode(Node):
    """One coarse partition: what came of each finer one, in order; and, once it has fired, what was missing then."""

    def __init__(self, *args):
        self.came, self.opened_at, self.missing = [], None, None
        super().__init__(*args)

    def build_kids(self):
        return [FinerNode(self.model, self.trigger, self.place, self.path)]

    def own_pending(self):
        return [given for _, given in self.came]

    def not_there(self):
        there = {name for name, _ in self.came}
        return [name for name in expected(self.trigger, self.path[-1]) if name not in there]

    def own_due(self):
        if self.trigger.wait is None or not self.came:
            return NEVER
        last = finer_of(self.trigger).interval(expected(self.trigger, self.path[-1])[-1])[1]
        return max(self.opened_at, last) + self.trigger.wait

    def close(self, now):
        self.missing, came, self.came = self.not_there(), self.came, []
        return [self.said(united([given for _, given in came]), False)]

    def said(self, given, correction):
        given.rolled = [(self.place, self.path, list(self.missing), correction)]
        return given

    def take(self, arrived, now):
        fired = []
        for _, given in arrived:
            name = given.key[len(self.path)]
            if self.missing is not None:
                fired += self.late(name, given)
                continue
            if not self.came:
                self.opened_at = now
            elif len(self.came) == self.model.limit:
                self.drop("expired", self.came.pop(0)[1])
            self.came.append((name, given))
            if not self.not_there():
                fired += self.close(now)
        return fired

    def late(self, name, given):
        if self.trigger.late == "drop":
            self.drop("late", given)
            return []
        self.missing = [each for each in self.missing if each != name]
        return [self.said(united([given]), True)]

    def begin(self):
        """What is half gathered is forgotten; that it has fired is not."""
        self.came = []

    def own_idle(self, now):
        return not self.came and self.missing is None
