"""Graphs as JSON files: references, nothing imported, binding (G5)."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import timedelta

import attrs
import pytest

import reactive_dag as rd
from reactive_dag.declare.graph import Graph
from reactive_dag.declare.internals import bindings_of, params_type_of, plan_of, version_of
from reactive_dag.model.errors import CycleError, GraphError, InvalidValue

ROWS = 3


@attrs.frozen
class Options:
    day: str
    full: bool = False


def big(event: rd.Event) -> bool:
    return True


def extract(run):
    return [1, 2, 3]


def load(extract, run, full, limit=10):
    return len(extract) * ROWS


def delay(attempt):
    return "1m"


def dates(date):
    return [date, date - timedelta(days=1)]


def shop(**more) -> Graph:
    """A graph with something of everything, all of it importable."""
    graph = Graph("sales")
    orders = graph.dataset("orders", partitions=rd.day("Europe/Berlin"), metadata={"owner": "bi"})
    users = graph.dataset("users", partitions=rd.day("Europe/Berlin"))
    build = graph.dag(
        "build",
        on={"data": (orders & users).by("partition").where(big), "night": rd.cron("0 2 * * *", tz="Europe/Berlin")},
        outlets=["mart"],
        tz="Europe/Berlin",
        start="2026-11-01",
        catchup="all",
        max_active_runs=1,
        tags={"tier1", "b"},
        defaults={"retries": 2, "retry_delay": "30s"},
        params=Options,
        **more,
    )
    build.add(extract, timeout="10m", outlets=[orders.uri + "/raw"])
    build.add(load, retries=0, retry_delay=delay, backoff="exponential", max_delay="1h", after="wait_report")
    build.wait_for("report", logical_date="1d", timeout="1h", missing="wait", match="latest")
    build.wait_for("report", id="w2", logical_date=dates, timeout="1h", skipped_states="skipped", since="start")
    build.wait_for("report", id="w3", logical_date=["2026-11-23"], tasks=["render"], after="w2", soft_fail=True)
    graph.dag("report", on=rd.absent(rd.completed("other"), for_="1h") | rd.every("1h")).add(extract, id="render")
    return graph


def test_G5_round_trip(tmp_path):
    graph = shop()
    graph.save(tmp_path / "sales.json")
    loaded = Graph.load(tmp_path / "sales.json")
    assert loaded.to_json() == graph.to_json() and loaded.id == "sales"
    assert loaded.edges == graph.edges and loaded.order() == graph.order()
    for id, dag in graph.dags.items():
        twin = loaded.dags[id]
        assert twin.triggers == dag.triggers and plan_of(twin) == plan_of(dag)
        assert {k: t.digest for k, t in twin.triggers.items()} == {k: t.digest for k, t in dag.triggers.items()}
        assert [t._settings for t in twin.tasks.values()] == [t._settings for t in dag.tasks.values()]
        assert [t.wait for t in twin.tasks.values()] == [t.wait for t in dag.tasks.values()]
        assert [bindings_of(t) for t in twin.tasks.values()] == [bindings_of(t) for t in dag.tasks.values()]
        assert attrs.evolve(twin._settings, params=dag._settings.params) == dag._settings
    assert loaded.datasets["orders"].partitions == rd.day("Europe/Berlin")
    assert [p.kind for p in loaded.problems()] == [p.kind for p in graph.problems()]
    assert loaded.dags["build"].place == "sales.json: dags[0]"
    loaded._check()


def test_G5_bind_finds_what_can_be_imported(tmp_path):
    graph = shop()
    graph.save(tmp_path / "sales.json")
    loaded = Graph.load(tmp_path / "sales.json")
    build = loaded.dags["build"]
    with pytest.raises(GraphError, match=r"tests.declare.test_json:load"):
        build.tasks["load"]([1], None, True)
    version = version_of(loaded)
    loaded.bind()
    assert build.tasks["load"]([1, 2], None, True) == 6 and build.tasks["load"].fn is load
    assert params_type_of(build) is Options and build.tasks["load"].retry_delay.fn is delay
    assert build.triggers["data"].fn.fn is big and build.tasks["w2"].wait.logical_date.fn is dates
    assert loaded.to_json() == graph.to_json() and version_of(loaded) == version
    loaded.bind()
    loaded._check()


def test_G5_load_imports_nothing(tmp_path):
    path = tmp_path / "sales.json"
    path.write_text(json.dumps(shop().to_json()).replace(f"{__name__}:", "nobody_knows_this:"))
    loaded = Graph.load(path)
    assert loaded.order() and loaded.edges and "nobody_knows_this" not in sys.modules
    assert not [p for p in loaded.problems() if p.kind == "unknown_parameter"]
    with pytest.raises(GraphError, match="7 functions cannot be found") as caught:
        loaded.bind()
    text = str(caught.value)
    for name in ("big", "load", "extract", "delay", "dates", "Options"):
        assert f"nobody_knows_this:{name}" in text or name in text
    assert "task 'load' of DAG 'build' (sales.json: dags[0])" in text
    assert not loaded.dags["build"].triggers["data"].fn.bound


def test_G5_what_has_no_name_is_kept_by_its_source(tmp_path):
    graph = Graph("sales")
    graph.dag("a", on=graph.dataset("x").as_trigger().where(lambda event: event.extra["rows"] > 0)).add(
        lambda run, x=3: x, id="t"
    )
    path = tmp_path / "sales.json"
    graph.save(path)
    loaded = Graph.load(path)
    assert loaded.dags["a"].triggers == graph.dags["a"].triggers
    fn = json.loads(path.read_text())["dags"][0]["tasks"][0]["fn"]
    assert fn["source"].startswith("lambda run") and len(fn["digest"]) == 32
    with pytest.raises(GraphError, match="2 functions cannot be found") as caught:
        loaded.bind()
    assert "event.extra" in str(caught.value) and "lambda run" in str(caught.value)


def test_G5_a_body_without_identity_is_named(tmp_path):
    graph, held = Graph("g"), object()
    graph.dag("a").add(lambda run: held, id="t")
    loaded = Graph.from_json(graph.to_json())
    assert loaded.dags["a"].tasks["t"].kind == "task"


def test_G5_the_digest_is_the_same_in_another_process(tmp_path):
    graph = shop()
    path = tmp_path / "sales.json"
    graph.save(path)
    code = (
        "import sys, reactive_dag as rd; g = rd.Graph.load(sys.argv[1]);"
        "print(*[t.digest for d in g.dags.values() for t in d.triggers.values()])"
    )
    out = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True).stdout
    assert out.split() == [t.digest for d in graph.dags.values() for t in d.triggers.values()]


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (lambda d: [], r"no saved graph.*\"reactive_dag\": 1"),
        (lambda d: {**d, "reactive_dag": 2}, "has form 2"),
        (lambda d: {**d, "dag": []}, "there is no 'dag'; did you mean 'dags'"),
        (lambda d: {**d, "id": 3}, "id of a graph"),
        (lambda d: {**d, "dags": {}}, "dags: expected a list"),
        (lambda d: {**d, "dags": [{"id": "a"}, {"id": "a"}]}, r"dags\[1\]: DAG 'a' is there twice"),
        (lambda d: {**d, "dags": [{"id": "a", "tags": 3}]}, r"\(x: dags\[0\]\): tags must be"),
        (lambda d: {**d, "dags": [{"id": 3}]}, r"dags\[0\]\.id: expected text"),
        (lambda d: {**d, "dags": [{"id": "a", "tasks": [{"id": "t"}]}]}, r"dags\[0\]\.tasks\[0\]: None is no callable"),
        (
            lambda d: {**d, "dags": [{"id": "a", "tasks": [{"id": "t", "fn": {"ref": "a:b"}, "retries": -1}]}]},
            r"dags\[0\]\.tasks\[0\].*retries must be at least 0",
        ),
        (
            lambda d: {**d, "dags": [{"id": "a", "tasks": [{"id": "t", "fn": {"ref": "a:b"}}] * 2}]},
            r"tasks\[1\]: task 't' is there twice",
        ),
        (
            lambda d: {**d, "dags": [{"id": "a", "tasks": [{"id": "t", "wait": {"dag": "b", "states": "x"}}]}]},
            r"dags\[0\]\.tasks\[0\]: states",
        ),
        (
            lambda d: {**d, "dags": [{"id": "a", "tasks": [{"id": "t", "wait": {"dag": "b", "logical_date": 5}}]}]},
            r"tasks\[0\]\.wait\.logical_date: 5 is none of",
        ),
        (lambda d: {**d, "dags": [{"id": "a", "on": {"": {"kind": "updatd"}}}]}, r"dags\[0\]\.on\[''\].*'updatd'"),
        (lambda d: {**d, "dags": [{"id": "a", "on": []}]}, r"dags\[0\]\.on: expected an object"),
        (lambda d: {**d, "dags": [{"id": "a", "retries": 1}]}, r"dags\[0\]: there is no 'retries'"),
        (lambda d: {**d, "datasets": [{"uri": ""}]}, r"datasets\[0\]"),
        (lambda d: {**d, "datasets": [{"uri": "x", "partitions": "day"}]}, r"datasets\[0\]"),
    ],
)
def test_G5_what_is_not_right_is_named_with_its_place(change, text):
    with pytest.raises(InvalidValue, match=text):
        Graph.from_json(change({"reactive_dag": 1, "id": "g", "datasets": [], "dags": []}), "x")


def test_G5_files_that_are_none(tmp_path):
    path = tmp_path / "x.json"
    path.write_text("{")
    with pytest.raises(InvalidValue, match=r"x\.json is no JSON file"):
        Graph.load(path)


def test_G5_a_cycle_in_a_file_is_refused():
    graph = Graph("g")
    graph.dag("a", on=rd.completed("b"))
    data = graph.to_json()
    data["dags"].append({"id": "b", "on": {"": rd.completed("a").to_json()}})
    with pytest.raises(CycleError) as caught:
        Graph.from_json(data)
    assert set(caught.value.path) == {"a", "b"}
