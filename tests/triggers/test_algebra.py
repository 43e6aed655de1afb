"""The algebra as data: what composes, what is spliced, what is refused, and how it prints (T3, T4, T6, T7, R15)."""

from __future__ import annotations

import copy
import functools
import operator
import pickle
from datetime import timedelta
from types import SimpleNamespace

import attrs
import pytest
from hypothesis import given, settings

from reactive_dag.model.calendar import Calendar, day, hour, month, week
from reactive_dag.model.errors import InvalidValue, ReactiveDagError, UsageError
from reactive_dag.model.records import FINAL_RUN_STATES, FINAL_TASK_STATES
from reactive_dag.model.times import HOUR, MINUTE, SECOND
from reactive_dag.triggers.base import Trigger
from reactive_dag.triggers.joins.all_of import AllOf, all_of
from reactive_dag.triggers.joins.any_of import AnyOf, any_of
from reactive_dag.triggers.joins.at_least import at_least
from reactive_dag.triggers.joins.sequence import sequence
from reactive_dag.triggers.leaves.absent import Absent, absent
from reactive_dag.triggers.leaves.completed import Completed, completed
from reactive_dag.triggers.leaves.dataset import DEFAULT_KINDS, Dataset, Updated, updated
from reactive_dag.triggers.leaves.schedule import at, cron, daily, every, weekly
from reactive_dag.triggers.walks import leaves, replaced, walk
from tests.support import strategies
from tests.support.profiles import examples
from tests.support.strategies import ALL_FEATURES, third, triggers

a, b, c, d = (updated(uri) for uri in "abcd")
RD = SimpleNamespace(
    updated=updated, completed=completed, cron=cron, every=every, daily=daily, weekly=weekly, at=at, absent=absent,
    all_of=all_of, any_of=any_of, at_least=at_least, sequence=sequence, Dataset=Dataset,
    hour=hour, day=day, week=week, month=month,
)  # fmt: skip
NAMES = {"rd": RD, "is_even": None, "third": third, "total": None}
NAMES.update({name: getattr(strategies, name) for name in ("is_even", "several", "total")})


# ------------------------------------------------------------------------------------- T3: what composes


def test_T3_ampersand_and_constructor_build_the_same():
    assert a & b == all_of(a, b)
    assert a | b == any_of(a, b)
    assert (a & b) & c == all_of(a, b, c) == a & (b & c) == all_of(all_of(a, b), c)
    assert (a | b) | c == any_of(a, b, c) == a | (b | c) == any_of(any_of(a, b), c)


def test_T3_a_part_is_spliced_only_without_modifiers_and_with_the_same_consume():
    assert len(all_of(a & b, c).parts) == 3
    assert len(all_of((a & b).batch(count=2), c).parts) == 2
    assert len(all_of(all_of(a, b, consume="latest"), c).parts) == 2
    assert len(all_of(all_of(a, b, consume="latest"), c, consume="latest").parts) == 3
    assert len(all_of(a | b, c).parts) == 2
    assert len(any_of(a & b, c).parts) == 2
    assert len(sequence(sequence(a, b), c).parts) == 2
    assert len(at_least(1, at_least(1, a, b), c).parts) == 2


def test_T3_equal_parts_of_all_of_and_any_of_count_once():
    assert all_of(a, b, a).parts == (a, b)
    assert any_of(a, a).parts == (a,)
    assert ((a & b) & (b & c)).parts == (a, b, c)
    assert all_of(Dataset("a"), updated("a"), Dataset("a", partitions=day())).parts == (a,)


def test_T3_equal_parts_of_at_least_are_an_error_and_of_a_sequence_are_stages():
    with pytest.raises(InvalidValue, match=r"rd.updated\('a'\) is there twice"):
        at_least(2, a, b, a)
    assert sequence(a, a).parts == (a, a)


def test_T3_the_order_of_parts_counts_in_the_hash():
    assert a & b != b & a
    assert (a & b).digest != (b & a).digest


def test_T3_nothing_else_is_rewritten():
    assert all_of(a).parts == (a,)
    assert all_of(a) != a
    assert a.where(third).where(third).part == a.where(third)


def test_T3_one_part_that_is_spliced_leaves_its_parts():
    assert all_of(all_of(a)) == all_of(a)
    assert any_of(any_of(a, b)) == any_of(a, b)


@settings(max_examples=examples(60))
@given(triggers(), triggers())
def test_T3_no_composite_holds_what_should_have_been_spliced(one, other):
    for found in (one & other, one | other, *walk(one)):
        if isinstance(found, AllOf | AnyOf):
            assert len(set(found.parts)) == len(found.parts)
        if isinstance(found, AllOf):
            assert not any(isinstance(part, AllOf) and part.consume == found.consume for part in found.parts)
        if isinstance(found, AnyOf):
            assert not any(isinstance(part, AnyOf) for part in found.parts)


def test_many_parts_by_reduce():
    parts = [updated(f"d{n}") for n in range(300)]
    assert functools.reduce(operator.and_, parts).parts == tuple(parts)
    assert functools.reduce(operator.or_, parts) == any_of(*parts)


# -------------------------------------------------------------------------------------------- datasets


def test_a_dataset_is_its_uri_and_stands_for_updated():
    plain, dated = Dataset("a"), Dataset("a", partitions=day("Europe/Berlin"), metadata={"owner": "bi"})
    assert plain == dated
    assert hash(plain) == hash(dated)
    assert dated.id == "a"
    assert plain & b == a & b
    assert b & plain == b & a
    assert plain | dated == any_of(a)
    assert dated.batch(count=2) == a.batch(count=2)
    assert dated.by("partition") == a.by("partition")
    assert updated(dated) == a == updated("a")
    assert dated.as_trigger().dataset.partitions == day("Europe/Berlin")
    assert [type(made).__name__ for made in (
        plain.where(third), plain.map(third), plain.debounce("1s"), plain.throttle("1s"), absent(plain, for_="1s"),
    )] == ["Where", "Map", "Debounce", "Throttle", "Absent"]  # fmt: skip


def test_metadata_is_a_copy():
    given_metadata = {"owner": "bi"}
    dataset = Dataset("a", metadata=given_metadata)
    given_metadata["owner"] = "me"
    assert dataset.metadata == {"owner": "bi"}
    assert Dataset("a").metadata == {}


def test_kinds_of_updated():
    assert a.kinds == DEFAULT_KINDS == {"created", "updated", "partition_added"}
    assert updated("a", kinds="deleted").kinds == {"deleted"}
    assert updated("a", kinds=["created", "updated", "partition_added"]) == a


# ----------------------------------------------------------------------------------------- completions


def test_completed_takes_ids_and_objects():
    dag = SimpleNamespace(id="report")
    task = SimpleNamespace(id="load", dag="report")
    assert completed(dag) == completed("report") == Completed("report")
    assert completed(dag, task=task) == completed("report", task="load") == completed(task)
    assert completed("report", states="failed").states == {"failed"}
    assert completed("report", states="any").states == FINAL_RUN_STATES
    assert completed("report", "load", states={"any"}).states == FINAL_TASK_STATES
    assert completed("*", states="failed", tags="tier1").tags == {"tier1"}


# ------------------------------------------------------------------------------------------------ clock


def test_clocks():
    assert daily("09:30", tz="Europe/Berlin") == cron("30 9 * * *", tz="Europe/Berlin")
    assert weekly("monday", "08:00") == weekly("mon", "08:00")
    assert cron("0 2 * * *") == cron("0  2 * * *", tz="UTC")
    assert every("90s") == every(timedelta(seconds=90))
    assert every("1h", anchor="1970-01-01T00:10Z").schedule.anchor == 10 * MINUTE
    assert at("1970-01-01T01:00+01:00").schedule.times == (0,)
    assert at("1970-01-02", tz="Europe/Berlin").schedule.times == (23 * HOUR,)


# --------------------------------------------------------------------------------------- fields in units


def test_durations_are_nanoseconds_inside():
    assert a.batch(max_wait="5m").max_wait == 5 * MINUTE
    assert a.debounce("30s", max_wait="10m") == a.debounce(timedelta(seconds=30), timedelta(minutes=10))
    assert a.throttle("1h").period == HOUR
    assert (a & b).within("90s").window == 90 * SECOND
    assert a.by("partition", ttl="1d").ttl == 24 * HOUR
    assert absent(a, for_="2h").for_ == 2 * HOUR


# ------------------------------------------------------------------------------------- values, no truths


@pytest.mark.parametrize("value", [a, a & b, cron("0 2 * * *"), Dataset("a"), a.batch(count=2)])
def test_a_trigger_is_neither_true_nor_false(value):
    for ask in (lambda: value and b, lambda: value or b, lambda: not value, lambda: bool(value)):
        with pytest.raises(UsageError, match="Write `a & b` for"):
            ask()


def test_operators_refuse_what_is_no_trigger():
    for make in (lambda: a & "b", lambda: "b" & a, lambda: a | None, lambda: 3 | Dataset("a")):
        with pytest.raises(InvalidValue):
            make()


def test_a_trigger_is_frozen():
    for found in (a, a & b, a.batch(count=2), Dataset("a")):
        with pytest.raises(attrs.exceptions.FrozenInstanceError):
            found.kinds = 1
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        a.dataset = Dataset("b")


@settings(max_examples=examples(60))
@given(triggers())
def test_prints_as_the_expression_that_makes_it(trigger):
    again = eval(repr(trigger), dict(NAMES))
    assert again == trigger
    assert repr(again) == repr(trigger)
    assert again.digest == trigger.digest


def test_prints_itself_plainly():
    assert repr((a & b).by("partition")) == "rd.all_of(rd.updated('a'), rd.updated('b')).by('partition')"
    assert repr(completed("*", states="failed", tags={"x", "y"})) == (
        "rd.completed('*', states='failed', tags={'x', 'y'})"
    )
    assert repr(completed("p", states="any")) == "rd.completed('p', states='any')"
    assert repr(a.where(lambda e: e.extra["rows"] > 0)) == "rd.updated('a').where(lambda e: e.extra['rows'] > 0)"
    assert repr(every("1h", anchor="1970-01-01T00:10Z")) == "rd.every('1h', anchor='1970-01-01T00:10:00Z')"
    assert eval(repr(every("1h", anchor="1970-01-01T00:10Z")), dict(NAMES)) == every("1h", anchor="1970-01-01T00:10Z")
    assert repr(a.by(None)) == "rd.updated('a').by(None)"
    dataset = Dataset("a", partitions=day("Europe/Berlin"), metadata={"k": 1})
    assert eval(repr(dataset), dict(NAMES)).partitions == Calendar("day", "Europe/Berlin")


@settings(max_examples=examples(40))
@given(triggers())
def test_copies_and_pickles_are_equal(trigger):
    for again in (copy.copy(trigger), copy.deepcopy(trigger), pickle.loads(pickle.dumps(trigger))):
        assert again == trigger
        assert hash(again) == hash(trigger)
        assert again.digest == trigger.digest


# ------------------------------------------------------------------------------------------------ walks


def test_walks():
    trigger = absent(a & b, for_="1h", after=c) | d.batch(count=2)
    assert [type(found).__name__ for found in walk(trigger)] == [
        "AnyOf", "Absent", "AllOf", "Updated", "Updated", "Updated", "Batch", "Updated",
    ]  # fmt: skip
    assert leaves(trigger) == [a, b, c, d]


@settings(max_examples=examples(60))
@given(triggers())
def test_replaced_keeps_everything_but_the_leaves(trigger):
    assert replaced(trigger, lambda leaf: leaf) is trigger
    calendar = hour("Asia/Tokyo")

    def dated(leaf: Trigger) -> Trigger:
        if isinstance(leaf, Updated):
            return Updated(Dataset(leaf.dataset.uri, partitions=calendar), leaf.kinds)
        return leaf

    again = replaced(trigger, dated)
    assert again == trigger
    assert again.digest == trigger.digest
    assert all(leaf.dataset.partitions == calendar for leaf in leaves(again) if isinstance(leaf, Updated))


def test_the_strategy_makes_every_kind():
    assert {"completions", "by", "absent"} <= ALL_FEATURES
    seen = set()

    @settings(max_examples=1500, database=None, derandomize=True)
    @given(triggers(features=ALL_FEATURES))
    def look(trigger):
        assert isinstance(trigger, Trigger)
        seen.update(found.kind for found in walk(trigger))

    look()

    assert seen == set(Trigger.by_kind)


def test_every_refusal_is_of_the_family():
    assert issubclass(InvalidValue, ReactiveDagError)
    assert issubclass(InvalidValue, ValueError)
    assert isinstance(absent(a, for_="1s"), Absent)
