"""What the algebra refuses where it is written down, and what it says to write instead (T2, T4 to T7, T9, R15)."""

from __future__ import annotations

from datetime import timedelta
from types import SimpleNamespace

import attrs
import pytest

from reactive_dag.model.calendar import day, week
from reactive_dag.model.errors import InvalidValue
from reactive_dag.triggers.functions.by import By
from reactive_dag.triggers.joins.all_of import all_of
from reactive_dag.triggers.joins.any_of import any_of
from reactive_dag.triggers.joins.at_least import at_least
from reactive_dag.triggers.joins.sequence import sequence
from reactive_dag.triggers.keys import JoinKey
from reactive_dag.triggers.leaves.absent import absent
from reactive_dag.triggers.leaves.completed import Completed, completed
from reactive_dag.triggers.leaves.dataset import Dataset, updated
from reactive_dag.triggers.leaves.schedule import Scheduled, at, cron, daily, every, weekly
from reactive_dag.triggers.windows.batch import Batch
from tests.support.strategies import third

a, b, c = (updated(uri) for uri in "abc")


def refused(make, *words):
    with pytest.raises(InvalidValue) as caught:
        make()
    for word in words:
        assert word in str(caught.value)


def test_T4_n_is_one_to_the_number_of_parts():
    assert at_least(2, a, b).n == 2
    refused(lambda: at_least(3, a, b), "at_least(3, ...) of 2 parts", "at most")
    refused(lambda: at_least(0, a, b), "at least 1", "0")
    refused(lambda: at_least(-1, a), "-1")
    refused(lambda: at_least(True, a), "True")
    refused(lambda: at_least(1.0, a), "1.0")
    refused(lambda: at_least(a, b, c), "n of at_least")


def test_T6_within_stands_on_composites_only():
    for part in (a & b, at_least(2, a, b), sequence(a, b)):
        assert part.within("1h").part == part
    for part in (a, a | b, a.batch(count=2), (a & b).by("partition"), (a & b).within("1h"), (a & b).where(third)):
        refused(lambda part=part: part.within("1h"), ".within()", "all_of, at_least or sequence", repr(part))


def test_T7_a_clock_needs_a_key_that_a_tick_has():
    both = updated("a") & cron("0 2 * * *")
    for key in ("logical_date", day("Europe/Berlin"), None):
        assert isinstance(both.by(key), By)
    assert isinstance(both.by("logical_date", week()), By)
    for keys in (("partition",), (third,), ("logical_date", "partition")):
        refused(lambda keys=keys: both.by(*keys), "rd.cron('0 2 * * *')", ".by('logical_date')")
    refused(lambda: (both.batch(count=2) | c).by("partition"), "rd.cron")
    refused(lambda: both.by("logical_date").by("partition"), "rd.cron")


def test_T7_the_clock_that_looks_for_silence_is_no_part():
    assert isinstance(absent(a, at=cron("0 6 * * *")).by("partition"), By)
    refused(lambda: absent(a | every("1h"), for_="2h").by("partition"), "rd.every")


def test_T7_keys():
    assert a.by(None).keys == ()
    assert a.by("partition", "logical_date").keys == ("partition", "logical_date")
    assert a.by(third).keys[0].fn is third
    assert a.by("partition").max_keys == 100_000
    assert By(a, (JoinKey("date"),)) != By(a, (JoinKey("date+cascade"),))
    refused(lambda: a.by(), ".by(None)")
    refused(lambda: a.by(None, "partition"), "stands alone")
    refused(lambda: a.by("partitoin"), "did you mean 'partition'?")
    refused(lambda: a.by("extra"), "lambda event: event.extra")
    assert a.by("customer").keys == ("customer",), "check() knows whether there is such a dimension (T19)"
    refused(lambda: a.by(3), "3")
    refused(lambda: a.by("partition", "partition"), "twice")
    refused(lambda: a.by("partition", max_keys=0), "max_keys", "0")
    refused(lambda: a.by("partition", ttl="-1s"), "ttl")


def test_T2_consume_belongs_to_all_of():
    assert all_of(a, b, consume="each").consume == "each"
    refused(lambda: all_of(a, b, consume="eahc"), "'eahc'", "did you mean 'each'?")
    with pytest.raises(TypeError):
        any_of(a, b, consume="latest")


def test_T5_a_batch_needs_a_bound():
    assert a.batch(10) == a.batch(count=10)
    refused(lambda: a.batch(), "count=", "max_wait=")
    refused(lambda: Batch(a), "count=", "max_wait=")
    for count in (0, -1, True, 2.5, "3"):
        refused(lambda count=count: a.batch(count=count), "count of .batch()", repr(count))


def test_T9_a_silence_needs_one_time():
    assert absent(a, for_="2h", after=b).parts == (a, b)
    assert absent(a, at=cron("0 6 * * *")).parts == (a,)
    refused(lambda: absent(a), "for_=", "at=")
    refused(lambda: absent(a, for_="2h", at=cron("0 6 * * *")), "either")
    refused(lambda: absent(a, at="0 6 * * *"), "rd.cron")
    refused(lambda: absent(a, at=b), "at= of absent()")
    refused(lambda: absent(a, after=b), "for_=")


@pytest.mark.parametrize("make", [all_of, any_of, sequence, lambda *parts: at_least(1, *parts)])
def test_R15_no_parts_and_parts_that_are_none(make):
    refused(lambda: make(), "no triggers")
    refused(lambda: make("a"), "rd.updated('a')", "rd.completed('a')")
    refused(lambda: make([a, b]), "one by one")
    refused(lambda: make(a, None), "None")
    refused(lambda: make(a, 3), "3 is no trigger")
    refused(lambda: make(SimpleNamespace(id="report")), "rd.completed('report')")


@pytest.mark.parametrize("span", [0, 5, -1, True, "0s", "-1m", "soon", "", float("nan"), timedelta(0), -timedelta(1)])
def test_R15_durations_that_are_none(span):
    for make in (
        lambda: a.batch(max_wait=span),
        lambda: a.debounce(span),
        lambda: a.debounce("1s", max_wait=span),
        lambda: a.throttle(span),
        lambda: (a & b).within(span),
        lambda: absent(a, for_=span),
        lambda: a.by("partition", ttl=span),
        lambda: every(span),
    ):
        refused(make)


def test_R15_leaves_that_mean_nothing():
    refused(lambda: updated(""), "uri")
    refused(lambda: updated(3), "3")
    refused(lambda: updated("a", kinds="upserted"), "kinds of updated('a')", "'upserted'")
    refused(lambda: updated("a", kinds=()), "empty")
    refused(lambda: updated("a", kinds=3), "kinds")
    refused(lambda: Dataset("a", partitions="day"), "rd.day")
    refused(lambda: Dataset("a", metadata=[1]), "metadata")
    refused(lambda: completed(""), "empty")
    refused(lambda: completed(3), "3")
    refused(lambda: completed(Dataset("a")), "rd.updated")
    refused(lambda: completed("x", states="sucess"), "'sucess'", "did you mean 'success'?")
    refused(lambda: completed("x", states="running"), "'running'")
    refused(lambda: completed("x", states="upstream_failed"), "'upstream_failed'")
    refused(lambda: completed("x", states=()), "empty")
    refused(lambda: completed("x", states={"any", "failed"}), "'any'")
    refused(lambda: completed("x", tags="tier1"), 'completed("*", tags=...)')
    refused(lambda: completed("x", task=SimpleNamespace(id="t", dag="y")), "'y'")
    refused(lambda: completed(3, task="t"), "3")
    refused(lambda: Completed(SimpleNamespace(id="x")), "text")


def test_R15_clocks_that_mean_nothing():
    refused(lambda: cron("61 * * * *"))
    refused(lambda: cron("0 2 * * *", tz="Europe/Berlni"), "Europe/Berlin")
    refused(lambda: daily("25:00"), "25:00")
    refused(lambda: daily("9"), "9")
    refused(lambda: weekly("moonday", "08:00"), "moonday")
    refused(lambda: at("2026-11-23T00:00:00"), "zone")
    refused(lambda: Scheduled("0 2 * * *"), "rd.cron")


def test_R15_functions_that_are_none():
    refused(lambda: a.where("extra.rows > 0"), "cannot be called")
    refused(lambda: a.map(None), "cannot be called")


def test_R15_whoever_changes_a_trigger_by_hand_is_refused_too():
    refused(lambda: attrs.evolve(a.batch(count=2), count=None))
    refused(lambda: attrs.evolve(at_least(2, a, b), n=3))
    refused(lambda: attrs.evolve(a & b, parts=()))
    refused(lambda: attrs.evolve((a & b).within("1s"), part=a))
