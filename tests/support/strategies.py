"""Hypothesis strategies for random triggers, always right ones, of bounded depth.

`triggers()` draws over the datasets a, b, c, d (and, where asked for, completions of p, q, r, clocks and silences).
Its functions have names that can be imported, and read whatever a trigger gives them: an event, a bare object, or the
list that a composite's payload is.
"""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Sequence as Sequence_

from hypothesis import strategies as st

from reactive_dag.model.calendar import Calendar, day, hour, month, week
from reactive_dag.model.callables import Call
from reactive_dag.model.partitions.values import values
from reactive_dag.model.times import MINUTE, SECOND
from reactive_dag.triggers.base import Trigger
from reactive_dag.triggers.functions.by import By
from reactive_dag.triggers.functions.map import Map
from reactive_dag.triggers.functions.rollup import Rollup
from reactive_dag.triggers.functions.where import Where
from reactive_dag.triggers.joins.all_of import CONSUMES, AllOf
from reactive_dag.triggers.joins.any_of import AnyOf
from reactive_dag.triggers.joins.at_least import AtLeast
from reactive_dag.triggers.joins.sequence import Sequence
from reactive_dag.triggers.joins.with_latest import WithLatest
from reactive_dag.triggers.keys import KeySpec
from reactive_dag.triggers.leaves.absent import Absent
from reactive_dag.triggers.leaves.completed import completed
from reactive_dag.triggers.leaves.dataset import Dataset, updated
from reactive_dag.triggers.leaves.missed import missed
from reactive_dag.triggers.leaves.schedule import Scheduled, at, cron, every
from reactive_dag.triggers.walks import walk
from reactive_dag.triggers.windows.batch import Batch
from reactive_dag.triggers.windows.debounce import Debounce
from reactive_dag.triggers.windows.reset import Reset
from reactive_dag.triggers.windows.throttle import Throttle
from reactive_dag.triggers.windows.within import Within

DATASETS = tuple(Dataset(uri) for uri in "abcd")
DAY, REGION = day("Europe/Berlin"), values("eu", "us", name="region")
PARTITIONED = (Dataset("e", partitions=REGION * DAY), Dataset("f", partitions=REGION))
"""Datasets of which each has a region, and the first a day (T19)."""
DAGS = ("p", "q", "r")
USUAL_FEATURES = frozenset(
    {"completions", "clocks", "absent", "where", "map", "by", "windows", "within", "consume", "reset"}
    | {"latest", "rollup"}
)
ALL_FEATURES = USUAL_FEATURES | {"missed", "feedback"}
"""What may occur beside `updated`, `all_of`, `any_of`, `at_least` and `sequence`; `missed` asks for deadlines."""


def weight(payload: object) -> int:
    """A number that any payload has: an event's `extra`, an int itself, the sum over a list."""
    if isinstance(payload, list | tuple):
        return sum(map(weight, payload))
    value = getattr(payload, "extra", payload)
    return value if isinstance(value, int) else 0


def is_even(payload: object) -> bool:
    """A filter for `.where`."""
    return weight(payload) % 2 == 0


def third(event: object) -> int | None:
    """A key for `.by`: None for every third weight."""
    return weight(event) % 3 or None


def several(event: object) -> list[int | None]:
    """Keys for `.by`: none, one or two, one of which may be None."""
    return [[], [1], [1, 2], [2, None]][weight(event) % 4]


def total(payload: object) -> int:
    """A payload for `.map`."""
    return weight(payload)


def dimensioned() -> st.SearchStrategy[Trigger]:
    """Triggers over datasets with dimensions, keyed by one of them or by both (T19)."""
    e, f = (updated(dataset) for dataset in PARTITIONED)
    removed = updated(PARTITIONED[0], kinds="deleted")
    parts = [e, e & f, e & removed, e.batch(count=2), e | f, AtLeast((e, f, removed), n=2), Sequence((f, e))]
    keys: list[tuple[KeySpec, ...]] = [
        ("region",),
        (DAY, "region"),
        ("region", "day"),
        ("day",),
        (DAY,),
        ("partition",),
    ]

    def made(part: Trigger, by: tuple[KeySpec, ...], window: int) -> Trigger:
        known = ("region",) if "day" in by and any(leaf == f for leaf in walk(part)) else by
        keyed = By(part, known)
        return Batch(keyed, 2, 3 * SECOND) if window == 1 else keyed if window else Batch(keyed, 1)

    return st.builds(made, st.sampled_from(parts), st.sampled_from(keys), st.integers(0, 3))


def spans() -> st.SearchStrategy[int]:
    """Durations in nanoseconds: few and round, so that instants meet."""
    return st.sampled_from([SECOND, 2 * SECOND, 3 * SECOND, 10 * SECOND, MINUTE])


def clocks() -> st.SearchStrategy[Scheduled]:
    """Clocks that tick within minutes."""
    return st.sampled_from([every("3s"), every("5s"), every("7s"), cron("* * * * *"), at("1970-01-01T00:00:30Z")])


def keys(trigger: Trigger) -> st.SearchStrategy[tuple[KeySpec, ...]]:
    """Keys that the trigger can stand under: with a clock in it only those that a tick has."""
    dated: list[KeySpec] = ["logical_date", day("Europe/Berlin"), hour()]
    known = dated if _has_clock(trigger) else [*dated, "partition", Call(third), Call(several)]
    return st.lists(st.sampled_from(known), max_size=2, unique=True).map(tuple)


def _has_clock(trigger: Trigger) -> bool:
    return any(isinstance(found, Scheduled) for found in walk(trigger))


def leaf_triggers(features: Iterable[str] = USUAL_FEATURES) -> st.SearchStrategy[Trigger]:
    """Triggers without parts."""
    kinds = st.sampled_from(["updated", "deleted", {"created", "updated"}])
    choices: list[st.SearchStrategy[Trigger]] = [
        st.sampled_from(DATASETS).map(updated),
        st.builds(updated, st.sampled_from(DATASETS), kinds),
    ]
    if "feedback" in features:
        bounds = st.sampled_from([{"max_depth": 0}, {"max_depth": 2, "until": is_even}, {"until": is_even}])
        choices.append(
            st.builds(lambda of, bound: updated(of, feedback=True, **bound), st.sampled_from(DATASETS), bounds)
        )
    if "completions" in features:
        states = st.sampled_from(["success", "failed", "any"])
        choices.append(st.builds(completed, st.sampled_from(DAGS), st.sampled_from([None, "t"]), states))
    if "missed" in features:
        choices.append(st.sampled_from(DAGS).map(missed))
    if "clocks" in features:
        choices.append(clocks())
    return st.one_of(choices)


def triggers(
    depth: int = 3,
    features: Iterable[str] = USUAL_FEATURES,
    leaves: Sequence_[Trigger] | None = None,
) -> st.SearchStrategy[Trigger]:
    """Triggers of at most `depth` levels above their leaves, made of what `features` names.

    Given `leaves`, they are made of these, every level is a combinator of at least two parts, and keys are those that
    facts often share: such triggers fire often.
    """
    allowed = frozenset(features)
    assert allowed <= ALL_FEATURES, allowed - ALL_FEATURES
    source = leaf_triggers(allowed) if leaves is None else st.sampled_from(leaves)
    if depth == 0:
        return source
    below = triggers(depth - 1, allowed, leaves)
    if leaves is None:
        return st.one_of([below, composites(below, allowed), *_modifiers(below, allowed)])
    parts = below if depth == 1 else source | below | below
    return st.one_of([composites(parts, allowed, 2)] * 3 + _modifiers(parts, allowed, 2))


def composites(
    parts: st.SearchStrategy[Trigger], features: frozenset[str], least: int = 1
) -> st.SearchStrategy[Trigger]:
    """`all_of`, `any_of`, `at_least` and `sequence` of up to three parts."""
    several = st.lists(parts, min_size=least, max_size=3).map(tuple)
    different = st.lists(parts, min_size=least, max_size=3, unique=True).map(tuple)
    consume = st.sampled_from(CONSUMES) if "consume" in features else st.just("all")
    return st.one_of(
        st.builds(AllOf, several, consume),
        several.map(AnyOf),
        different.flatmap(lambda of: st.integers(1, len(of)).map(lambda n: AtLeast(of, n=n))),
        several.map(Sequence),
    )


def _modifiers(
    below: st.SearchStrategy[Trigger], features: frozenset[str], least: int = 1
) -> list[st.SearchStrategy[Trigger]]:
    joins = composites(below, features, least).filter(lambda part: part.joins)
    found: list[st.SearchStrategy[Trigger]] = []
    if "where" in features:
        found.append(below.map(lambda part: Where(part, is_even)))
    if "map" in features:
        found.append(below.map(lambda part: Map(part, total)))
    if "windows" in features:
        found += [_batches(below), st.builds(Debounce, below, spans(), st.none() | spans())]
        found.append(st.builds(Throttle, below, spans()))
    if "within" in features:
        found.append(st.builds(Within, joins, spans()))
    if "by" in features:
        found += [below.flatmap(_keyed)] * least
    if "latest" in features:
        found.append(st.builds(WithLatest, below, st.lists(below, min_size=1, max_size=2).map(tuple)))
    if "rollup" in features:
        found.append(below.flatmap(_rolled_up))
    if "reset" in features:
        found.append(st.builds(lambda part, at: Reset(part, at=at), _batches(below) | joins, clocks()))
    if "absent" in features:
        found.append(st.builds(Absent, below, spans(), st.none(), st.none() | below))
        found.append(st.builds(Absent, below, st.none(), clocks(), st.none() | below))
    return found


def _batches(below: st.SearchStrategy[Trigger]) -> st.SearchStrategy[Trigger]:
    bounds = st.tuples(st.none() | st.integers(1, 4), st.none() | spans()).filter(lambda of: of != (None, None))
    return st.builds(lambda part, of: Batch(part, *of), below, bounds)


def _rolled_up(part: Trigger) -> st.SearchStrategy[Trigger]:
    """Months of four or five weeks, most of which have ended."""
    late, most = st.sampled_from(["fire", "drop"]), st.sampled_from([1, 2, 100_000])
    return st.builds(Rollup, st.just(part), st.just(month()), late, st.none() | spans(), st.just(week()), most)


def _keyed(part: Trigger) -> st.SearchStrategy[Trigger]:
    def made(found: tuple[KeySpec, ...], most: int, ttl: int | None, arrival: bool) -> Trigger:
        found = tuple(key for key in found if not any(each.why_not_under(key) for each in walk(part)))
        undated = "arrival" if arrival and any(isinstance(key, Calendar) for key in found) else None
        return By(part, found, most, ttl, undated)

    return st.builds(made, keys(part), st.sampled_from([1, 2, 100_000]), st.none() | spans(), st.booleans())
