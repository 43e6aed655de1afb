"""The tour's section 1: what is declared, and how it reads."""

from __future__ import annotations

import dataclasses

import attrs
import pytest

import reactive_dag as rd
from tests.support.engines import live
from tests.support.sales import sales


@pytest.fixture
def graph() -> rd.Graph:
    return sales()


class Said:
    """A run that only notes what a body asks of it."""

    partition = "2026-11-23"

    def publish(self, dataset, **fields):
        self.published = (dataset.uri, fields)

    def once(self, name, fn):
        return fn()


def test_the_graph_of_the_tour_is_right(graph):
    graph.check()
    (only,) = graph.problems()
    assert (only.severity, only.ids[0]) == ("warning", "s3://lake/users")
    assert list(graph.dags) == ["ingest", "build_mart", "report", "alert"]


def test_a_graph_draws_itself_in_a_notebook(graph):
    shown = graph._repr_mimebundle_()
    assert "<svg" in shown["text/html"] and "build_mart" in shown["text/html"]


def test_the_same_uri_gives_the_same_dataset(graph):
    mart = graph.dataset("s3://lake/mart")
    assert mart == graph.datasets["s3://lake/mart"] and mart.metadata == {"owner": "bi"}


def test_a_function_is_a_dag_of_one_task(graph):
    ((id, task),) = graph.dags["ingest"].tasks.items()
    assert id == "ingest" and [outlet.uri for outlet in task.outlets] == ["s3://lake/orders"]

    @graph.dag
    def bare(run): ...

    assert isinstance(bare, rd.Dag) and list(bare.tasks) == ["bare"]


def test_schedule_is_short_for_on_cron_with_the_zone(graph):
    assert graph.dags["ingest"].triggers == {"": rd.cron("0 2 * * *", tz="Europe/Berlin")}


def test_an_object_stands_wherever_an_id_does(graph):
    report = graph.dags["report"]
    assert rd.completed(report) == rd.completed("report")
    assert graph.upstream(report) == graph.upstream("report")


def test_tasks_stay_callable(graph):
    run = Said()
    assert graph.dags["build_mart"].tasks["load"]([1, 2], run) == 2
    assert run.published == ("s3://lake/mart", {"partition": "2026-11-23", "extra": {"rows": 2}})
    assert graph.dags["ingest"].fn(run) == {"rows": 10}


def test_task_and_add_are_twins():
    def load(run): ...

    first, second = rd.Dag("first"), rd.Dag("second")
    assert first.task(load).id == second.add(rd.Task(load)).id == "load"


def test_declaring_again_replaces_and_register_refuses(graph):
    graph.dag("report", on=rd.updated("s3://lake/users"))
    assert graph.upstream("report") == frozenset()
    with pytest.raises(rd.DuplicateError, match="write replace=True"):
        graph.register(rd.Dag("report"))
    graph.register(rd.Dag("report"), replace=True)
    graph.remove("report")
    assert "report" not in graph.dags


def test_a_graph_reads_and_writes_json(graph, tmp_path):
    graph.save(tmp_path / "sales.json")
    again = rd.Graph.load(tmp_path / "sales.json")
    assert again.to_json() == graph.to_json() and again.order() == graph.order()


def test_a_cycle_is_refused_with_its_path_through_datasets(graph):
    before = graph.to_json()
    with pytest.raises(rd.CycleError) as refused:
        graph.dag("loop", on=rd.completed("build_mart"), outlets=["s3://lake/users"])
    assert set(refused.value.path) >= {"loop", "s3://lake/users", "build_mart"}
    assert graph.to_json() == before


@pytest.mark.parametrize("given", ["run", "rows", "full", "limit"])
def test_a_parameter_is_the_run_a_task_a_param_or_its_default(given):
    graph = rd.Graph("g")
    dag = graph.dag("d", params={"full": "the param", "rows": "hidden by the task"})

    @dag.task
    def rows(run):
        return "the task"

    @dag.task
    def last(run, rows, full, limit="the default"):
        return {"run": type(run).__name__, "rows": rows, "full": full, "limit": limit}

    with live(graph) as engine:
        output = engine.start(dag).wait().tasks["last"].output
        said = {"run": "RunContext", "rows": "the task", "full": "the param", "limit": "the default"}
        assert output[given] == said[given]


def test_a_parameter_that_names_nothing_is_an_error_with_did_you_mean():
    graph = rd.Graph("g")
    dag = graph.dag("d")
    dag.add(lambda run: 1, id="rows")
    dag.add(lambda rwos: 1, id="load")
    with pytest.raises(rd.GraphError, match="did you mean 'rows'"):
        graph.check()


def test_the_explicit_spelling_of_a_parameter_is_a_default():
    graph = rd.Graph("g")
    dag = graph.dag("d")

    @dag.task
    def a_long_name(run):
        return [1, 2]

    @dag.task
    def load(run: rd.Run, rows: list[int] = rd.output(a_long_name)):
        return len(rows)

    with live(graph) as engine:
        assert engine.start(dag).wait().tasks["load"].output == 2


@attrs.define
class Settings:
    full: bool = False


@dataclasses.dataclass
class Choice:
    full: bool = False


@pytest.mark.parametrize("params", [Settings, Choice])
def test_a_class_of_params_makes_them_typed(params):
    graph = rd.Graph("g")

    @graph.dag(params=params)
    def job(run):
        return [type(run.params).__name__, run.params.full]

    with live(graph) as engine:
        assert engine.start(job, params={"full": True}).wait().tasks["job"].output == [params.__name__, True]


def test_a_dag_takes_its_options():
    dag = rd.Dag(
        "d", on=rd.daily("02:00"), tz="Europe/Berlin", start="2026-11-01", end="2026-12-01", catchup="all", paused=True,
        max_active_runs=2, overlap="queue", defaults={"retries": 2}, tags={"tier1"}, description="what it does",
    )  # fmt: skip
    task = dag.task(lambda run: 1, id="t", after=[], trigger_rule="all_done", priority=3, depends_on_past=True)
    assert (dag.catchup, dag.paused, dag.max_active_runs, dag.tags) == ("all", True, 2, frozenset({"tier1"}))
    assert (task.retries, task.trigger_rule, task.priority, task.depends_on_past) == (2, "all_done", 3, True)


@pytest.mark.parametrize(
    ("calendar", "partition"),
    [
        (rd.hour("Europe/Berlin"), "2026-11-22T05+01:00"),
        (rd.day(), "2026-11-22"),
        (rd.week(), "2026-W47"),
        (rd.month(), "2026-11"),
    ],
)
def test_partitions_are_text(calendar, partition):
    graph = rd.Graph("g")
    dataset = graph.dataset("a", partitions=calendar)
    with live(graph) as engine:
        assert engine.publish(dataset, partition=partition).partition == partition
        with pytest.raises(rd.InvalidValue):
            engine.publish(dataset, partition="22.11.2026")
