"""What is no estate is refused with its place in the file, and nothing is built; a fuzz puts any JSON in any place."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reactive_dag.interop.estate import load_estate
from reactive_dag.model.errors import CycleError, InvalidValue, ReactiveDagError
from tests.support.estates import small
from tests.support.profiles import examples


def put(*path: str | int, value: object) -> Callable[[dict[str, Any]], None]:
    def change(data: Any) -> None:
        for key in path[:-1]:
            data = data[key]
        data[path[-1]] = value

    return change


def drop(*path: str | int) -> Callable[[dict[str, Any]], None]:
    def change(data: Any) -> None:
        for key in path[:-1]:
            data = data[key]
        del data[path[-1]]

    return change


def append(key: str, value: object) -> Callable[[dict[str, Any]], None]:
    return lambda data: data[key].append(value)


REFUSED = [
    (drop("tasks"), "estate: 'tasks' is missing"),
    (put("dags", value={}), "estate: dags: expected `array`, got `object`; it stands there: {}"),
    (put("dag", value=[]), "estate: there is no 'dag' in an estate; did you mean 'dags'?"),
    (drop("dags", 1, "schedule"), "estate: dags[1]: 'schedule' is missing"),
    (put("dags", 1, "schedule", value=3), "estate: dags[1].schedule: expected `str`, got `int`; it stands there: 3"),
    (put("dags", 1, "schedule", value="0 99 * * *"), "estate: dags[1].schedule: "),
    (put("dags", 1, "schedule", value="fortnightly"), "estate: dags[1].schedule: 'fortnightly' is no schedule"),
    (put("dags", 1, "schedule", value=""), "estate: dags[1].schedule: '' is no schedule"),
    (put("dags", 1, "retires", value=2), "estate: dags[1]: there is no 'retires' in an estate; did you mean 'retries'"),
    (put("dags", 1, "retries", value=-1), "estate: dags[1].retries: expected `int` >= 0; it stands there: -1"),
    (put("dags", 1, "retries", value=True), "estate: dags[1].retries: expected `int`, got `bool`"),
    (put("dags", 1, "retry_delay_s", value=-5), "estate: dags[1].retry_delay_s: expected `int` >= 0"),
    (put("dags", 1, "retry_delay_s", value=10**30), "estate: dags[1].retry_delay_s: expected `int` <= 3000000000"),
    (put("dags", 1, "retry_delay_s", value="5m"), "estate: dags[1].retry_delay_s: expected `int | null`, got `str`"),
    (put("dags", 1, "catchup", value="all"), "estate: dags[1].catchup: expected `bool`, got `str`; it stands there"),
    (put("dags", 1, "start_date", value="2026-02-30"), "estate: dags[1].start_date: "),
    (put("dags", 1, "start_date", value="yesterday"), "estate: dags[1].start_date: "),
    (put("dags", 1, "tags", value=[7]), "estate: dags[1].tags[0]: expected `str`, got `int`; it stands there: 7"),
    (put("dags", 1, "tags", value=[""]), "estate: dags[1].tags[0]: "),
    (put("dags", 1, "id", value="ingest"), "estate: dags[1].id: DAG 'ingest' is there already (estate: dags[0])"),
    (put("dags", 1, "id", value=" mart"), "estate: dags[1].id: "),
    (put("dags", 1, "id", value="*"), "estate: dags[1].id: '*' stands for every DAG"),
    (put("tasks", 2, "dag", value="mar"), "estate: tasks[2].dag: this estate has no DAG 'mar'; did you mean 'mart'?"),
    (put("tasks", 1, "id", value="orders"), "estate: tasks[1].id: task 'orders' of DAG 'ingest' is there already"),
    (put("tasks", 1, "id", value="clean[1]"), "estate: tasks[1].id: "),
    (put("tasks", 1, "id", value="clean\n"), "estate: tasks[1].id: "),
    (put("tasks", 1, "produces", 0, value="lake.orders"), "estate: tasks[1].produces[0]: table 'lake.orders' is "
     "produced by 'ingest.orders' already (estate: tasks[0]); a table has one producer"),
    (put("tasks", 1, "produces", value=["lake.clean"] * 2), "estate: tasks[1].produces[1]: table 'lake.clean' is"),
    (put("tasks", 1, "produces", value=[""]), "estate: tasks[1].produces[0]: the name of a table must be text"),
    (put("tasks", 2, "consumes", 1, value="shop.user"), "estate: tasks[2].consumes[1]: no task produces table "
     "'shop.user', and it is not among external_datasets; did you mean 'shop.users'?"),
    (put("tasks", 2, "consumes", 1, value=None), "estate: tasks[2].consumes[1]: expected `str`, got `null`"),
    (put("tasks", 2, "depends_on_past", value="no"), "estate: tasks[2].depends_on_past: expected `bool`, got `str`"),
    (put("tasks", 2, "partition_offset_days", value=1.5), "estate: tasks[2].partition_offset_days: expected `int`"),
    (put("waits", 0, "dag", value="marts"), "estate: waits[0].dag: this estate has no DAG 'marts'; did you mean"),
    (put("waits", 0, "task", value="sale"), "estate: waits[0].task: this estate has no task 'sale' in DAG 'mart'; did"),
    (put("waits", 0, "execution_delta_s", value="1h"), "estate: waits[0].execution_delta_s: expected `int`, got `str`"),
    (append("external_datasets", "shop.orders"), "estate: external_datasets[2]: dataset 'shop.orders' is there already "
     "(estate: external_datasets[0])"),
    (append("external_datasets", "lake.orders"), "estate: external_datasets[2]: 'lake.orders' comes from outside, and "
     "'ingest.orders' produces it (estate: tasks[0])"),
    (put("source", "stars", value=5), "estate: source[...]: expected `str`, got `int`"),
]  # fmt: skip


@pytest.mark.parametrize(("change", "said"), REFUSED, ids=[said[8:60] for _, said in REFUSED])
def test_estate_what_is_not_right_is_named_with_its_place(
    change: Callable[[dict[str, Any]], None], said: str, tmp_path: Path
) -> None:
    data = small()
    change(data)
    with pytest.raises(InvalidValue) as found:
        load_estate(data)
    assert str(found.value).startswith(said)
    assert len(str(found.value)) > len("estate: dags[1].start_date: ") + 10
    file = tmp_path / "estate.json"
    file.write_text(json.dumps(data), encoding="utf-8")
    with pytest.raises(InvalidValue) as in_file:
        load_estate(file)
    assert str(in_file.value) == str(found.value).replace("estate: ", "estate.json: ")


def test_estate_a_circle_of_tasks_in_a_dag_is_refused_with_its_place_and_path() -> None:
    data = small()
    data["tasks"][0]["consumes"] = ["lake.clean"]
    with pytest.raises(CycleError, match=r"^estate: tasks\[1\]: the tasks of DAG 'ingest' need each other") as found:
        load_estate(data)
    assert set(found.value.path) == {"ingest.orders", "ingest.clean"}


def test_estate_a_circle_of_tasks_across_dags_is_refused_with_its_whole_path() -> None:
    data = small()
    data["tasks"][0]["consumes"] = ["lake.sales"]
    with pytest.raises(CycleError) as found:
        load_estate(data)
    tasks = {"ingest.orders", "ingest.clean", "mart.sales", "mart.wait_ingest_clean", "ingest.wait_mart_sales"}
    assert set(found.value.path) == tasks


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "estate.json is no JSON file: "),
        (b'{"dags": [', "estate.json is no JSON file: "),
        (b"{\n 'dags': []}", "estate.json is no JSON file: Expecting property name enclosed in double quotes: line 2"),
        (b'{"dags": "\xff"}', "estate.json is no JSON file: "),
        (b'{"dags": 3, ', "estate.json is no JSON file: "),
        (b'{"dags": [], "tasks": NaN}', "estate.json is no JSON file: "),
        (b"[]", "estate.json: expected `object`, got `array`; it stands there: []"),
        (b'"dags"', "estate.json: expected `object`, got `str`; it stands there: 'dags'"),
        (b"[" * 100_000, "estate.json"),
    ],
)
def test_estate_a_file_that_is_none_is_refused(content: bytes, said: str, tmp_path: Path) -> None:
    file = tmp_path / "estate.json"
    file.write_bytes(content)
    with pytest.raises(InvalidValue) as found:
        load_estate(file)
    assert str(found.value).startswith(said)


def test_estate_a_file_that_is_not_there_is_said_by_the_system(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        load_estate(tmp_path / "estate.json")


ANY = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=6)
    | st.sampled_from(["ingest", "mart", "lake.orders", "clean", "daily", "1h"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=4,
)


def places(data: Any, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    """Where every value inside stands."""
    if not isinstance(data, dict | list):
        return []
    keys: list[Any] = list(data) if isinstance(data, dict) else list(range(len(data)))
    inside = [found for key in keys for found in places(data[key], (*path, key))]
    return [*((*path, key) for key in keys), *inside]


@settings(max_examples=examples(150), deadline=None)
@given(where=st.sampled_from(places(small())), value=ANY)
def test_estate_any_json_in_any_place_loads_or_is_refused(where: tuple[str | int, ...], value: Any) -> None:
    data = copy.deepcopy(small())
    put(*where, value=value)(data)
    try:
        load_estate(data).graph._check()
    except ReactiveDagError as error:
        assert str(error).startswith("estate") or isinstance(error, CycleError)
