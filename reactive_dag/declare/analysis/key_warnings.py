"""Keys that keep apart what was to meet, or drop what was to come: warnings about `.by` (G3), and unknown dimensions.

Owns nothing. A `.by` behind one part of a composite alone, which has no effect there (forgotten parentheses), parts
that can be without a date under a calendar key (T7), and parts that have no key in common (T19). Cost: O(size of the
trigger) each, of parts that are joined O(size squared).
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations, pairwise

from reactive_dag.declare.analysis.date_overlap import PossibleDates
from reactive_dag.model.calendar import Calendar
from reactive_dag.model.callables import Call
from reactive_dag.model.ctrl_c import raise_ctrl_c
from reactive_dag.model.event import Event
from reactive_dag.model.partitions.nesting import inside, why_not_finer
from reactive_dag.model.partitions.products import Dimension, Partitions
from reactive_dag.model.partitions.values import StaticValues
from reactive_dag.model.suggest import did_you_mean
from reactive_dag.model.times import DAY, parse_time, to_datetime
from reactive_dag.triggers.base import Trigger
from reactive_dag.triggers.functions.by import By
from reactive_dag.triggers.functions.rollup import Rollup
from reactive_dag.triggers.joins.any_of import AnyOf
from reactive_dag.triggers.keys import FIELDS, hashable, is_dimension
from reactive_dag.triggers.leaves.completed import Completed
from reactive_dag.triggers.leaves.dataset import Updated
from reactive_dag.triggers.leaves.schedule import Scheduled
from reactive_dag.triggers.walks import leaves, walk

_YEAR = parse_time("2026-01-01T00:00Z")
"""The first instant at which texts of calendars are compared."""
_SUMMER = parse_time("2026-07-15T12:00Z")
"""In the middle of a period that is like most."""


def key_warnings(trigger: Trigger, dates: PossibleDates) -> Iterator[tuple[str, str]]:
    """Kind and text of each key in a trigger that hardly does what was meant. O(size)."""
    yield from _of_parentheses(trigger, False)
    for found in walk(trigger):
        if isinstance(found, By):
            yield from _of_values(found)
            if "partition" in found.keys:
                yield from _of_whole_partitions(found)
        if found.keys_inside and not (isinstance(found, By) and found.undated):
            yield from _of_undated(found, dates)


def _of_values(by: By) -> Iterator[tuple[str, str]]:
    """Datasets that are joined by a dimension in which they have no value in common (T19)."""
    heard = dict.fromkeys([leaf.dataset for leaf in leaves(by.part) if isinstance(leaf, Updated)])
    for key in [key for key in by.keys if is_dimension(key)] if any(part.joins for part in walk(by.part)) else ():
        known: list[tuple[str, frozenset[str]]] = []
        for dataset in heard:
            among = () if dataset.partitions is None else dataset.partitions.dimensions
            found = next((each for each in among if each.name == key), None)
            if isinstance(found, StaticValues):
                known.append((dataset.uri, frozenset(found.values)))
        for (one, first), (other, second) in combinations(known, 2):
            if not first & second:
                yield (
                    "never_meets",
                    f"datasets {one!r} and {other!r} have no value of {key!r} in common, so .by({key!r}) never joins "
                    "them: mend their partitions=",
                )


def _of_whole_partitions(by: By) -> Iterator[tuple[str, str]]:
    """Parts that are joined by partition and can never have the same one (T19). O(size squared)."""
    found = list(walk(by.part))
    if any(isinstance(part, Rollup) for part in found):
        return  # what comes out of one has another partition than what its dataset has
    for one, other in [pair for join in found if join.joins for pair in combinations(join.parts, 2)]:
        first, second = _divided(one), _divided(other)
        if first and second and not any(_meet(a[1], b[1]) for a in first for b in second):
            (uri, of), (uri_of_other, of_other) = first[0], second[0]
            yield (
                "never_meets",
                f"dataset {uri!r} is partitioned by {of!r} and {uri_of_other!r} by {of_other!r}, which have no "
                "partition in common, so .by('partition') never joins them: write as key a dimension that both have, "
                "or a calendar, .by(rd.day(tz))",
            )


def _divided(part: Trigger) -> list[tuple[str, Partitions]]:
    """The datasets of a part, and how they are partitioned; none where one can have any text as partition."""
    heard = [leaf.dataset if isinstance(leaf, Updated) else None for leaf in leaves(part)]
    known = [(each.uri, each.partitions) for each in heard if each is not None and each.partitions is not None]
    return known if len(known) == len(heard) else []


def _meet(one: Partitions, other: Partitions) -> bool:
    """Whether a partition of the one can be one of the other too."""
    if len(one.dimensions) != len(other.dimensions):
        return False
    return all(_share(*pair) or _share(*reversed(pair)) for pair in zip(one.dimensions, other.dimensions))


def _share(one: Dimension, other: Dimension) -> bool:
    """Whether the other has a text of the one; of a calendar those of a year are tried, since offsets change in it."""
    texts = {text for ns in range(_YEAR, _YEAR + 365 * DAY, 15 * DAY) for text in one.texts(ns)}
    return any(map(other.fits, texts))


def unknown_dimensions(trigger: Trigger) -> Iterator[tuple[str, str]]:
    """The keys that name no dimension of what they stand behind (T19): the name, and what to do. O(size)."""
    for by in walk(trigger):
        for key in by.keys if isinstance(by, By) else ():
            if isinstance(key, str) and is_dimension(key):
                for leaf in dict.fromkeys(leaves(by)):
                    if wrong := _no_dimension(leaf, key):
                        yield key, f".by({key!r}): {wrong}"


def split_periods(trigger: Trigger) -> Iterator[str]:
    """Functions as keys behind a rollup that keep apart what one period needs (T18): what to do. O(size).

    Three finer partitions of one period are tried; what a function says of others, or of what else an event has, and
    one that raises, is not known.
    """
    for by in walk(trigger):
        calls = [key for key in by.keys if isinstance(key, Call) and key.bound] if isinstance(by, By) else []
        for rolled in [each for each in walk(by.parts[0]) if isinstance(each, Rollup)] if calls else ():
            events = _of_one_period(rolled)
            for call in calls:
                keys = [_keys_of(call, event) for event in events]
                apart = [(a, b) for a, b in pairwise(range(len(keys))) if keys[a] and keys[b] and not keys[a] & keys[b]]
                if apart:
                    one, other = (events[at].partition for at in apart[0])
                    yield (
                        f"{call.text} ({call.place}), a key behind {rolled!r}, keeps {one} and {other} apart, which "
                        f"one {rolled.coarse.unit} needs, so that it would never be whole; take a key that all of it "
                        "shares"
                    )


def _of_one_period(rolled: Rollup) -> list[Event]:
    """Events of some finer partitions of one period that differ in nothing else; none where nothing says which."""
    leaf = next((each for each in leaves(rolled) if isinstance(each, Updated)), None)
    of = rolled.finer if leaf is None or leaf.partitions is None else leaf.partitions
    if of is None or why_not_finer(of, rolled.coarse):
        return []
    names = inside(of, rolled.coarse, rolled.coarse.of(_SUMMER))
    at, uri = to_datetime(_SUMMER), None if leaf is None else leaf.dataset.uri
    chosen = [(name, of.time(name)) for name in dict.fromkeys((*names[:2], *names[-1:]))]
    return [
        Event(kind="updated", dataset=uri, at=at, time=at, partition=name, logical_date=to_datetime(begin), extra={})
        for name, begin in chosen
        if begin is not None
    ]


def _keys_of(call: Call, event: Event) -> frozenset[object]:
    """The keys that a function gives an event; none where it raises, or gives what is none."""
    try:
        found = call.fn(event)
        return frozenset(map(hashable, found)) if isinstance(found, list) else frozenset({hashable(found)} - {None})
    except BaseException as error:  # a user's callable may raise anything
        raise_ctrl_c(error)
        return frozenset()


def _no_dimension(leaf: Trigger, name: str) -> str:
    function = f"; for something else write a function, .by(lambda event: event.extra[{name!r}])"
    if isinstance(leaf, Completed):
        return (
            f"{leaf!r} is of no dataset, so it has no dimension {name!r}: the partition of a run is a text of "
            "whichever dataset its DAG reads or writes; write .by('partition') for the whole of it, "
            "a function for a part of it, .by(lambda event: event.partition.split('|')[-1]), "
            "or hear a dataset that the DAG writes"
        )
    if not isinstance(leaf, Updated):
        return f"{leaf!r} is of no dataset, so it has no dimension {name!r}{function}"
    of, uri = leaf.dataset.partitions, leaf.dataset.uri
    known = () if of is None else of.names
    hint = did_you_mean(name, (*FIELDS, *known)) or function
    if of is None:
        return f"dataset {uri!r} is not partitioned, so it has no dimension {name!r}{hint}"
    return "" if name in known else f"dataset {uri!r} has no dimension {name!r}, but {', '.join(known)}{hint}"


def _of_parentheses(trigger: Trigger, keyed: bool) -> Iterator[tuple[str, str]]:
    keyed = keyed or bool(trigger.keys_inside)
    if not keyed and len(trigger.parts) > 1 and (trigger.joins or isinstance(trigger, AnyOf)):
        alone = next((part for part in trigger.parts if _keeps_nothing_apart(part)), None)
        parts = tuple([part.parts[0] if _keeps_nothing_apart(part) else part for part in trigger.parts])
        if alone is not None and len({*parts}) == len(parts):  # else the keys tell equal parts apart
            whole = trigger.rebuilt(parts)
            keys = repr(alone).removeprefix(repr(alone.parts[0]))
            yield (
                "forgotten_parentheses",
                f"{alone!r} keeps keys apart in this one part only, and {trigger!r} has no key; put the key behind all "
                f"of it, in parentheses: {whole!r}{keys}",
            )
    for part in trigger.parts:
        yield from _of_parentheses(part, keyed)


def _keeps_nothing_apart(part: Trigger) -> bool:
    """Whether it is a `.by` behind something that holds nothing, and so has no effect by itself."""
    return isinstance(part, By) and bool(part.keys) and not any(found.holds for found in walk(part.part))


def _of_undated(keyed: Trigger, dates: PossibleDates) -> Iterator[tuple[str, str]]:
    calendar = next((key for key in keyed.keys_inside if isinstance(key, Calendar)), None)
    if calendar is None:
        return
    instead = ", or .by(…, undated='arrival') to take the period in which it came" if isinstance(keyed, By) else ""
    undated = [leaf for part in keyed.parts for leaf in leaves(part) if not isinstance(leaf, Scheduled)]
    for leaf in [leaf for leaf in dict.fromkeys(undated) if not dates.is_dated(leaf)]:
        yield (
            "undated_part",
            f"{leaf!r} can be without a date, and .{keyed.kind}({calendar!r}) drops what has none (no_key): give its "
            f"dataset partitions={instead}",
        )
