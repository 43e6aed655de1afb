"""The tour's section 2: each row prints as the expression that makes it, is equal to what that makes, can be drawn."""

from __future__ import annotations

import pytest

import reactive_dag as rd
from tests.support.shown import html

A, B, C = rd.updated("a"), rd.updated("b"), rd.updated("c")
ROWS = [
    A, rd.updated("a", kinds={"created", "deleted"}), rd.completed("d", task="t", states={"success"}),
    rd.completed("*", states="failed", tags={"tier1"}), rd.completed("d", states="any"),
    rd.cron("0 2 * * *", tz="Europe/Berlin"), rd.every("15m"), rd.daily("09:30", tz="Europe/Berlin"),
    rd.weekly("mon", "08:00", tz="Europe/Berlin"), rd.at("2026-11-23T00:00Z"), A & B & C,
    rd.all_of(A, B, consume="latest"), rd.all_of(A, B, consume="each"), A | B, rd.any_of(A, B, C), A & B | C,
    rd.at_least(2, A, B, C), rd.sequence(A, B, C), rd.absent(A, for_="2h"),
    rd.absent(A, at=rd.cron("0 6 * * *")), rd.absent(A, for_="2h", after=B), A.batch(count=10, max_wait="5m"),
    A.batch(max_wait="5m"), A.debounce("30s", max_wait="10m"), A.throttle("1h"), (A & B).within("1h"),
    (A & B).by("partition", max_keys=10, ttl="1d"), (A & B).by("logical_date"), (A & B).by(rd.day("Europe/Berlin")),
    (A & B).by(None),
]  # fmt: skip


@pytest.mark.parametrize("trigger", ROWS, ids=repr)
def test_a_trigger_prints_as_what_makes_it(trigger):
    again = eval(repr(trigger), {"rd": rd})
    assert again == trigger and hash(again) == hash(trigger) and again.digest == trigger.digest


@pytest.mark.parametrize("trigger", ROWS, ids=repr)
def test_a_trigger_can_be_drawn(trigger):
    assert "<svg" in html(trigger)


def test_callables_stand_in_the_text_and_count_by_what_they_say():
    rows = A.where(lambda event: event.extra["rows"] > 0)
    assert repr(rows) == "rd.updated('a').where(lambda event: event.extra['rows'] > 0)"
    assert rows != A.where(lambda event: event.extra["rows"] > 1)


def test_a_trigger_is_frozen():
    with pytest.raises(AttributeError):
        A.kinds = frozenset()


@pytest.mark.parametrize("ask", [lambda: A and B, lambda: A or B, lambda: not A])
def test_the_words_and_or_not_are_refused_with_what_to_write(ask):
    with pytest.raises(rd.UsageError, match="Write `a & b` for 'a and b'"):
        ask()


@pytest.mark.parametrize(
    ("make", "problem"),
    [
        (rd.all_of, "could never fire"), (rd.any_of, "could never fire"), (rd.sequence, "could never fire"),
        (lambda: rd.at_least(3, A, B), "could never fire"), (lambda: rd.absent(A), "needs either for_="),
        (lambda: A.batch(), "would never close"), (lambda: A.batch(count=0), "at least 1, not 0"),
        (lambda: (A & B).by("partitoin"), "did you mean 'partition'"),
        (lambda: A.within("1h"), "stands directly after it"),
        (lambda: rd.cron("61 * * * *"), "minute '61' cannot be read"),
        (lambda: rd.day("Europe/Berln"), "Europe/Berlin"),
        (lambda: rd.at("2026-11-23T00:00"), "has no zone"), (lambda: A & "b", "write rd.updated"),
        (lambda: rd.completed("d", states="sucess"), "did you mean 'success'"),
        (lambda: rd.Graph("g").dag("d", schedule="@daily", on=A), r"write on=rd.cron\('@daily'\) \|"),
    ],
)  # fmt: skip
def test_what_could_mean_nothing_is_refused_where_it_is_written(make, problem):
    with pytest.raises(rd.InvalidValue, match=problem):
        make()
