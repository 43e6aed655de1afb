"""Rollups against the naive model: compiled triggers on random parts, calendars and histories (T18)."""

from __future__ import annotations

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reactive_dag.model.calendar import month, week
from reactive_dag.model.times import MINUTE, SECOND, parse_time
from reactive_dag.triggers.functions.by import By
from reactive_dag.triggers.functions.rollup import Rollup
from reactive_dag.triggers.leaves.dataset import Dataset, updated
from reactive_dag.triggers.windows.batch import Batch
from tests.support.driving import Fact, Pair
from tests.support.profiles import examples
from tests.support.strategies import spans, triggers

thorough = settings(max_examples=examples(100), deadline=None, suppress_health_check=list(HealthCheck))
WEEKLY = [updated(Dataset(uri, week())) for uri in "abc"]
WEEKS = (
    "1969-W45",
    "1969-W46",
    "1969-W47",
    "1969-W48",
    "1969-W41",
    "1969-W42",
    "1969-W43",
    "1969-W44",
    "1970-W01",
    "x",
)
"""Four that begin in November, four in October, one that has hardly begun, and none."""
FEATURES = frozenset({"by", "windows", "where", "map", "latest", "consume", "reset"})


def rollups(parts: st.SearchStrategy) -> st.SearchStrategy:
    return st.builds(
        Rollup, parts, st.just(month()), st.sampled_from(["fire", "fire", "drop"]), st.none() | spans(),
        st.just(week()), st.sampled_from([1, 2, 100]),
    )  # fmt: skip


@st.composite
def weekly(draw, uris="abc"):
    """An event of a week, most often one of November."""
    n = draw(st.integers(0, 9))
    return Fact(
        source=draw(st.sampled_from(uris)),
        extra=draw(st.integers(0, 3)),
        partition=draw(st.sampled_from(WEEKS[:4] if n < 6 else WEEKS)),
        logical_date=parse_time("1969-11-03T00:00Z") if n == 9 else None,
    )


def histories(uris="abc"):
    publish = weekly(uris).map(lambda fact: ("publish", fact))
    advance = st.sampled_from([0, SECOND, 3 * SECOND, 10 * SECOND, MINUTE]).map(lambda span: ("advance", span))
    return st.lists(st.one_of([publish] * 8 + [advance] * 2 + [st.just(("reopen",))]), min_size=15, max_size=50)


def play(trigger, history, **options):
    pair = Pair(trigger, **options)
    for operation in history:
        pair.play(operation)


@thorough
@given(rollups(st.sampled_from(WEEKLY)), histories("a"), st.booleans())
def test_T18_rollup_equals_naive_model(trigger, history, fast):
    play(trigger, history, fast=fast)


@thorough
@given(rollups(triggers(1, FEATURES, leaves=WEEKLY)), histories())
def test_T18_rollup_of_what_holds_equals_naive_model(trigger, history):
    play(trigger, history)


@thorough
@given(rollups(st.sampled_from(WEEKLY)), histories("a"), st.integers(1, 5))
def test_T18_rollup_equals_naive_model_with_little_room(trigger, history, most):
    play(trigger, history, max_pending=most)


@thorough
@given(
    st.lists(rollups(st.sampled_from(WEEKLY) | triggers(1, FEATURES, leaves=WEEKLY)), min_size=1, max_size=2),
    st.sampled_from(["batch", "by", "all", "any", "latest"]),
    histories(),
)
def test_T18_rollup_in_other_triggers_equals_naive_model(parts, around, history):
    first, last = parts[0], parts[-1]
    trigger = {
        "batch": lambda: Batch(first, 2, 5 * SECOND),
        "by": lambda: By(first & last, (month(),), 2),
        "all": lambda: first & last,
        "any": lambda: first | last,
        "latest": lambda: first.with_latest(last),
    }[around]()
    play(trigger, history)
