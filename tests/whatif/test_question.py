"""What a simulation is asked for: names, durations, sources, spans of time, interventions, and what is refused."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from pydoc import plaintext, render_doc

import pytest

import reactive_dag as rd
from reactive_dag.model.errors import GraphError, InvalidValue, UnknownId, UsageError
from reactive_dag.model.times import MINUTE, SECOND
from reactive_dag.whatif.question.durations import Durations, spread_durations
from reactive_dag.whatif.question.interventions import Fail
from reactive_dag.whatif.question.names import GivenName, GraphNames, given_name

START = "2026-11-23T00:00Z"


def nothing() -> None:
    """A body."""


def shop() -> rd.Graph:
    """Two DAGs: one of one task, one of three; `load` is a task of both a and b."""
    graph = rd.Graph("shop")
    orders, users = graph.dataset("orders"), graph.dataset("users", partitions=rd.day("Europe/Berlin"))
    graph.dag("ingest", schedule="0 2 * * *", outlets=[orders])(nothing)
    a = graph.dag("a", on=orders)
    a.add(nothing, "extract")
    a.add(nothing, "load", after=["extract"])
    b = graph.dag("b", on=users)
    b.add(nothing, "load")
    b.add(nothing, "check.it", after=["load"])
    return graph


def play(graph: rd.Graph, **asked: object) -> rd.Simulation:
    options: dict[str, object] = {"start": START, "until": "1d", "default_duration": "10m"}
    return rd.simulate(graph, **(options | asked))  # type: ignore[arg-type]


def taken(course: rd.Simulation) -> dict[str, str]:
    """How long each task of the first run of its DAG took."""
    return {f"{row.dag}.{row.task}": str(row.end - row.start) for row in course.timeline() if row.end is not None}


# ------------------------------------------------------------------------------------------------- names


def test_names_mean_one_thing() -> None:
    graph = shop()
    names = GraphNames(graph)
    load = graph.dags["a"].tasks["load"]
    assert names.task(given_name(load, "x"), "x") == ("a", "load")
    assert names.task(GivenName("any", "a.load"), "x") == ("a", "load")
    assert names.task(GivenName("any", "b.check.it"), "x") == ("b", "check.it")
    assert names.task(GivenName("any", "extract"), "x") == ("a", "extract")
    assert names.dag(given_name(graph.dags["a"], "x")) == "a"
    assert names.dataset(given_name(graph.datasets["orders"], "x")) == "orders"
    assert names.tasks(GivenName("any", "a"), "x") == [("a", "extract"), ("a", "load")]
    assert names.only_task(GivenName("any", "ingest"), "x") == ("ingest", "nothing")


def test_names_that_several_have_are_refused() -> None:
    with pytest.raises(InvalidValue, match=r"a\.load, b\.load are all called 'load'; write 'dag\.task'"):
        GraphNames(shop()).task(GivenName("any", "load"), "rd.delay()")


def test_names_that_mean_nothing_are_refused_with_the_nearest() -> None:
    with pytest.raises(UnknownId, match=r"rd\.delay\(\): graph 'shop' has no DAG, task or dataset 'ingset'.*'ingest'"):
        play(shop()).what_if(rd.delay("ingset", "1h"))


def test_names_prefer_a_dag_to_a_task_and_a_dataset_of_the_same_id() -> None:
    graph = rd.Graph("same")
    made = graph.dataset("x")
    graph.dag("x", schedule="0 1 * * *", outlets=[made])(nothing)
    late = play(graph).what_if(rd.delay("x", "1h"))
    assert f"{late.runs[0].started:%H:%M}" == "02:00"


@pytest.mark.parametrize("given", [3, None, "", ["a"]])
def test_names_are_ids_or_objects(given: object) -> None:
    with pytest.raises(InvalidValue, match="takes a DAG, a task, a dataset"):
        rd.delay(given, "1h")  # type: ignore[arg-type]


# --------------------------------------------------------------------------------------------- durations


def test_durations_the_most_exact_name_counts() -> None:
    graph = shop()
    course = play(
        graph,
        sources={"users": rd.cron("0 1 * * *")},
        durations={"a": "3m", "a.load": "20m", graph.dags["ingest"]: timedelta(minutes=1), "check.it": "0"},
    )
    assert taken(course) == {
        "ingest.nothing": "0:01:00", "a.extract": "0:03:00", "a.load": "0:20:00", "b.load": "0:10:00",
        "b.check.it": "0:00:00",
    }  # fmt: skip


def test_durations_may_be_functions_of_the_tasks_name() -> None:
    asked: list[str] = []

    def by_name(task: str) -> str:
        asked.append(task)
        return f"{len(task)}m"

    course = play(shop(), durations={"a": by_name}, default_duration="1m")
    assert asked == ["a.extract", "a.load"]
    assert taken(course)["a.extract"] == "0:09:00"
    both = play(shop(), durations=by_name, default_duration=None)
    assert taken(both)["ingest.nothing"] == "0:14:00"


def test_durations_spread_by_a_hash_of_the_name() -> None:
    spread = spread_durations("1m", "5m")
    spans = {spread(f"dag.task{n}") for n in range(500)}
    assert spread("dag.task1") == spread("dag.task1") == spread_durations("1m", "5m")("dag.task1")
    found = [Durations.of(spread, None).default.of(f"dag.task{n}") for n in range(500)]  # type: ignore[union-attr]
    assert min(found) >= MINUTE and max(found) <= 5 * MINUTE and not any(each % SECOND for each in found)
    assert len(spans) > 150
    assert spread_durations("7s", "7s")("x") == "7s"
    with pytest.raises(InvalidValue, match="low is above high"):
        spread_durations("5m", "1m")


def test_durations_a_task_without_one_is_an_error_that_names_the_first_ten() -> None:
    graph = rd.Graph("many")
    dag = graph.dag("d", schedule="0 1 * * *")
    for n in range(12):
        dag.add(nothing, f"t{n}")
    with pytest.raises(InvalidValue, match=r"11 tasks have no duration: d\.t0, .*d\.t10 and 1 more; give durations="):
        play(graph, default_duration=None, durations={"d.t3": "1m"})
    with pytest.raises(InvalidValue, match=r"1 task has no duration: d\.t0; give"):
        play(graph, default_duration=None, durations={f"t{n}": "1m" for n in range(1, 12)})


def test_durations_waits_need_none() -> None:
    graph = shop()
    graph.dags["b"].wait_for("a", match="latest", timeout="1h")
    durations = {"ingest": "1m", "a": "1m", "b": "1m"}
    assert play(graph, durations=durations, default_duration=None).runs


@pytest.mark.parametrize(
    ("asked", "error", "said"),
    [
        ({"durations": {"a": 5}}, InvalidValue, "has no unit"),
        ({"durations": {"a": "-5m"}}, InvalidValue, "zero or more"),
        ({"durations": {"nobody": "5m"}}, UnknownId, "durations=: graph 'shop' has no DAG, task or dataset 'nobody'"),
        ({"durations": ["a"]}, InvalidValue, "give a dict"),
        ({"default_duration": 3.5}, InvalidValue, "has no unit"),
        ({"start": "2026-11-23T00:00"}, InvalidValue, "start '2026-11-23T00:00' has no zone"),
        ({"until": "2026-11-22T00:00Z"}, InvalidValue, "does not come after start"),
        ({"until": "0s"}, InvalidValue, "more than zero"),
        ({"until": "soon"}, InvalidValue, "until 'soon' is no duration"),
        ({"seed": 1.5}, InvalidValue, "seed must be a whole number, not 1.5"),
        ({"seed": True}, InvalidValue, "seed must be a whole number, not True"),
        ({"sources": {"user": rd.every("1h")}}, InvalidValue, "no dataset 'user'; did you mean 'users'"),
        ({"sources": {"users": "0 1 * * *"}}, InvalidValue, r"give rd.cron\(...\)"),
        ({"sources": {"users": rd.updated("orders")}}, InvalidValue, "is published on the clock"),
        ({"sources": {"users": rd.every("1h") | rd.updated("orders")}}, InvalidValue, "is published on the clock"),
    ],
)
def test_what_cannot_be_meant_is_refused(asked: dict[str, object], error: type[Exception], said: str) -> None:
    with pytest.raises(error, match=said):
        play(shop(), **asked)


@pytest.mark.parametrize(
    ("start", "until"),
    [
        ("2026-11-23T00:00Z", "1d"),
        ("2026-11-23T01:00+01:00", timedelta(days=1)),
        (datetime(2026, 11, 23, tzinfo=UTC), "2026-11-24T00:00Z"),
        (date(2026, 11, 23), date(2026, 11, 24)),
        ("2026-11-23", "2026-11-24"),
    ],
)
def test_start_and_until_are_times_or_a_time_and_a_span(start: object, until: object) -> None:
    assert repr(play(shop(), start=start, until=until)).endswith(
        "'base' 2026-11-23T00:00:00Z to 2026-11-24T00:00:00Z, 2 runs (one pass)>"
    )


def test_a_graph_that_is_not_right_is_refused() -> None:
    graph = rd.Graph("wrong")
    graph.dag("a", on=rd.completed("nobody")).add(nothing, "t")
    with pytest.raises(GraphError, match="nobody"):
        play(graph)


# ------------------------------------------------------------------------------------------ graphs from JSON


def is_big(event: rd.Event) -> bool:
    """A filter that can be imported by its name."""
    return True


def test_G5_a_loaded_graph_needs_no_bodies(tmp_path: Path) -> None:
    graph = rd.Graph("loaded")
    orders = graph.dataset("orders")
    graph.dag("a", on=rd.updated(orders).where(is_big)).add(lambda: None, "t")
    graph.save(tmp_path / "graph.json")
    loaded = rd.Graph.load(tmp_path / "graph.json")
    course = play(loaded, sources={"orders": rd.cron("0 1 * * *")})
    assert [run.state for run in course.runs] == ["success"]
    assert loaded.dags["a"].tasks["t"]._ref is not None, "the body is still a reference"


def test_G5_triggers_must_be_bound(tmp_path: Path) -> None:
    graph = rd.Graph("loaded")
    orders = graph.dataset("orders")
    graph.dag("a", on=rd.updated(orders).where(lambda event: True)).add(nothing, "t")
    graph.dag("b", on=rd.updated(orders).map(lambda event: 1)).add(nothing, "t")
    graph.save(tmp_path / "graph.json")
    with pytest.raises(GraphError, match=r"(?s)2 functions cannot be found.*DAG 'a'.*DAG 'b'"):
        play(rd.Graph.load(tmp_path / "graph.json"), sources={"orders": rd.cron("0 1 * * *")})


# ----------------------------------------------------------------------------------------- interventions


def test_interventions_are_frozen_values() -> None:
    assert rd.delay("a", "2h") == rd.delay("a", timedelta(hours=2)) != rd.delay("a", "1h")
    assert len({rd.fail("a"), rd.fail("a", p=1.0), rd.duration("a", "1m"), rd.duration("a", "60s")}) == 2
    assert repr(rd.fail("a.load", p=0.25)) == "rd.fail('a.load', p=0.25)"
    assert repr(rd.duration("a.load", "90s")) == "rd.duration('a.load', '1m30s')"
    assert eval(repr(rd.delay("a", "2h")), {"rd": rd}) == rd.delay("a", "2h")
    with pytest.raises(AttributeError):
        rd.fail("a").p = 0.5  # type: ignore[misc]


@pytest.mark.parametrize("p", [-0.1, 1.1, True, "half", float("nan")])
def test_interventions_a_chance_is_from_0_to_1(p: object) -> None:
    with pytest.raises(InvalidValue, match="p is a chance from 0 to 1"):
        Fail(GivenName("any", "a"), p)  # type: ignore[arg-type]


def test_interventions_something_else_is_refused() -> None:
    with pytest.raises(InvalidValue, match=r"what_if\(\) takes interventions such as"):
        play(shop()).what_if("delay")  # type: ignore[arg-type]


def test_interventions_a_dag_of_several_tasks_cannot_fail_as_one() -> None:
    with pytest.raises(InvalidValue, match=r"rd\.fail\(\): DAG 'a' has 2 tasks \(a\.extract, a\.load\); name one"):
        play(shop()).what_if(rd.fail("a"))


def test_interventions_a_dataset_that_nobody_outside_publishes_cannot_come_later() -> None:
    with pytest.raises(InvalidValue, match=r"nothing outside publishes dataset 'orders'.*delay the DAG.*: ingest"):
        play(shop()).what_if(rd.delay(rd.Dataset("orders"), "1h"))
    with pytest.raises(InvalidValue, match="give it one in sources="):
        play(shop()).what_if(rd.delay("users", "1h"))


@pytest.mark.parametrize("make", ["rd.delay('a', '1h')", "rd.duration('a', '1h')", "rd.fail('a')"])
def test_interventions_inside_a_body_raise(make: str) -> None:
    graph = rd.Graph("body")

    @graph.dag
    def a(run: object) -> None:
        eval(make, {"rd": rd})

    with rd.Engine(graph, clock=rd.VirtualClock(START)) as engine:
        run = engine.start("a")
        engine.run_until_idle()
        error = run.tasks["a"].error
    assert error is not None
    assert error.startswith(f"UsageError: {make[: make.index('(')]}() inside the body of a.a changes nothing")
    eval(make, {"rd": rd})


def test_interventions_inside_a_coroutine_raise() -> None:
    graph = rd.Graph("body")

    @graph.dag
    async def a(run: object) -> None:
        rd.delay("a", "1h")

    with rd.Engine(graph, clock=rd.VirtualClock(START)) as engine:
        run = engine.start("a").wait("30s")
        assert "UsageError: rd.delay() inside the body of a.a" in str(run.tasks["a"].error)


def test_interventions_usage_error_is_of_the_family() -> None:
    assert issubclass(UsageError, rd.ReactiveDagError)


# ------------------------------------------------------------------------------------------ public names


def test_help_shows_simulate_as_a_function_after_its_wing_was_loaded() -> None:
    assert isinstance(play(shop()), rd.Simulation)
    text = render_doc(rd.simulate, renderer=plaintext)
    assert text.splitlines()[2].startswith("simulate(graph: ")
    assert "Play a graph in virtual time, with durations instead of bodies." in text


def test_completion_offers_the_public_names_alone() -> None:
    names = dir(rd)
    assert {"simulate", "Simulation", "delay", "duration", "fail"} <= set(names)
    assert not {"whatif", "course", "register_pictures"} & set(names)


def test_what_is_kept_of_a_graph_goes_with_its_version() -> None:
    graph = rd.Graph("one")
    dag = graph.dag("a", schedule="0 2 * * *")
    dag.add(nothing, "one")

    def ends() -> list[str]:
        found = rd.simulate(graph, start="2026-11-23T00:00Z", until="1d", default_duration="10m")
        return [f"{run.ended:%H:%M}" for run in found.runs]

    assert ends() == ends() == ["02:10"]
    dag.add(nothing, "two", after=["one"])
    assert ends() == ["02:20"]


def test_a_function_for_durations_is_asked_each_time() -> None:
    graph = rd.Graph("one")
    graph.dag("a", schedule="0 2 * * *").add(nothing, "one")
    durations = iter(["10m", "20m"])
    found = [
        rd.simulate(graph, start="2026-11-23T00:00Z", until="1d", durations=ask).runs[0].ended
        for ask in [lambda task: next(durations)] * 2
    ]
    assert [f"{ended:%H:%M}" for ended in found] == ["02:10", "02:20"]


@pytest.mark.parametrize("given", [3, b"1", float("nan"), object()])
def test_R15_what_is_of_no_such_kind_is_refused_by_name(given: object) -> None:
    graph = rd.Graph("one")
    graph.dag("a", schedule="0 2 * * *").add(nothing, "one")
    asked: dict[str, object] = {"start": "2026-11-23T00:00Z", "until": "1d", "default_duration": "10m"}
    base = rd.simulate(graph, **asked)  # type: ignore[arg-type]
    for ask in (
        lambda: rd.simulate(graph, **asked, sources=given),  # type: ignore[arg-type]
        lambda: base.what_if(name=given),  # type: ignore[arg-type]
        lambda: base.compare(given),  # type: ignore[arg-type]
        lambda: rd.empirical(given),  # type: ignore[arg-type]
        lambda: next(base.futures_so_far(10**12)),
    ):
        with pytest.raises(InvalidValue):
            ask()
