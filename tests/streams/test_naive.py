"""Plain operators == the naive model: on random combinators, events and instants, with the same drops."""

from collections import Counter
from types import SimpleNamespace

import reactivex as rx
from hypothesis import given, settings
from hypothesis import strategies as st
from reactivex import operators as ops

import reactive_dag.operators as rops
from reactive_dag.model.records import Mark
from reactive_dag.model.times import SECOND, format_duration, parse_time
from reactive_dag.streams.scheduler import VirtualScheduler
from reactive_dag.triggers.functions.by import By
from reactive_dag.triggers.joins.all_of import AllOf
from reactive_dag.triggers.joins.at_least import AtLeast
from reactive_dag.triggers.joins.sequence import Sequence
from reactive_dag.triggers.leaves.absent import Absent
from reactive_dag.triggers.leaves.dataset import Dataset, updated
from reactive_dag.triggers.windows.batch import Batch
from reactive_dag.triggers.windows.debounce import Debounce
from reactive_dag.triggers.windows.throttle import Throttle
from reactive_dag.triggers.windows.within import Within
from tests.reference.naive import Naive
from tests.support.profiles import examples

START = parse_time("2026-11-23T00:00Z")
PARTS = [updated(Dataset(name)) for name in "abc"]

SPANS = st.integers(1, 8).map(lambda seconds: seconds * SECOND)
WINDOWS = st.one_of(
    st.builds(lambda count, wait: ("batch", count, wait), st.integers(1, 3), st.none() | SPANS),
    st.builds(lambda wait: ("batch", None, wait), SPANS),
    st.builds(lambda pause, wait: ("debounce", pause, wait), SPANS, st.none() | SPANS),
    st.builds(lambda period: ("throttle", period), SPANS),
)
JOINS = st.one_of(
    st.builds(
        lambda consume, within, parts: ("all_of", consume, within, parts),
        st.sampled_from(["all", "latest", "each"]), st.none() | SPANS, st.integers(2, 3),
    ),
    st.builds(lambda n, within: ("at_least", n, within, 3), st.integers(1, 3), st.none() | SPANS),
    st.builds(lambda within, parts: ("sequence", None, within, parts), st.none() | SPANS, st.integers(2, 3)),
)  # fmt: skip
SILENCES = st.builds(lambda span, after: ("absent", span, after), SPANS, st.booleans())
BOUNDS = st.tuples(st.sampled_from([1, 2, 100_000]), st.none() | SPANS)
EVENTS = st.lists(
    st.tuples(st.integers(0, 3), st.integers(0, 2), st.sampled_from(["x", "y", "z", None])), max_size=25
)  # seconds since the one before, part, partition


def text(span):
    return None if span is None else format_duration(span)


# ------------------------------------------------------------------------------- a trigger, and an operator


def trigger_of(spec, part=PARTS[0]):
    match spec:
        case ("batch", count, wait):
            return Batch(part, count, wait)
        case ("debounce", pause, wait):
            return Debounce(part, pause, wait)
        case ("throttle", period):
            return Throttle(part, period)
        case ("absent", span, after):
            return Absent(PARTS[0], span, None, PARTS[1] if after else None)
        case (kind, how, within, parts):
            used = tuple(PARTS[:parts])
            join = {"all_of": lambda: AllOf(used, how), "at_least": lambda: AtLeast(used, n=how)}
            made = join.get(kind, lambda: Sequence(used))()
            return made if within is None else Within(made, within)


def operator_of(spec, others, drops):
    def on_drop(policy, item):
        drops[policy, item] += 1

    match spec:
        case ("batch", count, wait):
            return rops.batch(count, text(wait), on_drop=on_drop)
        case ("debounce", pause, wait):
            return rops.debounce(text(pause), text(wait), on_drop=on_drop)
        case ("throttle", period):
            return rops.throttle(text(period), on_drop=on_drop)
        case ("absent", span, after):
            return rops.absent(text(span), after=others[0] if after else None)
        case ("all_of", consume, within, parts):
            return rops.all_of(*others[: parts - 1], consume=consume, within=text(within), on_drop=on_drop)
        case ("at_least", n, within, parts):
            return rops.at_least(n, *others[: parts - 1], within=text(within), on_drop=on_drop)
        case ("sequence", _, within, parts):
            return rops.sequence(*others[: parts - 1], within=text(within), on_drop=on_drop)


def width(spec):
    """How many sources a combinator has."""
    if spec[0] == "absent":
        return 2 if spec[2] else 1
    return spec[3] if spec[0] in ("all_of", "at_least", "sequence") else 1


# ----------------------------------------------------------------------------------------- what they say


def atoms(value):
    """The items inside of what an operator emits."""
    if isinstance(value, list | tuple):
        return [atom for each in value for atom in atoms(each)]
    return [value]


def name_of(item):
    """An item of the model as an operator emits it: a silence is the last item heard."""
    if isinstance(item, Mark):
        return None if item.by.startswith("reg:") else int(item.by)
    return item


def timed(events):
    """The events with their offsets and instants."""
    now = START
    for offset, (seconds, part, partition) in enumerate(events):
        now += seconds * SECOND
        yield offset, now, part, partition


def by_the_model(trigger, sources, events):
    model, fired = Naive(trigger), []

    def tell(now, firings):
        for items, _, key, *_ in firings:
            fired.append((now, key[0] if key else None, sorted(map(name_of, items), key=repr)))

    model.arm(START, 0)
    for offset, now, part, partition in timed(events):
        while model.due <= now:
            tell(model.due, model.step(model.due))
        if part < sources:
            tell(now, model.feed((part,), offset, now, SimpleNamespace(partition=partition, logical_date=None)))
    while model.due <= START + 3600 * SECOND:
        tell(model.due, model.step(model.due))
    gone = ((fate, item) for (_, item), fate in model.fates.items() if fate not in ("pending", "consumed", "heard"))
    return fired, Counter(gone)


def by_operators(make, sources, events, keyed=False):
    scheduler, drops, fired = VirtualScheduler(START), Counter(), []
    subjects = [rx.Subject() for _ in range(3)]

    def tell(value):
        key, value = value if keyed else (None, value)
        fired.append((scheduler.now_ns(), key, sorted(atoms(value), key=repr)))

    make(subjects, drops).subscribe(tell, scheduler=scheduler)
    for offset, now, part, _ in timed(events):
        scheduler.advance(to=now)
        if part < sources:
            subjects[part].on_next(offset)
    scheduler.advance(to=START + 3600 * SECOND)
    return fired, drops


# --------------------------------------------------------------------------------------------- the properties


@settings(max_examples=examples(300), deadline=None)
@given(st.one_of(WINDOWS, JOINS, SILENCES), st.lists(WINDOWS, max_size=2), EVENTS)
def test_operators_in_a_pipe_are_the_naive_model(first, windows, events):
    trigger = trigger_of(first)
    for window in windows:
        trigger = trigger_of(window, trigger)

    def make(subjects, drops):
        piped = [operator_of(spec, subjects[1:], drops) for spec in (first, *windows)]
        return subjects[0].pipe(*piped)

    assert by_operators(make, width(first), events) == by_the_model(trigger, width(first), events)


@settings(max_examples=examples(300), deadline=None)
@given(st.one_of(WINDOWS, JOINS, SILENCES), BOUNDS, EVENTS)
def test_T7_by_an_operator_of_ours_is_the_naive_model(inside, bounds, events):
    """State for each key, for joins too; bounds drop what the model drops."""
    (max_keys, ttl), keys = bounds, [partition for _, _, partition in events]
    trigger = By(trigger_of(inside), ("partition",), max_keys, ttl)

    def make(subjects, drops):
        def on_drop(policy, item):
            drops[policy, item] += policy != "heard"

        inner = operator_of(inside, subjects[1:], drops)
        return subjects[0].pipe(rops.by(keys.__getitem__, inner, max_keys=max_keys, ttl=text(ttl), on_drop=on_drop))

    fired, drops = by_operators(make, width(inside), events, keyed=True)
    assert (fired, +drops) == by_the_model(trigger, width(inside), events)


@settings(max_examples=examples(200), deadline=None)
@given(st.lists(WINDOWS, min_size=1, max_size=3), EVENTS)
def test_by_a_pipe_is_the_naive_model(windows, events):
    """A stream for each key, which knows nothing of states; keys due at one instant come in any order."""
    keys, trigger = [partition for _, _, partition in events], PARTS[0]
    for window in windows:
        trigger = trigger_of(window, trigger)

    def make(subjects, drops):
        piped = rx.compose(*[operator_of(spec, [], drops) for spec in windows], ops.map(lambda value: value))

        def on_drop(policy, item):
            drops[policy, item] += 1

        return subjects[0].pipe(rops.by(keys.__getitem__, piped, on_drop=on_drop))

    fired, drops = by_operators(make, 1, events, keyed=True)
    model, gone = by_the_model(By(trigger, ("partition",)), 1, events)
    assert (in_order(fired), drops) == (in_order(model), gone)


def in_order(fired):
    """By instant and key; those of one key stay as they are."""
    return sorted(fired, key=lambda each: (each[0], each[1]))
