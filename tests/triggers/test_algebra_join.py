"""T8: completions join by themselves, by date, by cascade or in plain order; what is not plain is refused."""

from __future__ import annotations

import pytest
from hypothesis import given, settings

from reactive_dag.model.errors import GraphError
from reactive_dag.triggers.base import Trigger
from reactive_dag.triggers.functions.by import By
from reactive_dag.triggers.implicit_joins import effective, is_join, origin_sources, sources
from reactive_dag.triggers.joins.all_of import AllOf, all_of
from reactive_dag.triggers.joins.any_of import any_of
from reactive_dag.triggers.joins.at_least import AtLeast, at_least
from reactive_dag.triggers.joins.sequence import Sequence, sequence
from reactive_dag.triggers.keys import JoinKey
from reactive_dag.triggers.leaves.absent import absent
from reactive_dag.triggers.leaves.completed import Completed, completed
from reactive_dag.triggers.leaves.dataset import updated
from reactive_dag.triggers.leaves.schedule import cron
from reactive_dag.triggers.walks import walk
from tests.support.profiles import examples
from tests.support.strategies import ALL_FEATURES, triggers

x, y, z = completed("x"), completed("y"), completed("z")
a, b = updated("a"), updated("b")
ORIGINS = {"x": {"root"}, "y": {"root"}, "z": {"other"}}


def origins(dag: str) -> frozenset[str]:
    return frozenset(ORIGINS.get(dag, ()))


def made(trigger: Trigger) -> Trigger:
    return effective(trigger, origins)[0]


def joined(trigger: Trigger, mode: str) -> By:
    return By(trigger, (JoinKey(mode),))


@pytest.mark.parametrize("composite", [x & y, at_least(1, x, y), sequence(x, y), all_of(x, y, consume="each")])
def test_T8_completions_of_the_same_origins_join_by_date_else_by_cascade(composite):
    found, text = effective(composite, origins)
    assert found == joined(composite, "date+cascade")
    assert text == "joined by logical date, else by cascade (all go back to 'root')"


def test_T8_completions_of_different_origins_join_by_date_else_in_plain_order():
    found, text = effective(x & z, origins)
    assert found == joined(x & z, "date")
    assert text.startswith("joined by logical date, else in plain order")
    assert made(x & completed("unknown")) == joined(x & completed("unknown"), "date")
    assert made(x & completed("*")) == joined(x & completed("*"), "date")


def test_T8_the_origins_of_a_part_are_those_of_all_its_leaves():
    assert made(all_of(any_of(x, z), any_of(z, y))) == joined(all_of(any_of(x, z), any_of(z, y)), "date+cascade")
    assert made(all_of(any_of(x, z), y)) == joined(all_of(any_of(x, z), y), "date")
    assert made(all_of(any_of(x, completed("unknown")), any_of(x, completed("?")))).keys == (JoinKey("date"),)


def test_T8_a_join_is_where_it_is_written():
    assert made((x & y).batch(count=2)) == joined(x & y, "date+cascade").batch(count=2)
    assert made((x & y) | a) == any_of(joined(x & y, "date+cascade"), a)
    assert made((x & y) | (x & z)) == any_of(joined(x & y, "date+cascade"), joined(x & z, "date"))
    assert made(absent(x & y, for_="1h")) == absent(joined(x & y, "date+cascade"), for_="1h")
    assert made(at_least(2, x & y, z)) == joined(at_least(2, x & y, z), "date")


def test_T8_two_joins_have_two_texts():
    assert effective((x & y) | (x & z), origins)[1].count("joined by") == 2
    assert effective(a | b, origins) == (a | b, "")


def test_T8_within_stays_on_its_composite():
    assert made((x & y).within("1h")) == joined((x & y).within("1h"), "date+cascade")
    assert made((x & a).within("1h")) == (x & a).within("1h")


def test_T8_a_by_that_is_written_rules():
    for trigger in (
        (x & y).by("partition"),
        (x & y).by(None),
        (x & y & a).by("logical_date"),
        (x & y & a).batch(count=2).by(None),
        all_of(x.by("partition"), y),
    ):
        assert effective(trigger, origins) == (trigger, "")


def test_T8_without_a_join_the_trigger_stays_the_same_object():
    for trigger in (x, x | y, a & b, a & x, a & cron("0 2 * * *"), (a & b).within("1h")):
        assert made(trigger) is trigger


@pytest.mark.parametrize(
    "trigger",
    [
        x & y & a,
        all_of(a, at_least(2, x, y, z)),
        all_of(x | y, a),
        x & y & cron("0 2 * * *"),
        sequence(x, a, y),
        all_of(x & y, absent(a, for_="1h")),
        (x & y & a).within("1h"),
        (x & y & a).batch(count=2) | b,
    ],
)
def test_T8_completions_with_another_leaf_need_a_by(trigger):
    with pytest.raises(GraphError, match=r"\.by\('logical_date'\).*\.by\(None\)"):
        effective(trigger, origins)


def test_T8_the_message_names_what_was_given():
    with pytest.raises(GraphError) as caught:
        effective((x & y & a).batch(count=2), origins)
    assert repr(x & y & a) in str(caught.value)
    assert "2 completions together with rd.updated('a')" in str(caught.value)


def test_T8_alternatives_need_no_by():
    alert = completed("report", states="failed") | x | absent(a, for_="26h")
    assert effective(alert, origins) == (alert, "")


def test_T8_a_silence_is_a_leaf_of_its_own():
    assert sources(x & absent(y, for_="1h")) == [x, absent(y, for_="1h")]
    assert not is_join(x & absent(y, for_="1h"))
    assert made(x & absent(y, for_="1h")) == x & absent(y, for_="1h")


def test_T8_origins_follow_what_triggers_a_dag():
    assert origin_sources(a) == [a]
    assert origin_sources(x | a) == [x, a]
    assert origin_sources((x & y).within("1h") | z) == [x, y, z]
    assert origin_sources(a.by("partition").where(bool)) == [a]


@pytest.mark.parametrize(
    "trigger", [a & b, x.batch(count=2), a.debounce("1s"), a.throttle("1s"), (x & y).by(None), x & a, x | (a & b)]
)
def test_T8_a_dag_that_takes_several_facts_at_once_is_its_own_origin(trigger):
    assert origin_sources(trigger) is None


@settings(max_examples=examples(150))
@given(triggers(3, ALL_FEATURES))
def test_T8_what_is_joined_and_what_not(trigger):
    try:
        found, text = effective(trigger, origins)
    except GraphError:
        assert any(isinstance(part, AllOf | AtLeast | Sequence) for part in walk(trigger))
        return
    keys = [key for part in walk(found) if isinstance(part, By) for key in part.keys if isinstance(key, JoinKey)]
    assert text.count("joined by") == len(keys)
    for part in walk(found):
        if isinstance(part, By) and any(isinstance(key, JoinKey) for key in part.keys):
            assert all(isinstance(leaf, Completed) for leaf in sources(part))
            assert not any(isinstance(below, By) for below in walk(part.part))
    assert effective(found, origins) == (found, "")
