"""Items, what a node of the naive model gives, and the leaf parts of a trigger with their keys."""

from __future__ import annotations

from reactive_dag.model.calendar import Calendar
from reactive_dag.model.errors import InvalidValue
from reactive_dag.model.records import Mark
from reactive_dag.triggers.functions.by import By
from reactive_dag.triggers.functions.map import Map
from reactive_dag.triggers.functions.where import Where
from reactive_dag.triggers.joins.with_latest import WithLatest
from reactive_dag.triggers.keys import JoinKey
from reactive_dag.triggers.leaves.absent import Absent
from reactive_dag.triggers.leaves.completed import Completed
from reactive_dag.triggers.leaves.dataset import Updated
from reactive_dag.triggers.leaves.missed import Missed
from reactive_dag.triggers.leaves.schedule import Scheduled
from reactive_dag.triggers.windows.reset import Reset

FIELDS = ("partition", "logical_date")


def order(item):
    """Where an item stands in the order of delivery."""
    return (item.after, 1, item.due, item.kind, item.by, item.part, item.dag) if isinstance(item, Mark) else (item, 0)


class Given:
    """What a node gives: pairs of leaf part and item, and the payload (`flat`: a composite's list of payloads).

    `riders` are pairs, too.
    """

    def __init__(self, pairs, payload, flat=False, key=(), riders=(), rolled=()):
        self.pairs, self.payload, self.flat, self.key, self.riders = pairs, payload, flat, key, riders
        self.rolled = rolled  # what rollups say of it: place, period with its key, what is missing, a correction

    @property
    def items(self):
        return sorted({item for _, item in self.pairs}, key=order)

    @property
    def all_items(self):
        """Those that only ride along too."""
        return sorted({item for _, item in [*self.pairs, *self.riders]}, key=order)


def united(given):
    payload = [value for each in given for value in (each.payload if each.flat else [each.payload])]
    riders = [pair for each in given for pair in each.riders]
    rolled = [said for each in given for said in each.rolled]
    return Given([pair for each in given for pair in each.pairs], payload, flat=True, riders=riders, rolled=rolled)


def is_source(leaf):
    return isinstance(leaf, Updated | Completed | Missed)


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
    if trigger.keys_inside:
        bys = (*bys, trigger)
    for i, part in enumerate(trigger.parts):
        yield from leaf_places(part, (*place, i), bys, chain)


def is_dimension(key):
    """Whether a key is a calendar, or the name of a dimension (T19)."""
    return isinstance(key, Calendar) or (isinstance(key, str) and key not in FIELDS)


def dimensions(of, partition):
    """What a partition has in each dimension, by name (T19); nothing where it is none of these."""
    texts = (partition or "").split("|")
    if of is None or partition is None or len(texts) != len(of.dimensions):
        return {}
    found = {}
    for each, text in zip(of.dimensions, texts):
        if not (start_of(each, text) is not None if isinstance(each, Calendar) else text in each.values):
            return {}
        found[each.name] = text
    return found


def start_of(calendar, text):
    try:
        return calendar.start(text)
    except InvalidValue:
        return None


def time_of(of, partition):
    """When the period of a partition begins (T19)."""
    for each in () if of is None else of.dimensions:
        if isinstance(each, Calendar) and each.name in (known := dimensions(of, partition)):
            return each.start(known[each.name])
    return None


def key_of(key, leaf, event, undated=None):
    """The value of a key for an event; a function is not asked here."""
    of = leaf.dataset.partitions if isinstance(leaf, Updated) else None
    if isinstance(key, str):
        return getattr(event, key) if key in FIELDS else dimensions(of, event.partition).get(key)
    if isinstance(key, JoinKey):
        if event.logical_date is not None:
            return event.logical_date
        return event.cascade if key.mode == "date+cascade" else ""
    assert isinstance(key, Calendar)
    if event.logical_date is not None:
        return key.of(event.logical_date)
    for each in (of, key):
        if (start := time_of(each, event.partition)) is not None:
            return key.of(start)
    return key.of(event.at) if undated else None


def is_solo(trigger):
    """A clock or a silence, perhaps behind a function, holds one pending item at most (T9)."""
    if isinstance(trigger, Where | Map | Reset) or (isinstance(trigger, By) and not trigger.keys):
        return is_solo(trigger.part)
    return isinstance(trigger, Scheduled | Absent)


def keyed(trigger):
    """Whether what it gives is of one key already."""
    if trigger.keys_inside:
        return True
    return isinstance(trigger, Where | Map | By | Reset | WithLatest) and keyed(trigger.part)
