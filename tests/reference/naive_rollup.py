"""The nodes of the naive model that gather finer partitions: T18."""

from __future__ import annotations

from reactive_dag.model.errors import InvalidValue
from reactive_dag.model.times import NEVER
from reactive_dag.triggers.leaves.dataset import Updated
from reactive_dag.triggers.walks import walk
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
    finer = finer_of(trigger)
    for calendar in ([leaf.dataset.partitions] if isinstance(leaf, Updated) else []) + [finer]:
        try:
            return finer.of(calendar.start(event.partition))
        except (AttributeError, InvalidValue):
            pass
    return None if event.logical_date is None else finer.of(event.logical_date)


def coarse_partition(trigger, leaf, event):
    finer = finer_partition(trigger, leaf, event)
    return None if finer is None else trigger.coarse.of(finer_of(trigger).start(finer))


def expected(trigger, period):
    """All that start in a period: each that contains an hour of it is looked at."""
    start, end = trigger.coarse.span(period)
    names, at = [], start
    while at < end:
        name = finer_of(trigger).of(at)
        if start <= finer_of(trigger).start(name) and name not in names:
            names.append(name)
        at = finer_of(trigger).span(name)[1]
    return names


class RollupNode(ByNode):
    """The coarse partitions: one `PeriodNode` each."""

    read = staticmethod(coarse_partition)
    outlived = staticmethod(lambda key: NEVER)

    def built(self, path):
        return PeriodNode(self.model, self.trigger, self.place, path)

    def holds(self):
        """That a period has fired is nothing to clear; the period of a throttle below is."""
        if any(isinstance(found, Throttle) for found in walk(self.trigger)):
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
        last = finer_of(self.trigger).span(expected(self.trigger, self.path[-1])[-1])[1]
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
