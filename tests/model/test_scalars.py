"""Scalars of numpy where Python's own are taken: dates, whole numbers, lengths of time (R8)."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from datetime import date, datetime, timedelta
from typing import Any

import pytest

import reactive_dag as rd
from reactive_dag.model.scalars import own
from reactive_dag.testing import Scenario
from tests.support.engines import live

np = pytest.importorskip("numpy")
DAY = "2026-11-23"
ORDERS = rd.Dataset("lake/orders", partitions=rd.day("UTC"))


def d64(text: str = DAY, unit: str = "D") -> Any:
    return np.datetime64(text, unit)


@pytest.mark.parametrize(
    ("given", "found"),
    [
        (d64(), date(2026, 11, 23)), (d64("2026-11", "M"), date(2026, 11, 1)),
        (d64("2026-11-23T06", "h"), datetime(2026, 11, 23, 6)), (d64("2026-11-23T06", "ns"), datetime(2026, 11, 23, 6)),
        (np.timedelta64(90, "s"), timedelta(seconds=90)), (np.int64(3), 3), (np.uint8(3), 3), (3, 3), ("x", "x"),
    ],
)  # fmt: skip
def test_R8_a_scalar_of_numpy_is_pythons_own(given: object, found: object) -> None:
    assert own(given) == found and type(own(given)) is type(found)


def test_R8_what_pythons_own_would_lose_stays_what_it_is() -> None:
    for given in (
        *(np.datetime64("NaT"), d64("2026-11-23T06:00:00.000000001", "ns"), np.timedelta64(1, "Y"), np.timedelta64(1)),
        *(np.bool_(True), np.float64(1.0), np.array([1]), d64("30000-01-01")),
    ):  # fmt: skip
        assert own(given) is given


def graph_of(**options: Any) -> rd.Graph:
    graph = rd.Graph("g")
    graph.dag("job").wait_for(ORDERS, id="up", timeout="1h", **options)
    return graph


ALIKE: dict[str, Callable[[Any], object]] = {
    "rd.at": rd.at,
    "rd.at of several": lambda day: rd.at([day]),
    "skip": lambda day: rd.cron("0 6 * * *", skip=day),
    "skip of several": lambda day: rd.every("1h", skip=[day]),
    "graph.partitions": lambda day: graph_of().partitions(ORDERS, day, day),
    "start of a DAG": lambda day: rd.Graph("g").dag("job", on=rd.cron("0 6 * * *"), start=day, end=day).to_json(),
    "logical_date of a wait": lambda day: graph_of().dag("d").wait_for("up", logical_date=[day]).wait,
    "start of a scenario": lambda day: Scenario(graph_of(), "2026-11-01").at(day)._at,
}


@pytest.mark.parametrize("name", ALIKE)
def test_R8_a_date_of_numpy_goes_as_a_date_does(name: str) -> None:
    assert str(ALIKE[name](d64())) == str(ALIKE[name](date(2026, 11, 23)))


@pytest.mark.parametrize(
    "given", [lambda date: d64(), lambda date: [d64()], lambda date: np.array([DAY], "datetime64[D]")]
)
def test_R28_a_function_of_a_wait_may_give_dates_of_numpy(given: Callable[[Any], object]) -> None:
    with live(graph_of(partition=given)) as engine:
        engine.publish(ORDERS, partition=DAY)
        run = engine.start("job", logical_date=d64())
        engine.run_until_idle("10s")
        assert run.state == "success" and run.logical_date == datetime.fromisoformat("2026-11-23T00:00+00:00")


def test_R15_a_time_of_numpy_has_no_zone_and_is_refused_as_any_naive_one() -> None:
    with pytest.raises(rd.InvalidValue, match="no zone"):
        rd.at(d64("2026-11-23T06:00", "ns"))
    with pytest.raises(rd.InvalidValue, match="is a time, and whole dates are skipped"):
        rd.cron("0 6 * * *", skip=[d64("2026-11-23T06:00", "s")])
    rd.cron("0 6 * * *", skip=np.array([DAY], "datetime64[ns]"))
    for given in (np.datetime64("NaT"), np.float64(3)):
        with pytest.raises(rd.InvalidValue, match="is no time"):
            rd.at(given)


def test_R15_whole_numbers_and_lengths_of_time_of_numpy() -> None:
    three, a, b = np.int64(3), rd.updated("a"), rd.updated("b")
    assert a.batch(three) == a.batch(3) and rd.at_least(np.int32(1), a, b) == rd.at_least(1, a, b)
    for numpys, pythons in (
        (a.batch(three), a.batch(3)), (a.by("partition", max_keys=three), a.by("partition", max_keys=3)),
        (rd.at_least(np.int32(1), a, b), rd.at_least(1, a, b)),
        (rd.updated(ORDERS).rollup(rd.week(), max_keys=three), rd.updated(ORDERS).rollup(rd.week(), max_keys=3)),
    ):  # fmt: skip
        assert (numpys, numpys.digest, numpys.to_json()) == (pythons, pythons.digest, pythons.to_json())
    assert rd.every(np.timedelta64(15, "m")) == rd.every("15m")
    assert repr(rd.ThreadRunner(three)) == "rd.ThreadRunner(3)"
    assert rd.updated("a", feedback=True, max_depth=three) == rd.updated("a", feedback=True, max_depth=3)
    graph = rd.Graph("g")
    dag = graph.dag("job", schedule="0 6 * * *", max_active_runs=three)
    dag.add(lambda: 1, id="only", retries=three, priority=np.int8(2), timeout=np.timedelta64(5, "m"))
    assert json.loads(json.dumps(dag.to_json())) == dag.to_json()
    found = rd.simulate(graph, start=d64(), until=np.timedelta64(2, "D"), default_duration="1m", seed=three)
    assert len(found.runs) == 2
    with live(graph) as engine:
        engine.start("job", logical_date=d64())
        engine.advance(np.timedelta64(1, "h"))
        assert len(engine.runs(limit=np.int64(1))) == 1
    for given in (np.bool_(True), np.float64(3.0)):
        with pytest.raises(rd.InvalidValue, match="whole number"):
            rd.Graph("g").dag("job").add(lambda: 1, id="only", retries=given)


def test_R8_numpy_is_not_imported_for_it() -> None:
    code = "import sys, reactive_dag as rd; rd.at('2026-11-23'); assert 'numpy' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
