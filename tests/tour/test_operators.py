"""The tour's section 6: streams by themselves, each operator under stock subjects, and what bad arguments get."""

from __future__ import annotations

import pytest
import reactivex
from reactivex.subject import Subject
from reactivex.testing import TestScheduler

import reactive_dag as rd
import reactive_dag.operators as rops


def test_a_batch_of_exactly_once_remembers_over_restarts(tmp_path):
    def given():
        ledger = rd.Ledger(f"sqlite:///{tmp_path / 'seen.db'}", ttl="30d")
        out = []
        once = rops.exactly_once(key=str, ledger=ledger)
        reactivex.from_iterable([1, 2, 2, 3, 1, 4]).pipe(once, rops.batch(count=3, max_wait="10s")).subscribe(
            out.append
        )
        ledger.close()
        return out

    assert given() == [[1, 2, 3], [4]]
    assert given() == []


def combined(operator):
    """What an operator of three sources emits where each gives 1, then each gives 2."""
    a, b, c = Subject(), Subject(), Subject()
    out = []
    a.pipe(operator(b, c)).subscribe(out.append)
    for item in (1, 2):
        for source in (a, b, c):
            source.on_next(item)
    return out


def test_all_of_at_least_and_sequence_emit_a_tuple_of_lists_one_a_part():
    assert combined(rops.all_of) == [([1], [1], [1]), ([2], [2], [2])]
    assert combined(rops.sequence) == [([1], [1], [1]), ([2], [2], [2])]
    assert combined(lambda *others: rops.at_least(2, *others)) == [
        ([1], [1], []), ([2], [], [1]), ([], [2], [2]),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("operator", "expected"),
    [
        (rops.batch(count=2), [[1, 2], [3]]),
        (rops.debounce("10s"), [[1, 2, 3]]),
        (rops.throttle("10s"), [[1], [2, 3]]),
        (rops.by(lambda item: item % 2, rops.batch(count=2)), [(1, [1, 3]), (0, [2])]),
    ],
)
def test_lists_and_pairs_are_emitted_and_what_is_open_at_completion_is_flushed(operator, expected):
    out = []
    reactivex.from_iterable([1, 2, 3]).pipe(operator).subscribe(out.append)
    assert out == expected


def test_absent_emits_the_last_item_heard_on_the_schedulers_time():
    clock, source, out = TestScheduler(), Subject(), []
    source.pipe(rops.absent(for_="2s")).subscribe(out.append, scheduler=clock)
    clock.advance_to(3.0)
    source.on_next("x")
    clock.advance_to(6.0)
    assert out == [None, "x"]


def test_debounces_docstring_says_first_that_it_keeps_all():
    assert "Keep all that came, unlike reactivex's" in (rops.debounce.__doc__ or "").splitlines()[0]


@pytest.mark.parametrize(
    ("make", "problem"),
    [
        (lambda: rops.batch(), "would never close"),
        (lambda: rops.batch(count=0), "at least 1, not 0"),
        (lambda: rops.at_least(5, Subject()), "could never emit"),
        (lambda: rops.debounce("soon"), "no duration"),
        (lambda: rops.all_of(3), "3 is no observable"),
        (lambda: rops.sequence(Subject(), "b"), "'b' is no observable"),
        (lambda: rops.exactly_once(key="id"), "key='id' of exactly_once.. cannot be called"),
        (lambda: rops.exactly_once(key=str, ledger="sqlite:///seen.db"), "is no ledger; give rd.Ledger"),
        (lambda: rd.Ledger("mysql://seen"), "no store is called 'mysql'"),
    ],
)
def test_bad_arguments_are_refused_where_they_are_written(make, problem):
    with pytest.raises(rd.InvalidValue, match=problem):
        make()
