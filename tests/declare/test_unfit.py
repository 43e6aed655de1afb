"""Functions that cannot be called as they will be, and options of something else, refused where written (R15)."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

import reactive_dag as rd

A = rd.updated("a")
ORDERS = rd.Dataset("lake/orders")


def wait(**options: Any) -> Any:
    return rd.Graph("g").dag("job").wait_for(options.pop("of", "up"), **options)


ONE: dict[str, Callable[[Any], Any]] = {
    ".where()": A.where,
    ".by()": A.by,
    ".map()": A.map,
    "until=": lambda fn: rd.updated("a", feedback=True, until=fn),
    "logical_date=": lambda fn: wait(logical_date=fn),
    "partition=": lambda fn: wait(of=ORDERS, partition=fn),
    "retry_delay": lambda fn: rd.Graph("g").dag("job").add(lambda: 1, id="only", retries=1, retry_delay=fn),
    "rd.files(load=)": lambda fn: rd.files("d", dump=lambda value, path: None, load=fn),
}
"""Where a function of one argument is taken."""


def none() -> int:
    return 1


def two(one: object, other: object) -> int:
    return 1


def by_name(*, event: object) -> int:
    return 1


@pytest.mark.parametrize("taken", ONE)
@pytest.mark.parametrize("fn", [none, two, by_name, partial(two, 1, 2)])
def test_R15_a_function_that_cannot_take_one_argument_is_refused_where_it_is_written(taken, fn):
    with pytest.raises(rd.InvalidValue) as refused:
        ONE[taken](fn)
    assert taken in str(refused.value) and "test_unfit.py:" in str(refused.value)


@pytest.mark.parametrize("taken", ONE)
@pytest.mark.parametrize("fn", [len, dict, str, partial(two, 1), lambda *given: 1, lambda one, other=2: 1])
def test_R15_a_function_that_can_or_does_not_say_passes(taken, fn):
    if taken in ("logical_date=", "partition=") and isinstance(fn, type):
        return
    ONE[taken](fn)


@pytest.mark.parametrize(
    ("of", "options", "why"),
    [
        (ORDERS, {"states": "failed"}, "runs and tasks have states"),
        (ORDERS, {"logical_date": "same"}, "write partition="),
        (ORDERS, {"match": "latest"}, "partition=None"),
        (ORDERS, {"tasks": ["t"]}, "a dataset has no tasks"),
        (ORDERS, {"stats": "failed"}, "did you mean 'states'"),
        ("up", {"partition": "same"}, "write logical_date="),
        ("up", {"time_out": "1h"}, "did you mean 'timeout'"),
        ("up", {"retry_on": OSError}, "retries= count"),
    ],
)
def test_R15_an_option_of_another_kind_of_wait_is_refused_with_what_to_write(of, options, why):
    with pytest.raises(rd.InvalidValue, match=rf"wait in DAG 'job' \(.*test_unfit\.py:\d+\).*{why}") as refused:
        wait(of=of, **options)
    assert isinstance(refused.value, TypeError)


@pytest.mark.parametrize("option", ["states", "logical_date", "partition", "since", "tasks", "missing", "match"])
def test_R15_wait_until_says_which_options_are_of_wait_for(option):
    with pytest.raises(rd.InvalidValue, match=rf"test_unfit\.py:\d+.*{option}.*it is of wait_for"):
        rd.Graph("g").dag("job").wait_until(none, **{option: "same"})


@pytest.mark.parametrize("name", ["s3://lake/orders", "users"])
def test_G3_a_wait_for_the_name_of_a_dataset_is_told_how_to_wait_for_it(name):
    graph = rd.Graph("g")
    graph.dag("up", on=rd.updated("users")).add(lambda: 1, id="only")
    graph.dag("job").wait_for(name, id="up", timeout="1h")
    with pytest.raises(rd.GraphError, match=rf"for the dataset write wait_for\(rd\.Dataset\('{name}'\)\)"):
        graph.check()
