"""Declaring DAGs: decorators, options, what is refused (tour 1; R15)."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime, timedelta

import attrs
import pytest

from reactive_dag.declare.dag import Dag
from reactive_dag.declare.graph import Graph
from reactive_dag.declare.internals import params_of, params_type_of, plan_of, version_of
from reactive_dag.declare.task import Task
from reactive_dag.model.calendar import day
from reactive_dag.model.errors import CycleError, DuplicateError, GraphError, InvalidValue, UsageError
from reactive_dag.model.times import DAY, HOUR, SECOND, parse_time
from reactive_dag.triggers.joins.all_of import all_of
from reactive_dag.triggers.leaves.absent import absent
from reactive_dag.triggers.leaves.completed import completed
from reactive_dag.triggers.leaves.dataset import Dataset, updated
from reactive_dag.triggers.leaves.schedule import at, cron, every


@pytest.fixture
def graph() -> Graph:
    return Graph("sales")


# ------------------------------------------------------------------------------------------- decorators


def test_bare_decorator_makes_a_dag_of_one_task(graph):
    @graph.dag
    def ingest(run):
        return {"rows": run}

    assert isinstance(ingest, Dag) and graph.dags == {"ingest": ingest}
    assert list(ingest.tasks) == ["ingest"] and ingest.fn(3) == {"rows": 3} == ingest.tasks["ingest"](3)
    assert plan_of(ingest).simple


def test_decorator_with_options_gives_the_task_its_options_and_outlets(graph):
    orders = graph.dataset("orders")

    @graph.dag(schedule="0 2 * * *", tz="Europe/Berlin", outlets=[orders], retries=2, retry_delay="30s", timeout="1h")
    def ingest(run): ...

    task = ingest.tasks["ingest"]
    assert (task.retries, task.retry_delay, task.timeout) == (2, 30 * SECOND, HOUR)
    assert task.outlets == (orders,) == ingest.produces and ingest.outlets == ()
    assert ingest.triggers == {"": cron("0 2 * * *", tz="Europe/Berlin")} and ingest.tz == "Europe/Berlin"
    assert graph.dags["ingest"] is ingest


def test_decorator_with_an_id_keeps_both_names(graph):
    @graph.dag("nightly", on=graph.dataset("x"))
    def load(run): ...

    assert load.id == "nightly" and list(load.tasks) == ["load"] and graph.dags == {"nightly": load}


def test_plain_call_takes_tasks_later(graph):
    build = graph.dag("build", on=graph.dataset("orders"), defaults={"retries": 2, "timeout": "1h"})

    @build.task
    def extract(run):
        return [1, 2, 3]

    @build.task(retries=0, after=extract, id="load_it")
    def load(extract, run):
        return len(extract)

    check = build.add(lambda load_it: load_it, id="check")
    assert list(build.tasks) == ["extract", "load_it", "check"]
    assert load(extract(None), None) == 3 and isinstance(load, Task)
    assert (extract.retries, load.retries, load.timeout) == (2, 0, HOUR)
    assert load.needs == ("extract",) and check.needs == ("load_it",)


def test_task_and_add_are_twins(graph):
    one, other = graph.dag("one"), graph.dag("other")

    def load(run): ...

    one.task(retries=1)(load)
    other.add(load, retries=1)
    assert one.tasks["load"]._settings == other.tasks["load"]._settings
    assert one.tasks["load"]._parameters == other.tasks["load"]._parameters


def test_a_task_made_by_hand_is_added_and_one_of_another_dag_copied(graph):
    one, other = graph.dag("one", defaults={"retries": 3}), graph.dag("other")
    task = one.add(Task(lambda run: 1, id="t", timeout="1m"))
    copy = other.add(task)
    assert task is one.tasks["t"] and copy is not task and (task.dag, copy.dag) == ("one", "other")
    assert (task.retries, copy.retries, copy.timeout) == (3, 0, 60 * SECOND)
    assert one.add(task) is task


def test_repr_reads_as_it_was_written(graph):
    @graph.dag(schedule="0 2 * * *", tz="Europe/Berlin")
    def ingest(run): ...

    assert repr(ingest) == "Dag('ingest', on=rd.cron('0 2 * * *', tz='Europe/Berlin'), tasks=['ingest'])"
    assert repr(graph.dag("b", on={"a": completed("x"), "b": completed("y")})).startswith("Dag('b', on={'a': rd.comp")
    assert repr(ingest.tasks["ingest"]) == "Task('ingest', dag='ingest')"
    assert repr(graph) == "Graph('sales', dags=2, datasets=0)"


def test_a_dag_is_no_function(graph):
    @graph.dag
    def ingest(run): ...

    with pytest.raises(UsageError, match=r"write \.fn"):
        ingest(3)
    with pytest.raises(UsageError, match=r"write \.fn"):
        ingest(lambda run: 1)
    many = graph.dag("many")
    with pytest.raises(UsageError, match="0 functions"):
        _ = many.fn


def test_task_options_without_a_decorated_function_are_refused(graph):
    build = graph.dag("build", retries=2)
    with pytest.raises(UsageError, match=r"retries.*defaults="):
        build.add(lambda run: 1, id="x")
    assert not build.tasks


def test_a_dag_without_an_id_waits_for_its_function(graph):
    pending = graph.dag(on=graph.dataset("x"))
    assert not graph.dags
    with pytest.raises(UsageError, match="no id"):
        pending.add(lambda run: 1, id="t")
    with pytest.raises(UsageError, match="no id yet"):
        graph.register(pending)


@pytest.mark.parametrize("fn", [lambda run: 1, 3, Dag("x")])
def test_what_has_no_name_needs_an_id(graph, fn):
    with pytest.raises(InvalidValue):
        graph.dag(fn)
    assert not graph.dags


# ------------------------------------------------------------------------------------- again, and twice


def test_declaring_again_replaces_and_keeps_the_place_in_the_order(graph):
    def cell():
        a = graph.dag("a", on=graph.dataset("x"))
        graph.dag("b", on=completed(a))
        return a

    cell()
    a = cell()
    assert list(graph.dags) == ["a", "b"] and graph.dags["a"] is a
    assert not [p for p in graph.problems() if p.kind == "declared_twice"]


def test_a_replaced_dag_no_longer_touches_the_graph(graph):
    old = graph.dag("a", on=graph.dataset("x"))
    new = graph.dag("a", on=graph.dataset("x"))
    version = version_of(graph)
    old.add(lambda run: 1, id="t", outlets=[graph.dataset("x")])  # a cycle, were it still there
    assert version_of(graph) == version and old.graph is None and new.graph == graph.id


def test_a_task_declared_again_is_replaced_in_its_place(graph):
    build = graph.dag("build")

    def cell():
        build.add(lambda run: 1, id="a")
        build.add(lambda a: 1, id="b")

    cell()
    cell()
    assert list(build.tasks) == ["a", "b"] and plan_of(build).needs == ((), (0,))


def test_register_refuses_a_second_one(graph):
    graph.register(Dag("a"))
    with pytest.raises(DuplicateError, match=r"'a'.*test_dag\.py:\d+.*replace=True"):
        graph.register(Dag("a"))
    second = Dag("a", on=Dataset("x"))
    assert graph.register(second, replace=True) is second is graph.dags["a"]
    assert "x" in graph.datasets and graph.problems()[0].kind != "declared_twice"
    other = Graph("other")
    with pytest.raises(GraphError, match="belongs to graph 'sales'"):
        other.register(second)


# ------------------------------------------------------------------------------------------------ options


def test_options_are_parsed(graph):
    dag = graph.dag(
        "a",
        tz="Europe/Berlin",
        start="2026-11-23",
        end=datetime(2026, 12, 1, tzinfo=UTC),
        catchup=True,
        max_catchup=5,
        paused=True,
        max_active_runs=2,
        overlap="queue",
        tags="tier1",
        description="all of it",
    )
    assert dag.start == parse_time("2026-11-22T23:00Z") and dag.end == parse_time("2026-12-01T00:00Z")
    assert (dag.catchup, dag.max_catchup, dag.paused, dag.max_active_runs) == ("all", 5, True, 2)
    assert dag.tags == {"tier1"} and dag.description == "all of it" and dag.overlap == "queue"
    assert graph.dag("b", catchup=False).catchup == "one" and graph.dag("c").max_active_runs is None


def test_every_counts_from_the_start(graph):
    dag = graph.dag("a", on=every("1h") | completed("b"), start="2026-11-23T00:10Z")
    assert repr(dag.triggers[""].parts[0]) == "rd.every('1h', anchor='2026-11-23T00:10:00Z')"
    silent = graph.dag("s", on=absent(Dataset("x"), at=every("1h")), start="2026-11-23T00:10Z")
    assert silent.triggers[""].at.schedule.anchor == silent.start
    said = every("1h", anchor="2020-01-01T00:00Z")
    assert graph.dag("c", on=said, start="2026-11-23T00:10Z").triggers[""] == said


def test_params_are_a_dict_a_dataclass_or_an_attrs_class(graph):
    @attrs.define
    class A:
        day: str
        full: bool = False
        tables: list[str] = attrs.field(factory=list)

    @dataclasses.dataclass
    class B:
        day: str
        full: bool = False

    a, b, c = (graph.dag(n, params=p) for n, p in (("a", A), ("b", B), ("c", {"full": False})))
    assert a.params == {"full": False, "tables": []} and params_type_of(a) is A
    assert params_of(a).names == ("day", "full", "tables")
    assert b.params == {"full": False} == c.params and params_type_of(c) is None
    assert params_of(a).merged({"day": "x"}, "start") == {"full": False, "tables": [], "day": "x"}
    with pytest.raises(InvalidValue, match="no param 'ful'; did you mean 'full'"):
        params_of(a).merged({"ful": 1, "day": "x"}, "start")
    with pytest.raises(InvalidValue, match="'day' has no default"):
        params_of(a).merged({}, "start")


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"tz": "Europe/Berln"}, r"unknown time zone 'Europe/Berln'.*Europe/Berlin"),
        ({"schedule": "0 25 * * *"}, "hour"),
        ({"schedule": 5}, "cron text"),
        ({"start": "2026-11-23T00:00"}, "no zone"),
        ({"start": "2026-11-23", "end": "2026-11-22"}, "before start"),
        ({"catchup": "most"}, "catchup is 'most'"),
        ({"max_catchup": 0}, "max_catchup must be at least 1"),
        ({"max_active_runs": 0}, "max_active_runs must be at least 1, not 0"),
        ({"max_active_runs": True}, "whole number"),
        ({"overlap": "skip"}, "needs a limit"),
        ({"paused": 1}, "True or False"),
        ({"tags": [1]}, "texts"),
        ({"retries": -1}, "retries must be at least 0, not -1"),
        ({"retry_delay": "-5s"}, "retry_delay"),
        ({"retry_delay": 5}, "no unit"),
        ({"timeout": "0s"}, "more than zero"),
        ({"backoff": "expo"}, "backoff is 'expo'"),
        ({"trigger_rule": "all_sucess"}, "did you mean 'all_success'"),
        ({"priority": 1.5}, "whole number"),
        ({"defaults": {"retires": 2}}, "did you mean 'retries'"),
        ({"defaults": {"retries": -2}}, "retries must be at least 0"),
        ({"params": {"run": 1}}, "'run' is the run's context"),
        ({"params": {"a b": 1}}, "no name of a parameter"),
        ({"params": {"f": print}}, "cannot be kept as JSON"),
        ({"params": 3}, "dict of defaults"),
        ({"on": []}, "all_of"),
        ({"on": {}}, "no trigger"),
        ({"on": {"": Dataset("x")}}, "name of a trigger"),
        ({"on": "orders"}, r"rd\.updated\('orders'\)"),
        ({"on": Dag("up")}, r"rd\.completed\('up'\)"),
        ({"on": Dataset("x"), "schedule": "0 2 * * *", "tz": "Europe/Berlin"}, r"on=rd\.cron\('0 2 \* \* \*', tz='Eur"),
        ({"outlets": [3]}, "must be datasets"),
        ({"outlets": ["x", "x"]}, "twice"),
    ],
)
def test_R15_nonsense_is_refused_where_it_is_written(graph, options, text):
    with pytest.raises(InvalidValue, match=text) as caught:

        @graph.dag("a", **options)
        def fn(run): ...

    assert "test_dag.py:" in str(caught.value)
    assert not graph.datasets and not graph.dags


def test_R15_unknown_options_name_the_nearest(graph):
    with pytest.raises(TypeError, match="no option 'retires'; did you mean 'retries'"):
        graph.dag("a", retires=2)
    with pytest.raises(TypeError, match="no option 'deadlin'"):
        graph.dag("a", deadlin="1h")
    with pytest.raises(TypeError, match="no option 'retires'; did you mean 'retries'"):
        graph.dag("a").task(id="t", retires=2)(lambda run: 1)


@pytest.mark.parametrize("id", ["", " a", "a\n", 3, "*"])
def test_R15_ids_that_cannot_be(graph, id):
    with pytest.raises(InvalidValue):
        graph.dag(id)
    assert not graph.dags


def test_R15_a_task_cannot_need_itself_nor_have_brackets(graph):
    build = graph.dag("build")
    with pytest.raises(CycleError, match=r"build\.load -> build\.load") as caught:
        build.add(lambda load: 1, id="load")
    assert caught.value.path == ("build.load", "build.load") and not build.tasks
    with pytest.raises(CycleError):
        build.add(lambda run: 1, id="load", after="load")
    with pytest.raises(InvalidValue, match="brackets"):
        build.add(lambda run: 1, id="load[3]")


def test_R15_a_circle_of_tasks_is_refused_and_leaves_the_dag(graph):
    build = graph.dag("build")
    build.add(lambda c: 1, id="a")
    build.add(lambda a: 1, id="b")
    with pytest.raises(CycleError, match=r"build\.\w -> build\.\w -> build\.\w -> build\.\w") as caught:
        build.add(lambda b: 1, id="c")
    assert len(caught.value.path) == 4 and list(build.tasks) == ["a", "b"]
    build.add(lambda run: 1, id="c")
    assert build.tasks["a"].needs == ("c",) and plan_of(build).roots == (2,)


def test_triggers_are_labelled(graph):
    dag = graph.dag("a", on={"data": Dataset("x"), "hour": cron("0 * * * *")})
    assert dag.triggers == {"data": updated("x"), "hour": cron("0 * * * *")}
    assert graph.dag("b", on=Dataset("x")).triggers == {"": updated("x")} and graph.dag("c").triggers == {}
    assert graph.dag("d", schedule="@daily").triggers[""].schedule.after(0) == DAY


# ------------------------------------------------------------------------------------------------- joins


def test_T8_completions_with_another_leaf_need_a_key(graph):
    both = completed("a") & completed("b") & Dataset("x")
    with pytest.raises(GraphError, match=r"DAG 'c' \(.*\.py:\d+\).*\.by\("):
        graph.dag("c", on=both)
    assert "c" not in graph.dags and "x" not in graph.datasets
    graph.dag("c", on=both.by("logical_date"))
    graph.dag("d", on=both.by(None))
    graph.dag("e", on=completed("a") & Dataset("x"))


def test_T8_joins_and_origins(graph):
    graph.dag("root", schedule="@daily")
    graph.dag("a", on=completed("root"))
    graph.dag("b", on=completed("root"))
    graph.dag("merge", on=completed("a") & completed("b"))
    graph.dag("other", on=Dataset("x"))
    graph.dag("mixed", on=completed("a") & completed("other"))
    graph.dag("window", on=completed("a").batch(count=2))
    graph.dag("after", on=completed("window") | Dataset("x"))
    graph.dag("either", on=cron("@hourly") | Dataset("x"))
    assert graph.origins("merge") == {"root"} == graph.origins("root")
    assert "by cascade (all go back to 'root')" in graph.joins("merge")[""]
    assert repr(graph.effective("merge")[""]) != repr(all_of(completed("a"), completed("b")))
    assert graph.origins("mixed") == {"root", "dataset x"} and "plain order" in graph.joins("mixed")[""]
    assert graph.origins("window") == {"window"} and graph.origins("after") == {"window", "dataset x"}
    assert graph.origins("either") == {"either", "dataset x"} and graph.joins("either") == {"": ""}


# ---------------------------------------------------------------------------------------------- datasets


def test_the_same_uri_is_the_same_dataset(graph):
    orders = graph.dataset("orders", partitions=day("Europe/Berlin"), metadata={"owner": "bi"})
    assert graph.dataset("orders") is orders and graph.dataset("orders", partitions=day("Europe/Berlin")) is orders
    with pytest.raises(GraphError, match=r"'orders'.*Europe/Berlin.*UTC"):
        graph.dataset("orders", partitions=day())
    assert graph.dataset("orders", metadata={"owner": "me"}).metadata == {"owner": "me"}
    with pytest.raises(InvalidValue):
        graph.dataset("")


def test_datasets_of_triggers_and_outlets_are_taken_in(graph):
    orders = graph.dataset("orders", partitions=day())
    build = graph.dag("build", on=Dataset("orders") & Dataset("users"), outlets=["mart", "orders2"])
    assert set(graph.datasets) == {"orders", "users", "mart", "orders2"} and graph.datasets["orders"] is orders
    task = build.add(lambda run: 1, id="t", outlets=Dataset("mart"))
    assert task.outlets[0] is build.outlets[0] is graph.datasets["mart"]
    with pytest.raises(GraphError, match=r"DAG 'x'.*'orders'"):
        graph.dag("x", on=Dataset("orders", day("Asia/Tokyo")) & Dataset("new"))
    assert "new" not in graph.datasets and "x" not in graph.dags
    with pytest.raises(GraphError, match="'orders'"):
        build.add(lambda run: 1, id="u", outlets=["new", Dataset("orders", day("Asia/Tokyo"))])
    assert "new" not in graph.datasets and "u" not in build.tasks


def test_once_at_a_time(graph):
    dag = graph.dag("a", on=at("2026-11-23T00:00Z"), defaults={"retry_delay": timedelta(seconds=5)})
    assert dag.add(lambda run: 1, id="t").retry_delay == 5 * SECOND
