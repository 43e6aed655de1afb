"""Rollups of plain items: `rops.rollup` (T18)."""

import pytest
import reactivex as rx

import reactive_dag as rd
import reactive_dag.operators as rops
from reactive_dag.model.errors import InvalidValue


def test_T18_a_rollup_emits_a_period_when_all_is_there_and_each_late_item():
    weeks = dict(zip("abcdex", [*(f"2026-W{n}" for n in range(45, 50)), None], strict=True))
    emitted, dropped, source = [], [], rx.Subject()
    rolled = rops.rollup(
        rd.month(), rd.week(), key=weeks.get, on_drop=lambda policy, item: dropped.append((policy, item))
    )
    source.pipe(rolled).subscribe(emitted.append)
    for item in "abacxdeb":
        source.on_next(item)
    assert emitted == [("2026-11", list("abacde"), [], False), ("2026-11", ["b"], [], True)]
    assert dropped == [("no_key", "x")]
    source.on_next("a")
    source.on_completed()
    assert emitted[2:] == [("2026-11", ["a"], [], True)]


def test_T18_a_completion_flushes_what_a_rollup_has_half_gathered():
    emitted = []
    days = rx.of("2026-11-16", "2026-11-18")
    days.pipe(rops.rollup(rd.week(), rd.day(), key=str)).subscribe(emitted.append)
    missing = [f"2026-11-{n}" for n in (17, 19, 20, 21, 22)]
    assert emitted == [("2026-W47", ["2026-11-16", "2026-11-18"], missing, False)]
    for bad in ({"late": "no"}, {"wait": "0s"}, {"max_keys": 0}):
        with pytest.raises(InvalidValue):
            rops.rollup(rd.week(), rd.day(), key=str, **bad)
    with pytest.raises(InvalidValue, match="not finer"):
        rops.rollup(rd.day(), rd.week(), key=str)
